"""What does a command do to the ticket that it is about?"""

from dataclasses import replace
from datetime import datetime, time, timedelta

from mailgate.desk import arguments, sla
from mailgate.desk.arguments import Unclear, When
from mailgate.desk.case import Case, Hand, Tell, done, having, named, refuse, telling, unclear
from mailgate.desk.changes import (
    FINISHED,
    answered,
    closed,
    ended,
    notified,
    opened,
    reopened,
    resolved,
    taken,
    taken_if_free,
    with_due,
)
from mailgate.desk.commands import Line
from mailgate.desk.decision import Block, Link, Notice, ReceiptLine, Result, Template, Unblock
from mailgate.desk.figures import figures
from mailgate.desk.people import is_a_desk, joined, may_join, may_see
from mailgate.desk.ticket import MOST_PARTICIPANTS, TOLD, Outcome, Status, Ticket
from mailgate.message.message import Address
from mailgate.settings import Staff


def _colleagues(ticket: Ticket, hand: Hand) -> tuple[Staff, ...]:
    """Who else was told of a ticket that nobody held, or the one who held it."""
    desk = hand.counter.desk
    holder = desk.staff_by_address(ticket.holder) if ticket.holder else None
    told = (holder,) if holder else desk.level_staff(ticket.level) or desk.level_staff(0)
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
    desk, level = hand.counter.desk, _stands_at(ticket, hand) + 1
    if level >= len(desk.levels):
        return refuse(line, Result.LEVEL_TOP)
    if desk.levels[level].external:
        return refuse(line, Result.LEVEL_OUTSIDE)
    people = desk.level_staff(level)
    if any(one.categories for one in people) and ticket.category is None:
        return refuse(line, Result.CATEGORY_MISSING, choices=tuple(desk.categories))
    reason = "\n".join(one for one in (line.argument, hand.text) if one)
    to_head = desk.levels[level].role == "pimpinan"
    if to_head and not reason:
        return refuse(line, Result.REASON_MISSING)
    people = tuple(one for one in people if ticket.category in one.categories) or people
    # Whoever works on it keeps it while the head decides; otherwise the one who is asked has it.
    holder = ticket.holder if to_head else people[0].address if len(people) == 1 else None
    template = Template.ESCALATION if to_head else Template.DELEGATION
    case = telling(case, Tell(Notice.NEW, people, template, reason=reason))
    now_at = replace(opened(ticket), level=level, holder=holder)
    place = desk.levels[level].name if to_head else _place(now_at, hand)  # the holder is not the head
    return done(case, line, Result.ESCALATED, place, now_at)


def give_back(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    desk, level = hand.counter.desk, _stands_at(ticket, hand) - 1
    if level < 0:
        return refuse(line, Result.LEVEL_BOTTOM)
    holder = desk.staff_by_address(ticket.holder) if ticket.holder else None
    people = desk.level_staff(level)
    if holder not in people:
        of_category = tuple(one for one in people if ticket.category in one.categories) or people
        holder = of_category[0] if len(of_category) == 1 else None
    now_at = replace(ticket, level=level, holder=holder.address if holder else None)
    case = telling(case, Tell(Notice.RETURNED, (holder,) if holder else people, reason=hand.text))
    return done(case, line, Result.RETURNED, _place(now_at, hand), now_at)


def _stands_at(ticket: Ticket, hand: Hand) -> int:
    """The level that works on it: #tugas may have given it to somebody above its own."""
    holder = hand.counter.desk.staff_by_address(ticket.holder) if ticket.holder else None
    return max(ticket.level, hand.counter.desk.level_of(holder) if holder else 0)


def _place(ticket: Ticket, hand: Hand) -> str:
    """Where it is now: "Teknisi, Doni"."""
    desk = hand.counter.desk
    holder = desk.staff_by_address(ticket.holder) if ticket.holder else None
    return ", ".join([desk.levels[ticket.level].name, *([holder.name] if holder else [])])


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
    return done(case, line, Result.CATEGORY_SET, categories[found], replace(ticket, category=found))


def work(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    found = arguments.work(line.argument, hand.counter.desk.work)
    if isinstance(found, Unclear):
        return unclear(line, found)
    ticket = replace(ticket, work=found.code, category=ticket.category or found.category or None)
    return done(case, line, Result.WORK_SET, found.name, with_due(ticket, hand.counter))


def priority(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:  # noqa: ARG001 - one shape for all
    found = arguments.priority(line.argument)
    if isinstance(found, Unclear):
        return unclear(line, found)
    return done(case, line, Result.PRIORITY_SET, str(found), replace(ticket, priority=found))


def confidential(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    desk = hand.counter.desk
    holder = desk.staff_by_address(ticket.holder) if ticket.holder else None
    keeps = holder is not None and desk.leads(holder)
    ticket = replace(ticket, confidential=True, holder=ticket.holder if keeps else None)
    case = telling(case, Tell(Notice.CONFIDENTIAL, desk.leaders(), text=_request(ticket, hand)))
    return done(case, line, Result.MADE_CONFIDENTIAL, "", ticket)


def _request(ticket: Ticket, hand: Hand) -> str:
    return hand.situation.requests.get(ticket.number, "")


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
    ticket = resolved(taken_if_free(ticket, hand.staff), hand.now, hand.counter)
    return done(replace(case, public=Template.RESOLUTION), line, Result.RESOLVED, "", ticket)


def close(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
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
    work = hand.counter.desk.work_of(ticket.work)
    told = answered(ticket, hand.staff, at)
    if work is not None and work.starts == "notified":
        told = notified(told, at, TOLD, hand.counter)
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


def attachments(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:  # noqa: ARG001 - one shape for all
    if not hand.situation.attachments:
        return refuse(line, Result.NOTHING_ATTACHED)
    return done(case, line, Result.ATTACHMENTS, str(len(hand.situation.attachments)))


def listing(line: Line, case: Case, hand: Hand) -> Case | ReceiptLine:
    seen = [one for one in hand.situation.listing if may_see(one, hand.staff, hand.counter)]
    match line.argument.casefold():
        case "saya" | "milik saya" | "me" | "mine":
            seen = [one for one in seen if one.holder == hand.staff.address]
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
