"""Which mail is to leave, and what became of it?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from sqlalchemy import (
    Boolean,
    Connection,
    Integer,
    Row,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from mailgate.desk.decision import Audience
from mailgate.desk.priority import Priority
from mailgate.desk.situation import SentMail
from mailgate.message.ids import domain_of, mailbox_group
from mailgate.outbox.retry import (
    Attempt,
    Deferred,
    Failed,
    Paused,
    Sent,
    Tried,
    Uncertain,
    ended,
    ended_again,
)
from mailgate.store.lately import CLOCKS_DIFFER, Lately
from mailgate.store.schema import outbox

READY, SENDING, SENT = "ready", "sending", "sent"
DEFERRED, FAILED, UNCERTAIN = "deferred", "failed", "uncertain"
CANCELLED = "cancelled"
UNFINISHED = (READY, SENDING, DEFERRED, UNCERTAIN)
CLAIMABLE = (READY, DEFERRED, UNCERTAIN)

# Longer than the ten minutes that RFC 5321, section 4.5.3.2.6, grants after the final dot, with room for a
# batch: a claim must never run out under a mail that is still on its way.
LEASE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Composed:
    """One mail that is to leave."""

    token: str
    desk: str
    number: str | None
    mail_id: int | None
    template: str
    audience: str
    automatic: bool
    recipient: str
    person_key: str
    message_id: str
    raw: bytes
    priority: int = Priority.NOTICES
    reduced: bool = False
    """Without the requester's words, since the server refused the mail that had them."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """One mail in the hands of this instance."""

    seq: int
    token: str
    number: str | None
    template: str
    audience: str
    recipient: str
    person_key: str
    message_id: str
    raw: bytes
    tried: Tried
    created_at: datetime
    priority: int
    reduced: bool


_ADD = insert(outbox)


def add(connection: Connection, rows: Sequence[Composed], now: datetime) -> None:
    """Write mails down; they may leave at once."""
    if rows:
        connection.execute(
            _ADD,
            [
                {
                    "token": row.token,
                    "desk": row.desk,
                    "number": row.number,
                    "mail_id": row.mail_id,
                    "template": row.template,
                    "audience": row.audience,
                    "automatic": row.automatic,
                    "recipient": row.recipient,
                    "recipient_key": row.recipient.casefold(),
                    "recipient_group": mailbox_group(row.recipient),
                    "recipient_domain": domain_of(row.recipient),
                    "person_key": row.person_key,
                    "message_id": row.message_id,
                    "raw": row.raw,
                    "created_at": now,
                    "state": READY,
                    "in_doubt": False,
                    "next_at": now,
                    "attempts": 0,
                    "priority": row.priority,
                    "reduced": row.reduced,
                }
                for row in rows
            ],
        )
        urgent = [row for row in rows if row.priority == Priority.PEOPLE and row.number]
        _hasten(connection, {(row.number or "", row.recipient.casefold()) for row in urgent})


def add_as_sent(connection: Connection, row: Composed, now: datetime) -> None:
    """Note a mail that is about to leave by another hand: it must be known when it comes back."""
    add(connection, [row], now)
    facts = {"state": SENT, "next_at": None, "sent_at": now, "attempts": 1}
    connection.execute(update(outbox).where(outbox.c.token == row.token).values(facts))


def was_not_sent(connection: Connection, token: str, reason: str) -> None:
    """It did not leave by that hand, and nobody tries again."""
    facts = {"state": CANCELLED, "sent_at": None, "last_error": reason}
    connection.execute(update(outbox).where(outbox.c.token == token).values(facts))


_later = outbox.alias("later")
_HASTEN = (
    update(outbox)
    .where(
        outbox.c.number == bindparam("about"),
        outbox.c.recipient_key == bindparam("to"),
        outbox.c.state.in_(UNFINISHED),  # also what is on its way, and perhaps comes back
        outbox.c.priority > Priority.PEOPLE,
        exists().where(
            _later.c.number == outbox.c.number,
            _later.c.recipient_key == outbox.c.recipient_key,
            _later.c.seq > outbox.c.seq,
            _later.c.state.in_(UNFINISHED),
            _later.c.priority == Priority.PEOPLE,
        ),
    )
    .values(priority=Priority.PEOPLE)
)


