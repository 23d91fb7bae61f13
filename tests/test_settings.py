"""Does the admin learn what is wrong, and does everybody get what the file says?"""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mailgate.errors import SettingsError
from mailgate.settings import (
    Action,
    ActionKind,
    Condition,
    ConditionKind,
    Desk,
    Duration,
    DurationUnit,
    Hours,
    Interval,
    Settings,
    action,
    condition,
    duration,
    interval,
    load,
    load_holidays,
    secret,
    shipped,
    templates,
    validate,
)

SHIPPED = shipped("settings.toml").read_text(encoding="utf-8")
PASSWORD = "kata-sandi-rahasia"

SMALL = """
[service]
alert_to = ["root@example.go.id"]
[hours]
monday = ["08:00-12:00", "13:00-16:00"]
[desks.kota]
name = "Meja Layanan"
address = "layanan@example.go.id"
prefix = "KT"
message_id_domain = "example.go.id"
[desks.kota.imap]
host = "mail.example.go.id"
user = "layanan"
password = "env:IMAP"
[desks.kota.smtp]
host = "localhost"
port = 25
security = "none"
[[desks.kota.levels]]
name = "Admin"
role = "admin"
[[desks.kota.staff]]
name = "Sari"
address = "Sari@example.go.id"
aliases = ["sari.pribadi@gmail.com"]
roles = ["admin"]
"""


