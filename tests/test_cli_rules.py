"""Can an admin see why a rule took a mail, or did not, before it goes live; and get next year's holidays?"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from city import KOMINFO, LPSE
from cli_cast import HOSTILE, Cli, office
from daemon import COMMAND, mailgate
from test_cli_looking import NEVER_RAW

from mailgate.settings import load_holidays

RULES = [
    {"when": {"feedback": True}, "set": {"category": "aplikasi"}},
    {
        "when": {"words": ["lupa sandi", "lupa password*", "sandi", "akun"]},
        "set": {"priority": 2, "suggest": True},
    },
    {"when": {"outside_hours": True}, "set": {"priority": 4}},
    {"when": {}, "set": {"role": "admin"}},
]
MONDAY_MORNING = "Mon, 3 Aug 2026 09:12:00 +0700"
SUNDAY = "Sun, 2 Aug 2026 09:12:00 +0700"


def letter(
    subject: str, to: str = KOMINFO, date: str | None = MONDAY_MORNING, body: str = "Mohon bantuan."
) -> bytes:
    when = f"Date: {date}\n" if date else ""
    head = (
        f"From: Rina <rina@disdik.example.go.id>\nTo: {to}\nSubject: {subject}\nMessage-ID: <a@x.example>\n"
    )
    return f"{head}{when}Content-Type: text/plain; charset=utf-8\n\n{body}\n".encode()


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    city = office(tmp_path)
    city.tables["desks"]["kominfo"]["rules"] = RULES
    return city.settings_file


@pytest.fixture
def judged(run: Cli, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """What `rules test --json` says of one mail."""

    def judged(raw: bytes, *options: str) -> list[dict[str, Any]]:
        (tmp_path / "mail.eml").write_bytes(raw)
        status, out, err = run("rules", "test", str(tmp_path / "mail.eml"), "--json", *options)
        assert (status, err) == (0, "")
        found: list[dict[str, Any]] = json.loads(out)
        return found

    return judged


Judged = Callable[..., list[dict[str, Any]]]


# --- which rule, and why ----------------------------------------------------------------------------------


def test_the_rule_that_matches_is_named_with_its_reason_and_the_others_with_theirs(judged: Judged) -> None:
    (row,) = judged(letter("Lupa passwordnya"))
    assert (row["desk"], row["matched"], row["error"]) == ("kominfo", 2, None)
    assert (row["subject"], row["message_id"]) == ("Lupa passwordnya", "a@x.example")
    first, second, *rest = row["rules"]
    assert first == {
        "rule": 1,
        "asked": True,
        "matched": False,
        "why": ["feedback: it is no abuse report"],
        "when": {"feedback": True},
        "set": {"category": "aplikasi"},
        "suggest": False,
    }
    assert second["why"] == ['words: "lupa password*" is in the subject']
    assert (second["set"], second["suggest"]) == ({"priority": 2}, True)
    assert [(one["rule"], one["asked"], one["matched"]) for one in rest] == [
        (3, False, False),
        (4, False, False),
    ]


def test_people_read_place_condition_effect_and_reason(run: Cli, tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(letter("Lupa passwordnya"))
    status, out, err = run("rules", "test", str(tmp_path / "mail.eml"))
    assert (status, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for line in (
        "subject Lupa passwordnya",
        "desk kominfo",
        "moment 2026-08-03 09:12:00, its Date: within service hours",
        "verdict rule 2 matches and suggests priority 2",
        "1 no when feedback true",
        "sets category aplikasi",
        "feedback: it is no abuse report",
        '2 MATCHES when words "lupa sandi", "lupa password*", "sandi" and 1 more',
        "suggests priority 2",
        'words: "lupa password*" is in the subject',
        "3 not asked when outside_hours true",
        "4 not asked when any mail",
        "sets role admin",
    ):
        assert line in lines


@pytest.mark.parametrize(
    ("to", "options", "desks"),
    [
        (KOMINFO, (), ["kominfo"]),
        (LPSE, (), ["lpse"]),
        (f"{LPSE}, {KOMINFO}", (), ["kominfo", "lpse"]),
        ("siapa@example.com", (), ["kominfo", "lpse"]),
        (KOMINFO, ("--desk", "lpse"), ["lpse"]),
    ],
)
def test_the_desk_that_a_mail_is_to_is_asked_and_every_desk_where_it_is_to_none(
    judged: Judged, to: str, options: tuple[str], desks: list[str]
) -> None:
    assert [row["desk"] for row in judged(letter("Halo", to), *options)] == desks


def test_a_desk_without_rules_says_so(run: Cli, tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(letter("Halo", LPSE))
    status, out, _ = run("rules", "test", str(tmp_path / "mail.eml"))
    assert status == 0
    assert "no rule matches" in out
    assert "no rules to ask" in out


# --- the moment -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "outside", "matched"), [(MONDAY_MORNING, False, 4), (SUNDAY, True, 3)], ids=["Monday", "Sunday"]
)
def test_service_hours_are_those_of_the_moment_in_the_mail(
    judged: Judged, date: str, outside: bool, matched: int
) -> None:
    (row,) = judged(letter("Halo", date=date))
    assert (row["moment_is"], row["outside_hours"], row["matched"]) == ("date", outside, matched)
    assert row["moment"].endswith("T09:12:00+07:00")


@pytest.mark.parametrize(
    "date",
    [
        None,
        "kemarin",
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "Fri, 1 Jan 9999 00:00:00 +0000",
        "Mon, 1 Jan 1900 00:00:00 +0000",
    ],
)
def test_a_date_that_no_calendar_has_is_replaced_by_now_and_that_is_said(
    judged: Judged, run: Cli, tmp_path: Path, date: str | None
) -> None:
    (row,) = judged(letter("Halo", date=date))
    assert (row["moment_is"], row["matched"]) == ("now", 3 if row["outside_hours"] else 4)
    told = " ".join(run("rules", "test", str(tmp_path / "mail.eml"))[1].split())
    assert "now, for want of a Date that can be used: " in told


# --- any mail, from anywhere ------------------------------------------------------------------------------


def test_a_folder_is_judged_mail_by_mail_and_one_that_cannot_be_read_stops_none(
    run: Cli, tmp_path: Path
) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "1.eml").write_bytes(letter("Lupa sandi"))
    (folder / "2.eml").write_bytes(b"Subject: " + b"x" * 300_000)
    (folder / "3.eml").symlink_to(tmp_path / "nowhere")
    (folder / "4.eml").write_bytes(letter("Halo"))
    separator = b"From sari@example.com Mon Aug  3 09:12:00 2026\n"
    (folder / "5.mbox").write_bytes(separator + letter("Lupa sandi") + b"\n" + separator + letter("Halo"))
    status, out, err = run("rules", "test", str(folder), "--json")
    rows = json.loads(out)
    assert (status, err) == (1, "")
    assert [row["matched"] for row in rows] == [2, None, 4, 2, 4]
    assert [bool(row["error"]) for row in rows] == [False, True, False, False, False]
    assert rows[1]["rules"] == []
    assert all(set(row) == set(rows[0]) for row in rows)
    status, out, _ = run("rules", "test", str(folder))
    assert status == 1
    assert out.count("error") == 1
    assert "no rules to ask" not in out


def test_a_mail_is_read_from_the_standard_input(settings_file: Path) -> None:
    command = [*COMMAND, "--settings", str(settings_file), "rules", "test", "-", "--json"]
    done = subprocess.run(command, input=letter("Lupa sandi"), capture_output=True, check=True)
    assert [row["matched"] for row in json.loads(done.stdout)] == [2]


def test_no_mail_can_send_commands_to_the_admins_terminal(run: Cli, tmp_path: Path) -> None:
    name = tmp_path / "\x1b[31m\n.eml"
    raw = letter(f"Lupa sandi {HOSTILE} " + "\u5bc6" * 60, body=HOSTILE)
    name.write_bytes(raw.replace(b"rina@", b"rina\x9b2J@"))
    for options in ((), ("--json",)):
        status, out, err = run("rules", "test", str(name), *options)
        assert (status, err) == (0, "")
        assert "Lupa sandi" in out
        assert not NEVER_RAW.search(out)


def test_it_fits_a_terminal_of_80_columns(run: Cli, tmp_path: Path) -> None:
    (tmp_path / ("panjang" * 20 + ".eml")).write_bytes(letter("Lupa sandi " + "panjang" * 40))
    _, out, _ = run("rules", "test", str(tmp_path))
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rules", "test", "nowhere.eml"), "nowhere.eml: there is no such file or folder"),
        (
            ("rules", "test", "-", "--desk", "kantin"),
            "--desk kantin: no such desk; the settings have kominfo, lpse",
        ),
        (("rules", "test"), "Missing argument"),
    ],
)
def test_wrong_usage_is_told_with_what_would_be_right(run: Cli, arguments: tuple[str], told: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert told in " ".join(err.split())


def test_a_rule_that_is_wrong_is_named_before_any_mail_is_read(tmp_path: Path) -> None:
    city = office(tmp_path)
    city.tables["desks"]["kominfo"]["rules"] = [*RULES, {"when": {"words": ["x"]}, "set": {"work": "XYZ"}}]
    done = mailgate(city.settings_file, "rules", "test", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert "desks.kominfo.rules[5]" in done.stderr


# --- holidays ---------------------------------------------------------------------------------------------


def test_a_proposed_year_can_be_written_to_a_file_and_used(run: Cli, tmp_path: Path) -> None:
    status, out, err = run("holidays", "2027")
    assert (status, err) == (0, "")
    assert set(tomllib.loads(out)) == {"public", "joint_leave"}
    (tmp_path / "2027.toml").write_text(out)
    assert {day.year for day in load_holidays(tmp_path / "2027.toml")} == {2027}


def test_a_year_is_proposed_before_there_are_settings(tmp_path: Path) -> None:
    assert mailgate(tmp_path / "none.toml", "holidays", "2027").stdout.startswith("# Days on which nobody")


@pytest.mark.parametrize("year", ["1900", "0", "99999999999999999999"])
def test_a_year_that_nobody_knows_is_told_in_one_paragraph(run: Cli, year: str) -> None:
    status, out, err = run("holidays", year)
    assert (status, out) == (2, "")
    assert err.startswith(f"{year}: the library holidays")
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("holidays",), ("holidays", "next"), ("holidays", "--", "-5")])
def test_a_year_that_is_none_is_wrong_usage(run: Cli, arguments: tuple[str, ...]) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert "Traceback" not in err


def test_without_the_extra_it_is_told_how_to_get_it(run: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)
    status, out, err = run("holidays", "2027")
    assert (status, out) == (2, "")
    assert "pip install 'mailgate[holidays]'" in err
