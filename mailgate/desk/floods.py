"""Is one sender flooding the desk, and what is done about it?

More mails of one sender within a minute than a person writes are one ticket: the first of that minute. The
tickets that the others opened are merged into it while nobody has touched them. Staff hear of the flood when
it begins, and then how much it was.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from mailgate.desk import letters, rules
from mailgate.desk.changes import ended
from mailgate.desk.decision import (
    BeginFlood,
    Decision,
    Effect,
    Flood,
    FloodNews,
    GrowFlood,
    Handling,
    Link,
    MessageKind,
    Notice,
    SaveTicket,
    TellOfFlood,
)
from mailgate.desk.followup import survivor
from mailgate.desk.letters import News
from mailgate.desk.opening import event, said
from mailgate.desk.people import author_of, seen_by_holder
from mailgate.desk.situation import Arrived, Counter, Situation
from mailgate.desk.ticket import Outcome, Status, Ticket
from mailgate.message.ids import mailbox_group
from mailgate.message.message import Message

MINUTE = timedelta(minutes=1)
LASTS = timedelta(minutes=10)
"""After its last mail."""
TOLD_AGAIN_AFTER = timedelta(hours=1)
"""While it lasts."""
FORGOTTEN_AFTER = timedelta(days=1)
MOST_SUBJECTS = 5


def began(message: Message, situation: Situation, counter: Counter) -> Flood | None:
    """The flood that this mail sets off; None where one is on already, or none begins."""
    together = _together(situation, counter)
    if situation.flood is not None or message.author is None or not together:
        return None
    first = _first(together, situation)
    mails = len(together)
    return Flood(
        sender_group=mailbox_group(message.author.address),
        number=first.number if first else "",
        began_at=together[0].at,
        last_at=together[-1].at,
        mails=mails,
        told_mails=mails,
        told_at=situation.now,
    )


def is_one(arrived: tuple[Arrived, ...], at: datetime, most: int) -> bool:
    """Whether a mail that arrived at this moment is one too many among those before it."""
    return bool(_crowd((*arrived, Arrived(at, None)), most))


def _together(situation: Situation, counter: Counter) -> tuple[Arrived, ...]:
    """This mail and those within a minute, the earliest first; none where they are not too many."""
    this = Arrived(situation.received_at, None)
    return _crowd((*situation.minute, this), counter.limits.flood_mails_per_minute)


def _crowd(arrived: tuple[Arrived, ...], most: int) -> tuple[Arrived, ...]:
    in_order = sorted(arrived, key=lambda one: one.at)
    for first, last in zip(in_order, in_order[most:], strict=False):
        if last.at - first.at < MINUTE:
            return tuple(one for one in in_order if first.at <= one.at < first.at + MINUTE)
    return ()


def _opened(arrived: tuple[Arrived, ...], situation: Situation) -> Iterator[Ticket]:
    """The tickets that these mails opened, as far as they can be one: complaints stay alone."""
    for one in arrived:
        ticket = situation.tickets.get(one.number or "")
        if ticket is not None and ticket.merged_into is None and not ticket.confidential:
            yield ticket


def _first(arrived: tuple[Arrived, ...], situation: Situation) -> Ticket | None:
    return next((one for one in _opened(arrived, situation) if one.status is not Status.CLOSED), None)


def holder(flood: Flood, situation: Situation) -> Ticket | None:
    """The ticket that holds it; None where it has none yet."""
    return survivor(flood.number, situation.tickets) if flood.number in situation.tickets else None


def appended(ticket: Ticket, message: Message, situation: Situation, counter: Counter) -> Decision:
    """One mail of the flood, on its ticket. One that is confidential makes the ticket so."""
    why = f"one of a flood of mails of this sender, all on {ticket.number}"
    author = author_of(message)
    effects: list[Effect] = [
        said(ticket.number, MessageKind.FOLLOW_UP, message),
        event(ticket.number, "follow_up", why, author.address),
    ]
    outside_hours = not counter.calendar.is_open(situation.received_at)
    verdict = rules.ruling(counter.desk.rules, message, outside_hours=outside_hours)
    if verdict and verdict.set.confidential and not verdict.set.suggest and not ticket.confidential:
        ticket = seen_by_holder(replace(ticket, confidential=True), counter)
        effects += [SaveTicket(ticket), event(ticket.number, "ruled", verdict.why)]
    return Decision(Handling.APPENDED, why, ticket.number, tuple(effects))


def grown(base: Decision, flood: Flood, situation: Situation) -> Decision:
    """The same, counted."""
    return replace(base, effects=(*base.effects, GrowFlood(flood, situation.received_at)))


def begun(base: Decision, flood: Flood, situation: Situation, counter: Counter) -> Decision:
    """The same, and the tickets of that minute are one; staff hear who it is."""
    ticket = _ticket_after(base, flood, situation)
    if ticket is None:
        return base
    flood = replace(flood, number=ticket.number)
    most = counter.limits.flood_mails_per_minute
    why = f"more than {most} mails of {flood.sender_group} within a minute: all of them are one ticket"
    news = News(Notice.FLOOD, None, flood=FloodNews(flood, per_minute=most))
    effects: tuple[Effect, ...] = (
        *base.effects,
        BeginFlood(flood),
        event(ticket.number, "flood", why),
        *_merged(ticket, situation, counter),
        *letters.notifications(ticket, news, situation, counter),
    )
    return replace(base, effects=effects, reason=f"{base.reason}; {why}")


def _ticket_after(base: Decision, flood: Flood, situation: Situation) -> Ticket | None:
    """The flood's ticket as the decision leaves it: the first of the minute, else that of this mail."""
    number = flood.number or base.number
    for effect in reversed(base.effects):
        ticket = getattr(effect, "ticket", None)
        if isinstance(ticket, Ticket) and ticket.number == number:
            return ticket
    return situation.tickets.get(number or "")


