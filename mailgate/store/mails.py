"""Which mail came in, and what became of it?"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, insert, literal, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from mailgate.desk.decision import Decision, Handling, Waiting
from mailgate.desk.situation import Arrived, CitedMail
from mailgate.intake.cursor import Beginning
from mailgate.message.ids import Index, mailbox_group, words_key
from mailgate.message.message import Address
from mailgate.store.lately import Lately
from mailgate.store.schema import mail, mailbox, raw, reference
from mailgate.store.turns import desks_turn

KEPT, DECIDED, ASIDE, DROPPED, DUPLICATE = "kept", "decided", "aside", "dropped", "duplicate"
SIBLINGS_KEY = 0x7369626C696E6773  # "siblings": an advisory lock until the transaction ends
DEFLATE_LEVEL = 3  # mail is mostly base64 and words: higher levels cost three times as much for 2 %


@dataclass(frozen=True, slots=True)
class Place:
    """Where UIDs mean something: one folder of one desk's mailbox, until the server gives them anew."""

    desk: str
    folder: str
    """As the settings name it."""
    uidvalidity: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """One mail as the mailbox gave it."""

    uid: int
    received_at: datetime
    """INTERNALDATE in UTC."""
    size: int
    """RFC822.SIZE."""
    raw: bytes
    """Of a mail that is too large its header alone."""
    index: Index
    oversize: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """One mail in the store that waits for its decision."""

    id: int
    desk: str
    folder: str
    """In which it was found, as the settings named it then."""
    message_id: str | None
    content: str
    received_at: datetime
    silent: bool
    oversize: int
    """Octets of a mail whose header alone is here; 0 where it is whole."""
    raw: bytes
    confirmed: bool = False
    """The person in whose name it came said yes to it."""
    kept_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Follower:
    """One mail that is to leave the set-aside folder of its server."""

    mail_id: int
    size: int
    """RFC822.SIZE, by which the server finds it."""
    content: str | None
    """By which it is told from others of that size; see `ids.index`."""
    oversize: bool
    """Only its header was ever fetched, and is what `content` is of."""


def beginning(connection: Connection, desk: str, folder: str) -> tuple[Beginning, bool] | None:
    """Where the reading of a folder began, and whether it was reconciled since; None before first contact."""
    row = connection.execute(
        select(mailbox).where(mailbox.c.desk == desk, mailbox.c.folder == folder)
    ).one_or_none()
    if row is None:
        return None
    return Beginning(row.uidvalidity, row.first_uid, row.start_at), row.reconciled


def save_beginning(
    connection: Connection, desk: str, folder: str, value: Beginning, now: datetime, *, reconciled: bool
) -> None:
    facts = {
        "uidvalidity": value.uidvalidity,
        "first_uid": value.first_uid,
        "start_at": value.start_at,
        "contacted_at": now,
        "reconciled": reconciled,
    }
    place = and_(mailbox.c.desk == desk, mailbox.c.folder == folder)
    desks_turn(connection, desk)
    if not connection.execute(update(mailbox).where(place).values(facts)).rowcount:
        connection.execute(insert(mailbox).values(desk=desk, folder=folder, **facts))


def pass_uids(connection: Connection, place: Place, first_uid: int) -> None:
    """Lower UIDs are done with: nothing is moved from this folder, and each search must stay short."""
    known = and_(
        mailbox.c.desk == place.desk,
        mailbox.c.folder == place.folder,
        mailbox.c.uidvalidity == place.uidvalidity,
        mailbox.c.first_uid < first_uid,
    )
    connection.execute(update(mailbox).where(known).values(first_uid=first_uid))


def highest_uid(connection: Connection, place: Place) -> int:
    """The highest UID that was ever seen in a folder; 0 for none."""
    return connection.scalar(select(func.max(mail.c.uid)).where(_in(place))) or 0


def _in(place: Place) -> ColumnElement[bool]:
    return and_(
        mail.c.desk == place.desk, mail.c.folder == place.folder, mail.c.uidvalidity == place.uidvalidity
    )


