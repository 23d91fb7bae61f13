"""What does a process cost: wall time, processor time, and memory with its largest child?"""

import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

EVERY = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process, from its start to its end."""

    seconds: float
    processor_seconds: float
    """Its own and its children's, user and system."""
    peak_mib: float
    child_peak_mib: float
    """Of the largest process it started; 0 without one."""
    began_at: float
    """time.time()."""


def measured(command: Sequence[str], log: Path) -> Cost:
    """Run it to its end; RuntimeError with its words when it fails."""
    began_at, began = time.time(), time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    peaks: dict[int, float] = {}
    while True:
        watch(process.pid, peaks)
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(EVERY)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}:\n{log.read_text()}")
    own = peaks.pop(process.pid, 0.0)
    return Cost(seconds, usage.ru_utime + usage.ru_stime, own, max(peaks.values(), default=0.0), began_at)


def watch(parent: int, peaks: dict[int, float]) -> None:
    """Note the high-water mark of a process and of what it started, in MiB."""
    for pid in [parent, *_children(parent)]:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    peaks[pid] = int(line.split()[1]) / 1024


def _children(parent: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, path.read_text().split())
    return found
