"""Who hears of trouble? alarm(): by mail of a desk whose mail leaves, by the command where mail is in doubt.

It runs beside the passes and holds none of them up. What was told is in a small file, because the database
may be what is away.
"""

import logging
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mailgate import alarm as edge
from mailgate.compose import render
from mailgate.desk import alarms
from mailgate.desk.alarms import Kind, News, Spell, State, Trouble
from mailgate.desk.decision import Audience, AutoSubmitted, Letter, PassedOn, Send, Template
from mailgate.desk.situation import Counter
from mailgate.errors import SettingsError, TemporaryError
from mailgate.gateway.loaded import Clock, Office
from mailgate.gateway.recording import sent_alone
from mailgate.message.message import Address, Message
from mailgate.message.parse import read
from mailgate.pulse import STARTING, Pulse
from mailgate.store import canaries, troubles
from mailgate.store.canaries import Canary
from mailgate.store.database import Store
from mailgate.store.outbox import FAILED
from mailgate.store.troubles import Unsent

log = logging.getLogger("mailgate")

MEMORY = "alarms.json"
MOST_AN_HOUR = 20
"""Words of trouble in all, by mail and by the command: what is not told now is told later, as it is then."""
HOUR = timedelta(hours=1)
STARTING_TAKES = 60.0
"""Seconds, at least, until a part that has not worked yet is in trouble."""


@dataclass(slots=True)
class Alarm:
    """What is remembered between two looks."""

    memory: edge.Memory
    after: timedelta
    by_mail: bool = True
    """False for `run --once`: its exit status and the command tell."""
    began: datetime | None = None
    """The first look: mail that waits since before had no chance yet."""
    told: deque[datetime] = field(default_factory=deque)
    """When words of trouble were told within the last hour."""
    tried: dict[str, datetime] = field(default_factory=dict)
    """By token: when nobody could be told that this alert does not leave."""

    def may_tell(self, now: datetime) -> bool:
        while self.told and not timedelta() <= now - self.told[0] < HOUR:
            self.told.popleft()
        return len(self.told) < MOST_AN_HOUR


def alarm(office: Office, *, at_once: bool = False) -> Alarm:
    """`at_once`: there is no later look, as in `run --once`."""
    service = office.settings.service
    memory = edge.Memory(office.base / service.state_dir / MEMORY)
    return Alarm(memory, timedelta() if at_once else patience(office), by_mail=not at_once)


def patience(office: Office) -> timedelta:
    """For how long trouble may pass by itself."""
    return timedelta(minutes=office.settings.service.alert_after_minutes)


def look(office: Office, store: Store, pulse: Pulse, kept: Alarm, clock: Clock) -> int:
    """Tell of what begins, lasts and is over; returns how many times somebody was told."""
    now = clock()
    kept.began = min(kept.began or now, now)
    spells = kept.memory.recalled()
    found = [*alarms.gathered(_ailing(pulse, now)), *_in_the_store(store, pulse, spells, now)]
    silent = {
        alarms.desk_of(one.part) for one in found if alarms.kind_of(one.part) in {Kind.SUBMISSION, Kind.PAUSE}
    }
    return _tell(office, store, kept, found, silent, now) + _of_unsent(office, store, kept, silent, now)


def at_the_door(office: Office, clock: Clock, reason: str, *, at_once: bool) -> None:
    """The database does not let us in: only the command can tell of it."""
    now, service = clock(), office.settings.service
    kept = alarm(office, at_once=True)
    kept.after = timedelta() if at_once else patience(office)
    if service.alert_command:
        _tell(office, None, kept, [Trouble(alarms.DATABASE, reason, now)], set(office.counters), now)


# --- what is wrong ----------------------------------------------------------------------------------------


def _ailing(pulse: Pulse, now: datetime) -> list[Trouble]:
    return [
        Trouble(one.name, one.trouble, now - timedelta(seconds=one.seconds), one.at_once)
        for one in pulse.ailing()
        if one.trouble != STARTING or one.seconds >= STARTING_TAKES
    ]


