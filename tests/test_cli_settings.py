"""Is an admin told what is wrong before it goes wrong, all at once, and how to go on?"""

import json
import re
import subprocess
import sys
from datetime import date, datetime
from inspect import cleandoc
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from city import City
from cli_cast import fill, office, only_levels_with_staff, write_holidays
from daemon import mailgate
from evidence import commanded

from mailgate import __version__
from mailgate.check import Verdict, findings
from mailgate.store.database import HEAD, Store

COMMANDS = [
    (),
    ("run",),
    ("check",),
    ("authorize",),
    ("canary",),
    ("demo",),
    ("read",),
    ("tickets",),
    ("show",),
    ("why",),
    ("status",),
    ("aside",),
    ("aside", "list"),
    ("aside", "show"),
    ("aside", "export"),
    ("aside", "drop"),
    ("aside", "replay"),
    ("outbox",),
    ("outbox", "list"),
    ("outbox", "retry"),
    ("outbox", "cancel"),
    ("blocked",),
    ("blocked", "list"),
    ("blocked", "remove"),
    ("db",),
    ("db", "upgrade"),
    ("db", "check"),
    ("holidays",),
    ("rules",),
    ("rules", "test"),
]


@pytest.mark.parametrize("command", ["run --once", "run", "check", "tickets", "db upgrade"])
def test_broken_settings_are_told_all_at_once_and_nothing_is_begun(tmp_path: Path, command: str) -> None:
    city = office(tmp_path)
    city.tables["service"]["timezone"] = "Asia/Payakumbuh"
    city.tables["desks"]["kominfo"]["imap"] |= {"port": 99999, "foldr": "INBOX"}
    city.tables["desks"]["lpse"]["staff"][0]["address"] = "petugas"
    done = mailgate(city.settings_file, *command.split())
    assert (done.returncode, done.stdout) == (2, "")
    faults = [line.split(": ")[1] for line in done.stderr.splitlines()]
    assert sorted(faults) == [
        "desks.kominfo.imap.foldr",
        "desks.kominfo.imap.port",
        "desks.lpse.staff[1].address",
        "service.timezone",
    ]
    assert not (tmp_path / "mailgate.db").exists()


def test_a_missing_settings_file_is_told_with_the_ways_to_name_one(tmp_path: Path) -> None:
    done = commanded(tmp_path / "none.toml", "tickets")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{tmp_path}/none.toml: no such settings file")
    assert "MAILGATE_SETTINGS" in done.stderr
    assert done.stderr.count("\n") == 1


def test_settings_that_are_no_toml_are_told_with_their_line(tmp_path: Path) -> None:
    broken = tmp_path / "settings.toml"
    broken.write_text("[service]\ndatabase = sqlite\n")
    done = mailgate(broken, "run")
    assert done.returncode == 2
    assert "settings.toml" in done.stderr
    assert "line 2" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_in_the_place_of_the_settings_is_told(tmp_path: Path) -> None:
    done = mailgate(tmp_path, "run")
    assert done.returncode == 2
    assert str(tmp_path.name) in done.stderr
    assert "Traceback" not in done.stderr