def forget_uids(connection: Connection, desk: str, folder: str) -> None:
    """The server gives its UIDs anew: the old ones name nothing any more."""
    known = and_(mail.c.desk == desk, mail.c.folder == folder, mail.c.uid.is_not(None))
    connection.execute(update(mail).where(known).values(uid=None))


def hush(connection: Connection, place: Place, before: datetime, more_than: int) -> int:
    """Take old mails of a rebuilt folder without answering, where there are many; returns how many."""
    old = and_(_in(place), mail.c.uid.is_not(None), mail.c.state == KEPT, mail.c.received_at < before)
    count = connection.scalar(select(func.count()).where(old)) or 0
    if count <= more_than:
        return 0
    connection.execute(update(mail).where(old).values(silent=True))
    return count


def seen_uids(connection: Connection, place: Place, uids: Sequence[int]) -> frozenset[int]:
    """Those of `uids` that are in the store already."""
    if not uids:
        return frozenset()
    return frozenset(connection.scalars(select(mail.c.uid).where(_in(place), mail.c.uid.in_(uids))))


def keep(connection: Connection, place: Place, arrivals: Sequence[Arrival], now: datetime) -> None:
    """Write mails down before anything is thought about them (commit 1).

    The same UID again changes nothing; the same content again becomes a duplicate of the first.
    """
    desks_turn(connection, place.desk)
    seen = seen_uids(connection, place, [arrival.uid for arrival in arrivals])
    arrivals = [arrival for arrival in arrivals if arrival.uid not in seen]
    known = _contents(connection, place.desk, [arrival.index.content for arrival in arrivals])
    fresh: dict[int, Arrival] = {}
    for arrival in arrivals:
        mail_id = _insert_mail(connection, place, arrival, known, now)
        if arrival.index.content not in known:
            known[arrival.index.content] = mail_id
            fresh[mail_id] = arrival
        else:  # whoever moves a mail from the set-aside folder back into the INBOX wants it read once more
            replay(connection, known[arrival.index.content])
    _insert_raws(connection, fresh)


def _contents(connection: Connection, desk: str, contents: Sequence[str]) -> dict[str, int]:
    rows = connection.execute(
        select(mail.c.content, mail.c.id).where(mail.c.desk == desk, mail.c.content.in_(contents))
    )
    return {row.content: row.id for row in rows}


_KEEP, _KEEP_RAW, _KEEP_REFERENCES = insert(mail), insert(raw), insert(reference)


def _insert_mail(
    connection: Connection, place: Place, arrival: Arrival, known: dict[str, int], now: datetime
) -> int:
    original = known.get(arrival.index.content)
    result = connection.execute(
        _KEEP,
        {
            "desk": place.desk,
            "folder": place.folder,
            "uidvalidity": place.uidvalidity,
            "uid": arrival.uid,
            "content": None if original else arrival.index.content,
            "duplicate_of": original,
            "message_id": arrival.index.message_id,
            "size": arrival.size,
            "oversize": arrival.oversize,
            "received_at": min(arrival.received_at, now),  # a server's clock may be wrong: domain, Q4
            "kept_at": now,
            "silent": False,
            "confirmed": False,
            "state": DUPLICATE if original else KEPT,
            "reason": f"the same mail as {original}" if original else None,
        },
    )
    key = result.inserted_primary_key
    if key is None:
        raise RuntimeError("the database gave no id")
    return int(key[0])


def _insert_raws(connection: Connection, fresh: Mapping[int, Arrival]) -> None:
    """Bytes and references, by mail id."""
    raws = [
        {"mail_id": mail_id, "deflated": zlib.compress(arrival.raw, DEFLATE_LEVEL)}
        for mail_id, arrival in fresh.items()
    ]
    cited = [
        {"mail_id": mail_id, "position": position, "message_id": cited}
        for mail_id, arrival in fresh.items()
        for position, cited in enumerate(arrival.index.references)
    ]
    for query, rows in ((_KEEP_RAW, raws), (_KEEP_REFERENCES, cited)):
        if rows:
            connection.execute(query, rows)


