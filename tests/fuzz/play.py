"""What does mailgate make of a session of mails, and does it keep within its bounds?"""

import logging
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest import mock

import indoors as inside
from city import address, body, furnish
from indoors import Indoors, indoors
from sqlalchemy import select

from fuzz.letters import CITED, QUOTED, REF, REFERENCES, SUBJECT, TO, Session, Step
from mailgate.gateway import recording
from mailgate.message.parse import read
from mailgate.message.wire import is_international, on_the_wire, same_mailbox
from mailgate.store.schema import mail, outbox

MOST_OUT = 15
"""Mails that follow from one mail: the desk's whole staff, ten participants and a receipt are fewer."""
MOST_OCTETS = 60_000
"""Of a mail of ours, beside what the mails that came in are large."""
MOST_SECONDS = 5.0
"""CPU time for reading one mail: the worker's default."""
LONGEST_LINE = 998  # RFC 5322, section 2.1.1
ONCE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version")
KNOWN = {
    *ONCE, "In-Reply-To", "References", "Auto-Submitted", "X-Auto-Response-Suppress", "Content-Type",
    "Content-Transfer-Encoding", "Reply-To", "Content-Language", "Importance", "X-Priority",
}  # fmt: skip
ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]\\\x00-\x20\x7f]+@[^\s<>,;:\"()\\\x00-\x20\x7f@]+")


def play(session: Session, seed: int = 0) -> list[str]:
    """Everything that went wrong; nothing when all is well."""
    with indoors() as city, _noticing() as complaints, _same_ids(seed), _timed_reading() as slow:
        furnish(city.tables["desks"])
        wrong: list[str] = []
        octets_in = 0
        for number, step in enumerate(session):
            raw = _filled(step, city)
            octets_in += len(raw)
            city.receive(raw, step.desk)
            try:
                city.run()
            except Exception as error:
                return [f"mail {number}: {type(error).__name__}: {error}", *complaints, *slow]
            city.now += timedelta(minutes=7)
        rows = _rows(city)
        wrong += [*complaints, *slow, *_undecided(rows["mail"]), *_unheard(session, rows)]
        return wrong + _out_of_bounds(rows["outbox"], octets_in)


def _filled(step: Step, city: Indoors) -> bytes:
    """The mail with facts in the place of its marks."""
    if b"@@" not in step.raw:
        return step.raw
    staff = {one["address"] for desk in city.tables["desks"].values() for one in desk["staff"]}
    sent = [one for one in city.sent() if not step.to_staff or address(str(one["To"])) in staff]
    about = sent[step.cites % len(sent)] if sent else EmailMessage()
    text = body(about) if sent else ""
    facts = {
        CITED: str(about["Message-ID"] or ""),
        REFERENCES: str(about["References"] or ""),
        TO: str(about["To"] or "siapa@rumah.example"),
        SUBJECT: str(about["Subject"] or ""),
        REF: str(about["Message-ID"] or "").strip("<>").partition("@")[0],
        QUOTED: "".join(f"> {line}\r\n" for line in text.splitlines()),
    }
    raw = step.raw
    for mark, fact in facts.items():
        raw = raw.replace(mark.encode(), fact.encode("utf-8", "surrogateescape"))
    return raw


def _rows(city: Indoors) -> dict[str, Sequence[Any]]:
    with city.store() as store, store.reading() as look:
        return {
            "mail": look.execute(select(mail).order_by(mail.c.id)).all(),
            "outbox": look.execute(select(outbox).order_by(outbox.c.seq)).all(),
        }


# --- what must hold ---------------------------------------------------------------------------------------


def _undecided(rows: Sequence[Any]) -> list[str]:
    return [
        f"mail {row.id}: {row.state}: {row.reason}"
        for row in rows
        if row.state == "kept"
        or (row.state == "aside" and str(row.reason).startswith(("deciding", "reading failed")))
    ]


