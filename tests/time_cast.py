"""Who stands ready when time is to act? The shipped desks, with the escalations that a test wants."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from mailgate.desk.calendar import calendar
from mailgate.desk.decision import Decision, Effect, OpenTicket, SaveTicket
from mailgate.desk.situation import Counter, Situation
from mailgate.desk.ticket import Status, Ticket
from mailgate.desk.watch import watched
from mailgate.settings import Escalation, Settings, load, load_holidays, shipped

WIB = ZoneInfo("Asia/Jakarta")
ADMIN_1 = "admin1@payakumbuhkota.go.id"
ADMIN_2 = "admin2@payakumbuhkota.go.id"
TECHNICIAN = "teknisi.infrastruktur@payakumbuhkota.go.id"
OTHER_TECHNICIAN = "teknisi.aplikasi@payakumbuhkota.go.id"
HEAD = "kepala.kominfo@payakumbuhkota.go.id"

Row = tuple[str, Sequence[str]]
"""`when` and `do` of an escalation."""


def wib(text: str) -> datetime:
    """ "2026-08-03 09:00" in Payakumbuh; mailgate counts in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=WIB).astimezone(UTC)


MONDAY = wib("2026-08-03 09:00")


@cache
def city_settings() -> Settings:
    """As they are shipped."""
    return load(shipped("settings.toml"))


@cache
def _counter(key: str) -> Counter:
    settings = city_settings()
    days = calendar(settings.hours, load_holidays(shipped("holidays.toml")), "Asia/Jakarta")
    return Counter(key, settings.desks[key], settings.desks, days, settings.limits)


def counter(*rows: Row, desk: str = "kominfo", **other: Any) -> Counter:
    """A shipped desk with these escalations only, and what else is to be different in its table."""
    found = _counter(desk)
    own = tuple(Escalation(when=when, do=tuple(do)) for when, do in rows)
    return replace(found, desk=found.desk.model_copy(update={"escalations": own} | other))


_TICKET = Ticket(
    number="KOM-2026-000001", desk="kominfo", status=Status.OPEN, level=0, holder=ADMIN_1, outcome=None,
    channel="mail", subject="Jaringan mati", requester_name="Rina",
    requester_address="rina@disdik.example.go.id", category=None, work=None, priority=3, confidential=False,
    received_at=MONDAY, notified_at=None, first_response_at=None, promised_due_at=None, due_at=None,
    resolved_at=None, closed_at=None, reopened=0, silent=False,
)  # fmt: skip


def ticket(number: str = "KOM-2026-000001", **other: Any) -> Ticket:
    """Rina's complaint of Monday 09:00, which the first admin has."""
    return replace(_TICKET, number=number, **other)


def situation(one: Ticket, now: datetime, question: str = "") -> Situation:
    """What time knows of a ticket."""
    return Situation(
        now=now,
        received_at=now,
        number=one.number,
        tickets={one.number: one},
        questions={one.number: question},
        requests={one.number: "Jaringan di kantor kami mati."},
    )


def saved(effects: Decision | Sequence[Effect]) -> Ticket:
    """The ticket as it stands afterwards."""
    found = effects.effects if isinstance(effects, Decision) else effects
    (one,) = (effect.ticket for effect in found if isinstance(effect, SaveTicket | OpenTicket))
    return one


def opened(one: Ticket, at: Counter) -> Ticket:
    """As its row begins."""
    return saved(watched([OpenTicket(one)], {}, one.received_at, at))


def changed(before: Ticket, now: datetime, at: Counter, **other: Any) -> Ticket:
    """As its row stands after a decision that changes this of it."""
    return saved(watched([SaveTicket(replace(before, **other))], {before.number: before}, now, at))
