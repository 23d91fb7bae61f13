"""Who writes in the demo, and what does their mail client do? It submits by SMTP and reads by IMAP."""

import contextlib
import imaplib
import re
import smtplib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, make_msgid
from typing import Any

from mailgate.demo.world import HOST

SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    address: str

    def __str__(self) -> str:
        return formataddr((self.name, self.address))


class Client:
    """One person's mail client: a connection to their INBOX that changes nothing in it. Close it."""

    def __init__(
        self, person: Person, ports: tuple[int, int], password: str, clock: Callable[[], datetime]
    ) -> None:
        """`ports`: IMAP and SMTP."""
        self.person = person
        self.ids: set[str] = set()
        """Message-IDs that this person wrote or received."""
        self._smtp_port = ports[1]
        self._password = password
        self._clock = clock
        self._imap = imaplib.IMAP4(HOST, ports[0], timeout=SECONDS)
        # imaplib writes a literal and its line apart: with Nagle each waits 40 ms for a delayed ACK.
        self._imap.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._imap.login(person.address, password)
        self._imap.select("INBOX", readonly=True)
        self._last_uid = 0

    def write(self, to: str, subject: str, text: str) -> EmailMessage:
        """Send a new mail; returns it."""
        return self._send(to, subject, text, {})

    def answer(self, mail: EmailMessage, text: str) -> EmailMessage:
        """Answer as people do: the words on top, the whole mail quoted below."""
        quoted = "".join(f"> {line}".rstrip() + "\n" for line in body(mail).splitlines())
        text = f"{text.rstrip()}\n\nPada {mail['Date']}, {mail['From']} menulis:\n{quoted}"
        mine = str(mail["Message-ID"])
        thread = {"In-Reply-To": mine, "References": f"{mail['References'] or ''} {mine}".strip()}
        subject = str(mail["Subject"])
        if not subject.casefold().startswith("re:"):
            subject = f"Re: {subject}"
        return self._send(str(mail["From"]), subject, text, thread)

    def new(self) -> list[EmailMessage]:
        """What arrived since the last look, oldest first; it stays unread."""
        self._imap.noop()
        found = self._uid("SEARCH", f"UID {self._last_uid + 1}:*")
        # "n:*" names the last mail even where its UID is lower (RFC 9051, section 9, seq-range).
        uids = [uid for uid in map(int, (found[0] or b"").split()) if uid > self._last_uid]
        mails = [self._fetch(uid) for uid in sorted(uids)]
        self._last_uid = max([self._last_uid, *uids])
        self.ids |= {str(mail["Message-ID"]) for mail in mails}
        return mails

    def count(self, folder: str) -> int:
        """How many mails lie in a folder."""
        status, answer = self._imap.status(f'"{folder}"', "(MESSAGES)")
        found = re.search(rb"MESSAGES (\d+)", answer[0] or b"")
        if status != "OK" or found is None:
            raise imaplib.IMAP4.error(f"STATUS {folder}: {answer!r}")
        return int(found[1])

    def close(self) -> None:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            self._imap.logout()

    def _send(self, to: str, subject: str, text: str, thread: dict[str, str]) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = str(self.person), to, subject
        mail["Date"] = format_datetime(self._clock())
        mail["Message-ID"] = make_msgid(domain=self.person.address.partition("@")[2])
        for name, value in thread.items():
            mail[name] = value
        mail.set_content(text)
        with smtplib.SMTP(HOST, self._smtp_port, "demo.localhost", timeout=SECONDS) as server:
            server.login(self.person.address, self._password)
            server.send_message(mail)
        self.ids.add(str(mail["Message-ID"]))
        return mail

    def _fetch(self, uid: int) -> EmailMessage:
        answer = self._uid("FETCH", str(uid), "(BODY.PEEK[])")
        raw = next(part[1] for part in answer if isinstance(part, tuple))
        mail = message_from_bytes(raw, policy=policy.default)
        if not isinstance(mail, EmailMessage):
            raise TypeError("the default policy makes no EmailMessage")
        return mail

    def _uid(self, command: str, *arguments: str) -> list[Any]:
        status, answer = self._imap.uid(command, *arguments)
        if status != "OK":
            raise imaplib.IMAP4.error(f"{command}: {answer!r}")
        return answer


def body(mail: EmailMessage) -> str:
    """The words of a mail."""
    part = mail.get_body(("plain",))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def cited(mail: EmailMessage) -> Iterator[str]:
    """The Message-IDs that a mail refers to."""
    for name in ("In-Reply-To", "References"):
        yield from str(mail[name] or "").split()
