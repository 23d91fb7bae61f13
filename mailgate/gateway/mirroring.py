"""Does the set-aside folder on the server show what is set aside?

What was decided or dropped since leaves it.
"""

import logging

from mailgate.desk.situation import Counter
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
        found = [uid for one in wanted for uid in _uids(mailbox, one)]
        try:
            mailbox.move(found, aside=False)
        except RefusedError as error:
            return error
    with store.writing() as write:
        mails.followed(write, [one.mail_id for one in wanted])
    return None


def _uids(mailbox: Mailbox, wanted: Follower) -> list[int]:
    """Where it lies: its UID there was never ours to know, and it may lie there more than once."""
    bodies = mailbox.bodies(mailbox.uids_of_size(wanted.size))
    return [uid for uid, raw in bodies.items() if ids.index(raw).content == wanted.content]
