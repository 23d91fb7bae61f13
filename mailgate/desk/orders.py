"""What does a staff member's order do?

Every command is one function: Case in, Case out, or the line that says why not. Nothing happens before all
of them went through.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import itemgetter

from mailgate.desk import handling, merging, reporting
from mailgate.desk.case import Case, Hand, Refused, refuse
from mailgate.desk.changes import FINISHED
from mailgate.desk.commands import Command, Line, Order
from mailgate.desk.decision import ReceiptLine, Result
from mailgate.desk.ticket import Status, Ticket

OnTicket = Callable[[Line, Ticket, Case, Hand], Case | ReceiptLine]
OnNone = Callable[[Line, Case, Hand], Case | ReceiptLine]

ON_TICKETS: Mapping[Command, OnTicket] = {
    Command.NOTE: handling.note,
    Command.TAKE: handling.take,
    Command.ASSIGN: handling.assign,
    Command.CATEGORY: handling.category,
    Command.WORK: handling.work,
    Command.PRIORITY: handling.priority,
    Command.START: handling.start,
    Command.ASK: handling.ask,
    Command.ESCALATE: handling.escalate,
    Command.RETURN: handling.give_back,
    Command.RESOLVE: handling.resolve,
    Command.CLOSE: handling.close,
    Command.REOPEN: handling.reopen,
    Command.DUE: handling.due,
    Command.EXTERNAL: handling.external,
    Command.REDIRECT: handling.redirect,
    Command.OUT_OF_SCOPE: handling.out_of_scope,
    Command.AGREE: handling.agree,
    Command.MERGE: merging.merge,
    Command.SPLIT: merging.split,
    Command.LINK: handling.link,
    Command.CC: handling.join,
    Command.ACCEPT: merging.accept,
    Command.REJECT: merging.reject,
    Command.SPAM: handling.spam,
    Command.CONFIDENTIAL: handling.confidential,
    Command.ATTACHMENTS: handling.attachments,
    Command.TOLD: handling.tell,
}
WITHOUT_TICKET: Mapping[Command, OnNone] = {
    Command.REPORT: reporting.report,
    Command.LIST: handling.listing,
    Command.SHOW: handling.show,
    Command.FIGURES: handling.monthly,
    Command.HELP: handling.help_,
}
LEADERS_ONLY = frozenset({Command.SPAM, Command.MERGE, Command.SPLIT, Command.CONFIDENTIAL, Command.FIGURES})
TRIAGE = frozenset({Command.AGREE, Command.CATEGORY, Command.WORK, Command.PRIORITY, Command.CONFIDENTIAL})


def carry_out(order: Order, case: Case, hand: Hand) -> Case | Refused:
    """All lines, or nothing."""
    problems = list(order.problems)
    done: dict[int, tuple[ReceiptLine, ...]] = {}
    turns = sorted(enumerate(order.lines), key=lambda one: (_turn(one[1]), one[0]))
    for place, line in turns:
        result = _one(line, replace(case, lines=()), hand)
        if isinstance(result, ReceiptLine):
            problems.append(result)
        else:
            case, done[place] = result, result.lines
    in_order = tuple(line for _, lines in sorted(done.items(), key=itemgetter(0)) for line in lines)
    if problems:
        wrong = {one.typed for one in problems}
        return Refused(tuple(problems), tuple(one for one in in_order if one.typed not in wrong))
    return replace(case, lines=in_order)


def _turn(line: Line) -> int:
    """Wherever they stand: what is entered first, then what it is, as #eskalasi looks at the category."""
    if line.command is Command.REPORT:
        return 0
    return 1 if line.command in TRIAGE else 2


def _one(line: Line, case: Case, hand: Hand) -> Case | ReceiptLine:
    if line.command in LEADERS_ONLY and not hand.counter.desk.leads(hand.staff):
        return refuse(line, Result.NOT_ALLOWED)
    if line.command in WITHOUT_TICKET:
        return WITHOUT_TICKET[line.command](line, case, hand)
    ticket = case.ticket
    if ticket is None:
        return refuse(line, Result.NO_TICKET)
    if not _possible(line.command, ticket):
        return refuse(line, Result.NOT_POSSIBLE, ticket.status.value)
    return ON_TICKETS[line.command](line, ticket, case, hand)


def _possible(command: Command, ticket: Ticket) -> bool:
    match command:
        case (
            Command.RESOLVE
            | Command.ASK
            | Command.START
            | Command.DUE
            | Command.ESCALATE
            | Command.RETURN
            | Command.EXTERNAL
            | Command.REDIRECT
            | Command.OUT_OF_SCOPE
        ):
            return ticket.status not in FINISHED
        case Command.REOPEN:
            return ticket.status in FINISHED and ticket.merged_into is None
        case Command.TAKE | Command.ASSIGN | Command.CLOSE | Command.MERGE | Command.ACCEPT:
            return ticket.status is not Status.CLOSED
        case _:
            return True
