"""What is done about a mail, and why?

Nothing here touches the world: a Message and a Situation go in, a Decision comes out.
"""

import re
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from mailgate.desk import letters, orders, sla
from mailgate.desk.commands import Destination, Order, is_command_mail, order
from mailgate.desk.decision import (
    AddEvent,
    AddMessage,
    Audience,
    Decision,
    Effect,
    Handling,
    Link,
    MarkUndeliverable,
    MessageKind,
    Notice,
    OpenTicket,
    ReceiptLine,
    Result,
    SaveTicket,
    Send,
    Template,
)
from mailgate.desk.followup import FollowUp, Fresh, StaffReply, Stranger, Unproven, route
from mailgate.desk.letters import News
from mailgate.desk.situation import Counter, SentMail, Situation
from mailgate.desk.ticket import Status, Ticket
from mailgate.message.message import Address, Automatic, AutomaticKind, Dsn, Message, writable

US = "mailgate"
LOOP_HOPS = 100  # RFC 5321, section 6.3: a count of Received fields that is normally at least 100
REFUSALS_PER_DAY = 5
NOBODY = Address("", "")


def decide(message: Message, situation: Situation, counter: Counter) -> Decision:
    """The way of every mail. Machines first, so that none of them is ever taken for a person."""
    if situation.own is not None:
        return Decision(Handling.FILED, "our own mail came back", situation.own.number)
    if message.received_count >= LOOP_HOPS:
        return Decision(Handling.FILED, f"a loop: {message.received_count} Received fields", None)
    if message.dsn is not None:
        return _bounced(message.dsn, situation.reported, message, situation, counter)
    found = route(message, situation, counter)
    if message.automatic is not None and _answers_a_mail(message, message.automatic, found):
        return _filed(message.automatic, found, message, situation)
    match found:
        case StaffReply():
            return _ordered(found, message, situation, counter)
        case Unproven(staff, number):
            return _refused(staff.address, number, message, situation, counter)
        case FollowUp(ticket, how) if _may_continue(ticket, situation, counter):
            return _followed_up(ticket, how, message, situation, counter)
        case FollowUp(ticket, how) | Stranger(ticket, how):
            return _opened(message, situation, counter, other=ticket, how=how)
        case Fresh():
            return _fresh(message, situation, counter)
        case _:
            assert_never(found)


# --- machines ---------------------------------------------------------------------------------------------


def _answers_a_mail(message: Message, automatic: Automatic, found: object) -> bool:
    """A vacation reply or read receipt, or a machine that writes in the name of staff.

    A suspicion does not undo a proven order; but words that may be a vacation reply are not relayed.
    """
    suspected = automatic.kind is AutomaticKind.SUSPECTED
    if suspected and isinstance(found, StaffReply) and is_command_mail(message.own_words):
        return False
    return automatic.kind is AutomaticKind.RESPONSE or isinstance(found, StaffReply | Unproven)


def _filed(automatic: Automatic, found: object, message: Message, situation: Situation) -> Decision:
    """Kept on the ticket it answers; changes nothing and is told to nobody.

    But words of staff that only look like a machine's may be a person's, who has to hear of it.
    """
    reason = f"a machine answered: {automatic.reason}"
    match found:
        case FollowUp(ticket=ticket):
            number = ticket.number
            said = _said(number, MessageKind.AUTOMATIC, message)
            return Decision(Handling.FILED, reason, number, (said, _event(number, "automatic_reply", reason)))
        case StaffReply(ticket, staff, proof):
            event = _event(ticket.number, "automatic_reply", reason, staff.address)
            note = _words_of_staff(ticket.number, message.reply_text, message, public=False)
            told: tuple[Effect, ...] = ()
            asked_before = (
                proof.template == Template.CONFIRMATION or situation.refusals_today >= REFUSALS_PER_DAY
            )
            if automatic.kind is AutomaticKind.SUSPECTED and not asked_before:
                told = (letters.refusal(staff, message, ticket.number, situation, suspected=True),)
            return Decision(Handling.FILED, reason, ticket.number, (note, event, *told))
    return Decision(Handling.FILED, reason, None)


def _bounced(
    dsn: Dsn, sent: SentMail | None, message: Message, situation: Situation, counter: Counter
) -> Decision:
    """A DSN is forged as easily as any mail: it counts only for a mail that went to just that recipient."""
    if sent is None or not _reports_on(dsn, sent):
        return Decision(Handling.FILED, "a delivery report on nothing that we sent", None)
    detail = _diagnosis(dsn)
    ticket = situation.tickets.get(sent.number) if sent.number else None
    if dsn.action != "failed":
        events = (_event(ticket.number, dsn.action, detail),) if ticket else ()
        return Decision(Handling.FILED, f"delivery {dsn.action}: {detail}", sent.number, events)
    effects: list[Effect] = [MarkUndeliverable(sent.token, detail)]
    if ticket is not None:
        effects += undeliverable(ticket, sent, detail, message, situation, counter)
    return Decision(Handling.FILED, f"undeliverable: {detail}", sent.number, tuple(effects))


