"""What did the office ask for, and can it work?

`load` reads a settings file into one frozen `Settings`, or refuses with every fault at once: one line for
each, naming file, key, value and what would be right. Rows of a list are counted from 1: "staff[3].address".
Every relative path in the file is relative to the file's own folder, and is absolute in what `load` returns.
Secrets are never in the settings, only where to find them: see `secret`. Importing this module reads nothing.
"""

import ipaddress
import json
import os
import re
import shlex
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from mailgate.errors import SettingsError

Location = tuple[str | int, ...]
"""The way to a value in a settings file: keys, and places in lists counted from 0."""

EXTRA_ROLES = frozenset({"admin", "pimpinan"})
"""Roles that somebody may have without a level of their own: they carry rights (`#spam`, `#rahasia`)."""

_KEPT_IN = "credential:NAME (systemd), env:NAME or file:PATH"
_NEVER_SHOWN = frozenset({"password", "client_secret", "database", "alert_command"})
_NO_VALUE = object()


# --- Durations and hours ---


class DurationUnit(StrEnum):
    """How time is counted."""

    SERVICE_MINUTES = "service minutes"
    SERVICE_HOURS = "service hours"
    WORKING_DAYS = "working days"
    CALENDAR_DAYS = "calendar days"


@dataclass(frozen=True, slots=True)
class Duration:
    """So long, in the unit that was promised: a working day is no number of hours."""

    amount: int
    unit: DurationUnit

    def __str__(self) -> str:
        return f"{self.amount} {self.unit.removesuffix('s') if self.amount == 1 else self.unit}"


# What a desk that is open one hour a week still reaches within the ten years that the calendar looks ahead.
_LONGEST = {
    DurationUnit.SERVICE_MINUTES: 30_000,
    DurationUnit.SERVICE_HOURS: 500,
    DurationUnit.WORKING_DAYS: 500,
    DurationUnit.CALENDAR_DAYS: 3_000,
}
_UNITS = {name: unit for unit in DurationUnit for name in (unit.value, unit.value.removesuffix("s"))}


def duration(text: str) -> Duration:
    """Read "30 service minutes"; ValueError says what would be right."""
    amount, _, unit_name = " ".join(text.casefold().split()).partition(" ")
    unit = _UNITS.get(unit_name)
    if unit is None or not re.fullmatch(r"[0-9]{1,6}", amount):
        raise ValueError(f"is not a duration: a number and one of {', '.join(DurationUnit)}")
    if int(amount) > _LONGEST[unit]:
        raise ValueError(f"is too long: at most {_LONGEST[unit]} {unit}")
    return Duration(int(amount), unit)


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of service hours in local time, within one day."""

    opens: time
    closes: time
    """00:00 is the midnight at the end of the day."""

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{self._closes_text}"

    @property
    def _closes_text(self) -> str:
        return "24:00" if self.closes == time(0) else f"{self.closes:%H:%M}"


def interval(text: str) -> Interval:
    """Read "07:30-16:00"; ValueError says what would be right."""
    found = re.fullmatch(
        r"([01][0-9]|2[0-3]):([0-5][0-9])\s*[-–]\s*(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)", text
    )
    if found is None:
        raise ValueError('is not an interval: written "07:30-16:00"')
    opens = time(int(found[1]), int(found[2]))
    closes = time(int(found[3]), int(found[4])) if found[3] else time(0)
    if opens >= closes != time(0) or (closes == time(0) and found[3]):
        raise ValueError("ends before it begins: the earlier time first, and 24:00 for midnight")
    return Interval(opens, closes)


# --- What one value may be ---


def _number(what: str, low: int, high: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if not low <= value <= high:
            raise ValueError(f"is not {what}: a number from {low} to {high}")
        return value

    return check


def _from_text(parse: Callable[[str], object]) -> Callable[[object], object]:
    """Let a written form become a value; a value stays as it is."""

    def read(value: object) -> object:
        return parse(value) if isinstance(value, str) else value

    return read


def _pattern(expression: str, right: str) -> Callable[[str], str]:
    compiled = re.compile(expression)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(right)
        return value

    return check


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("is not one line of text: without line ends and control characters")
    return value


def _not_empty(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty: it is shown to people")
    return value


def _is_domain(text: str) -> bool:
    """RFC 5321, section 2.3.5, and RFC 1035, section 2.3.4: full names only, and ASCII (xn-- for others)."""
    labels = text.split(".")
    return (
        len(text) <= 253
        and len(labels) >= 2
        and all(re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", label) for label in labels)
        and not labels[-1].isdigit()
    )


def _domain(value: str) -> str:
    if not _is_domain(value):
        raise ValueError(
            "is not a domain: an ASCII name such as payakumbuhkota.go.id (xn--… for other letters)"
        )
    return value


def _address(value: str) -> str:
    """A dot-string and a domain of RFC 5321, section 4.1.2, within its lengths of 64 and 254."""
    local, _, domain = value.rpartition("@")
    atoms = local.split(".")
    good = all(re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+", atom) for atom in atoms)
    if not (good and len(local) <= 64 and len(value) <= 254 and _is_domain(domain)):
        raise ValueError("is not a mail address: written nama@payakumbuhkota.go.id, without a display name")
    return value


def _host(value: str) -> str:
    if not (
        _is_ip(value)
        or value == "localhost"
        # RFC 1035, section 2.3.4: other labels cannot even be asked for, and every attempt would be a fault.
        or re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*(?<!-)", value)
    ):
        raise ValueError("is not a host: a server's name or IP address, without port or scheme")
    return value


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether what is sent to this host stays on this machine."""
    return host.casefold() == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, LookupError, OSError):
        near = get_close_matches(value, available_timezones(), 1)
        raise ValueError(
            f"is not a time zone: a name such as {near[0] if near else 'Asia/Jakarta'}"
        ) from None
    return value


def _listener(value: str) -> str:
    host, _, port = value.rpartition(":")
    fits = port.isascii() and port.isdigit() and 1 <= int(port) <= 65535 and host == host.strip() != ""
    if value and not fits:
        raise ValueError('is not an address to listen at: "127.0.0.1:9464", or "" for off')
    return value


