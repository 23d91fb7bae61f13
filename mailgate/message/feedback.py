"""What does an abuse report complain about?

ARF (RFC 5965, RFC 6591, RFC 6650), X-ARF as JSON and in its oldest form, and what Hotmail sends instead. What
it asserts is a stranger's claim. The reported mail stays an attachment, as evidence; nothing of it is shown.
"""

import json
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from itertools import islice
from typing import Any

from mailgate.message.automatic import keyword
from mailgate.message.dsn import beginning, reports
from mailgate.message.headers import Headers, first, of_mail, split
from mailgate.message.message import Feedback
from mailgate.message.mime import Part
from mailgate.message.text import line, words

_MAX_BYTES = 256_000
_MAX_LEAVES = 50
_MAX_WORD = 80

_XARF_FIELDS = ("x-xarf", "x-arf")
_HOTMAIL_FIELD = "x-hmxmroriginalrecipient"
_HOTMAIL_SUBJECT = re.compile(r"complaint about message from\b", re.IGNORECASE)
_HOTMAIL_STAFF = re.compile(r"(?<![\w.+-])staff@(?:hotmail|outlook|live|msn)\.com\b", re.IGNORECASE)
_NOT_LETTERS = re.compile("[^a-z]")
_DOMAIN = re.compile(r"\w(?:[\w.-]{0,252}\w)?")
_ADDRESS_DOMAIN = re.compile(r"@(\w(?:[\w.-]{0,252}\w)?)")
_IP = re.compile(
    r"(?<![\w.])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?![\w.:])", re.IGNORECASE
)
_OPT_OUT = re.compile(r"(?:re: )?(?:unsubscribe|berhenti berlangganan)(?: me)?[.!]?", re.IGNORECASE)
_OLD_PAIR = re.compile(r"^([A-Za-z-]{3,40})[ \t]{0,8}:[ \t]{0,8}['\"]?([^'\"\n]{1,400})", re.MULTILINE)


def feedback(root: Part) -> Feedback | None:
    """What an abuse report says; None when the mail is none. Whoever forwards one is a person."""
    if any(reports(root)) and (found := _arf(root)):
        return found
    if _may_be_xarf(root) and (found := _xarf(root)):
        return found
    return _hotmail(root) or _opt_out(root)


def _leaves(root: Part) -> Iterator[Part]:
    return islice(root.leaves, _MAX_LEAVES)


# --- ARF --------------------------------------------------------------------------------------------------


def _arf(root: Part) -> Feedback | None:
    for leaf in _leaves(root):
        if leaf.type == "message/feedback-report":
            return _of_fields(split(beginning(leaf).lstrip())[0])
    return None


def _of_fields(fields: Headers) -> Feedback:
    """RFC 6650, section 4.5: a type that nobody knows is taken nevertheless."""
    domain = first(fields, "reported-domain") or _after_at(first(fields, "original-mail-from"))
    return Feedback(_word(first(fields, "feedback-type")), _ip(first(fields, "source-ip")), _domain(domain))


# --- X-ARF ------------------------------------------------------------------------------------------------


def _may_be_xarf(root: Part) -> bool:
    if any(name in root.headers for name in _XARF_FIELDS):
        return True
    return any(leaf.type == "application/json" and _is_named_xarf(leaf) for leaf in _leaves(root))


def _is_named_xarf(leaf: Part) -> bool:
    disposition = first(leaf.headers, "content-disposition")
    return "xarf" in f"{leaf.parameters.get('name', '')} {disposition}"[:1000].lower()


def _xarf(root: Part) -> Feedback | None:
    for leaf in _leaves(root):
        if leaf.type not in ("application/json", "text/json", "text/plain", "text/yaml"):
            continue
        said = beginning(leaf)[:_MAX_BYTES].decode("utf-8", "replace").strip().removeprefix("\ufeff")
        found = _of_json(said) if said.startswith("{") else _of_pairs(said)
        if found:
            return found
    # Broken, and nevertheless no person's.
    return Feedback("other", "") if any(name in root.headers for name in _XARF_FIELDS) else None


def _of_json(said: str) -> Feedback | None:
    """Version 4 names things flatly, version 3 in "Report", version 2 as the oldest form does."""
    try:
        top = json.loads(said)
    except (ValueError, RecursionError):
        return None
    report = top.get("Report", top)
    return _of_names({**top, **report} if isinstance(report, dict) else top)


def _of_pairs(said: str) -> Feedback | None:
    """The oldest form: YAML that is nothing but "Name: value"."""
    return _of_names({name: value.strip() for name, value in islice(_OLD_PAIR.findall(said), 100)})


def _of_names(names: Mapping[str, Any]) -> Feedback | None:
    words_only = ((name, value) for name, value in names.items() if isinstance(value, str))
    said = {_NOT_LETTERS.sub("", name.lower()): value for name, value in words_only}
    kind = said.get("type") or said.get("reporttype") or said.get("category") or said.get("reportclass")
    source = said.get("sourceidentifier") or said.get("sourceip") or said.get("source") or ""
    if not kind or not ({"xarfversion", "reportedfrom", "reporttype", "sourceidentifier"} & said.keys()):
        return None
    named = said.get("reporteddomain") or said.get("domain") or ("" if _ip(source) else source)
    return Feedback(_word(kind), _ip(source), _domain(_after_at(named) or named))


# --- Hotmail ----------------------------------------------------------------------------------------------


def _hotmail(root: Part) -> Feedback | None:
    """The reported mail as it was delivered, in a mail that says nothing else, or not even that."""
    senders = (*root.headers.get("from", ()), *root.headers.get("return-path", ()))
    if not any(_HOTMAIL_STAFF.search(one[:1000]) for one in senders):
        return None
    subject = line(words(first(root.headers, "subject")))
    inside = [of_mail(beginning(leaf))[0] for leaf in _leaves(root) if leaf.type == "message/rfc822"]
    marked = [one for one in (root.headers, *inside) if _HOTMAIL_FIELD in one]
    if not marked and not _HOTMAIL_SUBJECT.match(subject):
        return None
    reported = next(iter((*marked, *inside)), root.headers)
    trace = (first(reported, name) for name in ("x-originating-ip", "received"))
    source = next(filter(None, map(_ip, (subject, *trace))), "")
    domain = _after_at(first(reported, "from")) if reported is not root.headers or marked else ""
    return Feedback("abuse", source, _domain(domain))


def _opt_out(root: Part) -> Feedback | None:
    """The mail programs of phones that unsubscribe in their owner's name; people write such words too."""
    if not any(keyword(value) not in ("", "no") for value in root.headers.get("auto-submitted", ())):
        return None
    subject = line(words(first(root.headers, "subject")))
    return Feedback("opt-out", "") if _OPT_OUT.fullmatch(subject) else None


# --- words of strangers -----------------------------------------------------------------------------------


def _word(value: str) -> str:
    return line(value)[:_MAX_WORD].lower() or "other"


def _ip(value: str) -> str:
    """The first address in it; "" when it has none or only a redacted one (RFC 6590)."""
    for found in islice(_IP.finditer(line(value)[:2000]), 5):
        try:
            return str(ip_address(found[0]))
        except ValueError:
            continue
    return ""


def _after_at(value: str) -> str:
    found = _ADDRESS_DOMAIN.search(line(value)[:2000])
    return found[1] if found else ""


def _domain(value: str) -> str:
    name = line(value)[:255].lower()
    return name if _DOMAIN.fullmatch(name) and not name.rpartition(".")[2].isdecimal() else ""