def undeliverable(
    ticket: Ticket,
    sent: SentMail,
    detail: str,
    message: Message | None,
    situation: Situation,
    counter: Counter,
) -> list[Effect]:
    """The ticket shows it; the holder is told once. A dead staff address is told to nobody: no loop."""
    effects: list[Effect] = [
        _event(ticket.number, "undeliverable", f"{sent.template} to {sent.recipient}: {detail}")
    ]
    if message is not None:
        effects.append(_said(ticket.number, MessageKind.BOUNCE, message))
    if sent.audience is Audience.REQUESTER and not sent.bounced and not _hushed(situation, counter):
        news = News(Notice.UNDELIVERABLE, None, f"{sent.recipient}: {detail}")
        effects += letters.notifications(ticket, news, situation, counter)
    return effects


def _reports_on(dsn: Dsn, sent: SentMail) -> bool:
    return any(recipient.address.casefold() == sent.recipient.casefold() for recipient in dsn.recipients)


def _diagnosis(dsn: Dsn) -> str:
    worst = next((one for one in dsn.recipients if one.action == dsn.action), None)
    return " ".join(f"{worst.status} {worst.diagnostic}".split()) if worst else dsn.action


# --- staff ------------------------------------------------------------------------------------------------


def _ordered(found: StaffReply, message: Message, situation: Situation, counter: Counter) -> Decision:
    if situation.silent:  # old words of staff are kept for people to look at, and not carried out
        reason = f"{found.staff.address} wrote it long ago, found in a rebuilt mailbox: kept as a note"
        note = _words_of_staff(found.ticket.number, message.reply_text, message, public=False)
        return Decision(
            Handling.FILED, reason, found.ticket.number, (note, _event(found.ticket.number, "noted", reason))
        )
    asked = order(message.own_words)
    if message.oversize:
        asked = Order((), "", None, (ReceiptLine("", Result.TOO_LARGE),))
    if found.proof.template == Template.CONFIRMATION:  # "that was not me" is nothing for the requester
        result: orders.Done | orders.Refused = orders.Refused((ReceiptLine("", Result.NO_ORDER_HERE),))
    else:
        result = orders.carry_out(asked, found.ticket, _hand(found, situation, counter))
    number, who = found.ticket.number, found.staff.address
    match result:
        case orders.Refused(lines):
            receipt = letters.receipt(found.ticket, found.staff, message, lines, situation, None)
            why = ", ".join(f"{line.typed or 'text'}: {line.result}" for line in lines)
            return Decision(
                Handling.COMMANDED,
                f"nothing done, told why ({why})",
                number,
                (_event(number, "order_refused", why, who), receipt),
            )
        case orders.Done():
            return _done(found, asked, result, message, situation)
        case _:
            assert_never(result)


def _hand(found: StaffReply, situation: Situation, counter: Counter) -> orders.Hand:
    desk = counter.desk
    replies = Destination(desk.replies_of(found.staff))
    return orders.Hand(found.staff, situation.now, counter.calendar, desk.close_after, replies)


def _done(
    found: StaffReply, asked: Order, done: orders.Done, message: Message, situation: Situation
) -> Decision:
    number, staff = found.ticket.number, found.staff
    what = ", ".join(line.typed or line.result.value for line in done.lines)
    effects: list[Effect] = [SaveTicket(done.ticket)] if done.ticket != found.ticket else []
    effects += [
        _event(number, line.result.value, f"typed {line.typed}" if line.typed else "a reply", staff.address)
        for line in done.lines
    ]
    sent = None
    if done.destination is not None:
        public = done.destination is Destination.PUBLIC
        effects.append(_words_of_staff(number, asked.text, message, public=public))
        if public:
            template = Template.RESOLUTION if done.ticket.status is Status.RESOLVED else Template.REPLY
            template = Template.REPLY if found.ticket.status is Status.RESOLVED else template
            sent = letters.relay(template, done.ticket, asked.text, staff, message.attachments, situation)
            effects.append(sent)
    if asked.lines:
        effects.append(letters.receipt(done.ticket, staff, message, done.lines, situation, sent))
    return Decision(
        Handling.COMMANDED, f"{staff.address} proven by {found.proof.token}: {what}", number, tuple(effects)
    )