def tables(text: str = SHIPPED) -> dict[str, Any]:
    return tomllib.loads(text)


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(settings: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as refusal:
        validate(settings, shipped("settings.toml").parent)
    return str(refusal.value).splitlines()


@pytest.fixture
def city() -> Settings:
    return load(shipped("settings.toml"))


@pytest.fixture
def small(tmp_path: Path) -> Settings:
    return load(written(tmp_path, SMALL))


# What is shipped


def test_both_desks_of_the_city_can_start_with_what_is_shipped(city: Settings) -> None:
    assert [desk.prefix for desk in city.desks.values()] == ["KOM", "LPSE"]
    assert [work.code for work in city.desks["kominfo"].work] == [
        "KON",
        "ANT",
        "PRK",
        "PWD",
        "UDB",
        "AKN",
        "SEC",
    ]
    assert [work.code for work in city.desks["lpse"].work] == ["LYN"]
    assert city.desks["lpse"].default_work == "LYN"


def test_the_published_targets_are_the_ones_that_are_measured(city: Settings) -> None:
    targets = {
        work.code: (str(work.within), work.starts) for desk in city.desks.values() for work in desk.work
    }
    assert targets == {
        "KON": ("1 service hour", "notified"),
        "ANT": ("3 service hours", "notified"),
        "PRK": ("7 calendar days", "notified"),
        "PWD": ("30 service minutes", "received"),
        "UDB": ("30 service minutes", "received"),
        "AKN": ("1 service hour", "received"),
        "SEC": ("1 working day", "received"),
        "LYN": ("1 working day", "received"),
    }


def test_a_requester_reads_the_words_of_the_standard_without_its_typing_errors(city: Settings) -> None:
    promises = {work.code: work.promise for work in city.desks["kominfo"].work}
    assert promises["PWD"] == "maksimal 30 (tiga puluh) menit setelah laporan diterima"
    assert not any("perbaiaka" in promise for promise in promises.values())


def test_every_holiday_of_the_decree_is_a_day_off() -> None:
    holidays = load_holidays(shipped("holidays.toml"))
    assert len(holidays) == 17 + 8
    assert holidays[date(2026, 8, 17)] == "Proklamasi Kemerdekaan"
    assert date(2026, 3, 18) in holidays


def test_no_key_of_the_settings_is_missing_from_the_shipped_file() -> None:
    """Who edits the file must see what can be set; only what is explained in a comment is left out."""
    desk = tables()["desks"]["kominfo"]
    assert set(Desk.model_fields) - set(desk) == {"hours", "oauth"}
    for key in ("imap", "smtp"):
        assert set(Desk.model_fields[key].annotation.model_fields) == set(desk[key])  # type: ignore[union-attr]  # a table
    for key in ("service", "limits"):
        assert set(Settings.model_fields[key].annotation.model_fields) == set(tables()[key])  # type: ignore[union-attr]  # a table


# What an office writes


def test_a_small_office_needs_only_what_mailgate_cannot_know(small: Settings) -> None:
    desk = small.desks["kota"]
    assert small.limits.message_mib == 30
    assert small.limits.automatic_per_desk_per_hour == 300
    assert (desk.imap.port, desk.imap.security, desk.imap.start) == (993, "tls", "now")
    # RFC 5321, sections 4.5.3.2 and 4.5.4.1
    assert (desk.smtp.timeout_seconds, desk.smtp.data_timeout_seconds) == (300, 600)
    assert (desk.smtp.retry_minutes[0], desk.smtp.give_up_days) == (30, 5)
    assert desk.close_after == Duration(5, DurationUnit.WORKING_DAYS)


def test_paths_are_found_wherever_mailgate_is_started_from(tmp_path: Path) -> None:
    (tmp_path / "libur.toml").write_text("", encoding="utf-8")
    (tmp_path / "surat").mkdir()
    text = SMALL.replace("[hours]", 'templates = "surat"\n[hours]\nholidays = "libur.toml"')
    settings = load(written(tmp_path, text.replace("env:IMAP", "file:imap.secret")))
    assert settings.service.database == f"sqlite:///{tmp_path}/var/mailgate.db"
    assert settings.service.state_dir == f"{tmp_path}/var"
    assert settings.service.templates == f"{tmp_path}/surat"
    assert settings.hours.holidays == f"{tmp_path}/libur.toml"
    assert settings.desks["kota"].imap.password == f"file:{tmp_path}/imap.secret"


def test_an_absolute_path_and_a_database_server_stay_as_they_are(tmp_path: Path) -> None:
    database = "postgresql+psycopg://mailgate@/mailgate"
    settings = load(
        written(tmp_path, SMALL.replace("[hours]", f'database = "{database}"\nstate_dir = "/srv/x"\n[hours]'))
    )
    assert (settings.service.database, settings.service.state_dir) == (database, "/srv/x")


def test_a_desk_with_hours_of_its_own_keeps_the_holidays(tmp_path: Path) -> None:
    (tmp_path / "libur.toml").write_text("", encoding="utf-8")
    text = SMALL.replace("[hours]", '[hours]\nholidays = "libur.toml"')
    settings = load(written(tmp_path, text + '[desks.kota.hours]\nfriday = ["08:00-11:00"]\n'))
    own = settings.hours_of(settings.desks["kota"])
    assert own.holidays == settings.hours.holidays
    assert (own.monday, len(own.friday)) == ((), 1)


def test_a_desk_without_hours_of_its_own_has_the_service_s(small: Settings) -> None:
    assert small.hours_of(small.desks["kota"]) is small.hours


def test_ramadan_hours_apply_on_its_first_and_last_day_and_not_beyond(city: Settings) -> None:
    normal, ramadan = (Interval(time(7, 30), time(16)),), (Interval(time(8), time(15)),)
    assert city.hours.on(date(2026, 2, 18)) == normal
    assert city.hours.on(date(2026, 2, 19)) == ramadan
    assert [str(part) for part in city.hours.on(date(2026, 3, 20))] == ["08:00-15:30"]
    assert city.hours.on(date(2026, 3, 23)) == normal
    assert city.hours.on(date(2026, 3, 7)) == ()


def test_settings_never_change_while_the_service_runs(small: Settings) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        small.service.timezone = "Asia/Makassar"


def test_a_start_date_is_understood_with_and_without_quotes() -> None:
    for value in (date(2026, 8, 1), "2026-08-01"):
        settings = tables()
        settings["desks"]["kominfo"]["imap"]["start"] = value
        desk = validate(settings, shipped("settings.toml").parent).desks["kominfo"]
        assert desk.imap.start == date(2026, 8, 1)


# Who is who


def test_staff_are_known_by_every_address_they_write_from_in_any_case(small: Settings) -> None:
    desk = small.desks["kota"]
    sari = desk.staff[0]
    assert desk.staff_by_address("SARI@EXAMPLE.GO.ID") is sari
    assert desk.staff_by_address("Sari.Pribadi@gmail.com") is sari
    assert desk.staff_by_address("orang@example.com") is None


def test_each_level_is_worked_by_its_own_people_and_an_external_one_by_nobody(city: Settings) -> None:
    desk, lpse = city.desks["kominfo"], city.desks["lpse"]
    assert [person.name for person in desk.level_staff(0)] == ["Admin Satu", "Admin Dua"]
    assert {desk.level_of(person) for person in desk.level_staff(1)} == {1}
    assert desk.level_of(desk.level_staff(2)[0]) == 2
    assert lpse.level_staff(2) == ()


def test_who_comes_in_person_is_asked_for_an_address_where_the_standard_wants_it(
    city: Settings, small: Settings
) -> None:
    assert city.desks["lpse"].street_required_for == ("walk_in",)
    assert city.desks["kominfo"].street_required_for == ()
    assert small.desks["kota"].street_required_for == ()
    written = tables()
    written["desks"]["lpse"]["street_required_for"] = ["walk-in"]
    (fault,) = faults(written)
    assert "desks.lpse.street_required_for" in fault
    assert "walk_in" in fault


def test_who_has_several_roles_stands_at_the_front_line() -> None:
    settings = tables()
    settings["desks"]["kominfo"]["staff"][0]["roles"] = ["pimpinan", "teknisi", "admin"]
    desk = validate(settings, shipped("settings.toml").parent).desks["kominfo"]
    assert desk.level_of(desk.staff[0]) == 0


def test_the_plain_reply_of_a_head_without_a_level_does_not_reach_the_requester(city: Settings) -> None:
    lpse = city.desks["lpse"]
    head = lpse.role_staff("pimpinan")[0]
    assert lpse.level_of(head) == 1
    assert lpse.replies_of(head) == "internal"
    assert lpse.replies_of(lpse.level_staff(0)[0]) == "public"


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("helpdesk.lpse.pyk@gmail.com", True),
        ("HelpdeskLpsePyk@GMail.com", True),
        ("h.elpdesklpsepyk+tender@googlemail.com", True),
        ("helpdesk.lpse@gmail.com", False),
        ("helpdesk.lpse.pyk@example.com", False),
    ],
)
def test_mail_to_the_gmail_desk_itself_never_goes_round_in_circles(
    city: Settings, address: str, own: bool
) -> None:
    assert city.desks["lpse"].is_own_address(address) is own


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("ABUSE.kominfo@payakumbuhkota.go.id", True),
        ("abuse.kominfo+x@payakumbuhkota.go.id", True),
        ("abusekominfo@payakumbuhkota.go.id", False),  # Dots matter everywhere but at Gmail.
    ],
)
def test_mail_to_the_city_s_desk_itself_never_goes_round_in_circles(
    city: Settings, address: str, own: bool
) -> None:
    assert city.desks["kominfo"].is_own_address(address) is own


