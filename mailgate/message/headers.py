"""Which header fields has a mail, and where does its body begin?

Works on the raw bytes in one linear pass: the index of a mail and the reading of it see the same fields.
"""

import re
from collections.abc import Iterator

from mailgate.message.text import decode

MAX_HEADER_BYTES = 256_000
"""Two thousand recipients fit in; what is larger is no letter."""

_MAX_JUNK = 20
_CHARSET = re.compile(
    rb"""charset[ \t]{0,5}=[ \t]{0,5}["']?"""
    rb"""(?!us-ascii|utf-8|iso-8859-1\b|windows-1252)([A-Za-z0-9._:-]{2,40})""",
    re.IGNORECASE,
)
_SEARCHED_FOR_CHARSET = 16_384

Headers = dict[str, list[str]]
"""Lower-case field name to its values: topmost first, unfolded, encoded words as they stand."""

# RFC 5322, section 2.2; white space before the colon is obsolete (section 4.5) and seen.
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
_BLANK_LINE = re.compile(rb"\r*(?:\n|\Z)")
# What mbox files, editors and careless pipes leave above the first field.
_ENVELOPE_LINE = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*\r?\n){0,8}(?:>?From [^\n]*\n)?")
# A line in the middle of a header that is no field, and its folded rest.
_JUNK = re.compile(rb"[^\s][^\n]*\n(?:[ \t]+[^\s][^\n]*\n)*")
_BAD_NAME = re.compile(rb"(?:[Xx]-[^\n]{0,200})?:")
_SURELY_FIELD = re.compile(
    rb"(?:x-[!-9;-~]+|received|from|to|cc|subject|date|message-id|in-reply-to|references|reply-to|sender"
    rb"|return-path|mime-version|content-[a-z-]+|delivered-to|dkim-signature|authentication-results"
    rb"|user-agent|importance|list-[a-z]+|auto-submitted|precedence)[ \t]*:",
    re.IGNORECASE,
)


def of_mail(raw: bytes) -> tuple[Headers, int]:
    """The fields of a mail and where its body begins."""
    start = skip_envelope_line(raw)
    headers, body = split(raw, start)
    if raw[start:body].isascii():
        return headers, body
    # Old programs write raw bytes in the charset of the text, which only the text declares.
    found = _CHARSET.search(raw, start, min(len(raw), body + _SEARCHED_FOR_CHARSET))
    return split(raw, start, hint=found[1].decode("ascii")) if found else (headers, body)


def split(raw: bytes, start: int = 0, end: int | None = None, hint: str = "") -> tuple[Headers, int]:
    """The fields of raw[start:end] and where its body begins; never beyond MAX_HEADER_BYTES.

    A line that is no field begins the body: the blank line was lost. `hint`: the charset of raw bytes that
    are not UTF-8.
    """
    limit = len(raw) if end is None else end
    headers: Headers = {}
    position = start
    for name, value, after in _fields(raw, start, min(limit, start + MAX_HEADER_BYTES)):
        position = after
        if name:
            headers.setdefault(name.decode("ascii").lower(), []).append(unfold(value, hint))
    blank = _BLANK_LINE.match(raw, position, limit)
    return headers, blank.end() if blank else position


def _fields(raw: bytes, start: int, limit: int) -> Iterator[tuple[bytes, bytes, int]]:
    """Name, value and the position after each field; the name is empty for what was meant as one."""
    for _ in range(_MAX_JUNK + 1):
        while found := _FIELD.match(raw, start, limit):
            start = found.end()
            yield found[1], found[2], start
        if not (junk := _JUNK.match(raw, start, limit)) or not _in_header(raw, junk, limit):
            return
        start = junk.end()
        yield b"", b"", start


def _in_header(raw: bytes, junk: re.Match[bytes], limit: int) -> bool:
    """Whether a line that is no field was meant as one, or stands between fields: the header goes on.

    Else it is the first line of a body whose blank line was lost.
    """
    return (
        _BAD_NAME.match(raw, junk.start(), junk.end()) is not None
        or _SURELY_FIELD.match(raw, junk.end(), limit) is not None
    )


def unfold(value: bytes, hint: str = "") -> str:
    """One line of text: UTF-8 (RFC 6532), else what `hint` or windows-1252 makes of it."""
    return decode(value.replace(b"\n", b"").replace(b"\r", b""), "", hint)[0].strip()


def with_line_feeds(raw: bytes) -> bytes:
    """The same mail; one whose lines end with CR alone, as old Macintoshes wrote them, with LF."""
    head = raw[:4096]
    return raw if b"\n" in head or b"\r" not in head else raw.replace(b"\r", b"\n")


def skip_envelope_line(raw: bytes) -> int:
    """Where the first field of a mail begins."""
    found = _ENVELOPE_LINE.match(raw)
    return found.end() if found else 0


def first(headers: Headers, name: str) -> str:
    """The topmost value, "" when there is none."""
    values = headers.get(name)
    return values[0] if values else ""
