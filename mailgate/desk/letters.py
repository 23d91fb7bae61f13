"""Which mail goes to whom, and on which thread?"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from mailgate.desk.decision import (
    Audience,
    AutoSubmitted,
    Letter,
    Notice,
    ReceiptLine,
    Send,
    Template,
)
from mailgate.desk.situation import Counter, Situation
from mailgate.desk.ticket import Ticket
from mailgate.message.message import Address, Attachment, Message
from mailgate.settings import Staff

MEBIBYTE = 1024 * 1024


def acknowledgement(ticket: Ticket, message: Message, situation: Situation, counter: Counter) -> Send:
    """Tell the requester the number. It echoes nothing of a stranger's words but a cleaned subject."""
    calendar = counter.calendar
    closed = None if calendar.is_open(ticket.received_at) else calendar.next_open(ticket.received_at)
    letter = Letter(
        ticket=ticket, promise=promise(ticket, counter), opens_at=closed, oversize=message.oversize
    )
    return _to_requester(Template.ACKNOWLEDGEMENT, ticket, letter, AutoSubmitted.REPLIED, situation, message)


def reopened(ticket: Ticket, message: Message, situation: Situation) -> Send:
    """Tell the requester that their answer opened the ticket again."""
    return _to_requester(
        Template.REOPENED, ticket, Letter(ticket=ticket), AutoSubmitted.REPLIED, situation, message
    )


def relay(
    template: Template,
    ticket: Ticket,
    text: str,
    author: Staff,
    attachments: tuple[Attachment, ...],
    situation: Situation,
) -> Send:
    """Words that staff wrote, from the desk to the requester: no Auto-Submitted (RFC 3834, section 5.2)."""
    letter = Letter(ticket=ticket, text=text, author=author.name, attachments=attachments)
    return _to_requester(template, ticket, letter, None, situation, None)


def _to_requester(
    template: Template,
    ticket: Ticket,
    letter: Letter,
    automatic: AutoSubmitted | None,
    situation: Situation,
    answered: Message | None,
) -> Send:
    to = Address(ticket.requester_name, ticket.requester_address)
    thread = situation.threads.get((ticket.number, to.key), ())
    if answered is not None and answered.message_id:
        thread = (*(one for one in thread if one != answered.message_id), answered.message_id)
    return Send(
        template,
        Audience.REQUESTER,
        to,
        to.address,
        letter,
        automatic,
        thread[-1] if thread else None,
        thread,
    )


@dataclass(frozen=True, slots=True)
class News:
    """What staff are told of a ticket."""

    notice: Notice
    author: Address | None
    """Who caused it; None where no person did."""
    text: str = ""
    other_number: str = ""
    message: Message | None = None
    """The mail that brought it; None where none did, or where its content is nobody's business here."""

    @classmethod
    def of(cls, notice: Notice, message: Message, other_number: str = "") -> Self:
        """What somebody wrote."""
        return cls(notice, message.author, message.reply_text, other_number, message)


def notifications(ticket: Ticket, news: News, situation: Situation, counter: Counter) -> tuple[Send, ...]:
    """Tell the holder, or the level's staff where nobody holds it; never somebody about their own act."""
    letter = Letter(
        ticket=ticket,
        text=news.text,
        author=str(news.author) if news.author else "",
        notice=news.notice,
        other_number=news.other_number,
        promise=promise(ticket, counter),
        history=situation.history.get(ticket.number, ()),
    )
    attachments: tuple[Attachment, ...] = ()
    if news.message is not None:
        letter, attachments = _told(letter, news.message), news.message.attachments
    carried, left_out = _carried(attachments, counter)
    author = counter.desk.staff_by_address(news.author.address) if news.author else None
    return tuple(
        _notification(ticket, staff, letter, carried, left_out, situation, counter)
        for staff in _responsible(ticket, counter)
        if staff != author
    )


