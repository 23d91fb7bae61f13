"""Did the server that we trust prove who wrote?

Authentication-Results (RFC 8601) as servers write them. Of all such fields only one counts: the topmost with
an id that the desk trusts. Whatever stands below may come from anybody.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailgate.message.text import line

_MAX_FIELD = 16_384
_MAX_DEPTH = 20
_MAX_RESULTS = 100

_LEXEME = re.compile(r'\\.|"|\(|\)|;|[^\\"();]+|\\')
_WORD = r"[!#$%&'*+.^_`|{}~\w-]{1,255}"
# A server with an id writes it first, and perhaps the version (section 2.2).
_ID = re.compile(rf'\s*("[^"]{{1,255}}"|{_WORD})(?:\s+(\d{{1,9}}))?\s*')
_METHOD = re.compile(r"\s*([A-Za-z][\w-]{0,60})\s*(?:/\s*(\d{1,9})\s*)?=\s*([A-Za-z][\w-]{0,60})(?=[\s;]|$)")
_PROPERTY = re.compile(
    r"""(?<!\S)([A-Za-z][\w-]{0,60})\s{0,9}\.\s{0,9}([\w-]{1,60})\s{0,9}=\s{0,9}("[^"]{0,998}"|[^\s";]{1,998})"""
)


class Dmarc(StrEnum):
    """What the trusted server says about the author."""

    PASS = "pass"  # noqa: S105 (a result, no password)
    """The domain of From stands behind this mail; not who in it wrote (RFC 8601, section 7.2)."""
    FAIL = "fail"
    NONE = "none"
    """It says nothing that counts."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """And why, for `why`."""

    dmarc: Dmarc
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """One method's result."""

    method: str
    """Lower case."""
    result: str
    """Lower case."""
    properties: tuple[tuple[str, str], ...]
    """("header.from", value); names in lower case, values without quotes."""


@dataclass(frozen=True, slots=True)
class Results:
    """One field."""

    authserv_id: str
    """Lower case; "" in Microsoft's form, which has none."""
    results: tuple[Result, ...]


def trusted(fields: Sequence[str], authserv_ids: Collection[str], authors: Sequence[str]) -> Verdict:
    """What the topmost field of a trusted server proves about the one author.

    `fields`: Authentication-Results alone, topmost first; ARC-Authentication-Results are a stranger's word.
    `authserv_ids`: "" trusts a field without any id, as Microsoft's servers write it. `authors`: the
    addresses of From.
    """
    known = {one.strip().lower() for one in authserv_ids}
    found = next((one for one in map(results, fields) if one is not None and one.authserv_id in known), None)
    if found is None:
        return Verdict(Dmarc.NONE, "no Authentication-Results of a trusted server")
    said = [one for one in found.results if one.method == "dmarc"]
    return _verdict(said, found.authserv_id, authors)


def _verdict(said: list[Result], server: str, authors: Sequence[str]) -> Verdict:
    """RFC 7489, section 6.6.1: one domain in From, or none is proven. A failure counts in any case."""
    if any(one.result == "fail" for one in said):
        return Verdict(Dmarc.FAIL, f"{server} says dmarc=fail")
    if not said or any(one.result != "pass" for one in said):
        return Verdict(Dmarc.NONE, f"{server} says nothing of DMARC that counts")
    if len(authors) != 1:
        return Verdict(Dmarc.NONE, f"{len(authors)} addresses in From: nobody is proven")
    wanted = _domain(authors[0].rpartition("@")[2])
    named = {_domain(value) for one in said for name, value in one.properties if name == "header.from"}
    if not wanted or named != {wanted}:
        return Verdict(Dmarc.NONE, f"{server} says dmarc=pass, and not of the domain in From")
    return Verdict(Dmarc.PASS, f"{server} says dmarc=pass for {wanted}")


def _domain(value: str) -> str:
    """As DNS compares it: some servers write the address, some the letters and some the ASCII of a name."""
    name = line(value).strip().rpartition("@")[2].rstrip(".").lower()[:255]
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


# --- grammar, RFC 8601, section 2.2 -----------------------------------------------------------------------


def results(field: str) -> Results | None:
    """What one field says; None when it follows no grammar, and then it proves nothing."""
    if len(field) > _MAX_FIELD or (pieces := _pieces(field)) is None:
        return None
    head, *rest = pieces
    if "=" in head:
        return Results("", tuple(_results(pieces)))
    found = _ID.fullmatch(head)
    if not found or found[2] not in (None, "1"):
        return None
    return Results(_unquoted(found[1]).lower(), tuple(_results(rest)))


def _pieces(field: str) -> list[str] | None:
    """The field without comments, cut at the semicolons outside quotes; None when one of them never ends."""
    pieces, depth, quoted = [""], 0, False
    held: list[str] = []
    for lexeme in _LEXEME.findall(field):
        match lexeme:
            case '"' if not depth:
                quoted = not quoted
            case "(" if not quoted:
                depth += 1
                held.append(" ")
                continue
            case ")" if depth:
                depth -= 1
                continue
            case ";" if not quoted and not depth:
                pieces[-1] = "".join(held)
                pieces.append("")
                held = []
                continue
        if depth > _MAX_DEPTH:
            return None
        if not depth:
            held.append(lexeme)
    pieces[-1] = "".join(held)
    return None if depth or quoted else pieces


def _results(pieces: list[str]) -> Iterator[Result]:
    """What is no result ("none", a method of another version) is passed over (section 2.7.6)."""
    for piece in pieces[:_MAX_RESULTS]:
        found = _METHOD.match(piece)
        if found and found[2] in (None, "1"):
            pairs = _PROPERTY.findall(piece, found.end())
            properties = tuple((f"{kind}.{name}".lower(), _unquoted(value)) for kind, name, value in pairs)
            yield Result(found[1].lower(), found[3].lower(), properties)


def _unquoted(value: str) -> str:
    return value[1:-1] if value.startswith('"') else value
