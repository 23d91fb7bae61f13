"""What follows for a ticket when a mail about it is never to leave?"""

from dataclasses import replace
from datetime import datetime

from mailgate.desk import changes, letters
from mailgate.desk.decision import (
    Audience,
    Decision,
    Effect,
    Handling,
    Notice,
    SaveTicket,
    Template,
    Withdrawn,
)
from mailgate.desk.letters import News
from mailgate.desk.opening import event
from mailgate.desk.situation import Counter, SentMail, Situation
from mailgate.desk.ticket import Status, Ticket


def follows(
    sent: SentMail, ticket: Ticket, situation: Situation, counter: Counter, *, perhaps: bool
) -> Decision | None:
    """The ticket no longer says what the requester was not told, and whoever has it hears of that.

    None where nothing follows: of an acknowledgement or a notice to staff the history knows. `perhaps`: it
    may have left before, an answer was lost.
    """
    if sent.audience is not Audience.REQUESTER or (sent.automatic and sent.template != Template.STARTED):
        return None
    effects: list[Effect] = []
    if sent.recipient.casefold() == ticket.requester.key:
        effects += _unsaid(sent, ticket, counter)
    saved = (one.ticket for one in effects if isinstance(one, SaveTicket))
    news = News(
        Notice.CANCELLED, None, sent.recipient, withdrawn=Withdrawn(Template(sent.template), perhaps=perhaps)
    )
    effects += letters.notifications(next(saved, ticket), news, situation, counter)
    reason = f"cancelled: {sent.template} to {sent.recipient}"
    return Decision(Handling.FILED, reason, ticket.number, tuple(effects))


def _unsaid(sent: SentMail, ticket: Ticket, counter: Counter) -> list[Effect]:
    after = _without_answer(changes.unannounced(ticket, sent, counter), sent.created_at)
    voided: list[Effect] = []
    if after.started != ticket.started:
        voided.append(event(ticket.number, "notice_void", "the notice was cancelled"))
    if sent.template == Template.QUESTION and _waits_for(sent, ticket):
        after = replace(after, status=Status.OPEN)
        voided.append(event(ticket.number, "question_void", "the question was cancelled"))
    return [SaveTicket(after), *voided] if after != ticket else voided


def _without_answer(ticket: Ticket, at: datetime) -> Ticket:
    """What was noted with the words that were written then: first response, last answer, survey."""
    return replace(
        ticket,
        first_response_at=None if ticket.first_response_at == at else ticket.first_response_at,
        answered_at=None if ticket.answered_at == at else ticket.answered_at,
        survey_asked_at=None if ticket.survey_asked_at == at else ticket.survey_asked_at,
    )


def _waits_for(sent: SentMail, ticket: Ticket) -> bool:
    """Whether it is this question that the ticket waits for, and not one that was asked before it."""
    return ticket.status is Status.PENDING and ticket.pending_since == sent.created_at


def as_if_not_asked(ticket: Ticket, sent: SentMail) -> Ticket:
    """As it counts before: a question that never left has stopped no clock."""
    return replace(ticket, pending_since=None) if _waits_for(sent, ticket) else ticket
