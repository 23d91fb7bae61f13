"""Which files stand in the text itself, as they were sent before MIME?

begin 644 laporan.doc
M...
end
"""

import re
from binascii import Error as UuError
from binascii import a2b_base64, a2b_uu
from collections.abc import Iterator
from dataclasses import dataclass

_BEGIN = re.compile(rb"^begin(-base64)? [0-7]{3,4} ([^\r\n]{1,255}?)[ \t]*\r?$", re.MULTILINE)
_MAX_FILES = 50


@dataclass(frozen=True, slots=True)
class UuFile:
    """A file in a text."""

    name: bytes
    """As it is written."""
    data: bytes
    start: int
    """Where its "begin" stands."""
    end: int
    """Behind its "end"."""


def uuencoded(text: bytes) -> Iterator[UuFile]:
    """The files, in their order; prose that begins with "begin" is none."""
    position = 0
    for _ in range(_MAX_FILES):
        if not (found := _BEGIN.search(text, position)):
            return
        position = found.end()
        data, end = _lines(text, position + 1, base64=found[1] is not None)
        if data:
            position = end
            yield UuFile(found[2], data, found.start(), end)


def _lines(text: bytes, start: int, *, base64: bool) -> tuple[bytes, int]:
    """The decoded lines and where the file ends; a line that is none ends it."""
    pieces: list[bytes] = []
    while start < len(text):
        newline = text.find(b"\n", start)
        after = len(text) if newline < 0 else newline + 1
        row = text[start:after].strip()
        if row in (b"end", b"===="):
            return b"".join(pieces), after
        piece = _line(row, base64=base64)
        if piece is None:
            break
        pieces.append(piece)
        start = after
    return b"".join(pieces), start


def _line(row: bytes, *, base64: bool) -> bytes | None:
    """None for what is no encoded line."""
    if base64:
        try:
            return a2b_base64(row)
        except UuError:
            return None
    if not row or row == b"`":
        return b""
    size = (row[0] - 32) & 63
    needed = 1 + (size + 2) // 3 * 4
    # Mail programs cut trailing spaces, which count; some write a checksum character behind.
    if not 32 < row[0] <= 96 or len(row) > needed + 2:
        return None
    try:
        return a2b_uu(row[:needed])
    except UuError:
        return None
