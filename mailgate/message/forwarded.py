"""Whose mail does this one pass on?

Read from the block of header lines that mail programs write into a forward, or from the one attached message.
Anybody can type or attach such lines: the author found here is a proposal for staff, and proves nothing.
"""

import re
from dataclasses import dataclass
from itertools import takewhile

from mailgate.message.body import MAX_CHARACTERS, QUOTE_MARK, Written, trimmed
from mailgate.message.message import Address, Forwarded, writable
from mailgate.message.text import line
from mailgate.message.wording import FORWARD, Label, label_of

_MAX_LINE = 500
_MAX_NAME = 998
_BLOCK_LINES = 16
"""A block with long lists of recipients, wrapped."""
_BLANK_LINES = 3
"""Between a marker and its block."""
_MARKER_ENDS = (":", "-", "=", "_", "*")
_MOMENTS = (Label.SENT, Label.DATE)

# "Camat <camat@example.go.id>", "Camat [mailto:camat@example.go.id]", "<a@example.com<mailto:a@example.com>>"
_BRACKETED = re.compile(
    r"[<\[(](?:mailto:)?([^\s<>()\[\]\"',;:]{1,64}@[^\s<>()\[\]\"',;:]{1,255})[>\])<]", re.IGNORECASE
)
_PLAIN = re.compile(r"(?<![^\s\"'*])([^\s<>()\[\]\"',;:*]{1,64}@[^\s<>()\[\]\"',;:*]{1,255})")


def forwarded(text: str, new: Written, *, told: bool) -> Forwarded | None:
    """What is passed on in the text of a mail; None when it is no forward, or nobody can be written to.

    `text`: the whole of it, `new`: what was written this time; `told`: the subject says that it is a forward,
    and a header block needs no marker above it.
    """
    # What is only quoted was cut from `new.shown`; where nothing is passed on either, the two are the same.
    if new.shown == new.own or new.only_quoted or len(text) > MAX_CHARACTERS:
        return None
    rows = (text if QUOTE_MARK in new.shown else new.shown).split("\n")
    block = next(filter(None, (_beginning(rows, at, told=told) for at in range(len(rows)))), None)
    author = _mailbox(block.said(Label.FROM)) if block else None
    if block is None or author is None:
        return None
    return Forwarded(author, block.said(Label.SUBJECT), _words(rows[block.end :], quoted=block.quoted))


@dataclass(frozen=True, slots=True)
class _Block:
    """The header lines of the mail that is passed on."""

    fields: tuple[tuple[Label, str], ...]
    end: int
    """The number of the line below them."""
    quoted: bool
    """Apple Mail quotes what it passes on."""

    def said(self, label: Label) -> str:
        """The value of the first such line; "" when there is none."""
        return next((value for one, value in self.fields if one is label), "")

    @property
    def complete(self) -> bool:
        """A header, and no letter in the form of one: who, when, and a third."""
        labels = {label for label, _ in self.fields}
        return Label.FROM in labels and not labels.isdisjoint(_MOMENTS) and len(labels) >= 3


def _beginning(rows: list[str], at: int, *, told: bool) -> _Block | None:
    """The header block that begins at a line: below a marker, or by itself."""
    row = rows[at].lstrip("> ") if _first_quoted(rows, at) else rows[at]
    if row.rstrip().endswith(_MARKER_ENDS) and FORWARD.fullmatch(_squeezed(row)):
        return _block(rows, at + 1)
    if not told or not _labelled(rows, at) or _labelled(rows, at - 1):
        return None
    block = _block(rows, at)
    return block if block.complete else None


def _labelled(rows: list[str], at: int) -> bool:
    return at >= 0 and label_of(_squeezed(rows[at])) is not None


def _first_quoted(rows: list[str], at: int) -> bool:
    return rows[at].startswith(">") and (at == 0 or not rows[at - 1].startswith(">"))


def _block(rows: list[str], at: int) -> _Block:
    """The labelled lines from here on; a long value goes on below its label."""
    begin = _below_blanks(rows, at)
    quoted = begin < len(rows) and rows[begin].startswith(">")
    fields: list[tuple[Label, str]] = []
    end = begin
    for row in rows[begin : begin + _BLOCK_LINES]:
        words = _squeezed(_unquoted(row) if quoted else row)
        if label := label_of(words):
            fields.append((label, words.replace("：", ":").partition(":")[2].strip("* ")))
        elif fields and _goes_on(fields[-1][1], words):
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {words}".strip("* "))
        else:
            break
        end += 1
    return _Block(tuple(fields), end, quoted)


def _below_blanks(rows: list[str], at: int) -> int:
    blank = sum(1 for _ in takewhile(lambda row: not row.strip("> "), rows[at : at + _BLANK_LINES]))
    return at + blank


def _goes_on(value: str, words: str) -> bool:
    """Whether a line without a label belongs to the value above: a wrapped address, a list of them."""
    return words != "" and (not value or value.endswith((",", ";", "<")) or words[0] == "<")


def _mailbox(value: str) -> Address | None:
    """Who stands in a From line; None when nobody does who can be written to, or more than one."""
    found = _BRACKETED.search(value) or _only(_PLAIN.findall(value), value)
    if found is None or not writable(found[1]):
        return None
    name = value[: found.start()].strip(" \"'*<[(")
    return Address("" if "@" in name else line(name)[:_MAX_NAME], found[1])


def _only(found: list[str], value: str) -> re.Match[str] | None:
    return _PLAIN.search(value) if len(set(found)) == 1 else None


def _words(rows: list[str], *, quoted: bool) -> str:
    return trimmed([_unquoted(row) for row in rows] if quoted else rows)


def _unquoted(row: str) -> str:
    return row[1:].removeprefix(" ") if row.startswith(">") else row


def _squeezed(row: str) -> str:
    return line(row[:_MAX_LINE])