def _start(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        value = _date_or_none(value)
    if value not in ("now", "all") and (not isinstance(value, date) or isinstance(value, datetime)):
        raise ValueError('is not a start: "now", "all" or a date such as 2026-08-01')
    return value


def _date_or_none(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _folder_of(info: ValidationInfo) -> Path | None:
    """The settings file's folder; None when settings are built without a file."""
    return info.context["folder"] if info.context else None


def _path(value: str, info: ValidationInfo) -> str:
    folder = _folder_of(info)
    return str(folder / value) if folder and value else value


def _file(value: str, info: ValidationInfo) -> str:
    path = _path(value, info)
    if value and _folder_of(info) and not Path(path).is_file():
        raise ValueError(f"is not there: no file {path}")
    return path


def _directory(value: str, info: ValidationInfo) -> str:
    path = _path(value, info)
    if value and _folder_of(info) and not Path(path).is_dir():
        raise ValueError(f"is not there: no folder {path}")
    return path


def _database(value: str, info: ValidationInfo) -> str:
    if value.startswith("postgresql+psycopg://"):
        return value
    found = re.fullmatch(r"sqlite:///([^?]+)(\?.*)?", value)
    if found is None or found[1].startswith(":memory:"):
        raise ValueError(
            "is not a database: sqlite:///var/mailgate.db or postgresql+psycopg://USER@HOST/NAME"
        )
    return f"sqlite:///{_path(found[1], info)}{found[2] or ''}"


def _secret_reference(value: str, info: ValidationInfo) -> str:
    form, _, name = value.partition(":")
    if value and (form not in ("credential", "env", "file") or not name):
        raise ValueError(f"must not be written here: instead say where it is kept, {_KEPT_IN}")
    if form == "credential" and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise ValueError("does not name a credential: letters, digits and _ . - after credential:")
    return f"file:{_path(name, info)}" if form == "file" else value


def _a_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _some_pause(value: tuple[int, ...]) -> tuple[int, ...]:
    if not value:
        raise ValueError("is empty: minutes such as [30, 30, 60, 120, 180], the last one again and again")
    return value


def _in_order(day: tuple[Interval, ...]) -> tuple[Interval, ...]:
    for earlier, later in pairwise(day):
        if earlier.closes == time(0) or earlier.closes > later.opens:
            raise ValueError(f"has intervals out of order or overlapping: {later} after {earlier}")
    return day


def _endpoint(value: str) -> str:
    """RFC 6749, sections 3.1.2.1 and 3.2: secrets go there, so TLS, but for what stays on this machine."""
    if value and not _is_endpoint(value):
        raise ValueError("is not an address for tokens: https://…, or http:// on this machine only")
    return value


def _is_endpoint(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:  # a port that is none, a bracket that stays open
        return False
    protected = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    # RFC 6749, section 3.2: no fragment. A name and password in it would end up in logs.
    return protected and bool(host) and text.isascii() and "@" not in parts.netloc and not parts.fragment


Flag = Annotated[bool, Field(strict=True)]
StrictDate = Annotated[date, Field(strict=True)]
Line = Annotated[str, AfterValidator(_one_line)]
Name = Annotated[str, AfterValidator(_one_line), AfterValidator(_not_empty)]
Word = Annotated[
    str, AfterValidator(_pattern(r"[a-z0-9][a-z0-9_-]*", "is not a key: small letters, digits, _ and -"))
]
Port = Annotated[int, Field(strict=True), AfterValidator(_number("a port", 1, 65535))]
Minutes = Annotated[int, Field(strict=True), AfterValidator(_number("a number of minutes", 1, 10_080))]
MinutesOrNone = Annotated[int, Field(strict=True), AfterValidator(_number("a number of minutes", 0, 10_080))]
Count = Annotated[int, Field(strict=True), AfterValidator(_number("a limit", 1, 1_000_000))]
HeaderKib = Annotated[int, Field(strict=True), AfterValidator(_number("a size in KiB", 1, 250))]
Depth = Annotated[int, Field(strict=True), AfterValidator(_number("a depth", 1, 200))]
CountOrNone = Annotated[int, Field(strict=True), AfterValidator(_number("a limit", 0, 1_000_000))]
Mebibytes = Annotated[int, Field(strict=True), AfterValidator(_number("a size in MiB", 1, 65_536))]
MebibytesOrNone = Annotated[int, Field(strict=True), AfterValidator(_number("a size in MiB", 0, 65_536))]
Seconds = Annotated[int, Field(strict=True), AfterValidator(_number("a time in seconds", 1, 86_400))]
# A claim on a mail lasts half an hour; it must never run out under a mail that is still on its way.
DataSeconds = Annotated[int, Field(strict=True), AfterValidator(_number("a time in seconds", 1, 1200))]
Pause = Annotated[int, Field(strict=True), AfterValidator(_number("a time in minutes", 1, 1440))]
Pauses = Annotated[tuple[Pause, ...], AfterValidator(_some_pause)]
Days = Annotated[int, Field(strict=True), AfterValidator(_number("a time in days", 1, 30))]
Priority = Annotated[int, Field(strict=True), AfterValidator(_number("a priority", 1, 4))]
MailAddress = Annotated[str, AfterValidator(_address)]
Domain = Annotated[str, AfterValidator(_domain)]
Host = Annotated[str, AfterValidator(_host)]
LocalPath = Annotated[str, AfterValidator(_one_line), AfterValidator(_path)]
LocalFile = Annotated[str, AfterValidator(_one_line), AfterValidator(_file)]
LocalDirectory = Annotated[str, AfterValidator(_one_line), AfterValidator(_directory)]
Endpoint = Annotated[str, AfterValidator(_one_line), AfterValidator(_endpoint)]
SecretReference = Annotated[str, AfterValidator(_one_line), AfterValidator(_secret_reference)]
Words = Annotated[tuple[Name, ...], BeforeValidator(_a_list)]
WrittenInterval = Annotated[Interval, BeforeValidator(_from_text(interval))]
Day = Annotated[tuple[WrittenInterval, ...], AfterValidator(_in_order)]


def _some_time(value: Duration) -> Duration:
    if value.amount == 0:
        raise ValueError("is no time at all: at least 1")
    return value


WrittenDuration = Annotated[Duration, BeforeValidator(_from_text(duration)), AfterValidator(_some_time)]
Security = Literal["tls", "starttls", "none"]
Auth = Literal["password", "xoauth2"]
Replies = Literal["public", "internal"]


# --- The tables of the file ---


class Table(BaseModel):
    """A table of the settings file: unknown keys are faults, and nothing changes after it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)


def _command(value: str) -> str:
    try:
        shlex.split(value)
    except ValueError as error:
        raise ValueError(f"cannot be split into words as a shell does: {str(error).lower()}") from None
    return value


class Service(Table):
    """[service]: the process."""

    database: Annotated[str, AfterValidator(_one_line), AfterValidator(_database)] = Field(
        default="sqlite:///var/mailgate.db", repr=False
    )
    state_dir: LocalPath = "var"
    templates: LocalDirectory = ""
    """The office's own folder; "" when there is none."""
    timezone: Annotated[str, AfterValidator(_timezone)] = "Asia/Jakarta"
    alert_to: tuple[MailAddress, ...] = Field(description="addresses of those who run the service")
    alert_command: Annotated[Line, AfterValidator(_command)] = ""
    """Run with the alert on stdin where mail is in doubt; "" for none."""
    alert_after_minutes: MinutesOrNone = 5
    """Trouble that passes sooner is nobody's news."""
    canary_every_minutes: MinutesOrNone = 0
    """How often each desk writes to itself; 0 for never."""
    canary_within_minutes: Minutes = 15
    """How soon that mail has to be back."""
    metrics: Annotated[str, AfterValidator(_listener)] = ""
    board_dir: LocalPath = ""

    @field_validator("state_dir")
    @classmethod
    def _state_is_kept(cls, value: str) -> str:
        return _not_empty(value)

    @field_validator("alert_to")
    @classmethod
    def _somebody_hears(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("is empty: at least one address must hear of trouble")
        return value

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Host (an IPv6 address without brackets) and port; None when metrics are off."""
        host, _, port = self.metrics.rpartition(":")
        return (host.strip("[]"), int(port)) if port else None


class HoursException(Table):
    """Other hours from one day to another, both inclusive."""

    from_: StrictDate = Field(alias="from", description="the first day, such as 2026-02-19")
    to: StrictDate = Field(description="the last day, such as 2026-03-20")
    monday: Day | None = None
    """None keeps the normal hours, an empty list closes; so for every day."""
    tuesday: Day | None = None
    wednesday: Day | None = None
    thursday: Day | None = None
    friday: Day | None = None
    saturday: Day | None = None
    sunday: Day | None = None

    @field_validator("to")
    @classmethod
    def _after_from(cls, value: date, info: ValidationInfo) -> date:
        first = info.data.get("from_")
        if first is not None and first > value:
            raise ValueError(f"lies before from = {first}: the last day, inclusive")
        return value


class Hours(Table):
    """[hours]: when somebody is there to answer, in local time."""

    monday: Day = ()
    tuesday: Day = ()
    wednesday: Day = ()
    thursday: Day = ()
    friday: Day = ()
    saturday: Day = ()
    sunday: Day = ()
    holidays: LocalPath = ""
    """The file of `load_holidays`; "" for none. A desk's own hours without this key have the service's."""
    exceptions: tuple[HoursException, ...] = ()

    @model_validator(mode="after")
    def _open_at_all(self) -> "Hours":
        if not any(_week(self)):
            raise ValueError("have no service hours in the whole week: no promise could ever be kept")
        return self

    def on(self, day: date) -> tuple[Interval, ...]:
        """The intervals of this date, holidays left aside; a later exception wins over an earlier one."""
        for exception in reversed(self.exceptions):
            named = _week(exception)[day.weekday()]
            if named is not None and exception.from_ <= day <= exception.to:
                return named
        return _week(self)[day.weekday()] or ()


def _week(table: Hours | HoursException) -> tuple[tuple[Interval, ...] | None, ...]:
    return (
        table.monday,
        table.tuesday,
        table.wednesday,
        table.thursday,
        table.friday,
        table.saturday,
        table.sunday,
    )


class Limits(Table):
    """[limits]: what one mail may cost, and how much may leave."""

    message_mib: Mebibytes = 30
    read_seconds: Seconds = 5
    """CPU time of the reading worker for one mail."""
    read_mib: Mebibytes = 400
    """Memory of the reading worker."""
    header_kib: HeaderKib = 250
    """Header of a mail or of one of its parts; beyond this and the next four a mail is set aside."""
    header_fields: Count = 2_000
    parts: Count = 500
    depth: Depth = 50
    """Parts within each other."""
    decoded_mib: Mebibytes = 60
    """All attachments of a mail together."""
    addresses: Count = 500
    """Read of one field; the others are left out, likewise those beyond the next two."""
    encoded_words: Count = 2_000
    parameter_segments: Count = 100
    """Pieces of a file name (RFC 2231)."""
    acks_per_sender_per_hour: Count = 4
    """Automatic mails to one requester after which the next ticket opens silently; however they spell it."""
    acks_per_sender_per_day: Count = 10
    automatic_per_domain_per_hour: Count = 100
    """To requesters at one domain: made-up local parts must not make us send."""
    automatic_per_ticket_per_hour: Count = 20
    """To the requester's side of one ticket; what staff write or order always goes."""
    flood_mails_per_minute: Count = 10
    """More mails of one sender within a minute are one ticket."""
    notices_per_sender_per_hour: Count = 20
    automatic_per_desk_per_hour: Count = 300
    same_subject_per_hour: Count = 3
    batch_mails: Count = 50
    """Fetched from the mailbox at once; `batch_mib` likewise."""
    batch_mib: Mebibytes = 16


def _only_at_home(value: Security, info: ValidationInfo) -> Security:
    """Passwords and citizens' mail never cross a network in the clear."""
    host = info.data.get("host")
    if value == "none" and host is not None and not is_loopback(host):
        raise ValueError('sends passwords in the clear: "tls" or "starttls" unless the host is this machine')
    return value


def _ca_needs_tls(value: str, info: ValidationInfo) -> str:
    if value and info.data.get("security") == "none":
        raise ValueError('is never used: security is "none"')
    return value


class Imap(Table):
    """[desks.X.imap]: the mailbox."""

    host: Host = Field(description="the name of the IMAP server")
    port: Port = 993
    security: Annotated[Security, AfterValidator(_only_at_home)] = "tls"
    user: Name = Field(description="the login name, mostly the mail address")
    auth: Auth = "password"
    password: SecretReference = ""
    """Where it is kept; "" only with xoauth2, whose token lies in the state folder."""
    folder: Name = "INBOX"
    processed: Name = "Mailgate/Diproses"
    set_aside: Name = "Mailgate/Disisihkan"
    sent: Line = ""
    """Watched for answers that staff write in the mailbox itself; "" for off."""
    junk: Line = ""
    """The folder of suspected junk, whose mails the morning digest counts; "" for none."""
    start: Annotated[Literal["now", "all"] | date, BeforeValidator(_start)] = "now"
    """Older mail is never answered."""
    poll_seconds: Seconds = 60
    ca_file: Annotated[LocalFile, AfterValidator(_ca_needs_tls)] = ""
    """Certificates (PEM) of an own authority; "" for the system's."""

    @field_validator("password")
    @classmethod
    def _kept_somewhere(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("auth") == "password":
            raise ValueError(f"is missing: {_KEPT_IN}")
        return value

    @field_validator("processed", "set_aside", "sent")
    @classmethod
    def _its_own_folder(cls, value: str, info: ValidationInfo) -> str:
        others = {info.data.get(key) for key in ("folder", "processed", "set_aside")}
        if _folder_key(value) in {_folder_key(other) for other in others if other}:
            raise ValueError("is used twice: folder, processed, set_aside and sent must differ")
        return value


def _folder_key(name: str) -> str:
    """INBOX alone is case-insensitive (RFC 9051, section 5.1)."""
    return name.upper() if name.upper() == "INBOX" else name


class Smtp(Table):
    """[desks.X.smtp]: the server that takes our mail."""

    host: Host = Field(description="the name of the SMTP server")
    port: Port = 465
    security: Annotated[Security, AfterValidator(_only_at_home)] = "tls"
    user: Line = ""
    """"" sends without a login, for a relay that knows this machine."""
    auth: Auth = "password"
    password: SecretReference = ""
    per_day: CountOrNone = 0
    """Recipients in a rolling day; 0 for no limit."""
    connect_timeout_seconds: Seconds = 30
    timeout_seconds: Seconds = 300
    """RFC 5321, sections 4.5.3.2.1 to 4.5.3.2.5: five minutes for the greeting and for one answer."""
    data_timeout_seconds: DataSeconds = 600
    """RFC 5321, section 4.5.3.2.6: ten minutes for the answer to the final dot."""
    retry_minutes: Pauses = (30, 30, 60, 120, 180)
    """After each "later" of the server, the last one again and again; RFC 5321, section 4.5.4.1."""
    give_up_days: Days = 5
    ca_file: Annotated[LocalFile, AfterValidator(_ca_needs_tls)] = ""
    """Certificates (PEM) of an own authority; "" for the system's."""

    @field_validator("password")
    @classmethod
    def _kept_somewhere(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("user") and info.data.get("auth") == "password":
            raise ValueError(f"is missing: {_KEPT_IN}")
        return value


class Oauth(Table):
    """[desks.X.oauth]: who we are to the provider of a mailbox with auth = "xoauth2"."""

    provider: Literal["google", "microsoft", ""] = ""
    """"" has its addresses and scopes below."""
    client_id: Name = Field(description="the id of the OAuth client that was made with the provider")
    client_secret: SecretReference = ""
    """Where it is kept; "" for a public client, which has none."""
    tenant: Annotated[
        str,
        AfterValidator(_pattern(r"[A-Za-z0-9][A-Za-z0-9.-]*", "is not a tenant: its id, a domain or common")),
    ] = "common"
    """Microsoft's word for the office's directory."""
    authorize_url: Endpoint = ""
    token_url: Endpoint = ""
    scopes: tuple[Name, ...] = ()

    @field_validator("authorize_url", "token_url", "scopes")
    @classmethod
    def _own_or_the_providers(
        cls, value: str | tuple[str, ...], info: ValidationInfo
    ) -> str | tuple[str, ...]:
        provider = info.data.get("provider")
        if provider and value:
            raise ValueError(f'goes with provider = "" only: what {provider} wants is known')
        if provider == "" and not value:
            raise ValueError('is missing: it is known for provider = "google" and "microsoft" only')
        return value


class Level(Table):
    """One place in the escalation chain, the front line first."""

    name: Name = Field(description="as people call it")
    external: Flag = False
    """Outside the office: recorded and reminded, nobody is mailed."""
    role: Annotated[str, AfterValidator(_one_line)] = ""
    """Of the staff at this level; "" for an external one."""
    replies: Replies = "public"
    """What becomes of a plain reply: public goes to the requester, internal is a note."""

    @field_validator("role")
    @classmethod
    def _somebody_is_there(cls, value: str, info: ValidationInfo) -> str:
        if not value and not info.data.get("external", True):
            raise ValueError("is missing: the role of the staff at this level, or external = true")
        return value


class Staff(Table):
    """One member of the staff."""

    name: Name = Field(description="as colleagues call them")
    address: MailAddress = Field(description="where their mail goes")
    aliases: tuple[MailAddress, ...] = ()
    """Other addresses that they write from."""
    roles: tuple[Name, ...] = Field(description='such as ["admin"]')
    categories: tuple[str, ...] = ()

    @field_validator("roles")
    @classmethod
    def _some_role(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError('is empty: at least one role, such as "admin"')
        return value


class Work(Table):
    """A kind of work; it carries the service target."""

    code: Annotated[
        str,
        AfterValidator(_pattern(r"[A-Z][A-Z0-9]{1,11}", "is not a code: 2 to 12 capital letters and digits")),
    ] = Field(description='such as "PWD"')
    name: Name = Field(description="as people call it")
    within: WrittenDuration = Field(description='such as "30 service minutes"')
    starts: Literal["received", "notified"] = Field(description='"received" or "notified"')
    category: str = ""
    promise: Line = ""
    """The standard's own words, shown to people; "" promises nothing."""


def _phrase(value: str) -> str:
    if "*" in value[:-1] or not any(letter.isalnum() for letter in value):
        raise ValueError('is not a word or phrase: "kata sandi", or "sandi*" for words that begin so')
    return value


def _feedback(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, str) and re.fullmatch(r"[a-z0-9][a-z0-9_-]*", value)):
        return value
    raise ValueError('is not true, false or a type of abuse report, such as "fraud"')


Phrases = Annotated[tuple[Annotated[Name, AfterValidator(_phrase)], ...], BeforeValidator(_a_list)]
Senders = Annotated[tuple[MailAddress, ...], BeforeValidator(_a_list)]
SenderDomains = Annotated[tuple[Domain, ...], BeforeValidator(_a_list)]
FeedbackWanted = Annotated[bool | str, BeforeValidator(_feedback)]


class RuleWhen(Table):
    """What a mail must show for a rule to apply: all that is named, and one of each list.

    Naming nothing takes every mail: a last rule for what the others left.
    """

    words: Phrases = ()
    """In the subject or the words written this time; whole words, and "sandi*" for those that begin so."""
    subject: Phrases = ()
    sender: Senders = ()
    sender_domain: SenderDomains = ()
    """With everything below it."""
    recipient: Senders = ()
    attachment: Words = ()
    """Patterns of file names, "*.pdf", and with a "/" of media types, "image/*"."""
    feedback: FeedbackWanted | None = None
    """An abuse report, one of this type, or none; None does not ask."""
    outside_hours: Flag | None = None

    @model_validator(mode="after")
    def _no_empty_list(self) -> "RuleWhen":
        """A list from which the last word was deleted would take every mail."""
        empty = [key for key in sorted(self.model_fields_set) if getattr(self, key) == ()]
        if empty:
            raise ValueError(f"has an empty {empty[0]}: at least one, or leave the key out")
        return self

    def names_recipient(self, address: str) -> bool:
        """Whether mail to this address arrives at one of `recipient`; see `Desk.is_own_address`."""
        return any(_same_mailbox(address, own) for own in self.recipient)


class RuleSet(Table):
    """What a rule sets; None leaves alone."""

    work: str | None = None
    category: str | None = None
    priority: Priority | None = None
    holder: MailAddress | None = None
    role: str | None = None
    confidential: Flag | None = None
    suggest: Flag = False
    """Only propose it to the staff."""

    @model_validator(mode="after")
    def _does_something(self) -> "RuleSet":
        if self.model_fields_set <= {"suggest"}:
            raise ValueError("sets nothing: work, category, priority, holder, role or confidential")
        return self


class Rule(Table):
    """One rule; the first that matches wins."""

    when: RuleWhen = Field(description='such as { words = ["password"] }')
    set: RuleSet = Field(description='such as { work = "PWD", suggest = true }')


class ConditionKind(StrEnum):
    """What an escalation waits for."""

    UNANSWERED = "unanswered"
    UNASSIGNED = "unassigned"
    DUE_IN = "due in"
    OVERDUE = "overdue"
    PENDING = "pending"
    STARTED_NOT_REPORTED = "started not reported"
    EXTERNAL = "external"
    REPEATED_CONTACT = "repeated contact"
    """The requester wrote so often without an answer: "repeated contact 3 times"."""
    COMPLAINT = "complaint"
    """A confidential ticket, so long after it came: the legal limits of a complaint about the service."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed `when` of an escalation."""

    kind: ConditionKind
    duration: Duration
    """May be 0: at once."""
    times: int = 0
    """For REPEATED_CONTACT."""


_AT_ONCE = Duration(0, DurationUnit.SERVICE_MINUTES)


def condition(text: str) -> Condition:
    """Read "unanswered 2 service hours"; ValueError says what would be right."""
    words = " ".join(text.casefold().split())
    if found := re.fullmatch(r"repeated contact ([1-9][0-9]?) times?", words):
        return Condition(ConditionKind.REPEATED_CONTACT, _AT_ONCE, int(found[1]))
    for kind in set(ConditionKind) - {ConditionKind.REPEATED_CONTACT}:
        if words.startswith(f"{kind} "):
            return Condition(kind, duration(words.removeprefix(f"{kind} ")))
    raise ValueError(
        f"is not a condition: one of {', '.join(ConditionKind)}, and a duration (repeated contact: N times)"
    )


class ActionKind(StrEnum):
    """What an escalation does."""

    NOTIFY = "notify"
    RAISE_LEVEL = "raise level"
    SET_PRIORITY = "set priority"
    REMIND_REQUESTER = "remind requester"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Action:
    """One parsed `do` of an escalation."""

    kind: ActionKind
    role: str = ""
    """For NOTIFY: a role, or "holder"."""
    priority: int = 0
    """For SET_PRIORITY: 1 to 4."""


def action(text: str) -> Action:
    """Read "notify holder"; ValueError says what would be right."""
    match text.split():
        case ["notify", role]:
            return Action(ActionKind.NOTIFY, role=role)
        case ["set", "priority", ("1" | "2" | "3" | "4") as priority]:
            return Action(ActionKind.SET_PRIORITY, priority=int(priority))
        case ["raise", "level"] | ["remind", "requester"] | ["close"] as words:
            return Action(ActionKind(" ".join(words)))
    raise ValueError(
        "is not an action: notify ROLE, raise level, set priority 1-4, remind requester or close"
    )


def _readable(parse: Callable[[str], object]) -> Callable[[str], str]:
    def check(value: str) -> str:
        parse(value)
        return value

    return check


class Escalation(Table):
    """A rule that time triggers."""

    when: Annotated[str, AfterValidator(_readable(condition))] = Field(
        description='such as "overdue 1 service hour"'
    )
    do: tuple[Annotated[str, AfterValidator(_readable(action))], ...] = Field(
        description='such as ["notify holder"]'
    )

    @field_validator("do")
    @classmethod
    def _does_something(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError('is empty: at least one action, such as "notify holder"')
        return value

    @property
    def condition(self) -> Condition:
        return condition(self.when)

    @property
    def actions(self) -> tuple[Action, ...]:
        return tuple(action(text) for text in self.do)


def _same_mailbox(address: str, own: str) -> bool:
    """Whether mail to `address` arrives at `own`; a tag counts only where `own` has none."""
    local, _, domain = _mailbox(address)
    return (local, domain) == _mailbox(own)[::2] or (local.partition("+")[0], domain) == _mailbox(own)[::2]


def _mailbox(address: str) -> tuple[str, str, str]:
    """Local part, "@" and domain as a mailbox has them; Gmail ignores dots and has two names."""
    local, at, domain = address.casefold().rpartition("@")
    if domain in ("gmail.com", "googlemail.com"):
        name, plus, tag = local.partition("+")
        return name.replace(".", "") + plus + tag, at, "gmail.com"
    return local, at, domain


class Desk(Table):
    """[desks.X]: one help desk and its mailbox."""

    name: Name = Field(description="as people call it")
    address: MailAddress = Field(description="the address that requesters write to")
    aliases: tuple[MailAddress, ...] = ()
    prefix: Annotated[
        str, AfterValidator(_pattern(r"[A-Z]{2,8}", "is not a prefix: 2 to 8 capital letters, such as KOM"))
    ] = Field(description='of its ticket numbers, such as "KOM"')
    language: Annotated[
        str, AfterValidator(_pattern(r"[a-z]{2,3}", 'is not a language: two letters, such as "id"'))
    ] = "id"
    message_id_domain: Domain = Field(description="a domain of the office, such as payakumbuhkota.go.id")
    contact: Line = ""
    fee: Line = ""
    default_work: str = ""
    """The code of the work that applies until staff say otherwise; "" for none."""
    trusted_authserv_ids: tuple[Name, ...] = ()
    """RFC 8601, section 2.5: of this desk's own mail server."""
    staff_proof: Literal["id", "id or dmarc", "id and dmarc"] = "id or dmarc"
    show_staff_names: Flag = False
    notify_attachments_mib: MebibytesOrNone = 10
    digest: Flag = True
    """A mail to every staff member in the morning, where there is something to do."""
    incident_category: str = ""
    """Whose acknowledgement asks for contact, description, chronology and impact; "" for none."""
    copy_complaints_to: tuple[MailAddress, ...] = ()
    street_required_for: tuple[Literal["phone", "whatsapp", "walk_in"], ...] = ()
    """Channels on which a report needs an address of the caller beside name and telephone."""
    pause_while_pending: Flag = False
    report_to: tuple[MailAddress, ...] = ()
    close_after: WrittenDuration = Duration(5, DurationUnit.WORKING_DAYS)
    reopen_within: WrittenDuration = Duration(30, DurationUnit.CALENDAR_DAYS)
    categories: dict[Word, Name] = {}
    hours: Hours | None = None
    """None has the service's; see `Settings.hours_of`."""
    imap: Imap = Field(description="a table [desks.….imap]")
    smtp: Smtp = Field(description="a table [desks.….smtp]")
    oauth: Oauth | None = None
    """None where neither of them has auth = "xoauth2"."""
    levels: tuple[Level, ...] = Field(description="tables [[desks.….levels]], the front line first")
    staff: tuple[Staff, ...] = Field(description="tables [[desks.….staff]]")
    work: tuple[Work, ...] = ()
    rules: tuple[Rule, ...] = ()
    escalations: tuple[Escalation, ...] = ()

    @field_validator("staff_proof")
    @classmethod
    def _can_be_given(cls, value: str, info: ValidationInfo) -> str:
        if value == "id and dmarc" and not info.data.get("trusted_authserv_ids", True):
            raise ValueError("can never be given: trusted_authserv_ids is empty, so DMARC proves nothing")
        return value

    def staff_by_address(self, address: str) -> Staff | None:
        """By address or alias, in any case; None for everybody else."""
        key = address.casefold()
        return next((person for person in self.staff if key in _addresses_of(person)), None)

    def level_of(self, staff: Staff) -> int:
        """The lowest level that one of their roles belongs to.

        Who has a role without a level (a head who only hears of complaints) stands at the last level inside
        the office; see `replies_of` for what becomes of their plain replies.
        """
        own = self._own_level(staff)
        inside = [index for index, level in enumerate(self.levels) if not level.external]
        return inside[-1] if own is None else own

    def replies_of(self, staff: Staff) -> Replies:
        """What becomes of their plain reply; internal for a role without a level: nothing leaks."""
        own = self._own_level(staff)
        return "internal" if own is None else self.levels[own].replies

    def _own_level(self, staff: Staff) -> int | None:
        roles = set(staff.roles)
        return next((index for index, level in enumerate(self.levels) if level.role in roles), None)

    def level_staff(self, level: int) -> tuple[Staff, ...]:
        """Those at this level in the order of the file; nobody at an external one."""
        role = self.levels[level].role
        return self.role_staff(role) if role else ()

    def outside(self) -> int | None:
        """The level outside the office, to which a ticket is handed with #lkpp; None where there is none."""
        return next((index for index, level in enumerate(self.levels) if level.external), None)

    def leads(self, staff: Staff) -> bool:
        """Whether this person is admin or head: design, section 6, "Roles"."""
        return not EXTRA_ROLES.isdisjoint(staff.roles)

    def leaders(self) -> tuple[Staff, ...]:
        """All of them, in the order of the file."""
        return tuple(person for person in self.staff if self.leads(person))

    def role_staff(self, role: str) -> tuple[Staff, ...]:
        """Those who have this role, in the order of the file."""
        return tuple(person for person in self.staff if role in person.roles)

    def work_of(self, code: str | None) -> Work | None:
        """The kind of work with this code; None for no code, and for one that the settings no longer have."""
        return next((work for work in self.work if work.code == code), None)

    def is_own_address(self, address: str) -> bool:
        """Whether mail to this address would come back here: plus tags, and Gmail's dots and second name."""
        return any(_same_mailbox(address, own) for own in (self.address, *self.aliases))


def _addresses_of(owner: Staff | Desk) -> frozenset[str]:
    return frozenset(address.casefold() for address in (owner.address, *owner.aliases))


class Settings(Table):
    """The whole file."""

    service: Service = Field(description="a table [service]")
    hours: Hours = Field(description="a table [hours]")
    limits: Limits = Limits()
    desks: dict[Word, Desk] = Field(description="at least one table [desks.NAME]")

    @field_validator("desks")
    @classmethod
    def _some_desk(cls, value: dict[str, Desk]) -> dict[str, Desk]:
        if not value:
            raise ValueError("has no desk: at least one table [desks.NAME]")
        return value

    def desk_addresses(self) -> frozenset[str]:
        """Every address and alias of every desk, casefolded."""
        return frozenset().union(*(_addresses_of(desk) for desk in self.desks.values()))

    def hours_of(self, desk: Desk) -> Hours:
        """A desk's own hours, or the service's."""
        return desk.hours or self.hours


# --- Reading the file, and every fault in it ---


@dataclass(frozen=True, slots=True)
class _Fault:
    at: Location
    text: str
    """Reads on after the value: "is not a port: a number from 1 to 65535"."""
    value: object = _NO_VALUE

    def line(self, file: str) -> str:
        return f"{file}: {_key(self.at)}: {_shown(self.at, self.value)}{self.text}"


def _key(at: Location) -> str:
    """As it is written in the file, rows counted from 1: desks.kominfo.staff[3].address."""
    text = ""
    for part in at:
        match part:
            case int():
                text += f"[{part + 1}]"
            case str():
                bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
                text += ("." if text else "") + (part if bare else json.dumps(part))
    return text


def _shown(at: Location, value: object) -> str:
    """A value as its writer knows it, and a blank; "" for tables, lists and whatever may hold a secret."""
    if _NEVER_SHOWN & set(at):
        return ""
    match value:
        case str():
            # Not as it stands: a settings file may carry terminal escapes too.
            text = json.dumps(value, ensure_ascii=not value.isprintable())
            return f"{text} " if len(text) <= 80 else f'{text[:76]}…" '
        case bool():
            return f"{value} ".lower()
        case int() | float() | date() | time():
            return f"{value} "
        case _:
            return ""


def load(path: Path) -> Settings:
    """Read and check a settings file; SettingsError has one line for every fault."""
    return validate(_read_toml(path), path.absolute().parent, path.name)


def validate(tables: Mapping[str, Any], folder: Path, name: str = "settings.toml") -> Settings:
    """Check settings that have been read; relative paths start at `folder`, faults name the file `name`."""
    raw = _with_shared_holidays(tables)
    lines = [fault.line(name) for fault in _cross_faults(raw)] + _holiday_lines(raw, folder, name)
    try:
        settings = Settings.model_validate(raw, context={"folder": folder})
    except ValidationError as error:
        lines = [fault.line(name) for fault in _field_faults(error)] + lines
        raise SettingsError("\n".join(lines)) from None
    if lines:
        raise SettingsError("\n".join(lines))
    return settings


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file: write one with `mailgate init DIR`") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: byte {error.start} is not UTF-8: save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        raise SettingsError(f"{path.name}: {where.rstrip(')')}: {what}: this is not TOML") from None


def _with_shared_holidays(tables: Mapping[str, Any]) -> dict[str, Any]:
    """A desk with hours of its own still has the service's holidays, unless it names others."""
    shared = _table(tables, "hours").get("holidays", "")
    desks = {key: _desk_with_holidays(desk, shared) for key, desk in _table(tables, "desks").items()}
    return {**tables, "desks": desks} if desks else dict(tables)


def _desk_with_holidays(desk: Any, shared: object) -> Any:
    if not isinstance(desk, dict) or not isinstance(desk.get("hours"), dict):
        return desk
    return {**desk, "hours": {"holidays": shared, **desk["hours"]}}


def _field_faults(error: ValidationError) -> Iterator[_Fault]:
    for details in error.errors(include_url=False):
        # A desk's or category's key that is not one: pydantic marks the key's own place with "[key]".
        at = tuple(part for part in details["loc"] if part != "[key]")
        absent = details["type"] in ("missing", "extra_forbidden")
        yield _Fault(at, _explained(details, at), _NO_VALUE if absent else details["input"])


def _explained(details: ErrorDetails, at: Location) -> str:  # noqa: PLR0911 - one line for each kind of fault
    match details["type"]:
        case "value_error":
            return str(details["ctx"]["error"])
        case "missing":
            return f"is missing: {_fields(_table_type(at[:-1]))[str(at[-1])] or 'it must be there'}"
        case "extra_forbidden":
            return _unknown_key(str(at[-1]), _fields(_table_type(at[:-1])))
        case "literal_error":
            return f"is not known here: {details['ctx']['expected']}"
        case "int_type":
            return "is not a whole number"
        case "bool_type":
            return "is not true or false"
        case "string_type":
            return 'is not a text: written in "double quotes"'
        case "tuple_type":
            return 'is not a list: written in brackets, ["…"]'
        case "model_type" | "dict_type" | "dataclass_type":
            return "is not a table of keys"
        case "date_type" | "date_from_datetime_inexact" | "date_from_datetime_parsing" | "date_parsing":
            return "is not a date: written 2026-08-01, without quotes"
        case _:
            return f"is not right: {details['msg']}"


def _unknown_key(key: str, known: Iterable[str]) -> str:
    near = get_close_matches(key, known, 1, 0.5)
    right = f"did you mean {near[0]}?" if near else f"known here are {', '.join(known)}"
    return f"is not a known key: {right}"


def _table_type(at: Location) -> type[Table]:
    """The class of the table at this place."""
    table: type[Table] = Settings
    for part in (*at[:1], *at[2:]) if at[:1] == ("desks",) else at:
        table = next(
            (_tables_in(field.annotation)[0] for key, field in table.model_fields.items()
             if part in (key, field.alias) and _tables_in(field.annotation)),
            table,
        )  # fmt: skip
    return table


def _tables_in(annotation: Any) -> list[type[Table]]:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return [annotation]
    return [table for part in get_args(annotation) for table in _tables_in(part)]


def _fields(table: type[Table]) -> dict[str, str]:
    """The keys of a table, each with what would be right."""
    return {field.alias or key: field.description or "" for key, field in table.model_fields.items()}


# --- What must fit together: on the plain tables, so that one bad value hides no other fault ---


def _table(table: Any, key: str) -> dict[str, Any]:
    value = table.get(key) if isinstance(table, Mapping) else None
    return value if isinstance(value, dict) else {}


def _rows(table: Mapping[str, Any], key: str) -> list[tuple[Location, dict[str, Any]]]:
    value = table.get(key)
    rows = enumerate(value) if isinstance(value, list) else ()
    return [((key, index), row) for index, row in rows if isinstance(row, dict)]


def _texts(table: Mapping[str, Any], *keys: str) -> list[tuple[Location, str]]:
    """Every non-empty text under these keys, alone or in a list."""
    found: list[tuple[Location, str]] = []
    for key in keys:
        match table.get(key):
            case str(text) if text:
                found.append(((key,), text))
            case list(items):
                found += [((key, index), item) for index, item in enumerate(items) if isinstance(item, str)]
    return found


def _each(table: Mapping[str, Any], rows: str, *keys: str) -> list[tuple[Location, str]]:
    """Every text under these keys in every row of a list of tables."""
    return [((*at, *inner), text) for at, row in _rows(table, rows) for inner, text in _texts(row, *keys)]


def _under(at: Location, found: Iterable[tuple[Location, str]]) -> list[tuple[Location, str]]:
    return [((*at, *inner), text) for inner, text in found]


def _cross_faults(raw: Mapping[str, Any]) -> Iterator[_Fault]:
    desks = [(("desks", key), desk) for key, desk in _table(raw, "desks").items() if isinstance(desk, dict)]
    prefixes = [found for at, desk in desks for found in _under(at, _texts(desk, "prefix"))]
    addresses = [found for at, desk in desks for found in _under(at, _texts(desk, "address", "aliases"))]
    mailboxes = [((*at, "imap"), _mailbox_text(_table(desk, "imap"))) for at, desk in desks]
    yield from _repeated(prefixes, "prefix")
    yield from _repeated(addresses, "address of a desk", _mailbox)
    yield from _repeated([(at, text) for at, text in mailboxes if text], "mailbox")
    own = {text for _, text in addresses}
    yield from _loops(_under(("service",), _texts(_table(raw, "service"), "alert_to")), own)
    for at, desk in desks:
        for fault in _desk_faults(desk, own):
            yield _Fault((*at, *fault.at), fault.text, fault.value)


def _mailbox_text(imap: Mapping[str, Any]) -> str:
    """Two desks that read one mailbox would both take every mail; "" while it is not known which it is."""
    host, user, folder = imap.get("host"), imap.get("user"), imap.get("folder", "INBOX")
    return f"{folder} of {user} at {host}" if host and user else ""


def _desk_faults(desk: Mapping[str, Any], own: set[str]) -> Iterator[_Fault]:
    people = _each(desk, "staff", "address", "aliases")
    yield from _loops([*people, *_texts(desk, "report_to", "copy_complaints_to")], own)
    yield from _repeated(people, "address of the staff")
    yield from _repeated(_each(desk, "work", "code"), "code")
    yield from _repeated(_each(desk, "levels", "role"), "role of a level")
    yield from _unknown_names(desk)
    yield from _front_line_faults(desk)
    yield from _oauth_faults(desk)


def _oauth_faults(desk: Mapping[str, Any]) -> Iterator[_Fault]:
    for key in ("imap", "smtp"):
        server = _table(desk, key)
        if server.get("auth") == "xoauth2" and "oauth" not in desk:
            text = "needs a table [desks.….oauth] with provider and client_id"
            yield _Fault((key, "auth"), text, "xoauth2")
        if key == "smtp" and server.get("auth") == "xoauth2" and not server.get("user"):
            yield _Fault((key, "user"), 'is missing: auth = "xoauth2" logs in with the mail address')


def _unknown_names(desk: Mapping[str, Any]) -> Iterator[_Fault]:
    codes = {text for _, text in _each(desk, "work", "code")}
    categories = set(_table(desk, "categories"))
    roles = {text for _, text in _each(desk, "levels", "role")} | EXTRA_ROLES
    holders = {text for _, text in _each(desk, "staff", "address")}
    yield from _unknown(
        [*_texts(desk, "default_work"), *_set_by_rules(desk, "work")], codes, "a code under work"
    )
    used = [
        *_each(desk, "work", "category"),
        *_each(desk, "staff", "categories"),
        *_set_by_rules(desk, "category"),
    ]
    yield from _unknown(used, categories, "a key under categories")
    yield from _unknown(
        [*_each(desk, "staff", "roles"), *_set_by_rules(desk, "role")], roles, "a role of a level"
    )
    yield from _unknown(_set_by_rules(desk, "holder"), holders, "an address under staff")
    yield from _unknown(_notified(desk), roles | {"holder"}, "a role of a level, or holder")


def _set_by_rules(desk: Mapping[str, Any], key: str) -> list[tuple[Location, str]]:
    return [
        ((*at, "set", *inner), text)
        for at, rule in _rows(desk, "rules")
        for inner, text in _texts(_table(rule, "set"), key)
    ]


def _notified(desk: Mapping[str, Any]) -> list[tuple[Location, str]]:
    """The roles of `notify ROLE`."""
    actions = [(at, text.split()) for at, text in _each(desk, "escalations", "do")]
    return [(at, words[1]) for at, words in actions if words[:1] == ["notify"] and len(words) == 2]


def _front_line_faults(desk: Mapping[str, Any]) -> Iterator[_Fault]:
    levels, staff = desk.get("levels"), desk.get("staff")
    if not isinstance(levels, list) or not isinstance(staff, list):
        return
    if not levels:
        yield _Fault(("levels",), "is empty: at least the front line, [[desks.….levels]]")
    elif isinstance(levels[0], dict) and levels[0].get("external") is True:
        yield _Fault(
            ("levels", 0, "external"), "cannot be the front line: somebody here must read the mail", True
        )
    elif isinstance(levels[0], dict) and isinstance(levels[0].get("role"), str):
        role = levels[0]["role"]
        if role and role not in {text for _, text in _each(desk, "staff", "roles")}:
            yield _Fault(
                ("levels", 0, "role"), "is nobody's: at least one of the staff needs this role", role
            )


def _repeated(
    found: Iterable[tuple[Location, str]], what: str, same: Callable[[str], object] = str.casefold
) -> Iterator[_Fault]:
    first: dict[object, Location] = {}
    for at, text in found:
        before = first.setdefault(same(text), at)
        if before != at:
            yield _Fault(at, f"is there already: {_key(before)}; every {what} only once", text)


def _unknown(found: Iterable[tuple[Location, str]], known: Iterable[str], what: str) -> Iterator[_Fault]:
    names = sorted(known)
    for at, text in found:
        if text not in names:
            yield _Fault(at, f"is not {what}: {', '.join(names) or 'there is none'}", text)


def _loops(found: Iterable[tuple[Location, str]], own: Iterable[str]) -> Iterator[_Fault]:
    for at, text in found:
        if any(_same_mailbox(text, address) for address in own):
            yield _Fault(at, "is a desk's own address, mail to it would come back: a person's address", text)


# --- Files that belong to the settings ---


def _holiday_lines(raw: Mapping[str, Any], folder: Path, name: str) -> list[str]:
    desks = _table(raw, "desks")
    places: list[tuple[Location, dict[str, Any]]] = [
        (("hours",), _table(raw, "hours")),
        *((("desks", key, "hours"), _table(desk, "hours")) for key, desk in desks.items()),
    ]
    named: dict[str, Location] = {}
    for at, hours in places:
        for inner, file in _texts(hours, "holidays"):
            named.setdefault(file, (*at, *inner))
    return [line for file, at in named.items() for line in _one_holiday_file(file, folder, at, name)]


def _one_holiday_file(file: str, folder: Path, at: Location, name: str) -> list[str]:
    path = folder / file
    if not path.is_file():
        return [_Fault(at, f'is not there: no file {path}; "" for no holidays at all', file).line(name)]
    try:
        load_holidays(path)
    except SettingsError as error:
        return str(error).splitlines()
    return []


def load_holidays(path: Path) -> Mapping[date, str]:
    """The days on which nobody is there, with their names.

    The file has two tables, [public] and [joint_leave] (cuti bersama), of lines 2026-01-01 = "Tahun Baru".
    """
    tables = _read_toml(path)
    faults = [
        _Fault((key,), "is not a known table: public or joint_leave") for key in tables if key not in _KINDS
    ]
    holidays: dict[date, str] = {}
    for kind in _KINDS:
        for key, name in _table(tables, kind).items():
            day = _date_or_none(key)
            if day is None or not isinstance(name, str) or day in holidays:
                faults.append(_Fault((kind, key), _holiday_text(day, name), name))
            else:
                holidays[day] = name
    faults += [
        _Fault((kind,), 'is not a table of days: lines such as 2026-01-01 = "Tahun Baru"')
        for kind in _KINDS
        if not isinstance(tables.get(kind, {}), dict)
    ]
    if faults:
        raise SettingsError("\n".join(fault.line(path.name) for fault in faults))
    return holidays


_KINDS = ("public", "joint_leave")


def _holiday_text(day: date | None, name: object) -> str:
    if day is None:
        return 'is not named by a day: written 2026-01-01 = "Tahun Baru"'
    if not isinstance(name, str):
        return 'is not a name: written in "double quotes"'
    return "is there already: every day only once"


def shipped(name: str) -> Path:
    """A file or folder that comes with mailgate: in the installed package, else on top of the checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "shipped" / name
    path = installed if installed.exists() else package.parent / name
    if not path.exists():
        raise SettingsError(f"{installed}: is not there: this installation of mailgate is incomplete")
    return path


def templates(settings: Settings, base: Path) -> Mapping[str, str]:
    """Every template source, "id/reply.body.txt" and "id/words.toml" with their texts; the office's own win.

    `base` is the settings file's folder.
    """
    sources = _texts_under(shipped("templates"))
    if settings.service.templates:
        sources |= _texts_under(base / settings.service.templates)
    return sources


def _texts_under(folder: Path) -> dict[str, str]:
    paths = [path for path in sorted(folder.glob("*/*")) if path.suffix in (".txt", ".toml")]
    return {path.relative_to(folder).as_posix(): _template(path) for path in paths}


def _template(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: the template cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: byte {error.start} is not UTF-8: save the template as UTF-8") from None


# --- Secrets ---


def secret(ref: str, base_dir: Path) -> str:
    """What `ref` ("credential:NAME", "env:NAME", "file:PATH") stands for, read now.

    SettingsError names the reference and what would be right, never the secret.
    """
    form, _, name = ref.partition(":")
    match form:
        case "credential":
            value = _credential(name)
        case "env":
            value = _environment(name)
        case "file":
            value = _secret_file(base_dir / name)
        case _:
            raise SettingsError(
                f"a secret is not written out in the settings: say where it is kept, {_KEPT_IN}"
            )
    return _one_secret(value.removesuffix("\n").removesuffix("\r"), ref)


def _one_secret(value: str, ref: str) -> str:
    if not value:
        raise SettingsError(f"{ref}: the secret is empty: put the password there, on one line")
    # A line end in a password would end the login command on the wire.
    if not value.isprintable():
        raise SettingsError(
            f"{ref}: the secret has several lines or control characters: only the password, one line"
        )
    return value


def _credential(name: str) -> str:
    directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if not directory:
        raise SettingsError(
            f"credential:{name} is only there inside the systemd unit; from a shell:"
            f" systemd-run --pty -p LoadCredential={name}:/etc/credstore/{name} mailgate check"
        )
    try:
        return (Path(directory) / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"credential:{name} cannot be read: {_why(error)}; the unit needs a line"
            f" LoadCredential={name}:/etc/credstore/{name}, or from a shell:"
            f" systemd-run --pty -p LoadCredential={name}:/etc/credstore/{name} mailgate check"
        ) from None


def _environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise SettingsError(
            f"env:{name}: there is no such environment variable: set {name} before mailgate starts"
        )
    return value


def _secret_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            # Of the open file, not of its name: nobody can put another in its place in between.
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o007:
                raise SettingsError(
                    f"file:{path}: everybody on this machine may use it ({mode:04o}): chmod 600 {path}"
                )
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"file:{path} cannot be read: {_why(error)}") from None


def _why(error: OSError | UnicodeDecodeError) -> str:
    """Without the text itself, which a UnicodeDecodeError carries."""
    return error.strerror or "it failed" if isinstance(error, OSError) else "it is not UTF-8 text"