def _in_the_store(store: Store, pulse: Pulse, spells: Mapping[str, Spell], now: datetime) -> list[Trouble]:
    """What no part complains of; monitoring sees it in the pulse. As it was, while nobody can look."""
    try:
        with store.reading() as view:
            paused, lost = troubles.paused(view, now), canaries.lost(view, now)
    except TemporaryError:  # the parts that need the database say so themselves
        return [
            Trouble(one.part, one.reason, one.since)
            for one in spells.values()
            if alarms.kind_of(one.part) in {Kind.PAUSE, Kind.CANARY} and one.fine_since is None
        ]
    overdue = {f"{Kind.CANARY} {one.desk}": one for one in lost}
    found = [Trouble(f"{Kind.PAUSE} {key}", reason, now) for key, reason in paused.items()]
    found += [Trouble(part, _lost(one), one.sent_at, at_once=True) for part, one in overdue.items()]
    pulse.remark({one.part: one.reason for one in found})
    # Another instance tells of what it found first.
    return [one for one in found if one.part not in overdue or _ours(overdue[one.part], one.part, spells)]


def _lost(one: Canary) -> str:
    reason = f": {one.last_error}" if one.last_error else ""
    return (
        f"{one.message_id} of {one.sent_at:%Y-%m-%d %H:%M} UTC is not back; its mail is {one.state}{reason}"
    )


def _ours(one: Canary, part: str, spells: Mapping[str, Spell]) -> bool:
    return one.told_at is None or part in spells


# --- who is told ------------------------------------------------------------------------------------------


def _tell(
    office: Office,
    store: Store | None,
    kept: Alarm,
    found: Iterable[Trouble],
    silent: Collection[str],
    now: datetime,
) -> int:
    """`store`: None while it is away."""
    teller, before, count = kept.memory.teller, kept.memory.recalled(), 0
    spells = alarms.remembered(before, found, teller, now)
    for one in alarms.news(spells, teller, now, kept.after):
        if not kept.may_tell(now):
            log.error("trouble was told %d times within an hour: the rest waits", MOST_AN_HOUR)
            break
        kept.told.append(now)
        heard = _told(office, store, kept, replace(one, who=_who(office, one.desk)), silent, now)
        spells = alarms.settled(spells, one, now, heard=heard)
        kept.memory.keep(spells)
        count += heard
    if spells != before:
        kept.memory.keep(spells)
    return count


def _told(
    office: Office, store: Store | None, kept: Alarm, one: News, silent: Collection[str], now: datetime
) -> bool:
    """Whether somebody heard, or could not have: what nobody can be told stands in the journal."""
    over = one.state is State.OVER
    log.log(
        logging.WARNING if over else logging.CRITICAL,
        "trouble %s part=%s since=%s: %s", one.state, one.part, f"{one.since:%Y-%m-%dT%H:%M:%SZ}", one.reason,
    )  # fmt: skip
    way = alarms.way(one.part, list(office.counters), silent)
    letter = Letter(alarm=one, trouble=one.reason)  # an office's own older template knows `trouble` alone
    by_mail = kept.by_mail and not alarms.told_already(one)
    mailed = _mailed(office, store, way.through if by_mail else None, letter, now)
    command = office.settings.service.alert_command
    if mailed and not (way.command and command):
        heard = True
    else:
        heard = not command or _run(office, one.part, one.state, letter, now) or mailed
    if heard and store is not None and one.kind is Kind.CANARY and not over:
        _no_other_tells(store, one.desk, now)
    return heard


def _who(office: Office, key: str) -> str:
    counter = office.counters.get(key)
    return f"{counter.desk.name} <{counter.desk.address}>" if counter else ""


def _mailed(office: Office, store: Store | None, through: str | None, letter: Letter, now: datetime) -> bool:
    """Whether mails were written that a working desk will send."""
    if store is None or through is None:
        return False
    try:
        with store.writing() as write:
            for address in office.settings.service.alert_to:
                sent_alone(office, write, office.counters[through], _alert(address, letter), now)
    except (TemporaryError, SettingsError) as error:
        log.warning("alarm by mail of desk=%s: %s", through, error)
        return False
    return True


def _alert(address: str, letter: Letter) -> Send:
    to = Address("", address)
    return Send(Template.ALERT, Audience.ADMIN, to, address, letter, AutoSubmitted.GENERATED)


def _no_other_tells(store: Store, key: str, now: datetime) -> None:
    with suppress(TemporaryError), store.writing() as write:
        for one in canaries.lost(write, now):
            if one.desk == key:
                canaries.told(write, one.token, now)