def _merged(into: Ticket, situation: Situation, counter: Counter) -> Iterator[Effect]:
    """Whatever somebody of the staff has looked after stays its own."""
    for gone in dict.fromkeys(_opened(_together(situation, counter), situation)):
        if gone.number == into.number or not _untouched(gone, situation):
            continue
        ticket = replace(
            ended(gone, Outcome.MERGED, situation.now), merged_into=into.number, stranger_of=None
        )
        yield SaveTicket(ticket)
        yield Link(into.number, gone.number)
        yield event(into.number, "merged", f"{gone.number} was merged into it: a flood")
        yield event(gone.number, "merged", f"merged into {into.number}: a flood")


def _untouched(ticket: Ticket, situation: Situation) -> bool:
    return (
        ticket.status is Status.NEW
        and ticket.holder is None
        and ticket.first_response_at is None
        and ticket.number not in situation.touched
    )


def is_due(flood: Flood, now: datetime) -> bool:
    """Whether staff are to be told how much came: once when it is over, and now and then while it lasts."""
    waited = abs(now - flood.told_at)  # in the future only where a clock ran ahead
    over = _is_over(flood, now)
    return flood.mails > flood.told_mails and (waited >= TOLD_AGAIN_AFTER or (over and waited >= LASTS))


def _is_over(flood: Flood, now: datetime) -> bool:
    return abs(now - flood.last_at) >= LASTS


def summed_up(
    flood: Flood, subjects: tuple[str, ...], ticket: Ticket, situation: Situation, counter: Counter
) -> Decision:
    """Staff hear how much came; nobody does once the sender is silenced."""
    told = TellOfFlood(flood)
    if ticket.outcome is Outcome.SPAM:
        return Decision(Handling.FILED, "a flood of a sender who is silenced", ticket.number, (told,))
    over = _is_over(flood, situation.now)
    facts = FloodNews(flood, subjects, counter.limits.flood_mails_per_minute, over)
    said_of_it = f"a flood of {flood.mails} mails of {flood.sender_group}"
    effects: tuple[Effect, ...] = (
        told,
        event(ticket.number, "flood", said_of_it),
        *letters.notifications(ticket, News(Notice.FLOOD, None, flood=facts), situation, counter),
    )
    return Decision(Handling.FILED, said_of_it, ticket.number, effects)
