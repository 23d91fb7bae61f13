"""What is done about a mail, and why?

Nothing here touches the world: a Message and a Situation go in, a Decision comes out.
"""

import re
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from mailgate.desk import brakes, changes, courtesy, floods, letters, rules, ruling, staffmail, webmail
from mailgate.desk.commands import is_command_mail
from mailgate.desk.courtesy import Meaning
from mailgate.desk.decision import (
    Audience,
    CanaryBack,
    Decision,
    Effect,
    Flood,
    Handling,
    Link,
    MarkUndeliverable,
    MarkUnreachable,
    MessageKind,
    Notice,
    OpenTicket,
    SaveTicket,
    Send,
    Template,
    Warned,
)
from mailgate.desk.followup import (
    ConfirmationReply,
    FollowUp,
    Fresh,
    Route,
    StaffReply,
    Stranger,
    Unproven,
    route,
)
from mailgate.desk.letters import News
from mailgate.desk.opening import US, Matter, event, new_ticket, said
from mailgate.desk.people import author_of, holder_of, in_copy, is_a_desk, joined, may_join, requester_of
from mailgate.desk.rules import Ruling
from mailgate.desk.situation import Counter, SentMail, Situation
from mailgate.desk.ticket import Status, Ticket
from mailgate.message.message import Address, Automatic, AutomaticKind, Dsn, Message, writable
from mailgate.message.wire import same_mailbox
from mailgate.settings import Staff

LOOP_HOPS = 100  # RFC 5321, section 6.3: a count of Received fields that is normally at least 100


def decide(message: Message, situation: Situation, counter: Counter) -> Decision:
    """The way of every mail. Machines first, so that none of them is ever taken for a person."""
    if situation.by_hand and situation.own is None:  # whatever it looks like, it is no order and no report
        return webmail.sent_by_hand(message, situation, counter)
    if message.dsn is not None and situation.own is None:
        return _bounced(message.dsn, situation.reported, message, situation, counter)
    if (unheard := _unheard(message, situation, counter)) is not None:
        return unheard
    found = route(message, situation, counter)
    if message.automatic is not None and _answers_a_mail(message, message.automatic, found, situation):
        return _filed(message.automatic, found, message, situation, counter)
    match found:
        case StaffReply():
            return staffmail.ordered(found, message, situation, counter)
        case ConfirmationReply():
            return staffmail.confirmed(found, message, situation, counter)
        case Unproven():
            return staffmail.unproven(found, message, situation, counter)
        case FollowUp() | Stranger() | Fresh():
            return _of_public(found, message, situation, counter)
        case _:
            assert_never(found)


# --- machines ---------------------------------------------------------------------------------------------


def _canary(message: Message, situation: Situation, counter: Counter) -> SentMail | None:
    """Our marked mail to ourselves, by its Message-ID, or by its Ref line where a relay wrote another id.

    The copy in a folder of sent mail has not been anywhere.
    """
    from_us = message.author is not None and message.author.key == counter.desk.address.casefold()
    if situation.by_hand or not from_us:
        return None
    ours = (situation.own, *situation.sent)
    return next(
        (one for one in ours if one and one.template == Template.CANARY and one.desk == counter.key), None
    )


def _unheard(message: Message, situation: Situation, counter: Counter) -> Decision | None:
    """What is kept and nothing more; None for everything else."""
    if (canary := _canary(message, situation, counter)) is not None:
        return Decision(Handling.FILED, "the canary came back", None, (CanaryBack(canary.token),))
    if situation.own is not None:
        return Decision(Handling.FILED, "our own mail came back", situation.own.number)
    if message.received_count >= LOOP_HOPS:
        return Decision(Handling.FILED, f"a loop: {message.received_count} Received fields", None)
    if situation.blocked:
        return Decision(Handling.FILED, "staff silenced this sender: mailgate blocked list", None)
    return None


