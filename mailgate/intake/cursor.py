"""Which mails of a folder are ours to take, and in which portions?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

SERVER_IS_SLOW_BY = timedelta(days=1)
"""The server's and ours, at the worst: one that takes its zone for another is wrong by that much."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What the server says of a folder when it is selected (RFC 9051, section 2.3.1.1)."""

    uidvalidity: int
    uidnext: int
    """No UID from here on was ever given; 0 where the server does not say."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where the reading of a folder begins."""

    uidvalidity: int
    first_uid: int
    start_at: datetime | None
    """Mail that the server received earlier is not ours; None: all of it is. UTC."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One mail in the folder, not fetched yet."""

    uid: int
    size: int
    received_at: datetime


def first_contact(
    start: Literal["now", "all"] | date, folder: Folder, now: datetime, timezone: ZoneInfo
) -> Beginning:
    """Where a folder that was never read before begins."""
    match start:
        case "all":
            return Beginning(folder.uidvalidity, 1, None)
        case "now":
            # INTERNALDATE counts in whole seconds.
            start_at = now.replace(microsecond=0)
            if folder.uidnext == 1:  # no UID tells old from new, and nothing in it is old
                start_at -= SERVER_IS_SLOW_BY
            return Beginning(folder.uidvalidity, max(folder.uidnext, 1), start_at)
        case day:
            return Beginning(folder.uidvalidity, 1, datetime.combine(day, time(), timezone))


def was_rebuilt(stored: Beginning, folder: Folder, highest_uid: int) -> bool:
    """Whether UIDs that we know mean something else now. `highest_uid` is the highest we saw, 0 for none.

    A server that was restored from a backup may keep UIDVALIDITY and still give UIDs a second time.
    """
    return stored.uidvalidity != folder.uidvalidity or 0 < folder.uidnext <= highest_uid


def rebuilt(stored: Beginning, folder: Folder) -> Beginning:
    """All UIDs were forgotten: what is ours is told by content and by the moment we once began."""
    return Beginning(folder.uidvalidity, 1, stored.start_at)


def is_news(stored: Beginning | None, folder: Folder) -> bool:
    """Whether a folder that nothing is moved from is worth a look; None before first contact."""
    return stored is None or (stored.uidvalidity, stored.first_uid) != (folder.uidvalidity, folder.uidnext)


def ours(beginning: Beginning, listed: Iterable[Listed]) -> list[Listed]:
    """The mails that are ours to take, in the order of their UIDs.

    Where UIDs alone tell old from new the date is not asked: the server's clock may differ from ours.
    """
    start_at = beginning.start_at if beginning.first_uid == 1 else None
    found = (
        mail
        for mail in listed
        if mail.uid >= beginning.first_uid and (start_at is None or mail.received_at >= start_at)
    )
    return sorted(found, key=lambda mail: mail.uid)


def asked_since(beginning: Beginning, timezone: ZoneInfo) -> date | None:
    """The local day from which the server has to look; None where UIDs alone tell old from new."""
    if beginning.first_uid > 1 or beginning.start_at is None:
        return None
    return beginning.start_at.astimezone(timezone).date()


def portions(listed: Iterable[Listed], most_mails: int, most_octets: int) -> Iterator[list[Listed]]:
    """Cut a list so that each portion stays within both bounds; a single larger mail goes alone."""
    portion: list[Listed] = []
    octets = 0
    for mail in listed:
        if portion and (len(portion) >= most_mails or octets + mail.size > most_octets):
            yield portion
            portion, octets = [], 0
        portion.append(mail)
        octets += mail.size
    if portion:
        yield portion
