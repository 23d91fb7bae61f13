"""Which parts has a mail?

A tree made from the raw bytes in linear time. An attached message is a leaf and stays as it came: its parts,
recipients and marks are not those of the mail that carries it.
"""

import re
from binascii import a2b_qp
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message as StdlibMessage
from functools import lru_cache
from types import MappingProxyType

from mailgate.errors import UnreadableMessageError
from mailgate.message.headers import MAX_HEADER_BYTES, Headers, first, skip_envelope_line, split
from mailgate.message.text import decode, unbase64

MAX_PARTS = 500
MAX_DEPTH = 100
"""Multiparts within each other: letters reach about six, and it bounds the recursion."""

_MAX_PARAMETER_BYTES = 8_192  # the parser of the standard library is quadratic in quotes
_TYPE = re.compile(r"\s*([!#$%&'*+.^_`|{}~\w-]+)\s*/\s*([!#$%&'*+.^_`|{}~\w-]+)", re.ASCII)
_NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a mail; the root is the mail itself."""

    type: str
    """Lower-case media type."""
    parameters: Mapping[str, str]
    """Of Content-Type; lower-case names."""
    headers: Headers
    body: bytes
    """Still encoded for transfer; b"" for a multipart."""
    children: tuple["Part", ...] = ()
    whole: bool = True
    """False for a multipart whose boundary cannot be found or that was cut off."""

    @property
    def leaves(self) -> Iterator["Part"]:
        """The parts that have no parts, in their order."""
        if not self.type.startswith("multipart/"):
            yield self
        for child in self.children:
            yield from child.leaves


def tree(raw: bytes) -> Part:
    """The parts of a mail.

    Raises UnreadableMessageError on more header bytes, parts or depth than any letter has.
    """
    return _part(raw, skip_envelope_line(raw), len(raw), "text/plain", 0, iter(range(MAX_PARTS)))


def _part(raw: bytes, start: int, end: int, default: str, depth: int, budget: Iterator[int]) -> Part:
    if next(budget, None) is None:
        raise UnreadableMessageError(f"more than {MAX_PARTS} parts")
    headers, body = split(raw, start, end)
    if body - start >= MAX_HEADER_BYTES:
        raise UnreadableMessageError(f"more than {MAX_HEADER_BYTES // 1000} kB of header")
    kind, parameters = media_type(first(headers, "content-type"), default)
    if not kind.startswith("multipart/"):
        return Part(kind, parameters, headers, raw[body:end])
    if depth >= MAX_DEPTH:
        raise UnreadableMessageError(f"more than {MAX_DEPTH} parts within each other")
    inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
    spans, closed = _spans(raw, body, end, parameters.get("boundary", ""))
    if not spans:
        return Part("text/plain", parameters, headers, raw[body:end], whole=False)
    children = tuple(_part(raw, low, high, inner, depth + 1, budget) for low, high in spans)
    return Part(kind, parameters, headers, b"", children, whole=closed)


def _spans(raw: bytes, start: int, end: int, boundary: str) -> tuple[list[tuple[int, int]], bool]:
    """(start, end) of every part between the delimiters, and whether the closing one was found."""
    spans: list[tuple[int, int]] = []
    opened: int | None = None
    for low, high, closing in _delimiters(raw, start, end, b"--" + boundary.encode("utf-8", "replace")):
        if opened is not None:
            spans.append((opened, max(opened, low)))
        opened = high
        if closing or len(spans) > MAX_PARTS:
            return spans, closing
    if opened is not None and opened < end:
        spans.append((opened, end))  # cut off on its way: what came is kept
    return spans, False


def _delimiters(raw: bytes, start: int, end: int, dashes: bytes) -> Iterator[tuple[int, int, bool]]:
    """Where the part before a delimiter line ends, where the next begins, and whether it closes."""
    position = start
    while len(dashes) > 2 and (found := raw.find(dashes, position, end)) >= 0:
        position = found + len(dashes)
        if found > start and raw[found - 1] != ord("\n"):
            continue
        newline = raw.find(b"\n", position, end)
        after = end if newline < 0 else newline + 1
        tail = raw[position : min(after, position + 80)]
        # RFC 2046, section 5.1.1: at the start of a line, followed by nothing but white space.
        closing = tail.startswith(b"--")
        if closing or not tail.strip():
            yield _before_line_end(raw, start, found), after, closing
            position = after


def _before_line_end(raw: bytes, start: int, found: int) -> int:
    """RFC 2046, section 5.1.1: the line end before a delimiter belongs to the delimiter."""
    if found - 2 >= start and raw[found - 2 : found] == b"\r\n":
        return found - 2
    return max(start, found - 1)


def media_type(value: str, default: str) -> tuple[str, Mapping[str, str]]:
    """Lower-case type and parameters of a Content-Type; `default` when it says none (RFC 2045, 5.2)."""
    found = _TYPE.match(value)
    if not found:
        return default, _NO_PARAMETERS
    return f"{found[1]}/{found[2]}".lower(), parameters(value)


@lru_cache(maxsize=256)
def parameters(value: str) -> Mapping[str, str]:
    """The parameters of a structured field, continuations and charsets resolved (RFC 2231)."""
    if ";" not in value:
        return _NO_PARAMETERS
    holder = StdlibMessage()
    holder["Content-Type"] = value[:_MAX_PARAMETER_BYTES]
    try:
        pairs = holder.get_params(failobj=[])
    except (
        ValueError,
        TypeError,
    ):  # a continuation numbered with thousands of digits, numbers and none mixed
        return _NO_PARAMETERS
    found: dict[str, str] = {}
    for name, content in pairs[1:]:
        found.setdefault(name.lower(), _resolved(content))
    return MappingProxyType(found)


def _resolved(content: str | tuple[str | None, str | None, str]) -> str:
    """RFC 2231 values come as (charset, language, text of one character a byte)."""
    if isinstance(content, str):
        return content
    charset, _, octets = content
    try:
        return decode(octets.encode("latin-1"), charset or "")[0]
    except UnicodeEncodeError:  # raw UTF-8 where only escapes may stand
        return octets


def content(part: Part) -> bytes:
    """The bytes of a leaf, decoded; an encoding that nobody knows is left as it is."""
    match first(part.headers, "content-transfer-encoding").partition(";")[0].strip().lower():
        case "base64":
            return unbase64(part.body)
        case "quoted-printable":
            return a2b_qp(part.body)
        case _:
            return part.body
