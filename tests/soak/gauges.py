"""How much does a process need now? Memory, files, threads, connections: as the kernel counts them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

KIB = 1024
ESTABLISHED = "01"


@dataclass(frozen=True, slots=True)
class Reading:
    """One look. Memory in KiB: what is shared with others counts in part (PSS)."""

    second: float
    main_kib: int
    workers_kib: int
    workers: int
    descriptors: int
    threads: int
    imap: int
    """Connections that are established."""
    smtp: int
    database_kib: int
    wal_kib: int
    backlog: int
    """Mails in an INBOX."""

    @property
    def memory_kib(self) -> int:
        return self.main_kib + self.workers_kib


def look(pid: int, second: float, ports: Mapping[str, int], database: Path, backlog: int) -> Reading:
    """`ports`: of the servers, by "imap" and "smtp". FileNotFoundError when the process is gone."""
    workers = _children(pid)
    connections = _connections(pid)
    return Reading(
        second=round(second, 1),
        main_kib=_pss(pid),
        workers_kib=sum(_pss_or_nothing(worker) for worker in workers),
        workers=len(workers),
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        threads=len(list(Path(f"/proc/{pid}/task").iterdir())),
        imap=connections[ports["imap"]],
        smtp=connections[ports["smtp"]],
        database_kib=_size(database) // KIB,
        wal_kib=_size(database.with_name(database.name + "-wal")) // KIB,
        backlog=backlog,
    )


def verdict(readings: Sequence[Reading]) -> dict[str, Any]:
    """The last fifth beside the second one.

    Files and connections come and go with the mail; what leaks is never given back: so the least of each
    fifth is compared.
    """
    fifth = len(readings) // 5
    early, late = readings[fifth : 2 * fifth], readings[-fifth:]
    before, after = (fmean(one.memory_kib for one in part) for part in (early, late))
    return {
        "memory_kib": [round(before), round(after)],
        "memory_growth": round(after / before - 1, 4),
        "main_kib": [round(fmean(one.main_kib for one in part)) for part in (early, late)],
        "workers_kib": [round(fmean(one.workers_kib for one in part)) for part in (early, late)],
        "descriptors": _least(early, late, "descriptors"),
        "connections": _least(early, late, "connections"),
        "threads": _least(early, late, "threads"),
        "most": {name: max(asdict(one)[name] for one in readings) for name in ("descriptors", "imap", "smtp",
                 "threads", "workers", "wal_kib", "backlog")},
        "database_kib": readings[-1].database_kib,
    }  # fmt: skip


def _least(early: Sequence[Reading], late: Sequence[Reading], name: str) -> list[int]:
    def of(one: Reading) -> int:
        return one.imap + one.smtp if name == "connections" else int(getattr(one, name))

    return [min(map(of, early)), min(map(of, late))]


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _pss_or_nothing(pid: int) -> int:
    try:
        return _pss(pid)
    except (FileNotFoundError, ProcessLookupError):  # it ended just now
        return 0


def _children(pid: int) -> list[int]:
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ends just now
            found += [int(child) for child in path.read_text().split()]
    return found


def _connections(pid: int) -> Counter[int]:
    """Established ones, by the port at the other side."""
    held = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            held.add(str(path.readlink()))
    found: Counter[int] = Counter()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == ESTABLISHED and f"socket:[{fields[9]}]" in held:
            found[int(fields[2].rpartition(":")[2], 16)] += 1
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
