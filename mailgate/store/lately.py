"""Was it lately? Not what a clock that ran ahead put into the future: that would count until it is past."""

from dataclasses import dataclass
from datetime import datetime, timedelta

CLOCKS_DIFFER = timedelta(minutes=5)
"""Of two instances; more is a clock that was wrong."""


@dataclass(frozen=True, slots=True)
class Lately:
    """A window of time, up to now."""

    since: datetime
    until: datetime


def lately(now: datetime, within: timedelta) -> Lately:
    return Lately(now - within, now + CLOCKS_DIFFER)
