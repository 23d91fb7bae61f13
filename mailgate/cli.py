"""The command line: what an admin can ask for."""

import json
import os
import signal
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from io import TextIOWrapper
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

import typer

from mailgate import __version__
from mailgate.errors import MailgateError, SettingsError, TemporaryError, UsageError

if TYPE_CHECKING:
    from mailgate.desk.situation import Counter
    from mailgate.gateway import Office
    from mailgate.settings import Limits, Settings
    from mailgate.store.canaries import Canary
    from mailgate.store.database import Store
    from mailgate.store.mails import Kept

# Everything heavy is imported inside the command that needs it: `--help` must not open a database driver.

app = typer.Typer(
    name="mailgate",
    help="An e-mail help desk gateway: mailboxes become tickets, staff answer by mail.\n\n"
    "No settings yet? `mailgate demo` needs none.\n\n"
    "Exit codes: 0 fine, 1 trouble found, 2 wrong usage or settings,\n75 try again later.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
aside_app = typer.Typer(help="Mail that could not be read and waits for you.", no_args_is_help=True)
outbox_app = typer.Typer(help="Mail that is to leave.", no_args_is_help=True)
blocked_app = typer.Typer(
    help="Senders that staff silenced with #spam, and addresses to which mail comes back.",
    no_args_is_help=True,
)
db_app = typer.Typer(help="The database.", no_args_is_help=True)
rules_app = typer.Typer(help="The office's rules for new mail.", no_args_is_help=True)
app.add_typer(aside_app, name="aside")
app.add_typer(outbox_app, name="outbox")
app.add_typer(blocked_app, name="blocked")
app.add_typer(db_app, name="db")
app.add_typer(rules_app, name="rules")

CANARY_LOOK_SECONDS = 0.2
EX_TROUBLE, EX_USAGE, EX_TEMPFAIL = 1, 2, 75
MOST_ID = 2**63 - 1  # what both databases count up to
MailId = Annotated[int, typer.Argument(min=1, max=MOST_ID, help="Its id from the list.")]
AsideIds = Annotated[
    list[int] | None, typer.Argument(min=1, max=MOST_ID, help="Ids from the list; or --all.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON array, moments in ISO 8601.")]
DeskOption = Annotated[str | None, typer.Option("--desk", help="Only this desk (its key in the settings).")]


class LogLevel(StrEnum):
    """From how serious a line on it is written to stderr."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class Chosen:
    """What the options before the command say."""

    settings = Path("settings.toml")
    log_level = LogLevel.INFO


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mailgate {__version__}")
        raise typer.Exit


@app.callback()
def options(
    settings: Annotated[
        Path, typer.Option("--settings", envvar="MAILGATE_SETTINGS", help="The settings file.")
    ] = Path("settings.toml"),
    log_level: Annotated[
        LogLevel, typer.Option("--log-level", help="What `run` writes to stderr.", case_sensitive=False)
    ] = LogLevel.INFO,
    version: Annotated[  # noqa: ARG001  # its callback answers
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    Chosen.settings, Chosen.log_level = settings, log_level


def main() -> None:
    """The entry point of the console script."""
    from mailgate.logs import printable

    if isinstance(sys.stdout, TextIOWrapper):  # mail has letters that a terminal of another charset lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except MailgateError as error:
        for line in str(error).splitlines():
            print(printable(line), file=sys.stderr)
        sys.exit(EX_TEMPFAIL if isinstance(error, TemporaryError) else EX_USAGE)
    except UnicodeEncodeError:
        odd = [one for one in sys.argv[1:] if not _is_text(one)]  # no id and no address has such octets
        if not odd:
            raise
        print(f"{printable(ascii(odd[0]))}: not UTF-8", file=sys.stderr)
        sys.exit(EX_USAGE)
    except BrokenPipeError:  # `mailgate tickets | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing to complain of at the exit
        sys.exit(0)


def _is_text(argument: str) -> bool:
    return not any("\udc80" <= one <= "\udcff" for one in argument)  # PEP 383


# --- what commands share ----------------------------------------------------------------------------------


def _settings() -> "Settings":
    from mailgate.settings import load

    if not Chosen.settings.exists():
        raise SettingsError(
            f"{Chosen.settings}: no such settings file; name it with --settings FILE or MAILGATE_SETTINGS, "
            "or try `mailgate demo`, which needs none"
        )
    return load(Chosen.settings)


def _office() -> "Office":
    from mailgate.gateway import office

    return office(_settings(), Chosen.settings.resolve().parent)


def _counters(settings: "Settings") -> "Mapping[str, Counter]":
    """The calendars with it, and no templates: one that is wrong stops no look."""
    from mailgate.gateway import counters

    return counters(settings, Chosen.settings.resolve().parent)


@contextmanager
def _store(settings: "Settings") -> "Iterator[Store]":
    from mailgate.store.database import Store

    store = Store(settings.service.database)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _known_store() -> "Iterator[tuple[Settings, Store]]":
    """For commands that look: the schema must be there already, a look makes nothing."""
    from mailgate.store.database import require_current, version

    settings = _settings()
    with _store(settings) as store:
        if not store.is_there() or version(store) is None:
            _fail("the database is empty: `mailgate run` or `mailgate db upgrade` creates it")
        require_current(store)
        yield settings, store


def _moment(text: str, zone: ZoneInfo, option: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r}: no moment; write 2026-08-03T09:12 or 2026-08-03T09:12+07:00"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def _print_json(rows: Any) -> None:
    from mailgate.logs import escaped

    print(escaped(json.dumps(rows, ensure_ascii=not _is_utf_8(), indent=2)))


def _is_utf_8() -> bool:
    """Else JSON writes what is beyond ASCII in its own way, which every parser knows."""
    return sys.stdout.encoding.lower() == "utf-8"


def _table(columns: list[str], rows: list[list[str]], empty: str, *, cut: bool = False) -> None:
    """The last column gets the room that is left; it is cut there, or goes on below."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from mailgate.logs import printable

    if not rows:
        print(empty)
        return
    console, table = Console(), Table(box=None, pad_edge=False, collapse_padding=True)
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    cells = [[Text("\n".join(printable(line) for line in cell.split("\n"))) for cell in row] for row in rows]
    taken = sum(
        1 + max(len(name), *(row[at].cell_len for row in cells)) for at, name in enumerate(columns[:-1])
    )
    for row in cells:
        if cut:
            row[-1].truncate(max(console.width - taken, len(columns[-1])), overflow="ellipsis")
        table.add_row(*row)
    console.print(table)


def _know_desk(settings: "Settings", desk: str | None) -> None:
    if desk is not None and desk not in settings.desks:
        raise UsageError(f"--desk {desk}: no such desk; the settings have {', '.join(settings.desks)}")


def _fail(text: str) -> NoReturn:
    from mailgate.logs import printable

    print(printable(text), file=sys.stderr)  # an id or address was copied out of some mail
    raise typer.Exit(EX_TROUBLE)


# --- the service ------------------------------------------------------------------------------------------


@app.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="One full pass, then exit.")] = False,
    now: Annotated[
        str | None, typer.Option("--now", help="For drills: freeze every recorded moment at this one.")
    ] = None,
) -> None:
    """Serve the mailboxes for ever, or once; a database that is not there yet is created.

    Examples: mailgate run · mailgate run --once ·
    mailgate run --once --now 2026-08-03T09:12
    """
    from mailgate import logs

    if now is not None and not once:
        raise UsageError("--now freezes the clock and goes with --once only")
    logs.start(Chosen.log_level)
    if not once:
        # It means "read the settings anew", and that is what a start does: it must not end one under way,
        # which systemd would take for a clean exit.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    office = _office()
    with _store(office.settings) as store:
        clock = _clock(office, store, now)
        raise typer.Exit(_run_once(office, store, clock) if once else _run(office, store, clock))


