"""Which mail is not to leave after all, and what follows for its ticket? All in the caller's transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from mailgate.desk import withdrawn
from mailgate.gateway.loaded import Office
from mailgate.gateway.recording import recorded
from mailgate.store import cancelling, outbox, situations, tickets
from mailgate.store.cancelling import Outcome
from mailgate.store.database import Connection


def by_id(office: Office, write: Connection, wanted: Sequence[str], now: datetime) -> list[Outcome]:
    """Each by its Message-ID, or the part before the @."""
    return _followed(office, write, cancelling.by_id(write, wanted, now), now)


def automatic(office: Office, write: Connection, desk: str, now: datetime) -> list[Outcome]:
    """All automatic mail of a desk that waits; alerts stay."""
    return _followed(office, write, cancelling.automatic(write, desk, now), now)


def _followed(office: Office, write: Connection, done: Iterable[Outcome], now: datetime) -> list[Outcome]:
    done = list(done)
    for one in done:
        if one.cancelled:
            _follow(office, write, one, now)
    return done


def _follow(office: Office, write: Connection, one: Outcome, now: datetime) -> None:
    """As a bounce of it would have it: see `delivering`."""
    sent = outbox.cited(write, [one.token])[one.token]
    counter = office.counters.get(sent.desk)  # None: the desk left the settings
    ticket = tickets.locked(write, [sent.number]).get(sent.number) if sent.number else None
    if ticket is None or counter is None:
        return
    situation = situations.without_mail(write, ticket, counter, now)
    decision = withdrawn.follows(sent, ticket, situation, counter, perhaps=one.perhaps)
    if decision is not None:
        before = {ticket.number: withdrawn.as_if_not_asked(ticket, sent)}
        recorded(office, write, counter, decision, now, None, before)
