"""What is done about a ticket when its time has come?"""

from dataclasses import dataclass, replace

from mailgate.desk import agenda, letters, levels
from mailgate.desk.changes import closed, ended
from mailgate.desk.decision import (
    Decision,
    Due,
    Effect,
    Handling,
    OweDigest,
    SaveTicket,
    Send,
    Template,
)
from mailgate.desk.letters import News
from mailgate.desk.opening import event
from mailgate.desk.people import holder_of, may_see
from mailgate.desk.situation import Counter, Situation
from mailgate.desk.ticket import Outcome, Status, Ticket
from mailgate.desk.watch import Cause, causes
from mailgate.settings import Action, ActionKind, Staff


@dataclass(frozen=True, slots=True)
class _Course:
    """What the causes of one ticket come to so far."""

    ticket: Ticket
    situation: Situation
    counter: Counter
    quiet: bool
    told: tuple[Staff, ...] = ()
    """Who is reminded, each once."""
    sends: tuple[Send, ...] = ()
    effects: tuple[Effect, ...] = ()


def acted(ticket: Ticket, situation: Situation, counter: Counter, *, quiet: bool) -> Decision:
    """Everything that is due acts once. Outside service hours nothing does: the ticket is looked at later.

    `quiet`: so much is due at once that each person gets one list of all instead of a mail for each.
    """
    now = situation.now
    if ticket.status is Status.RESOLVED and ticket.close_at is not None and ticket.close_at <= now:
        return _closed(ticket, situation)
    due = [one for one in causes(ticket, counter) if one.at <= now]
    if not counter.calendar.is_open(now) or not due:
        return Decision(Handling.FILED, "time looks at it again later", ticket.number, (SaveTicket(ticket),))
    course = _Course(ticket, situation, counter, quiet)
    actions = [action for cause in due for action in cause.row.actions]
    ends = any(action.kind is ActionKind.CLOSE for action in actions)
    for action in actions:
        if not (ends and action.kind is ActionKind.REMIND_REQUESTER):  # after a long absence both are due
            course = _done(action, due, course)
    course = replace(
        course, ticket=replace(course.ticket, fired=(*course.ticket.fired, *(one.key for one in due)))
    )
    said = ", ".join(one.row.when for one in due)
    effects = [
        SaveTicket(course.ticket),
        *(event(ticket.number, "escalation", f"{one.row.when}: {', '.join(one.row.do)}") for one in due),
        *course.effects,
        *course.sends,
        *_reminders(due, course),
    ]
    return Decision(Handling.FILED, said, ticket.number, tuple(effects))


def _closed(ticket: Ticket, situation: Situation) -> Decision:
    """A resolved ticket that stayed silent for `close_after` is closed without a mail."""
    reason = "resolved and silent"
    effects = (SaveTicket(closed(ticket, situation.now)), event(ticket.number, "closed", reason))
    return Decision(Handling.FILED, reason, ticket.number, effects)


def _done(action: Action, due: list[Cause], course: _Course) -> _Course:
    match action.kind:
        case ActionKind.NOTIFY:
            return replace(course, told=(*course.told, *_named(action, course)))
        case ActionKind.SET_PRIORITY:
            priority = min(course.ticket.priority, action.priority)
            return replace(course, ticket=replace(course.ticket, priority=priority))
        case ActionKind.RAISE_LEVEL:
            return _raised(due, course)
        case ActionKind.REMIND_REQUESTER:
            return _asked_again(course)
        case ActionKind.CLOSE:
            return _given_up(course)


def _named(action: Action, course: _Course) -> tuple[Staff, ...]:
    """The holder, or those of a role."""
    if action.role != "holder":
        return levels.of_role(action.role, course.ticket, course.counter)
    holder = holder_of(course.ticket, course.counter)
    return (holder,) if holder else ()


def _raised(due: list[Cause], course: _Course) -> _Course:
    """One level up; where that cannot be without a person's word, the front line is reminded instead.

    So it is where nobody up there may see the ticket, or nobody is there at all.
    """
    asked = levels.above(course.ticket, course.counter)
    if not isinstance(asked, levels.Asked) or not _seeing(asked.people, course):
        return replace(course, told=(*course.told, *course.counter.desk.level_staff(0)))
    raised = event(asked.ticket.number, "escalated", f"to level {asked.ticket.level}, by time")
    course = replace(course, ticket=asked.ticket, effects=(*course.effects, raised))
    if course.quiet:
        return replace(course, told=(*course.told, *asked.people))
    news = News(
        None, None, course.situation.requests.get(asked.ticket.number, ""), template=asked.template,
        causes=_as_due(due),
    )  # fmt: skip
    sends = letters.notifications(asked.ticket, news, course.situation, course.counter, asked.people)
    return replace(course, sends=(*course.sends, *sends))


def _seeing(people: tuple[Staff, ...], course: _Course) -> tuple[Staff, ...]:
    return tuple(one for one in people if may_see(course.ticket, one, course.counter))


def _asked_again(course: _Course) -> _Course:
    """The question that the requester has not answered, once more; a machine sends it this time."""
    if course.ticket.silent:
        return course
    sends = letters.question_again(course.ticket, course.situation, course.counter)
    return replace(course, sends=(*course.sends, *sends))


def _given_up(course: _Course) -> _Course:
    """Closed, and the requester is told: who never answered a question has withdrawn."""
    ticket, now = course.ticket, course.situation.now
    pending = ticket.status is Status.PENDING
    ticket = ended(ticket, Outcome.WITHDRAWN, now) if pending else closed(ticket, now)
    sends = () if ticket.silent else letters.farewell(ticket, course.situation, course.counter)
    return replace(course, ticket=ticket, sends=(*course.sends, *sends))


def _reminders(due: list[Cause], course: _Course) -> tuple[Effect, ...]:
    """One mail for each, and none for who is asked by this decision anyway."""
    if not course.told:
        return ()
    asked = {one.person for one in course.sends}
    everybody = dict.fromkeys(_seeing(course.told, course) or course.counter.desk.leaders())
    hearers = tuple(one for one in everybody if one.address not in asked)
    listed = tuple(one for one in hearers if _is_listed(one, course))
    if not hearers or (course.quiet and listed):
        return tuple(OweDigest(one.address) for one in listed)
    news = News(None, None, template=Template.REMINDER, causes=_as_due(due))
    return letters.notifications(course.ticket, news, course.situation, course.counter, hearers)


def _is_listed(staff: Staff, course: _Course) -> bool:
    """What stands on nobody's list, as a complaint for the head, is told in a mail whatever else is due."""
    return agenda.stands_on_list(course.ticket, staff, course.situation.now, course.counter)


def _as_due(due: list[Cause]) -> tuple[Due, ...]:
    return tuple(
        Due(one.row.condition.kind, one.row.condition.duration, one.since, one.row.condition.times)
        for one in due
    )
