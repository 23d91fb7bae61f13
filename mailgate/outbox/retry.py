"""What does an answer of the SMTP server mean for a mail, and when is it tried again?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# RFC 5321, section 4.5.4.1, asks for 30 minutes in the ordinary case and allows cleverer ladders: a grey list
# lets a mail in after some five minutes, and a citizen waits.
LADDER = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 240))
GIVE_UP_AFTER = timedelta(days=5)  # RFC 5321, section 4.5.4.1: at least 4 to 5 days
MOST_TEXT = 500


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
class Sent:
    """The server took it."""

    text: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not taken; try again."""

    reason: str
    next_at: datetime


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


@dataclass(frozen=True, slots=True)
class Paused:
    """The server wants no more mail of this desk for a while: it speaks of us and not of this mail."""

    reason: str
    until: datetime


Attempt = Sent | Deferred | Failed | Uncertain | Paused


def judge(outcome: Answer | Lost, attempts: int, created_at: datetime, now: datetime) -> Attempt:
    """What becomes of a mail. `attempts` counts the earlier ones."""
    reason = f"{outcome.stage}: {_described(outcome)}"[:MOST_TEXT]
    match outcome:
        case Answer(Stage.DATA, code, text) if 200 <= code <= 299:
            return Sent(text[:MOST_TEXT])
        case Answer(stage, code, text) if 500 <= code <= 599 and not _passes(stage, code, text):
            return Failed(reason, recipient=stage is Stage.RCPT)
    next_at = now + _pause(attempts)
    if next_at - created_at > GIVE_UP_AFTER:
        refused = isinstance(outcome, Answer) and outcome.stage is Stage.RCPT
        return Failed(f"given up after {GIVE_UP_AFTER.days} days; {reason}"[:MOST_TEXT], recipient=refused)
    in_doubt = outcome.stage is Stage.DATA and (isinstance(outcome, Lost) or not 400 <= outcome.code <= 599)
    return Uncertain(reason, next_at) if in_doubt else Deferred(reason, next_at)


def _described(outcome: Answer | Lost) -> str:
    match outcome:
        case Answer(code=code, text=text):
            return " ".join(f"{code} {text}".split())
        case Lost(text=text):
            return text


def _passes(stage: Stage, code: int, text: str) -> bool:
    """A 5yz that speaks of us and not of this mail: it must not fail a ticket."""
    if stage is Stage.MAIL and code in {530, 535, 538}:
        return True  # RFC 4954: authentication is wanted or was lost
    return "5.4.5" in text  # Gmail's rolling daily limit


def _pause(attempts: int) -> timedelta:
    return LADDER[min(attempts, len(LADDER) - 1)]