def _words_of_staff(number: str, text: str, message: Message, *, public: bool) -> AddMessage:
    kind = MessageKind.REPLY if public else MessageKind.NOTE
    author = message.author or NOBODY
    return AddMessage(number, False, kind, author, message.subject, text, message.attachments)


def _refused(
    person: str, number: str | None, message: Message, situation: Situation, counter: Counter
) -> Decision:
    """Design, section 6: without proof nothing is done, and the real person hears of it."""
    reason = f"From says {person}, but it answers no mail that was sent to that person: nothing done"
    effects: list[Effect] = [_event(number, "refused", reason)] if number else []
    staff = counter.desk.staff_by_address(person)
    if staff and situation.refusals_today < REFUSALS_PER_DAY and not situation.silent:
        effects.append(letters.refusal(staff, message, number, situation))
    return Decision(Handling.REFUSED, reason, number, tuple(effects))


# --- the public -------------------------------------------------------------------------------------------


def _may_continue(ticket: Ticket, situation: Situation, counter: Counter) -> bool:
    """A closed ticket opens again for a while only; later a reply is a matter of its own."""
    if ticket.closed_at is None:
        return True
    return situation.now <= counter.calendar.add(ticket.closed_at, counter.desk.reopen_within)


def _followed_up(
    ticket: Ticket, how: str, message: Message, situation: Situation, counter: Counter
) -> Decision:
    number, author = ticket.number, _author(message)
    machine = message.automatic is not None and message.automatic.kind is not AutomaticKind.SUSPECTED
    kind = MessageKind.AUTOMATIC if machine else MessageKind.FOLLOW_UP
    effects: list[Effect] = [_said(number, kind, message), _event(number, kind.value, how, author.address)]
    notice, now_ticket = Notice.FOLLOW_UP, ticket
    if not machine and ticket.status is not Status.NEW:
        notice, now_ticket = _woken(ticket)
    if now_ticket != ticket:
        effects.append(SaveTicket(now_ticket))
        effects.append(_event(number, notice.value, "the requester wrote again", author.address))
    if notice is Notice.REOPENED and not ticket.silent and _unanswerable(message, situation, counter) is None:
        effects.append(letters.reopened(now_ticket, message, situation))
    if not _hushed(situation, counter):
        effects += letters.notifications(now_ticket, News.of(notice, message), situation, counter)
    return Decision(Handling.APPENDED, how, number, tuple(effects))


def _woken(ticket: Ticket) -> tuple[Notice, Ticket]:
    match ticket.status:
        case Status.RESOLVED | Status.CLOSED:
            return Notice.REOPENED, orders.reopened(ticket)
        case _:
            return Notice.FOLLOW_UP, replace(ticket, status=Status.OPEN)


def _fresh(message: Message, situation: Situation, counter: Counter) -> Decision:
    if situation.same_subject is not None:
        number = situation.same_subject
        how = "the same sender and subject too often within an hour"
        said = _said(number, MessageKind.FOLLOW_UP, message)
        return Decision(Handling.APPENDED, how, number, (said, _event(number, "follow_up", how)))
    return _opened(message, situation, counter)


def _opened(
    message: Message,
    situation: Situation,
    counter: Counter,
    *,
    other: Ticket | None = None,
    how: str = "",
) -> Decision:
    """A ticket of its own; `other` is one that it cites without belonging to it."""
    unanswerable = _unanswerable(message, situation, counter)
    ticket = _new_ticket(message, situation, counter, silent=unanswerable is not None)
    reason = _why_opened(unanswerable, other, how, message.oversize)
    effects: list[Effect] = [
        OpenTicket(ticket),
        _said(ticket.number, MessageKind.REQUEST, message),
        _event(ticket.number, "opened", reason, ticket.requester_address or US),
    ]
    effects += [
        Link(ticket.number, one) for one in (other.number if other else None, situation.sibling) if one
    ]
    if unanswerable is None:
        effects.append(letters.acknowledgement(ticket, message, situation, counter))
        effects.append(_event(ticket.number, "acknowledged", "a person wrote"))
    if not _hushed(situation, counter):
        news = News.of(Notice.NEW, message, other.number if other else "")
        effects += letters.notifications(ticket, news, situation, counter)
        if other is not None:
            effects += _told_of_stranger(other, ticket, message, situation, counter)
    return Decision(Handling.OPENED, reason, ticket.number, tuple(effects))


def _told_of_stranger(
    other: Ticket, own: Ticket, message: Message, situation: Situation, counter: Counter
) -> list[Effect]:
    event = _event(other.number, "stranger", f"{own.requester_address} wrote about it: {own.number}")
    if other.holder is None:  # the same people have just heard of the new ticket and its link
        return [event]
    news = News(Notice.STRANGER, message.author, other_number=own.number)
    return [event, *letters.notifications(other, news, situation, counter)]


