"""What is the service run by? The settings with everything that was loaded for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from mailgate import settings as shape
from mailgate.compose import render
from mailgate.desk.calendar import calendar
from mailgate.desk.situation import Counter
from mailgate.errors import SettingsError
from mailgate.intake.imap import Account
from mailgate.outbox.retry import Ladder
from mailgate.outbox.smtp import Server

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Office:
    """The settings with everything that was loaded for them."""

    settings: shape.Settings
    base: Path
    """The folder of the settings file: relative names in it start here."""
    templates: render.Templates
    counters: Mapping[str, Counter]
    timezone: ZoneInfo


def office(settings: shape.Settings, base: Path) -> Office:
    """Load what the settings name. Raises SettingsError."""
    spoken = {desk.language for desk in settings.desks.values()}  # to compile one more takes a while
    templates = render.templates(shape.templates(settings, base), spoken)
    zone = ZoneInfo(settings.service.timezone)
    return Office(settings, base, templates, counters(settings, base), zone)


def counters(settings: shape.Settings, base: Path) -> dict[str, Counter]:
    """What each desk decides and counts with, its holidays loaded. Raises SettingsError."""
    found = {}
    for key, desk in settings.desks.items():
        hours = settings.hours_of(desk)
        holidays = shape.load_holidays(base / hours.holidays) if hours.holidays else ()
        days = calendar(hours, holidays, settings.service.timezone)
        found[key] = Counter(key, desk, settings.desks, days, settings.limits, settings.service.alert_to)
    return found


def submission_server(desk: shape.Desk, base: Path) -> Server:
    """How this desk's mail leaves. Raises SettingsError when its secret cannot be read."""
    smtp = desk.smtp
    _password_only(smtp.auth, smtp.host)
    return Server(
        host=smtp.host,
        port=smtp.port,
        security=smtp.security,
        user=smtp.user,
        password=shape.secret(smtp.password, base) if smtp.user else "",
        hello=desk.message_id_domain,
        sender=desk.address,
        timeout=smtp.timeout_seconds,
        data_timeout=smtp.data_timeout_seconds,
        ca_file=smtp.ca_file,
        connect_timeout=smtp.connect_timeout_seconds,
    )


def ladder(desk: shape.Desk) -> Ladder:
    """How long this desk's mail is tried."""
    pauses = tuple(timedelta(minutes=one) for one in desk.smtp.retry_minutes)
    return Ladder(pauses, timedelta(days=desk.smtp.give_up_days))


def account(desk: shape.Desk, base: Path) -> Account:
    """How this desk's mailbox is reached. Raises SettingsError when its secret cannot be read."""
    imap = desk.imap
    _password_only(imap.auth, imap.host)
    return Account(
        host=imap.host,
        port=imap.port,
        security=imap.security,
        user=imap.user,
        password=shape.secret(imap.password, base),
        folder=imap.folder,
        processed=imap.processed,
        set_aside=imap.set_aside,
        ca_file=imap.ca_file,
    )


def _password_only(auth: str, host: str) -> None:
    if auth != "password":
        raise SettingsError(
            f'{host}: auth = "{auth}" is not spoken yet; use an app password with auth = "password"'
        )