def _hasten(connection: Connection, ways: Iterable[tuple[str, str]]) -> None:
    """What stands before words of people, to one person about one ticket, is as urgent as they are.

    It cannot be overtaken: an acknowledgement that a limit holds back must not hold back the reply.
    """
    for number, recipient_key in sorted(ways):
        connection.execute(_HASTEN, {"about": number, "to": recipient_key})


_earlier = outbox.alias("earlier")
_MAY_LEAVE = and_(
    outbox.c.desk == bindparam("desk"),
    outbox.c.state.in_(CLAIMABLE),
    outbox.c.next_at <= bindparam("now"),
    outbox.c.priority <= bindparam("least"),
    # Strictly in order per ticket and recipient: nothing overtakes an unfinished earlier mail.
    ~exists().where(
        _earlier.c.number == outbox.c.number,
        _earlier.c.recipient_key == outbox.c.recipient_key,
        _earlier.c.seq < outbox.c.seq,
        _earlier.c.state.in_(UNFINISHED),
    ),
)
_CLAIM = (
    select(
        outbox.c.seq, outbox.c.token, outbox.c.number, outbox.c.template, outbox.c.audience,
        outbox.c.recipient, outbox.c.person_key, outbox.c.message_id, outbox.c.created_at,
        outbox.c.attempts, outbox.c.waited, outbox.c.tried_at, outbox.c.last_error, outbox.c.priority,
        outbox.c.reduced,
        func.length(outbox.c.raw).label("octets"),
    )
    .where(_MAY_LEAVE)
    .order_by(outbox.c.priority, outbox.c.seq)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)  # fmt: skip

# Not the mail at which the server spoke of a pause, if there is another: were it the fault of that one after
# all, it would be asked about first for ever, and nothing else would leave.
_PROBE = _CLAIM.order_by(None).order_by(outbox.c.tried_at.nulls_first(), outbox.c.priority, outbox.c.seq)


MOST_OCTETS = 32 * 1024 * 1024
"""Of mail in memory for one claim: attachments may be large."""


def claim(
    connection: Connection,
    desk: str,
    instance: str,
    now: datetime,
    most: int,
    most_octets: int = MOST_OCTETS,
    *,
    automatic: int | None = None,
) -> list[Claimed]:
    """Take the most urgent mails that may leave, then the oldest; until the lease ends they are ours.

    `automatic`: so many of them at the most may be something else than words of people; None: all.
    """
    least = Priority.PEOPLE if automatic == 0 else Priority.REPORTS
    rows = connection.execute(_CLAIM, {"desk": desk, "now": now, "most": most, "least": least})
    chosen = _chosen(
        [dict(row._mapping) for row in rows], most if automatic is None else automatic, most_octets
    )
    return _taken(connection, chosen, instance, now)


def claim_probe(
    connection: Connection, desk: str, instance: str, now: datetime, *, automatic: bool
) -> list[Claimed]:
    """One mail that finds out whether a pause is over, if there is any: rather one that was not tried yet.

    `automatic`: it may be something else than words of people.
    """
    least = Priority.REPORTS if automatic else Priority.PEOPLE
    rows = connection.execute(_PROBE, {"desk": desk, "now": now, "most": 1, "least": least})
    return _taken(connection, _chosen([dict(row._mapping) for row in rows], 1, MOST_OCTETS), instance, now)


def _taken(
    connection: Connection, chosen: Sequence[dict[str, Any]], instance: str, now: datetime
) -> list[Claimed]:
    if not chosen:
        return []
    which = outbox.c.seq.in_([one["seq"] for one in chosen])
    raws = {row.seq: row.raw for row in connection.execute(select(outbox.c.seq, outbox.c.raw).where(which))}
    connection.execute(
        update(outbox).where(which),
        {"state": SENDING, "claimed_by": instance, "lease_until": now + LEASE, "data_at": None},
    )
    return [_claimed(one, raws[one["seq"]]) for one in chosen]