def _why_opened(unanswerable: str | None, other: Ticket | None, how: str, oversize: int) -> str:
    parts = ["a new matter" if other is None else f"cites {other.number} ({how}) but is not of it: linked"]
    if oversize:
        parts.append(
            f"{oversize} octets are over message_mib: only its header was read, set aside on the server"
        )
    if unanswerable:
        parts.append(f"not acknowledged: {unanswerable}")
    return "; ".join(parts)


def _new_ticket(message: Message, situation: Situation, counter: Counter, *, silent: bool) -> Ticket:
    author = _author(message)
    work = counter.desk.work_of(counter.desk.default_work)
    due_at = sla.due_at(work, situation.received_at, None, counter.calendar)
    return Ticket(
        number=situation.number,
        desk=counter.key,
        status=Status.NEW,
        level=0,
        holder=None,
        outcome=None,
        channel="mail",
        subject=message.subject,
        requester_name=author.name,
        requester_address=author.address,
        category=None,
        work=work.code if work else None,
        priority=3,
        confidential=False,
        received_at=situation.received_at,
        notified_at=None,
        first_response_at=None,
        promised_due_at=None,
        due_at=due_at,
        resolved_at=None,
        closed_at=None,
        reopened=0,
        silent=silent,
    )


def _unanswerable(message: Message, situation: Situation, counter: Counter) -> str | None:
    """Why no machine of ours may answer this mail; None when one may (RFC 3834, section 2)."""
    author = message.author
    if author is None:
        return "no single author"
    if not writable(author.address):
        return "no mail can be sent to its author"
    if message.automatic is not None:
        return message.automatic.reason
    if any(desk.is_own_address(author.address) for desk in counter.desks.values()):
        return "written from an address of our own"
    if situation.silent:
        return "found in a rebuilt mailbox"
    first = _addressed_first(message, counter)
    if first is None:
        return "this desk is not among its recipients"
    if first != counter.key:
        return f"desk {first} is named first and answers"
    if situation.automatic_lately >= counter.limits.acks_per_sender_per_hour:
        return "this sender had enough automatic mail for an hour"
    return "this desk sent enough automatic mail for an hour" if situation.desk_exhausted else None


def _addressed_first(message: Message, counter: Counter) -> str | None:
    """Key of the desk named first, To before Cc; None when this one is not named at all."""
    named = [
        key
        for recipient in (*message.to, *message.cc, *message.resent_to)
        for key, desk in counter.desks.items()
        if desk.is_own_address(recipient.address)
    ]
    return named[0] if counter.key in named else None


def _hushed(situation: Situation, counter: Counter) -> bool:
    """Whether staff are spared: a flood of one sender, a rebuilt mailbox, or a desk at its limit."""
    return (
        situation.silent
        or situation.mails_lately >= counter.limits.notices_per_sender_per_hour
        or situation.desk_exhausted
    )


# --- time -------------------------------------------------------------------------------------------------


def close_silent(ticket: Ticket, now: datetime) -> Decision:
    """A resolved ticket that stayed silent for `close_after` is closed without a mail."""
    reason = "resolved and silent"
    return Decision(
        Handling.FILED,
        reason,
        ticket.number,
        (SaveTicket(orders.closed(ticket, now)), _event(ticket.number, "closed", reason)),
    )


# --- small things -----------------------------------------------------------------------------------------

_PREFIXES = re.compile(
    r"(?:\s*(?:re|bls|balas|balasan|fwd?|fw|trs|tr|terusan|diteruskan)(?:\[\d+\])?\s*[:：]|\s*\[[^\]]*\])+",
    re.IGNORECASE,
)


def same_subject(one: str, other: str) -> bool:
    """Whether two subjects are one but for prefixes and tags."""
    return _bare_subject(one) == _bare_subject(other)


def _bare_subject(subject: str) -> str:
    match = _PREFIXES.match(subject)
    return " ".join(subject[match.end() if match else 0 :].casefold().split())


def _author(message: Message) -> Address:
    return message.author or (message.authors[0] if message.authors else NOBODY)


def _said(number: str, kind: MessageKind, message: Message) -> AddMessage:
    return AddMessage(
        number, True, kind, _author(message), message.subject, message.reply_text, message.attachments
    )


def _event(number: str, what: str, reason: str, actor: str = US) -> AddEvent:
    return AddEvent(number, actor, what, reason)


def sends(decision: Decision) -> tuple[Send, ...]:
    """The mails that a decision sends."""
    return tuple(effect for effect in decision.effects if isinstance(effect, Send))
