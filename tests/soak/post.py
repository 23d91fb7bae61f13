"""What does a busy day bring? Mail of every kind, some of it about what mailgate has sent meanwhile."""

import base64
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path

from city import ADMIN, KOMINFO, LPSE, LPSE_ADMIN, address, body, parsed
from servers.sink import Received

SAMPLES = sorted((Path(__file__).parents[1] / "mail").glob("*.eml"))
DESKS = {"kominfo": KOMINFO, "lpse": LPSE}
STAFF = {"kominfo": ADMIN, "lpse": LPSE_ADMIN}
REMEMBERED = 300
"""Mails of ours that somebody may answer."""
ATTACHED = 200_000
"""Octets."""
COMMANDS = (
    "#ambil",
    "#catatan\nSudah ditelepon.",
    "#tanya\nBoleh kami tahu nomor ruangan?",
    "#selesai\nSudah kami perbaiki.",
    "#prioritas 2",
    "#kategori aplikasi",
    "#daftar",
    "#perintahsalah",
)


class Kind(StrEnum):
    """What comes in."""

    NEW = "new"
    FOLLOW_UP = "follow_up"
    REPLY = "reply"
    """Of staff."""
    COMMAND = "command"
    VACATION = "vacation"
    BOUNCE = "bounce"
    OVERSIZE = "oversize"
    BROKEN = "broken"
    """One of tests/mail, damaged or not."""
    ATTACHMENT = "attachment"
    AGAIN = "again"
    """What came before, delivered once more."""


SHARES = {
    Kind.NEW: 30,
    Kind.FOLLOW_UP: 17,
    Kind.REPLY: 10,
    Kind.COMMAND: 12,
    Kind.VACATION: 7,
    Kind.BOUNCE: 5,
    Kind.OVERSIZE: 1,
    Kind.BROKEN: 8,
    Kind.ATTACHMENT: 7,
    Kind.AGAIN: 3,
}
ANSWERING = {Kind.FOLLOW_UP, Kind.REPLY, Kind.COMMAND, Kind.VACATION, Kind.BOUNCE}


@dataclass(slots=True)
class Post:
    """Writes one mail after the other."""

    chance: random.Random
    oversize: int
    """Octets that are too many."""
    written: int = 0
    to_staff: dict[str, deque[EmailMessage]] = field(
        default_factory=lambda: {key: deque(maxlen=REMEMBERED) for key in DESKS}
    )
    to_people: dict[str, deque[EmailMessage]] = field(
        default_factory=lambda: {key: deque(maxlen=REMEMBERED) for key in DESKS}
    )
    _before: deque[bytes] = field(default_factory=lambda: deque(maxlen=20))

    def hear(self, received: Sequence[Received]) -> None:
        """What mailgate sent since."""
        for one in received:
            mail = parsed(one.data)
            for key, desk in DESKS.items():
                if address(str(mail["From"])) == desk:
                    ours = one.rcpt_to[0] == address(STAFF[key])
                    (self.to_staff if ours else self.to_people)[key].append(mail)

    def next(self, desk: str, now: datetime) -> tuple[Kind, bytes]:
        """Of which kind, and the mail; what has nothing to answer yet is a new complaint."""
        (kind,) = self.chance.choices(list(SHARES), list(SHARES.values()))
        sent = (self.to_staff if kind in {Kind.REPLY, Kind.COMMAND} else self.to_people)[desk]
        if (kind in ANSWERING and not sent) or (kind is Kind.AGAIN and not self._before):
            kind = Kind.NEW
        self.written += 1
        if kind is Kind.AGAIN:
            return kind, self.chance.choice(self._before)
        raw = self._mail(kind, desk, self.chance.choice(sent) if kind in ANSWERING else None, now)
        self._before.append(raw)
        return kind, raw

    def _mail(self, kind: Kind, desk: str, about: EmailMessage | None, now: datetime) -> bytes:
        words = f"Laporan {self.written}: jaringan di ruang {self.chance.randint(1, 99)} mati sejak pagi.\n"
        match kind:
            case Kind.BROKEN:
                return self._broken()
            case Kind.OVERSIZE:
                return self._letter(desk, words + "x" * 70 + "\n" * 2, None, now, self.oversize)
            case Kind.ATTACHMENT:
                return self._letter(desk, words, None, now, ATTACHED)
            case Kind.REPLY:
                return self._letter(desk, f"Jawaban {self.written}: sedang kami periksa.\n", about, now)
            case Kind.COMMAND:
                return self._letter(desk, self.chance.choice(COMMANDS) + "\n", about, now)
            case _ if kind is Kind.BOUNCE and about is not None:
                return self._bounce(desk, about, now)
            case _:
                automatic = "auto-replied" if kind is Kind.VACATION else ""
                return self._letter(desk, words, about, now, automatic=automatic)

    def _letter(
        self,
        desk: str,
        words: str,
        about: EmailMessage | None,
        now: datetime,
        attached: int = 0,
        *,
        automatic: str = "",
    ) -> bytes:
        head = {
            "From": str(about["To"]) if about else f"Warga <warga{self.written}@rumah.example>",
            "To": DESKS[desk],
            "Subject": f"Re: {about['Subject']}" if about else f"Gangguan {self.written}",
            "Date": f"{now:%a, %d %b %Y %H:%M:%S %z}",
            "Message-ID": f"<surat{self.written}@client.example>",
            "Auto-Submitted": automatic,
            "In-Reply-To": str(about["Message-ID"]) if about else "",
        }
        if about:
            words += "\nPada Sen, 3 Agu 2026 pukul 09.12 Help Desk menulis:\n"
            words += "".join(f"> {line}\n" for line in body(about).splitlines())
        fields = "".join(f"{name}: {value}\n" for name, value in head.items() if value)
        content = _with_a_file(words, self.chance.randbytes(attached)) if attached else f"\n{words}"
        return (fields + content).replace("\n", "\r\n").encode("utf-8", "surrogateescape")

    def _bounce(self, desk: str, about: EmailMessage, now: datetime) -> bytes:
        return (
            f"From: MAILER-DAEMON@relay.example\r\nTo: {DESKS[desk]}\r\nSubject: Undelivered Mail\r\n"
            f"Date: {now:%a, %d %b %Y %H:%M:%S %z}\r\nMessage-ID: <pulang{self.written}@relay.example>\r\n"
            "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nReturn-Path: <>\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: text/plain\r\n\r\nTidak dapat dikirim.\r\n"
            "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n"
            f"Final-Recipient: rfc822; {address(str(about['To']))}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
            "--b\r\nContent-Type: message/rfc822\r\n\r\n"
            f"Message-ID: {about['Message-ID']}\r\n\r\nLaporan diterima.\r\n--b--\r\n"
        ).encode()

    def _broken(self) -> bytes:
        raw = bytearray(self.chance.choice(SAMPLES).read_bytes())
        for _ in range(self.chance.randrange(4)):
            at = self.chance.randrange(len(raw))
            raw[at : at + self.chance.randint(1, 30)] = base64.b64encode(self.chance.randbytes(4))
        return bytes(raw).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").replace(b"\0", b"?")


def _with_a_file(words: str, data: bytes) -> str:
    return (
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{words}\n"
        "--b\nContent-Type: application/pdf; name=foto.pdf\nContent-Disposition: attachment\n"
        f"Content-Transfer-Encoding: base64\n\n{base64.encodebytes(data).decode()}--b--\n"
    )
