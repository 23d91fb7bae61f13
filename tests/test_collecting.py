"""Does a mailbox that holds more than anybody foresaw stop its desk?"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, timedelta
from itertools import count
from typing import cast

import pytest
from city import MONDAY, RINA
from evidence import rows
from indoors import Here, indoors
from sqlalchemy import text

from mailgate.desk import decide
from mailgate.errors import TemporaryError
from mailgate.gateway import collecting, mirroring
from mailgate.gateway.thinking import think
from mailgate.intake.cursor import Folder, Listed
from mailgate.intake.imap import Mailbox
from mailgate.message import parse
from mailgate.message.message import Message, Unreadable
from mailgate.store import mails


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

    def withheld(self) -> None:
        """It gives all."""


def test_who_is_to_stop_does_not_take_in_the_whole_of_a_rebuilt_folder_first() -> None:
    with indoors() as city, city.store() as store:
        city.tables["limits"] = {"batch_mails": 1}
        raws = {number: city.mail(text=f"Jaringan {number} mati.\n") for number in range(1, 5)}
        server = Rebuilt(9)

        def collect(stop_at: int) -> None:
            mailbox, clock = cast("Mailbox", server), lambda: city.now.astimezone(UTC)
            office, asked = city.office(), count(1)
            collecting.collect(
                office, store, mailbox, Here(), "kominfo", clock, lambda: next(asked) == stop_at
            )

        collect(0)
        server.folder, server.mails = Folder(2, 5), raws
        collect(3)
        assert [row.state for row in rows(city, "SELECT state FROM mail ORDER BY id")] == ["kept", "kept"]
        collect(0)
        assert [row.state for row in rows(city, "SELECT state FROM mail ORDER BY id")] == ["decided"] * 4


def test_who_is_to_stop_does_not_think_of_a_hundred_thousand_mails_first() -> None:
    """Nor is a service that is busy with them taken for one that hangs: who asks gives a sign of life."""
    with indoors() as city, city.store() as store:
        city.tables["limits"] = {"batch_mails": 2}
        for number in range(5):
            city.receive(city.mail(text=f"Jaringan {number} mati.\n"))
        office, asked = city.office(), count(1)
        counter, clock = office.counters["kominfo"], lambda: city.now.astimezone(UTC)
        assert think(office, store, Here(), counter, clock, lambda: next(asked) == 2) == 4
        assert think(office, store, Here(), counter, clock, lambda: False) == 1


def test_who_is_to_stop_does_not_move_a_hundred_thousand_mails_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "UIDS_AT_ONCE", 1)
    with indoors() as city, city.store() as store:
        for number in range(3):
            city.receive(city.mail(text=f"Jaringan {number} mati.\n"))
        city.run()
        counter, server = city.office().counters["kominfo"], Moving(9)
        collecting._acknowledge(store, cast("Mailbox", server), counter, lambda: city.now, lambda: True)
        assert server.moved == [1]


# --- what was set aside, told and shown --------------------------------------------------------------------


def test_what_another_instance_set_aside_a_moment_ago_by_its_slower_clock_is_told() -> None:
    """Or at the end of a long transaction, which others see when it is over."""
    with indoors() as city, city.store() as store:

        def set_aside(after: timedelta) -> None:
            city.receive(city.mail(text=f"Jaringan mati {after}.\n"))
            with store.writing() as write:
                mail_id = write.scalar(text("SELECT MAX(id) FROM mail"))
                mails.set_aside(write, mail_id, "uji", city.now.astimezone(UTC) + after)

        set_aside(timedelta(seconds=-60))
        city.run()
        told = len(city.sent())
        set_aside(timedelta(seconds=-30))
        for _ in range(3):
            city.now += timedelta(minutes=61)
            city.run()
        assert len(city.sent()) == 2 * told > 0


@dataclass
class SetAside:
    """The set-aside folder of a server."""

    mails: dict[int, bytes]
    moved: list[int] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)

    @contextmanager
    def visiting(self, _: str, *, readonly: bool) -> Iterator[Folder]:
        assert not readonly
        yield Folder(1, 99)

    def uids_of_size(self, octets: int) -> list[int]:
        return [uid for uid, raw in self.mails.items() if len(raw) == octets]

    def bodies(self, uids: Sequence[int]) -> dict[int, bytes]:
        (uid,) = uids  # each may be as large as a mail can be
        self.fetched.append(uid)
        return {uid: self.mails[uid]}

    def header(self, uid: int, most: int) -> bytes:
        return self.mails[uid].partition(b"\r\n\r\n")[0][:most] + b"\r\n\r\n"

    def move(self, uids: Sequence[int], *, aside: bool) -> None:
        assert not aside
        self.moved += uids


def test_a_thousand_poisoned_mails_of_one_size_are_looked_through_one_by_one_and_once() -> None:
    with indoors() as city, city.store() as store:
        raws = [
            city.mail(text=f"Jaringan {number} mati.\n", message_id=f"<{number}@x>") for number in range(5)
        ]
        for raw in raws:
            city.receive(raw)
        with store.writing() as write:
            write.execute(text("UPDATE mail SET state = 'dropped', mirrored = TRUE WHERE id <> 2"))
        server = SetAside(dict(enumerate(raws, start=11)))
        mirroring.follow(store, cast("Mailbox", server), city.office().counters["kominfo"])
        assert sorted(server.moved) == [11, 13, 14, 15]
        assert server.fetched == [11, 12, 13, 14, 15]


def test_a_mail_that_is_too_large_leaves_the_folder_when_it_is_dropped_and_not_when_it_is_decided() -> None:
    with indoors() as city, city.store() as store:
        raws = [city.mail(text="x" * 99, subject=f"besar {number}") for number in range(2)]
        for raw in raws:
            city.receive(raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        with store.writing() as write:
            wanted = "UPDATE mail SET oversize = TRUE, mirrored = TRUE, size = :size, state = :state"
            for mail_id, state in ((1, "dropped"), (2, "decided")):
                write.execute(
                    text(f"{wanted} WHERE id = :id"), {"size": len(raws[0]), "state": state, "id": mail_id}
                )
        server = SetAside({11: raws[0], 12: raws[1]})
        mirroring.follow(store, cast("Mailbox", server), city.office().counters["kominfo"])
        assert (server.moved, server.fetched) == ([11], [])


def test_an_admin_sees_whose_mail_it_is_that_could_be_read_and_not_be_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError

    with indoors() as city:
        city.receive(city.mail(subject="Jaringan mati"))
        with monkeypatch.context() as patched:
            patched.setattr(decide, "decide", fault)
            city.run()
        (found,) = rows(city, "SELECT state, author, subject FROM mail")
        assert (found.state, found.subject) == ("aside", "Jaringan mati")
        assert RINA in found.author


def test_who_writes_what_no_database_takes_is_set_aside_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(raw: bytes) -> Message | Unreadable:
        found = parse.read(raw)
        return replace(found, subject="\ud800") if isinstance(found, Message) else found

    with indoors() as city:
        city.receive(city.mail(subject="Jaringan mati"))
        monkeypatch.setattr(Here, "read_all", lambda _, raws: map(read, raws))
        city.run()
        (found,) = rows(city, "SELECT state, author, reason FROM mail")
        assert (found.state, found.author) == ("aside", None)
        assert found.reason.startswith("deciding failed: UnicodeEncodeError")
