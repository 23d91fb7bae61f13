"""What does an answer of the SMTP server mean for a mail, and when is it tried again?"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


def _minutes(*some: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=one) for one in some)


# A grey list lets a mail in after some five minutes, and our own server is mostly back as soon, while a
# citizen waits. Only then comes what RFC 5321, section 4.5.4.1, asks for: at least 30 minutes.
LADDER = _minutes(5, 15, 30, 30, 60, 120, 180)
"""The whole way of a mail whose answer was lost."""
QUICK = LADDER[:2]
GIVE_UP_AFTER = timedelta(days=5)  # RFC 5321, section 4.5.4.1: at least 4 to 5 days
MOST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Ladder:
    """How long a mail is tried; by settings, as RFC 5321, section 4.5.4.1, demands."""

    pauses: tuple[timedelta, ...] = LADDER[len(QUICK) :]
    """After each 4yz; the last one again and again."""
    give_up_after: timedelta = GIVE_UP_AFTER
    """Counted is the time between refusals, never more at once than the longest pause: see `judge`."""

    @property
    def longest(self) -> timedelta:
        """No mail waits longer than this for its next attempt."""
        return max(*QUICK, *self.pauses)


DEFAULT = Ladder()


class Stage(StrEnum):
    """How far a mail had come."""

    MAIL = "MAIL FROM"
    RCPT = "RCPT TO"
    DATA = "DATA"
    """From DATA on an answer that is lost leaves open whether the mail was taken."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The server answered."""

    stage: Stage
    code: int
    """200-299 at DATA: it is responsible for the mail now (RFC 5321, section 4.2.5). 0: unreadable."""
    text: str


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came: the connection broke, or time ran out."""

    stage: Stage
    text: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What a mail has behind it."""

    attempts: int = 0
    waited: timedelta = timedelta()
    """What counts so far towards giving it up."""
    last_at: datetime | None = None
    """The last attempt; None: there was none."""
    ended: int = 0
    """How often in a row mailgate ended while the mail was handed over."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The server took it."""

    text: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not taken; try again."""

    reason: str
    next_at: datetime
    waited: timedelta = timedelta()
    """See `Tried`."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Refused for good."""

    reason: str
    content: bool = False
    """Because of what is in the mail: it came as far as the final dot, or is too large."""
    recipient: bool = False
    """It was the recipient that the server refused."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Perhaps taken: the next attempt carries the same Message-ID, so that a repeat can be told."""

    reason: str
    next_at: datetime
    waited: timedelta = timedelta()
    """See `Tried`."""


@dataclass(frozen=True, slots=True)
class Paused:
    """The server wants no more mail of this desk for a while: it speaks of us and not of this mail."""

    reason: str
    until: datetime


Attempt = Sent | Deferred | Failed | Uncertain | Paused


def judge(outcome: Answer | Lost, tried: Tried, now: datetime, ladder: Ladder = DEFAULT) -> Attempt:
    """What becomes of a mail.

    It is given up after time in which it was refused, not after time that passed: while the server could not
    be reached, mailgate did not run or a clock was wrong nobody refused it (RFC 5321, section 4.5.4.1).
    """
    reason = f"{outcome.stage}: {_described(outcome)}"[:MOST_TEXT]
    match outcome:
        case Answer(Stage.DATA, code, text) if 200 <= code <= 299:
            return Sent(" ".join(text.split())[:MOST_TEXT])
        case Answer(code=code) if 400 <= code <= 599 and (pause := _speaks_of_us(outcome)):
            return Paused(reason, now + pause)
        case Answer(stage=stage, code=code) if 500 <= code <= 599 and not _speaks_of_relaying(outcome):
            return Failed(reason, content=_speaks_of_content(outcome), recipient=stage is Stage.RCPT)
    pause, waited = _pause(outcome, tried.attempts, ladder), _waited(outcome, tried, now, ladder)
    next_at = now + pause
    if waited + pause > ladder.give_up_after:
        refused = isinstance(outcome, Answer) and outcome.stage is Stage.RCPT
        refused = refused and not _speaks_of_relaying(outcome)
        given_up = f"given up after {ladder.give_up_after.days} days; {reason}"
        return Failed(given_up[:MOST_TEXT], recipient=refused)
    in_doubt = outcome.stage is Stage.DATA and (isinstance(outcome, Lost) or not 400 <= outcome.code <= 599)
    return Uncertain(reason, next_at, waited) if in_doubt else Deferred(reason, next_at, waited)


# --- what ends us -----------------------------------------------------------------------------------------

