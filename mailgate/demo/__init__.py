"""How does a newcomer see it work? One complaint from arrival to closing, on servers of the demo's own."""

import imaplib
import logging
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import FrameType
from typing import NoReturn
from zoneinfo import ZoneInfo

from rich.console import Console

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what two quiet libraries say of newer Pythons is no newcomer's business
    from mailgate.demo.world import World

from mailgate import gateway
from mailgate.demo import farewell, folder, screen, story
from mailgate.demo.people import Client, Person
from mailgate.desk.calendar import calendar
from mailgate.errors import MailgateError
from mailgate.gateway import Office
from mailgate.service import Service
from mailgate.settings import Settings, load, load_holidays, shipped
from mailgate.store.database import Store, upgrade

TICK_SECONDS = 0.5
STOPPING_SECONDS = 10
LOG_LINES_SHOWN = 15
STORY_LASTS = timedelta(hours=3)
"""From the complaint to its resolution, generously."""
FURTHEST_BACK_WEEKS = 60
EX_TROUBLE = 1


def play(checked: bool) -> int:
    """Watch it and try it out, or only check it; the exit code of `mailgate demo`."""
    prefix = "mailgate-demo-"
    with _interruptible(), tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        log = Path(name) / "mailgate.log"
        with _logging_to(log):
            try:
                _played(Path(name), checked=checked)
            except KeyboardInterrupt:
                print("\nThe demo was interrupted." if checked else "\nGoodbye.")
                return EX_TROUBLE if checked else 0
            except (story.WrongError, MailgateError, OSError, imaplib.IMAP4.error) as error:
                _explain(error, log)
                return EX_TROUBLE
    return 0


def _played(place: Path, *, checked: bool) -> None:
    console = Console(highlight=False)
    with ExitStack() as stack:
        stage = _stage(place, screen.Checked() if checked else screen.Watched(console), stack)
        began = datetime.now(UTC)
        number = story.play(stage)
        if checked:
            print(f"The demo works: {number}, {(datetime.now(UTC) - began).total_seconds():.1f} s.")
            return
        stage.clock.leap(datetime.now(UTC))  # from here on the demo's time is everybody's
        farewell.show(console, place, stage, number)
        while True:
            stage.alive()
            threading.Event().wait(1)


def _stage(place: Path, audience: screen.Screen, stack: ExitStack) -> story.Stage:
    """Start everything; `stack` ends it, the servers last."""
    original = shipped("settings.toml")
    asked = load(original)
    clock = story.Clock(_beginning(asked, original.parent), lambda: datetime.now(UTC))
    mailboxes = folder.mailboxes(asked, [story.RINA])
    world = stack.enter_context(World(mailboxes, folder.PASSWORD, clock, folder.certificate(place)))
    office = gateway.office(folder.write_settings(place, world.ports), place)
    store = Store(office.settings.service.database)
    stack.callback(store.close)
    upgrade(store)
    alive = stack.enter_context(_serving(office, store, clock))
    clients = {}
    for owner in sorted(set(mailboxes.values())):
        clients[owner] = Client(_person(asked, owner), world.ports, folder.PASSWORD, clock)
        stack.callback(clients[owner].close)
    desks = {key: clients.pop(desk.address.casefold()) for key, desk in asked.desks.items()}
    return story.Stage(office, store, clock, audience, clients, desks, world.ports, alive)


def _person(asked: Settings, owner: str) -> Person:
    staff = (Person(one.name, one.address) for desk in asked.desks.values() for one in desk.staff)
    known = (one for one in (story.RINA, *staff) if one.address.casefold() == owner)
    return next(known, Person("", owner))


def _beginning(asked: Settings, base: Path) -> datetime:
    """The last Monday, 09.00, that was a day of service and from which the whole story lies in the past."""
    desk, zone = asked.desks[story.DESK], ZoneInfo(asked.service.timezone)
    hours = asked.hours_of(desk)
    days = calendar(hours, load_holidays(base / hours.holidays) if hours.holidays else {}, zone.key)
    today = datetime.now(zone).date()
    mondays = (today - timedelta(days=today.weekday() + 7 * weeks) for weeks in range(FURTHEST_BACK_WEEKS))
    starts = (datetime.combine(monday, time(9), zone) for monday in mondays)
    return next(
        start
        for start in starts
        if days.is_open(start) and days.add(start + STORY_LASTS, desk.close_after) < datetime.now(UTC)
    )


@contextmanager
def _serving(office: Office, store: Store, clock: gateway.Clock) -> Iterator[Callable[[], None]]:
    """The daemon, as `mailgate run` starts it; yields what raises once it has ended."""
    service = Service(office, store, clock, tick_seconds=TICK_SECONDS)
    ended: Future[int] = Future()
    thread = threading.Thread(target=_serve, args=(service, ended), name="service", daemon=True)
    thread.start()
    try:
        yield lambda: _still_there(ended)
    finally:
        service.stop()
        thread.join(STOPPING_SECONDS)


def _serve(service: Service, ended: "Future[int]") -> None:
    try:
        ended.set_result(service.run())
    except BaseException as error:
        ended.set_exception(error)


def _still_there(ended: "Future[int]") -> None:
    if ended.done():
        raise story.WrongError(f"the service ended with {ended.result()}, and nobody asked it to")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C and SIGTERM both end the demo, and the second of them does not cut the end short."""
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  # a signal's shape
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Everything that is logged goes into a file; the terminal belongs to the story."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    before, level = root.handlers, root.level
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("mail.log", "pymap", "imapclient", "aiosmtplib", "alembic", "mailparser", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    root.handlers, root.level = before, level
    handler.close()


def _explain(error: Exception, log: Path) -> None:
    print(f"FAIL  {error or type(error).__name__}", file=sys.stderr)
    lines = log.read_text(encoding="utf-8").splitlines()[-LOG_LINES_SHOWN:]
    print(f"The last {len(lines)} lines of mailgate's log:", *lines, sep="\n  ", file=sys.stderr)
