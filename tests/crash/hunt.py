"""A thousand violent deaths: is the mail still whole, and does anybody hear anything twice?"""

import argparse
import json
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from city import City, tables
from servers.dovecot import Dovecot
from servers.postgres import Postgres
from sqlalchemy import and_, func, or_, select

from crash import books
from crash.mailbag import OF_STAFF, Delivery, Kind, bag
from crash.nursery import Nursery
from crash.prey import Life
from crash.sink import CarelessSink
from mailgate.store import outbox as sending
from mailgate.store.database import Store, version
from mailgate.store.schema import mail, outbox

BROKEN_OFF = 0.15
"""Share of the outgoing mails whose connection the sink drops."""
AS_A_COMMAND = 0.05
"""Share of the lives that begin as a shell begins them; the others are forked off a nursery."""
WITHOUT_DOVECOT = 0.05
"""Share of the lives in which Dovecot is killed …"""
WITHOUT_SINK = 0.03
"""… and in which nobody listens at the submission port."""
SAID_EVERY = 5.0
"""Seconds between two lines of progress."""
NOTICED_AFTER = 0.5
"""Seconds for which Dovecot holds back the news that a mail came in."""
LONGEST_WORK = 0.5
"""Seconds: a rehearsal that has much to catch up with is no measure for a life with two mails."""
AFTER_ALL_RETRIES = timedelta(hours=12)
SOON = 0.02
"""Seconds: about as long as one mail takes."""
PLENTY = 100_000
BRAKES = (
    "acks_per_sender_per_hour", "acks_per_sender_per_day", "notices_per_sender_per_hour",
    "automatic_per_domain_per_hour", "automatic_per_desk_per_hour", "automatic_per_ticket_per_hour",
    "same_subject_per_hour", "flood_mails_per_minute",
)  # fmt: skip
"""A storm of mail is wanted here."""
HALF_DONE = ("in_data", "claimed", "unacknowledged")
"""Where only a process at work leaves things."""
DATABASES = ("sqlite", "postgresql")


@dataclass(slots=True)
class Tempo:
    """How long a life takes, in seconds from its start; learnt from lives."""

    work_begins: float = 1.0
    work_lasts: float = 0.2

    def learn(self, life: Life, *, too_short: bool) -> None:
        """`too_short`: it died at that age or later, and had not begun with the mail that was there."""
        if found := life.work():
            self.work_begins += 0.2 * (found[0] - self.work_begins)
        elif too_short:
            self.work_begins *= 1.1


@dataclass(slots=True)
class Standing:
    """What is under way, seen from outside."""

    waiting: int
    """In an INBOX."""
    kept: int
    unacknowledged: int
    sendable: int
    claimed: int
    in_data: int
    settled: int
    """Decided mails and sent mails: it only grows."""
    doubted: frozenset[str] = frozenset()
    """Message-IDs that were possibly sent: nobody heard the answer."""

    @property
    def place(self) -> str:
        """Where a process that dies now is hit."""
        names = ("in_data", "claimed", "kept", "unacknowledged", "sendable", "waiting")
        return next((name for name in names if getattr(self, name)), "idle")


@dataclass(slots=True)
class Heard:
    """What the world got so far, found by what a mail may answer."""

    sink: CarelessSink
    mails: list[books.Arrived] = field(default_factory=list)
    _acknowledged: dict[tuple[str, str], str] = field(default_factory=dict)
    _told: dict[tuple[str, str], str] = field(default_factory=dict)

    def listen(self) -> None:
        for one in books.arrived(self.sink.mails(len(self.mails))):
            self.mails.append(one)
            self._acknowledged.setdefault((one.answers, one.recipient), one.message_id)
            for words in re.findall(r"Uraian \d+ dari kami\.", one.text):
                self._told.setdefault((words, one.recipient), one.message_id)

    def cited(self, one: Delivery) -> str | None:
        """The Message-ID that a mail answers; None while that was not sent."""
        if one.about is None or one.kind in {Kind.COPY, Kind.DUPLICATE}:
            return ""
        if one.kind in OF_STAFF:
            return self._told.get((one.about.words, one.author))
        acknowledgement = self._acknowledged.get((one.about.message_id, one.about.author))
        return acknowledgement or (None if one.kind is Kind.REPORT else one.about.message_id)