def test_two_desks_that_share_a_mailbox_by_plus_tags_are_not_taken_for_each_other() -> None:
    settings = tables(SMALL.replace("layanan@", "layanan+it@"))
    desk = validate(settings, shipped("settings.toml").parent).desks["kota"]
    assert desk.is_own_address("layanan+it@example.go.id")
    assert not desk.is_own_address("layanan+umum@example.go.id")


def test_every_address_of_every_desk_is_known(city: Settings) -> None:
    assert city.desk_addresses() == {"abuse.kominfo@payakumbuhkota.go.id", "helpdesk.lpse.pyk@gmail.com"}


# What is wrong is said: all of it, where it is, and what would be right


def spoil(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(settings: dict[str, Any]) -> None:
        table: Any = settings
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] = value

    return change


def kominfo(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    return spoil("desks", "kominfo", *path, value=value)


OWN = "abuse.kominfo@payakumbuhkota.go.id"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            kominfo("imap", "port", value=99999),
            "settings.toml: desks.kominfo.imap.port: 99999 is not a port: a number from 1 to 65535",
        ),
        (kominfo("imap", "prot", value=1), "imap.prot: is not a known key: did you mean port?"),
        (kominfo("imap", "port", value="993"), 'imap.port: "993" is not a whole number'),
        (kominfo("imap", "security", value="none"), '"none" sends passwords in the clear'),
        (kominfo("imap", "security", value="ssl"), "\"ssl\" is not known here: 'tls', 'starttls' or"),
        (kominfo("imap", "set_aside", value="Mailgate/Diproses"), "imap.set_aside: "),
        (kominfo("imap", "sent", value="inbox"), 'imap.sent: "inbox" is used twice'),
        (kominfo("imap", "start", value="gestern"), 'imap.start: "gestern" is not a start'),
        (kominfo("imap", "start", value=datetime(2026, 1, 1, 5)), "imap.start: "),  # noqa: DTZ001  # naive
        (kominfo("imap", "host", value="imaps://mail"), "is not a host"),
        (kominfo("smtp", "host", value="mail..pyk.example.go.id"), "is not a host"),
        (kominfo("smtp", "host", value="mail-"), "is not a host"),
        (kominfo("smtp", "host", value=f"{'a' * 64}.example"), "is not a host"),
        (kominfo("imap", "ca_file", value="kota.pem"), "imap.ca_file: "),
        (kominfo("smtp", "password", value=""), "smtp.password: is missing: credential:NAME"),
        (kominfo("smtp", "retry_minutes", value=[]), "retry_minutes: is empty: minutes such as [30, 30, 60"),
        (kominfo("smtp", "retry_minutes", value=[0]), "is not a time in minutes: a number from 1 to 1440"),
        (kominfo("smtp", "give_up_days", value=31), "is not a time in days: a number from 1 to 30"),
        (kominfo("prefix", value="KOM1"), 'prefix: "KOM1" is not a prefix: 2 to 8 capital letters'),
        (kominfo("prefix", value="LPSE"), "desks.lpse.prefix: "),
        (spoil("desks", "lpse", "address", value=OWN), f'desks.lpse.address: "{OWN}" is there already'),
        (
            spoil("desks", "lpse", "imap", value=tables()["desks"]["kominfo"]["imap"]),
            "every mailbox only once",
        ),
        (kominfo("aliases", value=["Help <a@b.id>"]), "aliases[1]: "),
        (kominfo("message_id_domain", value="kötä.id"), "message_id_domain: "),
        (kominfo("default_work", value="XXX"), 'default_work: "XXX" is not a code under work: AKN, '),
        (kominfo("staff_proof", value="id and dmarc"), "trusted_authserv_ids is empty"),
        (kominfo("close_after", value="5 days"), '"5 days" is not a duration: a number and one of'),
        (kominfo("close_after", value="0 working days"), "is no time at all"),
        (kominfo("reopen_within", value="9999 calendar days"), "is too long: at most 3000"),
        (kominfo("contact", value="Dinas\r\nBcc: x"), "contact: "),
        (kominfo("report_to", value=["kepala"]), 'report_to[1]: "kepala" is not a mail address'),
        (kominfo("report_to", value=[OWN]), "mail to it would come back"),
        (kominfo("work", 0, "category", value="foo"), 'work[1].category: "foo" is not a key under'),
        (kominfo("work", 1, "code", value="KON"), 'work[2].code: "KON" is there already: work[1].code'),
        (kominfo("staff", 1, "roles", value=["admn"]), 'staff[2].roles[1]: "admn" is not a role of a'),
        (kominfo("staff", 2, "aliases", value=["admin1@payakumbuhkota.go.id"]), "staff[3].aliases[1]: "),
        (kominfo("staff", 2, "categories", value=["app"]), 'staff[3].categories[1]: "app" is not'),
        (kominfo("staff", 0, "address", value=OWN), "mail to it would come back"),
        (kominfo("staff", value=tables()["desks"]["kominfo"]["staff"][2:]), '"admin" is nobody\'s'),
        (kominfo("levels", value=[]), "levels: is empty"),
        (kominfo("levels", 0, value={"name": "LKPP", "external": True}), "cannot be the front line"),
        (kominfo("levels", 1, "role", value=""), "levels[2].role: "),
        (kominfo("rules", 1, "set", value={"suggest": True}), "rules[2].set: sets nothing"),
        (kominfo("rules", 1, "set", "work", value="X"), 'rules[2].set.work: "X" is not a code'),
        (kominfo("rules", 1, "set", "priority", value=5), "5 is not a priority: a number from 1 to 4"),
        (kominfo("escalations", 0, "when", value="idle 3 days"), "is not a condition: one of unans"),
        (kominfo("escalations", 0, "do", value=["shout"]), 'do[1]: "shout" is not an action'),
        (kominfo("escalations", 0, "do", value=["notify boss"]), 'do[1]: "boss" is not a role of'),
        (
            spoil("desks", "Bad Desk", value=tables()["desks"]["kominfo"]),
            'desks."Bad Desk": "Bad Desk" is not',
        ),
        (spoil("desks", value={}), "desks: has no desk"),
        (
            spoil("service", "timezone", value="Asia/Jakata"),
            "is not a time zone: a name such as Asia/Jakarta",
        ),
        (spoil("service", "metrics", value="9464"), 'service.metrics: "9464" is not an address to listen at'),
        (spoil("service", "alert_to", value=[]), "service.alert_to: is empty"),
        (spoil("service", "alert_to", value=["helpdesklpsepyk@gmail.com"]), "mail to it would come back"),
        (spoil("service", "templates", value="nirgends"), "service.templates: "),
        (spoil("service", "database", value="sqlite:///:memory:"), "service.database: is not a database"),
        (spoil("limits", "message_mib", value=0), "0 is not a size in MiB: a number from 1 to"),
        (spoil("limits", "read_seconds", value=True), "limits.read_seconds: true is not a whole number"),
        (
            spoil("hours", "monday", value=["07:30-12:00", "11:00-16:00"]),
            "hours.monday: has intervals out of",
        ),
        (spoil("hours", "monday", value=["7.30-16"]), 'hours.monday[1]: "7.30-16" is not an interval'),
        (spoil("hours", "monday", value=["16:00-07:30"]), "ends before it begins"),
        (spoil("hours", value={"monday": []}), "have no service hours in the whole week"),
        (spoil("hours", "holidays", value="libur.toml"), 'hours.holidays: "libur.toml" is not there'),
        (
            spoil("hours", "exceptions", 0, "to", value=date(2026, 1, 1)),
            "exceptions[1].to: 2026-01-01 lies before",
        ),
        (
            spoil("hours", "exceptions", 0, "from", value=20260219),
            "exceptions[1].from: 20260219 is not a date",
        ),
    ],
)
def test_the_admin_is_told_what_is_wrong_and_what_would_be_right(
    change: Callable[[dict[str, Any]], None], line: str
) -> None:
    settings = tables()
    change(settings)
    assert any(line in fault for fault in faults(settings)), faults(settings)


