"""What does a staff member want done?"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from mailgate.desk.decision import ReceiptLine, Result
from mailgate.message.ids import ref_ids


class Command(StrEnum):
    """What can be typed; design, section 7."""

    NOTE = "note"
    TAKE = "take"
    ASSIGN = "assign"
    CATEGORY = "category"
    WORK = "work"
    PRIORITY = "priority"
    START = "start"
    ASK = "ask"
    ESCALATE = "escalate"
    RETURN = "return"
    RESOLVE = "resolve"
    CLOSE = "close"
    REOPEN = "reopen"
    DUE = "due"
    EXTERNAL = "external"
    REDIRECT = "redirect"
    OUT_OF_SCOPE = "outofscope"
    AGREE = "agree"
    MERGE = "merge"
    SPLIT = "split"
    LINK = "link"
    CC = "cc"
    ACCEPT = "accept"
    REJECT = "reject"
    SPAM = "spam"
    CONFIDENTIAL = "confidential"
    ATTACHMENTS = "attachments"
    REPORT = "report"
    TOLD = "told"
    LIST = "list"
    SHOW = "show"
    FIGURES = "figures"
    HELP = "help"


_INDONESIAN = {
    "catatan": Command.NOTE,
    "ambil": Command.TAKE,
    "tugas": Command.ASSIGN,
    "kategori": Command.CATEGORY,
    "jenis": Command.WORK,
    "prioritas": Command.PRIORITY,
    "mulai": Command.START,
    "tanya": Command.ASK,
    "eskalasi": Command.ESCALATE,
    "kembalikan": Command.RETURN,
    "selesai": Command.RESOLVE,
    "tutup": Command.CLOSE,
    "buka": Command.REOPEN,
    "tenggat": Command.DUE,
    "lkpp": Command.EXTERNAL,
    "alihkan": Command.REDIRECT,
    "luar": Command.OUT_OF_SCOPE,
    "setuju": Command.AGREE,
    "gabung": Command.MERGE,
    "pisah": Command.SPLIT,
    "kait": Command.LINK,
    "terima": Command.ACCEPT,
    "tolak": Command.REJECT,
    "rahasia": Command.CONFIDENTIAL,
    "lampiran": Command.ATTACHMENTS,
    "lapor": Command.REPORT,
    "diberitahukan": Command.TOLD,
    "daftar": Command.LIST,
    "status": Command.SHOW,
    "laporan": Command.FIGURES,
    "bantuan": Command.HELP,
}
WORDS = _INDONESIAN | {command.value: command for command in Command}
"""What staff type, Indonesian first; the English alias of a command is its value."""


class Destination(StrEnum):
    """Who reads the free text of a staff mail."""

    PUBLIC = "public"
    INTERNAL = "internal"


_PUBLIC = frozenset(
    {
        *(Command.RESOLVE, Command.ASK, Command.START, Command.DUE, Command.REDIRECT),
        Command.OUT_OF_SCOPE,
    }
)
"""Each is a mail of its own to the requester: at most one, or the other would be swallowed."""
_UNDECIDED = frozenset(
    {
        *(Command.TAKE, Command.ASSIGN, Command.CATEGORY, Command.WORK, Command.PRIORITY),
        *(Command.AGREE, Command.REPORT),
    }
)
DESTINATIONS = {
    command: Destination.PUBLIC if command in _PUBLIC else Destination.INTERNAL
    for command in Command
    if command not in _UNDECIDED
}
"""Whatever is not public by design is internal: words of staff reach no requester by surprise."""

_YIELDING = frozenset(
    {
        *(Command.REOPEN, Command.SPLIT, Command.LINK, Command.CC, Command.ACCEPT, Command.REJECT),
        *(Command.TOLD, Command.ATTACHMENTS, Command.LIST, Command.SHOW, Command.FIGURES, Command.HELP),
    }
)
"""Of them design 7 says nothing: beside "#tanya", "#cc" lets the text go where "#tanya" sends it."""

NEEDS_TEXT = frozenset({Command.RESOLVE, Command.NOTE, Command.ASK})

TAKES_ARGUMENT = frozenset(
    {
        *(Command.ASSIGN, Command.CATEGORY, Command.WORK, Command.PRIORITY, Command.ESCALATE, Command.DUE),
        *(Command.EXTERNAL, Command.REDIRECT, Command.MERGE, Command.LINK, Command.CC, Command.ACCEPT),
        *(Command.REJECT, Command.TOLD, Command.LIST, Command.SHOW, Command.FIGURES),
    }
)
"""The rest of their line is theirs; after any other command it is free text."""

_REPEATABLE = frozenset({Command.CC})
_ENDINGS = frozenset(
    {
        *(Command.ASK, Command.RESOLVE, Command.CLOSE, Command.REOPEN),
        *(Command.REDIRECT, Command.OUT_OF_SCOPE, Command.SPAM, Command.MERGE),
    }
)
"""Each says where the ticket stands afterwards: at most one."""
_BESIDE_REPORT = (_UNDECIDED | {Command.CONFIDENTIAL}) - {Command.REPORT}

_MOST_TYPED = 120
_MOST_ON_A_LINE = 20
_MOST_PROBLEMS = 20  # a receipt is read on a phone
_LONGEST_WORD = 24  # of which a suggestion is sought; the longest command has 13 letters

_QUOTES = "\"'`“”‘’«»"
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe0e\ufe0f\u20e3\ufeff]")
_DRESSING = " *_-–—•·(" + _QUOTES  # Markdown, bullets and smart quotes in front of a command
_BETWEEN = " *_-–—.,:;!="  # between a command and what follows it
_COMMAND = re.compile(rf"#+[ *_{_QUOTES}]*(?P<word>[^\W\d_]+)[*_{_QUOTES}]*(?P<rest>.*)", re.DOTALL)
_TICKET = re.compile(r"#+ ?[A-Z]{2,8}[-‐‑–]\d{4}[-‐‑–]\d{3,}")
_CONFIRMATION = re.compile(r"(?:# ?)?(?:ya|yes)[.!,]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """One command line."""

    typed: str
    """As its writer typed it, on one line and shortened: "#tugas Budi"."""
    command: Command
    argument: str = ""
    """What follows the word, as typed; "" also for a command that takes none."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one staff mail asks for; to be done as a whole or not at all."""

    lines: tuple[Line, ...]
    text: str
    """Without command lines; "" when there is none."""
    destination: Destination | None
    """None: no command decides, the writer's level does."""
    problems: tuple[ReceiptLine, ...]
    """Not empty: nothing of the mail is done."""
    form: str = ""
    """What was written beside `#lapor`; `text` is "" then."""

    def has(self, command: Command) -> bool:
        return any(line.command is command for line in self.lines)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must be looked up before an order can be decided; nothing for one that is refused anyhow."""

    numbers: tuple[str, ...] = ()
    """Ticket numbers as they were typed."""
    attachments: bool = False
    listing: bool = False
    strangers: bool = False
    """Who waits for #terima or #tolak."""
    month: str | None = None
    """As it was typed, "" for this one; None: no figures."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """What reads like a command, known or not."""

    typed: str
    word: str
    rest: str

    @property
    def command(self) -> Command | None:
        return WORDS.get(self.word.casefold())


def order(own_words: str) -> Order:
    """Take apart what was written this time: quotes and signatures are gone already.

    A command line is a command wherever it stands: were it taken for words, the requester would read it.
    """
    if ref_ids(own_words):  # a quote of ours that its client marks in no way we know: whose words are whose?
        return Order((), own_words, None, (ReceiptLine("", Result.QUOTE_INSIDE),))
    lines: list[Line] = []
    unknown: list[_Piece] = []
    words: list[str] = []
    for written in own_words.splitlines():
        pieces = list(_pieces(written))
        if not pieces:
            words.append(written)
        for piece in pieces:
            line, rest = _line(piece)
            if line is None:
                unknown.append(piece)
            else:
                lines.append(line)
                words += [rest] if rest else []
    return _ordered(lines, unknown, "\n".join(words).strip())


def is_command_mail(own_words: str) -> bool:
    """Whether any line of it is a command, known or not."""
    return any(any(_pieces(line)) for line in own_words.splitlines())


def confirms(own_words: str) -> bool:
    """Whether the first written word is a plain yes; nothing else confirms (design, section 6)."""
    words = _plain(own_words).lstrip(_DRESSING).split(maxsplit=2)
    first = "".join(words[:2]) if words[:1] == ["#"] else "".join(words[:1])
    return _CONFIRMATION.fullmatch(first.strip(_DRESSING)) is not None


def wanted(own_words: str) -> Wanted:
    """What the store must look up."""
    asked = order(own_words)
    if asked.problems:
        return Wanted()
    named = {Command.MERGE, Command.LINK, Command.SHOW, Command.ACCEPT, Command.REJECT}
    return Wanted(
        numbers=tuple(line.argument for line in asked.lines if line.command in named and line.argument),
        attachments=asked.has(Command.ATTACHMENTS),
        listing=asked.has(Command.LIST),
        strangers=asked.has(Command.ACCEPT) or asked.has(Command.REJECT),
        month=next((line.argument for line in asked.lines if line.command is Command.FIGURES), None),
    )


# --- One line ---


def _pieces(written: str) -> Iterator[_Piece]:
    """The commands of one line: none for words, several for "#ambil #mulai"."""
    line = _plain(written).strip()
    bare = line.lstrip(_DRESSING)
    if bare != line:  # what is opened in front is closed behind: "*#selesai*"
        bare = bare.rstrip(" )*_" + _QUOTES)
    for _ in range(_MOST_ON_A_LINE):
        match = _command(bare)
        if match is None:
            return
        rest = match["rest"].lstrip(_BETWEEN)
        following = _following(match["word"], rest)
        typed = bare.removesuffix(rest) if following else bare
        yield _Piece(_shortened(typed.strip()), match["word"], "" if following else rest)
        bare = following


def _command(bare: str) -> re.Match[str] | None:
    """Whatever begins with # and letters is one, but for a ticket's number at the head of a sentence."""
    return None if _TICKET.match(bare) else _COMMAND.fullmatch(bare)