def _run(office: Office, part: str, state: State, letter: Letter, now: datetime) -> bool:
    """Run alert_command, whose text is what the mail would say."""
    key = alarms.desk_of(part)
    about = {"MAILGATE_ALERT_DESK": key, "MAILGATE_ALERT_PART": part, "MAILGATE_ALERT_STATE": state.value}
    counter = office.counters.get(key) or next(iter(office.counters.values()))
    text = _text(office, counter, letter, now)
    return edge.run(office.settings.service.alert_command, text, about, office.base)


def _text(office: Office, counter: Counter, letter: Letter, now: datetime) -> str:
    send = _alert(office.settings.service.alert_to[0], letter)
    facts = render.Facts(office.timezone, "")
    try:
        words = render.render(office.templates, send, counter.desk, facts, "", now)
    except SettingsError as error:  # a template of the office's own must not silence an alarm
        log.warning("%s", error)
        return f"{letter.trouble}\n"
    return f"{words.subject}\n\n{words.body}"


# --- alerts that do not leave -----------------------------------------------------------------------------


def _of_unsent(office: Office, store: Store, kept: Alarm, silent: Collection[str], now: datetime) -> int:
    """An alert that waits too long leaves through another desk, or is told by the command."""
    if kept.by_mail and kept.began is not None and now - kept.began < kept.after:
        return 0
    try:
        with store.reading() as view:
            found = troubles.unsent_alerts(view, now, kept.after)
        return sum(_told_otherwise(office, store, kept, one, silent, now) for one in found)
    except TemporaryError as error:
        log.debug("alarm: %s", error)
        return 0


def _told_otherwise(
    office: Office, store: Store, kept: Alarm, one: Unsent, silent: Collection[str], now: datetime
) -> bool:
    tried = kept.tried.get(one.token)
    again = tried is not None and timedelta() <= now - tried < alarms.TRIED_AGAIN_AFTER
    others = [key for key in office.counters if key != one.desk and key not in silent]
    left = one.desk not in office.counters  # the settings; with it went whoever would send it
    refused = left or one.desk in silent or one.state == FAILED
    if again or not kept.may_tell(now):
        return False
    passed_on = _passed_on(office, one)
    letter = Letter(passed_on=passed_on, trouble=passed_on.subject)
    by_mail = kept.by_mail and others and refused and not one.passed_on
    if by_mail and _passed(office, store, one, letter, office.counters[others[0]], now):
        kept.told.append(now)
        return True
    return _by_command(office, store, kept, one, letter, now)


def _passed(
    office: Office, store: Store, one: Unsent, letter: Letter, through: Counter, now: datetime
) -> bool:
    """Cancelled there and written here, or neither; False where it may have arrived."""
    try:
        with store.writing() as write:
            if one.state != FAILED and not troubles.called_back(write, one.token):
                return False
            token = sent_alone(office, write, through, _alert(one.recipient, letter), now)
            troubles.note(write, one.desk, troubles.TOLD_OTHERWISE + one.token, now)
            troubles.note(write, through.key, troubles.PASSED_ON + token, now)
    except SettingsError as error:  # a template of the office's own must not silence an alarm
        log.warning("%s", error)
        return False
    log.warning("alert %s of desk=%s leaves through desk=%s", one.token, one.desk, through.key)
    return True


def _by_command(
    office: Office, store: Store, kept: Alarm, one: Unsent, letter: Letter, now: datetime
) -> bool:
    kept.tried = {token: at for token, at in kept.tried.items() if timedelta() <= now - at < HOUR} | {
        one.token: now
    }
    if not office.settings.service.alert_command:
        log.critical("an alert of desk=%s cannot leave, and no alert_command is set: %s", one.desk, one.token)
        return False
    kept.told.append(now)
    if not _run(office, f"outbox {one.desk}", State.BEGIN, letter, now):
        return False
    with store.writing() as write:
        troubles.note(write, one.desk, troubles.TOLD_OTHERWISE + one.token, now)
    return True


def _passed_on(office: Office, one: Unsent) -> PassedOn:
    """What it says, read from its own bytes: they are ours."""
    said = read(one.raw)
    subject, text = (said.subject, said.text) if isinstance(said, Message) else ("", "")
    return PassedOn(_who(office, one.desk) or one.desk, subject, text)