def _answers_a_mail(message: Message, automatic: Automatic, found: Route, situation: Situation) -> bool:
    """A vacation reply or read receipt, or a machine that writes in the name of staff.

    A suspicion does not undo a proven order; but words that may be a vacation reply are not relayed.
    """
    of_staff = isinstance(found, StaffReply | ConfirmationReply | Unproven)
    if automatic.kind is AutomaticKind.SUSPECTED and isinstance(found, StaffReply):
        return not (situation.confirmed or is_command_mail(message.own_words))
    return automatic.kind is AutomaticKind.RESPONSE or of_staff


def _filed(
    automatic: Automatic, found: Route, message: Message, situation: Situation, counter: Counter
) -> Decision:
    """Kept on the ticket it answers; changes nothing and is told to nobody.

    But words of staff that only look like a machine's may be a person's, who has to hear of it; and that
    the holder is away is told to the admins.
    """
    reason = f"a machine answered: {automatic.reason}"
    match found:
        case FollowUp(ticket=ticket):
            kept = said(ticket.number, MessageKind.AUTOMATIC, message)
            noticed = event(ticket.number, "automatic_reply", reason)
            return Decision(Handling.FILED, reason, ticket.number, (kept, noticed))
        case StaffReply(ticket=Ticket() as ticket, staff=staff):
            kept = staffmail.note(ticket.number, message)
            noticed = event(ticket.number, "automatic_reply", reason, staff.address)
            told: list[Effect] = []
            if automatic.kind is AutomaticKind.SUSPECTED:
                told = staffmail.suspected(found, message, situation, counter)
            elif holder_of(ticket, counter) == staff:
                told = _told_of_absence(
                    Notice.HOLDER_AWAY, staff, ticket, message.reply_text, situation, counter
                )
            return Decision(Handling.FILED, reason, ticket.number, (kept, noticed, *told))
    return Decision(Handling.FILED, reason, None)


def _told_of_absence(
    notice: Notice, staff: Staff, ticket: Ticket, text: str, situation: Situation, counter: Counter
) -> list[Effect]:
    """The holder does not read of their ticket: the admins are told, once a day for each ticket."""
    kind = f"{notice}:{ticket.number}:{staff.address}"
    if kind in situation.told_lately:
        return []
    others = tuple(one for one in counter.desk.level_staff(0) if one != staff) or tuple(
        one for one in counter.desk.leaders() if one != staff
    )
    news = News(notice, letters.mailbox_of(staff), text)
    told: tuple[Send, ...] = letters.notifications(ticket, news, situation, counter, others)
    if not told:
        told = letters.alert(f"{staff.address} has {ticket.number} and cannot be reached: {notice}", counter)
    return [Warned(kind), *told]


def _told_of_dead_address(
    staff: Staff, ticket: Ticket, text: str, situation: Situation, counter: Counter
) -> list[Effect]:
    """Never told to the address itself: no loop."""
    if holder_of(ticket, counter) == staff:
        return _told_of_absence(Notice.HOLDER_UNREACHABLE, staff, ticket, text, situation, counter)
    kind = f"dead:{staff.address}"
    if kind in situation.told_lately:
        return []
    return [Warned(kind), *letters.alert(f"mail to {staff.name} comes back: {text}", counter)]


