"""What becomes of a mail in which staff want something done?"""

from dataclasses import dataclass, replace
from datetime import timedelta

from mailgate.desk import letters, orders
from mailgate.desk.case import Case, Hand, Refused, Tell, telling
from mailgate.desk.changes import answered
from mailgate.desk.commands import Command, Destination, Order, confirms, order
from mailgate.desk.decision import (
    AddMessage,
    AskConfirmation,
    Decision,
    Effect,
    Handling,
    Letter,
    MessageKind,
    Notice,
    OpenTicket,
    ReceiptLine,
    Result,
    SaveTicket,
    Send,
    SettleConfirmation,
    Template,
    Warned,
)
from mailgate.desk.followup import ConfirmationReply, StaffReply, Unproven, survivor
from mailgate.desk.letters import News
from mailgate.desk.opening import event
from mailgate.desk.people import author_of, holder_of, may_see, readers, without_addresses_of_staff
from mailgate.desk.situation import Counter, Situation
from mailgate.desk.ticket import Ticket
from mailgate.message.ids import index, ref_ids, token_of
from mailgate.message.message import AttachmentKind, Message
from mailgate.settings import Staff

CONFIRMATIONS_PER_DAY = 5
"""Unanswered ones to one person; then the admins are warned once."""
CONFIRMED_WITHIN = timedelta(hours=24)
MEBIBYTE = 1024 * 1024
QUERIES = frozenset({Command.LIST, Command.SHOW})
"""Their answer is a mail of its own."""


def ordered(found: StaffReply, message: Message, situation: Situation, counter: Counter) -> Decision:
    """Proven: carried out as a whole, or refused as a whole with a receipt."""
    number = found.ticket.number if found.ticket else None
    if situation.silent:  # old words of staff are kept for people to look at, and not carried out
        reason = f"{found.staff.address} wrote it long ago, found in a rebuilt mailbox: kept as a note"
        kept = (note(number, message), event(number, "noted", reason)) if number else ()
        return Decision(Handling.FILED, reason, number, kept)
    result = _worked_out(found, message, situation, counter)
    who = f"{found.staff.address} proven {found.how}"
    if isinstance(result, Refused):
        letter = letters.refused((*result.lines, *result.fine), _shown_to(found, counter), counter)
        why = ", ".join(f"{line.typed or 'text'}: {line.result}" for line in result.lines)
        told: list[Effect] = [letters.receipt(found.staff, message, letter, situation, counter)]
        if number:
            told.insert(0, event(number, "order_refused", why, found.staff.address))
        return Decision(Handling.COMMANDED, f"{who}; nothing done, told why ({why})", number, tuple(told))
    what = ", ".join(line.typed or line.result.value for line in result.case.lines)
    effects = _effects(result, found, message, situation, counter)
    return Decision(Handling.COMMANDED, f"{who}: {what}", result.case.number, effects)


def _shown_to(found: StaffReply, counter: Counter) -> Ticket | None:
    """Of a ticket that somebody may not see they do not even read the subject."""
    seen = found.ticket is not None and may_see(found.ticket, found.staff, counter)
    return found.ticket if seen else None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """An order that can be carried out, with the words that go with it."""

    case: Case
    asked: Order
    words: AddMessage | None = None
    relayed: tuple[Send, ...] = ()


def _worked_out(
    found: StaffReply, message: Message, situation: Situation, counter: Counter
) -> _Outcome | Refused:
    asked = _asked(message)
    ticket = found.ticket
    if ticket is not None and not asked.has(Command.SPLIT):
        ticket = survivor(ticket.number, situation.tickets)
    if ticket is not None and not may_see(ticket, found.staff, counter):
        return Refused((ReceiptLine("", Result.NOT_ALLOWED),))
    hand = Hand(found.staff, situation, counter, message, asked, found.answered)
    case = orders.carry_out(asked, Case(ticket.number if ticket else None, situation.tickets), hand)
    if isinstance(case, Refused):
        return case
    if not asked.text and case.public is None:
        return _Outcome(case, asked)
    if case.ticket is None:
        return Refused((ReceiptLine("", Result.NO_TICKET),))
    destination = asked.destination or Destination(counter.desk.replies_of(found.staff))
    if destination is Destination.PUBLIC:
        return _relayed(case, case.ticket, hand)
    return _noted(case, case.ticket, hand)


