"""Which mail comes in while mailgate is being killed?

Every delivery carries its number in X-Delivery, which is no part of a mail's content: so each of two
deliveries of one mail can be found again on the server.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

ADDRESSES = {"kominfo": "abuse.kominfo@pyk.example.go.id", "lpse": "lpse@mail.example"}
STAFF = {"kominfo": "admin1@pyk.example.go.id", "lpse": "petugas@lpse.example.go.id"}
DEPTH = 200
"""Parts within each other: more than mailgate reads."""


class Kind(StrEnum):
    """What becomes of it."""

    COMPLAINT = "complaint"
    """A ticket, an acknowledgement, a notification."""
    COPY = "copy"
    """Of a complaint to both desks, at the one named second: a ticket, a notification, no acknowledgement."""
    FOLLOW_UP = "follow_up"
    """On the ticket of the complaint `about`; a notification."""
    ANSWER = "answer"
    """Of staff to a notification: relayed to the requester."""
    COMMAND = "command"
    """Of staff to a notification: a question to the requester, and a receipt."""
    DUPLICATE = "duplicate"
    """`about` delivered again: nothing."""
    VACATION = "vacation"
    """Filed; never a ticket, never answered."""
    REPORT = "report"
    """A delivery report on an acknowledgement: filed, the front line is told."""
    UNREADABLE = "unreadable"
    """Set aside."""


# Shares of a hundred mails; what is first is there in every bag, however small.
SHARES = {
    Kind.COMPLAINT: 40,
    Kind.FOLLOW_UP: 18,
    Kind.DUPLICATE: 10,
    Kind.ANSWER: 8,
    Kind.COMMAND: 6,
    Kind.VACATION: 4,
    Kind.REPORT: 4,
    Kind.UNREADABLE: 4,
    Kind.COPY: 6,
}


OF_STAFF = {Kind.ANSWER, Kind.COMMAND}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One mail on its way into one mailbox."""

    number: int
    kind: Kind
    desk: str
    author: str
    message_id: str
    """With angle brackets."""
    about: "Delivery | None" = None
    """The complaint that it belongs to."""
    to_both: bool = False

    def raw(self, cited: str) -> bytes:
        """The mail; `cited` is the Message-ID that it answers, "" for none."""
        match self.kind:
            case Kind.DUPLICATE if self.about is not None:
                return _delivered(self.number, self.about.content(""))
            case _:
                return _delivered(self.number, self.content(cited))

    def content(self, cited: str) -> bytes:
        match self.kind:
            case Kind.REPORT:
                return self._letter(cited, self._report(cited), _REPORT_HEADERS)
            case Kind.VACATION:
                return self._letter(cited, "Saya sedang cuti.", "Auto-Submitted: auto-replied\r\n")
            case Kind.UNREADABLE:
                return self._letter(cited, _russian_doll(), 'Content-Type: multipart/mixed; boundary="0"\r\n')
            case Kind.COMMAND:
                return self._letter(cited, f"#tanya\r\n{self.words}\r\n", "")
            case _:
                return self._letter(cited, self.words + "\r\n", "")

    @property
    def words(self) -> str:
        """What no other mail says."""
        number = self.about.number if self.kind is Kind.COPY and self.about else self.number
        return f"Uraian {number:04} dari kami."

    def _report(self, cited: str) -> str:
        return _REPORT.format(cited=cited, recipient=self.about.author if self.about else "")

    def _letter(self, cited: str, text: str, more: str) -> bytes:
        original = self.about if self.kind is Kind.COPY and self.about else self
        to = ", ".join(ADDRESSES.values()) if self.to_both else ADDRESSES[self.desk]
        thread = f"In-Reply-To: {cited}\r\nReferences: {cited}\r\n" if cited else ""
        head = (
            f"From: Warga <{self.author}>\r\nTo: {to}\r\nSubject: Perihal {original.number:04}\r\n"
            f"Date: Mon, 03 Aug 2026 08:59:00 +0700\r\nMessage-ID: {self.message_id}\r\n{thread}{more}"
        )
        return f"{head}\r\n{text}".encode()


def bag(count: int, seed: int) -> list[Delivery]:
    """`count` deliveries; what belongs to a complaint comes after it."""
    chance = random.Random(seed)
    mails: list[Delivery] = []
    kinds = _kinds(count, chance)
    while len(mails) < count:
        mails.extend(_next(next(kinds), len(mails) + 1, mails, chance))
    return mails[:count]


def _kinds(count: int, chance: random.Random) -> Iterator[Kind]:
    yield Kind.COMPLAINT
    later = list(SHARES) + chance.choices(list(SHARES), list(SHARES.values()), k=count)
    head, tail = later[: count // 2], later[count // 2 :]
    chance.shuffle(head)
    yield from head + tail


def _next(kind: Kind, number: int, mails: list[Delivery], chance: random.Random) -> list[Delivery]:
    complaints = [mail for mail in mails if mail.kind is Kind.COMPLAINT]
    if kind in {Kind.COMPLAINT, Kind.COPY}:
        desk = "lpse" if kind is Kind.COMPLAINT and chance.random() < 0.3 else "kominfo"
        own = _fresh(Kind.COMPLAINT, number, desk, to_both=kind is Kind.COPY)
        if kind is Kind.COMPLAINT:
            return [own]
        return [own, Delivery(number + 1, kind, "lpse", own.author, own.message_id, own, to_both=True)]
    if kind is Kind.UNREADABLE:
        return [_fresh(kind, number, "kominfo")]
    about = chance.choice(complaints)
    author = STAFF[about.desk] if kind in OF_STAFF else about.author
    author = "mailer-daemon@relay.example" if kind is Kind.REPORT else author
    message_id = about.message_id if kind is Kind.DUPLICATE else f"<surat{number}@client.example>"
    return [Delivery(number, kind, about.desk, author, message_id, about)]


def _fresh(kind: Kind, number: int, desk: str, *, to_both: bool = False) -> Delivery:
    author, message_id = f"warga{number}@rumah.example", f"<surat{number}@client.example>"
    return Delivery(number, kind, desk, author, message_id, to_both=to_both)


def _delivered(number: int, content: bytes) -> bytes:
    """As the last server writes it: its trace fields on top."""
    trace = (
        f"Return-Path: <pengirim{number}@rumah.example>\r\n"
        f"Received: from relay{number}.example by mx{number}.example; Mon, 03 Aug 2026 09:00:00 +0700\r\n"
        f"X-Delivery: {number}\r\n"
    )
    return trace.encode() + content


def _russian_doll() -> str:
    inner = (
        f'--{level}\r\nContent-Type: multipart/mixed; boundary="{level + 1}"\r\n\r\n'
        for level in range(DEPTH)
    )
    return "".join(inner)


_REPORT_HEADERS = (
    "MIME-Version: 1.0\r\nAuto-Submitted: auto-replied\r\n"
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n'
)
_REPORT = (
    "--b\r\nContent-Type: text/plain\r\n\r\nTidak dapat dikirim.\r\n"
    "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n"
    "Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {cited}\r\n\r\nLaporan diterima.\r\n--b--\r\n"
)
