"""How much mail goes through, beside the least that any gateway does with a mail?

One command, one mailbox's worth of mail: `mailgate run --once` (tickets, acknowledgements and notifications,
sent) and the loop of bare.py (fetch, parse, insert) take turns, each as a process of its own on a fresh copy.
Then the daemon, with IDLE: from a mail's arrival to its acknowledgement.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from city import City, tables
from servers.dovecot import Dovecot
from servers.sink import SinkProcess

from bench.process import Cost, measured

BARE = Path(__file__).with_name("bare.py")
OCTETS = 4096
PLENTY = 1_000_000
WORDS = """
mohon bantuan jaringan internet di kantor kami sejak pagi tidak dapat dipakai aplikasi layanan perizinan
lambat sekali ketika dibuka dari ruang pelayanan sudah dicoba memakai komputer lain tetap sama terima kasih
"""


def letter(number: int) -> bytes:
    """A mail of 4 KB from somebody who never wrote before."""
    chance = random.Random(number)
    author = f"warga{number}@rumah{number}.example"
    hops = "".join(
        f"Received: from mx{hop}.rumah{number}.example (mx{hop}.rumah{number}.example [192.0.2.{hop}])\r\n"
        f"\tby relay{hop}.example with ESMTPS id {chance.randrange(16**12):012x}\r\n"
        f"\tfor <abuse.kominfo@pyk.example.go.id>; Mon, 03 Aug 2026 08:5{hop}:00 +0700\r\n"
        for hop in (3, 2, 1)
    )
    head = (
        f"Return-Path: <{author}>\r\n{hops}From: Warga {number} <{author}>\r\n"
        f"To: abuse.kominfo@pyk.example.go.id\r\nSubject: Gangguan jaringan nomor {number}\r\n"
        f"Date: Mon, 03 Aug 2026 08:50:00 +0700\r\nMessage-ID: <{number}.{chance.random()}@rumah.example>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n"
    )
    words, body = WORDS.split(), ""
    while len(head) + len(body) < OCTETS:
        body += " ".join(chance.choices(words, k=10)) + "\r\n"
    return (head + body).encode()[:OCTETS]


@contextmanager
def _city(dovecot: Dovecot) -> Iterator[tuple[City, SinkProcess]]:
    """One desk with an empty mailbox, an empty database, a sink of its own."""
    with tempfile.TemporaryDirectory(prefix="mailgate-bench-") as folder:
        base = Path(folder)
        with SinkProcess(base / "sink") as sink:
            settings = tables(base, f"sqlite:///{base / 'mailgate.db'}")
            settings["limits"] = {"automatic_per_desk_per_hour": PLENTY}
            del settings["desks"]["lpse"]
            users = {"kominfo": dovecot.new_user()}
            yield City(base, settings, dovecot, sink, users), sink  # type: ignore[arg-type]  # its port is asked


def _mailgate(city: City, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "mailgate.cli", "--settings", str(city.settings_file), *arguments]


# --- throughput -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Round:
    """Both ways on the same mails."""

    mailgate_per_second: float
    bare_per_second: float
    ratio: float
    before_first_decision: float
    """Seconds: the start of the process, its connections, the first batch."""
    steady_per_second: float
    """From the first decision to the last delivery."""
    deciding_seconds: float
    delivering_seconds: float
    mailgate: Cost
    bare: Cost


def one_round(dovecot: Dovecot, mails: list[bytes]) -> Round:
    ours, log = _run_once(dovecot, mails)
    bare = _bare(dovecot, mails)
    moments = [(_moment(line) - ours.began_at, line) for line in log if " desk=" in line]
    first, last = moments[0][0], moments[-1][0]
    decided = max(moment for moment, line in moments if " INFO opened " in line)
    return Round(
        mailgate_per_second=len(mails) / ours.seconds,
        bare_per_second=len(mails) / bare.seconds,
        ratio=bare.seconds / ours.seconds,
        before_first_decision=first,
        steady_per_second=len(mails) / (last - first),
        deciding_seconds=decided - first,
        delivering_seconds=last - decided,
        mailgate=ours,
        bare=bare,
    )


def _run_once(dovecot: Dovecot, mails: list[bytes]) -> tuple[Cost, list[str]]:
    with _city(dovecot) as (city, sink):
        dovecot.append_all(city.users["kominfo"], mails)
        log = city.base / "log"
        subprocess.run(_mailgate(city, "db", "upgrade"), check=True, capture_output=True)  # once in its life
        cost = measured(_mailgate(city, "run", "--once"), log)
        sent = len(sink.received())
        if sent != 2 * len(mails):
            raise RuntimeError(f"{sent} mails left for {len(mails)} that came in:\n{log.read_text()[-2000:]}")
        return cost, log.read_text().splitlines()


def _bare(dovecot: Dovecot, mails: list[bytes]) -> Cost:
    user = dovecot.new_user()
    dovecot.append_all(user, mails)
    with tempfile.TemporaryDirectory(prefix="mailgate-bench-") as folder:
        where = [dovecot.host, str(dovecot.port), user, dovecot.password, str(Path(folder) / "mails.db")]
        return measured([sys.executable, str(BARE), *where], Path(folder) / "log")


def _moment(line: str) -> float:
    return datetime.fromisoformat(line[:23].replace(",", ".")).timestamp()


# --- latency ----------------------------------------------------------------------------------------------


def latencies(dovecot: Dovecot, count: int) -> list[float]:
    """Seconds from a mail's arrival to its acknowledgement, one mail at a time."""
    with _city(dovecot) as (city, sink), (city.base / "log").open("wb") as log:
        process = subprocess.Popen(_mailgate(city, "run"), stderr=log)
        try:
            with dovecot.session(city.users["kominfo"]) as mailbox:
                found = [_latency(city, sink, mailbox, number) for number in range(1, count + 2)]
        finally:
            process.terminate()
            process.wait(20)
        return found[1:]  # the first one waited for the daemon's start


