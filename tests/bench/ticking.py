"""Does a look at the clock cost what is due, and not what is open?

The same thousand tickets are due, once among ten thousand open ones and once among a hundred thousand, each
in a fresh SQLite file and in one run: the ratio of the two ticks says whether the work follows what is due.
A tick that finds nothing due is timed as well, because the daemon makes one every few seconds.
Prints one line of JSON.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select

from mailgate import gateway
from mailgate.gateway import Office
from mailgate.settings import load_holidays, shipped, validate
from mailgate.store import schema
from mailgate.store.database import Store, upgrade

NOW = datetime(2026, 8, 3, 10, 0, tzinfo=ZoneInfo("Asia/Jakarta")).astimezone(UTC)
RECEIVED = NOW - timedelta(hours=2)
AT_ONCE = 5000
ROWS = [
    {"when": "unanswered 2 service hours", "do": ["notify holder", "notify admin"]},
    {"when": "due in 15 service minutes", "do": ["notify holder"]},
    {"when": "overdue 1 service hour", "do": ["notify holder", "notify admin"]},
]


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of one tick."""

    with_due: float
    idle: float
    """The next one, when nothing is due any more."""
    fired: int
    mails: int


def office(base: Path) -> Office:
    """One desk with two people; its servers are never spoken to."""
    (base / "holidays.toml").write_text(shipped("holidays.toml").read_text())
    assert load_holidays(base / "holidays.toml")
    server = {"host": "127.0.0.1", "port": 9, "security": "none", "user": "desk", "password": "env:NONE"}
    people = [
        {"name": f"Admin {n}", "address": f"admin{n}@office.example", "roles": ["admin"]} for n in (1, 2)
    ]
    desk = {
        "name": "Help Desk", "address": "desk@office.example", "prefix": "KOM",
        "message_id_domain": "office.example", "imap": server, "smtp": server | {"user": "", "password": ""},
        "levels": [{"name": "Admin", "role": "admin", "replies": "public"}], "staff": people,
        "escalations": ROWS, "digest": False,
    }  # fmt: skip
    week = {day: ["07:30-16:00"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
    tables = {
        "service": {"database": f"sqlite:///{base / 'mailgate.db'}", "state_dir": str(base), "metrics": "",
                    "timezone": "Asia/Jakarta", "alert_to": ["ops@office.example"]},
        "hours": week | {"saturday": [], "sunday": [], "holidays": "holidays.toml"},
        "limits": {},
        "desks": {"kominfo": desk},
    }  # fmt: skip
    return gateway.office(validate(tables, base), base)


def rows(many: int, due: int) -> Iterator[dict[str, Any]]:
    """Open tickets of many requesters; those that are due lie evenly among the others."""
    every = many // due
    for n in range(1, many + 1):
        is_due = n % every == 0
        yield {
            "number": f"KOM-2026-{n:06}", "desk": "kominfo", "status": "open", "level": 0, "channel": "mail",
            "holder": f"admin{1 + n % 2}@office.example", "subject": f"Gangguan jaringan nomor {n}",
            "requester_name": f"Warga {n}", "requester_address": f"warga{n}@rumah.example",
            "requester_key": f"warga{n}@rumah.example", "priority": 3, "confidential": False,
            "received_at": RECEIVED, "opened_at": RECEIVED, "reopened": 0, "silent": False,
            "due_at": NOW - timedelta(hours=1) if is_due else NOW + timedelta(days=30 + n % 30),
            "first_response_at": None if is_due else RECEIVED,
            "watch_at": NOW if is_due else NOW + timedelta(days=30 + n % 30),
        }  # fmt: skip


def filled(store: Store, many: int, due: int) -> None:
    portion: list[dict[str, Any]] = []
    with store.writing() as write:
        for row in rows(many, due):
            portion.append(row)
            if len(portion) == AT_ONCE:
                write.execute(insert(schema.ticket), portion)
                portion = []
        if portion:
            write.execute(insert(schema.ticket), portion)


def one_round(many: int, due: int) -> Round:
    with tempfile.TemporaryDirectory() as folder:
        city = office(Path(folder))
        store = Store(city.settings.service.database)
        upgrade(store)
        gateway.tick(city, store, lambda: NOW)  # new escalations would have it look at every ticket
        filled(store, many, due)
        began = time.perf_counter()
        gateway.tick(city, store, lambda: NOW)
        acted = time.perf_counter()
        gateway.tick(city, store, lambda: NOW)
        idle = time.perf_counter() - acted
        with store.reading() as look:
            fired = look.scalar(
                select(func.count(schema.event.c.number.distinct())).where(
                    schema.event.c.what == "escalation"
                )
            )
            mails = look.scalar(select(func.count()).select_from(schema.outbox))
        store.close()
    if fired != due:
        raise RuntimeError(f"{fired} of {due} tickets that were due were acted on")
    return Round(acted - began, idle, fired or 0, mails or 0)


def median(rounds: list[Round], name: str) -> float:
    return float(statistics.median(getattr(one, name) for one in rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure one tick over many open tickets.")
    parser.add_argument("--open", type=int, default=100_000)
    parser.add_argument("--fewer", type=int, default=10_000)
    parser.add_argument("--due", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    # They take turns, so that a machine that grows slow meanwhile does it to both.
    pairs = [
        (one_round(options.open, options.due), one_round(options.fewer, options.due))
        for _ in range(options.rounds)
    ]
    many, few = [one for one, _ in pairs], [one for _, one in pairs]
    found = {
        "open": options.open,
        "fewer": options.fewer,
        "due": options.due,
        "mails": many[0].mails,
        "tick_seconds": round(median(many, "with_due"), 3),
        "tick_seconds_fewer": round(median(few, "with_due"), 3),
        "ratio": round(median(many, "with_due") / median(few, "with_due"), 2),
        "decisions_per_second": round(options.due / median(many, "with_due")),
        "idle_milliseconds": round(1000 * median(many, "idle"), 1),
        "idle_milliseconds_fewer": round(1000 * median(few, "idle"), 1),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