_WAITING = (
    select(mail.c.id, mail.c.size)
    .where(mail.c.state == KEPT, mail.c.desk == bindparam("desk"))
    .order_by(mail.c.id)
    .limit(bindparam("most"))
)
_KEPT = select(
    mail.c.id,
    mail.c.desk,
    mail.c.folder,
    mail.c.message_id,
    mail.c.content,
    mail.c.received_at,
    mail.c.silent,
    mail.c.oversize,
    mail.c.size,
    mail.c.confirmed,
    mail.c.kept_at,
    raw.c.deflated,
).join(raw, raw.c.mail_id == mail.c.id)


def waiting(connection: Connection, desk: str, most_mails: int, most_octets: int) -> list[Kept]:
    """The oldest mails that were kept and not yet decided, in the order of their arrival, within bounds."""
    chosen: list[int] = []
    octets = 0
    for row in connection.execute(_WAITING, {"desk": desk, "most": most_mails}):
        octets += row.size
        if chosen and octets > most_octets:
            break
        chosen.append(row.id)
    if not chosen:
        return []
    return [_kept(row) for row in connection.execute(_KEPT.where(mail.c.id.in_(chosen)).order_by(mail.c.id))]


def still_waiting(connection: Connection, desk: str, mail_ids: Sequence[int]) -> frozenset[int]:
    """Those that nobody decided meanwhile: until the transaction ends nobody else can."""
    desks_turn(connection, desk)
    mine = and_(mail.c.state == KEPT, mail.c.desk == desk, mail.c.id.in_(mail_ids))
    return frozenset(connection.scalars(select(mail.c.id).where(mine).with_for_update()))


def one(connection: Connection, mail_id: int) -> Kept | None:
    """Any mail with its bytes; None when there is none."""
    row = connection.execute(_KEPT.where(mail.c.id == mail_id)).one_or_none()
    return None if row is None else _kept(row)


def _kept(row: Any) -> Kept:
    return Kept(
        row.id, row.desk, row.folder, row.message_id, row.content, row.received_at, row.silent,
        row.size if row.oversize else 0, zlib.decompress(row.deflated), row.confirmed, row.kept_at,
    )  # fmt: skip


def decided(
    connection: Connection,
    mail_id: int,
    decision: Decision,
    author: Address,
    subject: str,
    now: datetime,
    words: str = "",
) -> None:
    """Note what was decided. RuntimeError when somebody else already did: nothing may happen twice.

    `words`: see `decide.what_is_said`.
    """
    changed = connection.execute(
        _DECIDED,
        {
            "which": mail_id,
            "state": DECIDED,
            "handling": decision.handling.value,
            "reason": decision.reason,
            "number": decision.number,
            "author": str(author),
            "author_key": author.key,
            "author_group": mailbox_group(author.address),
            "words": words_key(words),
            "subject": subject,
            "decided_at": now,
        },
    )
    if changed.rowcount != 1:
        raise RuntimeError(f"mail {mail_id} was decided before")


_DECIDED = (
    update(mail)
    .where(mail.c.id == bindparam("which"), mail.c.state == KEPT)
    .values({name: bindparam(name) for name in (
        "state", "handling", "reason", "number", "author", "author_key", "author_group", "words", "subject",
        "decided_at",
    )})
)  # fmt: skip


_SENDER = select(func.count()).where(
    mail.c.desk == bindparam("desk"),
    mail.c.author_group == bindparam("sender"),
    mail.c.kept_at > bindparam("since"),
    mail.c.kept_at < bindparam("until"),
)


def from_sender(connection: Connection, desk: str, sender: str, when: Lately) -> int:
    """How many mails of one sender a desk decided lately, however they spell their mailbox."""
    facts = {"desk": desk, "sender": mailbox_group(sender)} | asdict(when)
    return connection.scalar(_SENDER, facts) or 0


MOST_AROUND = 1000
_AROUND = (
    select(mail.c.received_at, mail.c.handling, mail.c.number)
    .where(
        mail.c.desk == bindparam("desk"),
        mail.c.author_group == bindparam("sender"),
        mail.c.received_at > bindparam("earliest"),
        mail.c.received_at < bindparam("latest"),
        mail.c.state == DECIDED,
    )
    .order_by(mail.c.received_at, mail.c.id)
    .limit(MOST_AROUND)
)


