"""What is the service run by? The settings with everything that was loaded for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from mailgate import settings as shape
from mailgate.compose import render
from mailgate.desk.calendar import calendar
from mailgate.desk.situation import Counter
from mailgate.errors import SettingsError
from mailgate.intake.imap import Account
from mailgate.oauth import endpoint, tokens
from mailgate.oauth.endpoint import Client
from mailgate.oauth.tokens import Tokens
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
    tokens: Mapping[str, Tokens] = field(default_factory=dict)
    """Of each desk that logs in by OAuth2."""


def office(settings: shape.Settings, base: Path) -> Office:
    """Load what the settings name. Raises SettingsError."""
    spoken = {desk.language for desk in settings.desks.values()}  # to compile one more takes a while
    templates = render.templates(shape.templates(settings, base), spoken)
    zone = ZoneInfo(settings.service.timezone)
    state_dir = base / settings.service.state_dir
    by_token = [key for key, desk in settings.desks.items() if "xoauth2" in (desk.imap.auth, desk.smtp.auth)]
    kept = {key: Tokens(key, tokens.path(state_dir, key)) for key in by_token}
    return Office(settings, base, templates, counters(settings, base), zone, kept)


def counters(settings: shape.Settings, base: Path) -> dict[str, Counter]:
    """What each desk decides and counts with, its holidays loaded. Raises SettingsError."""
    found = {}
    for key, desk in settings.desks.items():
        hours = settings.hours_of(desk)
        holidays = shape.load_holidays(base / hours.holidays) if hours.holidays else ()
        days = calendar(hours, holidays, settings.service.timezone)
        found[key] = Counter(key, desk, settings.desks, days, settings.limits, settings.service.alert_to)
    return found


def submission_server(office: Office, key: str) -> Server:
    """How this desk's mail leaves. Raises SettingsError when its secret cannot be read."""
    desk, smtp = office.settings.desks[key], office.settings.desks[key].smtp
    by_token = smtp.auth == "xoauth2"
    return Server(
        host=smtp.host,
        port=smtp.port,
        security=smtp.security,
        user=smtp.user,
        password=shape.secret(smtp.password, office.base) if smtp.user and not by_token else "",
        hello=desk.message_id_domain,
        sender=desk.address,
        timeout=smtp.timeout_seconds,
        data_timeout=smtp.data_timeout_seconds,
        ca_file=smtp.ca_file,
        connect_timeout=smtp.connect_timeout_seconds,
        desk=key,
        token=partial(office.tokens[key].asked, client(office, key)) if by_token else None,
    )


def ladder(desk: shape.Desk) -> Ladder:
    """How long this desk's mail is tried."""
    pauses = tuple(timedelta(minutes=one) for one in desk.smtp.retry_minutes)
    return Ladder(pauses, timedelta(days=desk.smtp.give_up_days))


def account(office: Office, key: str) -> Account:
    """How this desk's mailbox is reached. Raises SettingsError when its secret cannot be read."""
    imap = office.settings.desks[key].imap
    by_token = imap.auth == "xoauth2"
    return Account(
        host=imap.host,
        port=imap.port,
        security=imap.security,
        user=imap.user,
        password="" if by_token else shape.secret(imap.password, office.base),
        folder=imap.folder,
        processed=imap.processed,
        set_aside=imap.set_aside,
        ca_file=imap.ca_file,
        desk=key,
        token=partial(_token, office.tokens[key], client(office, key)) if by_token else None,
    )


def _token(kept: Tokens, who: Client, refused: str) -> str:
    return kept.asked(who, refused).result()


def client(office: Office, key: str) -> Client:
    """Who a desk with a table [desks.X.oauth] is to its provider. Raises SettingsError as above."""
    oauth = office.settings.desks[key].oauth
    if oauth is None:
        raise SettingsError(f"desks.{key}.oauth: is missing: provider and client_id of the OAuth client")
    secret = shape.secret(oauth.client_secret, office.base) if oauth.client_secret else ""
    return endpoint.client(oauth, secret)