def test_the_admin_learns_of_all_faults_at_once_and_not_one_by_one() -> None:
    settings = tables()
    desk = settings["desks"]["kominfo"]
    desk["imap"]["port"] = 0
    desk["default_work"] = "XXX"
    desk["levels"][2]["replies"] = "secret"
    desk["staff"][0]["roles"] = ["admn"]
    del settings["desks"]["lpse"]["smtp"]["host"]
    settings["hours"]["holidays"] = "libur.toml"
    settings["servce"] = {}
    assert [fault.split(": ")[1] for fault in faults(settings)] == [
        "desks.kominfo.imap.port",
        "desks.kominfo.levels[3].replies",
        "desks.lpse.smtp.host",
        "servce",
        "desks.kominfo.default_work",
        "desks.kominfo.staff[1].roles[1]",
        "hours.holidays",
    ]


def test_a_missing_key_says_what_belongs_there() -> None:
    settings = tables()
    del settings["desks"]["kominfo"]["imap"]["host"]
    assert faults(settings) == [
        "settings.toml: desks.kominfo.imap.host: is missing: the name of the IMAP server"
    ]


def test_a_typing_error_in_the_file_is_found_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"settings\.toml: line 2, column 8: "):
        load(written(tmp_path, '[service]\nstate_ dir = "var"\n'))


