"""Does a mailbox that holds more than anybody foresaw stop its desk?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date
from itertools import count
from typing import cast

import pytest
from city import MONDAY
from evidence import rows
from indoors import Here, indoors

from mailgate.errors import TemporaryError
from mailgate.gateway import collecting
from mailgate.intake.cursor import Folder, Listed
from mailgate.intake.imap import Mailbox


@dataclass
class Moving:
    """A mailbox that breaks off in the middle."""

    moves: int
    """So many go well."""
    folder: Folder = field(default_factory=lambda: Folder(1, 1))
    moved: list[int] = field(default_factory=list)

    def move(self, uids: Sequence[int], *, aside: bool) -> None:
        assert len(uids) <= collecting.UIDS_AT_ONCE
        if not self.moves:
            raise TemporaryError("connection lost")
        self.moves -= 1
        self.moved += uids


def test_a_folder_rebuilt_with_a_hundred_thousand_mails_is_moved_bit_by_bit_and_each_bit_is_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collecting, "UIDS_AT_ONCE", 2)
    with indoors() as city, city.store() as store:
        for number in range(5):
            city.receive(city.mail(text=f"Jaringan {number} mati.\n"))
        city.run()
        counter, server = city.office().counters["kominfo"], Moving(2)
        with pytest.raises(TemporaryError):
            collecting._acknowledge(store, cast("Mailbox", server), counter, lambda: city.now)
        known = rows(city, "SELECT uid FROM mail WHERE acknowledged_at IS NOT NULL ORDER BY uid")
        assert [row.uid for row in known] == server.moved == [1, 2, 3, 4]
        server.moves = 1
        collecting._acknowledge(store, cast("Mailbox", server), counter, lambda: city.now)
        assert server.moved == [1, 2, 3, 4, 5]


@dataclass
class Rebuilt(Moving):
    """A folder whose server gives its UIDs anew."""

    mails: dict[int, bytes] = field(default_factory=dict)

    def uids(self, first_uid: int, since: date | None) -> list[int]:
        return [uid for uid in self.mails if uid >= first_uid]

    def listed(self, uids: Sequence[int]) -> list[Listed]:
        return [Listed(uid, len(self.mails[uid]), MONDAY.astimezone(UTC)) for uid in uids]

    def bodies(self, uids: Sequence[int]) -> dict[int, bytes]:
        return {uid: self.mails[uid] for uid in uids}


def test_who_is_to_stop_does_not_take_in_the_whole_of_a_rebuilt_folder_first() -> None:
    with indoors() as city, city.store() as store:
        city.tables["limits"] = {"batch_mails": 1}
        mails = {number: city.mail(text=f"Jaringan {number} mati.\n") for number in range(1, 5)}
        server = Rebuilt(9)

        def collect(stop_at: int) -> None:
            mailbox, clock = cast("Mailbox", server), lambda: city.now.astimezone(UTC)
            office, asked = city.office(), count(1)
            collecting.collect(
                office, store, mailbox, Here(), "kominfo", clock, lambda: next(asked) == stop_at
            )

        collect(0)
        server.folder, server.mails = Folder(2, 5), mails
        collect(3)
        assert [row.state for row in rows(city, "SELECT state FROM mail ORDER BY id")] == ["kept", "kept"]
        collect(0)
        assert [row.state for row in rows(city, "SELECT state FROM mail ORDER BY id")] == ["decided"] * 4
