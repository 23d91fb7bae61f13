"""What may leave now, and who hears of what may not?

Pauses of the submission server, the day's budget and the hour's limit are one idea: an allowance. What it
leaves out stays in the outbox as it is, and leaves by itself when there is room again.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailgate.desk.decision import Letter
from mailgate.desk.situation import Counter
from mailgate.gateway.loaded import Office
from mailgate.gateway.recording import alerted
from mailgate.outbox.allowance import Allowance, Facts, Hold, allowance
from mailgate.outbox.retry import Paused
from mailgate.store import alerts, outbox, submission
from mailgate.store.database import Connection, passes_by_itself
from mailgate.store.outbox import Claimed

log = logging.getLogger("mailgate")

TOLD_AGAIN_AFTER = {
    Hold.PAUSED: timedelta(days=1),
    Hold.DAY: timedelta(days=1),
    Hold.HOUR: timedelta(hours=1),
}
"""At the earliest, when another spell begins: limits that are met again and again are one piece of news."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was claimed."""

    mails: list[Claimed]
    probe: bool
    """One mail that finds out whether a pause is over."""


def limits(counter: Counter) -> submission.Limits:
    return submission.Limits(counter.desk.smtp.per_day, counter.limits.automatic_per_desk_per_hour)


def claimed(
    office: Office, write: Connection, counter: Counter, instance: str, now: datetime, most: int
) -> Load:
    """Take what may leave. Counted and claimed under one lock, so that limits hold for several instances."""
    standing = submission.locked(write, counter.key)
    facts = submission.facts(write, counter.key, standing, limits(counter), now)
    may = allowance(facts, most)
    mails: list[Claimed] = []
    if may.probe and may.mails:
        mails = outbox.claim_probe(write, counter.key, instance, now, automatic=may.automatic > 0)
    elif may.mails:
        mails = outbox.claim(write, counter.key, instance, now, may.mails, automatic=may.automatic)
    if may.hold is not Hold.PAUSED:
        held = _held(write, counter, may, mails, now)
        if (held is None) != (standing.held_since is None):
            submission.hold(write, counter.key, now if held else None)
            if held:
                _tell(office, write, counter, held, _of_a_limit(held, facts, len(mails), counter), now)
    return Load(mails, may.probe and bool(mails))


def _held(
    write: Connection, counter: Counter, may: Allowance, mails: list[Claimed], now: datetime
) -> Hold | None:
    """Which limit keeps automatic mail back that could leave otherwise; None where none waits for it."""
    taken = len([one for one in mails if one.priority > 0])
    if may.hold is None or taken < may.automatic:
        return None
    return may.hold if submission.automatic_waits(write, counter.key, now) else None


def _of_a_limit(held: Hold, facts: Facts, taken: int, counter: Counter) -> str:
    if held is Hold.DAY:
        why = f"{facts.day_used + taken} of per_day = {facts.per_day} went out, the rest is kept for people"
    else:
        why = f"automatic_per_desk_per_hour = {facts.per_hour} went out within the hour"
    return (
        f"automatic mail of {counter.key} waits: {why}. It leaves by itself as the time rolls on. "
        f"`mailgate outbox list --desk {counter.key}` shows it, "
        f"`mailgate outbox cancel --desk {counter.key} --automatic` drops it."
    )


def paused(office: Office, write: Connection, counter: Counter, attempt: Paused, now: datetime) -> None:
    """The server wants no more mail of this desk: all of it waits, and `alert_to` hears when that begins."""
    if not submission.pause(write, counter.key, attempt.reason, attempt.until, now):
        return
    until = attempt.until.astimezone(office.timezone).isoformat(sep=" ", timespec="minutes")
    trouble = (
        f"outgoing mail of {counter.key} waits until {until}, then one is tried. Its mail server said: "
        f"{attempt.reason}. `mailgate outbox retry --desk {counter.key}` tries at once."
    )
    _tell(office, write, counter, Hold.PAUSED, trouble, now)


def _tell(
    office: Office, write: Connection, counter: Counter, hold: Hold, trouble: str, now: datetime
) -> None:
    """Nothing is held up by news that cannot be written."""
    try:
        with write.begin_nested():
            last = alerts.last(write, counter.key, f"outbox {hold}", now)
            if last is not None and now - last < TOLD_AGAIN_AFTER[hold]:
                return
            alerts.told(write, counter.key, f"outbox {hold}", now)
            said = alerted(
                office, write, _speaker(office, write, counter, hold), Letter(trouble=trouble), now
            )
    except Exception as error:
        if passes_by_itself(error):
            raise
        log.exception("nobody could be told: %s", trouble)
    else:
        log.warning("%s", said)


def _speaker(office: Office, write: Connection, counter: Counter, hold: Hold) -> Counter:
    """Another desk where this one's mail does not leave, as that desk's mail; else this one itself."""
    if hold is not Hold.PAUSED:
        return counter
    known = submission.standings(write)
    others = (one for key, one in office.counters.items() if key != counter.key)
    free = (one for one in others if known.get(one.key, submission.Standing()).paused_until is None)
    return next(free, counter)