def _asked(message: Message) -> Order:
    """What is written, refused where it cannot be told from what we wrote ourselves."""
    if message.oversize:
        return Order((), "", None, (ReceiptLine("", Result.TOO_LARGE),))
    if any(_is_ours(one.data) for one in message.attachments if one.kind is AttachmentKind.MESSAGE):
        return Order((), "", None, (ReceiptLine("", Result.QUOTE_INSIDE),))
    return order(message.own_words)


def _is_ours(attached: bytes) -> bool:
    """Whether an attached mail is ours: one that we sent to staff would go to the requester with the words.

    Exchange writes the text anew in base64, where no Ref can be seen; the Message-ID stays.
    """
    own = index(attached).message_id
    return bool(ref_ids(attached.decode("ascii", "replace"))) or (own is not None and bool(token_of(own)))


def _relayed(case: Case, ticket: Ticket, hand: Hand) -> _Outcome | Refused:
    """A person's words, to everybody who belongs to the ticket."""
    if ticket.requester_address and not readers(ticket):
        return Refused((ReceiptLine("", Result.UNREACHABLE, ticket.requester_address),))
    before = hand.situation.tickets.get(ticket.number, ticket)
    ticket = answered(ticket, hand.staff, hand.now)
    said = "\n".join(one for one in (case.reason, hand.text) if one)
    words = without_addresses_of_staff(said, hand.counter)
    letter = Letter(
        author=hand.staff.name,
        attachments=hand.message.attachments,
        survey=case.public is Template.RESOLUTION and ticket.survey_asked_at == hand.now,
    )
    # A reason begins on the command's line, and where mail programs break lines it goes on below.
    letter = replace(letter, reason=words) if case.reason else replace(letter, text=words)
    relayed = letters.relay(case.public or Template.REPLY, ticket, letter, hand.situation, hand.counter)
    case = replace(case, tickets={**case.tickets, ticket.number: ticket})
    if hand.order.destination is None:
        case = _with_line(case, Result.REPLIED)
    case = _told_to_colleagues(case, before, hand)
    return _Outcome(case, hand.order, _words(ticket.number, said, hand.message, public=True), relayed)


def _told_to_colleagues(case: Case, before: Ticket, hand: Hand) -> Case:
    """The first reply takes the ticket and the others get one line; whoever is second is warned."""
    holder = holder_of(before, hand.counter)
    if holder == hand.staff:
        return case
    if before.holder is not None and before.first_response_at is not None:
        case = _with_line(case, Result.ANSWERED_BEFORE, holder.name if holder else before.holder)
    told = any(tell.notice is Notice.TAKEN for tell in case.tells)
    others = tuple(one for one in letters.responsible(before, hand.counter) if one != hand.staff)
    return case if told else telling(case, Tell(Notice.ANSWERED, others, text=hand.text))


def _noted(case: Case, ticket: Ticket, hand: Hand) -> _Outcome:
    """Internal words: whoever works on the ticket hears of a colleague's."""
    if hand.order.destination is None:
        case = _with_line(case, Result.NOTED)
    if not case.tells:  # else they stand in what is told already
        level = hand.counter.desk.level_of(hand.staff)
        if ticket.holder is not None or level > 0:
            case = telling(case, Tell(Notice.NOTE, _who_works_on(ticket, hand), text=hand.text))
    return _Outcome(case, hand.order, _words(ticket.number, hand.text, hand.message, public=False))


def _who_works_on(ticket: Ticket, hand: Hand) -> tuple[Staff, ...]:
    """Whoever is responsible; the front line where that is nobody but the writer."""
    others = tuple(one for one in letters.responsible(ticket, hand.counter) if one != hand.staff)
    return others if others or ticket.holder else hand.counter.desk.level_staff(0)


def _with_line(case: Case, result: Result, detail: str = "") -> Case:
    return replace(case, lines=(*case.lines, ReceiptLine("", result, detail)))


def _words(number: str, text: str, message: Message, *, public: bool) -> AddMessage | None:
    if not text and not message.attachments:
        return None
    kind = MessageKind.REPLY if public else MessageKind.NOTE
    return AddMessage(number, False, kind, author_of(message), message.subject, text, message.attachments)


