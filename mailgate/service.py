"""The process: one thread for each mailbox, asyncio for what leaves, signals, and what systemd hears."""

import asyncio
import contextlib
import logging
import random
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from mailgate import gateway, notify
from mailgate.errors import AuthorizationRefusedError, MailgateError, TemporaryError, UnforeseenError
from mailgate.gateway import Clock, Office, Unwritten, alarming, reloaded
from mailgate.intake.imap import Mailbox
from mailgate.message import worker
from mailgate.message.worker import Reader
from mailgate.pulse import Pulse
from mailgate.store import outbox
from mailgate.store.database import Store, require_current
from mailgate.store.instances import AlreadyRunningError, Instance, forgets_for

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
SESSION_SECONDS = 600.0
"""Gmail ends a session with its token, mostly after an hour: one that lasted so long may end."""
HANGS_AFTER = 1800.0
"""Seconds: longer than any mail may take, the ten minutes after the final dot included."""
STANDBY_SECONDS = 5.0
"""Between two looks whether a mailbox that another instance holds is free, and whether we are still known."""
PATIENCE_SECONDS = 1.0
"""For which `run --once` waits for a mailbox: that its holder was killed is noticed a moment later."""
EX_TEMPFAIL = 75  # sysexits.h


def enter(store: Store, instance: Instance, clock: Clock) -> None:
    """Be one of those that serve this database, and settle what an earlier one left half done."""
    require_current(store)
    instance.enter()
    with store.reading() as look:
        forgets = forgets_for(look) if outbox.claimants(look) else 0.0
    time.sleep(forgets)  # whoever lives and is not known yet would have its mail sent twice
    settle_gone(store, instance, clock)


def settle_gone(
    store: Store, instance: Instance, clock: Clock, seen: frozenset[str] | None = None
) -> frozenset[str]:
    """Settle the claims of instances that are gone; returns which ones those are.

    `seen`: only of those that were gone before, None: of all.
    """
    with store.writing() as write:
        gone = instance.gone(write, outbox.claimants(write))
        settled = gone if seen is None else gone & seen
        uncertain = outbox.recover(write, clock(), alone=store.is_sqlite and seen is None, gone=settled)
    if uncertain:
        log.warning("%d mails were on their way when mailgate last ended: uncertain, tried again", uncertain)
    return gone


def _entered(office: Office, store: Store, instance: Instance, clock: Clock, *, once: bool) -> None:
    """Enter; whoever must act hears that the database is away, also from a service that never came to run."""
    try:
        enter(store, instance, clock)
    except AlreadyRunningError:
        raise
    except TemporaryError as error:
        alarming.at_the_door(office, clock, str(error), at_once=once)
        raise


def reader(office: Office) -> Reader:
    return worker.reader(office.settings.limits)


# --- once -------------------------------------------------------------------------------------------------


def run_once(office: Office, store: Store, clock: Clock) -> int:
    """Every pass until there is nothing left to do; 75 when a desk could not be reached, else 0."""
    instance, pulse = Instance(store), Pulse()
    try:
        _entered(office, store, instance, clock, once=True)
        troubled = asyncio.run(_run_once(office, store, instance, clock, pulse))
    finally:
        instance.leave()
    if office.settings.service.alert_command:
        alarming.look(office, store, pulse, alarming.alarm(office, at_once=True), clock)
    return EX_TEMPFAIL if troubled else 0


async def _run_once(office: Office, store: Store, instance: Instance, clock: Clock, pulse: Pulse) -> set[str]:
    """What was in trouble. Mail leaves while more comes in: the disk is waited for by both at once."""
    desks, troubled = list(office.settings.desks), set[str]()
    with ThreadPoolExecutor(max_workers=len(desks), thread_name_prefix="mailbox") as pool:
        loop = asyncio.get_running_loop()
        collect = partial(_collect_all, office, store, instance, clock, pulse)
        collecting = [loop.run_in_executor(pool, collect, key) for key in desks]
        waiting: set[asyncio.Future[int | None]] = set(collecting)
        while waiting:
            _, waiting = await asyncio.wait(waiting, timeout=DELIVERY_EVERY)
            await _deliver_all(office, store, instance, clock, pulse, troubled)
    troubled |= {key for key, one in zip(desks, collecting, strict=True) if one.result() is None}
    await asyncio.to_thread(_tick_all, office, store, clock, pulse, troubled)
    await _deliver_all(office, store, instance, clock, pulse, troubled)
    return troubled