@pytest.mark.parametrize(
    "content", ["", "desks = 1\nhours = 2\nservice = [3]", "[desks]\nx = 1\n[[hours]]\n"]
)
def test_an_unfinished_file_is_explained_and_never_a_traceback(tmp_path: Path, content: str) -> None:
    with pytest.raises(SettingsError, match=r"settings\.toml: service: "):
        load(written(tmp_path, content))


def test_a_file_that_is_not_there_or_not_text_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file: write one with `mailgate init DIR`"):
        load(tmp_path / "settings.toml")
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load(tmp_path)
    (tmp_path / "settings.toml").write_bytes("# Grüße".encode("latin-1"))
    with pytest.raises(SettingsError, match="byte 4 is not UTF-8"):
        load(tmp_path / "settings.toml")


# Secrets


def test_a_password_written_into_the_settings_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(written(tmp_path, SMALL.replace("env:IMAP", PASSWORD)))
    assert "credential:NAME (systemd), env:NAME or file:PATH" in str(refusal.value)
    assert PASSWORD not in str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [
        kominfo("imap", "password", value=[PASSWORD]),
        kominfo("imap", "passwort", value=PASSWORD),
        kominfo("imap", value=[PASSWORD]),
        spoil("service", "database", value=f"mysql://mailgate:{PASSWORD}@db/mailgate"),
    ],
)
def test_a_password_in_the_wrong_place_does_not_reach_the_log(
    change: Callable[[dict[str, Any]], None],
) -> None:
    settings = tables()
    change(settings)
    assert PASSWORD not in "\n".join(faults(settings))


