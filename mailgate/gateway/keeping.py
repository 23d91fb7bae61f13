"""How do mails of a folder become durable? Bounded portions, and commit 1."""

from collections.abc import Iterator, Sequence

from mailgate.gateway.loaded import Clock, Office
from mailgate.intake import cursor
from mailgate.intake.cursor import Beginning, Listed
from mailgate.intake.imap import Mailbox
from mailgate.message import ids
from mailgate.store import mails
from mailgate.store.database import Store
from mailgate.store.mails import Arrival, Place

MEBIBYTE = 1024 * 1024
HEADER_OCTETS = 64 * 1024
UIDS_AT_ONCE = 500
"""Asked for or moved in one go: a rebuilt folder may hold a hundred thousand, and no database takes so many
values in one statement."""


def batches(
    office: Office, store: Store, mailbox: Mailbox, place: Place, beginning: Beginning
) -> Iterator[list[Listed]]:
    """What is ours and not yet in the store, in portions bounded by count and bytes."""
    since = cursor.asked_since(beginning, office.timezone)
    uids = mailbox.uids(beginning.first_uid, since)
    limits = office.settings.limits
    for start in range(0, len(uids), UIDS_AT_ONCE):
        asked = uids[start : start + UIDS_AT_ONCE]
        with store.reading() as look:
            seen = mails.seen_uids(look, place, asked)
            astray = mails.acknowledged_among(look, place, asked)
        if astray:  # a server that said so and moved nothing: once more with the next portion
            with store.writing() as write:
                mails.acknowledged(write, place, astray, None)
        listed = mailbox.listed([uid for uid in asked if uid not in seen])
        yield from cursor.portions(
            cursor.ours(beginning, listed), limits.batch_mails, limits.batch_mib * MEBIBYTE
        )


def keep(
    office: Office,
    store: Store,
    mailbox: Mailbox,
    place: Place,
    batch: Sequence[Listed],
    clock: Clock,
) -> int:
    """Commit 1: the bytes are durable before anything else happens to them. Returns how many were there."""
    arrivals = arrivals_of(office, mailbox, batch)
    with store.writing() as write:
        mails.keep(write, place, arrivals, clock())
    return len(arrivals)


def arrivals_of(office: Office, mailbox: Mailbox, batch: Sequence[Listed]) -> list[Arrival]:
    most = office.settings.limits.message_mib * MEBIBYTE
    bodies = mailbox.bodies([one.uid for one in batch if one.size <= most])
    found = (_arrival(mailbox, one, bodies.get(one.uid), most) for one in batch)
    return [one for one in found if one is not None]


def _arrival(mailbox: Mailbox, listed: Listed, raw: bytes | None, most: int) -> Arrival | None:
    """None: a person moved it meanwhile."""
    oversize = listed.size > most
    if oversize:
        raw = mailbox.header(listed.uid, HEADER_OCTETS) or None
    if raw is None:
        return None
    return Arrival(listed.uid, listed.received_at, listed.size, raw, ids.index(raw), oversize)