def _claimed(row: dict[str, Any], raw: bytes) -> Claimed:
    names = ("attempts", "waited", "tried_at", "last_error")
    attempts, waited, last_at, last_error = (row.pop(name) for name in names)
    tried = Tried(attempts, timedelta(seconds=waited), last_at, ended(last_error))
    return Claimed(**row, tried=tried, raw=raw)


def _chosen(rows: Sequence[dict[str, Any]], automatic: int, most_octets: int) -> list[dict[str, Any]]:
    """As many from the beginning as may be taken."""
    chosen: list[dict[str, Any]] = []
    for row in rows:
        most_octets -= row.pop("octets")
        automatic -= row["priority"] > Priority.PEOPLE
        if automatic < 0 or (chosen and most_octets < 0):
            break
        chosen.append(row)
    return chosen


_BEGIN = (
    update(outbox)
    .where(
        outbox.c.seq == bindparam("which"),
        outbox.c.state == SENDING,
        outbox.c.claimed_by == bindparam("instance"),
        outbox.c.lease_until > bindparam("at"),
    )
    .values(data_at=bindparam("at"), lease_until=bindparam("until"))
)


def begin_data(connection: Connection, seq: int, instance: str, now: datetime) -> bool:
    """From here on a lost answer leaves it uncertain whether the mail was taken.

    False: the lease ran out and the mail may be in other hands; leave it alone.
    """
    facts = {"which": seq, "instance": instance, "at": now, "until": now + LEASE}
    return connection.execute(_BEGIN, facts).rowcount == 1


_NEW_STATE = bindparam("new_state", type_=String)
_SETTLE = (
    update(outbox)
    .where(
        outbox.c.seq == bindparam("which"),
        or_(
            and_(
                outbox.c.state == SENDING,
                or_(
                    bindparam("instance", type_=String).is_(None),
                    outbox.c.claimed_by == bindparam("instance"),
                ),
            ),
            # Taken for dead while the server's yes was on its way: it is true whoever has the mail now.
            and_(_NEW_STATE == SENT, outbox.c.state.in_(UNFINISHED)),
        ),
    )
    .values(
        state=case((and_(_NEW_STATE == DEFERRED, outbox.c.in_doubt), UNCERTAIN), else_=_NEW_STATE),
        in_doubt=or_(outbox.c.in_doubt, bindparam("doubt", type_=Boolean)),
        next_at=bindparam("later"),
        last_error=bindparam("error"),
        sent_at=bindparam("accepted"),
        attempts=outbox.c.attempts + 1,
        waited=func.coalesce(bindparam("waited", type_=Integer), outbox.c.waited),
        tried_at=bindparam("at"),
        claimed_by=None,
        lease_until=None,
    )
)


def settle(
    connection: Connection, seq: int, attempt: Attempt, now: datetime, instance: str | None = None
) -> bool:
    """Note what became of an attempt of this instance; None: of whichever.

    False: the mail is in other hands or settled, and nothing follows from this attempt.
    """
    facts: dict[str, Any] = {"which": seq, "later": None, "error": None, "accepted": None, "doubt": False}
    facts |= {"at": now, "waited": None}
    match attempt:
        case Paused():
            return _put_back(connection, seq, now, instance)
        case Sent():
            facts |= {"new_state": SENT, "accepted": now}
        case Deferred(reason, next_at, waited):
            facts |= {"new_state": DEFERRED, "later": next_at, "error": reason, "waited": _seconds(waited)}
        case Failed(reason):
            facts |= {"new_state": FAILED, "error": reason}
        case Uncertain(reason, next_at, waited):
            facts |= {"new_state": UNCERTAIN, "later": next_at, "error": reason, "waited": _seconds(waited)}
            facts["doubt"] = True
        case _:
            assert_never(attempt)
    return connection.execute(_SETTLE, facts | {"instance": instance}).rowcount == 1


def _seconds(some: timedelta) -> int:
    return int(some.total_seconds())


# A doubt outlives attempts that did not come as far as DATA: only an answer to DATA settles it.
_AS_BEFORE = case((outbox.c.in_doubt, UNCERTAIN), else_=READY)


