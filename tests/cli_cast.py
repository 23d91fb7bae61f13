"""What does an admin's shell have before it when the tests of the command line begin?"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from city import City, tables
from desk_cast import ticket
from servers.dovecot import Dovecot
from servers.sink import Sink
from store_cast import keep

from mailgate.desk.decision import AddEvent, AddMessage, Decision, Handling, MessageKind
from mailgate.desk.ticket import Status
from mailgate.message.ids import Index
from mailgate.message.message import Address, Attachment
from mailgate.outbox.retry import Answer, Lost, Stage, judge
from mailgate.store import blocks, confirmations, mails, outbox, tickets
from mailgate.store.database import Store, upgrade
from mailgate.store.mails import Arrival
from mailgate.store.outbox import Composed

Cli = Callable[..., tuple[int, str, str]]
"""Exit status, stdout, stderr of a command: what the fixture `run` gives."""
NOW = datetime(2026, 8, 3, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
# Red letters, a cleared screen in C1, a terminal's title, a name written backwards.
HOSTILE = "\x1b[31mMerah\x9b2J\x1b]0;judul\x07 \u202efdp.exe\u202c"
ADMIN = "admin.dengan.nama.yang.panjang@pyk.example.go.id"
OPENED, ASIDE, HEADER_ONLY = 1, 2, 3
"""Ids of the mails that came in."""
SPAMMER = "Iklan\x1b[2J.dengan.nama.yang.panjang.sekali@iklan.example.com"


@dataclass
class Nobody:
    """In the place of a server that no test here speaks to."""

    host: str = "127.0.0.1"
    port: int = 9
    password: str = "rahasia"


def office(base: Path, database: str | None = None) -> City:
    """Settings that are right; nobody answers at their servers."""
    url = database or f"sqlite:///{base / 'mailgate.db'}"
    nobody = Nobody()
    users = {"kominfo": "kominfo", "lpse": "lpse"}
    written = tables(base, url)
    only_levels_with_staff(written)
    write_holidays(base)
    return City(base, written, cast("Dovecot", nobody), cast("Sink", nobody), users)


def only_levels_with_staff(written: dict[str, Any]) -> None:
    """The city's second desk has an admin only: without levels that nobody works at, `check` is content."""
    del written["desks"]["lpse"]["levels"][1:]


def write_holidays(base: Path) -> None:
    """For the year of the cast and up to the next one: `check` looks at the real calendar, east of UTC."""
    year = datetime.now(UTC).year
    days = "".join(f'{one}-08-17 = "Hari Kemerdekaan"\n' for one in range(2026, year + 3))
    (base / "holidays.toml").write_text(f"[public]\n{days}")


def fill(url: str) -> None:
    """Four tickets, three mails in, five mails out in every state; hostile words wherever mail puts words."""
    store = Store(url)
    upgrade(store)
    keep(
        store,
        ticket(
            subject=f"{HOSTILE} jaringan di lantai dua mati total sejak kemarin sore",
            requester_name=HOSTILE,
            status=Status.OPEN,
            holder=ADMIN,
            due_at=NOW - DAY,
            received_at=NOW - 2 * DAY,
            channel="walk_in",
            started=True,
            notified_at=NOW - DAY,
            notified_by="told",
            form=True,
            requester_phone=f"0812 {HOSTILE}",
            requester_organisation=f"SDN 05 {HOSTILE}",
            requester_street=f"Jalan Sudirman 5\n{HOSTILE}",
            participants=(Address(HOSTILE, "budi@disdik.example.go.id"),),
            proposed=Address(HOSTILE, "warga@mail.example"),
            external_number=f"LKPP-77 {HOSTILE}",
            survey=3,
            stranger_of="KOM-2026-000002",
        ),
        ticket("KOM-2026-000002", status=Status.CLOSED, resolved_at=NOW - DAY, closed_at=NOW),
        ticket("KOM-2026-000003", merged_into="KOM-2026-000001", due_at=NOW + 36500 * DAY),
        ticket("LPSE-2026-000001", desk="lpse", status=Status.RESOLVED, resolved_at=NOW, due_at=NOW - DAY),
    )
    _receive(store)
    _send(store)
    _silence(store)
    store.close()