MOST_ENDED = 5
"""So often in a row is no chance: it is the mail that does it, and all others wait for each restart."""
_ENDED = "mailgate ended before the answer to DATA was known"
_HOW_OFTEN = re.compile(rf"{_ENDED}(?:, (\d{{1,9}}) times in a row)?")


def ended(last_error: str | None) -> int:
    """How often in a row that was so, by what the last attempt left behind."""
    found = _HOW_OFTEN.fullmatch(last_error or "")
    return int(found[1] or 1) if found else 0


def ended_again(last_error: str | None) -> tuple[str, timedelta]:
    """What an attempt leaves behind that nobody lived to note, and the pause after it.

    Longer each time: what was merely on its way beside such a mail is then mostly not so again.
    """
    count = ended(last_error) + 1
    text = _ENDED if count == 1 else f"{_ENDED}, {count} times in a row"
    return text, LADDER[min(count, len(LADDER)) - 1]


def hopeless(tried: Tried) -> Failed | None:
    """Given up without another attempt."""
    if tried.ended < MOST_ENDED:
        return None
    return Failed(f"given up: {_ENDED}, {tried.ended} times in a row; it may have arrived")


# --- what counts towards giving up ------------------------------------------------------------------------

UNANSWERED_COUNTS = 10
"""So many hours without an answer count as one: nearly always it is an outage, and yet a mail at which a
server hangs up each time must not wait for ever with nobody told."""


def _waited(outcome: Answer | Lost, tried: Tried, now: datetime, ladder: Ladder) -> timedelta:
    if tried.last_at is None:
        return tried.waited
    since = min(max(now - tried.last_at, timedelta()), ladder.longest)
    return tried.waited + (since if _speaks_of_this_mail(outcome) else since / UNANSWERED_COUNTS)


def _speaks_of_this_mail(outcome: Answer | Lost) -> bool:
    """From DATA on the server has it in hand, and a silence is about it too."""
    if outcome.stage is Stage.DATA:
        return True
    # RFC 5321, section 4.2.3: 421 is of the connection. An answer that makes no sense is none.
    return isinstance(outcome, Answer) and outcome.code != 421 and 400 <= outcome.code <= 599


def _described(outcome: Answer | Lost) -> str:
    match outcome:
        case Answer(code=code, text=text):
            return " ".join(f"{code} {text}".split())
        case Lost(text=text):
            return text


# --- when again? ------------------------------------------------------------------------------------------

# RFC 6647, section 2.1; 4.7.1 is what Postgrey, Exim and rspamd say, mostly with the word.
_GREY = re.compile(r"gr[ea]y[ -]?list", re.IGNORECASE)
_REFUSED_BY_POLICY = re.compile(r"4\.7\.1(?![\d.]*\d)")


def _pause(outcome: Answer | Lost, attempts: int, ladder: Ladder) -> timedelta:
    way = (*QUICK, *ladder.pauses) if _passes_soon(outcome) else ladder.pauses
    return way[min(attempts, len(way) - 1)]


def _passes_soon(outcome: Answer | Lost) -> bool:
    match outcome:
        case Answer(code=450 | 451, text=text):
            return _REFUSED_BY_POLICY.match(text) is not None or _GREY.search(text) is not None
        case Answer(code=code):
            # RFC 5321, section 4.2.3: 421 is of the connection. An answer that makes no sense is none.
            return code == 421 or not 400 <= code <= 599
        case Lost():
            return True


# --- of what does it speak? -------------------------------------------------------------------------------

_TOO_LARGE = re.compile(r"5\.(?:3\.4|2\.3)(?![\d.]*\d)")


def _speaks_of_content(refusal: Answer) -> bool:
    """RFC 5321, section 4.2.1: only at DATA has the server seen the mail. RFC 1870, section 6.1: its size."""
    too_large = _TOO_LARGE.match(refusal.text) is not None
    return refusal.stage is Stage.DATA or too_large or (refusal.stage is Stage.MAIL and refusal.code == 552)


_LATER = timedelta(hours=1)
"""A rolling limit frees itself bit by bit: it is looked at again every hour."""
_SOON = timedelta(minutes=5)
LONGEST_PAUSE = _LATER
"""Of a desk, by `Paused`."""


def _status(code: str) -> re.Pattern[str]:
    """An enhanced status code (RFC 3463), also inside a text that another server had written."""
    return re.compile(rf"(?<![\d.]){re.escape(code)}(?!\.?\d)")