def _put_back(connection: Connection, seq: int, now: datetime, instance: str | None) -> bool:
    """As if it had not been begun: the server spoke of us and not of this mail. But see `_PROBE`."""
    waits = {"state": _AS_BEFORE, "claimed_by": None, "lease_until": None, "data_at": None, "tried_at": now}
    which = update(outbox).where(outbox.c.seq == seq, outbox.c.state == SENDING)
    which = which if instance is None else which.where(outbox.c.claimed_by == instance)
    return connection.execute(which.values(waits)).rowcount == 1


def release(connection: Connection, seqs: Iterable[int], instance: str) -> None:
    """Give back what this instance claimed and did not begin, as if nothing had happened."""
    connection.execute(
        update(outbox)
        .where(
            outbox.c.seq.in_(list(seqs)),
            outbox.c.state == SENDING,
            outbox.c.claimed_by == instance,
            outbox.c.data_at.is_(None),
        )
        .values(state=_AS_BEFORE, claimed_by=None, lease_until=None)
    )


_LOST = (
    update(outbox)
    .where(outbox.c.seq == bindparam("which"))
    .values(
        state=UNCERTAIN, in_doubt=True, next_at=bindparam("later"), attempts=outbox.c.attempts + 1,
        tried_at=outbox.c.data_at, claimed_by=None, lease_until=None, last_error=bindparam("error"),
    )
)  # fmt: skip


def claimants(connection: Connection) -> frozenset[str]:
    """The instances that have mail in hand."""
    query = select(outbox.c.claimed_by).where(outbox.c.state == SENDING, outbox.c.claimed_by.is_not(None))
    return frozenset(one for one in connection.scalars(query.distinct()) if one)


def recover(connection: Connection, now: datetime, *, alone: bool, gone: Iterable[str] = ()) -> int:
    """Settle claims whose instance is gone; returns how many are uncertain now.

    `alone`: no other instance can be running, so every claim is a dead one's. `gone`: the instances of which
    that is known; a claim of any other is a dead one's when its lease ran out.
    """
    dead: ColumnElement[bool] = outbox.c.state == SENDING
    if not alone:
        dead = and_(dead, or_(outbox.c.lease_until < now, outbox.c.claimed_by.in_(list(gone))))
    begun = select(outbox.c.seq, outbox.c.last_error).where(dead, outbox.c.data_at.is_not(None))
    lost = connection.execute(begun.with_for_update()).all()
    for one in lost:
        text, pause = ended_again(one.last_error)
        connection.execute(_LOST, {"which": one.seq, "later": now + pause, "error": text})
    connection.execute(
        update(outbox).where(dead).values(state=_AS_BEFORE, claimed_by=None, lease_until=None, next_at=now)
    )
    return len(lost)


def bound(connection: Connection, now: datetime, longest: Mapping[str, timedelta]) -> int:
    """No plan that a clock made which ran ahead lies further off than one that is made now.

    `longest`: between two attempts, by desk. Returns how many mails would have waited for it. What was
    planned while `now` waited for its turn, or by an instance whose clock differs a little, is no such plan.
    """
    moved = _brought_back(connection, now, outbox.c.next_at, outbox.c.state == READY)
    for desk, pause in longest.items():
        waits = and_(outbox.c.desk == desk, outbox.c.state.in_([DEFERRED, UNCERTAIN]))
        moved += _brought_back(connection, now + pause, outbox.c.next_at, waits)
    return moved + _brought_back(connection, now + LEASE, outbox.c.lease_until, outbox.c.state == SENDING)


def _brought_back(
    connection: Connection, latest: datetime, moment: ColumnElement[Any], which: ColumnElement[bool]
) -> int:
    too_late = update(outbox).where(which, moment > latest + CLOCKS_DIFFER)
    return connection.execute(too_late.values({moment: latest})).rowcount


def newest_sent(connection: Connection, desk: str) -> datetime | None:
    newest: datetime | None = connection.scalar(
        select(func.max(outbox.c.sent_at)).where(outbox.c.desk == desk)
    )
    return newest