def _bounced(
    dsn: Dsn, sent: SentMail | None, message: Message, situation: Situation, counter: Counter
) -> Decision:
    """A DSN is forged as easily as any mail: it counts only for a mail that went to just that recipient."""
    if sent is None or not _reports_on(dsn, sent):
        return Decision(Handling.FILED, "a delivery report on nothing that we sent", None)
    detail = _diagnosis(dsn)
    ticket = situation.tickets.get(sent.number) if sent.number else None
    if dsn.action != "failed":
        events = (event(ticket.number, dsn.action, detail),) if ticket else ()
        return Decision(Handling.FILED, f"delivery {dsn.action}: {detail}", sent.number, events)
    effects: list[Effect] = [MarkUndeliverable(sent.token, detail)]
    if brakes.speaks_of_address(detail):
        effects.append(MarkUnreachable(sent.recipient, sent.token, detail))
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
    """The ticket shows it; the holder is told once, of their own dead address the admins: no loop.

    But that words of staff did not arrive the holder hears each time.
    """
    effects: list[Effect] = [
        event(ticket.number, "undeliverable", f"{sent.template} to {sent.recipient}: {detail}")
    ]
    if message is not None:
        effects.append(said(ticket.number, MessageKind.BOUNCE, message))
    known = changes.unannounced(ticket, sent, counter)
    if known != ticket:  # nobody was told that the repair begins (domain, Q3)
        ticket = known
        effects += [SaveTicket(ticket), event(ticket.number, "notice_void", "the notice came back")]
    if sent.bounced or (sent.automatic and sent.came_back) or _hushed(situation, counter):
        return effects
    if sent.audience is Audience.REQUESTER:
        news = News(Notice.UNDELIVERABLE, None, f"{sent.recipient}: {detail}")
        effects += letters.notifications(ticket, news, situation, counter)
    elif staff := counter.desk.staff_by_address(sent.recipient):
        said_of_it = f"{sent.recipient}: {detail}"
        effects += _told_of_dead_address(staff, ticket, said_of_it, situation, counter)
    return effects


def _reports_on(dsn: Dsn, sent: SentMail) -> bool:
    return any(same_mailbox(recipient.address, sent.recipient) for recipient in dsn.recipients)


def _diagnosis(dsn: Dsn) -> str:
    worst = next((one for one in dsn.recipients if one.action == dsn.action), None)
    return " ".join(f"{worst.status} {worst.diagnostic}".split()) if worst else dsn.action


# --- the public -------------------------------------------------------------------------------------------


def _of_public(
    found: FollowUp | Stranger | Fresh, message: Message, situation: Situation, counter: Counter
) -> Decision:
    flood = situation.flood or floods.began(message, situation, counter)
    if flood is not None:
        return _flooded(flood, found, message, situation, counter)
    match found:
        case FollowUp():
            return _followed_up(found, message, situation, counter)
        case Stranger():
            return _opened(message, situation, counter, found)
        case Fresh():
            return _fresh(message, situation, counter)
        case _:
            assert_never(found)


def _flooded(
    flood: Flood,
    found: FollowUp | Stranger | Fresh,
    message: Message,
    situation: Situation,
    counter: Counter,
) -> Decision:
    """What would open a ticket goes to the flood's; what belongs to a ticket goes there. Nobody is told."""
    quiet, ticket = replace(situation, hushed=True), floods.holder(flood, situation)
    if isinstance(found, FollowUp) and _may_continue(found.ticket, situation, counter):
        base = _followed_up(found, message, quiet, counter)
    elif ticket is not None:
        base = floods.appended(ticket, message, situation, counter)
    else:
        base = _opened(message, quiet, counter, None if isinstance(found, Fresh) else found)
    if situation.flood is not None:
        return floods.grown(base, flood, situation)
    return floods.begun(base, flood, situation, counter)


def _may_continue(ticket: Ticket, situation: Situation, counter: Counter) -> bool:
    """A closed ticket opens again for a while only; later a reply is a matter of its own."""
    if ticket.closed_at is None:
        return True
    return situation.now <= counter.calendar.add(ticket.closed_at, counter.desk.reopen_within)