def _receive(store: Store) -> None:
    raw = f"From: {HOSTILE} <x@example.com>\r\nSubject: {HOSTILE}\r\n\r\nIsi.\r\n".encode()
    with store.writing() as write:
        mails.keep(
            write,
            mails.Place("kominfo", "INBOX", 7),
            [
                Arrival(1, NOW, 90, raw, Index("opened@client.example", (), "a" * 64), oversize=False),
                Arrival(2, NOW, 90, raw, Index("aside@client.example", (), "b" * 64), oversize=False),
                Arrival(3, NOW, 99_000_000, raw, Index("big@example.com", (), "c" * 64), oversize=True),
            ],
            NOW,
        )
        author = Address(HOSTILE, "rina@disdik.example.go.id")
        opened = Decision(Handling.OPENED, f"a new matter {HOSTILE}", "KOM-2026-000001")
        mails.decided(write, OPENED, opened, author, HOSTILE, NOW)
        file = Attachment(f"{HOSTILE}.pdf", "application/pdf", 12, b"")
        tickets.add_message(
            write,
            AddMessage(
                "KOM-2026-000001",
                True,
                MessageKind.REQUEST,
                author,
                HOSTILE,
                f"Baris satu\nBaris dua {HOSTILE}",
                (file,),
            ),
            OPENED,
            "opened@client.example",
            NOW,
        )
        event = AddEvent("KOM-2026-000001", author.address, "opened", f"new {HOSTILE}")
        tickets.add_events(write, [event], OPENED, "opened@client.example", NOW)
        mails.set_aside(write, ASIDE, f"reading failed: {HOSTILE}", NOW)
        mails.set_aside(write, HEADER_ONLY, f"reading failed: {HOSTILE}", NOW)
        mails.describe(write, HEADER_ONLY, f"{HOSTILE} <big@example.com>", HOSTILE)


def _silence(store: Store) -> None:
    """One sender at both desks, another at one."""
    with store.writing() as write:
        blocks.add(write, "kominfo", SPAMMER, "KOM-2026-000002", ADMIN, NOW - DAY)
        for desk, number in (("kominfo", "KOM-2026-000003"), ("lpse", "LPSE-2026-000001")):
            blocks.add(write, desk, "Promo@Example.com", number, ADMIN, NOW)


def ask(url: str, asked_at: datetime, settled_at: datetime | None = None, *, yes: bool = False) -> None:
    """Whether the mail that opened the ticket is the admin's; answered, where it was."""
    store = Store(url)
    with store.writing() as write:
        confirmations.ask(write, "kominfo", OPENED, ADMIN, asked_at)
        if settled_at is not None:
            confirmations.settle(write, OPENED, settled_at, confirmed=yes)
    store.close()


def _send(store: Store) -> None:
    outcomes: dict[str, Any] = {
        "sent": Answer(Stage.DATA, 250, "ok"),
        "deferred": Answer(Stage.RCPT, 450, f"grey {HOSTILE}"),
        "failed": Answer(Stage.RCPT, 550, f"no such user {HOSTILE}"),
        "uncertain": Lost(Stage.DATA, "connection lost"),
        "ready": None,
    }
    with store.writing() as write:
        outbox.add(write, [_mail(name) for name in outcomes], NOW)
        for one in outbox.claim(write, "kominfo", "test", NOW, len(outcomes) - 1):
            outbox.settle(write, one.seq, judge(outcomes[one.token.partition("-")[0]], one.tried, NOW), NOW)


def _mail(name: str) -> Composed:
    token = f"{name}-".ljust(26, "x")
    return Composed(
        token=token,
        desk="kominfo",
        number="KOM-2026-000001",
        mail_id=OPENED,
        template="notification",
        audience="staff",
        automatic=True,
        recipient=f"{name}.dengan.nama.yang.panjang.sekali@pyk.example.go.id",
        person_key=name,
        message_id=f"{token}@pyk.example.go.id",
        raw=b"",
    )
