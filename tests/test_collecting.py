"""Does a mailbox that holds more than anybody foresaw stop its desk?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
from evidence import rows
from indoors import indoors

from mailgate.errors import TemporaryError
from mailgate.gateway import collecting
from mailgate.intake.cursor import Folder
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
