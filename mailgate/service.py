"""The process: one thread for each mailbox, asyncio for what leaves, signals, and what systemd hears."""

import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from mailgate import gateway, notify
from mailgate.errors import AuthorizationRefusedError, MailgateError, TemporaryError
from mailgate.gateway import Clock, Office, alarming
from mailgate.intake.imap import Mailbox
from mailgate.message import worker
from mailgate.message.worker import Reader
from mailgate.pulse import Pulse
from mailgate.store import outbox
from mailgate.store.database import Store, require_current

log = logging.getLogger("mailgate")

TICK_SECONDS = 15.0
LONGEST_IDLE = 240.0
"""Seconds: a server that vanished without a word is noticed by then."""
BACK_OFF = (1.0, 300.0)
"""Seconds before the first and at most before any later attempt to reconnect."""
DELIVERY_EVERY = 0.2
"""Seconds between two looks at what may leave, while `run --once` still collects."""
GRACE_SECONDS = 8.0
"""From SIGTERM on, for the mail in hand; systemd and design allow ten."""
HANGS_AFTER = 1800.0
"""Seconds: longer than any mail may take, the ten minutes after the final dot included."""
EX_TEMPFAIL = 75  # sysexits.h


class AlreadyRunningError(TemporaryError):
    """Another mailgate holds this database."""


def enter(store: Store, clock: Clock) -> None:
    """Become the one service on this database, and settle what an earlier one left half done."""
    require_current(store)
    if not store.claim_service():
        raise AlreadyRunningError("another mailgate is running on this database; only one may")
    with store.writing() as write:
        uncertain = outbox.recover(write, clock(), alone=True)
    if uncertain:
        log.warning("%d mails were on their way when mailgate last ended: uncertain, tried again", uncertain)


def _entered(office: Office, store: Store, clock: Clock, *, once: bool) -> None:
    """Enter; whoever must act hears that the database is away, also from a service that never came to run."""
    try:
        enter(store, clock)
    except AlreadyRunningError:
        raise
    except TemporaryError as error:
        alarming.at_the_door(office, clock, str(error), at_once=once)
        raise


def instance() -> str:
    """Who claims mail, for people who look into the outbox."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}"


def reader(office: Office) -> Reader:
    return worker.reader(office.settings.limits)


# --- once -------------------------------------------------------------------------------------------------


def run_once(office: Office, store: Store, clock: Clock) -> int:
    """Every pass until there is nothing left to do; 75 when a desk could not be reached, else 0."""
    _entered(office, store, clock, once=True)
    pulse = Pulse()
    troubled = asyncio.run(_run_once(office, store, clock, pulse))
    if office.settings.service.alert_command:
        alarming.look(office, store, pulse, alarming.alarm(office, at_once=True), clock)
    return EX_TEMPFAIL if troubled else 0


async def _run_once(office: Office, store: Store, clock: Clock, pulse: Pulse) -> set[str]:
    """What was in trouble. Mail leaves while more comes in: the disk is waited for by both at once."""
    desks, troubled = list(office.settings.desks), set[str]()
    with ThreadPoolExecutor(max_workers=len(desks), thread_name_prefix="mailbox") as pool:
        loop = asyncio.get_running_loop()
        collecting = [
            loop.run_in_executor(pool, _collect_all, office, store, key, clock, pulse) for key in desks
        ]
        waiting: set[asyncio.Future[int | None]] = set(collecting)
        while waiting:
            _, waiting = await asyncio.wait(waiting, timeout=DELIVERY_EVERY)
            await _deliver_all(office, store, clock, pulse, troubled)
    troubled |= {key for key, one in zip(desks, collecting, strict=True) if one.result() is None}
    await asyncio.to_thread(_tick_all, office, store, clock, pulse, troubled)
    await _deliver_all(office, store, clock, pulse, troubled)
    return troubled


def _collect_all(office: Office, store: Store, key: str, clock: Clock, pulse: Pulse) -> int | None:
    """How many mails came in; None when the mailbox failed: the other desks are served all the same."""
    reads, total = reader(office), 0
    try:
        mailbox = Mailbox(gateway.account(office.settings.desks[key], office.base))
        try:
            while new := gateway.collect(office, store, mailbox, reads, key, clock):
                total += new
        finally:
            mailbox.close()
    except Exception as error:  # one desk's trouble is not the others'
        _complain_of(f"mailbox {key}", error, pulse)
        _think_without_mailbox(office, store, reads, key, clock, pulse)
        return None
    finally:
        reads.close()
    return total


def _think_without_mailbox(
    office: Office, store: Store, reads: Reader, key: str, clock: Clock, pulse: Pulse
) -> None:
    """What was kept before the mailbox failed need not wait for it."""
    try:
        gateway.think(office, store, reads, office.counters[key], clock)
    except Exception as error:
        _complain_of("store", error, pulse)


def _tick_all(office: Office, store: Store, clock: Clock, pulse: Pulse, troubled: set[str]) -> None:
    try:
        while gateway.tick(office, store, clock):
            pass
    except Exception as error:
        _complain_of("tick", error, pulse)
        troubled.add("tick")


def _complain_of(part: str, error: Exception, pulse: Pulse) -> None:
    """One line where the trouble is somebody else's, with its traceback where it is ours."""
    pulse.expect(part, HANGS_AFTER)
    pulse.beat(part, _words(error), at_once=isinstance(error, AuthorizationRefusedError))
    ours = None if isinstance(error, MailgateError) else error
    log.error("%s: %s", part, error, exc_info=ours)