def _followed_up(found: FollowUp, message: Message, situation: Situation, counter: Counter) -> Decision:
    if message.automatic is not None and message.automatic.kind is not AutomaticKind.SUSPECTED:
        return _appended(
            found, MessageKind.AUTOMATIC, Notice.FOLLOW_UP, found.ticket, message, situation, counter
        )
    in_short = courtesy.meaning(message.own_words or message.subject)
    if in_short.meaning is Meaning.STATUS:
        return _asked_for_status(found, message, situation, counter)
    finished = found.ticket.status in changes.FINISHED
    if finished and in_short.meaning in {Meaning.THANKS, Meaning.SURVEY}:
        return _thanked(found, in_short.score, message, situation, counter)
    if not _may_continue(found.ticket, situation, counter):
        return _opened(message, situation, counter, found)
    ticket, notice = _with_people_in_copy(found, message, counter), Notice.FOLLOW_UP
    if message.automatic is None:
        ticket = changes.contacted(ticket, situation.now)
    if ticket.status is not Status.NEW:
        notice, ticket = _woken(ticket)
    return _appended(found, MessageKind.FOLLOW_UP, notice, ticket, message, situation, counter)


def _with_people_in_copy(found: FollowUp, message: Message, counter: Counter) -> Ticket:
    """Whom the requester puts in Cc takes part; a subject tag and a From alone bring nobody in."""
    author = author_of(message)
    if found.answered is None or author.key != found.ticket.requester.key:
        return found.ticket
    return joined(found.ticket, in_copy(message, counter))


def _appended(
    found: FollowUp,
    kind: MessageKind,
    notice: Notice,
    ticket: Ticket,
    message: Message,
    situation: Situation,
    counter: Counter,
) -> Decision:
    number, author = ticket.number, author_of(message)
    effects: list[Effect] = [
        said(number, kind, message),
        event(number, kind.value, found.how, author.address),
    ]
    if ticket != found.ticket:
        effects.append(SaveTicket(ticket))
    if notice is Notice.REOPENED:
        effects.append(event(number, notice.value, "the requester wrote again", author.address))
        if not ticket.silent and _unanswerable(message, situation, counter) is None:
            to = _stored(ticket, author)
            effects.append(letters.answer(Template.REOPENED, ticket, to, message, situation, counter))
    if not _hushed(situation, counter):
        effects += letters.notifications(ticket, News.of(notice, message), situation, counter)
    return Decision(Handling.APPENDED, found.how, number, tuple(effects))


def _stored(ticket: Ticket, author: Address) -> Address:
    """The address as the ticket has it: only such are ever written to."""
    known = (ticket.requester, *ticket.participants)
    return next((one for one in known if one.key == author.key), ticket.requester)


def _asked_for_status(found: FollowUp, message: Message, situation: Situation, counter: Counter) -> Decision:
    """STATUS is answered with what the public may know; it changes nothing and is told to nobody."""
    ticket, author = found.ticket, author_of(message)
    reason = f"asks for the status ({found.how})"
    effects: list[Effect] = [
        said(ticket.number, MessageKind.FOLLOW_UP, message),
        event(ticket.number, "status_asked", reason, author.address),
    ]
    if _unanswerable(message, situation, counter) is None:
        to = _stored(ticket, author)
        effects.append(letters.answer(Template.PUBLIC_STATUS, ticket, to, message, situation, counter))
    return Decision(Handling.APPENDED, reason, ticket.number, tuple(effects))


def _thanked(
    found: FollowUp, score: int | None, message: Message, situation: Situation, counter: Counter
) -> Decision:
    """A thank-you, or the survey's answer, does not open a ticket again; the holder may be glad of it."""
    ticket, author = found.ticket, author_of(message)
    asked = found.answered is not None and found.answered.template == Template.RESOLUTION
    asked = asked and ticket.survey_asked_at is not None
    counts = score is not None and asked and author.key == ticket.requester.key
    what = "survey" if counts else "thanked"
    reason = f"gives {score} of 4" if counts else "only courtesy, on a ticket that has ended"
    effects: list[Effect] = [
        said(ticket.number, MessageKind.FOLLOW_UP, message),
        event(ticket.number, what, reason, author.address),
    ]
    if counts:
        ticket = replace(ticket, survey=score)
        effects.append(SaveTicket(ticket))
    if ticket.holder is not None and not _hushed(situation, counter):
        effects += letters.notifications(ticket, News.of(Notice.COURTESY, message), situation, counter)
    return Decision(Handling.APPENDED, f"{reason} ({found.how})", ticket.number, tuple(effects))