def _clock(office: "Office", store: "Store", now: str | None) -> Callable[[], datetime]:
    if now is None:
        return lambda: datetime.now(UTC)
    from mailgate.store.database import require_current
    from mailgate.views import last_moment

    frozen = _moment(now, office.timezone, "--now")
    require_current(store)
    with store.reading() as look:
        last = last_moment(look)
    if last is not None and frozen < last:
        raise UsageError(
            f"--now {now}: earlier than the last recorded event ({last.astimezone(office.timezone)}); "
            "a drill goes forward only"
        )
    return lambda: frozen


def _run_once(office: "Office", store: "Store", clock: Callable[[], datetime]) -> int:
    from mailgate.service import run_once

    return run_once(office, store, clock)


def _run(office: "Office", store: "Store", clock: Callable[[], datetime]) -> int:
    from mailgate.service import Service

    return Service(office, store, clock, reload=_office).run()


@app.command()
def check(
    offline: Annotated[bool, typer.Option("--offline", help="Nothing over the network.")] = False,
    send_test: Annotated[
        bool, typer.Option("--send-test", help="Each desk also writes to itself; is that mail back?")
    ] = False,
    wait: Annotated[
        int, typer.Option("--wait", min=1, max=3600, help="Seconds for each mail of --send-test.")
    ] = 60,
    as_json: Json = False,
) -> None:
    """Find what would go wrong before it goes wrong; exit 1 when something would.

    --send-test: each desk sends one marked mail to itself, which is found again
    in its mailbox: did it arrive, and with our Message-ID? The service may run
    meanwhile, no ticket comes of it.

    Examples: mailgate check · mailgate check --offline --json ·
    mailgate check --send-test --wait 300
    """
    from mailgate.check import Verdict, findings
    from mailgate.gateway.round_trip import Patience

    if offline and send_test:
        raise UsageError("check --offline --send-test: a mail needs the network; leave one of them out")
    office = _office()
    today = datetime.now(office.timezone).date()
    with _waiting("looking") as say:
        test = Patience(wait, say) if send_test else None
        found = list(findings(office, offline=offline, today=today, send_test=test))
    if as_json:
        _print_json([{"verdict": one.verdict, "what": one.what, "text": one.text} for one in found])
    else:
        rows = [[one.verdict.value, one.what, one.text] for one in found]
        _table(["", "what", "found"], rows, "nothing to check")
    raise typer.Exit(EX_TROUBLE if any(one.verdict is Verdict.FAIL for one in found) else 0)


