"""How does a decision become ticket, history and final bytes? All in the caller's transaction, or nothing."""

import base64
import logging
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from mailgate.compose import mime, render
from mailgate.desk import brakes, decide, watch
from mailgate.desk.decision import (
    Audience,
    AutoSubmitted,
    Decision,
    Handling,
    Letter,
    Notice,
    Send,
    Template,
)
from mailgate.desk.priority import priority
from mailgate.desk.situation import Counter
from mailgate.desk.ticket import Ticket
from mailgate.gateway.loaded import Office
from mailgate.message.message import Address
from mailgate.store import loads, outbox
from mailgate.store.database import Connection
from mailgate.store.mails import Kept
from mailgate.store.outbox import Composed
from mailgate.store.record import Cause, record

log = logging.getLogger("mailgate")

NO_TICKETS: Mapping[str, Ticket] = MappingProxyType({})


def recorded(
    office: Office,
    write: Connection,
    counter: Counter,
    decision: Decision,
    now: datetime,
    kept: Kept | None,
    before: Mapping[str, Ticket] = NO_TICKETS,
) -> str:
    """Ticket, history and outgoing mail, all or nothing; returns a line for the log."""
    return settled(office, write, counter, decision, now, kept, before)[1]


def settled(
    office: Office,
    write: Connection,
    counter: Counter,
    decision: Decision,
    now: datetime,
    kept: Kept | None,
    before: Mapping[str, Ticket] = NO_TICKETS,
) -> tuple[Decision, str]:
    """The same, with the decision as it was carried out: without mail that the brakes keep back."""
    load = loads.load(write, decision, counter, now)
    decision = brakes.held_back(brakes.marked(decision, load), load, now, counter)
    decision = replace(decision, effects=watch.watched(decision.effects, before, now, counter))
    mail_id, message_id = (kept.id, kept.message_id) if kept else (None, None)
    composed = [
        _composed(office, counter, send, decision.number, mail_id, now) for send in decide.sends(decision)
    ]
    record(write, decision, composed, Cause(counter.key, now, mail_id, message_id))
    about = f"desk={counter.key} ticket={decision.number} mail={mail_id} message_id={message_id}"
    return decision, f"{decision.handling} {about} mails_out={len(composed)}: {decision.reason}"


def _composed(
    office: Office, counter: Counter, send: Send, number: str | None, mail_id: int | None, now: datetime
) -> Composed:
    """The final bytes, under a fresh id of 128 random bits."""
    token = base64.b32encode(secrets.token_bytes(16)).decode("ascii").rstrip("=").lower()
    message_id = f"{token}@{counter.desk.message_id_domain}"
    local, hours = now.astimezone(office.timezone), office.settings.hours_of(counter.desk)
    said = render.hours_text(office.templates, counter.desk.language, hours, local.date())
    words = render.render(
        office.templates, send, counter.desk, render.Facts(office.timezone, said), token, now
    )
    return Composed(
        token=token,
        desk=counter.key,
        number=_about(send, number),
        mail_id=mail_id,
        template=send.template.value,
        audience=send.audience.value,
        automatic=send.automatic is not None,
        recipient=send.to.address,
        person_key=send.person.casefold(),
        message_id=message_id,
        raw=mime.mail(words, send, counter.desk, message_id, local),
        priority=priority(send),
        reduced=send.letter.notice is Notice.REFUSED,
    )


def _about(send: Send, number: str | None) -> str | None:
    """The ticket that a mail is about, and on which an answer to it works: a list is about none."""
    if send.letter.ticket is not None:
        return send.letter.ticket.number
    return None if send.template is Template.LIST else number


def alerted(office: Office, write: Connection, counter: Counter, letter: Letter, now: datetime) -> str:
    effects = tuple(
        Send(
            Template.ALERT, Audience.ADMIN, Address("", address), address, letter, AutoSubmitted.GENERATED
        )
        for address in office.settings.service.alert_to
    )  # fmt: skip
    decision = Decision(Handling.FILED, letter.trouble or "mail is set aside", None, effects)
    return recorded(office, write, counter, decision, now, None)


def sent_alone(office: Office, write: Connection, counter: Counter, send: Send, now: datetime) -> str:
    """One mail that follows from no decision; returns its token."""
    one = composed_alone(office, counter, send, now)
    outbox.add(write, [one], now)
    return one.token


def composed_alone(office: Office, counter: Counter, send: Send, now: datetime) -> Composed:
    """Such a mail, which nobody has written down."""
    return _composed(office, counter, send, None, None, now)
