"""Of which trouble is who told, when, and by which way?

A spell of trouble is told once when it begins, once a day while it lasts, and once when it is over.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

STILL_AFTER = timedelta(days=1)
TRIED_AGAIN_AFTER = timedelta(minutes=5)
"""Where neither a mail nor the command got through: a network that is away takes both."""
DATABASE = "database"
DATABASE_SAYS = "database: "
"""How the store begins every text of its own trouble, in which all parts then are at once."""
MOST_REASON = 500


class State(StrEnum):
    """Where a spell of trouble stands."""

    BEGIN = "begin"
    STILL = "still"
    OVER = "over"


class Kind(StrEnum):
    """What a part is: the first word of its name; the second, where there is one, is the desk."""

    MAILBOX = "mailbox"
    SUBMISSION = "submission"
    PAUSE = "pause"
    CANARY = "canary"
    TICK = "tick"
    DATABASE = DATABASE
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Trouble:
    """As it is now."""

    part: str
    """"mailbox kominfo", "tick", "database"."""
    reason: str
    since: datetime
    at_once: bool = False
    """Waiting does not mend it."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Trouble as it is remembered from one look to the next, over restarts too."""

    part: str
    reason: str
    since: datetime
    at_once: bool = False
    told_at: datetime | None = None
    """None: nobody was told yet."""
    fine_since: datetime | None = None
    """None: it lasts."""
    tried_at: datetime | None = None
    """When telling failed last."""
    teller: str = ""
    """Whose it is: another instance may have trouble where this one has none."""


@dataclass(frozen=True, slots=True)
class News:
    """What somebody is to be told of."""

    part: str
    state: State
    reason: str
    since: datetime
    who: str = ""
    """Name and address of the desk, "" where it is about none."""

    @property
    def kind(self) -> Kind:
        return kind_of(self.part)

    @property
    def desk(self) -> str:
        return desk_of(self.part)


@dataclass(frozen=True, slots=True)
class Way:
    """By which way it is told."""

    through: str | None
    """The desk whose server carries the mail; None: no mail can leave."""
    command: bool
    """Whether alert_command is run as well."""


def kind_of(part: str) -> Kind:
    word = part.partition(" ")[0]
    return Kind(word) if word in set(Kind) else Kind.OTHER


def desk_of(part: str) -> str:
    """The key of the desk, "" where the part is of none."""
    return part.partition(" ")[2]


def gathered(troubles: Iterable[Trouble]) -> list[Trouble]:
    """One for the database, however many parts wait for it."""
    found = list(troubles)
    waiting = [one for one in found if one.reason.startswith(DATABASE_SAYS)]
    if not waiting:
        return found
    first = min(waiting, key=lambda one: one.since)
    return [Trouble(DATABASE, first.reason, first.since, any(one.at_once for one in waiting))] + [
        one for one in found if one not in waiting
    ]


def remembered(
    spells: Mapping[str, Spell], troubles: Iterable[Trouble], teller: str, now: datetime
) -> dict[str, Spell]:
    """The spells as they stand after a look; those of other tellers are theirs."""
    spells = {part: _not_ahead(spell, now) for part, spell in spells.items()}
    present = {one.part: one for one in troubles}
    theirs = {part: spell for part, spell in spells.items() if spell.teller != teller}
    mine = {part: spell for part, spell in spells.items() if spell.teller == teller}
    kept = {part: _aged(spell, present.get(part), now) for part, spell in mine.items()}
    fresh = {
        part: Spell(part, one.reason[:MOST_REASON], min(one.since, now), one.at_once, teller=teller)
        for part, one in present.items()
        if part not in spells
    }
    return theirs | {part: spell for part, spell in kept.items() if spell is not None} | fresh


def _not_ahead(spell: Spell, now: datetime) -> Spell:
    """Nothing of it is still to come: a clock that ran ahead must not silence it until then."""

    def past(moment: datetime | None) -> datetime | None:
        return min(moment, now) if moment is not None else None

    return replace(
        spell,
        since=min(spell.since, now),
        told_at=past(spell.told_at),
        fine_since=past(spell.fine_since),
        tried_at=past(spell.tried_at),
    )


def _aged(spell: Spell, trouble: Trouble | None, now: datetime) -> Spell | None:
    """None: it passed before anybody was told."""
    if trouble is not None:
        reason, at_once = trouble.reason[:MOST_REASON], spell.at_once or trouble.at_once
        return replace(spell, reason=reason, at_once=at_once, fine_since=None)
    if spell.told_at is None:
        return None
    return replace(spell, fine_since=spell.fine_since or now)


def news(spells: Mapping[str, Spell], teller: str, now: datetime, after: timedelta) -> tuple[News, ...]:
    """What is to be told now.

    Its end has to last as long as its beginning had to: what comes and goes is one spell.
    """
    mine = (spell for spell in spells.values() if spell.teller == teller)
    states = ((spell, _state(spell, now, after)) for spell in mine)
    return tuple(News(one.part, state, one.reason, one.since) for one, state in states if state)


def _state(spell: Spell, now: datetime, after: timedelta) -> State | None:
    if spell.tried_at is not None and now - spell.tried_at < TRIED_AGAIN_AFTER:
        return None
    if spell.fine_since is not None:
        return State.OVER if now - spell.fine_since >= after else None
    if spell.told_at is None:
        return State.BEGIN if spell.at_once or now - spell.since >= after else None
    return State.STILL if now - spell.told_at >= STILL_AFTER else None


def settled(spells: Mapping[str, Spell], said: News, now: datetime, *, heard: bool) -> dict[str, Spell]:
    """The spells after somebody was told; or, where nobody could be, after the attempt."""
    spell = spells[said.part]
    if not heard:
        return {**spells, said.part: replace(spell, tried_at=now)}
    if said.state is State.OVER:
        return {part: one for part, one in spells.items() if part != said.part}
    return {**spells, said.part: replace(spell, told_at=now, tried_at=None)}


def told_already(said: News) -> bool:
    """That a pause begins is told by mail in the transaction that notes it: see `gateway.braking`."""
    return kind_of(said.part) is Kind.PAUSE and said.state is State.BEGIN


def way(part: str, desks: Sequence[str], silent: Collection[str]) -> Way:
    """Which desk's mail tells of it. `silent`: the desks whose mail does not leave.

    Mail that tells of mail that does not work may share its fate: then the command is run besides.
    """
    working = [key for key in desks if key not in silent]
    own, kind = desk_of(part), kind_of(part)
    # Where a canary was lost its desk's mail leaves and does not arrive: another one's first.
    working.sort(key=lambda key: (key == own) if kind is Kind.CANARY else (key != own))
    about_mail = kind in {Kind.SUBMISSION, Kind.PAUSE, Kind.CANARY, Kind.DATABASE}
    return Way(working[0] if working else None, command=about_mail or not working)