@app.command()
def authorize(
    desk: Annotated[str, typer.Argument(help="Its key in the settings.")],
    no_listen: Annotated[
        bool, typer.Option("--no-listen", help="No listener on this machine: only a pasted answer counts.")
    ] = False,
) -> None:
    """Let mailgate into a desk's mailbox at Google or Microsoft: obtain, keep and prove the refresh token.

    Prints an address to open in a browser; the answer comes back by itself, or is
    pasted. A running service uses the new token by itself. Exit 1: the token is
    kept, and a server does not take it.

    Examples: mailgate authorize lpse · mailgate authorize lpse --no-listen
    """
    from mailgate.authorizing import Terminal, authorized
    from mailgate.check import Verdict

    office = _office()
    terminal = Terminal(lambda text: print(text, flush=True), sys.stdin.fileno())
    found = list(authorized(office, desk, terminal, listen=not no_listen))
    _table(["", "what", "found"], [[one.verdict.value, one.what, one.text] for one in found], "")
    raise typer.Exit(EX_TROUBLE if any(one.verdict is Verdict.FAIL for one in found) else 0)


@app.command()
def demo(
    checked: Annotated[
        bool, typer.Option("--check", help="Play unattended, verify every step, exit 0 or 1.")
    ] = False,
) -> None:
    """Watch one complaint from arrival to closing on embedded servers; then try it with your mail client.

    Examples: mailgate demo · mailgate demo --check
    """
    try:
        from mailgate.demo import play
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the demo needs the extra `demo` ({error.name} is missing): pip install 'mailgate[demo]'"
        ) from error
    raise typer.Exit(play(checked=checked))


