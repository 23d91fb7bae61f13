"""What does a new ticket begin with?"""

from dataclasses import dataclass
from datetime import datetime

from mailgate.desk import sla
from mailgate.desk.decision import AddEvent, AddMessage, MessageKind
from mailgate.desk.people import author_of
from mailgate.desk.situation import Counter
from mailgate.desk.ticket import Status, Ticket
from mailgate.message.message import Address, Message

US = "mailgate"


@dataclass(frozen=True, slots=True)
class Matter:
    """What is reported, by whom, when."""

    requester: Address
    subject: str
    received_at: datetime
    channel: str = "mail"
    silent: bool = False


def new_ticket(number: str, matter: Matter, counter: Counter) -> Ticket:
    """A ticket that nobody has touched; its work is the desk's usual one."""
    work = counter.desk.work_of(counter.desk.default_work)
    return Ticket(
        number=number,
        desk=counter.key,
        status=Status.NEW,
        level=0,
        holder=None,
        outcome=None,
        channel=matter.channel,
        subject=matter.subject,
        requester_name=matter.requester.name,
        requester_address=matter.requester.address,
        category=None,
        work=work.code if work else None,
        priority=3,
        confidential=False,
        received_at=matter.received_at,
        notified_at=None,
        first_response_at=None,
        promised_due_at=None,
        due_at=sla.due_at(work, matter.received_at, None, counter.calendar),
        resolved_at=None,
        closed_at=None,
        reopened=0,
        silent=matter.silent,
    )


def event(number: str, what: str, reason: str, actor: str = US) -> AddEvent:
    return AddEvent(number, actor, what, reason)


def said(number: str, kind: MessageKind, message: Message) -> AddMessage:
    """What came in, for the history."""
    return AddMessage(
        number, True, kind, author_of(message), message.subject, message.reply_text, message.attachments
    )