def note(number: str, message: Message) -> AddMessage:
    """All that they wrote, for colleagues to look at."""
    author = author_of(message)
    return AddMessage(
        number, False, MessageKind.NOTE, author, message.subject, message.reply_text, message.attachments
    )


# --- what follows -----------------------------------------------------------------------------------------


def _effects(
    outcome: _Outcome, found: StaffReply, message: Message, situation: Situation, counter: Counter
) -> tuple[Effect, ...]:
    case, asked = outcome.case, outcome.asked
    effects: list[Effect] = [
        OpenTicket(case.tickets[one.ticket.number]) if isinstance(one, OpenTicket) else one
        for one in case.effects
    ]
    effects += [
        SaveTicket(ticket)
        for number, ticket in case.tickets.items()
        if number in situation.tickets and ticket != situation.tickets[number]
    ]
    if case.number is not None:
        effects += [_line_event(case.number, line, found.staff) for line in case.lines]
    if outcome.words is not None:
        effects.append(outcome.words)
    effects += [*outcome.relayed, *(_up_to_date(one, case, counter) for one in case.sends)]
    for tell in case.tells:
        effects += _told(tell, case, found.staff, situation, counter)
    if case.shown is not None:
        effects.append(_shown(case, found.staff, message, situation, counter))
    if not _needs_no_receipt(asked, case):
        effects.append(_receipt(outcome, found.staff, message, situation, counter))
    return tuple(effects)


def _up_to_date(send: Send, case: Case, counter: Counter) -> Send:
    """A line below it may have changed the ticket that a mail tells of: "#lapor", then "#jenis"."""
    ticket = case.tickets.get(send.letter.ticket.number) if send.letter.ticket else None
    if ticket is None or send.letter.ticket is None:
        return send
    known = replace(ticket, subject=send.letter.ticket.subject)  # whoever was merged reads their own
    return replace(send, letter=replace(send.letter, ticket=known, promise=letters.promise(ticket, counter)))


def _line_event(number: str, line: ReceiptLine, staff: Staff) -> Effect:
    typed = f"typed {line.typed}" if line.typed else "a reply"
    reason = f"{typed} ({line.detail})" if line.detail else typed
    return event(number, line.result.value, reason, staff.address)


def _told(tell: Tell, case: Case, staff: Staff, situation: Situation, counter: Counter) -> tuple[Send, ...]:
    ticket = case.tickets[tell.number or case.number or ""]
    news = News(
        tell.notice, letters.mailbox_of(staff), tell.text, tell.other_number, None, tell.reason, tell.template
    )
    if tell.template is not Template.NOTIFICATION:
        news = replace(news, text=situation.requests.get(ticket.number, ""))
    return letters.notifications(ticket, news, situation, counter, tell.to)


def _needs_no_receipt(asked: Order, case: Case) -> bool:
    """A plain reply goes out like any mail; what was only asked for is its own answer."""
    if not asked.lines:
        return all(line.result is not Result.ANSWERED_BEFORE for line in case.lines)
    return all(line.command in QUERIES for line in asked.lines)


def _shown(case: Case, staff: Staff, message: Message, situation: Situation, counter: Counter) -> Send:
    shown = case.shown or ()
    one = shown[0] if any(line.result is Result.SHOWN for line in case.lines) else None
    letter = Letter(
        ticket=one,
        tickets=shown,
        text=situation.requests.get(one.number, "") if one else "",
        history=situation.history.get(one.number, ()) if one else (),
        promise=letters.promise(one, counter) if one else "",
    )
    return letters.listing(staff, message, letter, situation, counter)


def _receipt(
    outcome: _Outcome, staff: Staff, message: Message, situation: Situation, counter: Counter
) -> Send:
    case, relayed = outcome.case, outcome.relayed
    wanted = any(line.result is Result.ATTACHMENTS for line in case.lines)
    carried, left_out = letters.fitting(
        situation.attachments.get(case.number or "", ()) if wanted else (),
        counter.limits.message_mib * MEBIBYTE // 2,  # base64 and the servers on the way want their share
    )
    said = [one.letter for one in relayed[:1]]
    letter = Letter(
        ticket=case.ticket,
        lines=case.lines,
        text=said[0].reason or said[0].text if said else "",
        requester_was_sent=bool(relayed or case.sends),
        reaches=tuple(one.to.address for one in relayed or case.sends),
        promise=letters.promise(case.ticket, counter) if case.ticket else "",
        attachments=carried,
        left_out=left_out,
        figures=case.figures,
    )
    return letters.receipt(staff, message, letter, situation, counter)


