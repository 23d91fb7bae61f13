"""What lies in the demo's folder? Settings for its servers, and what mail clients and other shells need."""

import re
import shutil
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mailgate.demo.people import Person
from mailgate.demo.world import HOST
from mailgate.errors import SettingsError
from mailgate.settings import Settings, load, shipped

PASSWORD = "demo"  # noqa: S105  # of mailboxes that live as long as the demo, on loopback

_TABLE = re.compile(r"\[([^\[\]]+)\]\s*(?:#.*)?")
_KEY = re.compile(r"([A-Za-z_]+)\s*=")


def write_settings(folder: Path, ports: tuple[int, int]) -> Settings:
    """The shipped settings, for servers at these ports (IMAP, SMTP) and a database in `folder`."""
    original = shipped("settings.toml")
    _private(folder / "password", PASSWORD + "\n")
    desks = load(original).desks
    changes = {
        ("service", "database"): '"sqlite:///mailgate.db"',
        ("service", "metrics"): '""',
        ("hours", "holidays"): '""',  # nobody is to be told on stage that next year's are missing
    }
    for key, desk in desks.items():
        for table, port in (("imap", ports[0]), ("smtp", ports[1])):
            place = f"desks.{key}.{table}"
            changes |= {
                (place, "host"): f'"{HOST}"',
                (place, "port"): str(port),
                (place, "security"): '"none"',
                (place, "user"): f'"{desk.address}"',
                (place, "password"): '"file:password"',
            }
        changes[f"desks.{key}.imap", "start"] = '"all"'
    path = folder / "settings.toml"
    path.write_text(_changed(original.read_text(encoding="utf-8"), changes), encoding="utf-8")
    return load(path)


def _changed(text: str, changes: Mapping[tuple[str, str], str]) -> str:
    """Settings with some values replaced line by line: the comments are for whoever opens the file."""
    table, lines, left = "", [], dict(changes)
    for line in text.splitlines():
        if line.startswith("["):
            header = _TABLE.fullmatch(line)
            table = header[1] if header else ""  # an array of tables: nothing in it is replaced
        key = _KEY.match(line)
        value = left.pop((table, key[1]), None) if key else None
        lines.append(f"{key[1]} = {value}" if key and value else line)
    if left:
        missing = ", ".join(f"{table}.{key}" for table, key in left)
        raise SettingsError(f"settings.toml: the demo must replace {missing}, which is not there")
    return "\n".join(lines) + "\n"


def certificate(folder: Path) -> ssl.SSLContext | None:
    """For clients that insist on STARTTLS; None where openssl is missing. Nobody has to trust it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return None
    cert, key = folder / "cert.pem", folder / "key.pem"
    wanted = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost"
        f" -addext subjectAltName=DNS:localhost,IP:{HOST}"
    )
    command = [openssl, *wanted.split(), "-keyout", str(key), "-out", str(cert)]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # all of it is our own
    if done.returncode != 0:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return context


def mailboxes(settings: Settings, guests: Sequence[Person]) -> dict[str, str]:
    """Every address of the settings and of the guests, in small letters, and whose mailbox it is."""
    found = {guest.address: guest.address for guest in guests}
    found |= {address: address for address in settings.service.alert_to}
    for desk in settings.desks.values():
        people = (*desk.copy_complaints_to, *desk.report_to)
        found |= {address: address for address in (desk.address, *people)}
        found |= dict.fromkeys(desk.aliases, desk.address)
        for staff in desk.staff:
            found |= dict.fromkeys((staff.address, *staff.aliases), staff.address)
    return {address.casefold(): owner.casefold() for address, owner in found.items()}


def write_muttrc(folder: Path, person: Person, ports: tuple[int, int]) -> Path:
    """For `mutt -F`; new mail shows up within two seconds."""
    path = folder / f"{person.address.partition('@')[0]}.mutt"
    _private(
        path,
        f"""\
set realname="{person.name}" from="{person.address}" use_from=yes
set folder="imap://{HOST}:{ports[0]}" spoolfile="+INBOX" record="+Sent" postponed="+Drafts"
set imap_user="{person.address}" imap_pass="{PASSWORD}"
set smtp_url="smtp://{person.address.replace("@", "%40")}@{HOST}:{ports[1]}" smtp_pass="{PASSWORD}"
set smtp_authenticators="plain" ssl_starttls=no ssl_force_tls=no
set mail_check=2 timeout=2 header_cache="" certificate_file="" quit=yes mark_old=no
set sort=date-received index_format="%3C %Z %[%d %b %H.%M]  %-20.20F %s"
""",
    )
    return path


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
