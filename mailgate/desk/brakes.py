"""Is this enough automatic mail for somebody, and may it be a machine that answers us?

Headers lie and are lost: these brakes look at what was sent and at what came, and at no header (RFC 3834,
section 2; RFC 2142, section 2: "duelling mail robots").
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mailgate.desk import letters
from mailgate.desk.decision import (
    Audience,
    Dead,
    Decision,
    Effect,
    Handling,
    Send,
    TryUnreachable,
    Warned,
)
from mailgate.desk.opening import event
from mailgate.desk.situation import Counter, Situation
from mailgate.message.ids import domain_of, mailbox_group, token_of
from mailgate.message.message import Message
from mailgate.settings import Limits

ANSWERED_AT_ONCE = timedelta(seconds=120)
"""A person reads an acknowledgement before writing anew, a machine does not."""
CLOCKS_DIFFER = timedelta(seconds=5)
"""INTERNALDATE has no fractions, and is the clock of another server."""
TRIED_AGAIN_AFTER = timedelta(days=1)
"""A mailbox of staff may have been full for an hour."""
MOST_WARNINGS = 10
"""A day and desk: made-up senders make no storm of alerts either."""

_WARNING = "brake:"


@dataclass(frozen=True, slots=True)
class Brake:
    """Somebody had enough automatic mail."""

    who: str
    """A mailbox, a domain or a ticket: of each the operator is told once a day."""
    reason: str


def full(author: str, situation: Situation, counter: Counter) -> Brake | None:
    """Whether a new ticket of this author opens silently."""
    limits = counter.limits
    if situation.automatic_lately >= limits.acks_per_sender_per_hour:
        return Brake(mailbox_group(author), "this sender had enough automatic mail for an hour")
    if situation.automatic_today >= limits.acks_per_sender_per_day:
        return Brake(mailbox_group(author), "this sender had enough automatic mail for a day")
    if situation.domain_full:
        return _of_domain(domain_of(author), limits)
    return None


def _of_domain(domain: str, limits: Limits) -> Brake:
    most = limits.automatic_per_domain_per_hour
    return Brake(f"@{domain}", f"{domain} had {most} automatic mails within an hour")


def echo(message: Message, situation: Situation) -> str | None:
    """Why a new matter may be a machine's answer to our automatic mail; None where nothing says so."""
    if message.message_id and token_of(message.message_id):
        return "its Message-ID is of the form of ours: another mailgate wrote it"
    if any(_answers_at_once(at, situation) for at in situation.automatic_at):
        return "it came at once after an automatic mail of ours, as a machine's answer does"
    if situation.repeated:
        return "the same words under the same subject came from this sender within a day"
    return None


def _answers_at_once(at: datetime, situation: Situation) -> bool:
    """Whether it arrived soon after a mail of ours: none that was here before that mail was."""
    seen_after = situation.kept_at is None or at < situation.kept_at
    return seen_after and -CLOCKS_DIFFER <= situation.received_at - at < ANSWERED_AT_ONCE


def warned(brake: Brake, told_lately: frozenset[str], counter: Counter) -> tuple[Effect, ...]:
    """Who runs the service hears of it, once a day."""
    kind = f"{_WARNING}{brake.who}"
    if kind in told_lately or sum(one.startswith(_WARNING) for one in told_lately) >= MOST_WARNINGS:
        return ()
    trouble = f"automatic mail to {brake.who} is kept back: {brake.reason}; `mailgate why` explains each mail"
    return (Warned(kind), *letters.alert(trouble, counter))


# --- what leaves after all --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Load:
    """What is known of those to whom a decision would send automatic mail."""

    dead: Mapping[str, Dead] = field(default_factory=dict)
    """By address, casefolded."""
    full_domains: frozenset[str] = frozenset()
    tickets: Mapping[str, int] = field(default_factory=dict)
    """Automatic mails to the requester's side of each ticket within the hour."""
    told_lately: frozenset[str] = frozenset()


def automatic(decision: Decision) -> tuple[Send, ...]:
    """What may be kept back: never words of people, and never an alert, which somebody has to hear."""
    sends = (effect for effect in decision.effects if isinstance(effect, Send))
    return tuple(one for one in sends if one.automatic and one.audience is not Audience.ADMIN)


def of_requesters(decision: Decision) -> tuple[Send, ...]:
    """Of those the ones to requesters. What staff ordered goes: they have a receipt that says so."""
    if decision.handling is Handling.COMMANDED:
        return ()
    return tuple(one for one in automatic(decision) if one.audience is Audience.REQUESTER)


