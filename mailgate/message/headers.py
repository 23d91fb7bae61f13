"""Which header fields has a mail, and where does its body begin?

Works on the raw bytes in one linear pass: the index of a mail and the reading of it see the same fields.
"""

import re
from collections.abc import Iterator

from mailgate.message.text import decode

MAX_HEADER_BYTES = 256_000
"""Two thousand recipients fit in; what is larger is no letter."""

Headers = dict[str, list[str]]
"""Lower-case field name to its values: topmost first, unfolded, encoded words as they stand."""

# RFC 5322, section 2.2; white space before the colon is obsolete (section 4.5) and seen.
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
_BLANK_LINE = re.compile(rb"\r*(?:\n|\Z)")
# What mbox files and careless pipes leave above the first field.
_ENVELOPE_LINE = re.compile(rb"(?:[ \t]*\r?\n){0,8}(?:>?From [^\n]*\n)?")


def split(raw: bytes, start: int = 0, end: int | None = None) -> tuple[Headers, int]:
    """The fields of raw[start:end] and where its body begins; never beyond MAX_HEADER_BYTES.

    A line that is no field begins the body: the blank line was lost.
    """
    limit = len(raw) if end is None else end
    headers: Headers = {}
    position = start
    for name, value, position in _fields(raw, start, min(limit, start + MAX_HEADER_BYTES)):  # noqa: B007
        headers.setdefault(name.decode("ascii").lower(), []).append(unfold(value))
    blank = _BLANK_LINE.match(raw, position, limit)
    return headers, blank.end() if blank else position


def _fields(raw: bytes, start: int, limit: int) -> Iterator[tuple[bytes, bytes, int]]:
    """Name, value and the position after each field; the first item of a list is the topmost field."""
    while found := _FIELD.match(raw, start, limit):
        start = found.end()
        yield found[1], found[2], start


def unfold(value: bytes) -> str:
    """One line of text: UTF-8 (RFC 6532), else what windows-1252 makes of it."""
    return decode(value.replace(b"\n", b"").replace(b"\r", b""), "")[0].strip()


def skip_envelope_line(raw: bytes) -> int:
    """Where the first field of a mail begins."""
    found = _ENVELOPE_LINE.match(raw)
    return found.end() if found else 0


def first(headers: Headers, name: str) -> str:
    """The topmost value, "" when there is none."""
    values = headers.get(name)
    return values[0] if values else ""