def _collect_all(
    office: Office, store: Store, instance: Instance, clock: Clock, pulse: Pulse, key: str
) -> int | None:
    """How many mails came in; None when the mailbox failed: the other desks are served all the same."""
    reads, total = reader(office), 0
    try:
        if not instance.hold(key, PATIENCE_SECONDS):
            log.info("mailbox %s: held by another instance, left to it", key)
            return 0
        mailbox = Mailbox(gateway.account(office, key))
        try:
            while new := gateway.collect(
                office, store, mailbox, reads, key, clock, lambda: not instance.holds(key)
            ):
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
    pulse.expect(part, HANGS_AFTER)
    pulse.beat(part, _words(error), at_once=isinstance(error, AuthorizationRefusedError))
    _say(part, error)


def _say(part: str, error: Exception) -> None:
    """One line where the trouble is somebody else's, with its traceback where it is or may be ours."""
    ours = _cause(error) if isinstance(error, MailgateError) else error
    log.error("%s: %s", part, error, exc_info=ours)


def _cause(error: Exception) -> BaseException | None:
    """What an engineer would want to see of it; None where the line says all."""
    return error.__cause__ if isinstance(error, UnforeseenError) else None


async def _deliver_all(
    office: Office, store: Store, instance: Instance, clock: Clock, pulse: Pulse, troubled: set[str]
) -> None:
    async def one(key: str) -> None:
        name = f"submission {key}"
        if name in troubled:  # it had its chance
            return
        try:
            while await gateway.deliver(office, store, key, instance.name, clock, lambda: False):
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
class Serving:
    """What serves one desk: a thread for its mailbox, and a task for what leaves."""

    bell: socket.socket
    """Readable when the thread is to look up from its waiting …"""
    rings: socket.socket
    """… because something was written here."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Mail may leave."""
    anew: asyncio.Event = field(default_factory=asyncio.Event)
    """A pause after a failure is over before its time: other settings, or the end."""
    gone: threading.Event = field(default_factory=threading.Event)
    """The desk left the settings."""
    unwritten: Unwritten = field(default_factory=Unwritten)
    """What was handed over and could not be noted."""

    def ring(self) -> None:
        with contextlib.suppress(OSError):  # that thread was not waiting, and has left already
            self.rings.send(b"x")

    def close(self) -> None:
        self.bell.close()
        self.rings.close()

    def nap(self, seconds: float) -> None:
        """For the thread: until time is up or the bell rings."""
        select.select([self.bell], [], [], seconds)
        self.hear()

    def hear(self) -> None:
        """Take what rang as heard; what it told of stands where it was written before."""
        with contextlib.suppress(BlockingIOError):
            self.bell.recv(4096)


def _new_serving() -> Serving:
    bell, rings = socket.socketpair()
    bell.setblocking(False)
    rings.setblocking(False)  # a bell that rings already need not ring louder
    return Serving(bell, rings)


