"""Who belongs to a ticket, and which of their addresses may be written to?"""

import re
from collections.abc import Iterable
from dataclasses import replace

from mailgate.desk.situation import Counter
from mailgate.desk.ticket import MOST_PARTICIPANTS, Ticket
from mailgate.message.automatic import nobody_reads
from mailgate.message.message import Address, Message, writable
from mailgate.settings import Staff

NOBODY = Address("", "")


def author_of(message: Message) -> Address:
    """Who wrote, for the history: the first of several; they prove nothing anyway."""
    return message.author or (message.authors[0] if message.authors else NOBODY)


def requester_of(message: Message, counter: Counter) -> tuple[Address, bool]:
    """Whom a new ticket belongs to, and whether a contact form wrote for them (design, section 6).

    Reply-To counts only where From cannot receive: else whoever writes would send our words elsewhere.
    """
    author, reply_to = author_of(message), message.reply_to
    cannot = nobody_reads(author.address) or is_a_desk(author.address, counter)
    if not cannot or len(reply_to) != 1 or not _outside(reply_to[0], counter):
        return author, False
    return reply_to[0], True


def is_a_desk(address: str, counter: Counter) -> bool:
    return any(desk.is_own_address(address) for desk in counter.desks.values())


def _outside(address: Address, counter: Counter) -> bool:
    """Whether mail can be sent there, and it is no address of ours, of staff, or of a machine."""
    return (
        writable(address.address)
        and not nobody_reads(address.address)
        and not is_a_desk(address.address, counter)
        and counter.desk.staff_by_address(address.address) is None
    )


def in_copy(message: Message, counter: Counter) -> tuple[Address, ...]:
    """Those whom the author put in Cc and who may take part."""
    return tuple(one for one in message.cc if _outside(one, counter))


def may_join(address: str, counter: Counter) -> bool:
    return _outside(Address("", address), counter)


def joined(ticket: Ticket, more: Iterable[Address], most: int | None = MOST_PARTICIPANTS) -> Ticket:
    """With more participants, each once, the requester not among them; `most` None: however many."""
    known = {ticket.requester.key, *(one.key for one in ticket.participants)}
    all_of_them = list(ticket.participants)
    for one in more:
        if one.key not in known and (most is None or len(all_of_them) < most):
            known.add(one.key)
            all_of_them.append(one)
    return replace(ticket, participants=tuple(all_of_them))


def readers(ticket: Ticket) -> tuple[Address, ...]:
    """To whom words for the requester go: only addresses that are stored on the ticket."""
    everybody = (ticket.requester, *ticket.participants)
    return tuple(one for one in everybody if writable(one.address))


def without_addresses_of_staff(text: str, counter: Counter) -> str:
    """What staff wrote for a requester: an address of theirs in it, a private one too, becomes the desk's."""
    theirs = {
        address.casefold()
        for desk in counter.desks.values()
        for person in desk.staff
        for address in (person.address, *person.aliases)
    }
    longest_first = "|".join(map(re.escape, sorted(theirs, key=len, reverse=True)))
    return re.sub(longest_first, counter.desk.address, text, flags=re.IGNORECASE) if theirs else text


def may_see(ticket: Ticket, staff: Staff, counter: Counter) -> bool:
    """A confidential ticket is for admin and head."""
    return not ticket.confidential or counter.desk.leads(staff)


def holder_of(ticket: Ticket, counter: Counter) -> Staff | None:
    """None while nobody has it, and where its holder is none of the staff any more."""
    return counter.desk.staff_by_address(ticket.holder) if ticket.holder else None


def seen_by_holder(ticket: Ticket, counter: Counter) -> Ticket:
    """Without a holder who may not see it: they have it no more."""
    holder = holder_of(ticket, counter)
    keeps = holder is not None and may_see(ticket, holder, counter)
    return ticket if keeps or not ticket.confidential else replace(ticket, holder=None)
