"""What keeps a desk's mail back?

Limits hold for all instances together: who claims mail of a desk locks its row here, counts, and claims.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, Select, and_, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import ColumnElement

from mailgate.outbox.allowance import Facts
from mailgate.store.lately import CLOCKS_DIFFER
from mailgate.store.outbox import CLAIMABLE, SENDING, UNCERTAIN
from mailgate.store.schema import outbox, submission

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is noted of a desk's way out."""

    paused_until: datetime | None = None
    """Nothing leaves before, then one mail at a time until one is accepted; None: no pause."""
    reason: str | None = None
    at: datetime | None = None
    """When the server first said so."""
    held_since: datetime | None = None
    """Automatic mail waits for a limit; None: none does."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a desk may leave, by the settings."""

    per_day: int
    """0: no limit."""
    automatic_per_hour: int


def standing(connection: Connection, desk: str) -> Standing:
    row = connection.execute(select(submission).where(submission.c.desk == desk)).one_or_none()
    return _standing(row) if row else Standing()


def locked(connection: Connection, desk: str) -> Standing:
    """The same; until this transaction ends nobody else claims mail of the desk."""
    query = select(submission).where(submission.c.desk == desk).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        _make(connection, desk)
        row = connection.execute(query).one()
    return _standing(row)


def _standing(row: Row[tuple[object, ...]]) -> Standing:
    return Standing(row.paused_until, row.reason, row.at, row.held_since)


def _make(connection: Connection, desk: str) -> None:
    """Two instances may do it at once."""
    of = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(of(submission).values(desk=desk).on_conflict_do_nothing())


def facts(connection: Connection, desk: str, known: Standing, limits: Limits, now: datetime) -> Facts:
    """What `allowance` asks for, counted now."""
    hour_ago = now - HOUR
    since, until = now - DAY if limits.per_day else hour_ago, now + CLOCKS_DIFFER
    of_the_hour = func.sum(case((and_(outbox.c.automatic, outbox.c.sent_at > hour_ago), 1), else_=0))
    accepted = connection.execute(
        select(func.count().label("all"), func.coalesce(of_the_hour, 0).label("automatic")).where(
            outbox.c.desk == desk, outbox.c.sent_at > since, outbox.c.sent_at < until
        )
    ).one()
    under_way = connection.execute(
        select(outbox.c.state, outbox.c.automatic, outbox.c.data_at).where(
            outbox.c.desk == desk, outbox.c.state.in_([SENDING, UNCERTAIN])
        )
    ).all()
    # Perhaps accepted, and if so when DATA began; for longer than its window it cannot stand in the way.
    day = [one for one in under_way if one.state == SENDING or (one.data_at and since < one.data_at < until)]
    hour = [one for one in day if one.state == SENDING or one.data_at > hour_ago]
    return Facts(
        now=now,
        per_day=limits.per_day,
        day_used=accepted.all + len(day),
        per_hour=limits.automatic_per_hour,
        hour_used=int(accepted.automatic) + len([one for one in hour if one.automatic]),
        sending=len([one for one in under_way if one.state == SENDING]),
        paused_until=known.paused_until,
    )


def pause(connection: Connection, desk: str, reason: str, until: datetime, now: datetime) -> bool:
    """Whether it begins a spell: a pause that was never lifted goes on."""
    before = locked(connection, desk)
    first = before.paused_until is None
    connection.execute(
        update(submission)
        .where(submission.c.desk == desk)
        .values(paused_until=until, reason=reason, at=now if first else before.at)
    )
    return first


def bound(connection: Connection, now: datetime, longest: timedelta) -> int:
    """No pause that a clock noted which ran ahead lasts longer than one that is noted now."""
    too_long = submission.c.paused_until > now + longest + CLOCKS_DIFFER
    return connection.execute(update(submission).where(too_long).values(paused_until=now + longest)).rowcount


def lift(connection: Connection, desk: str | None) -> int:
    """End the pause of a desk, or of all; returns how many there were."""
    which: ColumnElement[bool] = submission.c.paused_until.is_not(None)
    if desk is not None:
        which = and_(which, submission.c.desk == desk)
    lifted = update(submission).where(which).values(paused_until=None, reason=None, at=None)
    return connection.execute(lifted).rowcount


def hold(connection: Connection, desk: str, since: datetime | None) -> None:
    """Note that automatic mail waits for a limit; None: no longer."""
    connection.execute(update(submission).where(submission.c.desk == desk).values(held_since=since))


def waits(connection: Connection, desk: str, now: datetime) -> int:
    """How many mails could leave if nothing kept them back."""
    return connection.scalar(_could_leave(desk, now)) or 0


def automatic_waits(connection: Connection, desk: str, now: datetime) -> int:
    """How many automatic ones could."""
    return connection.scalar(_could_leave(desk, now).where(outbox.c.priority > 0)) or 0


def _could_leave(desk: str, now: datetime) -> Select[int]:
    which = (outbox.c.desk == desk, outbox.c.state.in_(CLAIMABLE), outbox.c.next_at <= now)
    return select(func.count()).select_from(outbox).where(*which)


def standings(connection: Connection) -> dict[str, Standing]:
    """Of all desks of which something is noted."""
    return {row.desk: _standing(row) for row in connection.execute(select(submission))}