@dataclass(slots=True)
class Hunt:
    """One run of the test."""

    city: City
    sink: CarelessSink
    store: Store
    chance: random.Random
    mails: deque[Delivery]
    kills: int
    heard: Heard
    nursery: Nursery | None
    """None: every life is started as a shell starts it."""
    tempos: dict[bool, Tempo] = field(default_factory=lambda: {True: Tempo(0.5), False: Tempo(1.5)})
    """Of forked lives and of those from a shell."""
    doubted: set[str] = field(default_factory=set)
    dovecot_killed: int = 0
    sink_stopped: int = 0
    as_command: int = 0
    said_at: float = 0.0
    done: int = 0
    brought: list[Delivery] = field(default_factory=list)
    places: Counter[str] = field(default_factory=Counter)
    in_work: int = 0
    answers_lost: int = 0
    """Mails whose answer to DATA died with a process."""
    ended_first: int = 0
    workers: int = 0
    """Processes that had to leave because the one that started them was killed."""
    orphans: int = 0

    def run(self) -> None:
        while self.done < min(self.kills // 10, 10):  # so that some die while they make the database
            self._one_life()
        self._rehearse()
        while self.done < self.kills:
            self._one_life()
        self._let_finish()

    # lives

    def _rehearse(self) -> None:
        """One undisturbed pass of each kind, to learn how long it takes."""
        for forked in (True, False):
            self._bring(3)
            life = self._life("run", "--once", forked=forked)
            life.begin()
            life.wait()
            begins, ends = life.work() or (self.tempos[forked].work_begins,) * 2
            self.tempos[forked] = Tempo(begins, min(max(ends - begins, 0.1), LONGEST_WORK))

    def _one_life(self) -> None:
        daemon, forked = self.chance.random() < 0.5, self.chance.random() >= AS_A_COMMAND
        life = self._life(*(["run"] if daemon else ["run", "--once"]), forked=forked)
        before = self._standing()
        if self.chance.random() < (0.8 if before.place == "idle" else 0.2):
            self._retry()
            before = self._standing()
        arrivals = self._arrivals(before)
        early = sum(self.chance.random() < 0.7 for _ in range(arrivals))
        self._bring(early)
        life.begin()
        dies_at = self._dies_at(self.tempos[forked], late=arrivals > early, daemon=daemon)
        self._disturb(life, dies_at)
        self._die(life, arrivals - early, dies_at)
        killed = life.kill()
        self.as_command += not forked
        self.workers += life.workers
        self.orphans += life.left_behind()
        self._restore()
        after = self._standing()
        had_work = before.place != "idle" or arrivals > 0
        self.tempos[forked].learn(life, too_short=had_work and dies_at > self.tempos[forked].work_begins)
        self.doubted |= after.doubted
        if killed:
            self._note(after, worked=life.work() is not None)
        else:
            self.ended_first += 1

    def _arrivals(self, standing: Standing) -> int:
        """So that all have come by the end, and hardly a life is without work."""
        share = len(self.mails) / max(self.kills - self.done, 1)
        pending = standing.place != "idle"
        count = int(share * self.chance.uniform(0, 1 if pending else 2) + self.chance.random())
        return count if pending or self.chance.random() < 0.1 else max(count, 1)

    def _dies_at(self, tempo: Tempo, *, late: bool, daemon: bool) -> float:
        """A random age; most of them while it works, or a little later."""
        begins, lasts = tempo.work_begins, tempo.work_lasts
        lot = self.chance.random()
        if lot < 0.08:
            return self.chance.uniform(0, begins)
        if lot < 0.35:
            return self.chance.uniform(begins - 0.1, begins + lasts)
        return begins + lasts + (NOTICED_AFTER if late and daemon else 0) + self.chance.uniform(0, 2 * lasts)

    def _disturb(self, life: Life, dies_at: float) -> None:
        """Kill Dovecot, or let nobody listen at the submission port, at some moment of this life."""
        lot = self.chance.random()
        if lot >= WITHOUT_DOVECOT + WITHOUT_SINK:
            return
        life.sleep_until(self.chance.uniform(0, dies_at))
        if lot < WITHOUT_SINK:
            self.sink.stop()
            self.sink_stopped += 1
        else:
            self.city.dovecot.kill()
            self.dovecot_killed += 1
            if self.chance.random() < 0.5:
                self.city.dovecot.start()

    def _restore(self) -> None:
        if not self.city.dovecot.is_running:
            self.city.dovecot.start()
        if not self.sink.is_listening:
            self.sink.start()

    def _die(self, life: Life, late: int, dies_at: float) -> None:
        """At that age; or a moment after a random line of its log, to hit each step of its work."""
        if late and self.city.dovecot.is_running:
            life.sleep_until(self.chance.uniform(0, max(dies_at - NOTICED_AFTER, 0)))
            self._bring(late)
        if self.chance.random() < 0.55:
            life.sleep_until_line(1 if self.chance.random() < 0.6 else 2, dies_at)
            time.sleep(self.chance.uniform(0, SOON))
        else:
            life.sleep_until(dies_at)

    def _note(self, after: Standing, *, worked: bool) -> None:
        self.done += 1
        self.answers_lost += after.in_data
        hit = worked or after.place in HALF_DONE
        place = after.place if hit or after.place == "idle" else "starting"
        self.in_work += hit and place != "idle"
        self.places[place] += 1
        self._say()

    def _say(self) -> None:
        if time.monotonic() - self.said_at > SAID_EVERY:
            self.said_at = time.monotonic()
            there = f"{self.done}/{self.kills} kills ({self.in_work} at work), {len(self.brought)} mails in"
            print(
                f"{self.store.url.get_backend_name()}: {there}, {len(self.heard.mails)} out", file=sys.stderr
            )

    def _life(self, *arguments: str, forked: bool) -> Life:
        nursery = self.nursery if forked else None
        return Life(self.city.settings_file, self.city.base / f"log{self.done:04}", arguments, nursery)

    def _let_finish(self) -> None:
        """Everything comes in, the sink behaves, and time passes."""
        self.sink.share = 0
        later = (datetime.now(UTC) + AFTER_ALL_RETRIES).isoformat()
        for now in ([], [], [], ["--now", later]):  # what cites a mail can come in only after that was sent
            self._retry()
            self._bring(len(self.mails))
            life = self._life("run", "--once", *now, forked=False)
            life.begin()
            if code := life.wait():
                raise RuntimeError(f"the last pass ended with {code}:\n{life.log.read_text()}")
            self.orphans += life.left_behind()
        self.heard.listen()

    # mails

    def _bring(self, count: int) -> None:
        """Put the next mails into their mailboxes; what cites a mail that is not sent yet waits."""
        self.heard.listen()
        waiting: list[Delivery] = []
        while count and self.mails:
            one = self.mails.popleft()
            cited = self.heard.cited(one)
            if cited is None:
                waiting.append(one)
                continue
            self.city.dovecot.append(self.city.users[one.desk], one.raw(cited))
            self.brought.append(one)
            count -= 1
        self.mails.extend(waiting)

    def _retry(self) -> None:
        """As an admin does: `outbox retry --all`; else what is uncertain would wait for the end."""
        if version(self.store):
            with self.store.writing() as write:
                sending.retry(write, None, datetime.now(UTC))

    def _standing(self) -> Standing:
        waiting = sum(self.city.dovecot.waiting(user) for user in self.city.users.values())
        if not version(self.store):
            return Standing(waiting, 0, 0, 0, 0, 0, 0)
        now = datetime.now(UTC)
        is_claimed = outbox.c.state == sending.SENDING
        in_doubt = or_(outbox.c.in_doubt, and_(is_claimed, outbox.c.data_at.is_not(None)))
        with self.store.reading() as look:

            def count(*where: Any) -> int:
                return look.scalar(select(func.count()).where(*where)) or 0

            return Standing(
                waiting,
                kept=count(mail.c.state == "kept"),
                unacknowledged=count(mail.c.state != "kept", mail.c.acknowledged_at.is_(None)),
                sendable=count(outbox.c.state.in_(sending.CLAIMABLE), outbox.c.next_at <= now),
                claimed=count(is_claimed, outbox.c.data_at.is_(None)),
                in_data=count(is_claimed, outbox.c.data_at.is_not(None)),
                settled=count(mail.c.decided_at.is_not(None)) + count(outbox.c.sent_at.is_not(None)),
                doubted=frozenset(look.scalars(select(outbox.c.message_id).where(in_doubt))),
            )


# --- one run, from nothing to the verdict -----------------------------------------------------------------


@contextmanager
def hunting_ground(
    base: Path, dovecot: Dovecot, database: str, seed: int
) -> Iterator[tuple[City, CarelessSink, Store]]:
    """A city whose brakes hold nothing back, a sink that fails at random, and the city's store."""
    settings = tables(base, database)
    settings["limits"] = dict.fromkeys(BRAKES, PLENTY)
    users = {"kominfo": dovecot.new_user(), "lpse": dovecot.new_user()}
    with CarelessSink(base / "sink", seed, BROKEN_OFF) as sink, _opened(database) as store:
        yield City(base, settings, dovecot, sink, users), sink, store


def hunt(base: Path, dovecot: Dovecot, database: str, kills: int, mails: int, seed: int) -> dict[str, Any]:
    """Kill, let finish, account for everything; the figures, and what is wrong by name."""
    began = time.monotonic()
    with hunting_ground(base, dovecot, database, seed) as (city, sink, store):
        with closing(Nursery(city.settings_file)) as nursery:
            chance, delivered = random.Random(seed), deque(bag(mails, seed))
            run = Hunt(city, sink, store, chance, delivered, kills, Heard(sink), nursery)
            run.run()
        wrong = books.faults(city, store, run.brought, run.heard.mails)
        figures = _figures(run) | {name: len(found) for name, found in wrong.items()}
        figures |= books.oddities(city, store, run.brought)
    return figures | {
        "database": store.url.get_backend_name(),
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "faults": {name: found for name, found in wrong.items() if found},
    }


def _figures(run: Hunt) -> dict[str, Any]:
    sent = run.heard.mails
    repeated = Counter(one.message_id.strip("<>") for one in sent)
    repeats = {message_id: count - 1 for message_id, count in repeated.items() if count > 1}
    explained = sum(count for message_id, count in repeats.items() if message_id in run.doubted)
    return {
        "kills": run.done,
        "kills_in_work": run.in_work,
        "killed_at": dict(run.places.most_common()),
        "killed_as_command": run.as_command,
        "ended_first": run.ended_first,
        "dovecot_killed": run.dovecot_killed,
        "sink_stopped": run.sink_stopped,
        "sink_mishaps": dict(run.sink.mishaps.most_common()),
        "mails": len(run.brought),
        "kinds": dict(Counter(one.kind.value for one in run.brought).most_common()),
        "mails_out": len(sent),
        "answers_lost_with_a_process": run.answers_lost,
        "repeats_same_id": sum(repeats.values()),
        "repeats_explained": explained,
        "repeats_unexplained": sum(repeats.values()) - explained,
        "mails_not_brought": len(run.mails),
        "workers": run.workers,
        "orphans": run.orphans,
    }


MUST_BE_ZERO = (
    "lost", "kept_twice", "tickets_twice", "acks_with_two_ids", "answers_wrong", "misplaced",
    "composed_twice", "not_sent", "out_of_order", "repeats_unexplained", "mails_not_brought", "orphans",
)  # fmt: skip


def is_whole(result: dict[str, Any]) -> bool:
    """Whether nothing was lost and nothing done twice; a repeat under the same Message-ID is allowed."""
    return not any(result[name] for name in MUST_BE_ZERO)


@contextmanager
def _opened(database: str) -> Iterator[Store]:
    store = Store(database)
    try:
        yield store
    finally:
        store.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill mailgate at random moments; account for every mail.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    parser.add_argument("--seed", type=int, default=None, help="none: another one each time")
    options = parser.parse_args()
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    wanted = DATABASES if options.database == "both" else (options.database,)
    return max([_hunted(one, options.kills, options.mails, seed) for one in wanted])


def _hunted(kind: str, kills: int, mails: int, seed: int) -> int:
    """Print the result; 1 when something is wrong."""
    base = Path(tempfile.mkdtemp(prefix="mailgate-crash-"))
    with ExitStack() as servers:
        dovecot = servers.enter_context(Dovecot())
        database = f"sqlite:///{base / 'mailgate.db'}"
        if kind == "postgresql":
            database = servers.enter_context(Postgres()).url("crash")
        result = hunt(base, dovecot, database, kills, mails, seed)
    print(json.dumps(result, default=str), flush=True)
    if is_whole(result):
        shutil.rmtree(base)
        return 0
    print(f"logs and database: {base}", file=sys.stderr)
    return 1
