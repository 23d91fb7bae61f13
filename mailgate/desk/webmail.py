"""Which ticket did somebody answer from the mailbox itself?

Such a mail has left already: it is taken note of, and never answered, relayed or obeyed.
"""

from dataclasses import replace

from mailgate.desk.decision import AddEvent, AddMessage, Decision, Effect, Handling, MessageKind, SaveTicket
from mailgate.desk.followup import candidates, survivor
from mailgate.desk.situation import Counter, Situation
from mailgate.desk.ticket import Status, Ticket
from mailgate.message.message import Address, AutomaticKind, Message
from mailgate.settings import Desk, Staff


def sent_by_hand(message: Message, situation: Situation, counter: Counter) -> Decision:
    """An answer to the requester of a ticket is the public reply that it is; all else is only kept."""
    author = message.author
    if author is None or not counter.desk.is_own_address(author.address):
        return _filed("sent by hand, but not in the name of this desk")
    if message.automatic is not None and message.automatic.kind is not AutomaticKind.SUSPECTED:
        return _filed(f"sent from the mailbox by a machine: {message.automatic.reason}")
    for number, how, _ in candidates(situation):
        ticket = survivor(number, situation.tickets)
        if _is_told(ticket, message):
            return _recorded(ticket, how, author, message, situation, counter)
    return _filed("sent by hand, about no ticket of ours")


def _filed(reason: str) -> Decision:
    return Decision(Handling.FILED, reason, None)


def _is_told(ticket: Ticket, message: Message) -> bool:
    """Whether somebody of the ticket is among its recipients: a number in its subject proves nothing."""
    return any(ticket.knows(one.key) for one in (*message.to, *message.cc) if one.address)


def _recorded(
    ticket: Ticket, how: str, author: Address, message: Message, situation: Situation, counter: Counter
) -> Decision:
    number, reason = ticket.number, f"answered by hand: {how}"
    words = message.own_words or message.reply_text
    writer = _named(author, counter.desk)
    now_ticket = _answered(ticket, writer or _only_one(counter.desk), situation)
    effects: list[Effect] = [SaveTicket(now_ticket)] if now_ticket != ticket else []
    effects += [
        AddMessage(number, False, MessageKind.REPLY, author, message.subject, words, message.attachments),
        AddEvent(number, writer.address if writer else author.address, "answered_by_hand", reason),
    ]
    return Decision(Handling.APPENDED, reason, number, tuple(effects))


def _answered(ticket: Ticket, writer: Staff | None, situation: Situation) -> Ticket:
    """As after any reply; a ticket that waits, or has ended, goes on doing so."""
    said_at = max(situation.received_at, ticket.received_at)  # a folder that was copied may tell any moment
    newest = max(said_at, ticket.answered_at or said_at)
    unheard = ticket.contacted_at is not None and ticket.contacted_at > said_at
    return replace(
        ticket,
        answered_at=newest,
        contacts=ticket.contacts if unheard else 0,
        contacted_at=ticket.contacted_at if unheard else None,
        status=Status.OPEN if ticket.status is Status.NEW else ticket.status,
        first_response_at=ticket.first_response_at or said_at,
        holder=ticket.holder or (writer.address if writer else None),
        silent=ticket.silent and not ticket.form,
    )


def _named(author: Address, desk: Desk) -> Staff | None:
    """Who of the staff From names; None where no one, or more than one, has that name."""
    name = _bare(author.name)
    found = [one for one in desk.staff if name and _bare(one.name) == name]
    return found[0] if len(found) == 1 else None


def _bare(name: str) -> str:
    return " ".join(name.casefold().split())


def _only_one(desk: Desk) -> Staff | None:
    """The front line, where it is a single person."""
    found = desk.level_staff(0)
    return found[0] if len(found) == 1 else None
