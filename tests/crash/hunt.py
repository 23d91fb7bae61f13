"""Two hundred violent deaths: is the mail still whole, and does anybody hear anything twice?"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from city import City, tables
from servers.dovecot import Dovecot
from servers.postgres import Postgres
from sqlalchemy import func, select

from crash import books
from crash.mailbag import Delivery, Kind, bag
from crash.prey import Life
from crash.sink import CarelessSink
from mailgate.store import outbox as sending
from mailgate.store.database import Store, version
from mailgate.store.schema import mail, outbox

BROKEN_OFF = 0.15
"""Share of the outgoing mails whose connection the sink drops."""
NOTICED_AFTER = 0.5
"""Seconds for which Dovecot holds back the news that a mail came in."""
AFTER_ALL_RETRIES = timedelta(hours=12)
SOON = 0.02
"""Seconds: about as long as one mail takes."""
PLENTY = 100_000


@dataclass(slots=True)
class Tempo:
    """How long a life takes, in seconds from its start; learnt from lives."""

    work_begins: float = 1.0
    work_lasts: float = 0.2

    def learn(self, life: Life) -> None:
        if found := life.work():
            self.work_begins += 0.2 * (found[0] - self.work_begins)


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

    @property
    def place(self) -> str:
        """Where a process that dies now is hit."""
        names = ("in_data", "claimed", "kept", "unacknowledged", "sendable", "waiting")
        return next((name for name in names if getattr(self, name)), "idle")


@dataclass(slots=True)
class Hunt:
    """One run of the test."""

    city: City
    sink: CarelessSink
    store: Store
    chance: random.Random
    mails: deque[Delivery]
    kills: int
    tempo: Tempo = field(default_factory=Tempo)
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
        while self.done < self.kills // 10:  # so that some die while they make the database
            self._one_life()
        self._rehearse()
        while self.done < self.kills:
            self._one_life()
        self._let_finish()

    # lives

    def _rehearse(self) -> None:
        """One undisturbed pass, to learn how long it takes."""
        self._bring(3)
        life = self._life("run", "--once")
        life.begin()
        life.wait()
        begins, ends = life.work() or (self.tempo.work_begins, self.tempo.work_begins)
        self.tempo = Tempo(begins, max(ends - begins, 0.1))

    def _one_life(self) -> None:
        daemon = self.chance.random() < 0.5
        life = self._life(*(["run"] if daemon else ["run", "--once"]))
        before = self._standing()
        if before.place == "idle" and self.chance.random() < 0.8:
            self._retry()
            before = self._standing()
        arrivals = self._arrivals(before)
        early = sum(self.chance.random() < 0.7 for _ in range(arrivals))
        self._bring(early)
        life.begin()
        self._die(life, arrivals - early, daemon=daemon)
        killed = life.kill()
        self.workers += life.workers
        self.orphans += life.left_behind()
        self.tempo.learn(life)
        if killed:
            self._note(before, self._standing())
        else:
            self.ended_first += 1

    def _arrivals(self, standing: Standing) -> int:
        """So that all have come by the end, and hardly a life is without work."""
        share = len(self.mails) / max(self.kills - self.done, 1)
        pending = standing.place != "idle"
        count = int(share * self.chance.uniform(0, 1 if pending else 2) + self.chance.random())
        return count if pending or self.chance.random() < 0.1 else max(count, 1)

    def _die(self, life: Life, late: int, *, daemon: bool) -> None:
        """At a random moment; or a moment after a random line of its log, to hit each step of its work."""
        begins, lasts = self.tempo.work_begins, self.tempo.work_lasts
        lot = self.chance.random()
        if lot < 0.08:
            dies_at = self.chance.uniform(0, begins)
        elif lot < 0.35:
            dies_at = self.chance.uniform(begins - 0.1, begins + lasts)
        else:
            dies_at = begins + lasts + (NOTICED_AFTER + self.chance.uniform(0, 2 * lasts) if daemon else 0)
        if late:
            life.sleep_until(self.chance.uniform(0, max(dies_at - NOTICED_AFTER, 0)))
            self._bring(late)
        if lot >= 0.45:
            life.sleep_until_line(1 if self.chance.random() < 0.6 else 2, dies_at)
            time.sleep(self.chance.uniform(0, SOON))
        else:
            life.sleep_until(dies_at)

    def _note(self, before: Standing, after: Standing) -> None:
        self.done += 1
        self.answers_lost += after.in_data
        if after.place != "idle" and after != before:
            self.in_work += 1
            self.places[after.place] += 1
        else:
            self.places["idle" if after.place == "idle" else "starting"] += 1
        if sys.stderr.isatty():
            print(f"\r{self.done}/{self.kills} kills", end="", file=sys.stderr)

    def _life(self, *arguments: str) -> Life:
        return Life(self.city.settings_file, self.city.base / f"log{self.done:03}", arguments)

    def _let_finish(self) -> None:
        """Everything comes in, the sink behaves, and time passes."""
        self.sink.share = 0
        later = (datetime.now(UTC) + AFTER_ALL_RETRIES).isoformat()
        for now in ([], [], [], ["--now", later]):  # what cites a mail can come in only after that was sent
            self._retry()
            self._bring(len(self.mails))
            life = self._life("run", "--once", *now)
            life.begin()
            if code := life.wait():
                raise RuntimeError(f"the last pass ended with {code}:\n{life.log.read_text()}")
            self.orphans += life.left_behind()

    # mails

    def _bring(self, count: int) -> None:
        """Put the next mails into their mailboxes; what cites a mail that is not sent yet waits."""
        arrived = books.arrived(self.sink.mails()) if count else []
        waiting: list[Delivery] = []
        while count and self.mails:
            one = self.mails.popleft()
            cited = _cited(one, arrived)
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
        waiting = sum(len(books.deliveries_in(self.city, desk, "INBOX")) for desk in self.city.users)
        if not version(self.store):
            return Standing(waiting, 0, 0, 0, 0, 0, 0)
        now = datetime.now(UTC)
        is_claimed = outbox.c.state == sending.SENDING
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
            )


def _cited(one: Delivery, arrived: list[books.Arrived]) -> str | None:
    """The Message-ID that a mail answers; None while that was not sent."""
    if one.about is None or one.kind in {Kind.COPY, Kind.DUPLICATE}:
        return ""
    acknowledgement = next(
        (
            mail.message_id
            for mail in arrived
            if (mail.answers, mail.recipient) == (one.about.message_id, one.about.author)
        ),
        None,
    )
    match one.kind:
        case Kind.ANSWER:
            return next((m.message_id for m in arrived if _tells_of(m, one.about, one.author)), None)
        case Kind.REPORT:
            return acknowledgement
        case _:
            return acknowledgement or one.about.message_id


def _tells_of(mail: books.Arrived, complaint: Delivery, staff: str) -> bool:
    return mail.recipient == staff and complaint.words in mail.text


# --- one run, from nothing to the verdict -----------------------------------------------------------------


def hunt(base: Path, dovecot: Dovecot, database: str, kills: int, mails: int, seed: int) -> dict[str, Any]:
    """Kill, let finish, account for everything; the figures, and what is wrong by name."""
    began = time.monotonic()
    settings = tables(base, database)
    settings["limits"] = {
        "acks_per_sender_per_hour": PLENTY,
        "notices_per_sender_per_hour": PLENTY,
        "automatic_per_desk_per_hour": PLENTY,
        "same_subject_per_hour": PLENTY,
    }
    users = {"kominfo": dovecot.new_user(), "lpse": dovecot.new_user()}
    with CarelessSink(base / "sink", seed, BROKEN_OFF) as sink, _opened(database) as store:
        city = City(base, settings, dovecot, sink, users)
        run = Hunt(city, sink, store, random.Random(seed), deque(bag(mails, seed)), kills)
        run.run()
        sent = books.arrived(sink.mails())
        wrong = books.faults(city, store, run.brought, sent)
        figures = _figures(run, sent) | {name: len(found) for name, found in wrong.items()}
    return figures | {
        "database": store.url.get_backend_name(),
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "faults": {name: found for name, found in wrong.items() if found},
    }


def _figures(run: Hunt, sent: list[books.Arrived]) -> dict[str, Any]:
    repeats = len(sent) - len({one.message_id for one in sent})
    explained = run.answers_lost + run.sink.drops["after it counted"]
    return {
        "kills": run.done,
        "kills_in_work": run.in_work,
        "killed_at": dict(run.places.most_common()),
        "ended_first": run.ended_first,
        "mails": len(run.brought),
        "kinds": dict(Counter(one.kind.value for one in run.brought).most_common()),
        "mails_out": len(sent),
        "connections_dropped": run.sink.drops,
        "answers_lost_with_a_process": run.answers_lost,
        "repeats_same_id": repeats,
        "repeats_unexplained": max(0, repeats - explained),
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
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--mails", type=int, default=100)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=None, help="none: another one each time")
    options = parser.parse_args()
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    base = Path(tempfile.mkdtemp(prefix="mailgate-crash-"))
    with ExitStack() as servers:
        dovecot = servers.enter_context(Dovecot())
        database = f"sqlite:///{base / 'mailgate.db'}"
        if options.database == "postgresql":
            database = servers.enter_context(Postgres()).url("crash")
        result = hunt(base, dovecot, database, options.kills, options.mails, seed)
    print(json.dumps(result, default=str))
    if is_whole(result):
        return 0
    print(f"logs and database: {base}", file=sys.stderr)
    return 1