def cited(connection: Connection, tokens: Sequence[str]) -> dict[str, SentMail]:
    """Our mails by the random part of their ids."""
    if not tokens:
        return {}
    other = exists().where(
        _earlier.c.number == outbox.c.number,
        _earlier.c.recipient_key == outbox.c.recipient_key,
        _earlier.c.seq != outbox.c.seq,
        _earlier.c.bounced_at.is_not(None),
    )
    rows = connection.execute(select(outbox, other.label("came_back")).where(outbox.c.token.in_(tokens)))
    return {
        row.token: SentMail(
            token=row.token,
            desk=row.desk,
            number=row.number,
            audience=Audience(row.audience),
            person_key=row.person_key,
            recipient=row.recipient,
            template=row.template,
            created_at=row.created_at,
            bounced=row.bounced_at is not None,
            mail_id=row.mail_id,
            automatic=row.automatic,
            came_back=row.came_back,
        )
        for row in rows
    }


_ABOUT = (
    select(outbox.c.person_key, outbox.c.message_id, outbox.c.created_at)
    .where(outbox.c.number == bindparam("number"))
    .order_by(outbox.c.seq)
)


def sent_about(connection: Connection, number: str) -> list[tuple[str, str, datetime]]:
    """(person key, message id, moment) of everything sent about a ticket, oldest first."""
    rows = connection.execute(_ABOUT, {"number": number})
    return [(row.person_key, row.message_id, row.created_at) for row in rows]


_AUTOMATIC_LATELY = and_(
    outbox.c.created_at > bindparam("since"),
    outbox.c.created_at < bindparam("until"),
    outbox.c.automatic.is_(True),
    outbox.c.audience == Audience.REQUESTER.value,
)
_TO_REQUESTERS = and_(outbox.c.desk == bindparam("desk"), _AUTOMATIC_LATELY)
_TO_SENDER = (
    select(outbox.c.created_at, outbox.c.sent_at)
    .where(_TO_REQUESTERS, outbox.c.recipient_group == bindparam("group"))
    .order_by(outbox.c.created_at.desc())
    .limit(bindparam("most"))
)


def automatic_to(
    connection: Connection, desk: str, recipient: str, when: Lately, most: int
) -> list[tuple[datetime, datetime]]:
    """(written, left or written) of the newest automatic mails to one requester, however they spell it."""
    facts = {"desk": desk, "group": mailbox_group(recipient), "most": most} | asdict(when)
    return [(row.created_at, row.sent_at or row.created_at) for row in connection.execute(_TO_SENDER, facts)]


IS_DOMAIN_FULL = (
    select(outbox.c.seq)
    .where(_TO_REQUESTERS, outbox.c.recipient_domain == bindparam("domain"))
    .order_by(outbox.c.created_at.desc())
    .limit(1)
    .offset(bindparam("before"))
    .exists()
)
_DOMAIN_FULL = select(IS_DOMAIN_FULL)


def of_domain(desk: str, recipient: str, most: int, when: Lately) -> dict[str, Any]:
    """What IS_DOMAIN_FULL asks for."""
    return {"desk": desk, "domain": domain_of(recipient), "before": max(most - 1, 0)} | asdict(when)


def domain_full(connection: Connection, desk: str, recipient: str, most: int, when: Lately) -> bool:
    """Whether requesters at the recipient's domain had `most` automatic mails then."""
    return bool(connection.scalar(_DOMAIN_FULL, of_domain(desk, recipient, most, when)))


# A number is one desk's: the desk is not asked, or SQLite would go through all that it sent within the hour.
_ON_TICKET = select(func.count()).where(outbox.c.number == bindparam("number"), _AUTOMATIC_LATELY)


def automatic_on(connection: Connection, number: str, when: Lately) -> int:
    """How many automatic mails the requester's side of a ticket got."""
    return connection.scalar(_ON_TICKET, {"number": number} | asdict(when)) or 0


def mark_bounced(connection: Connection, token: str, detail: str, now: datetime) -> None:
    connection.execute(
        update(outbox).where(outbox.c.token == token).values(bounced_at=now, last_error=detail)
    )


