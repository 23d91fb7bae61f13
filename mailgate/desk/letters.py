"""Which mail goes to whom, and on which thread?"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from mailgate.desk.decision import (
    Agenda,
    Audience,
    AutoSubmitted,
    Due,
    FloodNews,
    Letter,
    Notice,
    ReceiptLine,
    Send,
    Template,
    Withdrawn,
)
from mailgate.desk.people import holder_of, may_see, readers, without_addresses_of_staff
from mailgate.desk.situation import Counter, Situation
from mailgate.desk.ticket import Ticket
from mailgate.message.message import Address, Attachment, Message, writable
from mailgate.settings import Staff

MEBIBYTE = 1024 * 1024


# --- to requesters ----------------------------------------------------------------------------------------


def acknowledgement(
    ticket: Ticket, message: Message | None, situation: Situation, counter: Counter
) -> tuple[Send, ...]:
    """Tell the requester the number. It echoes nothing of a stranger's words but a cleaned subject.

    `message` is theirs that is answered; None where staff entered the report. Nothing leaves to nowhere.
    """
    calendar = counter.calendar
    closed = None if calendar.is_open(ticket.received_at) else calendar.next_open(ticket.received_at)
    letter = Letter(
        ticket=ticket,
        promise=promise(ticket, counter),
        opens_at=closed,
        incident=ticket.category is not None and ticket.category == counter.desk.incident_category,
        oversize=message.oversize if message else 0,
    )
    kind = AutoSubmitted.REPLIED if message else AutoSubmitted.GENERATED
    return _to_requester(Template.ACKNOWLEDGEMENT, ticket, letter, kind, situation, message)


def answer(
    template: Template, ticket: Ticket, to: Address, message: Message, situation: Situation, counter: Counter
) -> Send:
    """The direct automatic answer (REOPENED, PUBLIC_STATUS) to somebody who belongs to the ticket."""
    letter = Letter(ticket=ticket, promise=promise(ticket, counter))
    return _public(template, ticket, to, letter, AutoSubmitted.REPLIED, situation, message)


def relay(
    template: Template, ticket: Ticket, letter: Letter, situation: Situation, counter: Counter
) -> tuple[Send, ...]:
    """Words that staff wrote, from the desk to everybody who belongs to the ticket.

    Without Auto-Submitted where it carries a person's words (RFC 3834, section 5.2).
    """
    full = replace(letter, ticket=ticket, promise=promise(ticket, counter))
    kind = None if letter.text or letter.reason else AutoSubmitted.GENERATED
    return tuple(_public(template, ticket, to, full, kind, situation, None) for to in readers(ticket))


def question_again(ticket: Ticket, situation: Situation, counter: Counter) -> tuple[Send, ...]:
    """What the requester was asked and has not answered; nothing where no question is known."""
    asked = without_addresses_of_staff(situation.questions.get(ticket.number, ""), counter)
    letter = Letter(ticket=ticket, text=asked, again=True, promise=promise(ticket, counter))
    kind = AutoSubmitted.GENERATED
    return _to_requester(Template.QUESTION, ticket, letter, kind, situation, None) if asked else ()


def farewell(ticket: Ticket, situation: Situation, counter: Counter) -> tuple[Send, ...]:
    """Tell the requester that the ticket was closed for want of an answer."""
    letter = Letter(ticket=ticket, promise=promise(ticket, counter))
    return _to_requester(Template.CLOSED, ticket, letter, AutoSubmitted.GENERATED, situation, None)


def merged(surviving: Ticket, gone: Ticket, situation: Situation, counter: Counter) -> tuple[Send, ...]:
    """Tell both requesters, and neither anything of the other."""
    letter = Letter(ticket=surviving, other_number=gone.number, promise=promise(surviving, counter))
    told = {one.requester.key: one for one in (surviving, gone) if not one.silent}
    return tuple(
        replace(sent, letter=replace(letter, ticket=replace(surviving, subject=own.subject)))
        for own in told.values()
        for sent in _to_requester(Template.MERGED, own, letter, AutoSubmitted.GENERATED, situation, None)
    )


def _to_requester(
    template: Template,
    ticket: Ticket,
    letter: Letter,
    automatic: AutoSubmitted | None,
    situation: Situation,
    answered: Message | None,
) -> tuple[Send, ...]:
    if not writable(ticket.requester_address):
        return ()
    return (_public(template, ticket, ticket.requester, letter, automatic, situation, answered),)


def _public(
    template: Template,
    ticket: Ticket,
    to: Address,
    letter: Letter,
    automatic: AutoSubmitted | None,
    situation: Situation,
    answered: Message | None,
) -> Send:
    thread = situation.threads.get((ticket.number, to.key), ())
    if answered is not None and answered.message_id:
        thread = (*(one for one in thread if one != answered.message_id), answered.message_id)
    letter = replace(letter, ticket=_as_known_to(to, ticket, situation))
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


def _as_known_to(to: Address, ticket: Ticket, situation: Situation) -> Ticket:
    """With the subject of their own mail, for those whose ticket was merged into this one."""
    if to.key == ticket.requester.key:
        return ticket
    theirs = (
        one for one in situation.tickets.values() if one.merged_into == ticket.number and one.knows(to.key)
    )
    own = next(theirs, None)
    return replace(ticket, subject=own.subject) if own else ticket


# --- to staff ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class News:
    """What staff are told of a ticket."""

    notice: Notice | None
    """For NOTIFICATION."""
    author: Address | None
    """Who caused it; None where no person did."""
    text: str = ""
    other_number: str = ""
    message: Message | None = None
    """The mail that brought it; None where none did, or where its content is nobody's business here."""
    reason: str = ""
    template: Template = Template.NOTIFICATION
    causes: tuple[Due, ...] = ()
    flood: FloodNews | None = None
    withdrawn: Withdrawn | None = None

    @classmethod
    def of(cls, notice: Notice, message: Message, other_number: str = "") -> Self:
        """What somebody wrote."""
        return cls(notice, message.author, message.reply_text, other_number, message)