def _unheard(session: Session, rows: dict[str, Sequence[Any]]) -> list[str]:
    """Who of the staff orders something hears of it: a receipt, a question, a list.

    Not so whoever proves nothing after a question was asked: a forger must not make us ask without end.
    """
    answered = {row.mail_id for row in rows["outbox"] if row.mail_id is not None}
    asked = min((row.mail_id for row in rows["outbox"] if row.template == "confirmation"), default=None)
    return [
        f"mail {row.id}: an order of {row.author} was not answered: {row.handling}: {row.reason}"
        for step, row in zip(session, rows["mail"], strict=True)
        if step.orders and row.state == "decided" and row.id not in answered
        if row.handling != "refused" or asked is None or row.id <= asked
    ]


def _out_of_bounds(rows: Sequence[Any], octets_in: int) -> list[str]:
    many = Counter(row.mail_id for row in rows if row.mail_id is not None)
    wrong = [f"{count} mails follow from mail {number}" for number, count in many.items() if count > MOST_OUT]
    for row in rows:
        wrong += [
            f"{row.template} to {row.recipient!r}: {one}" for one in faults(row.raw, row.recipient, octets_in)
        ]
    return wrong


def faults(raw: bytes, recipient: str, octets_in: int = 0) -> Iterator[str]:
    """What is wrong with a mail of ours, by RFC 5322 and by our own bounds."""
    if is_international(recipient):  # RFC 6532: its own octets may stand in To, and nothing else of the kind
        domain = (on_the_wire(recipient) or recipient).rpartition("@")[2]
        raw = raw.replace((on_the_wire(recipient) or recipient).encode(), f"other@{domain}".encode(), 1)
        recipient = f"other@{domain}"
    head, _, _ = raw.partition(b"\r\n\r\n")
    if len(raw) > MOST_OCTETS + 4 * octets_in:
        yield f"{len(raw)} octets after {octets_in} came in"
    if any(len(line) > LONGEST_LINE for line in raw.split(b"\r\n")):
        yield "a line is longer than 998 octets"
    if re.search(rb"\r(?!\n)|(?<!\r)\n", raw):
        yield "a bare CR or LF"
    if not head.isascii() or re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", head):
        yield f"octets in the header that may not be there: {head!r}"
    parsed = message_from_bytes(raw, policy=policy.default)
    yield from (f"{type(one).__name__}" for part in parsed.walk() for one in part.defects)
    yield from (
        f"{name}: {type(one).__name__}" for name in ONCE for one in getattr(parsed[name], "defects", ())
    )
    yield from (
        f"{len(parsed.get_all(name, ()))} {name}" for name in ONCE if len(parsed.get_all(name, ())) != 1
    )
    yield from (f"a field {name}" for name in parsed if name not in KNOWN)
    yield from _recipient_faults(parsed, recipient)


def _recipient_faults(parsed: Any, recipient: str) -> Iterator[str]:
    if not ADDRESS.fullmatch(recipient):
        yield "no address to send to"
    named = [one.addr_spec for one in parsed["To"].addresses] if parsed["To"] else []
    if len(named) != 1 or not same_mailbox(named[0], recipient):  # the parser takes quotes off
        yield f"To names {named}"


# --- how it is watched ------------------------------------------------------------------------------------


@contextmanager
def _noticing() -> Iterator[list[str]]:
    """What the log complains of as ours."""
    found: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            found.append(f"log: {record.getMessage()}: {error!r}")

    ear, log = Ear(logging.ERROR), logging.getLogger("mailgate")
    log.addHandler(ear)
    before, log.propagate = log.propagate, False
    try:
        yield found
    finally:
        log.removeHandler(ear)
        log.propagate = before


@contextmanager
def _same_ids(seed: int) -> Iterator[None]:
    """Ids that are the same when a session is played again."""
    chance = Random(seed)
    with mock.patch.object(
        recording, "secrets", SimpleNamespace(**vars(secrets) | {"token_bytes": chance.randbytes})
    ):
        yield


@contextmanager
def _timed_reading() -> Iterator[list[str]]:
    slow: list[str] = []

    def timed(raw: bytes) -> Any:
        began = time.process_time()
        found = read(raw)
        took = time.process_time() - began
        if took > MOST_SECONDS:
            slow.append(f"reading {len(raw)} octets took {took:.1f} s")
        return found

    with mock.patch.object(inside, "read", timed):
        yield slow
