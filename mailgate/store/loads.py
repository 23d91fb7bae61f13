"""How much automatic mail did those get to whom a decision would send some?"""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from mailgate.desk import brakes
from mailgate.desk.brakes import Load
from mailgate.desk.decision import Decision, OpenTicket
from mailgate.desk.situation import Counter
from mailgate.message.ids import domain_of
from mailgate.store import alerts, outbox, unreachable
from mailgate.store.lately import lately

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def load(connection: Connection, decision: Decision, counter: Counter, now: datetime) -> Load:
    """What `brakes.held_back` has to know."""
    key, limits = counter.key, counter.limits
    told_of = (one.letter.ticket.requester_address for one in brakes.for_staff(decision) if one.letter.ticket)
    reached = (one.to.address for one in brakes.automatic(decision))
    dead = unreachable.known(connection, key, [*reached, *told_of])
    public = brakes.of_requesters(decision)
    domains = {domain_of(one.to.address): one.to.address for one in public}
    numbers = {one.letter.ticket.number for one in public if one.letter.ticket}
    most, hour = limits.automatic_per_domain_per_hour, lately(now, HOUR)
    full = frozenset(
        domain
        for domain, address in domains.items()
        if outbox.domain_full(connection, key, address, most, hour)
    )
    opened = {effect.ticket.number for effect in decision.effects if isinstance(effect, OpenTicket)}
    counts = {  # nobody was ever written to about a ticket that opens only now
        number: 0 if number in opened else outbox.automatic_on(connection, number, hour)
        for number in sorted(numbers)
    }
    room = limits.automatic_per_ticket_per_hour - len(public)
    braked = full or any(count > room for count in counts.values())
    told = alerts.told_lately(connection, key, lately(now, DAY)) if braked else frozenset()
    return Load(dead, full, counts, told)
