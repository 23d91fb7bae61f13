"""How many mails of a desk may leave now, and how many of them may be automatic?"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

PART_FOR_PEOPLE = 10
"""The last tenth of a day's budget is kept for words of people: a storm must not silence them."""


class Hold(StrEnum):
    """What keeps mail back."""

    PAUSED = "paused"
    """The submission server wants none of this desk for a while."""
    DAY = "day"
    """The rolling day's budget is spent, or what is left of it is kept for people."""
    HOUR = "hour"
    """The desk sent as many automatic mails within the hour as it may."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was counted, in the transaction that will claim."""

    now: datetime
    per_day: int
    """Mails that may leave in a rolling day; 0: no limit."""
    day_used: int
    """Accepted by the server within that day, or on their way, or perhaps accepted."""
    per_hour: int
    """Automatic mails that may leave in a rolling hour."""
    hour_used: int
    """Counted likewise, the automatic ones only."""
    sending: int = 0
    """On their way at this moment, by whichever instance."""
    paused_until: datetime | None = None
    """None: no pause. One that has passed: a single mail finds out whether it is over."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be claimed now."""

    mails: int
    automatic: int
    """So many of `mails` at the most."""
    hold: Hold | None
    """Why there are not `most` automatic ones; None where nothing keeps any back."""
    probe: bool = False
    """The one mail that finds out whether a pause is over."""


def allowance(facts: Facts, most: int) -> Allowance:
    """`most`: what the caller can carry."""
    if facts.paused_until is not None and (facts.now < facts.paused_until or facts.sending):
        return Allowance(0, 0, Hold.PAUSED)
    probe = facts.paused_until is not None
    carried = 1 if probe else most
    left, left_automatic = _of_the_day(facts, carried)
    of_the_hour = max(facts.per_hour - facts.hour_used, 0)
    automatic = min(left_automatic, of_the_hour)
    hold = None
    if automatic < carried:
        hold = Hold.DAY if left_automatic <= of_the_hour else Hold.HOUR
    return Allowance(left, automatic, hold, probe)


def _of_the_day(facts: Facts, carried: int) -> tuple[int, int]:
    if not facts.per_day:
        return carried, carried
    left = max(facts.per_day - facts.day_used, 0)
    kept = facts.per_day // PART_FOR_PEOPLE
    return min(carried, left), min(carried, max(left - kept, 0))