def test_the_settings_are_found_by_environment_too(tmp_path: Path) -> None:
    city = office(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "mailgate.cli", "check", "--offline", "--json"],
        env={"MAILGATE_SETTINGS": str(city.settings_file), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert {row["verdict"] for row in json.loads(done.stdout)} == {"ok"}


# --- check ------------------------------------------------------------------------------------------------


def verdicts(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    return {row["what"]: (row["verdict"], row["text"]) for row in json.loads(done.stdout)}


def test_check_finds_nothing_wrong_where_nothing_is(quick_city: City) -> None:
    write_holidays(quick_city.base)
    only_levels_with_staff(quick_city.tables)
    for _ in range(2):  # before and after the first run
        done = commanded(quick_city.settings_file, "check", "--json")
        assert done.returncode == 0, done.stdout
        assert {verdict for verdict, _ in verdicts(done).values()} == {"ok"}
        quick_city.run()
    assert not quick_city.sink.received


def test_check_finds_what_cannot_be_reached_and_offline_does_not_ask(tmp_path: Path) -> None:
    city = office(tmp_path)
    done = commanded(city.settings_file, "check", "--json")
    assert done.returncode == 1
    found = verdicts(done)
    bad = {what for what, (verdict, _) in found.items() if verdict == "FAIL"}
    assert bad == {f"{desk} {part}" for desk in ("kominfo", "lpse") for part in ("imap", "smtp")}
    assert "127.0.0.1:9" in found["lpse imap"][1]
    assert commanded(city.settings_file, "check", "--offline").returncode == 0


def test_check_finds_a_wrong_password_and_names_the_account(quick_city: City) -> None:
    (quick_city.base / "secret").write_text("tebakan")
    done = commanded(quick_city.settings_file, "check", "--json")
    assert done.returncode == 1
    verdict, text = verdicts(done)["kominfo imap"]
    assert verdict == "FAIL"
    assert quick_city.users["kominfo"] in text
    assert "tebakan" not in done.stdout + done.stderr


def test_check_finds_a_secret_that_everybody_may_read(tmp_path: Path) -> None:
    city = office(tmp_path)
    (tmp_path / "secret").chmod(0o644)
    done = commanded(city.settings_file, "check", "--offline", "--json")
    assert done.returncode == 1
    verdict, text = verdicts(done)["kominfo secrets"]
    assert verdict == "FAIL"
    assert "chmod 600" in text


def test_a_secret_of_the_unit_is_told_with_the_line_that_brings_it_to_a_shell(tmp_path: Path) -> None:
    city = office(tmp_path)
    city.tables["desks"]["kominfo"]["imap"]["password"] = "credential:kominfo-imap"
    done = commanded(city.settings_file, "check", "--offline", "--json")
    assert done.returncode == 1
    assert "systemd-run" in verdicts(done)["kominfo secrets"][1]


def test_check_finds_a_year_without_holidays(tmp_path: Path) -> None:
    city = office(tmp_path)
    (tmp_path / "holidays.toml").write_text('[public]\n2020-08-17 = "Hari Kemerdekaan"\n')
    done = commanded(city.settings_file, "check", "--offline", "--json")
    assert done.returncode == 0  # it works, and due moments are wrong
    year = datetime.now(ZoneInfo("Asia/Jakarta")).year
    for desk in ("kominfo", "lpse"):
        verdict, text = verdicts(done)[f"{desk} holidays"]
        assert verdict == "warn"
        assert f"holidays.toml has no day of {year}" in text
        assert f"`mailgate holidays {year}`" in text


@pytest.mark.parametrize(
    ("today", "missing"),
    [
        (date(2026, 10, 31), []),
        (date(2026, 11, 1), ["2027"]),
        (date(2027, 1, 1), ["2027"]),
        (date(2025, 12, 31), ["2025"]),
    ],
)
def test_the_coming_year_is_asked_for_from_november_on(
    tmp_path: Path, today: date, missing: list[str]
) -> None:
    city = office(tmp_path)
    (tmp_path / "holidays.toml").write_text('[public]\n2026-08-17 = "Hari Kemerdekaan"\n')
    found = {one.what: one for one in findings(city.office(), offline=True, today=today)}["kominfo holidays"]
    assert (found.verdict is Verdict.WARN) is bool(missing)
    assert re.findall(r"mailgate holidays (\d+)", found.text) == missing


def test_one_desks_missing_holidays_are_not_hidden_by_anothers_file(tmp_path: Path) -> None:
    city = office(tmp_path)
    (tmp_path / "lpse.toml").write_text('[public]\n2020-08-17 = "Hari Kemerdekaan"\n')
    hours = city.tables["hours"]
    city.tables["desks"]["lpse"]["hours"] = {"monday": hours["monday"], "holidays": "lpse.toml"}
    assert list(warnings(city)) == ["lpse holidays"]
    assert "lpse.toml has no day of" in warnings(city)["lpse holidays"]


def test_a_desk_without_a_holidays_file_is_told_of_and_serves_all_the_same(tmp_path: Path) -> None:
    city = office(tmp_path)
    hours = city.tables["hours"]
    city.tables["desks"]["lpse"]["hours"] = {"monday": hours["monday"], "holidays": ""}
    assert list(warnings(city)) == ["lpse holidays"]
    assert "no holidays file" in warnings(city)["lpse holidays"]
    assert city.office().counters["lpse"].calendar.holidays == frozenset()
    assert city.office().counters["kominfo"].calendar.holidays


def test_an_office_without_any_holidays_file_is_told_of_and_serves_all_the_same(tmp_path: Path) -> None:
    city = office(tmp_path)
    del city.tables["hours"]["holidays"]
    assert list(warnings(city)) == ["kominfo holidays", "lpse holidays"]


def warnings(city: City) -> dict[str, str]:
    """What `check` warns of; the exit status says that it works all the same."""
    done = commanded(city.settings_file, "check", "--offline", "--json")
    assert done.returncode == 0
    return {what: text for what, (verdict, text) in verdicts(done).items() if verdict == "warn"}


def test_check_finds_a_level_at_which_nobody_would_hear_of_a_ticket(tmp_path: Path) -> None:
    city = office(tmp_path)
    city.tables["desks"]["lpse"]["levels"] += [
        {"name": "Admin PPE", "role": "ppe", "replies": "public"},
        {"name": "LKPP", "external": True},
    ]
    assert list(warnings(city)) == ["lpse staff"]
    assert "nobody has the role ppe" in warnings(city)["lpse staff"]
    assert "Admin PPE" in warnings(city)["lpse staff"]


def test_check_finds_a_category_without_a_technician(tmp_path: Path) -> None:
    city = office(tmp_path)
    desk = city.tables["desks"]["kominfo"]
    desk["categories"] |= {"keamanan": "Keamanan informasi"}
    assert list(warnings(city)) == ["kominfo staff"]
    assert "at Teknisi nobody has the category keamanan:" in warnings(city)["kominfo staff"]
    desk["staff"][1]["categories"] = []  # a level that does not choose by category has everybody
    assert warnings(city) == {}


def test_check_reminds_that_a_forged_result_must_not_get_past_a_server_that_is_trusted(
    tmp_path: Path,
) -> None:
    city = office(tmp_path)
    city.tables["desks"]["kominfo"]["trusted_authserv_ids"] = ["mx.pyk.example.go.id"]
    assert list(warnings(city)) == ["kominfo dmarc"]
    assert "removes Authentication-Results of mx.pyk.example.go.id" in warnings(city)["kominfo dmarc"]


def test_check_finds_a_database_of_another_mailgate(tmp_path: Path) -> None:
    city = office(tmp_path)
    fill(city.tables["service"]["database"])
    _pretend(city, "0000")
    done = commanded(city.settings_file, "check", "--offline", "--json")
    assert done.returncode == 1
    assert verdicts(done)["database"] == ("FAIL", f"schema 0000, needs {HEAD}: `mailgate db upgrade`")


def test_check_is_read_by_people_too(tmp_path: Path) -> None:
    done = mailgate(office(tmp_path).settings_file, "check", COLUMNS="80")
    assert done.returncode == 1
    assert len([line for line in done.stdout.splitlines() if line.startswith("FAIL")]) == 4
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


# --- db ---------------------------------------------------------------------------------------------------


def _pretend(city: City, revision: str) -> None:
    store = Store(city.tables["service"]["database"])
    with store.writing() as write:
        write.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
    store.close()


def test_a_database_is_made_checked_and_made_again_without_harm(tmp_path: Path, database_url: str) -> None:
    settings = office(tmp_path, database_url).settings_file
    check = commanded(settings, "db", "check")
    assert check.returncode == 1
    assert "mailgate db upgrade" in check.stderr
    assert commanded(settings, "db", "upgrade").stdout == f"schema {HEAD}, was empty\n"
    assert commanded(settings, "db", "upgrade").stdout == f"schema {HEAD}\n"
    check = commanded(settings, "db", "check")
    assert (check.returncode, check.stdout) == (0, f"schema {HEAD}: fine\n")


@pytest.mark.parametrize("command", [("run", "--once"), ("tickets",), ("db", "upgrade")])
def test_a_database_of_a_newer_mailgate_stops_every_command(tmp_path: Path, command: tuple[str]) -> None:
    city = office(tmp_path)
    fill(city.tables["service"]["database"])
    _pretend(city, "9999")
    done = commanded(city.settings_file, *command)
    assert done.returncode == 2
    assert "a newer mailgate wrote it" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_cannot_be_opened_asks_to_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    city = office(tmp_path, f"sqlite:///{tmp_path}/file/mailgate.db")
    done = mailgate(city.settings_file, "run", "--once")
    assert done.returncode == 75
    assert done.stderr.startswith("database: ")
    assert "Traceback" not in done.stderr


# --- help -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_and_shows_it(tmp_path: Path, command: tuple[str]) -> None:
    done = mailgate(tmp_path / "none.toml", *command, "--help", COLUMNS="100")
    assert (done.returncode, done.stderr) == (0, "")
    text = " ".join(done.stdout.split())
    assert f"Usage: mailgate {' '.join(command)}".strip() in text.replace(
        "python -m mailgate.cli", "mailgate"
    )
    if command not in {
        (),
        ("aside",),
        ("outbox",),
        ("blocked",),
        ("db",),
        ("rules",),
    }:  # those only list the commands below them
        assert re.search(rf"Examples?: mailgate {' '.join(command)}\b", text)
    assert done.stdout.count("\n") > 3


def test_help_lists_every_command_that_is_tested_here(tmp_path: Path) -> None:
    """So that a new one cannot be forgotten above."""
    from typer.main import get_command

    from mailgate.cli import app

    found: set[tuple[str, ...]] = {()}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]  # untyped
        found.add((name,))
        found |= {(name, below) for below in getattr(command, "commands", {})}
    assert found == set(COMMANDS)


def test_no_help_breaks_off_in_the_middle_of_a_line_or_leaves_a_word_out() -> None:
    """At 80 columns. Whoever writes the help sees lines of 110, and [word] is a style to what prints it."""
    from typer.main import get_command

    from mailgate.cli import app

    top: Any = get_command(app)
    below = [one for group in top.commands.values() for one in getattr(group, "commands", {}).values()]
    for command in (top, *top.commands.values(), *below):
        _, *paragraphs = cleandoc(command.help).split("\n\n")
        assert [line for text in paragraphs for line in text.splitlines() if len(line) > 78] == []
        told = [command.help, *(getattr(one, "help", None) or "" for one in command.params)]
        assert [text for text in told if re.search(r"\[[a-z/]", text)] == []


def test_the_version_is_told_without_settings(tmp_path: Path) -> None:
    done = commanded(tmp_path / "none.toml", "--version")
    assert (done.returncode, done.stdout) == (0, f"mailgate {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "slow"),
    [
        (["--help"], ["sqlalchemy", "pydantic", "jinja2", "imapclient", "aiosmtplib", "alembic", "asyncio"]),
        (["--version"], ["sqlalchemy", "pydantic", "rich"]),
        # typer itself imports pydantic, where it is there, for the arguments of a command
        (["run", "--help"], ["sqlalchemy", "jinja2", "imapclient", "aiosmtplib", "alembic", "asyncio"]),
    ],
)
def test_help_does_not_wait_for_a_database_driver(arguments: list[str], slow: list[str]) -> None:
    script = (
        "import sys, atexit; from mailgate import cli\n"
        f"atexit.register(lambda: sys.stderr.write(' '.join(m for m in {slow!r} if m in sys.modules)))\n"
        f"sys.argv = ['mailgate', *{arguments!r}]\n"
        "cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
