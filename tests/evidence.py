"""What proves that a promise was kept? The store, the mailboxes, and what `mailgate` says of them."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import UTC
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from city import City
from sqlalchemy import Row, text

from mailgate import cli, gateway, views
from mailgate.intake.imap import Mailbox
from mailgate.service import reader
from mailgate.store.database import require_current

FOLDERS = ("INBOX", "Mailgate/Diproses", "Mailgate/Disisihkan")


def rows(city: City, statement: str, **values: object) -> list[Row[Any]]:
    """What the store says."""
    with city.store() as store, store.reading() as look:
        return list(look.execute(text(statement), values))


def states(city: City) -> list[str]:
    """What became of each mail that came in, in the order of arrival."""
    return [row.state for row in rows(city, "SELECT state FROM mail ORDER BY id")]


def tickets(city: City) -> list[dict[str, Any]]:
    """Every ticket, as `mailgate show --json` prints it."""
    office = city.office()
    with city.store() as store, store.reading() as look:
        numbers = look.execute(text("SELECT number FROM ticket ORDER BY number")).scalars()
        found = [
            views.ticket_full(look, number, office.settings, city.now.astimezone(UTC)) for number in numbers
        ]
    return [one for one in found if one is not None]


def folders(city: City, desk: str = "kominfo") -> list[int]:
    """How many mails lie in INBOX, among the processed ones, and among those set aside."""
    return [len(city.dovecot.messages(city.users[desk], name)) for name in FOLDERS]


def flags(city: City, folder: str, desk: str = "kominfo") -> list[tuple[bytes, ...]]:
    """The flags of each mail in a folder, by UID."""
    with city.dovecot.session(city.users[desk]) as client:
        client.select_folder(folder, readonly=True)
        found = client.fetch(client.search("ALL"), ["FLAGS"])
        return [tuple(sorted(found[uid][b"FLAGS"])) for uid in sorted(found)]


def move(city: City, source: str, target: str, desk: str = "kominfo") -> None:
    """A person moves everything in a folder to another one."""
    with city.dovecot.session(city.users[desk]) as client:
        client.select_folder(source)
        if uids := client.search("ALL"):
            client.move(uids, target)


def templates_sent(city: City, to: str | None = None) -> list[str]:
    """The kinds of all mails that were written, in their order, whether they left yet or not."""
    wanted = "WHERE recipient = :to" if to else ""
    found = rows(city, f"SELECT template FROM outbox {wanted} ORDER BY seq", **({"to": to} if to else {}))
    return [row.template for row in found]


@contextmanager
def open_mailbox(city: City, desk: str = "kominfo") -> Iterator[Mailbox]:
    """A desk's mailbox as the service opens it."""
    mailbox = Mailbox(gateway.account(city.office(), desk))
    try:
        yield mailbox
    finally:
        mailbox.close()


def collect(city: City, desk: str = "kominfo") -> int:
    """One pass over one mailbox, nothing delivered."""
    office = city.office()
    with city.store() as store, open_mailbox(city, desk) as mailbox, reader(office) as reads:
        require_current(store)
        return gateway.collect(office, store, mailbox, reads, desk, lambda: city.now.astimezone(UTC))


def bounce(sent: EmailMessage, recipient: str, action: str = "failed", status: str = "5.1.1") -> bytes:
    """What a mail server reports on one of our mails (RFC 3464)."""
    return (
        "Return-Path: <>\r\n"
        "From: MAILER-DAEMON@relay.example (Mail Delivery System)\r\n"
        f"To: {sent['From']}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        "Date: Mon, 03 Aug 2026 09:14:00 +0700\r\n"
        f"Message-ID: <report.{action}.{str(sent['Message-ID'])[1:9]}@relay.example>\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is the mail system at relay.example.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; relay.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} <{recipient}>: user unknown\r\n\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"Message-ID: {sent['Message-ID']}\r\nSubject: x\r\n\r\n--b--\r\n"
    ).encode()


def mailgate(city: City, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that looks or changes something."""
    return commanded(city.settings_file, *arguments)


def commanded(settings: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in this process: to start one takes a second."""
    command = ["mailgate", "--settings", str(settings), *arguments]
    out, said = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    before, sys.argv, sys.stdin = (sys.argv, sys.stdin), command, io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(said), suppress(BrokenPipeError):
            cli.main()
        code = 0
    except SystemExit as left:
        code = int(left.code or 0)
    finally:
        sys.argv, sys.stdin = before
    out.flush()
    written = out.buffer
    assert isinstance(written, io.BytesIO)
    told = written.getvalue().decode().replace("\r\n", "\n")  # as a pipe opened for text has it
    return subprocess.CompletedProcess(command, code, told, said.getvalue())


def why(city: City, message: str) -> list[dict[str, Any]]:
    """`mailgate why MESSAGE --json`."""
    done = mailgate(city, "why", message, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
