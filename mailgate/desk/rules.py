"""What do the office's rules make of a new mail?

The rules of a desk are asked in their order, and the first that matches wins; see `RuleWhen` for what one
asks. Words are compared whole, without case, accents and punctuation: nothing of the settings becomes a
regular expression, and the time is proportional to the text.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import chain
from unicodedata import category, normalize

from mailgate.message.message import Attachment, Message
from mailgate.settings import Rule, RuleSet, RuleWhen

_MOST_CHARACTERS = 100_000
_MOST_NAME = 255  # of a file name: no file system takes more
_MOST_NAMED = 3  # words listed where none was found; a rule may have fifty

_WORD = re.compile(r"[^\W_]+")
# Soft hyphen, zero-width characters and direction marks, which people paste without seeing them.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Judged:
    """What one rule made of a mail."""

    number: int
    """Its place in the settings, from 1."""
    matched: bool
    why: tuple[str, ...]
    """What the mail showed; of a rule that did not match, what was missing. English, for `rules test`."""
    reached: bool = True
    """False after the rule that matched: it was not asked."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the first rule that matches sets."""

    number: int
    """The rule's place in the settings, from 1."""
    set: RuleSet
    why: str
    """One English line, for the history."""


def ruling(rules: Sequence[Rule], message: Message, *, outside_hours: bool) -> Ruling | None:
    """The first rule that matches; None where none does. `outside_hours`: when the mail arrived."""
    for rule, one in zip(rules, judged(rules, message, outside_hours=outside_hours), strict=True):
        if one.matched:
            return Ruling(one.number, rule.set, f"rule {one.number}: {'; '.join(one.why)}")
    return None


def judged(rules: Sequence[Rule], message: Message, *, outside_hours: bool) -> tuple[Judged, ...]:
    """Every rule in its order, with the reasons."""
    if not rules:
        return ()
    seen = _seen(message, outside_hours=outside_hours)
    return tuple(_each(rules, seen))


def _each(rules: Sequence[Rule], seen: "_Seen") -> Iterator[Judged]:
    winner = 0
    for number, rule in enumerate(rules, 1):
        if winner:
            yield Judged(number, False, (f"not asked: rule {winner} matched before",), reached=False)
            continue
        one = _judged(number, rule.when, seen)
        winner = number if one.matched else 0
        yield one


@dataclass(frozen=True, slots=True)
class _Seen:
    """What rules look at, made comparable once for all of them."""

    message: Message
    subject: str
    words: str
    outside_hours: bool


@dataclass(frozen=True, slots=True)
class _Finding:
    """One thing that a rule asks, and what the mail says to it."""

    holds: bool
    text: str


def _seen(message: Message, *, outside_hours: bool) -> _Seen:
    # What stands below a mail program's own line was written another time, even where nothing else is.
    written = "" if message.only_quoted else message.reply_text
    return _Seen(message, _comparable(message.subject), _comparable(written), outside_hours)


def _judged(number: int, when: RuleWhen, seen: _Seen) -> Judged:
    findings = [_FINDINGS[key](when, seen) for key in _FINDINGS if getattr(when, key) not in ((), None)]
    missing = tuple(one.text for one in findings if not one.holds)
    held = tuple(one.text for one in findings) or ("it asks nothing and takes every mail",)
    return Judged(number, not missing, missing or held)


# --- What a rule may ask ------------------------------------------------------------------------------------


def _words(when: RuleWhen, seen: _Seen) -> _Finding:
    for phrase, needle in _needles(when.words):
        if needle in seen.subject:
            return _Finding(True, f'words: "{phrase}" is in the subject')
        if needle in seen.words:
            return _Finding(True, f'words: "{phrase}" is in the text')
    return _Finding(
        False, f"words: {_none_of(when.words)} is in the subject or in what was written this time"
    )


def _subject(when: RuleWhen, seen: _Seen) -> _Finding:
    for phrase, needle in _needles(when.subject):
        if needle in seen.subject:
            return _Finding(True, f'subject: "{phrase}" is in it')
    return _Finding(False, f"subject: {_none_of(when.subject)} is in it")


def _sender(when: RuleWhen, seen: _Seen) -> _Finding:
    wanted = {address.casefold() for address in when.sender}
    addresses = [author.address for author in seen.message.authors]
    return _among("sender", addresses, lambda address: address.casefold() in wanted, when.sender)