def notifications(
    ticket: Ticket,
    news: News,
    situation: Situation,
    counter: Counter,
    to: Sequence[Staff] | None = None,
) -> tuple[Send, ...]:
    """Tell `to`, else the holder, else the level's staff; never somebody about their own act.

    Of a confidential ticket only admin and head hear, and those who have a copy of every complaint.
    """
    letter = Letter(
        ticket=ticket,
        text=news.text,
        author=str(news.author) if news.author else "",
        reason=news.reason,
        causes=news.causes,
        flood=news.flood,
        withdrawn=news.withdrawn,
        notice=news.notice,
        other_number=news.other_number,
        promise=promise(ticket, counter),
        history=situation.history.get(ticket.number, ()),
    )
    attachments: tuple[Attachment, ...] = ()
    if news.message is not None:
        letter, attachments = _told(letter, news.message), news.message.attachments
    elif news.template is not Template.NOTIFICATION:
        letter = replace(letter, left_out=situation.files.get(ticket.number, ()))
    letter, carried = _carried(letter, attachments, counter.desk.notify_attachments_mib * MEBIBYTE)
    author = counter.desk.staff_by_address(news.author.address) if news.author else None
    return tuple(
        _notification(ticket, staff, letter, carried, news.template, situation, counter)
        for staff in _hearers(ticket, news, to, counter)
        if staff != author
    )


_OF_THE_REQUESTER = frozenset({Notice.NEW, Notice.CONFIDENTIAL, Notice.FOLLOW_UP, Notice.REOPENED})
"""What those who have a copy of complaints read: the requester's words, and not those of colleagues."""


WITH_CONTENT = frozenset({Template.NOTIFICATION, Template.DELEGATION, Template.ESCALATION, Template.REMINDER})
"""What carries to staff words that a requester wrote, a subject at least."""
_CODE = re.compile(r"\b5[0-9][0-9](?:[ -]5\.[0-9]{1,3}\.[0-9]{1,3})?(?![0-9])")


def without_content(
    ticket: Ticket, address: str, refusal: str, situation: Situation, counter: Counter
) -> Send:
    """Once more to staff, after the server refused a mail for what stands in it.

    Nothing that the requester wrote, and of the server's words the code alone: they may quote it.
    """
    bare = replace(
        ticket,
        subject="",
        requester_name="",
        requester_phone="",
        requester_organisation="",
        requester_street="",
        participants=(),
        proposed=None,
        external_number=None,
    )
    code = _CODE.search(refusal)
    letter = Letter(
        ticket=bare,
        text=code.group() if code else "",
        notice=Notice.REFUSED,
        promise=promise(ticket, counter),
    )
    staff = counter.desk.staff_by_address(address) or _reader(address)
    return _notification(ticket, staff, letter, (), Template.NOTIFICATION, situation, counter)


def _hearers(ticket: Ticket, news: News, to: Sequence[Staff] | None, counter: Counter) -> tuple[Staff, ...]:
    hearers = tuple(to) if to is not None else responsible(ticket, counter)
    if not ticket.confidential:
        return hearers
    hearers = tuple(one for one in hearers if may_see(ticket, one, counter)) or counter.desk.leaders()
    return tuple(dict.fromkeys((*hearers, *(_in_copy(counter) if news.notice in _OF_THE_REQUESTER else ()))))


def _in_copy(counter: Counter) -> tuple[Staff, ...]:
    """Whoever hears of complaints (`copy_complaints_to`); one who is none of the staff can only read."""
    return tuple(
        counter.desk.staff_by_address(address) or _reader(address)
        for address in counter.desk.copy_complaints_to
    )


def _reader(address: str) -> Staff:
    return Staff(name=address, address=address, roles=("copy",))


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
    template: Template,
    situation: Situation,
    counter: Counter,
) -> Send:
    left_out = letter.left_out
    if counter.desk.level_of(staff) > 0:  # design, section 10: by themselves to the front line only
        left_out = (*left_out, *(replace(file, data=b"") for file in carried))
        carried = ()
    public = counter.desk.replies_of(staff) == "public"
    mine = replace(
        letter,
        reply_is_public=public,
        reads_only="copy" in staff.roles,
        attachments=carried,
        left_out=left_out,
    )
    thread = situation.threads.get((ticket.number, staff.address.casefold()), ())
    return _to_staff(template, staff, mine, AutoSubmitted.GENERATED, thread)