def outgoing(connection: Connection, number: str) -> list[Row[Any]]:
    """Rows of everything sent about a ticket, oldest first."""
    return list(connection.execute(select(outbox).where(outbox.c.number == number).order_by(outbox.c.seq)))


def caused_by(connection: Connection, mail_id: int) -> list[Row[Any]]:
    """Rows of everything that one incoming mail caused."""
    return list(connection.execute(select(outbox).where(outbox.c.mail_id == mail_id).order_by(outbox.c.seq)))


def unfinished(connection: Connection, desk: str | None, states: Sequence[str]) -> list[Row[Any]]:
    """Rows in the given states, oldest first, without their bytes: there may be many."""
    query = (
        select(*(column for column in outbox.c if column.name != "raw"))
        .where(outbox.c.state.in_(states))
        .order_by(outbox.c.seq)
    )
    return list(connection.execute(query.where(outbox.c.desk == desk) if desk else query))


def retry(connection: Connection, token: str | None, now: datetime, desk: str | None = None) -> int:
    """Try again at once: one mail, also a failed one; or all that were deferred. Returns how many."""
    if token is None:
        which: ColumnElement[bool] = outbox.c.state.in_([DEFERRED, UNCERTAIN])
    else:
        which = and_(_named(token), outbox.c.state.in_([DEFERRED, UNCERTAIN, FAILED]))
    if desk is not None:
        which = and_(which, outbox.c.desk == desk)
    # A failed one gets all its days again, and if it comes back once more, that is news once more.
    facts = {
        "state": DEFERRED,
        "next_at": now,
        "waited": case((outbox.c.state != FAILED, outbox.c.waited), else_=0),
        "bounced_at": case((outbox.c.state != FAILED, outbox.c.bounced_at), else_=None),
    }
    # An uncertain mail stays uncertain until an answer settles it.
    kept = update(outbox).where(which, outbox.c.state == UNCERTAIN).values(next_at=now)
    again = update(outbox).where(which, outbox.c.state != UNCERTAIN).values(facts)
    count = connection.execute(kept).rowcount + connection.execute(again).rowcount
    if token is not None:
        found = connection.execute(select(outbox.c.number, outbox.c.recipient_key).where(_named(token)))
        _hasten(connection, {(row.number, row.recipient_key) for row in found if row.number})
    return count


def _named(wanted: str) -> ColumnElement[bool]:
    """By its Message-ID, or the part before the @."""
    return or_(outbox.c.token == wanted, outbox.c.message_id == wanted)


def cancellable(connection: Connection, wanted: str) -> Row[Any] | None:
    """The mail of this Message-ID, or its part before the @; locked, so that nobody begins to send it."""
    return connection.execute(select(outbox).where(_named(wanted)).with_for_update()).one_or_none()


def waiting_automatic(connection: Connection, desk: str) -> list[Row[Any]]:
    """The automatic mails of a desk that wait, alerts not among them, oldest first; locked."""
    query = select(outbox).where(
        outbox.c.desk == desk,
        outbox.c.state.in_(CLAIMABLE),
        outbox.c.automatic.is_(True),
        outbox.c.audience != Audience.ADMIN,
    )
    return list(connection.execute(query.order_by(outbox.c.seq).with_for_update(skip_locked=True)))


def cancel(connection: Connection, seqs: Iterable[int]) -> None:
    """It never leaves; what comes after it need not wait any longer."""
    which = outbox.c.seq.in_(list(seqs)), outbox.c.state.in_(CLAIMABLE)
    connection.execute(update(outbox).where(*which).values(state=CANCELLED, next_at=None))


def last_moment(connection: Connection) -> datetime | None:
    """The newest moment that the outbox recorded."""
    created, accepted = connection.execute(
        select(func.max(outbox.c.created_at), func.max(outbox.c.sent_at))
    ).one()
    return max((moment for moment in (created, accepted) if moment), default=None)


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    """How many mails in each (desk, state)."""
    rows = connection.execute(
        select(outbox.c.desk, outbox.c.state, func.count().label("n")).group_by(outbox.c.desk, outbox.c.state)
    )
    return {(row.desk, row.state): row.n for row in rows}
