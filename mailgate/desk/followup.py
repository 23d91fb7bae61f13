"""Who is acting, proven how, and on which ticket?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from mailgate.desk.commands import is_command_mail
from mailgate.desk.decision import Audience, Template
from mailgate.desk.situation import Counter, SentMail, Situation
from mailgate.desk.ticket import Ticket
from mailgate.message.authentication import Dmarc, trusted
from mailgate.message.message import Address, Message
from mailgate.settings import Staff

PROOF_LASTS = timedelta(days=30)  # after the ticket closed; after the mail, where it was about none


@dataclass(frozen=True, slots=True)
class StaffReply:
    """A proven staff member wants something done."""

    staff: Staff
    ticket: Ticket | None
    """None: what is asked for needs none."""
    answered: SentMail | None
    """The mail of ours that this person answers."""
    how: str
    """What proves it."""


@dataclass(frozen=True, slots=True)
class ConfirmationReply:
    """A proven staff member answers the question whether words in their name are theirs."""

    staff: Staff
    answered: SentMail


@dataclass(frozen=True, slots=True)
class Unproven:
    """From says staff, and nothing proves it."""

    staff: Staff
    number: str | None
    why: str


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The requester or a participant writes again."""

    ticket: Ticket
    how: str
    answered: SentMail | None = None
    """The mail of ours that went to just this person; None: tag and From alone."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody cites a ticket that is not theirs."""

    ticket: Ticket
    how: str


@dataclass(frozen=True, slots=True)
class Fresh:
    """A new matter."""


Route = StaffReply | ConfirmationReply | Unproven | FollowUp | Stranger | Fresh


def route(message: Message, situation: Situation, counter: Counter) -> Route:
    """Find the ticket. A From header alone proves nothing; several authors are nobody."""
    author = message.author
    # Beyond ASCII other letters fold to ours ("ß" to "ss"), in domains that somebody else can register.
    plain = author is not None and author.address.isascii()
    staff = counter.desk.staff_by_address(author.address) if author and plain else None
    if author and staff:
        return _of_staff(author, staff, message, situation, counter)
    return _of_public(author, situation)


# --- staff ------------------------------------------------------------------------------------------------


def _of_staff(
    author: Address, staff: Staff, message: Message, situation: Situation, counter: Counter
) -> Route:
    found = _of_public(author, situation)
    own_matter = isinstance(found, FollowUp) or (isinstance(found, Fresh) and not situation.sent)
    answered = _answered(staff, situation)
    if own_matter and not is_command_mail(message.own_words) and not _is_for_staff(answered):
        return found  # staff with a matter of their own: like any requester
    proven, how = _proof(answered, message, situation, counter)
    if not proven:
        number = found.ticket.number if isinstance(found, FollowUp | Stranger) else None
        return Unproven(staff, number, how)
    if answered is not None and answered.template == Template.CONFIRMATION:
        return ConfirmationReply(staff, answered)
    return StaffReply(staff, _ticket_of(answered, found, situation), answered, how)


def _is_for_staff(answered: SentMail | None) -> bool:
    return answered is not None and answered.audience is Audience.STAFF


def _answered(staff: Staff, situation: Situation) -> SentMail | None:
    """The mail that was sent to just this person (design, section 6), those to them as staff first."""
    keys = {staff.address.casefold(), *(alias.casefold() for alias in staff.aliases)}
    theirs = [one for one in situation.sent if one.person_key in keys and _still_valid(one, situation)]
    return next((one for one in theirs if _is_for_staff(one)), theirs[0] if theirs else None)


def _still_valid(sent: SentMail, situation: Situation) -> bool:
    return situation.now - _ended_at(sent, situation) <= PROOF_LASTS


def _ended_at(sent: SentMail, situation: Situation) -> datetime:
    if sent.number is None:
        return sent.created_at
    ticket = situation.tickets.get(sent.number)
    if ticket is None:  # another desk's
        return situation.now - 2 * PROOF_LASTS
    return ticket.closed_at or situation.now


def _proof(
    answered: SentMail | None, message: Message, situation: Situation, counter: Counter
) -> tuple[bool, str]:
    """Whether it is proven who wrote, and by what, or why not."""
    if situation.confirmed:
        return True, "confirmed by yes"
    from_ = [one.address for one in message.authors]
    verdict = trusted(message.authentication_results, counter.desk.trusted_authserv_ids, from_)
    by_id = answered is not None and verdict.dmarc is not Dmarc.FAIL
    by_dmarc = verdict.dmarc is Dmarc.PASS
    said = f"by {answered.token}" if answered and by_id else "it answers no mail that was sent to that person"
    if answered and verdict.dmarc is Dmarc.FAIL:
        said = f"its id is void: {verdict.reason}"
    match counter.desk.staff_proof:
        case "id":
            return by_id, said
        case "id or dmarc":
            return by_id or by_dmarc, said if by_id or not by_dmarc else verdict.reason
        case "id and dmarc":
            return by_id and by_dmarc, f"{said}; {verdict.reason}"
        case _:
            assert_never(counter.desk.staff_proof)


def _ticket_of(answered: SentMail | None, found: Route, situation: Situation) -> Ticket | None:
    """A mail to them as a requester names no ticket that they may work on by it: it is their own matter."""
    if answered is not None and answered.audience is Audience.STAFF and answered.number is not None:
        return situation.tickets.get(answered.number)
    return found.ticket if isinstance(found, Stranger) else None


# --- the public -------------------------------------------------------------------------------------------


def _of_public(author: Address | None, situation: Situation) -> Route:
    cited = candidates(situation)
    if author is not None:
        for number, how, sent in cited:
            ticket = survivor(number, situation.tickets)
            if situation.tickets[number].knows(author.key) or ticket.knows(author.key):
                theirs = sent if sent is not None and sent.person_key == author.key else None
                return FollowUp(ticket, how, theirs)
    for number, how, _ in cited:
        return Stranger(survivor(number, situation.tickets), how)
    return Fresh()


def survivor(number: str, tickets: Mapping[str, Ticket]) -> Ticket:
    """The ticket into which this one was merged, or itself."""
    ticket, seen = tickets[number], {number}
    while (into := ticket.merged_into) is not None and into in tickets and into not in seen:
        seen.add(into)
        ticket = tickets[into]
    return ticket


def candidates(situation: Situation) -> list[tuple[str, str, SentMail | None]]:
    """(number, how it was found, our mail), the best evidence first: answered, references, subject tag."""
    found: Iterable[tuple[str | None, str, SentMail | None]] = (
        *((sent.number, f"answers our mail {sent.token}", sent) for sent in situation.sent),
        *((mail.number, f"cites their mail {mail.message_id}", None) for mail in situation.cited),
        *((number, "names the ticket in its subject", None) for number in situation.tagged),
    )
    return [
        (number, how, sent)
        for number, how, sent in found
        if number is not None and number in situation.tickets
    ]
