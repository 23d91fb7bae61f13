"""Several instances on one PostgreSQL, killed at random: python tests/crash/several.py --help."""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from servers.dovecot import Dovecot
from servers.postgres import Postgres

from crash import books
from crash.hunt import SOON, Heard, Hunt, _figures, hunting_ground, is_whole
from crash.mailbag import bag
from crash.prey import ABOUT_A_MAIL, Life

LONGEST_WAIT = 20.0
"""Seconds for which somebody at work is looked for; a new one needs some of them to start."""


@dataclass(slots=True)
class Herd(Hunt):
    """So many daemons side by side; each that dies has a successor at once."""

    instances: int = 2
    alive: list[Life] = field(default_factory=list)
    born: int = 0

    def run(self) -> None:
        while len(self.alive) < self.instances:
            self._one_more()
        while self.done < self.kills:
            self._one_death()
        for life in self.alive:  # nobody says goodbye
            self._end(life)
        self._let_finish()

    def _one_more(self) -> None:
        self.born += 1
        life = Life(self.city.settings_file, self.city.base / f"instance{self.born:04}", ["run"])
        life.begin()
        self.alive.append(life)

    def _one_death(self) -> None:
        """Mostly a moment after somebody said something about a mail; else whoever it hits."""
        self._retry()
        before = self._standing()
        self._bring(self._arrivals(before))
        victim = self._speaker() if self.chance.random() < 0.8 else self.chance.choice(self.alive)
        time.sleep(self.chance.uniform(0, SOON))
        killed = self._end(victim)
        after = self._standing()
        self.doubted |= after.doubted
        if killed:
            self._note(after, worked=victim.work() is not None)
        else:
            self.ended_first += 1
        self.alive.remove(victim)
        self._one_more()

    def _speaker(self) -> Life:
        """Who says something about a mail next: it is at work. Whoever it is, when nobody does for long."""
        said = [self._lines(life) for life in self.alive]
        until = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < until:
            for life, before in zip(self.alive, said, strict=True):
                if self._lines(life) > before:
                    return life
            time.sleep(0.005)
        return self.chance.choice(self.alive)

    def _lines(self, life: Life) -> int:
        return life.log.read_bytes().count(ABOUT_A_MAIL.encode())

    def _end(self, life: Life) -> bool:
        killed = life.kill()
        self.workers += life.workers
        self.orphans += life.left_behind()
        return killed


def hunt_several(
    base: Path, dovecot: Dovecot, database: str, instances: int, kills: int, mails: int, seed: int
) -> dict[str, Any]:
    """Kill, let finish, account for everything; the figures, and what is wrong by name."""
    began = time.monotonic()
    with hunting_ground(base, dovecot, database, seed) as (city, sink, store):
        chance, delivered = random.Random(seed), deque(bag(mails, seed))
        run = Herd(city, sink, store, chance, delivered, kills, Heard(sink), None, instances=instances)
        run.run()
        wrong = books.faults(city, store, run.brought, run.heard.mails)
        aside = sum(path.read_text().count("deciding failed") for path in base.glob("instance*"))
        figures = _figures(run) | {name: len(found) for name, found in wrong.items()}
    return figures | {
        "instances": instances,
        "deciding_failed": aside,
        "database": store.url.get_backend_name(),
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "faults": {name: found for name, found in wrong.items() if found},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Several instances, killed at random; every mail counted.")
    parser.add_argument("--instances", type=int, default=4)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--mails", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="none: another one each time")
    options = parser.parse_args()
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    base = Path(tempfile.mkdtemp(prefix="mailgate-several-"))
    with Dovecot() as dovecot, Postgres() as postgres:
        database = postgres.url("several")
        result = hunt_several(base, dovecot, database, options.instances, options.kills, options.mails, seed)
    print(json.dumps(result, default=str))
    if is_whole(result) and not result["deciding_failed"]:
        return 0
    print(f"logs: {base}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