def around(
    connection: Connection, desk: str, sender: str, at: datetime, within: timedelta
) -> tuple[Arrived, ...]:
    """What one sender's other mails of this time became."""
    times = {"earliest": at - within, "latest": at + within}
    rows = connection.execute(_AROUND, {"desk": desk, "sender": mailbox_group(sender)} | times)
    return tuple(
        Arrived(row.received_at, row.number if row.handling == Handling.OPENED else None) for row in rows
    )


_SAME_WORDS = (
    select(mail.c.id)
    .where(
        mail.c.desk == bindparam("desk"),
        mail.c.author_group == bindparam("sender"),
        mail.c.received_at > bindparam("since"),
        mail.c.words == bindparam("words"),
    )
    .limit(1)
)


def repeated(connection: Connection, desk: str, sender: str, words: str, since: datetime) -> bool:
    """Whether one sender wrote this very thing before; `words`: see `decide.what_is_said`."""
    key = words_key(words)
    facts = {"desk": desk, "sender": mailbox_group(sender), "since": since, "words": key}
    return key is not None and connection.scalar(_SAME_WORDS, facts) is not None


def cited(connection: Connection, message_ids: Sequence[str]) -> list[CitedMail]:
    """Mails that came in with one of these ids and belong to a ticket."""
    if not message_ids:
        return []
    rows = connection.execute(
        select(mail.c.message_id, mail.c.number, mail.c.author_key)
        .where(mail.c.message_id.in_(message_ids), mail.c.number.is_not(None))
        .order_by(mail.c.id)
    )
    return [CitedMail(row.message_id, row.number, row.author_key or "") for row in rows]


def sibling(connection: Connection, desk: str, message_id: str | None, content: str) -> str | None:
    """The ticket that the same mail opened at another desk, which waits here until we have decided."""
    if connection.dialect.name == "postgresql":  # else two desks deciding at once would not see each other
        connection.execute(select(func.pg_advisory_xact_lock(SIBLINGS_KEY)))
    same = mail.c.content == content
    if message_id:
        same = or_(same, mail.c.message_id == message_id)
    return connection.scalar(
        select(mail.c.number).where(same, mail.c.desk != desk, mail.c.number.is_not(None)).limit(1)
    )


def set_aside(connection: Connection, mail_id: int, reason: str, now: datetime) -> None:
    """Only what still waits: a mail that somebody else decided meanwhile stays decided."""
    connection.execute(
        update(mail).where(mail.c.id == mail_id, mail.c.state == KEPT),
        {"state": ASIDE, "reason": reason, "decided_at": now},
    )


def replay(connection: Connection, mail_id: int) -> bool:
    """Let a mail that was set aside be read once more; False when it is not set aside."""
    changed = connection.execute(
        update(mail)
        .where(mail.c.id == mail_id, mail.c.state == ASIDE)
        .values(state=KEPT, reason=None, decided_at=None)
    )
    return changed.rowcount == 1


def drop(connection: Connection, mail_id: int, reason: str, now: datetime) -> bool:
    """Nothing is to be done about a mail that was set aside; False when it is not set aside.

    Its bytes stay, as those of every mail.
    """
    changed = connection.execute(
        update(mail)
        .where(mail.c.id == mail_id, mail.c.state == ASIDE)
        .values(
            state=DROPPED,
            decided_at=now,
            reason=literal(reason) + func.coalesce(literal("; it was set aside: ") + mail.c.reason, ""),
        )
    )
    return changed.rowcount == 1


def to_follow(connection: Connection, desk: str, most: int) -> list[Follower]:
    """What lies in the set-aside folder of the server and is not set aside any more.

    A mail that is too large stays there once it is decided: that is where its ticket says it is.
    """
    done = or_(mail.c.state == DROPPED, and_(mail.c.state == DECIDED, mail.c.oversize.is_(False)))
    rows = connection.execute(
        select(mail.c.id, mail.c.size, mail.c.content, mail.c.oversize)
        .where(mail.c.desk == desk, mail.c.mirrored, done)
        .order_by(mail.c.id)
        .limit(most)
    )
    return [Follower(row.id, row.size, row.content, row.oversize) for row in rows]


