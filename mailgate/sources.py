"""Where does raw mail come from when it is not a mailbox on a server?

A mail in a file of its own, a folder of such files, an mbox, a Maildir, or the standard input.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mailgate.errors import UsageError

STDIN = "-"
HEADER_BYTES = 256_000
"""What is kept of a mail that is too large: its header is in it, and who wrote can be told."""

# RFC 4155: "From ", an address, asctime(3). A line of prose after a blank one lacks the moment.
_SEPARATOR = re.compile(rb"From .{0,300}\b[0-2]\d:[0-5]\d.{0,40}\b(?:19|20)\d\d\b")
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_LARGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """One mail as it was found."""

    path: str
    """Of the file; "mails.mbox#3" is the third of an mbox; "-" is the standard input."""
    raw: bytes
    """Only its beginning when `fault` says that it is too large, b"" when the file cannot be read."""
    fault: str | None
    """Why it cannot be read as a whole."""


def files(name: str) -> list[Path] | None:
    """The files that mail is taken from, in order; None for the standard input. Raises UsageError."""
    if name == STDIN:
        return None
    path = Path(name)
    if not path.exists():
        raise UsageError(f"{name}: there is no such file or folder; `-` reads one mail from standard input")
    if path.is_dir():
        return [one for one in sorted(path.rglob("*")) if _holds_mail(one, path) and one.is_file()]
    return [path]


def _holds_mail(path: Path, top: Path) -> bool:
    """Whether a file of a folder is mail: by its name, or as one of a Maildir."""
    if any(part.startswith(".nfs") for part in path.relative_to(top).parts):
        return False
    if path.suffix.lower() in (".eml", ".mbox"):
        return True
    return path.parent.name in ("cur", "new") and (path.parent.parent / "tmp").is_dir()


def mails(paths: Iterable[Path] | None, most: int) -> Iterator[Source]:
    """The mails of these files (None: of the standard input), each of at most `most` bytes."""
    if paths is None:
        yield from _of_stream(sys.stdin.buffer, STDIN, most, is_mbox=None)
        return
    for path in paths:
        try:
            with path.open("rb") as stream:
                yield from _of_stream(stream, _told(path), most, is_mbox=_by_name(path))
        except OSError as error:
            yield Source(_told(path), b"", f"the file cannot be read: {error.strerror}")


def _told(path: Path) -> str:
    """Names of files may be any bytes."""
    return os.fsencode(path).decode("utf-8", "replace")


def _by_name(path: Path) -> bool | None:
    """An .eml is one mail, whatever lines it has; other files are looked into."""
    return {".eml": False, ".mbox": True}.get(path.suffix.lower())


def _of_stream(stream: BinaryIO, path: str, most: int, *, is_mbox: bool | None) -> Iterator[Source]:
    first = stream.readline(_LARGEST_LINE)
    if is_mbox is not False and _SEPARATOR.match(first):
        for number, (raw, size) in enumerate(_of_mbox(stream, most), 1):
            yield _source(f"{path}#{number}", _ESCAPED.sub(rb"\1", raw), size, most)
        return
    raw = first + stream.read(max(0, most + 1 - len(first)))
    yield _source(path, raw, len(raw), most)


def _of_mbox(stream: BinaryIO, most: int) -> Iterator[tuple[bytes, int]]:
    """Each mail after its separator line, and its size; of a mail over `most` only the beginning is held."""
    held, size, blank = bytearray(), 0, False
    while row := stream.readline(_LARGEST_LINE):
        if blank and _SEPARATOR.match(row):
            yield bytes(held), size
            held, size, blank = bytearray(), 0, False
            continue
        size += len(row)
        blank = not row.strip(b"\r\n")
        if size <= most:
            held += row
    yield bytes(held), size


def _source(path: str, raw: bytes, size: int, most: int) -> Source:
    if size > most:
        return Source(path, raw[:HEADER_BYTES], f"it is larger than {most >> 20} MiB")
    return Source(path, raw, None)