def _sender_domain(when: RuleWhen, seen: _Seen) -> _Finding:
    # With the dot in front, "lkpp.go.id" is itself and what lies below it, and "palsulkpp.go.id" is neither.
    wanted = tuple(f".{domain.casefold()}" for domain in when.sender_domain)
    domains = [author.address.rpartition("@")[2] for author in seen.message.authors]
    return _among(
        "sender_domain", domains, lambda domain: f".{domain.casefold()}".endswith(wanted), when.sender_domain
    )


def _recipient(when: RuleWhen, seen: _Seen) -> _Finding:
    addressed = chain(seen.message.to, seen.message.cc, seen.message.resent_to)
    return _among("recipient", [one.address for one in addressed], when.names_recipient, when.recipient)


def _attachment(when: RuleWhen, seen: _Seen) -> _Finding:
    patterns = [pattern.casefold() for pattern in when.attachment]
    found = next((one for one in seen.message.attachments if _fits(one, patterns)), None)
    if found is None:
        return _Finding(False, f"attachment: none is {_listed(when.attachment)}")
    return _Finding(True, f"attachment: {found.name[:_MOST_NAME] or 'one without a name'} ({found.type})")


def _fits(attachment: Attachment, patterns: Sequence[str]) -> bool:
    name, kind = attachment.name.casefold()[-_MOST_NAME:], attachment.type.casefold()[:_MOST_NAME]
    return any(fnmatchcase(kind if "/" in pattern else name, pattern) for pattern in patterns)


def _feedback(when: RuleWhen, seen: _Seen) -> _Finding:
    report = seen.message.feedback
    found = f"an abuse report of type {report.type or 'unknown'}" if report else "no abuse report"
    if isinstance(when.feedback, bool):
        return _Finding((report is not None) is when.feedback, f"feedback: it is {found}")
    return _Finding(report is not None and report.type == when.feedback, f"feedback: it is {found}")


def _outside_hours(when: RuleWhen, seen: _Seen) -> _Finding:
    side = "outside" if seen.outside_hours else "within"
    return _Finding(
        seen.outside_hours is when.outside_hours, f"outside_hours: it arrived {side} service hours"
    )


# The keys of RuleWhen in the order in which they are told.
_FINDINGS: dict[str, Callable[[RuleWhen, _Seen], _Finding]] = {
    "words": _words,
    "subject": _subject,
    "sender": _sender,
    "sender_domain": _sender_domain,
    "recipient": _recipient,
    "attachment": _attachment,
    "feedback": _feedback,
    "outside_hours": _outside_hours,
}


def _among(
    key: str, shown: Sequence[str], is_wanted: Callable[[str], bool], wanted: Sequence[str]
) -> _Finding:
    found = next((one for one in shown if is_wanted(one)), None)
    if found is not None:
        return _Finding(True, f"{key}: {found[:_MOST_NAME]}")
    return _Finding(False, f"{key}: {_listed(shown) or 'nobody'} is none of {_listed(wanted)}")


def _none_of(phrases: Sequence[str]) -> str:
    quoted = [f'"{one}"' for one in phrases]
    return f"none of {_listed(quoted)}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    listed = ", ".join(name[:_MOST_NAME] for name in names[:_MOST_NAMED])
    return f"{listed} and {more} more" if more > 0 else listed


# --- Words --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _needles(phrases: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Each phrase as it is written in the settings, and as it stands in a comparable text."""
    pairs = ((phrase, _needle(phrase)) for phrase in phrases)
    return tuple((phrase, needle) for phrase, needle in pairs if needle.strip())


def _needle(phrase: str) -> str:
    whole = _comparable(phrase)
    return whole.removesuffix(" ") if phrase.endswith("*") else whole


def _comparable(text: str) -> str:
    """Its words without case and accents, one blank around each: " lupa kata sandi "."""
    seen = _without_marks(_UNSEEN.sub("", text[:_MOST_CHARACTERS]))
    # Marks are gone before it too: normalize() sorts a run of them in quadratic time.
    letters = _without_marks(normalize("NFKD", seen).casefold())
    return f" {' '.join(_WORD.findall(letters))} "


def _without_marks(text: str) -> str:
    return text if text.isascii() else "".join(one for one in text if category(one)[0] != "M")