def test_a_database_password_is_not_shown_with_the_settings(tmp_path: Path) -> None:
    database = f"postgresql+psycopg://mailgate:{PASSWORD}@db/mailgate"
    settings = load(written(tmp_path, SMALL.replace("[hours]", f'database = "{database}"\n[hours]')))
    assert settings.service.database == database
    assert PASSWORD not in repr(settings)


def test_a_secret_is_read_from_the_three_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "imap.secret"
    file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    file.chmod(0o640)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("IMAP_PASSWORD", PASSWORD)
    assert secret("file:imap.secret", tmp_path) == PASSWORD
    assert secret(f"file:{file}", Path("/")) == PASSWORD
    assert secret("credential:imap.secret", tmp_path) == PASSWORD
    assert secret("env:IMAP_PASSWORD", tmp_path) == PASSWORD


def test_only_one_line_end_is_taken_off_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P", " ends with a blank \r\n")
    assert secret("env:P", tmp_path) == " ends with a blank "
    monkeypatch.setenv("P", f"{PASSWORD}\n\n")
    with pytest.raises(SettingsError, match="several lines"):
        secret("env:P", tmp_path)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601])
def test_a_password_that_everybody_on_the_machine_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "imap.secret"
    file.write_text(PASSWORD, encoding="utf-8")
    file.chmod(mode)
    with pytest.raises(SettingsError, match=f"chmod 600 {file}"):
        secret("file:imap.secret", tmp_path)


def test_a_credential_asked_for_in_a_shell_names_the_line_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SettingsError, match="systemd-run --pty -p LoadCredential=kominfo-imap:/"):
        secret("credential:kominfo-imap", tmp_path)


def test_a_secret_that_is_not_there_is_named_and_its_remedy_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("P", raising=False)
    with pytest.raises(SettingsError, match=r"credential:imap cannot be read.*LoadCredential=imap:"):
        secret("credential:imap", tmp_path)
    with pytest.raises(SettingsError, match="set P before mailgate starts"):
        secret("env:P", tmp_path)
    with pytest.raises(SettingsError, match=r"imap\.secret cannot be read: No such file"):
        secret("file:imap.secret", tmp_path)
    monkeypatch.setenv("P", "\n")
    with pytest.raises(SettingsError, match="env:P: the secret is empty"):
        secret("env:P", tmp_path)


def test_an_unreadable_secret_is_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "imap.secret"
    file.write_bytes(PASSWORD.encode() + b"\xff")
    file.chmod(0o600)
    with pytest.raises(SettingsError, match="not UTF-8") as refusal:
        secret("file:imap.secret", tmp_path)
    assert PASSWORD not in str(refusal.value)
    with pytest.raises(SettingsError) as refusal:
        secret(PASSWORD, tmp_path)
    assert PASSWORD not in str(refusal.value)


def test_a_credential_cannot_point_out_of_its_folder() -> None:
    settings = tables()
    settings["desks"]["kominfo"]["imap"]["password"] = "credential:../shadow"
    assert "does not name a credential" in faults(settings)[0]


