"""A day in minutes: is every mail accounted for, and does the daemon need no more at its end?"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from city import City, furnish, tables
from imapclient import IMAPClient
from servers import private
from servers.dovecot import Dovecot
from servers.postgres import Postgres
from servers.sink import Received, Sink
from sqlalchemy import func, select

from mailgate.store import outbox as sending
from mailgate.store.database import Store
from mailgate.store.schema import mail, outbox
from soak.daemon import clock
from soak.gauges import Reading, look, verdict
from soak.post import DESKS, Kind, Post

A_DAY = 24 * 3600.0
LOOKS = 200
"""At the gauges, in all …"""
LEAST_LOOKS = 20
"""… and at the least, on a machine that stood still for a while."""
MESSAGE_MIB = 1
"""What is larger is oversize: small, so that the harness need not push 30 MB again and again."""
STARTS_WITHIN = 60.0
"""Seconds, until it runs and until its first mails are done: on a machine that others use as well."""
LEFT_ALONE = 120.0
"""Seconds after the last mail until everything must be done."""
FOLDERS = ("INBOX", "Mailgate/Diproses", "Mailgate/Disisihkan")
MOST_GROWTH = 0.05


@dataclass(slots=True)
class Day:
    """One run."""

    city: City
    seconds: float
    per_second: float
    chance: random.Random
    kinds: Counter[Kind] = field(default_factory=Counter)
    readings: list[Reading] = field(default_factory=list)

    def play(self, process: "subprocess.Popen[bytes]", started: float, sink: "Listening") -> None:
        """Bring mail in at an even pace, and look at the gauges."""
        now, post = clock(A_DAY / self.seconds, started), Post(self.chance, (MESSAGE_MIB << 20) + 1000)
        with ExitStack() as stack:
            clients = {
                key: stack.enter_context(self.city.dovecot.session(self.city.users[key])) for key in DESKS
            }

            def bring(desk: str) -> None:
                kind, raw = post.next(desk, now())
                clients[desk].append("INBOX", raw, msg_time=now())
                self.kinds[kind] += 1

            for desk in DESKS:  # each has its reading worker before anything is measured
                bring(desk)
            self._wait_until_done()
            began = time.time()
            while (age := time.time() - began) < self.seconds or len(self.readings) < LEAST_LOOKS:
                while post.written < age * self.per_second:
                    post.hear(sink.news())
                    bring(self.chance.choice(["kominfo", "kominfo", "lpse"]))
                self._look(process, age)
                time.sleep(max(0.0, 1 / self.per_second - (time.time() - began - age)))

    def _wait_until_done(self) -> None:
        until = time.monotonic() + STARTS_WITHIN
        while self.waiting():
            if time.monotonic() > until:
                raise RuntimeError(f"its first mails are not done within {STARTS_WITHIN:g} s")
            time.sleep(0.02)

    def _look(self, process: "subprocess.Popen[bytes]", age: float) -> None:
        if process.poll() is not None:
            raise RuntimeError(f"the daemon ended with {process.returncode}")
        if age < len(self.readings) * self.seconds / LOOKS:
            return
        ports = {"imap": self.city.dovecot.port, "smtp": self.city.sink.port}
        database = self.city.base / "mailgate.db"
        self.readings.append(look(process.pid, age, ports, database, self.waiting()))
        if len(self.readings) % 10 == 0:
            one = self.readings[-1]
            print(
                f"{age:.0f} s: {self.kinds.total()} mails, backlog {one.backlog}, "
                f"{one.main_kib // 1024} + {one.workers_kib // 1024} MiB, {one.descriptors} descriptors, "
                f"{one.imap} + {one.smtp} connections",
                file=sys.stderr,
            )  # fmt: skip

    def waiting(self) -> int:
        return sum(self.city.dovecot.waiting(user) for user in self.city.users.values())


class Listening(Sink):
    """A sink that hands out each mail once, and forgets it then."""

    heard = 0

    def news(self) -> list[Received]:
        found = self.received
        self.heard += len(found)
        with self._changed:
            del self._received[: len(found)]
        return found


def soak(
    base: Path, dovecot: Dovecot, database: str, seconds: float, per_second: float, seed: int
) -> dict[str, Any]:
    """Everything measured; `is_flat` judges it."""
    settings = tables(base, database)
    furnish(settings["desks"])
    settings["limits"] = {"message_mib": MESSAGE_MIB}
    settings["service"]["metrics"] = f"127.0.0.1:{private.free_port()}"
    users = {key: dovecot.new_user() for key in DESKS}
    with Listening() as sink:
        city = City(base, settings, dovecot, sink, users)
        day = Day(city, seconds, per_second, random.Random(seed))
        log, started = base / "log", time.time()
        process = _start(city, A_DAY / seconds, started, log)
        try:
            _wait_until_it_runs(process, log)
            day.play(process, started, sink)
            done_in = _let_finish(day, database, process)
        finally:
            process.terminate()
            status = process.wait(60)
        sink.news()
        return {
            "seconds": round(time.time() - started),
            "mails_out": sink.heard,
            "kinds": dict(day.kinds.most_common()),
            "finished_after": done_in,
            "exit_status": status,
            "unexpected": log.read_text().count(" unexpected"),
            **_accounts(day, database),
            **verdict(day.readings),
        }


def _start(city: City, speed: float, started: float, log: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "soak.daemon", str(city.settings_file), str(speed), str(started)]
    paths = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with log.open("wb") as errors:
        return subprocess.Popen(private.guarded(command), stderr=errors, env=environment)


def _wait_until_it_runs(process: "subprocess.Popen[bytes]", log: Path) -> None:
    private.wait_until_up(process, lambda: b" running: " in log.read_bytes(), log.read_text, STARTS_WITHIN)


def _let_finish(day: Day, database: str, process: "subprocess.Popen[bytes]") -> float | None:
    """Seconds after the last mail until nothing was left to do; None when that never came."""
    began = time.monotonic()
    while time.monotonic() - began < LEFT_ALONE and process.poll() is None:
        if not day.waiting() and not any(_left(database).values()):
            return round(time.monotonic() - began, 1)
        time.sleep(0.2)
    return None


def _left(database: str) -> dict[str, int]:
    store = Store(database)
    try:
        with store.reading() as look_in:
            kept = look_in.scalar(select(func.count()).where(mail.c.state == "kept")) or 0
            unsent = select(func.count()).where(outbox.c.state.not_in([sending.SENT, sending.FAILED]))
            return {"undecided": kept, "unsent": look_in.scalar(unsent) or 0}
    finally:
        store.close()


def _accounts(day: Day, database: str) -> dict[str, Any]:
    """Mails in beside the rows of the store and the mails in the folders: all the same when none is lost."""
    store = Store(database)
    try:
        with store.reading() as look_in:
            states = look_in.execute(select(mail.c.state, func.count()).group_by(mail.c.state)).all()
            crashes = select(func.count()).where(mail.c.reason.like("deciding failed%"))
            failed = look_in.scalar(crashes) or 0
    finally:
        store.close()
    rows = {state: count for state, count in states}  # noqa: C416 - dict() knows no Row
    folders: Counter[str] = Counter()
    for user in day.city.users.values():
        with day.city.dovecot.session(user) as client:
            for name in FOLDERS:
                folders[name] += _count(client, name)
    return {
        "mails": day.kinds.total(),
        "rows": rows,
        "lost": day.kinds.total() - sum(rows.values()),
        "folders": dict(folders),
        "astray": day.kinds.total() - folders.total() + folders["INBOX"],
        "deciding_failed": failed,
        **_left(database),
    }


def _count(client: IMAPClient, folder: str) -> int:
    return int(client.folder_status(folder, ["MESSAGES"])[b"MESSAGES"]) if client.folder_exists(folder) else 0


MUST_BE_ZERO = ("lost", "astray", "undecided", "unsent", "deciding_failed", "unexpected", "exit_status")


def is_accounted(result: dict[str, Any]) -> bool:
    """Whether every mail is where it belongs."""
    return result["finished_after"] is not None and not any(result[name] for name in MUST_BE_ZERO)


def left_open(result: dict[str, Any]) -> int:
    """Descriptors and connections that the last fifth of the time had more than the second."""
    return max(result[name][1] - result[name][0] for name in ("descriptors", "connections"))


def is_flat(result: dict[str, Any]) -> bool:
    """Whether it needs no more at the end, but for a little memory."""
    return is_accounted(result) and left_open(result) <= 0 and result["memory_growth"] <= MOST_GROWTH


def main() -> int:
    parser = argparse.ArgumentParser(description="A day of mixed mail in a few minutes, and what it costs.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--per-second", type=float, default=5)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=None, help="none: another one each time")
    parser.add_argument("--readings", type=Path, default=None, help="write every look at the gauges here")
    options = parser.parse_args()
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    base = Path(tempfile.mkdtemp(prefix="mailgate-soak-"))
    with ExitStack() as servers:
        dovecot = servers.enter_context(Dovecot())
        database = f"sqlite:///{base / 'mailgate.db'}"
        if options.database == "postgresql":
            database = servers.enter_context(Postgres()).url("soak")
        result = soak(base, dovecot, database, options.seconds, options.per_second, seed)
    print(json.dumps(result | {"database_kind": options.database, "seed": seed}, default=str), flush=True)
    if is_flat(result):
        shutil.rmtree(base)
        return 0
    print(f"log and database: {base}", file=sys.stderr)
    return 1
