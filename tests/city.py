"""A city with two desks on real servers: what the tests of whole ways stand on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from servers.dovecot import Dovecot
from servers.sink import Sink

from mailgate import gateway, settings
from mailgate.gateway import Office
from mailgate.service import run_once
from mailgate.store.database import Store

WIB = ZoneInfo("Asia/Jakarta")
MONDAY = datetime(2026, 8, 3, 9, 0, tzinfo=WIB)
RINA = "Rina Marlina <rina@disdik.example.go.id>"
ADMIN = "Admin Satu <admin1@pyk.example.go.id>"
TECHNICIAN = "Doni <doni@pyk.example.go.id>"
HEAD = "Bu Kadis <kadis@pyk.example.go.id>"
ADMIN_PRIVATE = "Satu <admin.satu@mail.example>"
ADMIN_TWO = "Admin Dua <admin2@pyk.example.go.id>"
NETWORK_TECHNICIAN = "Sari Dewi <sari@pyk.example.go.id>"
SECURITY_TECHNICIAN = "Beni Saputra <beni@pyk.example.go.id>"
LPSE_ADMIN = "Petugas LPSE <petugas@lpse.example.go.id>"
PPE = "Admin PPE <ppe@lpse.example.go.id>"
LPSE_HEAD = "Kepala LPSE <kepala@lpse.example.go.id>"
KOMINFO = "abuse.kominfo@pyk.example.go.id"
LPSE = "lpse@mail.example"
ALERTS = "ops@pyk.example.go.id"


def _desk(name: str, address: str, prefix: str, admin: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "address": address,
        "prefix": prefix,
        "message_id_domain": "pyk.example.go.id",
        "contact": "Dinas Kominfo",
        "fee": "Tidak dipungut biaya",
        "digest": False,
        "categories": {"aplikasi": "Aplikasi"},
        "levels": [
            {"name": "Admin help desk", "role": "admin", "replies": "public"},
            {"name": "Teknisi", "role": "teknisi", "replies": "public"},
            {"name": "Pimpinan", "role": "pimpinan", "replies": "internal"},
        ],
        "staff": [admin],
    }


def tables(base: Path, database: str) -> dict[str, Any]:
    """Settings of the city, servers not yet named; change them before `City` is opened."""
    # Of every year: from November on a service tells of a coming year without any, by a mail too many.
    days = (f'{year}-08-17 = "Hari Kemerdekaan"\n' for year in range(2026, 2100))
    (base / "holidays.toml").write_text("".join(["[public]\n", *days]))
    kominfo = _desk(
        "Help Desk Kominfo",
        KOMINFO,
        "KOM",
        {
            "name": "Admin Satu",
            "address": "admin1@pyk.example.go.id",
            "aliases": ["admin.satu@mail.example"],
            "roles": ["admin"],
        },
    )
    kominfo["staff"] += [
        {
            "name": "Doni",
            "address": "doni@pyk.example.go.id",
            "roles": ["teknisi"],
            "categories": ["aplikasi"],
        },
        {"name": "Bu Kadis", "address": "kadis@pyk.example.go.id", "roles": ["pimpinan"]},
    ]
    lpse = _desk(
        "Help Desk LPSE",
        LPSE,
        "LPSE",
        {"name": "Petugas LPSE", "address": "petugas@lpse.example.go.id", "roles": ["admin"]},
    )
    return {
        "service": {
            "database": database,
            "state_dir": str(base / "state"),
            "timezone": "Asia/Jakarta",
            "alert_to": [ALERTS],
            "metrics": "",
        },
        "hours": {day: ["07:30-16:00"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
        | {"saturday": [], "sunday": [], "holidays": "holidays.toml"},
        "limits": {},
        "desks": {"kominfo": kominfo, "lpse": lpse},
    }


def _person(mailbox: str, role: str, *categories: str) -> dict[str, Any]:
    name, _, rest = mailbox.partition(" <")
    return {"name": name, "address": rest.rstrip(">"), "roles": [role], "categories": list(categories)}


def furnish(desks: dict[str, Any]) -> None:
    """Both desks with the people, levels and kinds of work that the shipped settings have."""
    kominfo, lpse = desks["kominfo"], desks["lpse"]
    kominfo["categories"] = {
        "aplikasi": "Aplikasi",
        "infrastruktur": "Infrastruktur TIK",
        "keamanan": "Keamanan informasi",
    }
    kominfo["staff"] += [
        _person(ADMIN_TWO, "admin"),
        _person(NETWORK_TECHNICIAN, "teknisi", "infrastruktur"),
        _person(SECURITY_TECHNICIAN, "teknisi", "keamanan"),
    ]
    kominfo["work"] = [
        _work("PWD", "Penggantian password", "30 service minutes", "received") | {"category": "aplikasi"},
        _work("ANT", "Pointing antena wireless", "3 service hours", "notified")
        | {"category": "infrastruktur"},
    ]
    lpse["levels"] = [
        {"name": "Helpdesk LPSE", "role": "admin", "replies": "public"},
        {"name": "Admin PPE", "role": "ppe", "replies": "public"},
        {"name": "Helpdesk LKPP-RI", "external": True},
    ]
    lpse["staff"] += [_person(PPE, "ppe"), _person(LPSE_HEAD, "pimpinan")]
    lpse["work"] = [_work("LYN", "Penanganan pengaduan", "1 working day", "received")]
    lpse["default_work"] = "LYN"
    lpse["copy_complaints_to"] = [address(LPSE_HEAD)]
    lpse["street_required_for"] = ["walk_in"]


def _work(code: str, name: str, within: str, starts: str) -> dict[str, Any]:
    return {"code": code, "name": name, "within": within, "starts": starts, "promise": f"Standar {code}"}


@dataclass
class City:
    """Two desks, their mailboxes on Dovecot, their submission server the sink."""

    base: Path
    tables: dict[str, Any]
    dovecot: Dovecot
    sink: Sink
    users: dict[str, str]
    """desk -> mailbox user."""
    now: datetime = MONDAY
    """Frozen; tests move it on."""
    _ids: Iterator[int] = field(default_factory=count)
    _loaded: tuple[str, Office] | None = None

    def __post_init__(self) -> None:
        secret = self.base / "secret"
        secret.write_text(self.dovecot.password)
        secret.chmod(0o600)
        for key, desk in self.tables["desks"].items():
            imap = {
                "host": self.dovecot.host,
                "port": self.dovecot.port,
                "security": "none",
                "user": self.users[key],
                "password": f"file:{secret}",
                "start": "all",
            }
            smtp = {
                "host": "127.0.0.1",
                "port": self.sink.port,
                "security": "none",
                "user": "",
                "password": "",
            }
            desk["imap"] = imap | desk.get("imap", {})
            desk["smtp"] = smtp | desk.get("smtp", {})

    @property
    def settings_file(self) -> Path:
        """The settings as a file, for a mailgate in a process of its own."""
        path = self.base / "settings.toml"
        new = path.with_suffix(".new")
        new.write_text(_toml(self.tables))
        new.replace(path)  # whole at every moment: an instance that just starts may be reading it
        return path

    def office(self) -> Office:
        """Loaded anew only after a change of the settings or of the office's own templates: it takes time."""
        own = self.base / str(self.tables["service"].get("templates") or "templates")
        files = [(path, path.stat().st_mtime_ns) for path in sorted(own.glob("*/*"))]
        wanted = f"{self.tables} {files}"
        if self._loaded is None or self._loaded[0] != wanted:
            office = gateway.office(settings.validate(self.tables, self.base), self.base)
            self._loaded = wanted, office
        return self._loaded[1]

    @contextmanager
    def store(self) -> Iterator[Store]:
        store = Store(settings.validate(self.tables, self.base).service.database)
        try:
            yield store
        finally:
            store.close()

    def run(self) -> int:
        """`mailgate run --once` at `now`; returns its exit code."""
        with self.store() as store:
            return run_once(self.office(), store, lambda: self.now.astimezone(UTC))

    def mail(
        self,
        author: str = RINA,
        text: str = "Jaringan di kantor kami mati sejak pagi.\n",
        subject: str = "Jaringan mati",
        to: str = KOMINFO,
        **headers: str,
    ) -> bytes:
        """Raw mail; header names with underscores: in_reply_to="<…>". An empty value leaves a header out."""
        fields = {
            "From": author,
            "To": to,
            "Subject": subject,
            "Date": "Mon, 03 Aug 2026 08:59:00 +0700",
            "Message-ID": f"<mail{next(self._ids)}@client.example>",
            "Return-Path": "<rina@disdik.example.go.id>",
        } | {name.replace("_", "-").title(): value for name, value in headers.items()}
        fields["Message-ID"] = fields.pop("Message-Id", fields["Message-ID"])
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        return (head + "\r\n" + text.replace("\r\n", "\n").replace("\n", "\r\n")).encode()

    def answer(self, sent: EmailMessage, author: str, text: str, **headers: str) -> bytes:
        """The reply of a mail client to one of our mails, quoted below."""
        quoted = "".join(f"> {line}\n" for line in body(sent).splitlines())
        cited = {
            "in_reply_to": str(sent["Message-ID"]),
            "references": f"{sent['References'] or ''} {sent['Message-ID']}".strip(),
        }
        return self.mail(
            author,
            f"{text}\n\nPada Sen, 3 Agu 2026 pukul 09.12 Help Desk <{KOMINFO}> menulis:\n{quoted}",
            f"Re: {sent['Subject']}",
            str(sent["From"]),
            **(cited | headers),
        )

    def receive(self, raw: bytes, desk: str = "kominfo", when: datetime | None = None) -> int:
        """Put a mail into a desk's INBOX as its server would; returns its UID."""
        return self.dovecot.append(self.users[desk], raw, when=when or self.now)

    def receive_all(self, raws: Sequence[bytes], desk: str = "kominfo") -> None:
        """Many mails, arrived now, in their order."""
        with self.dovecot.session(self.users[desk]) as client:
            for raw in raws:
                client.append("INBOX", raw, msg_time=self.now)

    def sent(self, to: str | None = None) -> list[EmailMessage]:
        """What the submission server accepted, oldest first; `to` narrows it to one address."""
        mails = [(one.rcpt_to, parsed(one.data)) for one in self.sink.received]
        wanted = address(to) if to else None
        return [mail for recipients, mail in mails if wanted is None or wanted in recipients]

    def new_ticket(self, **mail: str) -> EmailMessage:
        """Rina writes; returns the notification that the admin got."""
        before = len(self.sent(ADMIN))
        self.receive(self.mail(**mail))
        assert self.run() == 0
        return self.sent(ADMIN)[before]


def parsed(raw: bytes) -> EmailMessage:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def address(mailbox: str) -> str:
    return mailbox.rpartition("<")[2].rstrip(">")


def _toml(table: dict[str, Any], path: str = "") -> str:
    """Just enough TOML for settings."""
    lines = [f"[{path}]"] if path else []
    lines += [f"{key} = {_value(value)}" for key, value in table.items() if not isinstance(value, dict)]
    below = [
        _toml(value, f"{path}.{key}".strip(".")) for key, value in table.items() if isinstance(value, dict)
    ]
    return "\n".join([*lines, "", *below])


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float() | date():
            return str(value)
        case list():
            return "[" + ", ".join(_value(one) for one in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + "}"
        case _:
            return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