@dataclass(slots=True)
class Service:
    """The daemon. `run` returns after SIGTERM or SIGINT, or after `stop`."""

    office: Office
    """What every loop reads anew at each round: SIGHUP puts another one here."""
    store: Store
    clock: Clock
    tick_seconds: float = TICK_SECONDS
    """How often time is looked at; the demo, whose clock jumps, is less patient."""
    reload: Callable[[], Office] | None = None
    """Reads settings, templates and holidays anew for SIGHUP. Raises SettingsError."""
    pulse: Pulse = field(default_factory=Pulse)
    stopping: threading.Event = field(default_factory=threading.Event)
    _serving: dict[str, Serving] = field(default_factory=dict)
    _threads: dict[str, threading.Thread] = field(default_factory=dict)
    """By desk, also of desks that have gone: the last one that served its mailbox."""
    _others: list[threading.Thread] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _ringing: Callable[[], object] | None = None
    _instance: Instance = field(init=False)

    def __post_init__(self) -> None:
        self._instance = Instance(self.store)

    def run(self) -> int:
        try:
            _entered(self.office, self.store, self._instance, self.clock, once=False)
            self.store.open_all()
            with self._figures():
                asyncio.run(self._run())
        finally:
            self._instance.leave()
        return 0

    def stop(self) -> None:
        """From any thread: finish the mail in hand and leave."""
        self.stopping.set()
        if self._ringing is not None:
            self._ringing()
        for serving in list(self._serving.values()):
            serving.ring()

    @contextlib.contextmanager
    def _figures(self) -> Iterator[None]:
        """Answer monitoring, only after `enter`: whoever is second must not take the port first."""
        address = self.office.settings.service.metrics_address
        if not address:
            yield
            return
        from mailgate.metrics import serve  # 80 ms that nobody without it should pay

        server = serve(address, self.store, self.pulse)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        done, hung_up = asyncio.Event(), asyncio.Event()
        reloading: asyncio.Task[None] | None = None
        self._ringing = lambda: loop.call_soon_threadsafe(done.set)
        if self.stopping.is_set():  # `stop` came before there was a bell to ring
            done.set()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.stop)
            if self.reload is not None:
                loop.add_signal_handler(signal.SIGHUP, hung_up.set)
                reloading = asyncio.create_task(self._reload_when(hung_up, self.reload, loop))
        for key in self.office.settings.desks:
            self._begin(key, loop)
        self._start(self._tick(done))
        self._start(self._feed_watchdog(done))
        if not self.store.is_sqlite:
            self._start(self._stay_known(done))
        self._others.append(self._alarm())
        notify.tell("READY=1")
        log.info("running: %d desks", len(self.office.settings.desks))
        await done.wait()
        notify.tell("STOPPING=1")
        log.info("stopping")
        if reloading is not None:
            reloading.cancel()
        await self._leave(loop)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        """Every step may be cut at any instruction, so what does not end in time is left behind."""
        until = loop.time() + GRACE_SECONDS
        self._wake_all()
        tasks = list(self._tasks)
        await asyncio.wait(tasks, timeout=GRACE_SECONDS - 1)
        for task in tasks:
            task.cancel()  # a DATA under way becomes uncertain
        await asyncio.wait(tasks, timeout=1)
        for thread in (*self._threads.values(), *self._others):
            while thread.is_alive() and loop.time() < until:
                await asyncio.sleep(0.02)

    # desks come, change and go

    def _begin(self, key: str, loop: asyncio.AbstractEventLoop) -> None:
        self._serving[key] = serving = _new_serving()
        for name in (f"mailbox {key}", f"submission {key}"):
            self.pulse.expect(name, HANGS_AFTER)
        self._start(self._deliver(key, serving))
        arguments = (key, serving, self._threads.get(key), loop)
        thread = threading.Thread(target=self._watch, args=arguments, name=f"mailbox {key}", daemon=True)
        self._threads[key] = thread
        thread.start()

    def _end(self, key: str) -> None:
        """What is under way comes to its end; what waits in the store stays there."""
        serving = self._serving.pop(key)
        serving.gone.set()
        self._wake(serving)
        for name in (f"mailbox {key}", f"submission {key}"):
            self.pulse.forget(name)
        self.pulse.holder_of.pop(key, None)

    def _wake_all(self) -> None:
        for serving in self._serving.values():
            self._wake(serving)

    def _wake(self, serving: Serving) -> None:
        serving.wake.set()
        serving.anew.set()
        serving.ring()

    async def _reload_when(
        self, hung_up: asyncio.Event, read: Callable[[], Office], loop: asyncio.AbstractEventLoop
    ) -> None:
        while await hung_up.wait():
            hung_up.clear()
            # systemd.service(5), Type=notify-reload; older ones show "reloading" until READY=1.
            notify.tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
            try:
                office, words = await asyncio.to_thread(reloaded, self.office, read)
                self._adopt(office, loop)
                log.info("reloaded: %s", "; ".join(words) or "nothing is different")
            except Exception as error:  # whatever is wrong with the new ones, those in use go on
                _say("not reloaded, all stays as it was", error)
            notify.tell("READY=1")

    def _adopt(self, office: Office, loop: asyncio.AbstractEventLoop) -> None:
        before, after = self.office.settings.desks.keys(), office.settings.desks.keys()
        for key in before - after:
            self._end(key)
        self.office = office  # only now: nobody looks for a desk that is not there
        for key in after - before:
            self._begin(key, loop)
        self._wake_all()

    # mailboxes

    def _watch(
        self,
        key: str,
        serving: Serving,
        before: threading.Thread | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Connect, take in, wait, again; each failure in a row is followed by a longer pause."""
        if before is not None:  # the desk had left the settings, and is back
            before.join()
        name, pause = f"mailbox {key}", Pause()
        while not self._is_over(serving):
            office = self.office
            reads = reader(office)
            while not self._is_over(serving) and self.office is office:
                try:
                    if self._hold(key):
                        self._serve_mailbox(key, serving, office, reads, pause, loop)
                    else:
                        serving.nap(STANDBY_SECONDS)
                except Exception as error:  # whatever it was, the next connection is another chance
                    self._complain(name, error)
                    self._instance.release(key)  # another instance may reach it
                    serving.nap(pause.longer())
            reads.close()
        self._instance.release(key)
        serving.close()

    def _is_over(self, serving: Serving) -> bool:
        return self.stopping.is_set() or serving.gone.is_set()

    def _hold(self, key: str) -> bool:
        """Whether the mailbox is ours; one that another instance serves is no trouble."""
        before, held = self.pulse.holder_of.get(key), self._instance.hold(key)
        self.pulse.holder_of[key] = held
        if held and before is False:
            log.info("mailbox %s: taken over", key)
        elif not held and before is not False:
            log.info("mailbox %s: held by another instance, standing by", key)
        if not held:
            self.pulse.beat(f"mailbox {key}")
        return held

    def _serve_mailbox(
        self,
        key: str,
        serving: Serving,
        office: Office,
        reads: Reader,
        pause: "Pause",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """One connection for as long as it holds, the mailbox is ours and the settings stay the same."""
        imap = office.settings.desks[key].imap
        mailbox = Mailbox(gateway.account(office, key))
        began = time.monotonic()
        seconds = min(imap.poll_seconds, LONGEST_IDLE)
        leaving = partial(self._leaving_mailbox, key, serving, office)
        try:
            while not leaving():
                # An arrival may be told inside any answer, and IDLE does not repeat it: until quiet.
                while gateway.collect(office, self.store, mailbox, reads, key, self.clock, leaving):
                    self._work_done(key, serving, loop)
                    if leaving():
                        return
                self._work_done(key, serving, loop)
                mailbox.wait(seconds, serving.bell)
                serving.hear()
                pause.reset()  # only now: a server that falls silent after the login must not be pestered
                mailbox.select()
        except TemporaryError as error:
            if imap.auth != "xoauth2" or not _has_lasted(began):
                raise
            log.info("mailbox %s: connecting anew: %s", key, error)
        finally:
            mailbox.close()

    def _work_done(self, key: str, serving: Serving, loop: asyncio.AbstractEventLoop) -> None:
        if self.pulse.beat(f"mailbox {key}"):
            log.info("mailbox %s: connected", key)
        loop.call_soon_threadsafe(serving.wake.set)

    def _leaving_mailbox(self, key: str, serving: Serving, office: Office) -> bool:
        """Asked between two pieces of long work. Who asks does not hang."""
        self.pulse.alive(f"mailbox {key}")
        return self._is_over(serving) or self.office is not office or not self._instance.holds(key)

    def _complain(self, name: str, error: Exception) -> None:
        """One clear line when trouble begins or changes; a fault of ours with its traceback, every time.

        What may be one, or a server that lies, shows its traceback with that line.
        """
        if self.stopping.is_set():
            log.info("%s: left while stopping: %s", name, error)
            return
        if not isinstance(error, MailgateError):
            log.error("%s: unexpected", name, exc_info=error)
        refused = isinstance(error, AuthorizationRefusedError)
        if self.pulse.beat(name, _words(error), at_once=refused):
            log.error("%s: waiting: %s", name, error, exc_info=_cause(error))

    # several instances

    async def _stay_known(self, done: asyncio.Event) -> None:
        """Who is not known to be there loses its mailboxes: they stop at once, and are asked for again."""
        name = "instance"
        self.pulse.expect(name, HANGS_AFTER)
        while not self.stopping.is_set():
            try:
                await asyncio.to_thread(self._instance.is_known)
                self.pulse.beat(name)
            except Exception as error:
                self._complain(name, error)
            for key, serving in self._serving.items():
                if self.pulse.holder_of.get(key) and not self._instance.believes_to_hold(key):
                    serving.ring()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), STANDBY_SECONDS)

    # who hears of trouble

    def _alarm(self) -> threading.Thread:
        """A thread of its own: a command takes its time, and whoever hangs must not keep it from looking."""
        thread = threading.Thread(target=self._look_for_trouble, name="alarm", daemon=True)
        thread.start()
        return thread

    def _look_for_trouble(self) -> None:
        kept = alarming.alarm(self.office)
        while not self.stopping.wait(self.tick_seconds):
            office = self.office
            kept.after = alarming.patience(office)
            try:
                alarming.look(office, self.store, self.pulse, kept, self.clock)
            except Exception:
                log.exception("alarm: unexpected")

    # what leaves, and what time brings

    def _leaving_submission(self, name: str, serving: Serving, office: Office) -> bool:
        """Asked before each mail. Who is not known is taken for dead, and others settle its claims."""
        self.pulse.alive(name)
        return self._is_over(serving) or self.office is not office or self._instance.is_lost

    async def _deliver(self, key: str, serving: Serving) -> None:
        name, pause = f"submission {key}", Pause()
        while not self._is_over(serving):
            office = self.office
            serving.wake.clear()
            serving.anew.clear()
            try:
                leaving = partial(self._leaving_submission, name, serving, office)
                await gateway.deliver(
                    office, self.store, key, self._instance.name, self.clock, leaving, serving.unwritten
                )
                self.pulse.beat(name)
                pause.reset()
            except Exception as error:
                self._complain(name, error)
                # No bell: a server in trouble is not asked again for every new mail.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(serving.anew.wait(), pause.longer())
                continue
            with contextlib.suppress(TimeoutError):  # what was deferred comes due without a bell
                await asyncio.wait_for(serving.wake.wait(), self.tick_seconds)

    async def _tick(self, done: asyncio.Event) -> None:
        self.pulse.expect("tick", HANGS_AFTER)
        gone = frozenset[str]()
        while not self.stopping.is_set():
            try:
                if not self.store.is_sqlite:  # seen twice: the living are soon known to a restarted database
                    gone = await asyncio.to_thread(settle_gone, self.store, self._instance, self.clock, gone)
                await asyncio.to_thread(gateway.tick, self.office, self.store, self.clock)
                self.pulse.beat("tick")
            except Exception as error:
                self._complain("tick", error)
            for serving in self._serving.values():
                serving.wake.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), self.tick_seconds)

    async def _feed_watchdog(self, done: asyncio.Event) -> None:
        seconds = notify.watchdog_seconds() or TICK_SECONDS
        while not self.stopping.is_set():
            feed_watchdog(self.pulse)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), seconds)


def _has_lasted(began: float) -> bool:
    return time.monotonic() - began >= SESSION_SECONDS


@dataclass(slots=True)
class Pause:
    """Longer after each failure in a row; jitter keeps desks from knocking in step."""

    seconds: float = BACK_OFF[0]

    def longer(self) -> float:
        now, self.seconds = self.seconds, min(self.seconds * 2, BACK_OFF[1])
        return now * random.uniform(0.8, 1.2)  # noqa: S311  # not a secret

    def reset(self) -> None:
        self.seconds = BACK_OFF[0]