@app.command()
def canary(
    desk: DeskOption = None,
    wait: Annotated[
        float | None,
        typer.Option("--wait", min=0, max=10_080, help="Minutes; else service.canary_within_minutes."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Let each desk write to itself by the running service, and wait until that mail is back.

    Exit 0 with the time it took, 1 when one is not back in time, 75 when no
    service runs.

    Examples: mailgate canary · mailgate canary --desk kominfo --wait 2 --json
    """
    from mailgate import views
    from mailgate.store.database import require_current
    from mailgate.store.presence import is_served

    office = _office()
    _know_desk(office.settings, desk)
    within = office.settings.service.canary_within_minutes if wait is None else wait
    with _store(office.settings) as store:
        if not store.is_there() or not is_served(store):
            raise TemporaryError("no service runs on this database, so nothing would leave: `mailgate run`")
        require_current(store)
        wanted = [desk] if desk else list(office.settings.desks)
        found = _awaited(office, store, wanted, timedelta(minutes=within))
    rows = [views.canary_row(one, office.timezone) for one in found]
    if as_json:
        _print_json(rows)
    else:
        for row in rows:
            views.print_canary(row)
    raise typer.Exit(0 if all(row["returned_at"] for row in rows) else EX_TROUBLE)


def _awaited(office: "Office", store: "Store", desks: list[str], within: timedelta) -> "list[Canary]":
    """One from each, as they stand when all are back, none can come any more, or time is up."""
    import time

    from mailgate.gateway.canary import released
    from mailgate.store import canaries, outbox

    with store.writing() as write:
        now = datetime.now(UTC)
        tokens = [released(office, write, office.counters[key], now, within, asked=True) for key in desks]
    until, final = time.monotonic() + within.total_seconds(), {outbox.FAILED, "cancelled"}
    with _waiting() as say:
        while True:
            with store.reading() as look:
                found = canaries.named(look, tokens)
            open_ = [one for one in found if one.returned_at is None and one.state not in final]
            if not open_ or time.monotonic() >= until:
                return found
            say(", ".join(f"{one.desk}: {one.state}" for one in open_))
            time.sleep(CANARY_LOOK_SECONDS)


@contextmanager
def _waiting(first: str = "written") -> "Iterator[Callable[[str], None]]":
    """A line on stderr when that is a terminal; yields what changes it."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(first) as line:
        yield lambda text: line.update(Text(text))


# --- reading ----------------------------------------------------------------------------------------------


@app.command()
def read(
    source: Annotated[
        str, typer.Argument(help="An .eml file, a folder of them, an mbox, a Maildir, or - for stdin.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """What mailgate reads in raw mail; exit 1 when a mail would be set aside.

    Examples: mailgate read complaint.eml · mailgate read ~/Maildir --json ·
    mailgate read - < complaint.eml
    """
    from mailgate import reading, sources
    from mailgate.message.worker import reader as reading_worker

    limits = _limits()
    files = sources.files(source)
    trouble = False
    with reading_worker(limits) as reader, _progress(None if files is None else len(files)) as step:
        found = sources.mails(_counted(files, step), limits.message_mib << 20)
        for row in reading.records(reader, found):
            trouble = trouble or row["error"] is not None
            print(json.dumps(row, ensure_ascii=not _is_utf_8()) if as_json else reading.readable(row))
    raise typer.Exit(EX_TROUBLE if trouble else 0)


@rules_app.command("test")
def rules_test(
    source: Annotated[
        str, typer.Argument(help="An .eml file, a folder of them, an mbox, a Maildir, or - for stdin.")
    ],
    desk: Annotated[
        str | None, typer.Option("--desk", help="Its rules; else those of the desk that the mail is to.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Which rule matches a mail and why the others do not; changes nothing. Exit 1: a mail cannot be read.

    Mail that is to no desk is judged by every desk. Service hours are looked up
    for the moment of its Date.

    Examples: mailgate rules test complaint.eml ·
    mailgate rules test ~/Maildir --desk kominfo --json
    """
    from mailgate import sources, views
    from mailgate.message.worker import reader as reading_worker

    settings = _settings()
    _know_desk(settings, desk)
    counters, now, rows = _counters(settings), datetime.now(UTC), []
    files, most = sources.files(source), settings.limits.message_mib << 20
    with reading_worker(settings.limits) as reader, _progress(None if files is None else len(files)) as step:
        found, ahead = tee(sources.mails(_counted(files, step), most))  # the reader takes several at once
        for mail, message in zip(found, reader.read_all(one.raw for one in ahead), strict=True):
            judged = views.judged_rows(mail, message, counters, desk, now)
            rows += judged
            for row in () if as_json else judged:
                _print_judged(row)
    if as_json:
        _print_json(rows)
    raise typer.Exit(EX_TROUBLE if any(row["error"] for row in rows) else 0)


def _print_judged(row: dict[str, Any]) -> None:
    from mailgate import views

    _table(["", ""], views.judged_head(row), "")
    if row["moment"]:  # it could be read
        _table(*views.judged_table(row), "  no rules to ask")


def _limits() -> "Limits":
    """Those of the settings file where there is one: mail can be read before anything is set up."""
    from mailgate.settings import Limits, load

    return load(Chosen.settings).limits if Chosen.settings.exists() else Limits()


def _counted(files: "list[Path] | None", step: Callable[[], None]) -> "Iterator[Path] | None":
    """The same files; each is counted as it is taken."""

    def each() -> "Iterator[Path]":
        for one in files or ():
            step()
            yield one

    return None if files is None else each()


@contextmanager
def _progress(total: int | None) -> "Iterator[Callable[[], None]]":
    """A bar on stderr when that is a terminal and there is something to count; yields what counts one."""
    if total is None or total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("reading", total=total)
        yield lambda: bar.advance(task)


@app.command()
def holidays(
    year: Annotated[int, typer.Argument(help="Such as 2027.")],
) -> None:
    """A proposed holidays file for Indonesia: compare it with the decree, then copy its lines into yours.

    The file in use (hours.holidays) needs the years before as well: it is added
    to, not replaced.

    Example: mailgate holidays 2027 > holidays-2027.toml
    """
    from mailgate.holiday_file import proposed

    print(proposed(year), end="")


# --- looking ----------------------------------------------------------------------------------------------


@app.command()
def tickets(
    desk: DeskOption = None,
    status: Annotated[
        str | None, typer.Option("--status", help="new, open, pending, resolved or closed.")
    ] = None,
    holder: Annotated[str | None, typer.Option("--holder", help="Listed address of a staff member.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is past its due moment.")] = False,
    since: Annotated[str | None, typer.Option("--since", help="Received on this day or later.")] = None,
    as_json: Json = False,
) -> None:
    """List tickets, unfinished ones first.

    Examples: mailgate tickets --desk kominfo --status open ·
    mailgate tickets --overdue --json
    """
    from mailgate import views
    from mailgate.desk.ticket import Status
    from mailgate.store.tickets import Wanted, listed

    if status is not None and status not in list(Status):
        raise UsageError(f"--status {status}: no such status; there are {', '.join(Status)}")
    with _known_store() as (settings, store):
        _know_desk(settings, desk)
        zone, now = ZoneInfo(settings.service.timezone), datetime.now(UTC)
        after = _moment(since, zone, "--since") if since else None
        with store.reading() as look:
            found = listed(look, Wanted(desk, status, holder, now if overdue else None, after))
        rows = [views.ticket_row(ticket, settings, now) for ticket in found]
        if as_json:
            _print_json(rows)
        else:
            _table(*views.ticket_table(rows), "no tickets", cut=True)


@app.command()
def show(number: str, as_json: Json = False) -> None:
    """One ticket: history, mails, and the clock with each interval that was counted.

    Examples: mailgate show KOM-2026-000123 · mailgate show KOM-2026-000123 --json
    """
    from mailgate import views

    with _known_store() as (settings, store), store.reading() as look:
        now = datetime.now(UTC)
        full = views.ticket_full(look, number.upper(), settings, now)
        if full is None:
            _fail(f"{number}: no such ticket; `mailgate tickets` lists them")
        full |= views.counted(look, number.upper(), _counters(settings), now)
        if as_json:
            _print_json(full)
        else:
            views.print_ticket(full)


@app.command()
def why(message: str, as_json: Json = False) -> None:
    """Why one incoming mail was treated as it was: its Message-ID, or its id from a list or the log.

    Examples: mailgate why '<abc@mail.example>' · mailgate why 17 --json
    """
    from mailgate import views

    with _known_store() as (settings, store), store.reading() as look:
        found = views.decisions(look, message, ZoneInfo(settings.service.timezone))
        if not found:
            _fail(
                f"{message}: no mail with this id came in; `mailgate show NUMBER` lists the ids of a ticket"
            )
        if as_json:
            _print_json(found)
        else:
            for one in found:
                views.print_decision(one)


@app.command()
def status(as_json: Json = False) -> None:
    """The service on one screen: what waits at each desk.

    Examples: mailgate status · mailgate status --json
    """
    from mailgate import views

    with _known_store() as (settings, store), store.reading() as look:
        rows = views.status_rows(look, settings, datetime.now(UTC))
    if as_json:
        _print_json(rows)
    else:
        for row in rows:
            views.print_status(row)


@aside_app.command("list")
def aside_list(desk: DeskOption = None, as_json: Json = False) -> None:
    """What waits, oldest first.

    Examples: mailgate aside list · mailgate aside list --desk kominfo --json
    """
    from mailgate import views

    with _known_store() as (settings, store):
        _know_desk(settings, desk)
        with store.reading() as look:
            rows = views.aside_rows(look, desk, ZoneInfo(settings.service.timezone))
    if as_json:
        _print_json(rows)
    else:
        cells = [
            [
                str(row["id"]),
                row["desk"],
                row["received_at"][:16].replace("T", " "),
                views.block(row["author"], row["reason"]),
            ]
            for row in rows
        ]
        _table(["id", "desk", "received", "from, reason"], cells, "nothing is set aside")


@aside_app.command("show")
def aside_show(mail: MailId) -> None:
    """The raw mail on stdout, as it was received; on a terminal without its control characters.

    Examples: mailgate aside show 17 · mailgate aside show 17 > 17.eml
    """
    from mailgate.logs import printable
    from mailgate.store import mails

    with _known_store() as (_, store), store.reading() as look:
        kept = mails.one(look, mail)
    if kept is None:
        _fail(f"{mail}: no mail with this id; `mailgate aside list` names those that wait")
    if sys.stdout.isatty():
        for line in kept.raw.decode("utf-8", "replace").splitlines():
            print(printable(line))
    else:
        sys.stdout.buffer.write(kept.raw)


@aside_app.command("export")
def aside_export(
    mail: AsideIds = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is set aside.")] = False,
    desk: DeskOption = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the files; made when missing.")] = Path(),
) -> None:
    """Write mail that was set aside to files, as it was received: to look into it, or to report a fault.

    Examples: mailgate aside export 17 18 --out /tmp ·
    mailgate aside export --all --desk kominfo --out aside
    """
    from mailgate.store import mails

    with _chosen_aside(mail, everything, desk, "export") as (store, wanted):
        with store.reading() as look:
            waits = {one.mail_id for one in mails.aside(look)}
            found = {one: mails.one(look, one) for one in wanted if one in waits}
        for one, kept in found.items():
            if kept is not None:
                print(f"{one}: {_exported(kept, out)}")
    _say_of_others(wanted, found)


def _exported(kept: "Kept", out: Path) -> Path:
    """The file, which nobody else may read and which overwrites none."""
    path = out / f"{kept.desk}-{kept.id}.eml"
    try:
        out.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(kept.raw)
    except FileExistsError:
        _fail(f"{path} is there already: move it away, or name another folder with --out")
    except OSError as error:
        _fail(f"{path}: {error.strerror}; name another folder with --out")
    return path


@aside_app.command("drop")
def aside_drop(
    mail: AsideIds = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is set aside; asks first.")] = False,
    desk: DeskOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for `mailgate why`.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Nothing is to be done about these: nobody is answered, they leave the set-aside folder of the server.

    Their bytes stay in the store, and in the folder of processed mail.

    Examples: mailgate aside drop 17 --reason "an attack" ·
    mailgate aside drop --all --desk kominfo --yes
    """
    from mailgate.store import mails

    why = ": ".join(part for part in ("dropped by the admin", " ".join(reason.split())) if part)
    with _chosen_aside(mail, everything, desk, "drop") as (store, wanted):
        if everything and wanted and not yes and not typer.confirm(f"drop {len(wanted)} mails?"):
            _fail("nothing was dropped")
        with store.writing() as write:
            done = [one for one in wanted if mails.drop(write, one, why, datetime.now(UTC))]
    for one in done:
        print(f"{one}: dropped")
    _say_of_others(wanted, done)


@aside_app.command("replay")
def aside_replay(
    mail: AsideIds = None,
    everything: Annotated[bool, typer.Option("--all", help="All that can be read again.")] = False,
    desk: DeskOption = None,
) -> None:
    """Let mail be read once more, after a fix; the running service takes it up with its next look.

    To move it from the set-aside folder back into the INBOX with a mail client
    does the same.

    Examples: mailgate aside replay 17 18 ·
    mailgate aside replay --all --desk kominfo
    """
    from mailgate.store import mails

    with _chosen_aside(mail, everything, desk, "replay") as (store, wanted), store.writing() as write:
        done = [one for one in wanted if mails.replay(write, one)]
    for one in done:
        print(f"{one}: will be read again")
    _say_of_others(wanted, done)


@contextmanager
def _chosen_aside(
    mail: list[int] | None, everything: bool, desk: str | None, command: str
) -> Iterator[tuple["Store", list[int]]]:
    """The store, and the ids that were named, or all that are set aside."""
    from mailgate.store import mails

    if bool(mail) == everything:
        raise UsageError(f"aside {command}: name ids, or --all")
    with _known_store() as (settings, store):
        _know_desk(settings, desk)
        with store.reading() as look:
            wanted = list(dict.fromkeys(mail or [one.mail_id for one in mails.aside(look, desk)]))
        yield store, wanted


def _say_of_others(wanted: Iterable[int], done: Container[int]) -> None:
    """And exit 1 where there are any."""
    others = [one for one in wanted if one not in done]
    for one in others:
        print(f"{one}: is not set aside")
    if others:
        raise typer.Exit(EX_TROUBLE)


@outbox_app.command("list")
def outbox_list(
    desk: DeskOption = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            help="ready, sending, deferred, uncertain, failed, cancelled or sent; held or paused: what waits "
            "for a limit, or until its mail server wants mail again.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """What has not left yet, and what failed.

    Before the list stands what keeps a desk's mail back, if anything does.

    Examples: mailgate outbox list · mailgate outbox list --state failed --json ·
    mailgate outbox list --desk kominfo --state held
    """
    from mailgate import views

    if state is not None and state not in views.OUTBOX_STATES:
        raise UsageError(f"--state {state}: no such state; there are {', '.join(views.OUTBOX_STATES)}")
    with _known_store() as (settings, store):
        _know_desk(settings, desk)
        with store.reading() as look:
            rows = views.outbox_rows(look, settings, desk, state, datetime.now(UTC))
            brakes = views.brakes(look, settings, datetime.now(UTC))
    if not as_json:
        views.print_brakes([one for one in brakes if desk in (None, one["desk"])])
    if as_json:
        _print_json(rows)
    else:
        _table(*views.outbox_table(rows), "nothing waits")


@outbox_app.command("retry")
def outbox_retry(
    message_id: Annotated[str | None, typer.Argument(help="Message-ID, or its part before the @.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything deferred or uncertain.")] = False,
    desk: Annotated[
        str | None, typer.Option("--desk", help="Everything deferred or uncertain of this desk.")
    ] = None,
) -> None:
    """Try again at once; a mail that failed only by its own id.

    --desk and --all also end the pause that a mail server asked for. Limits stay:
    what they hold leaves as the time rolls on.

    Examples: mailgate outbox retry --desk kominfo · mailgate outbox retry --all ·
    mailgate outbox retry rjgcjbdvbj5hwd5kfv2xf7cgmu
    """
    from mailgate.store import outbox, submission

    if [message_id is not None, everything, desk is not None].count(True) != 1:
        raise UsageError("outbox retry: name a Message-ID, or --all, or --desk D")
    with _known_store() as (settings, store), store.writing() as write:
        _know_desk(settings, desk)
        wanted = message_id.strip("<>") if message_id else None
        count = outbox.retry(write, wanted, datetime.now(UTC), desk)
        lifted = 0 if message_id else submission.lift(write, desk)
    if message_id and not count:
        _fail(f"{message_id}: nothing that waits or failed has this id; `mailgate outbox list` names them")
    print(f"{count} will be tried again" + (f", {lifted} pause ended" if lifted else ""))


@outbox_app.command("cancel")
def outbox_cancel(
    message_ids: Annotated[
        list[str] | None, typer.Argument(help="Message-IDs, or their parts before the @.")
    ] = None,
    desk: Annotated[
        str | None, typer.Option("--desk", help="With --automatic: the desk whose automatic mail it is.")
    ] = None,
    automatic: Annotated[
        bool, typer.Option("--automatic", help="All that waits but words of people and alerts.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before all automatic mail.")] = False,
) -> None:
    """Let mail that waits never leave; its ticket notes it. Exit 1: something could not be cancelled.

    What is on its way or has left is refused. An uncertain mail may have arrived
    all the same. A cancelled notice that the repair begins starts no clock and is
    void, a ticket waits for no answer to a cancelled question, and whoever has
    the ticket is told by mail of words that the requester does not get.

    Examples: mailgate outbox cancel rjgcjbdvbj5hwd5kfv2xf7cgmu ·
    mailgate outbox cancel --desk kominfo --automatic
    """
    from mailgate.gateway import cancelling
    from mailgate.logs import printable

    if bool(message_ids) == automatic or automatic != (desk is not None):
        raise UsageError("outbox cancel: name Message-IDs, or --desk D --automatic")
    with _known_store() as (settings, store):
        _know_desk(settings, desk)
        if desk is not None and not yes:
            _ask(f"Cancel all automatic mail of {desk} that waits?")
        office, now, wanted = _office(), datetime.now(UTC), [one.strip("<>") for one in message_ids or ()]
        done = store.written(
            lambda write: (
                cancelling.automatic(office, write, desk, now)
                if desk is not None
                else cancelling.by_id(office, write, wanted, now)
            )
        )
    for one in done:
        print(printable(f"{one.wanted}: {one.words}"))
    if desk is not None:
        print(f"{len(done)} cancelled")
    raise typer.Exit(0 if all(one.cancelled for one in done) else EX_TROUBLE)


def _ask(question: str) -> None:
    """Whoever does not say yes leaves with nothing done."""
    if not sys.stdin.isatty():
        raise UsageError("outbox cancel: nobody can be asked here; add --yes")
    typer.confirm(question, abort=True)


@blocked_app.command("list")
def blocked_list(desk: DeskOption = None, as_json: Json = False) -> None:
    """Whose mail opens no ticket, and who gets no automatic mail because it comes back; oldest first.

    Examples: mailgate blocked list · mailgate blocked list --desk kominfo --json
    """
    from mailgate import views

    with _known_store() as (settings, store):
        _know_desk(settings, desk)
        with store.reading() as look:
            rows = views.blocked_rows(look, desk, ZoneInfo(settings.service.timezone))
    if as_json:
        _print_json(rows)
    else:
        _table(*views.blocked_table(rows), "nobody is blocked")


@blocked_app.command("remove")
def blocked_remove(
    address: Annotated[str, typer.Argument(help="As the list shows it, in any case.")],
    desk: DeskOption = None,
) -> None:
    """Hear a sender again, and write to an address again to which mail came back.

    Mail of a silenced sender that came meanwhile is kept, `mailgate why` finds
    it.

    Examples: mailgate blocked remove iklan@example.com ·
    mailgate blocked remove iklan@example.com --desk X
    """
    from mailgate.logs import printable
    from mailgate.store import blocks, unreachable

    with _known_store() as (settings, store), store.writing() as write:
        _know_desk(settings, desk)
        count = blocks.remove(write, desk, address)
        dead = unreachable.remove(write, desk, address)
    if not count and not dead:
        where = f" at {desk}" if desk else ""
        _fail(f"{address}: not blocked{where}; `mailgate blocked list` names those who are")
    if count:
        print(printable(f"{address}: heard again, at {count} {'desk' if count == 1 else 'desks'}"))
    if dead:
        print(printable(f"{address}: written to again, at {dead} {'desk' if dead == 1 else 'desks'}"))


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Bring the database to the schema of this mailgate; creates it when it is not there.

    Example: mailgate db upgrade, with the service stopped and a backup made
    """
    from mailgate.store.database import HEAD, upgrade, version

    with _store(_settings()) as store:
        before = version(store) if store.is_there() else None
        upgrade(store)
    print(f"schema {HEAD}" + ("" if before == HEAD else f", was {before or 'empty'}"))


@db_app.command("check")
def db_check() -> None:
    """Whether the database can be used as it is; exit 1 when it cannot.

    Example: mailgate db check
    """
    from mailgate.store.database import HEAD, version

    with _store(_settings()) as store:
        found = version(store) if store.is_there() else None
    if found != HEAD:
        _fail(f"schema {found or 'empty'}, this mailgate speaks {HEAD}: run `mailgate db upgrade`")
    print(f"schema {HEAD}: fine")


if __name__ == "__main__":
    main()
