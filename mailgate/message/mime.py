"""Which parts has a mail?

A tree made from the raw bytes in linear time. An attached message is a leaf and stays as it came: its parts,
recipients and marks are not those of the mail that carries it.
"""

import re
from binascii import a2b_qp
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email.message import Message as StdlibMessage
from functools import lru_cache
from types import MappingProxyType

from mailgate.errors import UnreadableMessageError
from mailgate.message.headers import Headers, first, of_mail, split
from mailgate.message.limits import DEFAULT, ReadLimits
from mailgate.message.pkcs7 import signed_content
from mailgate.message.text import decode, unbase64
from mailgate.message.tnef import Tnef, unpack
from mailgate.message.uuencode import uuencoded

_MAX_PARAMETER_BYTES = 8_192  # the parser of the standard library is quadratic in quotes
_TYPE = re.compile(r"\s*([!#$%&'*+.^_`|{}~\w-]+)\s*/\s*([!#$%&'*+.^_`|{}~\w-]+)", re.ASCII)
# What stands where a type and its subtype belong: old programs wrote one word.
_PKCS7 = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_STAR = re.compile(r"\*")
_ONE_WORD = {"text": "text/plain", "plain": "text/plain", "html": "text/html", "multipart": "multipart/mixed"}
_BOUNDARY_LINE = re.compile(
    rb"(?:\A|\n)--([^\r\n]{1,200}?)[ \t]*\r?\nContent-[A-Za-z-]{1,40}:", re.IGNORECASE
)
_SCANS, _SCANNED_FREELY = 5, 10_000_000
_SEARCHED_FOR_BOUNDARY = 65_536
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
    charset: str = ""
    """Declared here, else by the multipart around it; "" when nowhere."""

    @property
    def leaves(self) -> Iterator["Part"]:
        """The parts that have no parts, in their order."""
        if not self.type.startswith("multipart/"):
            yield self
        for child in self.children:
            yield from child.leaves


@dataclass(frozen=True, slots=True)
class _Around:
    """What a part is told by the parts around it."""

    default: str
    """The type of a part that names none."""
    charset: str
    depth: int


def tree(raw: bytes, limits: ReadLimits = DEFAULT) -> Part:
    """The parts of a mail.

    Raises UnreadableMessageError on more header, parts or depth than any letter has.
    """
    headers, body = of_mail(raw)
    walk = _Tree(limits, _Budget(limits.parts, _SCANS * len(raw) + _SCANNED_FREELY))
    walk.check(headers, body)
    return walk.of(raw, headers, body, len(raw), _Around("text/plain", "", 0))


@dataclass(slots=True)
class _Budget:
    """What is left."""

    parts: int
    scanned: int
    """Bytes that are searched for boundaries: every level searches those within it again."""


@dataclass(frozen=True, slots=True)
class _Tree:
    limits: ReadLimits
    budget: _Budget

    def part(self, raw: bytes, start: int, end: int, around: _Around) -> Part:
        headers, body = split(raw, start, end)
        self.check(headers, body - start)
        return self.of(raw, headers, body, end, around)

    def of(self, raw: bytes, headers: Headers, body: int, end: int, around: _Around) -> Part:
        kind, parameters = media_type(first(headers, "content-type"), around.default, self.limits.segments)
        charset = parameters.get("charset") or around.charset
        if not kind.startswith("multipart/"):
            return self.opened(Part(kind, parameters, headers, raw[body:end], charset=charset), around)
        self.budget.scanned -= end - body
        if around.depth >= self.limits.depth or self.budget.scanned < 0:
            raise UnreadableMessageError(f"more than {self.limits.depth} parts within each other")
        raw, body, end = _without_encoding(raw, body, end, headers)
        spans, whole = _parts_of(raw, body, end, parameters.get("boundary", ""))
        if spans is None:
            return Part("text/plain", parameters, headers, raw[body:end], whole=False, charset=charset)
        inside = _Around(
            "message/rfc822" if kind == "multipart/digest" else "text/plain", charset, around.depth + 1
        )
        children = tuple(self.part(raw, low, high, inside) for low, high in spans)
        return Part(kind, parameters, headers, b"", children, whole, charset)

    def opened(self, leaf: Part, around: _Around) -> Part:
        """A container that only few programs can open, as the parts in it; any other leaf as it is."""
        if leaf.type in _PKCS7 and around.depth < self.limits.depth:
            inner = signed_content(content(leaf))
            if inner is not None:
                within = self.part(inner, 0, len(inner), _Around("text/plain", "", around.depth + 1))
                return replace(leaf, type="multipart/signed", body=b"", children=(within,))
        if leaf.type in _TNEF or leaf.parameters.get("name", "").lower() == "winmail.dat":
            found = unpack(content(leaf))
            if found and (children := tuple(_of_tnef(found))):
                return replace(leaf, type="multipart/mixed", body=b"", children=children)
        return leaf

    def check(self, headers: Headers, size: int) -> None:
        """Another part, with so many bytes of header."""
        self.budget.parts -= 1
        if self.budget.parts < 0:
            raise UnreadableMessageError(f"more than {self.limits.parts} parts")
        if size >= self.limits.header_bytes:
            raise UnreadableMessageError(f"more than {self.limits.header_bytes // 1000} kB of header")
        if sum(map(len, headers.values())) > self.limits.header_fields:
            raise UnreadableMessageError(f"more than {self.limits.header_fields} header fields")


