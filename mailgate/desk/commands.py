"""What does a staff member want done?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from mailgate.desk.decision import ReceiptLine, Result
from mailgate.message.ids import ref_ids


class Command(StrEnum):
    """What can be typed; design, section 7."""

    NOTE = "note"
    TAKE = "take"
    RESOLVE = "resolve"
    CLOSE = "close"
    REOPEN = "reopen"
    HELP = "help"


# What staff type, Indonesian first.
WORDS = {
    "catatan": Command.NOTE,
    "note": Command.NOTE,
    "ambil": Command.TAKE,
    "take": Command.TAKE,
    "selesai": Command.RESOLVE,
    "resolve": Command.RESOLVE,
    "tutup": Command.CLOSE,
    "close": Command.CLOSE,
    "buka": Command.REOPEN,
    "reopen": Command.REOPEN,
    "bantuan": Command.HELP,
    "help": Command.HELP,
}


class Destination(StrEnum):
    """Who reads the free text of a staff mail."""

    PUBLIC = "public"
    INTERNAL = "internal"


DESTINATIONS = {
    Command.RESOLVE: Destination.PUBLIC,
    Command.NOTE: Destination.INTERNAL,
    Command.CLOSE: Destination.INTERNAL,
    Command.REOPEN: Destination.INTERNAL,
}
NEEDS_TEXT = frozenset({Command.RESOLVE, Command.NOTE})

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_DRESSING = " \t*_\"'`“”‘’«»"  # Markdown and smart quotes around a command
_COMMAND = re.compile(r"#\s?(?P<word>[^\W\d_]+)(?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """One command line."""

    typed: str
    command: Command


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

    def has(self, command: Command) -> bool:
        return any(line.command is command for line in self.lines)


def order(own_words: str) -> Order:
    """Take apart what was written this time: quotes and signatures are gone already.

    A command line is a command wherever it stands: were it taken for words, the requester would read it.
    """
    if ref_ids(own_words):  # a quote of ours that its client marks in no way we know: whose words are whose?
        return Order((), own_words, None, (ReceiptLine("", Result.QUOTE_INSIDE),))
    lines: list[Line] = []
    problems: list[ReceiptLine] = []
    words: list[str] = []
    for written in own_words.splitlines():
        match = _COMMAND.fullmatch(_bare(written))
        if match is None:
            words.append(written)
            continue
        typed = "#" + match["word"]
        command = WORDS.get(match["word"].casefold())
        if command is None:
            problems.append(ReceiptLine(typed, Result.UNKNOWN_COMMAND, _suggestion(match["word"])))
            continue
        lines.append(Line(typed, command))
        words.append(match["rest"].strip(" \t.,:;!*_"))  # "#selesai sudah diperbaiki" is how people write
    text = "\n".join(words).strip()
    destinations = {DESTINATIONS[line.command] for line in lines if line.command in DESTINATIONS}
    problems += _problems(lines, text, destinations)
    return Order(tuple(lines), text, next(iter(destinations), None), tuple(problems))


def is_command_mail(own_words: str) -> bool:
    """Whether any line of it is a command, known or not."""
    return any(_COMMAND.fullmatch(_bare(line)) for line in own_words.splitlines())


def _bare(line: str) -> str:
    """NBSP, zero-width characters, full-width number signs and decoration must not matter."""
    line = _INVISIBLE.sub("", line).replace("\u00a0", " ").replace("\u202f", " ")
    return line.replace("＃", "#").replace("﹟", "#").strip(_DRESSING)


def _suggestion(word: str) -> str:
    near = get_close_matches(word.casefold(), WORDS, n=1, cutoff=0.6)
    return f"#{near[0]}" if near else ""


def _problems(lines: Sequence[Line], text: str, destinations: set[Destination]) -> list[ReceiptLine]:
    if len(destinations) > 1:
        return [ReceiptLine(line.typed, Result.TWO_DESTINATIONS) for line in lines]
    if not lines:
        return _problems_of_words(text)
    if text:
        return []
    return [ReceiptLine(line.typed, Result.TEXT_MISSING) for line in lines if line.command in NEEDS_TEXT]


def _problems_of_words(text: str) -> list[ReceiptLine]:
    if not text:
        return [ReceiptLine("", Result.EMPTY)]
    bare = _bare(text).strip(" .,!").casefold()
    if bare in WORDS:
        return [ReceiptLine(text, Result.BARE_WORD, f"#{bare}")]
    return []