def _said(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


# A 4yz or 5yz that speaks of us and not of this mail: no ticket may fail by it.
_OF_US = (
    (_status("5.4.5"), _LATER),  # Gmail: "Daily user sending limit exceeded", "Daily SMTP relay limit"
    (_said("unusual sending activity"), _LATER),  # Zoho: 5.4.6, which elsewhere is a routing loop
    (_status("5.1.90"), _LATER),  # Microsoft 365: "you've reached your daily limit for message recipients"
    (_status("5.7.705"), _LATER),  # Microsoft 365: "tenant has exceeded threshold"
    (_status("5.7.708"), _LATER),  # Microsoft 365: "traffic not accepted from this IP", of new tenants
    (_said("bad outbound sender"), _LATER),  # Microsoft 365, 5.1.8: the account is restricted
    # RFC 3463, section 3.2: the sender is refused, which is the desk; Postfix says so at RCPT only.
    (_said(r"(?<![\d.])5\.1\.[78](?!\.?\d)|sender address rejected"), _SOON),
    (_status("5.7.60"), _SOON),  # Exchange: "does not have permissions to send as this sender"
    (_said("SendAsDenied"), _SOON),  # Microsoft 365, 5.2.252
    (_said("OutboundSpam|SubmissionQuotaExceeded"), _LATER),  # Microsoft 365, 5.2.0 STOREDRV.Submission
)

# The same in words, where no code says it: only if they cannot mean the one who would receive.
_IN_WORDS = (
    (_said(r"exceeded the max (?:e-?mails|messages|defers and failures) per (?:hour|day)"), _LATER),  # cPanel
    (  # Gmail without its code ("Daily user sending quota"), Yahoo, Zimbra with policyd ("Sending quota")
        _said(r"\b(?:sending|outgoing|outbound|submission|(?:smtp )?relay)\b.{0,40}\b(?:limit|quota)\b"),
        _LATER,
    ),
    (_said(r"\b(?:limit|quota)\b.{0,20}\b(?:for|of|on) (?:sending|outgoing|outbound)\b"), _LATER),  # ISPs
    (_said(r"\b(?:daily|hourly) (?:user |e?mail |message |sender )*(?:limit|quota)\b"), _LATER),  # Yahoo
    (_said(r"too much mail from|too many (?:messages|mails) from"), _SOON),  # Postfix, anvil: by the minute
)
_OF_THE_RECIPIENT = re.compile(
    r"^[45]\.2\.[1-4]\b|^[45]\.3\.4\b|receiv|\bsize\b|too (?:large|big)\b|mailbox (?:is )?full|full mailbox"
    r"|trying to (?:contact|reach)|recipient(?:'s)? (?:has|is|mailbox|inbox|quota|account)",
    re.IGNORECASE,
)


# Servers repeat the recipient, and whoever writes to a desk chooses its own: 5.4.5@warga.example, which does
# not exist, must not hold up all others.
_ADDRESSES = re.compile(
    r"""<[^<>]*>|(?:"[^"]*"|[^\s"<>]*)@[^\s<>]*"""
    r"""|\b(?:[\w-]+\.)+(?:[a-z]{2,24}|xn--[\w-]+)\b\.?(?!\w)""",
    re.IGNORECASE,
)


def _speaks_of_us(answer: Answer) -> timedelta | None:
    """For how long the server wants no mail of this desk; None when it speaks of this mail alone."""
    if answer.stage is not Stage.DATA and answer.code in {530, 535, 538}:
        return _SOON  # RFC 4954, section 6: authentication is wanted, or was lost
    text = _without_addresses(answer)
    signs = _OF_US if _OF_THE_RECIPIENT.search(text) else (*_OF_US, *_IN_WORDS)
    return next((pause for sign, pause in signs if sign.search(text)), None)


_RELAYING = _said(
    r"relay(?:ing)? (?:access )?(?:is )?(?:denied|prohibited|not (?:permitted|allowed))"
    r"|(?:unable|not (?:permitted|allowed)) to relay"
)


def _speaks_of_relaying(outcome: Answer | Lost) -> bool:
    """Whether the server no longer takes us for one of its own: that is the way's fault and no mail's.

    It refuses one mail after the other so, and yet it may mean this recipient: the mail waits, no other does.
    """
    if not isinstance(outcome, Answer) or outcome.stage is not Stage.RCPT:
        return False
    return _RELAYING.search(_without_addresses(outcome)) is not None


def _without_addresses(answer: Answer) -> str:
    return _ADDRESSES.sub(" ", " ".join(answer.text.split())[: 4 * MOST_TEXT]).strip()