def _of_tnef(found: Tnef) -> Iterator[Part]:
    if found.html.strip():
        yield Part("text/html", _NO_PARAMETERS, {}, found.html, charset=found.charset)
    elif found.plain.strip():
        yield Part("text/plain", _NO_PARAMETERS, {}, found.plain, charset=found.charset)
    for file in found.files:
        kind, _ = media_type(file.type, "application/octet-stream")
        named = {"content-disposition": ["attachment"]}
        yield Part(kind, MappingProxyType({"name": file.name}), named, file.data)


def _without_encoding(raw: bytes, start: int, end: int, headers: Headers) -> tuple[bytes, int, int]:
    """RFC 2045, section 6.4 forbids to encode a multipart; some programs do."""
    encoding = _encoding(headers)
    if encoding not in ("base64", "quoted-printable") or raw.find(b"\n--", start, end) >= 0:
        return raw, start, end
    decoded = _decoded(raw[start:end], encoding)
    return decoded, 0, len(decoded)


_Spans = list[tuple[int, int]]


def _parts_of(raw: bytes, start: int, end: int, boundary: str) -> tuple[_Spans | None, bool]:
    """(start, end) of every part; None when no boundary is there. And whether all is as it should be."""
    spans, closed = _spans(raw, start, end, boundary.encode("utf-8", "replace"))
    if spans or closed:
        return spans, closed
    # The boundary that is declared is not the one that was used.
    found = _BOUNDARY_LINE.search(raw, start, min(end, start + _SEARCHED_FOR_BOUNDARY))
    return (_spans(raw, start, end, found[1])[0] or None if found else None), False


def _spans(raw: bytes, start: int, end: int, boundary: bytes) -> tuple[_Spans, bool]:
    """(start, end) of every part between the delimiters, and whether the closing one was found."""
    spans: _Spans = []
    opened: int | None = None
    for low, high, closing in _delimiters(raw, start, end, b"--" + boundary):
        if opened is not None:
            spans.append((opened, max(opened, low)))
        opened = high
        if closing:
            return spans, True
    if opened is not None and opened < end:
        spans.append((opened, _without_glued_end(raw, opened, end, boundary)))
    return spans, False  # cut off on its way: what came is kept


def _without_glued_end(raw: bytes, start: int, end: int, boundary: bytes) -> int:
    """Where the last part ends when the closing delimiter stands behind its last word."""
    tail = raw[max(start, end - len(boundary) - 100) : end].rstrip()
    closing = b"--" + boundary + b"--"
    if not boundary or not tail.endswith(closing):
        return end
    return raw.rfind(closing, start, end)


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


def media_type(value: str, default: str, segments: int = DEFAULT.segments) -> tuple[str, Mapping[str, str]]:
    """Lower-case type and parameters of a Content-Type; `default` when it says none (RFC 2045, 5.2)."""
    found = _TYPE.match(value)
    if not found:
        return _type_of_one_word(value, default), parameters(value, segments)
    return f"{found[1]}/{found[2]}".lower(), parameters(value, segments)


def _type_of_one_word(value: str, default: str) -> str:
    word = value.partition(";")[0].strip().rstrip("/").lower()
    if not word or word in _ONE_WORD:
        return _ONE_WORD.get(word, default)
    return "application/octet-stream" if "name" in parameters(value) else default


@lru_cache(maxsize=256)
def parameters(value: str, segments: int = DEFAULT.segments) -> Mapping[str, str]:
    """The parameters of a structured field, continuations and charsets resolved (RFC 2231)."""
    if ";" not in value:
        return _NO_PARAMETERS
    value = value[:_MAX_PARAMETER_BYTES]
    if value.count("*") > segments:
        value = value[: [star.start() for star in _STAR.finditer(value)][segments]].rpartition(";")[0]
    holder = StdlibMessage()
    holder["Content-Type"] = value
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
    return _decoded(part.body, _encoding(part.headers))


def _encoding(headers: Headers) -> str:
    return first(headers, "content-transfer-encoding").partition(";")[0].strip(" \t\"'").lower()


def _decoded(data: bytes, encoding: str) -> bytes:
    match encoding:
        case "base64":
            return unbase64(data)
        case "quoted-printable":
            return a2b_qp(data)
        case "x-uuencode" | "uuencode" | "x-uue" | "uue":
            found = next(uuencoded(data), None)
            return found.data if found else data
        case _:
            return data
