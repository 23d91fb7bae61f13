"""What does a report by telephone, WhatsApp or at the counter become?

Staff enter it with #lapor: a new ticket of the caller's. On top of a citizen's mail that they forwarded, what
the form leaves out is taken from that mail.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from mailgate.desk import arguments, letters
from mailgate.desk.arguments import Unclear
from mailgate.desk.case import Case, Hand, Tell, done, having, refuse, telling
from mailgate.desk.commands import Line
from mailgate.desk.decision import AddMessage, MessageKind, Notice, OpenTicket, ReceiptLine, Result
from mailgate.desk.handling import said_at
from mailgate.desk.opening import Matter, event, new_ticket
from mailgate.desk.people import is_a_desk
from mailgate.desk.report_form import Channel, ReportForm, missing, report_form, wrong
from mailgate.desk.ticket import Ticket
from mailgate.message.message import Address

OLDEST = timedelta(days=7)  # domain, Q4
SUBJECT_LETTERS = 80


def report(line: Line, case: Case, hand: Hand) -> Case | ReceiptLine:
    """A new ticket; or, where the form is empty and a forwarded mail proposed somebody, its requester."""
    form = report_form(hand.order.form)
    ticket = case.ticket
    if ticket is not None and ticket.proposed is not None and form == ReportForm():
        return _confirmed(line, ticket, ticket.proposed, case, hand)
    form = _completed(form, hand)
    channel = form.channel or (Channel.MAIL if hand.message.forwarded else Channel.PHONE)
    received_at = _received_at(form, hand)
    if fault := _fault(line, form, channel, received_at, hand):
        return fault
    return _entered(line, form, channel, received_at or hand.now, case, hand)


def _completed(form: ReportForm, hand: Hand) -> ReportForm:
    """With what a forwarded mail says of its writer, where the form does not."""
    passed_on = hand.message.forwarded
    if passed_on is None:
        return form
    return replace(
        form,
        name=form.name or passed_on.author.name,
        email=form.email or passed_on.author.address,
        complaint=form.complaint or passed_on.text,
    )


def _received_at(form: ReportForm, hand: Hand) -> datetime | None:
    """None where it cannot be read; the arrival of this mail where it is not said."""
    if not form.time:
        return hand.situation.received_at
    found = arguments.past_moment(form.time, hand.local.date(), hand.local.time())
    return None if isinstance(found, Unclear) else said_at(found, hand)


def _fault(
    line: Line, form: ReportForm, channel: Channel, received_at: datetime | None, hand: Hand
) -> ReceiptLine | None:
    street_required = channel in hand.counter.desk.street_required_for
    if absent := missing(form, channel, street_required):
        return refuse(line, Result.FIELDS_MISSING, choices=tuple(one.value for one in absent))
    bad = [one.value for one in wrong(form)]
    if form.email and is_a_desk(form.email, hand.counter):
        bad.append("email")
    if received_at is None:
        bad.append("time")
    if form.channel_unclear:
        bad.append("channel")
    if bad:
        return refuse(line, Result.FIELDS_WRONG, choices=tuple(dict.fromkeys(bad)))
    if received_at is not None and not hand.now - OLDEST <= received_at <= hand.now:
        return refuse(line, Result.NOT_IN_PAST, form.time)
    return None


def _entered(
    line: Line, form: ReportForm, channel: Channel, received_at: datetime, case: Case, hand: Hand
) -> Case:
    requester = Address(form.name, form.email)
    matter = Matter(requester, _subject(form, hand), received_at, channel.value)
    ticket = replace(
        new_ticket(hand.situation.number, matter, hand.counter),
        requester_phone=form.phone,
        requester_organisation=form.organisation,
        requester_street=form.street,
    )
    words = AddMessage(
        ticket.number, True, MessageKind.REQUEST, requester, ticket.subject, form.complaint,
        hand.message.attachments, own_mail=False,
    )  # fmt: skip
    entered = event(ticket.number, "opened", f"reported by {channel}, entered by staff", hand.staff.address)
    case = having(case, OpenTicket(ticket), words, entered)
    sends = letters.acknowledgement(ticket, None, hand.situation, hand.counter)
    case = replace(case, number=ticket.number, sends=(*case.sends, *sends))
    case = telling(case, Tell(Notice.NEW, number=ticket.number, text=form.complaint))
    return done(case, line, Result.REPORTED, ticket.number, ticket)


def _subject(form: ReportForm, hand: Hand) -> str:
    if hand.message.forwarded and hand.message.forwarded.subject:
        return hand.message.forwarded.subject
    first = next(iter(form.complaint.splitlines()), "")
    return first if len(first) <= SUBJECT_LETTERS else first[: SUBJECT_LETTERS - 1].rstrip() + "…"


def _confirmed(line: Line, ticket: Ticket, requester: Address, case: Case, hand: Hand) -> Case:
    """The writer of the forwarded mail is the requester; only now do they hear of the ticket."""
    theirs = replace(
        ticket,
        requester_name=requester.name,
        requester_address=requester.address,
        participants=tuple(one for one in ticket.participants if one.key != requester.key),
        proposed=None,
        silent=False,
    )
    told = letters.acknowledgement(theirs, None, hand.situation, hand.counter)
    case = replace(case, sends=(*case.sends, *told))
    return done(case, line, Result.REQUESTER_SET, requester.address, theirs)