def _following(word: str, rest: str) -> str:
    """The second command right behind the first, or "": taken for words it would reach the requester."""
    bare = rest.lstrip(_DRESSING)
    match = _command(bare)
    is_one = match and (WORDS.get(word.casefold()) not in TAKES_ARGUMENT or match["word"].casefold() in WORDS)
    return bare if is_one else ""


def _line(piece: _Piece) -> tuple[Line | None, str]:
    """The command and the free text behind it: "#selesai sudah diperbaiki" is how people write."""
    command = piece.command
    if command is None:
        return None, ""
    if command in TAKES_ARGUMENT:
        return Line(piece.typed, command, piece.rest.strip(_BETWEEN + _QUOTES)), ""
    return Line(piece.typed, command), piece.rest


def _plain(text: str) -> str:
    """NBSP, zero-width characters and full-width number signs must not matter."""
    text = _INVISIBLE.sub("", text).replace("＃", "#").replace("﹟", "#")
    return re.sub(r"\s", " ", text)


def _shortened(typed: str) -> str:
    return typed if len(typed) <= _MOST_TYPED else typed[: _MOST_TYPED - 1] + "…"


# --- All lines together ---


def _ordered(lines: Sequence[Line], unknown: Sequence[_Piece], text: str) -> Order:
    commands = {line.command for line in lines}
    problems = [
        *(
            ReceiptLine(one.typed, Result.UNKNOWN_COMMAND, _suggestion(one.word))
            for one in unknown[:_MOST_PROBLEMS]
        ),
        *(_problems(lines, text) if lines else ()),
        *(_problems_of_words(text) if not lines and not unknown else ()),
    ][:_MOST_PROBLEMS]
    if Command.REPORT in commands:
        return Order(tuple(lines), "", None, tuple(problems), text)
    return Order(tuple(lines), text, _destination(commands), tuple(problems))