# --- without proof: design, section 6 ---------------------------------------------------------------------


def unproven(found: Unproven, message: Message, situation: Situation, counter: Counter) -> Decision:
    """Nothing is done; the real person is asked, and after too many questions the admins are warned."""
    person, number = found.staff.address, found.number
    reason = f"From says {person}, and nothing proves it ({found.why}): nothing done"
    effects: list[Effect] = [event(number, "refused", reason)] if number else []
    answers_a_question = any(one.template == Template.CONFIRMATION for one in situation.sent)
    if not situation.silent and message.own_words and not answers_a_question:
        effects += _asked_back(found, message, situation, counter)
    return Decision(Handling.REFUSED, reason, number, tuple(effects))


def _asked_back(found: Unproven, message: Message, situation: Situation, counter: Counter) -> list[Effect]:
    ticket = situation.tickets.get(found.number) if found.number else None
    if situation.unanswered < CONFIRMATIONS_PER_DAY:
        lines = _foreseen(StaffReply(found.staff, ticket, None, ""), message, situation, counter)
        asked = letters.confirmation(found.staff, message, ticket, lines, counter)
        return [AskConfirmation(found.staff.address), asked]
    kind = f"unanswered:{found.staff.address}"
    if kind in situation.told_lately:
        return []
    trouble = (
        f"{situation.unanswered} mails in the name of {found.staff.address} within a day had no proof, and "
        f"nobody answered whether they are real: no more questions today. Is somebody forging that address?"
    )
    return [Warned(kind), *letters.alert(trouble, counter)]


def suspected(found: StaffReply, message: Message, situation: Situation, counter: Counter) -> list[Effect]:
    """Words of staff that look like a machine's: a person would want to hear that nothing was done."""
    if found.ticket is None or situation.unanswered >= CONFIRMATIONS_PER_DAY:
        return []
    lines = _foreseen(found, message, situation, counter)
    asked = letters.confirmation(found.staff, message, found.ticket, lines, counter, suspected=True)
    return [AskConfirmation(found.staff.address), asked]


def _foreseen(
    found: StaffReply, message: Message, situation: Situation, counter: Counter
) -> tuple[ReceiptLine, ...]:
    """What a yes would do, line by line."""
    result = _worked_out(found, message, situation, counter)
    return result.lines if isinstance(result, Refused) else result.case.lines


def confirmed(found: ConfirmationReply, message: Message, situation: Situation, counter: Counter) -> Decision:
    """A yes has the mail decided once more, with proof, once and within a day; anything else discards it."""
    number, mail_id = found.answered.number, found.answered.mail_id
    asked = situation.asked.get(mail_id) if mail_id is not None else None
    person = found.staff.address
    if mail_id is None or asked is None or asked.settled:
        return Decision(Handling.REFUSED, f"{person} answered this question before: nothing done", number)
    if abs(situation.now - asked.asked_at) > CONFIRMED_WITHIN:
        ticket = situation.tickets.get(number) if number else None
        letter = letters.refused([ReceiptLine("", Result.EXPIRED)], ticket, counter)
        told = letters.receipt(found.staff, message, letter, situation, counter)
        reason = f"{person} was asked more than a day ago: nothing done"
        return Decision(Handling.REFUSED, reason, number, (SettleConfirmation(mail_id, False), told))
    if confirms(message.own_words):
        reason = f"{person} said yes to mail {mail_id}: it is carried out"
        yes: tuple[Effect, ...] = (SettleConfirmation(mail_id, True),)
        return Decision(Handling.COMMANDED, reason, number, (*yes, *_noticed(number, reason, person)))
    reason = f"{person} did not say yes to mail {mail_id}: discarded, the admins are told"
    about = f"a mail in their name about {number or 'no ticket'} (mail {mail_id})"
    trouble = f"{person} was asked whether {about} is theirs, and did not say yes."
    effects = (SettleConfirmation(mail_id, False), *_noticed(number, reason, person))
    return Decision(Handling.REFUSED, reason, number, (*effects, *letters.alert(trouble, counter)))


def _noticed(number: str | None, reason: str, person: str) -> tuple[Effect, ...]:
    return (event(number, "confirmation", reason, person),) if number else ()
