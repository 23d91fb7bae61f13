"""Which tickets are one matter, and which are not?"""

from collections.abc import Sequence
from dataclasses import replace

from mailgate.desk import letters
from mailgate.desk.case import Case, Hand, Tell, done, having, named, refuse, telling
from mailgate.desk.changes import ended
from mailgate.desk.commands import Line
from mailgate.desk.decision import Link, MoveMail, Notice, OpenTicket, ReceiptLine, Result, Unlink
from mailgate.desk.followup import survivor
from mailgate.desk.opening import Matter, event, new_ticket
from mailgate.desk.people import holder_of, joined, may_see, seen_by_holder
from mailgate.desk.situation import Spoken
from mailgate.desk.ticket import Outcome, Status, Ticket
from mailgate.message.message import writable


def merge(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    """This ticket goes into the one that is named."""
    number = named(line, hand)
    if number is None or number not in case.tickets:
        return refuse(line, Result.NO_SUCH_TICKET, line.argument)
    into = survivor(number, case.tickets)
    if into.number == ticket.number:
        return refuse(line, Result.SAME_TICKET)
    if into.status is Status.CLOSED:
        return refuse(line, Result.NOT_POSSIBLE, into.status.value)
    return done(_merged(case, ticket, into, hand), line, Result.MERGED, into.number)


def _merged(case: Case, gone: Ticket, into: Ticket, hand: Hand) -> Case:
    """Its number stays and leads to the other one; its people get what that one's requester gets."""
    into = joined(into, (one for one in (gone.requester, *gone.participants) if writable(one.address)), None)
    into = seen_by_holder(replace(into, confidential=into.confidential or gone.confidential), hand.counter)
    gone = replace(
        ended(gone, Outcome.MERGED, hand.now), merged_into=into.number, stranger_of=None, holder=gone.holder
    )
    case = replace(case, tickets={**case.tickets, gone.number: gone, into.number: into})
    case = having(
        case,
        Link(into.number, gone.number),
        event(into.number, "merged", f"{gone.number} was merged into it", hand.staff.address),
        event(gone.number, "merged", f"merged into {into.number}", hand.staff.address),
    )
    case = replace(case, sends=(*case.sends, *letters.merged(into, gone, hand.situation, hand.counter)))
    said = hand.situation.requests.get(gone.number, "")
    return telling(case, Tell(Notice.MERGED, number=into.number, text=said, other_number=gone.number))


def split(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    """A merged ticket stands alone again; else the mail that was told of becomes a ticket of its own."""
    if ticket.merged_into is not None:
        return _unmerged(line, ticket, case, hand)
    mail_id = hand.answered.mail_id if hand.answered else None
    spoken = hand.situation.spoken.get(mail_id) if mail_id is not None else None
    if spoken is None or spoken.first or spoken.number != ticket.number:
        return refuse(line, Result.NOT_SPLITTABLE)
    matter = Matter(spoken.author, _subject(spoken, ticket), spoken.received_at, silent=ticket.silent)
    own = new_ticket(hand.situation.number, matter, hand.counter)
    own = replace(own, confidential=ticket.confidential)
    case = having(
        case,
        OpenTicket(own),
        MoveMail(spoken.mail_id, own.number),
        Link(ticket.number, own.number),
        event(own.number, "opened", f"split from {ticket.number}", hand.staff.address),
    )
    if not own.silent:
        told = letters.acknowledgement(own, None, hand.situation, hand.counter)
        case = replace(case, sends=(*case.sends, *told))
    case = replace(case, tickets={**case.tickets, own.number: own})
    case = telling(case, Tell(Notice.NEW, number=own.number, text=spoken.text, other_number=ticket.number))
    return done(case, line, Result.SPLIT, own.number)


def _subject(spoken: Spoken, ticket: Ticket) -> str:
    """The old one, where theirs only puts "Re:", a number and our own words in front of it."""
    same = ticket.subject and spoken.subject.endswith(ticket.subject)
    return ticket.subject if same else spoken.subject


def _unmerged(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    number = ticket.merged_into
    ticket = replace(ticket, merged_into=None, status=Status.OPEN, outcome=None, closed_at=None)
    case = done(case, line, Result.SPLIT, ticket.number, ticket)
    # What it was merged into may have been merged on, and its people with it.
    while number is not None and number in case.tickets:
        into = case.tickets[number]
        left = tuple(one for one in into.participants if not ticket.knows(one.key))
        case = replace(case, tickets={**case.tickets, number: replace(into, participants=left)})
        case = having(case, event(number, "split", f"{ticket.number} is its own again", hand.staff.address))
        number = into.merged_into
    return case


# --- strangers, design section 6 --------------------------------------------------------------------------


def accept(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    """The stranger belongs to it: merged and joined."""
    found = _stranger(line, ticket, case, hand)
    if isinstance(found, ReceiptLine):
        return found
    into = survivor(found.stranger_of or ticket.number, case.tickets)
    if into.status is Status.CLOSED:
        return refuse(line, Result.NOT_POSSIBLE, into.status.value)
    return done(_merged(case, found, into, hand), line, Result.ACCEPTED, found.number)


def reject(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Case | ReceiptLine:
    """The two have nothing to do with each other."""
    found = _stranger(line, ticket, case, hand)
    if isinstance(found, ReceiptLine):
        return found
    other = found.stranger_of or ticket.number
    case = having(
        case,
        Unlink(found.number, other),
        event(found.number, "rejected", f"has nothing to do with {other}", hand.staff.address),
    )
    return done(case, line, Result.REJECTED, found.number, replace(found, stranger_of=None))


def _stranger(line: Line, ticket: Ticket, case: Case, hand: Hand) -> Ticket | ReceiptLine:
    """The stranger's ticket that is meant: the one told of, the one named, the only one there is."""
    waiting = [case.tickets.get(one.number, one) for one in hand.situation.strangers]
    waiting = [
        one
        for one in waiting
        if ticket.number in {one.number, _cited(one, case)} and may_see(one, hand.staff, hand.counter)
    ]
    meant = _meant(line, waiting, hand)
    if len(meant) != 1:
        return refuse(line, Result.NOBODY_WAITS, line.argument, tuple(one.number for one in waiting))
    found = meant[0]
    cited = case.tickets.get(_cited(found, case) or "")
    if cited is None:
        return refuse(line, Result.NOBODY_WAITS, line.argument)
    if holder_of(cited, hand.counter) != hand.staff and not hand.counter.desk.leads(hand.staff):
        return refuse(line, Result.HOLDER_ONLY)
    return found


def _cited(stranger: Ticket, case: Case) -> str | None:
    """The ticket that they cited, or the one into which it was merged since."""
    number = stranger.stranger_of
    return survivor(number, case.tickets).number if number is not None and number in case.tickets else number


def _meant(line: Line, waiting: Sequence[Ticket], hand: Hand) -> list[Ticket]:
    if line.argument:
        number = named(line, hand)
        return [one for one in waiting if one.number == number]
    mail_id = hand.answered.mail_id if hand.answered else None
    spoken = hand.situation.spoken.get(mail_id) if mail_id is not None else None
    told_of = [one for one in waiting if spoken is not None and one.number == spoken.number]
    return told_of or list(waiting)
