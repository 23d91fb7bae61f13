"""What does an order come to, before anything of it has happened?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailgate.desk import arguments
from mailgate.desk.arguments import Unclear
from mailgate.desk.commands import Line, Order
from mailgate.desk.decision import Effect, Notice, ReceiptLine, Result, Send, Template
from mailgate.desk.figures import Figures
from mailgate.desk.situation import Counter, SentMail, Situation
from mailgate.desk.ticket import Ticket
from mailgate.message.message import Message
from mailgate.settings import Staff


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acts, and what they know."""

    staff: Staff
    situation: Situation
    counter: Counter
    message: Message
    order: Order
    answered: SentMail | None
    """The mail of ours that they answer."""

    @property
    def text(self) -> str:
        """The free text of the mail."""
        return self.order.text

    @property
    def now(self) -> datetime:
        return self.situation.now

    @property
    def local(self) -> datetime:
        return self.now.astimezone(self.counter.calendar.zone)


@dataclass(frozen=True, slots=True)
class Tell:
    """Somebody of the staff is to hear of it."""

    notice: Notice
    to: tuple[Staff, ...] | None = None
    """None: whoever is responsible for the ticket, when all is done."""
    template: Template = Template.NOTIFICATION
    number: str = ""
    """"" is the ticket that the mail is about."""
    text: str = ""
    reason: str = ""
    other_number: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What an order comes to so far; nothing of it has happened yet."""

    number: str | None
    """The ticket that the mail is about; None: none."""
    tickets: Mapping[str, Ticket] = field(default_factory=dict)
    """As they would stand."""
    lines: tuple[ReceiptLine, ...] = ()
    effects: tuple[Effect, ...] = ()
    sends: tuple[Send, ...] = ()
    """To requesters, beside the words of this mail."""
    tells: tuple[Tell, ...] = ()
    public: Template | None = None
    """The mail that carries the text to the requester, where a command says which."""
    reason: str = ""
    """Words for the requester that stand on a command's own line."""
    figures: Figures | None = None
    shown: tuple[Ticket, ...] | None = None
    """For #daftar and #status."""

    @property
    def ticket(self) -> Ticket | None:
        return self.tickets.get(self.number) if self.number else None


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing of the mail is done."""

    lines: tuple[ReceiptLine, ...]
    """Why not."""
    fine: tuple[ReceiptLine, ...] = ()
    """The lines that would have gone through."""


def refuse(line: Line, why: Result, detail: str = "", choices: tuple[str, ...] = ()) -> ReceiptLine:
    return ReceiptLine(line.typed, why, detail, choices)


def unclear(line: Line, found: Unclear) -> ReceiptLine:
    why = Result.ARGUMENT_UNCLEAR if line.argument else Result.ARGUMENT_MISSING
    return refuse(line, why, line.argument, found.choices)


def done(case: Case, line: Line, result: Result, detail: str = "", *changed: Ticket) -> Case:
    """The line went through, and these tickets stand otherwise now."""
    tickets = dict(case.tickets) | {one.number: one for one in changed}
    return replace(case, tickets=tickets, lines=(*case.lines, ReceiptLine(line.typed, result, detail)))


def having(case: Case, *effects: Effect) -> Case:
    return replace(case, effects=(*case.effects, *effects))


def telling(case: Case, *tells: Tell) -> Case:
    return replace(case, tells=(*case.tells, *tells))


def named(line: Line, hand: Hand) -> str | None:
    """The ticket number in a command's argument as tickets write it; None where it is none."""
    counter = hand.counter
    prefixes = [desk.prefix for desk in counter.desks.values()]
    return arguments.number(line.argument, counter.desk.prefix, prefixes, hand.local.year)