# Holidays


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[public]\n2026-13-01 = "x"\n', "libur.toml: public.2026-13-01: "),
        ("[public]\n2026-08-17 = 1\n", "libur.toml: public.2026-08-17: 1 is not a name"),
        (
            '[public]\n2026-08-17 = "x"\n[joint_leave]\n2026-08-17 = "y"\n',
            'joint_leave.2026-08-17: "y" is there already',
        ),
        ('[public]\n2026-08-17 = "x"\n2026-08-17 = "y"\n', "libur.toml: line 3"),
        ('[pubic]\n2026-08-17 = "x"\n', "libur.toml: pubic: is not a known table"),
        ('public = ["2026-08-17"]\n', "libur.toml: public: is not a table of days"),
    ],
)
def test_a_wrong_holiday_is_found_before_it_makes_a_promise_wrong(
    tmp_path: Path, text: str, line: str
) -> None:
    (tmp_path / "libur.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        load(written(tmp_path, SMALL.replace("[hours]", '[hours]\nholidays = "libur.toml"')))
    assert line in str(refusal.value)


# Small languages


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("30 service minutes", Duration(30, DurationUnit.SERVICE_MINUTES)),
        ("1 service hour", Duration(1, DurationUnit.SERVICE_HOURS)),
        ("  1  Working Day ", Duration(1, DurationUnit.WORKING_DAYS)),
        ("7 calendar days", Duration(7, DurationUnit.CALENDAR_DAYS)),
    ],
)
def test_a_duration_is_understood_as_people_write_it(text: str, meant: Duration) -> None:
    assert duration(text) == meant
    assert duration(str(meant)) == meant


@pytest.mark.parametrize(
    "text", ["", "30", "minutes", "-1 working days", "1.5 working days", "٣ working days"]
)
def test_a_duration_that_is_not_clear_is_not_guessed(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)


def test_midnight_is_the_end_of_a_day_and_not_its_beginning() -> None:
    assert interval("16:00-24:00") == Interval(time(16), time(0))
    assert str(interval("16:00-24:00")) == "16:00-24:00"
    for text in ("16:00-00:00", "00:00-00:00", "24:00-24:00", "08:00-08:00"):
        with pytest.raises(ValueError, match=r"interval|begins"):
            interval(text)
    with pytest.raises(ValidationError):
        Hours.model_validate({"monday": ["16:00-24:00", "08:00-12:00"]})


def test_an_escalation_waits_for_what_was_written() -> None:
    assert condition("started not reported 1 working day") == Condition(
        ConditionKind.STARTED_NOT_REPORTED, Duration(1, DurationUnit.WORKING_DAYS)
    )
    assert condition("overdue 0 service minutes").duration.amount == 0
    assert condition("due in 15 service minutes").kind is ConditionKind.DUE_IN


def test_an_escalation_does_what_was_written(city: Settings) -> None:
    assert action("notify holder") == Action(ActionKind.NOTIFY, role="holder")
    assert action("set priority 1") == Action(ActionKind.SET_PRIORITY, priority=1)
    assert action("raise level") == Action(ActionKind.RAISE_LEVEL)
    escalation = city.desks["kominfo"].escalations[0]
    assert escalation.condition.kind is ConditionKind.UNANSWERED
    assert [step.role for step in escalation.actions] == ["holder", "admin"]


def test_metrics_are_served_where_the_settings_say(small: Settings, city: Settings) -> None:
    assert small.service.metrics_address is None
    assert city.service.metrics_address == ("127.0.0.1", 9464)


# Files


def test_an_office_s_own_wording_wins_over_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "surat" / "id").mkdir(parents=True)
    (tmp_path / "surat" / "id" / "reply.body.txt").write_text("Salam", encoding="utf-8")
    settings = load(written(tmp_path, SMALL.replace("[hours]", 'templates = "surat"\n[hours]')))
    sources = templates(settings, tmp_path)
    assert sources["id/reply.body.txt"] == "Salam"
    assert "id/acknowledgement.subject.txt" in sources
    assert "id/words.toml" in sources


def test_a_template_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "surat" / "id").mkdir(parents=True)
    (tmp_path / "surat" / "id" / "reply.body.txt").write_bytes(b"\xff")
    settings = load(written(tmp_path, SMALL.replace("[hours]", 'templates = "surat"\n[hours]')))
    with pytest.raises(SettingsError, match=r"reply\.body\.txt: byte 0 is not UTF-8"):
        templates(settings, tmp_path)


def test_an_incomplete_installation_says_so() -> None:
    with pytest.raises(SettingsError, match="installation of mailgate is incomplete"):
        shipped("nirgends")


def test_thinking_about_a_mail_reads_no_settings_file_by_itself() -> None:
    """The pure packages import these types."""
    code = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import mailgate.settings
print([name for name in opened if name.endswith((".toml", "Jakarta")) or "/templates/" in name])
"""
    root = Path(__file__).parent.parent
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