def for_staff(decision: Decision) -> tuple[Send, ...]:
    """What tells staff of a ticket."""
    sends = (effect for effect in decision.effects if isinstance(effect, Send))
    return tuple(one for one in sends if one.audience is Audience.STAFF and one.letter.ticket is not None)


def marked(decision: Decision, load: Load) -> Decision:
    """Staff see on a ticket that mail does not reach its requester."""
    if not load.dead:
        return decision
    told = for_staff(decision)
    effects = (_marked(one, load) if one in told else one for one in decision.effects)
    return replace(decision, effects=tuple(effects))


def _marked(effect: Effect, load: Load) -> Effect:
    if not isinstance(effect, Send) or effect.letter.ticket is None:
        return effect
    dead = load.dead.get(effect.letter.ticket.requester.key)
    return replace(effect, letter=replace(effect.letter, undeliverable_since=dead.at)) if dead else effect


def held_back(decision: Decision, load: Load, now: datetime, counter: Counter) -> Decision:
    """Without automatic mail that is too much, or goes nowhere; the ticket and the reason say so."""
    may_stay = [*of_requesters(decision), *(s for s in automatic(decision) if s.audience is Audience.STAFF)]
    effects: list[Effect] = []
    held: list[tuple[Send, str | Brake]] = []
    for effect in decision.effects:
        why = None
        if isinstance(effect, Send) and effect in may_stay:
            why, load = _why_held(effect, load, now, counter)
        if why is None:
            effects.append(effect)
        elif isinstance(effect, Send):
            held.append((effect, why))
    tried = (TryUnreachable(one.to.address) for one in may_stay if _is_tried(one, load, now))
    effects += dict.fromkeys(tried)
    for send, why in held:
        effects += _told_of(send, why, decision, load, counter)
    reasons = dict.fromkeys(f"not sent to {send.to.address}: {_said(why)}" for send, why in held)
    return replace(decision, effects=tuple(effects), reason="; ".join((decision.reason, *reasons)))


def _why_held(send: Send, load: Load, now: datetime, counter: Counter) -> tuple[str | Brake | None, Load]:
    """Why this mail stays, and what is known after it."""
    dead = load.dead.get(send.to.key)
    if dead is not None:
        if send.audience is not Audience.STAFF or abs(now - (dead.tried_at or dead.at)) < TRIED_AGAIN_AFTER:
            return f"mail to it comes back since {dead.at:%Y-%m-%d}", load
        return None, replace(load, dead={**load.dead, send.to.key: replace(dead, tried_at=now)})
    if send.audience is Audience.STAFF:
        return None, load
    if (domain := domain_of(send.to.address)) in load.full_domains:
        return _of_domain(domain, counter.limits), load
    number = send.letter.ticket.number if send.letter.ticket else ""
    count = load.tickets.get(number, 0)
    if count >= counter.limits.automatic_per_ticket_per_hour:
        return Brake(number, f"{number} caused {count} automatic mails within an hour"), load
    return None, replace(load, tickets={**load.tickets, number: count + 1})


def _is_tried(send: Send, load: Load, now: datetime) -> bool:
    dead = load.dead.get(send.to.key)
    return dead is not None and dead.tried_at == now


def _told_of(
    send: Send, why: str | Brake, decision: Decision, load: Load, counter: Counter
) -> tuple[Effect, ...]:
    number = send.letter.ticket.number if send.letter.ticket else decision.number
    noted = (
        (event(number, "not_sent", f"{send.template} to {send.to.address}: {_said(why)}"),) if number else ()
    )
    return (*noted, *(warned(why, load.told_lately, counter) if isinstance(why, Brake) else ()))


def _said(why: str | Brake) -> str:
    return why.reason if isinstance(why, Brake) else why


# --- addresses to which mail comes back -------------------------------------------------------------------

_NOT_OF_THE_ADDRESS = re.compile(r"(?<![\d.])[45]\.(?:7|6|3\.4|1\.[78])(?!\d)")


def speaks_of_address(detail: str) -> bool:
    """Whether a refusal says that the mailbox takes no mail.

    Not where it speaks of policy, of what is in the mail, of its size or of the sender (RFC 3463, section 3),
    be it for good or given up at last: such a refusal may meet every address alike, and then nobody of the
    staff would hear of anything.
    """
    return _NOT_OF_THE_ADDRESS.search(detail) is None
