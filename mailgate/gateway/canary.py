"""Does our mail come back to us? A marked mail of a desk to itself, and when the next is due."""

from datetime import datetime, timedelta

from mailgate.desk.decision import Audience, AutoSubmitted, Letter, Send, Template
from mailgate.desk.situation import Counter
from mailgate.gateway.loaded import Office
from mailgate.gateway.recording import sent_alone
from mailgate.message.message import Address
from mailgate.store import canaries
from mailgate.store.database import Connection

KEPT_FOR = timedelta(days=30)


def canary(counter: Counter) -> Send:
    """From the desk, to the desk, proving nothing to anybody."""
    own = counter.desk.address
    to = Address(counter.desk.name, own)
    return Send(Template.CANARY, Audience.ADMIN, to, own, Letter(), AutoSubmitted.GENERATED)


def released(
    office: Office, write: Connection, counter: Counter, now: datetime, within: timedelta, *, asked: bool
) -> str:
    """Write one into the outbox; returns its token. `asked`: somebody waits for it at a terminal."""
    token = sent_alone(office, write, counter, canary(counter), now)
    canaries.add(write, token, counter.key, now, now + within, asked=asked)
    return token


def by_time(office: Office, write: Connection, *, counter: Counter, now: datetime) -> str | None:
    """One every `canary_every_minutes`, but none behind one that has not even left."""
    service = office.settings.service
    if not service.canary_every_minutes:
        return None
    last = canaries.last_by_time(write, counter.key)
    if last is not None:
        waits = abs(now - last.sent_at) < timedelta(minutes=service.canary_every_minutes)
        if waits or canaries.waits(last):
            return None
    canaries.forget(write, counter.key, now - KEPT_FOR)
    within = timedelta(minutes=service.canary_within_minutes)
    token = released(office, write, counter, now, within, asked=False)
    return f"desk={counter.key} canary={token}: back by {now + within:%H:%M:%S} UTC, or it is told"
