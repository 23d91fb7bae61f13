"""Does the set-aside folder on the server show what is set aside?

What was decided or dropped since leaves it.
"""

import logging
from collections.abc import Iterator, Sequence

from mailgate.desk.situation import Counter
from mailgate.gateway.keeping import HEADER_OCTETS
from mailgate.intake.imap import Mailbox, Refusal, RefusedError
from mailgate.message import ids
from mailgate.store import mails
from mailgate.store.database import Store
from mailgate.store.mails import Follower

log = logging.getLogger("mailgate")

AT_ONCE = 50
"""Mails looked for in one visit; the next one takes the others."""


def follow(store: Store, mailbox: Mailbox, counter: Counter) -> RefusedError | None:
    """Move what is not set aside any more to the processed mails; what a person moved is left where it is.

    Returns why that folder takes no mail.
    """
    with store.reading() as look:
        wanted = mails.to_follow(look, counter.key, AT_ONCE)
    if not wanted:
        return None
    name = counter.desk.imap.set_aside
    with mailbox.visiting(name, readonly=False) as there:
        if isinstance(there, Refusal):
            if there.first:
                log.warning('desk=%s: set_aside = "%s" cannot be tidied: %s', counter.key, name, there.reason)
            return None
        found = _uids(mailbox, wanted)
        try:
            mailbox.move(found, aside=False)
        except RefusedError as error:
            return error
    with store.writing() as write:
        mails.followed(write, [one.mail_id for one in wanted])
    return None


def _uids(mailbox: Mailbox, wanted: Sequence[Follower]) -> list[int]:
    """Where they lie: their UIDs there were never ours to know, and one may lie there more than once."""
    return [
        uid
        for size, oversize in sorted({(one.size, one.oversize) for one in wanted})
        for uid, content in _contents(mailbox, size, oversize)
        if content in {one.content for one in wanted}
    ]


def _contents(mailbox: Mailbox, size: int, oversize: bool) -> Iterator[tuple[int, str]]:
    """Of each mail of that size. One at a time: whoever sends a poisoned mail may send a thousand like it."""
    for uid in mailbox.uids_of_size(size):
        raw = mailbox.header(uid, HEADER_OCTETS) if oversize else mailbox.bodies([uid]).get(uid)
        if raw:
            yield uid, ids.index(raw).content
