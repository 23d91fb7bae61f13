"""What does a command do to the ticket that it is about?"""

from dataclasses import replace
from datetime import datetime, time, timedelta

from mailgate.desk import arguments, letters, levels, sla
from mailgate.desk.arguments import Unclear, When
from mailgate.desk.case import Case, Hand, Tell, done, having, named, refuse, telling, unclear
from mailgate.desk.changes import (
    FINISHED,
    answered,
    closed,
    ended,
    notified,
    reopened,
    resolved,
    taken,
    taken_if_free,
    with_due,
)
from mailgate.desk.commands import Line
from mailgate.desk.decision import Block, Link, Notice, ReceiptLine, Result, Template, Unblock
from mailgate.desk.figures import figures
from mailgate.desk.people import holder_of, is_a_desk, joined, may_join, may_see, seen_by_holder
from mailgate.desk.ruling import named_in, ruled
from mailgate.desk.situation import Counter
from mailgate.desk.ticket import MOST_PARTICIPANTS, TOLD, Outcome, Status, Ticket
from mailgate.message.message import Address
from mailgate.settings import Staff


def _colleagues(ticket: Ticket, hand: Hand) -> tuple[Staff, ...]:
    """Who else was told of a ticket that nobody held, or the one who held it."""
    told = letters.responsible(ticket, hand.counter)
    return tuple(one for one in told if one != hand.staff and may_see(ticket, one, hand.counter))


# --- who works on it --------------------------------------------------------------------------------------