def _latency(city: City, sink: SinkProcess, mailbox: Any, number: int) -> float:
    mailbox.append("INBOX", letter(number))
    arrived = datetime.now(UTC)
    deadline = time.monotonic() + 60
    while len(sent := sink.received()) < 2 * number:
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"mail {number} was not acknowledged: {(city.base / 'log').read_text()[-2000:]}"
            )
        time.sleep(0.02)
    (acknowledged,) = (one.at for one in sent[-2:] if one.rcpt_to[0].startswith("warga"))
    time.sleep(random.uniform(0.05, 0.35))  # or it would march in step with the server's own delay
    return (acknowledged - arrived).total_seconds()


# --- what is said -----------------------------------------------------------------------------------------


def figures(rounds: list[Round], waits: list[float]) -> dict[str, Any]:
    """Medians over the rounds; peaks are the highest."""

    def median(values: Iterable[float], digits: int) -> float:
        return round(statistics.median(values), digits)

    found: dict[str, Any] = {
        "mailgate_per_second": median((one.mailgate_per_second for one in rounds), 1),
        "bare_per_second": median((one.bare_per_second for one in rounds), 1),
        "ratio": median((one.ratio for one in rounds), 3),
        "ratios": [round(one.ratio, 3) for one in rounds],
        "before_first_decision": median((one.before_first_decision for one in rounds), 2),
        "steady_per_second": median((one.steady_per_second for one in rounds), 1),
        "deciding_seconds": median((one.deciding_seconds for one in rounds), 2),
        "delivering_seconds": median((one.delivering_seconds for one in rounds), 2),
        "processor_seconds": median((one.mailgate.processor_seconds for one in rounds), 2),
        "bare_processor_seconds": median((one.bare.processor_seconds for one in rounds), 2),
        "peak_mib": round(max(one.mailgate.peak_mib for one in rounds), 1),
        "worker_peak_mib": round(max(one.mailgate.child_peak_mib for one in rounds), 1),
        "bare_peak_mib": round(max(one.bare.peak_mib for one in rounds), 1),
    }
    if waits:
        found["latency_median"] = median(waits, 3)
        found["latency_p95"] = round(statistics.quantiles(waits, n=20)[18], 3)
        found["latency_mails"] = len(waits)
    return found


TEXT = """\
{mails} mails of {octets} octets, {ratios} rounds, medians
mailgate run --once   {mailgate_per_second:8.1f} mails/s, each acknowledged and told to staff
bare loop             {bare_per_second:8.1f} mails/s, fetched, parsed, inserted
ratio                 {ratio:8.3f}
by round              {by_round}
steady part           {steady_per_second:8.1f} mails/s, from the first decision to the last delivery
    first decision after {before_first_decision} s, then {deciding_seconds} s deciding, \
{delivering_seconds} s delivering
processor time        {processor_seconds:8.2f} s with its worker; bare loop {bare_processor_seconds} s
peak memory           {peak_mib:8.1f} MiB, worker {worker_peak_mib} MiB; bare loop {bare_peak_mib} MiB"""
LATENCY = """\
arrival to acknowledgement by the daemon, {latency_mails} mails one at a time:
    median {latency_median:.3f} s, p95 {latency_p95:.3f} s
    (of which 0.5 s are Dovecot's: it holds back for so long, to all who IDLE, that a mail came in)"""


def tell(mails: int, found: dict[str, Any]) -> None:
    by_round = " ".join(f"{one:.3f}" for one in found["ratios"])
    facts = found | {"ratios": len(found["ratios"]), "by_round": by_round}
    print(TEXT.format(mails=mails, octets=OCTETS, **facts))
    if "latency_median" in found:
        print(LATENCY.format(**found))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure mailgate beside a bare loop.")
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency-mails", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    mails = [letter(number) for number in range(options.mails)]
    with Dovecot() as dovecot:
        rounds = [one_round(dovecot, mails) for _ in range(options.rounds)]
        waits = latencies(dovecot, options.latency_mails) if options.latency_mails else []
    found = figures(rounds, waits)
    if options.json:
        print(json.dumps({"mails": options.mails} | found | {"rounds": [asdict(one) for one in rounds]}))
    else:
        tell(options.mails, found)


if __name__ == "__main__":
    main()