def _woken(ticket: Ticket) -> tuple[Notice, Ticket]:
    match ticket.status:
        case Status.RESOLVED | Status.CLOSED:
            return Notice.REOPENED, changes.reopened(ticket)
        case _:
            return Notice.FOLLOW_UP, replace(ticket, status=Status.OPEN)


def _fresh(message: Message, situation: Situation, counter: Counter) -> Decision:
    if situation.same_subject is not None:
        number = situation.same_subject
        how = "the same sender and subject too often within an hour"
        kept = said(number, MessageKind.FOLLOW_UP, message)
        return Decision(Handling.APPENDED, how, number, (kept, event(number, "follow_up", how)))
    return _opened(message, situation, counter)


def _opened(
    message: Message, situation: Situation, counter: Counter, cites: FollowUp | Stranger | None = None
) -> Decision:
    """A ticket of its own; `cites` is one that it does not belong to, or that ended too long ago."""
    unanswerable = _unanswerable(message, situation, counter) or brakes.echo(message, situation)
    ticket, verdict = _ticket_for(message, situation, counter, cites, silent=unanswerable is not None)
    other = cites.ticket if cites else None
    reason = _why_opened(unanswerable, cites, message.oversize)
    effects: list[Effect] = [
        OpenTicket(ticket),
        said(ticket.number, MessageKind.FEEDBACK if message.feedback else MessageKind.REQUEST, message),
        event(ticket.number, "opened", reason, ticket.requester_address or US),
    ]
    if verdict is not None:
        what = "suggested" if verdict.set.suggest else "ruled"
        effects.append(event(ticket.number, what, verdict.why))
    effects += [
        Link(ticket.number, one) for one in (other.number if other else None, situation.sibling) if one
    ]
    if unanswerable is None:
        effects += letters.acknowledgement(ticket, message, situation, counter)
        effects.append(event(ticket.number, "acknowledged", "a person wrote"))
    elif (brake := brakes.full(author_of(message).address, situation, counter)) is not None:
        effects += brakes.warned(brake, situation.told_lately, counter)
    if not _hushed(situation, counter):
        news = News.of(Notice.NEW, message, other.number if other else "")
        effects += letters.notifications(ticket, news, situation, counter)
        if isinstance(cites, Stranger):
            effects += _told_of_stranger(cites.ticket, ticket, message, situation, counter)
    return Decision(Handling.OPENED, reason, ticket.number, tuple(effects))


def _told_of_stranger(
    other: Ticket, own: Ticket, message: Message, situation: Situation, counter: Counter
) -> list[Effect]:
    noticed = event(other.number, "stranger", f"{own.requester_address} wrote about it: {own.number}")
    if other.holder is None:  # the same people have just heard of the new ticket and its link
        return [noticed]
    news = News(Notice.STRANGER, message.author, other_number=own.number)
    return [noticed, *letters.notifications(other, news, situation, counter)]


def _why_opened(unanswerable: str | None, cites: FollowUp | Stranger | None, oversize: int) -> str:
    parts = ["a new matter"]
    if cites is not None:
        parts = [f"cites {cites.ticket.number} ({cites.how}) but is not of it: linked"]
    if oversize:
        parts.append(
            f"{oversize} octets are over message_mib: only its header was read, set aside on the server"
        )
    if unanswerable:
        parts.append(f"not acknowledged: {unanswerable}")
    return "; ".join(parts)


