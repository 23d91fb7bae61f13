"""Who is acting, proven how, and on which ticket?"""

from dataclasses import dataclass
from datetime import timedelta

from mailgate.desk.commands import is_command_mail
from mailgate.desk.decision import Audience
from mailgate.desk.situation import Counter, SentMail, Situation
from mailgate.desk.ticket import Ticket
from mailgate.message.message import Address, Message
from mailgate.settings import Staff

PROOF_LASTS = timedelta(days=30)  # after the ticket closed


@dataclass(frozen=True, slots=True)
class StaffReply:
    """A staff member answers a mail that was sent to just that person."""

    ticket: Ticket
    staff: Staff
    proof: SentMail


@dataclass(frozen=True, slots=True)
class Unproven:
    """From says staff, and nothing proves it."""

    staff: Staff
    number: str | None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The requester writes again."""

    ticket: Ticket
    how: str


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody cites a ticket that is not theirs."""

    ticket: Ticket
    how: str


@dataclass(frozen=True, slots=True)
class Fresh:
    """A new matter."""


Route = StaffReply | Unproven | FollowUp | Stranger | Fresh


def route(message: Message, situation: Situation, counter: Counter) -> Route:
    """Find the ticket. A From header alone proves nothing; several authors are nobody."""
    author = message.author
    staff = counter.desk.staff_by_address(author.address) if author else None
    if author and staff:
        return _of_staff(author, staff, message, situation)
    return _of_public(author, situation)


def _of_staff(author: Address, staff: Staff, message: Message, situation: Situation) -> Route:
    proof = _proof(staff, situation)
    if proof is not None and proof.number is not None:
        return StaffReply(situation.tickets[proof.number], staff, proof)
    found = _of_public(author, situation)
    commands = is_command_mail(message.own_words)
    match found:
        case FollowUp() if not commands:
            return found  # staff with a complaint of their own
        case FollowUp(ticket=ticket) | Stranger(ticket=ticket):
            return Unproven(staff, ticket.number)
    return Unproven(staff, None) if commands else Fresh()


def _proof(staff: Staff, situation: Situation) -> SentMail | None:
    """The row of a mail that was sent to this person about a ticket (design, section 6)."""
    return next(
        (
            sent
            for sent in situation.sent
            if sent.audience is Audience.STAFF
            and sent.person_key == staff.address.casefold()
            and (ticket := situation.tickets.get(sent.number or "")) is not None
            and _still_valid(ticket, situation)
        ),
        None,
    )


def _still_valid(ticket: Ticket, situation: Situation) -> bool:
    return ticket.closed_at is None or situation.now - ticket.closed_at <= PROOF_LASTS


def _of_public(author: Address | None, situation: Situation) -> Route:
    cited = _candidates(situation)
    if author is not None:
        for number, how in cited:
            ticket = situation.tickets[number]
            if ticket.requester_address.casefold() == author.key:
                return FollowUp(ticket, how)
    for number, how in cited:
        return Stranger(situation.tickets[number], how)
    return Fresh()


def _candidates(situation: Situation) -> list[tuple[str, str]]:
    """(number, how it was found), the best evidence first: what it answers, references, subject tag."""
    found = [(sent.number or "", f"answers our mail {sent.token}") for sent in situation.sent]
    found += [(mail.number, f"cites their mail {mail.message_id}") for mail in situation.cited]
    found += [(number, "names the ticket in its subject") for number in situation.tagged]
    return [(number, how) for number, how in found if number in situation.tickets]