def _told(letter: Letter, message: Message) -> Letter:
    """With what has to be said of a mail beside its words."""
    return replace(
        letter,
        content=message.content,
        invitation=message.invitation,
        feedback=message.feedback,
        oversize=message.oversize,
    )


def _notification(
    ticket: Ticket,
    staff: Staff,
    letter: Letter,
    carried: tuple[Attachment, ...],
    left_out: tuple[Attachment, ...],
    situation: Situation,
    counter: Counter,
) -> Send:
    level = counter.desk.level_of(staff)
    public = counter.desk.replies_of(staff) == "public"
    if level > 0:  # design, section 10: attachments go by themselves to the front line only
        carried, left_out = (), (*left_out, *carried)
    mine = replace(letter, reply_is_public=public, attachments=carried, left_out=left_out)
    thread = situation.threads.get((ticket.number, staff.address.casefold()), ())
    return Send(
        Template.NOTIFICATION,
        Audience.STAFF,
        Address(staff.name, staff.address),
        staff.address,
        mine,
        AutoSubmitted.GENERATED,
        thread[-1] if thread else None,
        thread,
    )


def receipt(
    ticket: Ticket,
    staff: Staff,
    message: Message,
    lines: Iterable[ReceiptLine],
    situation: Situation,
    sent: Send | None,
) -> Send:
    """Tell a staff member what became of each line; only ever to somebody who is proven."""
    letter = Letter(
        ticket=ticket,
        lines=tuple(lines),
        text=sent.letter.text if sent else "",
        requester_was_sent=sent is not None,
    )
    return _answer_to_staff(Template.RECEIPT, ticket.number, staff, message, letter, situation)


def refusal(
    staff: Staff, message: Message, number: str | None, situation: Situation, *, suspected: bool = False
) -> Send:
    """Tell the real person, at the listed address, that words in their name were not carried out.

    `suspected`: not for want of proof, but because they look like a machine's.
    """
    ticket = situation.tickets.get(number) if number else None
    author = message.author or Address("", "")
    letter = Letter(ticket=ticket, text=message.own_words, author=author.address, looks_automatic=suspected)
    send = _answer_to_staff(Template.CONFIRMATION, number or "", staff, message, letter, situation)
    return replace(send, in_reply_to=None, references=())  # who wrote it is not known: no thread is theirs


def _answer_to_staff(
    template: Template, number: str, staff: Staff, message: Message, letter: Letter, situation: Situation
) -> Send:
    thread = situation.threads.get((number, staff.address.casefold()), ())
    if message.message_id:
        thread = (*thread, message.message_id)
    return Send(
        template,
        Audience.STAFF,
        Address(staff.name, staff.address),
        staff.address,
        letter,
        AutoSubmitted.REPLIED,
        thread[-1] if thread else None,
        thread,
    )


def promise(ticket: Ticket, counter: Counter) -> str:
    """The standard's own words for this kind of work; "" where it makes none."""
    work = counter.desk.work_of(ticket.work)
    return work.promise if work else ""


def _responsible(ticket: Ticket, counter: Counter) -> tuple[Staff, ...]:
    holder = counter.desk.staff_by_address(ticket.holder) if ticket.holder else None
    if holder is not None:
        return (holder,)
    return counter.desk.level_staff(ticket.level) or counter.desk.level_staff(0)


def _carried(
    attachments: tuple[Attachment, ...], counter: Counter
) -> tuple[tuple[Attachment, ...], tuple[Attachment, ...]]:
    """Those that fit into the limit, in their order, and those that do not."""
    room = counter.desk.notify_attachments_mib * MEBIBYTE
    carried: list[Attachment] = []
    left_out: list[Attachment] = []
    for attachment in attachments:
        if attachment.size <= room:
            room -= attachment.size
            carried.append(attachment)
        else:
            left_out.append(replace(attachment, data=b""))
    return tuple(carried), tuple(left_out)