async def _deliver_all(office: Office, store: Store, clock: Clock, pulse: Pulse, troubled: set[str]) -> None:
    async def one(key: str) -> None:
        name = f"submission {key}"
        if name in troubled:  # it had its chance
            return
        try:
            while await gateway.deliver(office, store, key, instance(), clock, lambda: False):
                pass
        except Exception as error:
            _complain_of(name, error, pulse)
            troubled.add(name)

    await asyncio.gather(*(one(key) for key in office.settings.desks))


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


# --- for ever ---------------------------------------------------------------------------------------------


def feed_watchdog(pulse: Pulse) -> None:
    """WATCHDOG=1 comes from the work: a part that hangs withholds it, and systemd restarts us."""
    hanging = pulse.hanging()
    if hanging:
        log.critical("hanging: %s", ", ".join(hanging))
    else:
        notify.tell("WATCHDOG=1")


@dataclass(slots=True)
class Service:
    """The daemon. `run` returns after SIGTERM or SIGINT, or after `stop`."""

    office: Office
    store: Store
    clock: Clock
    ousted: bool = False
    tick_seconds: float = TICK_SECONDS
    """How often time is looked at; the demo, whose clock jumps, is less patient."""
    pulse: Pulse = field(default_factory=Pulse)
    stopping: threading.Event = field(default_factory=threading.Event)
    _bells: list[socket.socket] = field(default_factory=list)
    _wake_delivery: dict[str, Callable[[], object]] = field(default_factory=dict)
    _ringing: Callable[[], object] | None = None

    def run(self) -> int:
        _entered(self.office, self.store, self.clock, once=False)
        with self._figures():
            asyncio.run(self._run())
        return EX_TEMPFAIL if self.ousted else 0

    def stop(self) -> None:
        """From any thread: finish the mail in hand and leave."""
        self.stopping.set()
        if self._ringing is not None:
            self._ringing()
        for bell in self._bells:
            with contextlib.suppress(OSError):  # that thread was not waiting, and has left already
                bell.send(b"x")

    @contextlib.contextmanager
    def _figures(self) -> Iterator[None]:
        """Answer monitoring, only after `enter`: whoever is second must not take the port first."""
        address = self.office.settings.service.metrics_address
        if not address:
            yield
            return
        from mailgate.metrics import serve  # 80 ms that nobody without it should pay

        server = serve(address, self.store, self.pulse)
        yield
        server.shutdown()
        server.server_close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        self._ringing = lambda: loop.call_soon_threadsafe(done.set)
        if self.stopping.is_set():  # `stop` came before there was a bell to ring
            done.set()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.stop)
        tasks = [asyncio.create_task(self._deliver(key, loop)) for key in self.office.settings.desks]
        tasks += [asyncio.create_task(self._tick(done)), asyncio.create_task(self._feed_watchdog(done))]
        await asyncio.sleep(0)  # each loop has hung up its bell
        threads = [self._watcher(key) for key in self.office.settings.desks] + [self._alarm()]
        notify.tell("READY=1")
        log.info("running: %d desks", len(self.office.settings.desks))
        await done.wait()
        notify.tell("STOPPING=1")
        log.info("stopping")
        await self._leave(tasks, threads, loop)

    async def _leave(
        self,
        tasks: list[asyncio.Task[None]],
        threads: list[threading.Thread],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Every step may be cut at any instruction, so what does not end in time is left behind."""
        until = loop.time() + GRACE_SECONDS
        for wake in self._wake_delivery.values():
            wake()
        await asyncio.wait(tasks, timeout=GRACE_SECONDS - 1)
        for task in tasks:
            task.cancel()  # a DATA under way becomes uncertain
        await asyncio.wait(tasks, timeout=1)
        for thread in threads:
            while thread.is_alive() and loop.time() < until:
                await asyncio.sleep(0.02)
        for bell in self._bells:
            bell.close()

    # mailboxes

    def _watcher(self, key: str) -> threading.Thread:
        bell, rings = socket.socketpair()
        bell.setblocking(False)
        self._bells.append(rings)
        self.pulse.expect(f"mailbox {key}", HANGS_AFTER)
        thread = threading.Thread(target=self._watch, args=(key, bell), name=f"mailbox {key}", daemon=True)
        thread.start()
        return thread

    def _watch(self, key: str, bell: socket.socket) -> None:
        """Connect, take in, wait, again; each failure in a row is followed by a longer pause."""
        name, pause, reads = f"mailbox {key}", Pause(), reader(self.office)
        while not self.stopping.is_set():
            try:
                self._serve_mailbox(key, bell, reads, pause)
            except Exception as error:  # whatever it was, the next connection is another chance
                self._complain(name, error)
                self.stopping.wait(pause.longer())
        reads.close()
        bell.close()

    def _serve_mailbox(self, key: str, bell: socket.socket, reads: Reader, pause: "Pause") -> None:
        """One connection for as long as it holds."""
        mailbox = Mailbox(gateway.account(self.office.settings.desks[key], self.office.base))
        seconds = min(self.office.settings.desks[key].imap.poll_seconds, LONGEST_IDLE)
        leaving = partial(self._leaving, f"mailbox {key}")
        try:
            while not self.stopping.is_set():
                # An arrival may be told inside any answer, and IDLE does not repeat it: until quiet.
                while gateway.collect(self.office, self.store, mailbox, reads, key, self.clock, leaving):
                    self._work_done(key)
                self._work_done(key)
                mailbox.wait(seconds, bell)
                pause.reset()  # only now: a server that falls silent after the login must not be pestered
                mailbox.select()
        finally:
            mailbox.close()

    def _work_done(self, key: str) -> None:
        if self.pulse.beat(f"mailbox {key}"):
            log.info("mailbox %s: connected", key)
        self._wake_delivery[key]()

    def _leaving(self, name: str) -> bool:
        """Asked between two pieces of long work: whether to stop. Who asks does not hang."""
        self.pulse.alive(name)
        return self.stopping.is_set()

    def _complain(self, name: str, error: Exception) -> None:
        """One clear line when trouble begins or changes; a fault of ours with its traceback, every time."""
        if self.stopping.is_set():
            log.info("%s: left while stopping: %s", name, error)
            return
        if not isinstance(error, MailgateError):
            log.error("%s: unexpected", name, exc_info=error)
        refused = isinstance(error, AuthorizationRefusedError)
        if self.pulse.beat(name, _words(error), at_once=refused):
            log.error("%s: waiting: %s", name, error)

    # who hears of trouble

    def _alarm(self) -> threading.Thread:
        """A thread of its own: a command takes its time, and whoever hangs must not keep it from looking."""
        thread = threading.Thread(target=self._look_for_trouble, name="alarm", daemon=True)
        thread.start()
        return thread

    def _look_for_trouble(self) -> None:
        kept = alarming.alarm(self.office)
        while not self.stopping.wait(self.tick_seconds):
            try:
                alarming.look(self.office, self.store, self.pulse, kept, self.clock)
            except Exception:
                log.exception("alarm: unexpected")

    # what leaves, and what time brings

    async def _deliver(self, key: str, loop: asyncio.AbstractEventLoop) -> None:
        name, pause, wake = f"submission {key}", Pause(), asyncio.Event()
        self.pulse.expect(name, HANGS_AFTER)
        self._wake_delivery[key] = lambda: loop.call_soon_threadsafe(wake.set)
        while not self.stopping.is_set():
            wake.clear()
            try:
                leaving = partial(self._leaving, name)
                await gateway.deliver(self.office, self.store, key, instance(), self.clock, leaving)
                self.pulse.beat(name)
                pause.reset()
            except Exception as error:
                self._complain(name, error)
                # No bell: a server in trouble is not asked again for every new mail.
                await asyncio.to_thread(self.stopping.wait, pause.longer())
                continue
            with contextlib.suppress(TimeoutError):  # what was deferred comes due without a bell
                await asyncio.wait_for(wake.wait(), self.tick_seconds)

    async def _tick(self, done: asyncio.Event) -> None:
        self.pulse.expect("tick", HANGS_AFTER)
        while not self.stopping.is_set():
            try:
                if not await asyncio.to_thread(self.store.holds_service):
                    log.critical("another mailgate took this database over while it was away: leaving")
                    self.ousted = True
                    self.stop()
                    return
                await asyncio.to_thread(gateway.tick, self.office, self.store, self.clock)
                self.pulse.beat("tick")
            except Exception as error:
                self._complain("tick", error)
            for wake in self._wake_delivery.values():
                wake()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), self.tick_seconds)

    async def _feed_watchdog(self, done: asyncio.Event) -> None:
        seconds = notify.watchdog_seconds() or TICK_SECONDS
        while not self.stopping.is_set():
            feed_watchdog(self.pulse)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), seconds)


@dataclass(slots=True)
class Pause:
    """Longer after each failure in a row; jitter keeps desks from knocking in step."""

    seconds: float = BACK_OFF[0]

    def longer(self) -> float:
        now, self.seconds = self.seconds, min(self.seconds * 2, BACK_OFF[1])
        return now * random.uniform(0.8, 1.2)  # noqa: S311  # not a secret

    def reset(self) -> None:
        self.seconds = BACK_OFF[0]
