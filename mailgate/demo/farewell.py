"""What can a newcomer try now? How to point a mail client at the demo, and what to write."""

import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from mailgate.demo import folder
from mailgate.demo.people import Person
from mailgate.demo.story import RINA, Stage
from mailgate.demo.world import HOST


def show(console: Console, place: Path, stage: Stage, number: str) -> None:
    """Print it all; commands are never broken, so that they can be copied."""
    admin = next(Person(one.name, one.address) for one in stage.desk.level_staff(0))
    console.print()
    console.print(Rule(Text("Now you", style="bold"), align="left", characters="─", style="cyan"))
    console.print(Text("The demo stays up until you press Ctrl-C. Nothing leaves this machine.\n"))
    console.print(_servers(place, stage))
    console.print(_people(stage))
    _say(console, "\nWith mutt, each in another terminal:")
    for person in (RINA, admin):
        _command(console, f"mutt -n -F {folder.write_muttrc(place, person, stage.ports)}")
    _say(
        console,
        f"\nWith Thunderbird: a new account for {RINA.address},\n"
        '"Configure manually", the servers above, connection security "None",\n'
        'authentication "Normal password", the full address as user name.\n'
        "\nTry this:\n"
        f"  1  As Rina, write to {stage.desk.address}\n"
        f"     or {_other(stage)}. You are acknowledged within a second.\n"
        f"  2  As {admin.name}, answer the new notification: your words go to Rina.\n"
        "     Begin with #catatan and they stay internal; with #selesai they resolve\n"
        "     the ticket; with #bantuan you are told what else there is.\n"
        "  3  As Rina, answer the resolution: the ticket is open again.\n"
        "\nWhat mailgate knows, from another shell:",
    )
    _command(console, f"export MAILGATE_SETTINGS={place / 'settings.toml'}")
    for command in ("tickets", f"show {number}"):
        _command(console, f"{_mailgate()} {command}")
    _say(console, f"\nThe database {place / 'mailgate.db'}\nThe log      {place / 'mailgate.log'}")
    _say(console, "All of it is gone when you press Ctrl-C.")


def _other(stage: Stage) -> str:
    """The address of another desk."""
    desks = stage.office.settings.desks.values()
    return next((desk.address for desk in desks if desk != stage.desk), stage.desk.address)


def _servers(place: Path, stage: Stage) -> Table:
    tls = "no TLS, or STARTTLS" if (place / "cert.pem").exists() else "no TLS"
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for what, protocol, port in zip(("  reading", "  sending"), ("IMAP", "SMTP"), stage.ports, strict=True):
        table.add_row(what, protocol, f"{HOST} port {port}", tls)
    return table


def _people(stage: Stage) -> Table:
    """Who can log in and has something to read: the requester and the front lines."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("  user", RINA.address, f"password {folder.PASSWORD}", RINA.name)
    for desk in stage.office.settings.desks.values():
        for one in desk.level_staff(0):
            table.add_row("  user", one.address, f"password {folder.PASSWORD}", one.name)
    return table


def _mailgate() -> str:
    """How this program is called from any folder."""
    return "mailgate" if shutil.which("mailgate") else str(Path(sys.argv[0]).resolve())


def _say(console: Console, text: str) -> None:
    console.print(Text(text))


def _command(console: Console, command: str) -> None:
    console.print(Text(f"  {command}", style="bold green"), soft_wrap=True)