def followed(connection: Connection, mail_ids: Sequence[int]) -> None:
    """They lie among the processed ones now, or where a person put them."""
    connection.execute(update(mail).where(mail.c.id.in_(mail_ids)).values(mirrored=False))


def aside(connection: Connection, desk: str | None = None) -> list[Waiting]:
    """What waits for the admin, oldest first."""
    query = select(mail).where(mail.c.state == ASIDE).order_by(mail.c.id)
    rows = connection.execute(query.where(mail.c.desk == desk) if desk else query)
    return [
        Waiting(row.id, row.author or "", row.subject or "", row.reason or "", row.received_at, row.desk)
        for row in rows
    ]


def describe(connection: Connection, mail_id: int, author: str, subject: str) -> None:
    """What a list shows of a mail that could not be read whole."""
    connection.execute(update(mail).where(mail.c.id == mail_id), {"author": author, "subject": subject})


def newest_aside(connection: Connection, desk: str) -> datetime | None:
    """When the last mail of a desk that still waits was set aside."""
    when = func.coalesce(mail.c.decided_at, mail.c.kept_at)
    return connection.scalar(select(func.max(when)).where(mail.c.state == ASIDE, mail.c.desk == desk))


def to_acknowledge(connection: Connection, place: Place) -> tuple[list[int], list[int]]:
    """UIDs that the server may now move: (processed, set aside)."""
    original = mail.alias("original")
    rows = connection.execute(
        select(mail.c.uid, mail.c.oversize, func.coalesce(original.c.state, mail.c.state).label("state"))
        .outerjoin(original, original.c.id == mail.c.duplicate_of)
        .where(
            _in(place),
            mail.c.acknowledged_at.is_(None),
            mail.c.state != KEPT,
            or_(original.c.state.is_(None), original.c.state != KEPT),
            mail.c.uid.is_not(None),
        )
    ).all()
    aside = {row.uid for row in rows if row.state == ASIDE or row.oversize}
    return [row.uid for row in rows if row.uid not in aside], sorted(aside)


def acknowledged_among(connection: Connection, place: Place, uids: Sequence[int]) -> list[int]:
    """Those of `uids` that the server has said it moved."""
    moved = and_(_in(place), mail.c.uid.in_(uids), mail.c.acknowledged_at.is_not(None))
    return list(connection.scalars(select(mail.c.uid).where(moved)))


def acknowledged(
    connection: Connection, place: Place, uids: Sequence[int], now: datetime | None, *, aside: bool = False
) -> None:
    """The server has moved them, `aside` into the folder of what is set aside; None: it has not after all."""
    which = and_(_in(place), mail.c.uid.in_(uids))
    follows = and_(literal(aside), mail.c.state == ASIDE)
    connection.execute(update(mail).where(which).values(acknowledged_at=now, mirrored=follows))


def find(connection: Connection, wanted: str) -> list[Row[tuple[object, ...]]]:
    """Rows of `mail` by id or by Message-ID, with or without angle brackets."""
    by_message_id = mail.c.message_id == wanted.strip().strip("<>")
    by_id = mail.c.id == int(wanted) if wanted.isdecimal() and len(wanted) <= 18 else None
    query = select(mail).where(by_message_id if by_id is None else or_(by_message_id, by_id))
    return list(connection.execute(query.order_by(mail.c.id)))


def last_moment(connection: Connection) -> datetime | None:
    """When the newest mail was kept or decided: no recorded moment may come before it."""
    kept, thought = connection.execute(select(func.max(mail.c.kept_at), func.max(mail.c.decided_at))).one()
    return max((moment for moment in (kept, thought) if moment), default=None)


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    """How many mails in each (desk, state)."""
    rows = connection.execute(
        select(mail.c.desk, mail.c.state, func.count().label("n")).group_by(mail.c.desk, mail.c.state)
    )
    return {(row.desk, row.state): row.n for row in rows}