def receipt(staff: Staff, message: Message, letter: Letter, situation: Situation, counter: Counter) -> Send:
    """Tell a staff member what became of each line; only ever to somebody who is proven."""
    public = counter.desk.replies_of(staff) == "public"
    return _answer_to_staff(
        Template.RECEIPT, staff, message, replace(letter, reply_is_public=public), situation
    )


def listing(staff: Staff, message: Message, letter: Letter, situation: Situation, counter: Counter) -> Send:
    """What #daftar or #status asks for."""
    public = counter.desk.replies_of(staff) == "public"
    return _answer_to_staff(Template.LIST, staff, message, replace(letter, reply_is_public=public), situation)


def refused(lines: Iterable[ReceiptLine], ticket: Ticket | None, counter: Counter) -> Letter:
    """What a receipt says where nothing was done."""
    return Letter(ticket=ticket, lines=tuple(lines), promise=promise(ticket, counter) if ticket else "")


def confirmation(
    staff: Staff,
    message: Message,
    ticket: Ticket | None,
    lines: Iterable[ReceiptLine],
    counter: Counter,
    *,
    suspected: bool = False,
) -> Send:
    """Ask the real person, at the listed address, whether words in their name are theirs.

    `suspected`: not for want of proof, but because they look like a machine's. On no thread: who wrote it
    is not known, so none is theirs.
    """
    author = message.author or Address("", "")
    letter = Letter(
        ticket=ticket,
        text=message.own_words,
        author=author.address,
        lines=tuple(lines),
        reply_is_public=counter.desk.replies_of(staff) == "public",
        looks_automatic=suspected,
    )
    return _to_staff(Template.CONFIRMATION, staff, letter, AutoSubmitted.REPLIED, ())


def digest(staff: Staff, agenda: Agenda) -> Send:
    """The morning's list, on no thread."""
    return _to_staff(Template.DIGEST, staff, Letter(agenda=agenda), AutoSubmitted.GENERATED, ())


def alert(trouble: str, counter: Counter) -> tuple[Send, ...]:
    """Tell those who run the service; `trouble` is one English line."""
    letter = Letter(trouble=trouble)
    return tuple(
        Send(Template.ALERT, Audience.ADMIN, Address("", to), to, letter, AutoSubmitted.GENERATED)
        for to in counter.alert_to
    )


def _answer_to_staff(
    template: Template, staff: Staff, message: Message, letter: Letter, situation: Situation
) -> Send:
    number = letter.ticket.number if letter.ticket else ""
    thread = situation.threads.get((number, staff.address.casefold()), ())
    if message.message_id:
        thread = (*thread, message.message_id)
    return _to_staff(template, staff, letter, AutoSubmitted.REPLIED, thread)


def _to_staff(
    template: Template, staff: Staff, letter: Letter, automatic: AutoSubmitted, thread: tuple[str, ...]
) -> Send:
    return Send(
        template,
        Audience.STAFF,
        mailbox_of(staff),
        staff.address,
        letter,
        automatic,
        thread[-1] if thread else None,
        thread,
    )


# --- small things -----------------------------------------------------------------------------------------


def promise(ticket: Ticket, counter: Counter) -> str:
    """The standard's own words for this kind of work; "" where it makes none."""
    work = counter.desk.work_of(ticket.work)
    return work.promise if work else ""


def responsible(ticket: Ticket, counter: Counter) -> tuple[Staff, ...]:
    """The holder, or the level's staff where there is none, or the front line."""
    holder = holder_of(ticket, counter)
    if holder is not None:
        return (holder,)
    desk = counter.desk
    known = ticket.level < len(desk.levels)  # else the office has fewer levels than it had
    return (desk.level_staff(ticket.level) if known else ()) or desk.level_staff(0)


def mailbox_of(staff: Staff) -> Address:
    return Address(staff.name, staff.address)


def _carried(
    letter: Letter, attachments: tuple[Attachment, ...], room: int
) -> tuple[Letter, tuple[Attachment, ...]]:
    """The letter naming those that do not fit into the limit, and those that do, in their order."""
    carried, left_out = fitting(attachments, room)
    return replace(letter, left_out=(*letter.left_out, *left_out)), carried


def fitting(
    attachments: tuple[Attachment, ...], room: int
) -> tuple[tuple[Attachment, ...], tuple[Attachment, ...]]:
    """Those that fit into so many octets, in their order, and the names of those that do not."""
    carried: list[Attachment] = []
    left_out: list[Attachment] = []
    for attachment in attachments:
        if attachment.size <= room:
            room -= attachment.size
            carried.append(attachment)
        else:
            left_out.append(replace(attachment, data=b""))
    return tuple(carried), tuple(left_out)
