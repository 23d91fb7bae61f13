"""What tells of trouble in the store? Alerts that do not leave, desks that may not send, mail that waits."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, exists, func, literal, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from mailgate.desk.decision import Template
from mailgate.store import alerts
from mailgate.store.lately import CLOCKS_DIFFER
from mailgate.store.outbox import CLAIMABLE, DEFERRED, FAILED, READY, UNFINISHED
from mailgate.store.schema import alert, outbox, submission

CANCELLED = "cancelled"
LOOKED_BACK = timedelta(days=2)
"""An alert that is older has been told again since."""
TOLD_OTHERWISE = "told otherwise "
"""The kind of `alerts.told`, with the token: by the command, or by another desk's mail."""
PASSED_ON = "passed on "
"""The same, for a mail that is such another desk's: it is not passed on once more."""
_MOST = 20


@dataclass(frozen=True, slots=True)
class Unsent:
    """An alert that nobody has got."""

    token: str
    desk: str
    state: str
    recipient: str
    raw: bytes
    passed_on: bool
    """It is another desk's already."""


def unsent_alerts(connection: Connection, now: datetime, after: timedelta) -> list[Unsent]:
    """Alerts that should have left by now and were not told otherwise; oldest first."""
    told, passed_on = _noted(TOLD_OTHERWISE), _noted(PASSED_ON)
    long_ago = or_(outbox.c.created_at <= now - after, outbox.c.created_at > now + CLOCKS_DIFFER)
    waits_long = and_(outbox.c.state.in_(CLAIMABLE), long_ago)
    rows = connection.execute(
        select(
            outbox.c.token,
            outbox.c.desk,
            outbox.c.state,
            outbox.c.recipient,
            outbox.c.raw,
            passed_on.label("passed_on"),
        )
        .where(
            outbox.c.state.in_([*CLAIMABLE, FAILED]),
            outbox.c.template == Template.ALERT.value,
            outbox.c.created_at > now - LOOKED_BACK,
            or_(outbox.c.state == FAILED, waits_long),
            ~told,
        )
        .order_by(outbox.c.seq)
        .limit(_MOST)
    )
    return [Unsent(**row._mapping) for row in rows]


def _noted(kind: str) -> ColumnElement[bool]:
    return exists().where(alert.c.desk == outbox.c.desk, alert.c.kind == literal(kind) + outbox.c.token)


def note(connection: Connection, desk: str, kind: str, now: datetime) -> None:
    """The kind with its token; old ones are forgotten."""
    beginning = kind.rpartition(" ")[0]
    connection.execute(
        delete(alert).where(
            alert.c.desk == desk,
            alert.c.kind.startswith(beginning),
            alert.c.sent_at < now - 2 * LOOKED_BACK,
        )
    )
    alerts.told(connection, desk, kind, now)


def called_back(connection: Connection, token: str) -> bool:
    """Whether a mail that waits will not leave any more; not one that may have arrived."""
    free = and_(outbox.c.state.in_([READY, DEFERRED, FAILED]), outbox.c.in_doubt.is_(False))
    return (
        connection.execute(
            update(outbox).where(outbox.c.token == token, free).values(state=CANCELLED, next_at=None)
        ).rowcount
        == 1
    )


def paused(connection: Connection, now: datetime) -> dict[str, str]:
    """Why, of each desk whose mail server wants none for a while."""
    rows = connection.execute(
        select(submission.c.desk, submission.c.reason).where(submission.c.paused_until > now)
    )
    return {row.desk: row.reason for row in rows}


def oldest_waiting(connection: Connection) -> dict[str, datetime]:
    """When the oldest mail was written that has not left, of each desk."""
    rows = connection.execute(
        select(outbox.c.desk, func.min(outbox.c.created_at).label("at"))
        .where(outbox.c.state.in_(UNFINISHED))
        .group_by(outbox.c.desk)
    )
    return {row.desk: row.at for row in rows}