def take(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    case = telling(case, Tell(Notice.TAKEN, _colleagues(ticket, hand)))
    return done(case, line, Result.TAKEN, "", taken(ticket, hand.staff))


def assign(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    known = tuple(one for one in hand.counter.desk.staff if may_see(ticket, one, hand.counter))
    found = arguments.person(line.argument, known, ticket.category)
    if isinstance(found, Unclear):
        return unclear(line, found)
    others = tuple(one for one in _colleagues(ticket, hand) if one != found)
    new = (found,) if found != hand.staff else ()
    case = telling(
        case, Tell(Notice.TAKEN, others), Tell(Notice.NEW, new, Template.DELEGATION, reason=hand.text)
    )
    return done(case, line, Result.ASSIGNED, found.name, taken(ticket, found))


def escalate(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    asked = _above(ticket, hand.counter)
    if isinstance(asked, Result):
        lacks_category = asked is Result.CATEGORY_MISSING
        return refuse(line, asked, choices=tuple(hand.counter.desk.categories) if lacks_category else ())
    reason = "\n".join(one for one in (line.argument, hand.text) if one)
    if asked.template is Template.ESCALATION and not reason:
        return refuse(line, Result.REASON_MISSING)
    case = telling(case, Tell(Notice.NEW, asked.people, asked.template, reason=reason))
    to_head = asked.template is Template.ESCALATION  # whose holder is still the one who asks
    place = hand.counter.desk.levels[asked.ticket.level].name if to_head else _place(asked.ticket, hand)
    return done(case, line, Result.ESCALATED, place, asked.ticket)


def _above(ticket: Ticket, counter: Counter) -> levels.Asked | Result:
    """Past levels where nobody is, or nobody who may see it: a complaint goes on to the head."""
    asked = levels.above(ticket, counter)
    while not isinstance(asked, Result) and not any(may_see(ticket, one, counter) for one in asked.people):
        asked = levels.above(replace(ticket, level=asked.ticket.level), counter)
    return asked


def give_back(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    asked = levels.below(ticket, hand.counter)
    if isinstance(asked, Result):
        return refuse(line, asked)
    case = telling(case, Tell(Notice.RETURNED, asked.people, reason=hand.text))
    return done(case, line, Result.RETURNED, _place(asked.ticket, hand), asked.ticket)


def _place(ticket: Ticket, hand: Hand) -> str:
    """Where it is now: "Teknisi, Doni"."""
    level = hand.counter.desk.levels[ticket.level].name
    holder = holder_of(ticket, hand.counter)
    return f"{level}, {holder.name}" if holder else level


def external(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    level = hand.counter.desk.outside()
    if level is None:
        return refuse(line, Result.NO_LEVEL_OUTSIDE)
    number = line.argument[:60]
    if not number:
        return refuse(line, Result.ARGUMENT_MISSING, choices=("#lkpp 12345",))
    outside = replace(taken_if_free(ticket, hand.staff), level=level, external_number=number)
    return done(case, line, Result.EXTERNAL, number, outside)


# --- what it is -------------------------------------------------------------------------------------------


def category(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    categories = hand.counter.desk.categories
    found = arguments.category(line.argument, categories)
    if isinstance(found, Unclear):
        return unclear(line, found)
    return done(
        case, line, Result.CATEGORY_SET, categories[found], replace(ticket, category=found, suggestion=None)
    )


def work(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    found = arguments.work(line.argument, hand.counter.desk.work)
    if isinstance(found, Unclear):
        return unclear(line, found)
    category = ticket.category or found.category or None
    ticket = replace(ticket, work=found.code, category=category, suggestion=None)
    return done(case, line, Result.WORK_SET, found.name, with_due(ticket, hand.counter))


def priority(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:  # noqa: ARG001 - one shape for all
    found = arguments.priority(line.argument)
    if isinstance(found, Unclear):
        return unclear(line, found)
    return done(case, line, Result.PRIORITY_SET, str(found), replace(ticket, priority=found))


def confidential(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    case, ticket = _hidden(case, ticket, hand)
    return done(case, line, Result.MADE_CONFIDENTIAL, "", ticket)


def _hidden(case: Case, ticket: Ticket, hand: Hand) -> tuple[Case, Ticket]:
    """From now on only admin and head see it; a holder who is neither has it no more."""
    ticket = seen_by_holder(replace(ticket, confidential=True), hand.counter)
    tell = Tell(Notice.CONFIDENTIAL, hand.counter.desk.leaders(), text=_request(ticket, hand))
    return telling(case, tell), ticket


def _request(ticket: Ticket, hand: Hand) -> str:
    return hand.situation.requests.get(ticket.number, "")


def agree(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    """What a rule suggested is set."""
    if ticket.suggestion is None:
        return refuse(line, Result.NOTHING_SUGGESTED)
    if ticket.suggestion.confidential and not hand.counter.desk.leads(hand.staff):
        return refuse(line, Result.NOT_ALLOWED)
    agreed = ruled(ticket, ticket.suggestion, hand.counter)
    if agreed.confidential and not ticket.confidential:
        case, agreed = _hidden(case, agreed, hand)
    case = done(case, line, Result.AGREED, "", agreed)
    *before, last = case.lines
    return replace(case, lines=(*before, replace(last, choices=named_in(ticket.suggestion, hand.counter))))


def link(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    number = named(line, hand)
    other = case.tickets.get(number) if number else None
    hidden = other is not None and not may_see(other, hand.staff, hand.counter)
    if number is None or hidden or (other is None and number not in hand.situation.elsewhere):
        return refuse(line, Result.NO_SUCH_TICKET, line.argument)
    if number == ticket.number:
        return refuse(line, Result.SAME_TICKET)
    return done(having(case, Link(ticket.number, number)), line, Result.LINKED, number)


def join(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    wanted = arguments.addresses(line.argument)
    bad = [one for one in wanted if not may_join(one, hand.counter)]
    if not wanted or bad or arguments.unusable(line.argument):
        return refuse(line, Result.NOT_AN_ADDRESS, bad[0] if bad else line.argument)
    more = joined(ticket, (Address("", one) for one in wanted), None)
    if len(more.participants) > MOST_PARTICIPANTS:
        return refuse(line, Result.TOO_MANY, str(MOST_PARTICIPANTS))
    return done(case, line, Result.JOINED, ", ".join(wanted), more)


# --- what the requester hears -----------------------------------------------------------------------------


def start(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    """The clock starts when the server accepts the notice; what is promised in it counts from now."""
    if not ticket.requester_address:
        return refuse(line, Result.NO_ADDRESS)
    work = hand.counter.desk.work_of(ticket.work)
    ticket = replace(answered(ticket, hand.staff, hand.now), started=True)
    if work is not None and work.starts == "notified" and ticket.notified_at is None:
        ticket = replace(ticket, promised_due_at=hand.counter.calendar.add(hand.now, work.within))
    case = replace(case, public=Template.STARTED)
    return done(case, line, Result.STARTED, "", ticket)


def ask(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    case = replace(case, public=Template.QUESTION)
    pending = replace(taken_if_free(ticket, hand.staff), status=Status.PENDING)
    return done(case, line, Result.ASKED, "", pending)


def resolve(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    """The survey's question goes along, but nobody is asked twice in 30 days."""
    ticket = resolved(taken_if_free(ticket, hand.staff), hand.now, hand.counter)
    if ticket.number not in hand.situation.surveyed:
        ticket = replace(ticket, survey_asked_at=hand.now)
    return done(replace(case, public=Template.RESOLUTION), line, Result.RESOLVED, "", ticket)


def close(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    case = telling(case, Tell(Notice.CLOSED, _colleagues(ticket, hand)))
    return done(case, line, Result.CLOSED, "", closed(ticket, hand.now))


def reopen(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:  # noqa: ARG001 - one shape for all
    if ticket.outcome is Outcome.SPAM:
        case = having(case, Unblock(ticket.requester_address))
    return done(case, line, Result.REOPENED, "", reopened(ticket))


def due(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    found = arguments.day_and_time(line.argument, hand.local.date())
    if isinstance(found, Unclear):
        return unclear(line, found)
    if not (found.rest or hand.text):
        return refuse(line, Result.REASON_MISSING)
    until = _moment(found, hand)
    if until <= hand.now:
        return refuse(line, Result.NOT_IN_FUTURE)
    case = replace(case, public=Template.PROMISE, reason=found.rest)
    return done(case, line, Result.PROMISED, "", replace(ticket, promised_due_at=until))


def _moment(when: When, hand: Hand) -> datetime:
    """A day without a time means until the desk closes."""
    hours = hand.counter.calendar.hours.on(when.day)
    closes = hours[-1].closes if hours else time(16, 0)
    return datetime.combine(when.day, when.at or closes or time(23, 59), hand.counter.calendar.zone)


def redirect(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    if hand.counter.desk.outside() is None:
        return refuse(line, Result.NO_LEVEL_OUTSIDE)
    if line.argument.casefold().replace(" ", "-") not in {"", "lpse-support"}:
        return refuse(line, Result.ARGUMENT_UNCLEAR, line.argument, ("#alihkan lpse-support",))
    ticket = ended(taken_if_free(ticket, hand.staff), Outcome.REDIRECTED, hand.now)
    return done(replace(case, public=Template.REDIRECT), line, Result.REDIRECTED, "", ticket)


def out_of_scope(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    """Nothing of this desk's: the requester is told where to go."""
    ticket = ended(taken_if_free(ticket, hand.staff), Outcome.REJECTED, hand.now)
    return done(replace(case, public=Template.OUT_OF_SCOPE), line, Result.OUT_OF_SCOPE, "", ticket)


def tell(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    """By phone or in person, which takes the place of a mail."""
    found = arguments.past_moment(line.argument, hand.local.date(), hand.local.time())
    at = hand.now
    if line.argument:
        if isinstance(found, Unclear):
            return unclear(line, found)
        at = said_at(found, hand)
    if not ticket.received_at <= at <= hand.now:
        return refuse(line, Result.NOT_IN_PAST)
    if ticket.status in FINISHED:  # they heard of the end: nothing that a clock could start from
        return done(case, line, Result.TOLD)
    if ticket.notified_at is not None:
        return refuse(line, Result.ALREADY_TOLD)
    told = notified(answered(ticket, hand.staff, at), at, TOLD, hand.counter)
    return done(case, line, Result.TOLD, "", told)


def said_at(when: When, hand: Hand) -> datetime:
    """The minute that was named, no later than now where it is the present one."""
    moment = datetime.combine(when.day, when.at or hand.local.time(), hand.counter.calendar.zone)
    return hand.now if moment <= hand.now < moment + timedelta(minutes=1) else moment


def note(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:  # noqa: ARG001 - one shape for all
    return done(case, line, Result.NOTED)


def spam(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    sender = ticket.requester_address
    if hand.counter.desk.staff_by_address(sender) or is_a_desk(sender, hand.counter):
        return refuse(line, Result.NOT_BLOCKABLE)
    if sender:
        case = having(case, Block(sender, ticket.number, hand.staff.address))
    return done(case, line, Result.SPAM, sender, ended(ticket, Outcome.SPAM, hand.now))


# --- what is only asked -----------------------------------------------------------------------------------


def attachments(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    found = hand.situation.attachments.get(ticket.number, ())
    if not found:
        return refuse(line, Result.NOTHING_ATTACHED)
    return done(case, line, Result.ATTACHMENTS, str(len(found)))


def listing(line: Line, case: Case, hand: Hand) -> Case | ReceiptLine:
    seen = [one for one in hand.situation.listing if may_see(one, hand.staff, hand.counter)]
    match line.argument.casefold():
        case "saya" | "milik saya" | "me" | "mine":
            seen = [one for one in seen if holder_of(one, hand.counter) == hand.staff]
        case "terlambat" | "overdue":
            seen = [one for one in seen if one.due_at is not None and one.due_at < hand.now]
        case "":
            pass
        case _:
            return refuse(
                line, Result.ARGUMENT_UNCLEAR, line.argument, ("#daftar", "#daftar saya", "#daftar terlambat")
            )
    return done(replace(case, shown=tuple(seen)), line, Result.LISTED, str(len(seen)))


def show(line: Line, case: Case, hand: Hand) -> Case | ReceiptLine:
    number = named(line, hand) if line.argument else case.number
    ticket = hand.situation.tickets.get(number) if number else None
    if ticket is None or not may_see(ticket, hand.staff, hand.counter):
        return refuse(line, Result.NO_SUCH_TICKET, line.argument)
    return done(replace(case, shown=(ticket,)), line, Result.SHOWN, ticket.number)


def monthly(line: Line, case: Case, hand: Hand) -> Case | ReceiptLine:
    found = arguments.month(line.argument, hand.local.date())
    if isinstance(found, Unclear):
        return unclear(line, found)
    desk = hand.counter.desk

    def clock_of(ticket: Ticket) -> sla.ClockState:
        return sla.clock(ticket, desk.work_of(ticket.work), hand.now, pausing=desk.pause_while_pending)

    counted = figures(*found, hand.situation.month, clock_of)
    return done(replace(case, figures=counted), line, Result.FIGURES)


def help_(line: Line, case: Case, hand: Hand) -> Case | ReceiptLine:  # noqa: ARG001 - one shape for all
    return done(case, line, Result.HELP)
