"""Which commands will the reader of a mail to staff most likely want?"""

from collections.abc import Iterable

from mailgate.desk.commands import Command
from mailgate.desk.decision import Notice
from mailgate.desk.ticket import Status, Ticket
from mailgate.settings import ConditionKind, Desk

_MOST = 3  # design, section 10


_FOR_CAUSE = {
    ConditionKind.UNASSIGNED: (Command.TAKE, Command.ASSIGN),
    ConditionKind.DUE_IN: (Command.RESOLVE, Command.DUE),
    ConditionKind.OVERDUE: (Command.RESOLVE, Command.DUE),
    ConditionKind.STARTED_NOT_REPORTED: (Command.RESOLVE, Command.DUE),
}
"""What a reminder asks its reader for; where nothing stands here, the ordinary next steps."""


def likely(
    ticket: Ticket,
    desk: Desk,
    notice: Notice | None,
    causes: Iterable[ConditionKind] = (),
    *,
    public: bool,
) -> tuple[Command, ...]:
    """The three most likely ones, the likeliest first; `public` as in `Letter.reply_is_public`.

    Where a plain reply goes to the requester, the way to keep words inside always stands below them.
    """
    ended = ticket.status in {Status.RESOLVED, Status.CLOSED}
    agree = (Command.AGREE,) if ticket.suggestion and not ended else ()
    first = agree + _asked_for(ticket, notice)
    if public:
        first += tuple(one for cause in causes for one in _FOR_CAUSE.get(cause, ()))
    if ended:
        rest: tuple[Command, ...] = (Command.REOPEN, Command.NOTE)
    elif not public:
        # The head decides and directs; who works on it tells the requester.
        rest = (*((Command.RETURN,) if ticket.level else ()), Command.ASSIGN, Command.RESOLVE)
    else:
        rest = _work(ticket, desk)
    commands = tuple(dict.fromkeys(first + rest))[:_MOST]
    return tuple(dict.fromkeys((*commands, Command.NOTE))) if public else commands


def _asked_for(ticket: Ticket, notice: Notice | None) -> tuple[Command, ...]:
    """What this very mail puts before its reader."""
    commands = [Command.REPORT] if ticket.proposed else []
    if notice is Notice.STRANGER or ticket.stranger_of:
        commands += [Command.ACCEPT, Command.REJECT]
    if notice in {Notice.ANSWERED, Notice.TAKEN}:
        commands += [Command.NOTE, Command.TAKE]
    if notice in {Notice.HOLDER_AWAY, Notice.HOLDER_UNREACHABLE}:
        commands += [Command.ASSIGN, Command.TAKE]
    if notice is Notice.FLOOD:
        commands.append(Command.SPAM)
    return tuple(commands)


def _work(ticket: Ticket, desk: Desk) -> tuple[Command, ...]:
    """The next steps of whoever works on it."""
    commands: list[Command] = []
    if waits_for_notice(ticket, desk) and not ticket.started:
        commands.append(Command.START if ticket.requester_address else Command.TOLD)
    commands.append(Command.RESOLVE)
    if not ticket.holder:
        commands.append(Command.TAKE)
    if ticket.category is None and ticket.level == 0 and desk.categories:
        commands.append(Command.CATEGORY)
    return (*commands, *_upwards(ticket, desk))


def waits_for_notice(ticket: Ticket, desk: Desk) -> bool:
    """Whether the clock waits for the notice that the repair begins."""
    work = desk.work_of(ticket.work)
    return work is not None and work.starts == "notified" and ticket.notified_at is None


def _upwards(ticket: Ticket, desk: Desk) -> tuple[Command, ...]:
    above = desk.levels[ticket.level + 1 : ticket.level + 2]
    if not above:
        return ()
    return (Command.EXTERNAL, Command.REDIRECT) if above[0].external else (Command.ESCALATE,)
