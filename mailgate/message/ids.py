"""Which mail is this, and which mails and tickets does it speak of?

Ids stand without angle brackets. `index` works on raw bytes in one linear pass: it is computed before the
mail is read, and also for mail that cannot be read.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from unicodedata import normalize

from mailgate.message.headers import Headers, first, of_mail, with_line_feeds
from mailgate.message.message import MOST_KEY
from mailgate.message.text import line

_MAX_IDS = 100
_MAX_ID_OCTETS = 998  # RFC 5322, section 2.1.1: no line is longer; no database indexes 3 kB

_IN_BRACKETS = re.compile(r"<([^<>]+)>")
_BARE = re.compile(r"""[^\s<>,;"()@]{1,500}@[^\s<>,;"()@]{1,500}""")
_GMAIL = ("gmail.com", "googlemail.com")
_OUTBOX_ID = re.compile(r"[a-z2-7]{26}")
_REF = re.compile(
    r"(?<![A-Za-z0-9])Ref[ \t\xa0\u202f]{0,8}:[ \t\xa0\u202f]{0,8}<?([a-z2-7]{26})(?![A-Za-z0-9])",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Index:
    """What the store must know of a raw mail before anybody reads it."""

    message_id: str | None
    """None when the mail has none that can be read."""
    references: tuple[str, ...]
    """In-Reply-To, then References; each id once."""
    content: str
    """SHA-256, hexadecimal: equal for two deliveries of one mail, each with its own trace fields."""


def message_ids(value: str) -> tuple[str, ...]:
    """The ids of a Message-ID, In-Reply-To or References field: at most the first and the last hundred.

    The first names the thread, the last ones the mails just answered (RFC 5322, section 3.6.4).
    """
    found = [line(inner).replace(" ", "") for inner in _IN_BRACKETS.findall(value)] or _BARE.findall(value)
    kept = found if len(found) <= _MAX_IDS else [found[0], *found[-_MAX_IDS:]]
    return tuple(dict.fromkeys(line(one) for one in kept if 0 < len(one.encode()) <= _MAX_ID_OCTETS))


def message_id(headers: Headers) -> str | None:
    """The mail's own id."""
    found = message_ids(first(headers, "message-id"))
    return found[0] if found else None


def index(raw: bytes) -> Index:
    """What identifies a mail; never fails."""
    raw = with_line_feeds(raw)
    headers, body = of_mail(raw)
    answered = message_ids(" ".join(headers.get("in-reply-to", ())))
    thread = message_ids(" ".join(headers.get("references", ())))
    return Index(message_id(headers), tuple(dict.fromkeys(answered + thread)), _content(headers, raw[body:]))


def _content(headers: Headers, body: bytes) -> str:
    digest = sha256()
    for name in ("from", "date", "subject", "message-id"):
        for value in headers.get(name, ()):
            digest.update(f"{name}:{' '.join(value.split())}\n".encode("utf-8", "replace"))
    # Servers change line ends and the last line end of what they store.
    digest.update(b"\n" + body.replace(b"\r\n", b"\n").rstrip(b"\r\n"))
    return digest.hexdigest()


def is_outbox_id(left: str) -> bool:
    """Whether it has the form of an outbox id: 128 random bits in lower-case base32."""
    return _OUTBOX_ID.fullmatch(left) is not None


def token_of(message_id: str) -> str | None:
    """The outbox id that is the left part of a Message-ID, None when it is none."""
    left = message_id.partition("@")[0]
    return left if is_outbox_id(left) else None


def ref_ids(text: str) -> tuple[str, ...]:
    """The outbox ids of "Ref:" lines, quoted ones included: for clients and relays that lose Message-IDs."""
    return tuple(dict.fromkeys(found.lower() for found in _REF.findall(text)))[:_MAX_IDS]


def ticket_numbers(subject: str, prefixes: Iterable[str]) -> tuple[str, ...]:
    """The ticket numbers in a subject, as they are written in tickets: "KOM-2026-000123"."""
    names = {prefix.upper(): prefix for prefix in prefixes}
    found = _number(tuple(sorted(names))).findall(subject) if names else []
    return tuple(
        dict.fromkeys(f"{names[name.upper()]}-{year}-{int(serial):06}" for name, year, serial in found)
    )[:_MAX_IDS]


@lru_cache(maxsize=32)
def _number(prefixes: tuple[str, ...]) -> re.Pattern[str]:
    names, dash = (
        "|".join(map(re.escape, prefixes)),
        "[-\u2010-\u2015\u2212]",
    )  # phones make dashes of hyphens
    return re.compile(
        rf"(?<![A-Za-z0-9])({names}){dash}(20[0-9]{{2}}){dash}([0-9]{{1,9}})(?![0-9A-Za-z])", re.IGNORECASE
    )


def words_key(text: str) -> str | None:
    """Equal for two texts that say the same in another case or layout; None where nothing is said."""
    words = " ".join(normalize("NFKC", text).casefold().split())
    return sha256(words.encode("utf-8", "replace")).hexdigest() if words else None


def mailbox_group(address: str) -> str:
    """What all spellings of one mailbox have in common, for the brakes and for nothing else.

    A +tag, and Gmail's dots and second name, make no other mailbox. It is never written to: foreign local
    parts mean what their own host says (RFC 5321, section 2.3.11).
    """
    local, at, domain = address.casefold().strip().rpartition("@")
    if not at:
        local, domain = domain, ""
    local = local.partition("+")[0] or local  # "+@example.org" is no tag of nobody
    if domain_of(address) in _GMAIL:
        local, domain = local.replace(".", "") or local, _GMAIL[0]
    return f"{local[: MOST_KEY // 2]}{at}{domain.rstrip('.')}"[:MOST_KEY]


def domain_of(address: str) -> str:
    """The domain, casefolded and without the root's dot; "" where there is none."""
    _, at, domain = address.casefold().strip().rpartition("@")
    return domain.rstrip(".")[:MOST_KEY] if at else ""
