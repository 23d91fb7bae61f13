"""How does mail leave? deliver(): claim, envelope, "DATA begins", DATA, the answer."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from mailgate.desk import brakes, decide, letters
from mailgate.desk.decision import Audience, Decision, Handling, Letter, Template
from mailgate.desk.opening import event
from mailgate.desk.situation import Counter
from mailgate.errors import TemporaryError
from mailgate.gateway import braking
from mailgate.gateway.loaded import Clock, Office, ladder, submission_server
from mailgate.gateway.recording import alerted, recorded
from mailgate.outbox.retry import Attempt, Failed, Lost, Paused, Sent, Stage, hopeless, judge
from mailgate.outbox.smtp import Envelope, Notify, Outcome, Session
from mailgate.store import mails, outbox, situations, submission, tickets, unreachable
from mailgate.store.database import Connection, Store, passes_by_itself
from mailgate.store.ledger import Ledger
from mailgate.store.outbox import Claimed

log = logging.getLogger("mailgate")

AT_ONCE = 50
"""Mails claimed in one go."""
IMPATIENT_SECONDS = 5.0
"""After so long on one mail the others get another connection."""
CONNECTIONS = 4
"""At the most, to one submission server …"""
MAILS_WORTH_A_CONNECTION = 10
"""… and one more only where so many mails wait."""
MAILS_ON_A_CONNECTION = 50
"""Then a new one: many servers end a longer one, and the mail that hears it has to wait."""


@dataclass(slots=True)
class Unwritten:
    """What a pass could not write down, because the database was away: the next one begins with it.

    Otherwise a mail that the server has taken would leave once more, and the others wait for the claim on
    them to run out.
    """

    claims: set[int] = field(default_factory=set)
    """Of mails whose answer is not noted; those that were not begun are given back."""
    answers: list[Callable[[Connection], None]] = field(default_factory=list)


async def deliver(
    office: Office,
    store: Store,
    key: str,
    instance: str,
    clock: Clock,
    stopping: Callable[[], bool],
    unwritten: Unwritten | None = None,
) -> int:
    """Send everything of a desk that may leave now; returns how many attempts that were.

    `unwritten`: the same one for all passes of a process. Raises TemporaryError when the server cannot be
    reached; what was not begun stays as it was.
    """
    van = Van(office, office.counters[key], Ledger(store), instance, clock, stopping)
    van.unwritten = unwritten or van.unwritten
    if van.unwritten.claims or van.unwritten.answers:
        await _written_down(van)
    try:
        await _loaded(van)
        await _carry_with(van, min(CONNECTIONS, -(-len(van.claimed) // MAILS_WORTH_A_CONNECTION)))
    finally:
        # Even where nothing is given back: who was cancelled waits here for the answers that were posted.
        await _written_down(van)
    return van.attempts


async def _written_down(van: "Van") -> None:
    """Give back what was claimed and not begun, after the answers that are still owed."""
    owed = van.unwritten
    answers, claims = tuple(owed.answers), tuple(owed.claims)

    def write_down(write: Connection) -> None:
        for answer in answers:
            answer(write)
        outbox.release(write, claims, van.instance)

    try:
        await van.ledger.write(write_down)
    except TemporaryError:
        raise
    except Exception:
        owed.answers.clear()  # they would be in the way of all others for ever
        raise
    del owed.answers[: len(answers)]
    owed.claims.difference_update(claims)


@dataclass(slots=True)
class Van:
    """What the connections to one submission server share."""

    office: Office
    counter: Counter
    ledger: Ledger
    instance: str
    clock: Clock
    stopping: Callable[[], bool]
    claimed: deque[Claimed] = field(default_factory=deque)
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)
    attempts: int = 0
    probing: bool = False
    """The mail in hand finds out whether a pause is over."""
    paused: bool = False
    """The server wants no more: what was not begun goes back."""
    unwritten: Unwritten = field(default_factory=Unwritten)

    @property
    def leaving(self) -> bool:
        return self.paused or self.stopping()


async def _loaded(van: Van) -> bool:
    """Whether there is a mail to take; more are claimed when the last one was taken."""
    async with van.loading:
        if not van.claimed and not van.leaving:
            van.claimed.extend(await van.ledger.write(partial(_claim, van=van)))
            van.unwritten.claims |= {one.seq for one in van.claimed}
    return bool(van.claimed) and not van.leaving


def _claim(write: Connection, van: Van) -> list[Claimed]:
    load = braking.claimed(van.office, write, van.counter, van.instance, van.clock(), AT_ONCE)
    van.probing = load.probe
    return [one for one in load.mails if not _given_up(write, one, van)]


def _given_up(write: Connection, one: Claimed, van: Van) -> bool:
    """A mail that ends us each time it is handed over is not handed over again."""
    attempt = hopeless(one.tried)
    if attempt is None:
        return False
    _note(write, one, attempt, van)
    _log(van.counter.key, one, attempt)
    return True


async def _carry_with(van: Van, connections: int) -> None:
    """A connection on which nothing moves gets a neighbour: nobody waits behind one bad recipient."""
    running = {asyncio.create_task(_carry(van)) for _ in range(connections)}
    finished: set[asyncio.Task[None]] = set()
    try:
        while running:
            done, running = await asyncio.wait(
                running, timeout=IMPATIENT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            finished |= done
            if not done and len(running) < CONNECTIONS and await _loaded(van):
                running.add(asyncio.create_task(_carry(van)))
    finally:
        for task in running:  # only when we are cancelled: each writes down what became of its mail
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    failures = [error for task in finished if (error := task.exception())]
    for error in failures:
        # Many servers take fewer connections than ours: that is no trouble where the others carried all.
        if van.claimed or len(failures) == len(finished) or not isinstance(error, TemporaryError):
            raise error
        log.warning("desk=%s: one connection fewer: %s", van.counter.key, error)


async def _carry(van: Van) -> None:
    """One connection after the other, until nothing is left or we are to stop."""
    server = submission_server(van.office, van.counter.key)
    while await _loaded(van):
        async with Session(server) as session:
            noted: asyncio.Future[None] | None = None
            for _ in range(MAILS_ON_A_CONNECTION):
                if not session.usable or not await _loaded(van):
                    break
                noted = await _attempt(van, session, van.claimed.popleft(), noted)
            if noted is not None:
                await noted


async def _attempt(
    van: Van, session: Session, one: Claimed, before: "asyncio.Future[None] | None"
) -> "asyncio.Future[None] | None":
    """One mail. That DATA begins is durable before it does, and so is the answer to the mail `before`.

    Returns when the answer will be durable: the next envelope need not wait for it.
    """
    van.attempts += 1
    outcome = await session.envelope(_envelope(one))
    if before is not None:
        await before
    if outcome is None:
        if not await van.ledger.write(partial(_begin, one=one, van=van)):
            return None
        try:
            outcome = await session.data(one.raw)
        except asyncio.CancelledError:
            lost = _judged(Lost(Stage.DATA, "stopped"), one, van)
            await van.ledger.write(partial(_note, one=one, attempt=lost, van=van))
            raise
    attempt = _judged(outcome, one, van)
    van.paused = van.paused or isinstance(attempt, Paused)
    answer = partial(_note, one=one, attempt=attempt, van=van)
    noted = van.ledger.post(answer)
    noted.add_done_callback(partial(_log_attempt, van.counter.key, one, attempt))
    noted.add_done_callback(partial(_keep, van.unwritten, one.seq, answer))
    return noted


def _envelope(one: Claimed) -> Envelope:
    # RFC 3834, section 3.3: of an acknowledgement nobody needs to hear that it could not be delivered.
    notify = Notify.NEVER if one.template == Template.ACKNOWLEDGEMENT else Notify.TROUBLE
    return Envelope(one.recipient, one.raw, one.token, notify)


def _judged(outcome: Outcome, one: Claimed, van: Van) -> Attempt:
    return judge(outcome, one.tried, van.clock(), ladder(van.counter.desk))


def _keep(
    unwritten: Unwritten, seq: int, answer: Callable[[Connection], None], noted: "asyncio.Future[None]"
) -> None:
    error = None if noted.cancelled() else noted.exception()
    if isinstance(error, TemporaryError):
        unwritten.answers.append(answer)
    elif error is None:
        unwritten.claims.discard(seq)


def _log_attempt(key: str, one: Claimed, attempt: Attempt, noted: "asyncio.Future[None]") -> None:
    if noted.cancelled() or noted.exception() is not None:
        return  # whoever waits for it says so
    _log(key, one, attempt)


def _log(key: str, one: Claimed, attempt: Attempt) -> None:
    sent = isinstance(attempt, Sent)
    log.log(
        logging.INFO if sent else logging.WARNING,
        "%s desk=%s ticket=%s to=%s template=%s message_id=%s: %s",
        type(attempt).__name__.lower(), key, one.number, one.recipient, one.template, one.message_id,
        attempt.text if isinstance(attempt, Sent) else attempt.reason,
    )  # fmt: skip


def _begin(write: Connection, one: Claimed, van: Van) -> bool:
    return outbox.begin_data(write, one.seq, van.instance, van.clock())


def _note(write: Connection, one: Claimed, attempt: Attempt, van: Van) -> None:
    now = van.clock()
    if not outbox.settle(write, one.seq, attempt, now, van.instance):
        return  # we were taken for dead, and another instance has it
    if isinstance(attempt, Paused):
        braking.paused(van.office, write, van.counter, attempt, now)
    elif isinstance(attempt, Sent) and van.probing:
        submission.lift(write, van.counter.key)
    follows = _what_follows(write, one, attempt, van, now)
    if follows is None:
        return
    try:
        with write.begin_nested():
            follows()
    except Exception as error:
        if passes_by_itself(error):
            raise
        # Otherwise what became of this and of other mails would not be written down: they would leave again.
        log.exception("what follows from this attempt could not be done: message_id=%s", one.message_id)


def _what_follows(
    write: Connection, one: Claimed, attempt: Attempt, van: Van, now: datetime
) -> Callable[[], None] | None:
    match attempt:
        case Failed() if one.tried.ended and attempt == hopeless(one.tried):
            return partial(_tell_of_what_ends_us, write, one, attempt, van, now)
        case Failed(content=True) if _may_be_reduced(one):
            return partial(_send_reduced, write, one, attempt, van, now)
        case Failed():
            return partial(_tell_of_failure, write, one, attempt, van, now)
        case Sent() if one.template == Template.STARTED:
            return partial(_begin_clock, write, one, van, now)
        case _:
            return None


def _begin_clock(write: Connection, one: Claimed, van: Van, now: datetime) -> None:
    """The requester was told that the repair begins, in the transaction that notes the acceptance."""
    ticket = tickets.locked(write, [one.number]).get(one.number) if one.number else None
    if ticket is not None and one.recipient.casefold() == ticket.requester_address.casefold():
        decision = decide.begin(ticket, one.token, now, van.counter)
        recorded(van.office, write, van.counter, decision, now, None, {ticket.number: ticket})


def _tell_of_failure(write: Connection, one: Claimed, attempt: Failed, van: Van, now: datetime) -> None:
    """A refusal by our own server is a bounce that comes at once."""
    if attempt.recipient and brakes.speaks_of_address(attempt.reason):
        unreachable.mark(write, van.counter.key, one.recipient, one.token, attempt.reason, now)
    ticket = tickets.locked(write, [one.number]).get(one.number) if one.number else None
    if ticket is None:
        return
    sent = outbox.cited(write, [one.token])[one.token]
    situation = situations.without_mail(write, ticket, van.counter, now)
    effects = decide.undeliverable(ticket, sent, attempt.reason, None, situation, van.counter)
    decision = Decision(Handling.FILED, f"undeliverable: {attempt.reason}", ticket.number, tuple(effects))
    outbox.mark_bounced(write, one.token, attempt.reason, now)
    recorded(van.office, write, van.counter, decision, now, None, {ticket.number: ticket})


def _tell_of_what_ends_us(write: Connection, one: Claimed, attempt: Failed, van: Van, now: datetime) -> None:
    """Whoever has the ticket hears what became of it, and `alert_to` why mailgate ended so often."""
    _tell_of_failure(write, one, attempt, van, now)
    about = f" about {one.number}" if one.number else ""
    trouble = (
        f"{one.template} to {one.recipient}{about} was {attempt.reason}. The journal says why mailgate ended;"
        f" once that is mended, `mailgate outbox retry {one.token}` tries it again."
    )
    log.critical("%s", alerted(van.office, write, van.counter, Letter(trouble=trouble), now))


def _may_be_reduced(one: Claimed) -> bool:
    """A mail to staff with words of a requester, which are what the server may have refused."""
    return one.audience == Audience.STAFF and one.template in letters.WITH_CONTENT and not one.reduced


def _send_reduced(write: Connection, one: Claimed, attempt: Failed, van: Van, now: datetime) -> None:
    """Staff must hear of a ticket whatever its requester wrote: once more, without those words."""
    ticket = tickets.locked(write, [one.number]).get(one.number) if one.number else None
    if ticket is None:
        return
    sent = outbox.cited(write, [one.token])[one.token]
    situation = situations.without_mail(write, ticket, van.counter, now)
    reason = f"{one.template} to {one.recipient}: {attempt.reason}; sent once more without the words"
    again = letters.without_content(ticket, one.person_key, attempt.reason, situation, van.counter)
    effects = (event(ticket.number, "content_refused", reason), again)
    decision = Decision(Handling.FILED, f"content refused: {attempt.reason}", ticket.number, effects)
    # An answer to it is about the same mail as an answer to the refused one would have been.
    kept = mails.one(write, sent.mail_id) if sent.mail_id is not None else None
    recorded(van.office, write, van.counter, decision, now, kept, {ticket.number: ticket})
