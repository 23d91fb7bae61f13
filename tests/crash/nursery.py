"""How does a mailgate come to life quickly? Forked off a process that has loaded everything already.

A `mailgate run` takes a second until it works: imports, settings, templates. The nursery has done that once.
A fork of it goes the same way as the command from there on: it opens the store, enters, serves, and has
workers of its own. SIGKILL ends it as it ends any process.

    hunter → nursery   {"log": …, "once": …}   start one
    nursery → hunter                           its process id
    hunter → nursery   null                    it has ended: bury it
    nursery → hunter                           its exit code, negative for a signal
"""

import gc
import json
import os
import select
import subprocess
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from mailgate import gateway, logs
from mailgate.errors import TemporaryError
from mailgate.gateway import Office
from mailgate.service import EX_TEMPFAIL, Service, run_once
from mailgate.settings import load
from mailgate.store.database import Store


class Nursery:
    """Its hunter's side; one child at a time."""

    def __init__(self, settings: Path) -> None:
        paths = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "crash.nursery", str(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        self._ask, self._hear = self._process.stdin, self._process.stdout

    def close(self) -> None:
        self._process.communicate()

    def fork(self, log: Path, *, once: bool) -> "Forked":
        return Forked(int(self._told({"log": str(log), "once": once})), self)

    def bury(self) -> int:
        """Exit code of the child, negative for a signal; waits for its end."""
        return int(self._told(None))

    def _told(self, what: dict[str, Any] | None) -> bytes:
        assert self._ask is not None
        assert self._hear is not None
        self._ask.write(json.dumps(what).encode() + b"\n")
        self._ask.flush()
        answer = self._hear.readline()
        if not answer:
            raise RuntimeError(f"the nursery ended with {self._process.wait()}")
        return answer


class Forked:
    """A child of the nursery, with as much of Popen as its hunter needs."""

    def __init__(self, pid: int, nursery: Nursery) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery
        self._handle = os.pidfd_open(pid)  # nobody buries it before `bury`: the number is still its own

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._handle], [], [], 0)[0]:
            self._bury()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None and not select.select([self._handle], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(["forked mailgate"], timeout or 0)
        self._bury()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def _bury(self) -> None:
        if self.returncode is None:
            self.returncode = self._nursery.bury()
            os.close(self._handle)


# What follows runs in the nursery.


def live(office: Office, *, once: bool) -> int:
    """From where `mailgate run` has its office on."""
    logs.start()
    store = Store(office.settings.service.database)
    try:
        return run_once(office, store, _now) if once else Service(office, store, _now).run()
    finally:
        store.close()


def _now() -> datetime:
    return datetime.now(UTC)


def _child(office: Office, wanted: dict[str, Any], pipes: tuple[IO[Any], ...]) -> int:
    with Path(wanted["log"]).open("wb") as log:
        os.dup2(log.fileno(), 2)
    with Path(os.devnull).open("r+b") as nothing:
        for pipe in pipes:
            os.dup2(nothing.fileno(), pipe.fileno())
    try:
        return live(office, once=wanted["once"])
    except TemporaryError as error:
        print(error, file=sys.stderr)
        return EX_TEMPFAIL
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stderr.flush()


def main(settings: Path) -> None:
    office = gateway.office(load(settings), settings.resolve().parent)
    gc.freeze()  # else every child copies all pages as soon as it counts what is in them
    child = 0
    for line in sys.stdin:
        wanted = json.loads(line)
        if wanted is None:
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            continue
        child = os.fork()
        if child == 0:
            os._exit(_child(office, wanted, (sys.stdin, sys.stdout)))
        print(child, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