def _ticket_for(
    message: Message,
    situation: Situation,
    counter: Counter,
    cites: FollowUp | Stranger | None,
    *,
    silent: bool,
) -> tuple[Ticket, Ruling | None]:
    """And the rule that judged it."""
    requester, form = requester_of(message, counter)
    matter = Matter(requester, message.subject, situation.received_at, silent=silent or form)
    ticket = replace(
        new_ticket(situation.number, matter, counter),
        form=form,
        stranger_of=cites.ticket.number if isinstance(cites, Stranger) else None,
        proposed=_proposed(message, counter),
        confidential=isinstance(cites, FollowUp) and cites.ticket.confidential,
    )
    outside_hours = not counter.calendar.is_open(situation.received_at)
    verdict = rules.ruling(counter.desk.rules, message, outside_hours=outside_hours)
    ticket = ruling.judged(ticket, verdict, counter)
    if isinstance(cites, Stranger):  # #terima lets one person into the other ticket, and not whom they name
        return ticket, verdict
    return joined(ticket, in_copy(message, counter)), verdict


def _proposed(message: Message, counter: Counter) -> Address | None:
    """Whose mail staff passed on: proposed as the requester, and no more than that."""
    staff = counter.desk.staff_by_address(author_of(message).address)
    inner = message.forwarded.author if message.forwarded else None
    return inner if staff and inner and may_join(inner.address, counter) else None


def _unanswerable(message: Message, situation: Situation, counter: Counter) -> str | None:
    """Why no machine of ours may answer this mail; None when one may (RFC 3834, section 2)."""
    author = message.author
    if author is None:
        return "no single author"
    if not writable(author.address):
        return "no mail can be sent to its author"
    if message.automatic is not None:
        return message.automatic.reason
    if is_a_desk(author.address, counter):
        return "written from an address of our own"
    if situation.silent:
        return "found in a rebuilt mailbox"
    first = _addressed_first(message, counter)
    if first is None:
        return "this desk is not among its recipients"
    if first != counter.key:
        return f"desk {first} is named first and answers"
    brake = brakes.full(author.address, situation, counter)
    return brake.reason if brake is not None else None


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
    """Whether staff are spared: a flood of one sender, or a rebuilt mailbox."""
    return (
        situation.silent
        or situation.hushed
        or situation.mails_lately >= counter.limits.notices_per_sender_per_hour
    )


# --- time -------------------------------------------------------------------------------------------------


def begin(ticket: Ticket, token: str, now: datetime, counter: Counter) -> Decision:
    """The server accepted the notice that the repair begins: a notified clock runs from now.

    Noted whatever the work is: staff may say later which it is, and then it counts from here (domain, Q9).
    """
    reason = "the notice of the start was accepted"
    if ticket.notified_at is not None:
        return Decision(Handling.FILED, f"{reason}, and not the first", ticket.number)
    started = changes.notified(ticket, now, token, counter)
    effects = (SaveTicket(started), event(ticket.number, "notified", reason))
    return Decision(Handling.FILED, reason, ticket.number, effects)


# --- small things -----------------------------------------------------------------------------------------

_PREFIXES = re.compile(
    r"(?:\s*(?:re|bls|balas|balasan|fwd?|fw|trs|tr|terusan|diteruskan)(?:\[\d+\])?\s*[:：]|\s*\[[^\]]*\])+",
    re.IGNORECASE,
)


def same_subject(one: str, other: str) -> bool:
    """Whether two subjects are one but for prefixes and tags."""
    return _bare_subject(one) == _bare_subject(other)


def what_is_said(message: Message) -> str:
    """By which two mails of one sender are the same: subject and words; "" where there are no words."""
    words = message.reply_text.strip()
    return f"{_bare_subject(message.subject)}\n{words}" if words else ""


def _bare_subject(subject: str) -> str:
    match = _PREFIXES.match(subject)
    return " ".join(subject[match.end() if match else 0 :].casefold().split())


def sends(decision: Decision) -> tuple[Send, ...]:
    """The mails that a decision sends."""
    return tuple(effect for effect in decision.effects if isinstance(effect, Send))