def _destination(commands: set[Command]) -> Destination | None:
    decided = {DESTINATIONS[one] for one in commands if one in DESTINATIONS and one not in _YIELDING}
    if commands & _YIELDING and not decided:
        return Destination.INTERNAL
    return next(iter(sorted(decided)), None)  # two of them are refused; until then the safe one


def _suggestion(word: str) -> str:
    near = get_close_matches(word.casefold(), WORDS, n=1, cutoff=0.6) if len(word) <= _LONGEST_WORD else []
    return f"#{near[0]}" if near else ""


def _problems(lines: Sequence[Line], text: str) -> list[ReceiptLine]:
    return _twice(lines) + (_not_together(lines) or _two_destinations(lines) or _text_missing(lines, text))


def _twice(lines: Sequence[Line]) -> list[ReceiptLine]:
    first: dict[Command, Line] = {}
    problems = []
    for line in lines:
        before = first.setdefault(line.command, line)
        if before is not line and line.command not in _REPEATABLE:
            problems.append(ReceiptLine(line.typed, Result.TWICE, before.typed))
    return problems


def _not_together(lines: Sequence[Line]) -> list[ReceiptLine]:
    report = next((line for line in lines if line.command is Command.REPORT), None)
    if report is not None:
        beside = [line for line in lines if line.command not in _BESIDE_REPORT | {Command.REPORT}]
        return [ReceiptLine(line.typed, Result.NOT_TOGETHER, report.typed) for line in beside]
    return _several_of(_ENDINGS, lines) or _several_of(_PUBLIC, lines)


def _several_of(alone: frozenset[Command], lines: Sequence[Line]) -> list[ReceiptLine]:
    found = {line.command: line for line in lines if line.command in alone}
    if len(found) < 2:
        return []
    return [
        ReceiptLine(
            line.typed,
            Result.NOT_TOGETHER,
            ", ".join(other.typed for other in found.values() if other is not line),
        )
        for line in found.values()
    ]


def _two_destinations(lines: Sequence[Line]) -> list[ReceiptLine]:
    decide = [line for line in lines if line.command in DESTINATIONS and line.command not in _YIELDING]
    if len({DESTINATIONS[line.command] for line in decide}) < 2:
        return []
    return [ReceiptLine(line.typed, Result.TWO_DESTINATIONS) for line in decide]


def _text_missing(lines: Sequence[Line], text: str) -> list[ReceiptLine]:
    if text:
        return []
    return [ReceiptLine(line.typed, Result.TEXT_MISSING) for line in lines if line.command in NEEDS_TEXT]


def _problems_of_words(text: str) -> list[ReceiptLine]:
    if not text:
        return [ReceiptLine("", Result.EMPTY)]
    bare = _plain(text).strip(_DRESSING + _BETWEEN).casefold()
    if bare in WORDS:
        return [ReceiptLine(text, Result.BARE_WORD, f"#{bare}")]
    return []
