"""Until time is up: mails, orders of staff, servers. What surprises mailgate is kept to be played again."""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given

from fuzz import wires
from fuzz.letters import Session, Step, orders, session
from fuzz.play import play

SAID_EVERY = 10.0
"""Seconds between two lines of progress."""
A_ROUND = 10
"""Sessions that hypothesis draws at a time."""
MOST_KEPT = 20
"""Findings; after so many somebody should look."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that should not be, and all that is needed to see it again."""

    kind: str
    wrong: list[str]
    seed: int = 0
    """Of the talk with a damaged server."""
    session: Session = ()

    def text(self) -> str:
        steps = [asdict(step) | {"raw": step.raw.decode("latin-1")} for step in self.session]
        return json.dumps(asdict(self) | {"session": steps}, indent=1)


def finding(text: str) -> Finding:
    """Of its text."""
    facts: dict[str, Any] = json.loads(text)
    steps = [Step(**(step | {"raw": step["raw"].encode("latin-1")})) for step in facts.pop("session")]
    return Finding(**facts, session=tuple(steps))


def replay(one: Finding) -> list[str]:
    """What is wrong today."""
    return TALKS[one.kind](one.seed) if one.kind in TALKS else play(one.session)


# --- the kinds --------------------------------------------------------------------------------------------

Played = tuple[int, Finding | None]
"""How many cases that were, and the first that went wrong."""
TALKS: dict[str, Callable[[int], list[str]]] = {"imap": wires.talk_imap, "smtp": wires.talk_smtp}


def _mails(seed: int) -> Played:
    found = session(random.Random(seed))
    wrong = play(found)
    return 1, Finding("mails", wrong, session=_shortened(found)) if wrong else None


def _shortened(found: Session) -> Session:
    """Without the mails that it does not need to go wrong."""
    for step in found:
        shorter = tuple(one for one in found if one is not step)
        if play(shorter):
            found = shorter
    return found


def _orders(seed: int) -> Played:
    """A round of sessions from the grammar; hypothesis shortens what goes wrong."""
    played, last = 0, list[Finding]()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=A_ROUND,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
    )
    @given(orders())
    def are_answered(found: Session) -> None:
        nonlocal played
        played += 1
        if wrong := play(found):
            last[:] = [Finding("orders", wrong, session=found)]
            raise AssertionError(wrong)

    try:
        are_answered()
    except AssertionError:
        return played, last[0]
    return played, None


def _talk(kind: str) -> Callable[[int], Played]:
    def played(seed: int) -> Played:
        wrong = TALKS[kind](seed)
        return 1, Finding(kind, wrong, seed) if wrong else None

    return played


KINDS: dict[str, tuple[float, Callable[[int], Played]]] = {
    "mails": (0.5, _mails),
    "orders": (0.3, _orders),
    "imap": (0.1, _talk("imap")),
    "smtp": (0.1, _talk("smtp")),
}
"""Shares of the time."""


# --- the course -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Course:
    """One run."""

    folder: Path
    """Where findings are kept."""
    played: Counter[str] = field(default_factory=Counter)
    kept: dict[str, Path] = field(default_factory=dict)
    """By what is wrong."""
    _spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))

    def run(self, seconds: float, seed: int) -> None:
        """Each kind has had something to do at the end, however short it is."""
        began = said_at = time.monotonic()
        while (now := time.monotonic()) - began < seconds or len(self.played) < len(KINDS):
            kind = min(KINDS, key=lambda one: self._spent[one] / KINDS[one][0])
            count, found = KINDS[kind][1](seed + self.played[kind])
            self._spent[kind] += time.monotonic() - now
            self.played[kind] += count
            if found is not None and not self._keep(found):
                return
            if now - said_at > SAID_EVERY:
                said_at = now
                print(f"{now - began:.0f} s: {dict(self.played)}, {len(self.kept)} findings", file=sys.stderr)

    def _keep(self, found: Finding) -> bool:
        """Whether to go on: the same thing is kept once."""
        name = "".join(one for one in found.wrong[0] if not one.isdigit())[:60]
        if name not in self.kept:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{found.kind}-{len(self.kept)}.json"
            path.write_text(found.text())
            self.kept[name] = path
            print(f"{path}: {found.wrong[0][:300]}", file=sys.stderr)
        return len(self.kept) < MOST_KEPT


def folder_for(seed: int) -> Path:
    """Outside of what pytest clears away: a finding by chance may never come again."""
    return Path(tempfile.gettempdir()) / f"mailgate-fuzz-{seed}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Surprise mailgate with damaged mails, orders and servers.")
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--seed", type=int, default=None, help="none: another one each time")
    parser.add_argument("--replay", type=Path, default=None, metavar="FILE", help="play one finding again")
    options = parser.parse_args()
    if options.replay is not None:
        wrong = replay(finding(options.replay.read_text()))
        print("\n".join(wrong) or "nothing is wrong any more")
        return 1 if wrong else 0
    seed = random.randrange(2**32) if options.seed is None else options.seed
    course = Course(folder_for(seed))
    course.run(options.seconds, seed)
    findings = [str(path) for path in course.kept.values()]
    print(json.dumps({"seed": seed, "played": dict(course.played), "findings": findings}), flush=True)
    return 1 if findings else 0
