"""Can an admin see what is going on, on a terminal of 80 columns and in a script?"""

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_cast import ADMIN, ASIDE, DAY, HEADER_ONLY, HOSTILE, OPENED, SPAMMER, Cli, ask, fill, office
from daemon import COMMAND, mailgate
from desk_cast import ticket
from evidence import commanded
from sqlalchemy.exc import DatabaseError, IntegrityError
from store_cast import keep

from mailgate.desk.ticket import Status
from mailgate.store.database import Store, passes_by_itself, upgrade

# fmt: off
TICKET_KEYS = {
    "number", "desk", "status", "level", "holder", "subject", "requester", "work", "priority", "received_at",
    "due_at", "clock",
}
SHOW_KEYS = {
    "number", "desk", "status", "level", "holder", "outcome", "confidential", "channel", "subject",
    "requester", "participants", "category", "work", "priority", "received_at", "notified_at",
    "first_response_at", "promised_due_at", "due_at", "clock", "resolved_at", "closed_at", "reopened",
    "external_number", "survey", "started", "notified_by", "merged_into", "stranger_of", "contact_form",
    "proposed", "links", "messages", "events", "outgoing", "clock_starts", "clock_within", "clock_unit",
    "clock_from", "clock_until", "clock_intervals", "clock_counted_seconds", "response_seconds",
    "started_seconds",
}
INSIDE = {
    "requester": {"name", "address", "phone", "organisation", "street"},
    "participants": {"name", "address"},
    "messages": {"direction", "kind", "author", "subject", "text", "at", "attachments", "message_id"},
    "events": {"at", "actor", "what", "reason", "message_id"},
    "outgoing": {"to", "template", "message_id", "state", "attempts", "last_error", "sent_at"},
}
# fmt: on
NEVER_RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def settings_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    city = office(tmp_path_factory.mktemp("office"))
    fill(city.tables["service"]["database"])
    return city.settings_file


@pytest.fixture
def rows(run: Cli) -> Callable[..., list[dict[str, Any]]]:
    """What a listing says with --json."""

    def rows(*arguments: str) -> list[dict[str, Any]]:
        status, out, err = run(*arguments, "--json")
        assert (status, err) == (0, "")
        found: list[dict[str, Any]] = json.loads(out)
        return found

    return rows


Rows = Callable[..., list[dict[str, Any]]]

# --- tickets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ((), ["KOM-2026-000001", "KOM-2026-000003", "KOM-2026-000002", "LPSE-2026-000001"]),
        (("--desk", "lpse"), ["LPSE-2026-000001"]),
        (("--status", "closed"), ["KOM-2026-000002"]),
        (("--holder", ADMIN.upper()), ["KOM-2026-000001"]),
        (("--overdue",), ["KOM-2026-000001"]),
        (("--since", "2026-08-03"), ["KOM-2026-000003", "KOM-2026-000002", "LPSE-2026-000001"]),
        (("--desk", "kominfo", "--status", "open", "--overdue"), ["KOM-2026-000001"]),
        (("--desk", "lpse", "--overdue"), []),
    ],
)
def test_a_list_of_tickets_is_narrowed_to_what_was_asked(
    rows: Rows, wanted: tuple[str], numbers: list[str]
) -> None:
    assert [row["number"] for row in rows("tickets", *wanted)] == numbers


def test_a_script_finds_every_documented_key_and_moments_with_their_offset(rows: Rows) -> None:
    for row in rows("tickets"):
        assert set(row) == TICKET_KEYS
        assert datetime.fromisoformat(row["received_at"]).utcoffset() is not None
    assert rows("tickets", "--status", "open")[0]["received_at"] == "2026-08-01T09:00:00+07:00"


def test_one_ticket_has_every_documented_key(run: Cli) -> None:
    status, out, _ = run("show", "kom-2026-000001", "--json")
    shown = json.loads(out)
    assert status == 0
    assert set(shown) >= SHOW_KEYS
    for name, keys in INSIDE.items():
        some = shown[name] if isinstance(shown[name], list) else [shown[name]]
        assert some, f"{name} is empty, so nothing was looked at"
        assert all(set(one) >= keys for one in some)
    assert shown["messages"][0]["attachments"][0]["size"] == 12


def test_one_ticket_tells_what_staff_entered_and_leaves_out_what_nobody_did(run: Cli) -> None:
    shown = json.loads(run("show", "KOM-2026-000001", "--json")[1])
    assert shown["requester"]["phone"].startswith("0812 ")
    assert [one["address"] for one in shown["participants"]] == ["budi@disdik.example.go.id"]
    assert (shown["survey"], shown["channel"], shown["started"]) == (3, "walk_in", True)
    plain = json.loads(run("show", "KOM-2026-000002", "--json")[1])
    assert (plain["requester"]["phone"], plain["participants"], plain["proposed"]) == (None, [], None)

    _, told, _ = run("show", "KOM-2026-000001")
    facts = {line[:18].strip(): line[19:] for line in told.split("\n<-")[0].splitlines()[3:]}
    wanted = {
        "organisation": "SDN 05",
        "phone": "0812",
        "street": "Jalan Sudirman 5",
        "participant": "budi@disdik.example.go.id",
        "perhaps from": "warga@mail.example",
        "channel": "walk_in",
        "contact_form": "yes",
        "started": "yes",
        "notified_at": "2026-08-02T09:00:00+07:00",
        "external_number": "LKPP-77",
        "survey": "3",
        "stranger_of": "KOM-2026-000002",
    }
    assert {name for name, text in wanted.items() if text not in facts.get(name, "")} == set()
    _, plain_told, _ = run("show", "KOM-2026-000002")
    assert not [name for name in wanted if f"\n{name:<18} " in plain_told]
    assert "merged_into        KOM-2026-000001" in run("show", "KOM-2026-000003")[1]


# --- the clock, to be checked by hand ---------------------------------------------------------------------

WORK = [
    {"code": "PWD", "name": "Password", "within": "30 service minutes", "starts": "received"},
    {"code": "ANT", "name": "Antena", "within": "3 service hours", "starts": "notified"},
    {"code": "SEC", "name": "Keamanan", "within": "1 working day", "starts": "received"},
    {"code": "PRK", "name": "Perangkat", "within": "7 calendar days", "starts": "notified"},
]


def wib(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-08-{text}+07:00")


def shown(base: Path, **other: Any) -> tuple[dict[str, Any], list[str]]:
    """What `show` says of one ticket, and its lines about the clock; open 07:30-16:00, Monday 17th is off."""
    city = office(base)
    city.tables["desks"]["kominfo"]["work"] = WORK
    (base / "holidays.toml").write_text('[public]\n2026-08-17 = "Hari Kemerdekaan"\n')
    store = Store(city.tables["service"]["database"])
    upgrade(store)
    keep(store, ticket(**other))
    store.close()
    full: dict[str, Any] = json.loads(
        commanded(city.settings_file, "show", "KOM-2026-000001", "--json").stdout
    )
    told = commanded(city.settings_file, "show", "KOM-2026-000001").stdout.partition("\nclock\n")[2]
    assert max(map(len, told.splitlines())) <= 80
    return full, [" ".join(line.split()) for line in told.splitlines()]


def pieces(full: dict[str, Any]) -> list[str]:
    return [f"{one['from'][8:16]} {one['to'][8:16]}" for one in full["clock_intervals"]]


def test_each_piece_of_counted_time_is_shown_and_they_add_up(tmp_path: Path) -> None:
    full, told = shown(
        tmp_path,
        work="PWD",
        received_at=wib("07T15:50:00.900000"),
        first_response_at=wib("10T07:40"),
        resolved_at=wib("10T07:50:30.100000"),
        status=Status.RESOLVED,
    )
    assert pieces(full) == ["07T15:50 07T16:00", "10T07:30 10T07:50"]
    assert full["clock_intervals"][0] == {
        "from": "2026-08-07T15:50:00+07:00",
        "to": "2026-08-07T16:00:00+07:00",
    }
    lengths = [
        datetime.fromisoformat(one["to"]) - datetime.fromisoformat(one["from"])
        for one in full["clock_intervals"]
    ]
    assert sum(lengths, timedelta()).total_seconds() == full["clock_counted_seconds"] == 1830
    assert (full["clock_starts"], full["clock_within"]) == ("received", "30 service minutes")
    assert (full["response_seconds"], full["started_seconds"]) == (1200, None)
    assert told == [
        "30 service minutes from when it was received",
        "from 2026-08-07 15:50:00 until 2026-08-10 07:50:30 (first resolution)",
        "2026-08-07 15:50:00 to 16:00:00 0:10:00",
        "2026-08-10 07:30:00 to 07:50:30 0:20:30",
        "service time in all 0:30:30",
        "first response 0:20:00 after it was received",
    ]


def test_what_counts_from_the_notice_is_counted_from_it_and_around_a_holiday(tmp_path: Path) -> None:
    full, told = shown(
        tmp_path,
        work="ANT",
        received_at=wib("14T14:30"),
        notified_at=wib("14T15:00"),
        resolved_at=wib("18T08:00"),
        status=Status.RESOLVED,
    )
    assert pieces(full) == ["14T15:00 14T16:00", "18T07:30 18T08:00"]
    assert (full["clock_counted_seconds"], full["started_seconds"]) == (5400, 1800)
    assert "3 service hours from the notice that the repair begins" in told
    assert "repair announced 0:30:00 after it was received" in told


@pytest.mark.parametrize(
    ("work", "unit", "line"),
    [
        ("SEC", "working days", "due is counted in working days; this is the service time that went by:"),
        ("PRK", "calendar days", "due is counted in calendar days; this is the service time that went by:"),
    ],
)
def test_what_is_due_in_days_says_so_beside_the_hours(
    tmp_path: Path, work: str, unit: str, line: str
) -> None:
    moments = {"received_at": wib("05T10:05"), "notified_at": wib("05T10:05"), "resolved_at": wib("06T10:05")}
    full, told = shown(tmp_path, work=work, status=Status.RESOLVED, **moments)
    assert full["clock_unit"] == unit
    assert line in told
    assert pieces(full) == ["05T10:05 05T16:00", "06T07:30 06T10:05"]


def test_a_clock_that_never_started_counts_nothing_and_says_so(tmp_path: Path) -> None:
    full, told = shown(tmp_path, work="ANT", received_at=wib("05T10:05"), resolved_at=wib("06T10:05"))
    assert (full["clock_intervals"], full["clock_counted_seconds"], full["clock_from"]) == ([], None, None)
    assert (full["clock_starts"], full["clock_unit"]) == ("notified", "service hours")
    assert told[1] == "which was not sent: nothing is counted"


def test_without_a_target_only_the_answers_are_measured(tmp_path: Path) -> None:
    full, told = shown(tmp_path, received_at=wib("05T10:00"), first_response_at=wib("05T11:00"))
    assert (full["clock_within"], full["clock_intervals"], full["clock_counted_seconds"]) == (None, [], None)
    assert full["response_seconds"] == 3600
    assert told == ["no target for this work", "first response 1:00:00 after it was received"]


def test_what_was_never_resolved_is_counted_until_it_was_closed(tmp_path: Path) -> None:
    full, told = shown(
        tmp_path, work="PWD", received_at=wib("05T10:00"), closed_at=wib("05T10:20"), status=Status.CLOSED
    )
    assert full["clock_counted_seconds"] == 1200
    assert told[1].endswith("(closing)")


def test_what_is_not_finished_is_counted_until_now(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    full, told = shown(tmp_path, work="PWD", received_at=before - timedelta(days=9), status=Status.OPEN)
    assert before <= datetime.fromisoformat(full["clock_until"]) <= datetime.now(UTC)
    assert full["clock_counted_seconds"] > 0
    assert told[1].endswith("(now)")


def test_a_ticket_of_a_desk_that_left_the_settings_can_still_be_looked_at(tmp_path: Path) -> None:
    full, told = shown(tmp_path, desk="lama", work="PWD", first_response_at=wib("05T11:00"))
    assert (full["clock_within"], full["clock_intervals"], full["response_seconds"]) == (None, [], None)
    assert told == ["no target for this work"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("tickets", "--desk", "kantin"), "--desk kantin: no such desk; the settings have kominfo, lpse"),
        (("tickets", "--status", "lost"), "--status lost: no such status; there are new, open, pending"),
        (("tickets", "--since", "kemarin"), "--since 'kemarin': no moment; write 2026-08-03"),
        (("outbox", "list", "--state", "gone"), "--state gone: no such state; there are ready"),
        (("outbox", "list", "--desk", "x"), "--desk x: no such desk"),
        (("aside", "list", "--desk", "x"), "--desk x: no such desk"),
        (("aside", "replay"), "aside replay: name ids, or --all"),
        (("blocked", "list", "--desk", "x"), "--desk x: no such desk"),
        (("blocked", "remove", "a@b.example", "--desk", "x"), "--desk x: no such desk"),
        (("blocked", "remove"), "Missing argument"),
        (("aside", "replay", "1", "--all"), "aside replay: name ids, or --all"),
        (("outbox", "retry"), "outbox retry: name a Message-ID, or --all, or --desk D"),
        (("outbox", "retry", "--all", "--desk", "kominfo"), "outbox retry: name a Message-ID, or --all"),
        (("outbox", "retry", "--desk", "x"), "--desk x: no such desk"),
        (("outbox", "cancel"), "outbox cancel: name Message-IDs, or --desk D --automatic"),
        (("outbox", "cancel", "--automatic"), "outbox cancel: name Message-IDs, or --desk D --automatic"),
        (("outbox", "cancel", "a@x", "--desk", "lpse"), "outbox cancel: name Message-IDs, or --desk D"),
        (("outbox", "cancel", "--desk", "lpse", "--automatic"), "nobody can be asked here; add --yes"),
        (("--log-level", "loud", "tickets"), "loud"),
        (("aside", "show", "9" * 30), "9223372036854775807"),
        (("why", "caf\udce9"), r"'caf\udce9': not UTF-8"),
        (("blocked", "remove", "caf\udce9@x.example"), "not UTF-8"),
        (("tickts",), "tickts"),
    ],
)
def test_wrong_usage_is_told_with_what_would_be_right(run: Cli, arguments: tuple[str], told: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert told in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "KOM-2026-999999"), "KOM-2026-999999: no such ticket; `mailgate tickets` lists them\n"),
        (("why", "nobody@example.com"), "nobody@example.com: no mail with this id came in"),
        (("why", "9" * 30), "no mail with this id came in"),
        (("aside", "show", "99"), "99: no mail with this id"),
        (("blocked", "remove", "rina@disdik.example.go.id"), "rina@disdik.example.go.id: not blocked; `mail"),
        (("blocked", "remove", SPAMMER, "--desk", "lpse"), f"{SPAMMER}: not blocked at lpse; `mail"),
        (("outbox", "retry", "nobody@x"), "nobody@x: nothing that waits or failed has this id"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(run: Cli, arguments: tuple[str], told: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (1, "")
    assert told.replace("\x1b", "\ufffd") in err
    assert err.count("\n") == 1


# --- every listing ----------------------------------------------------------------------------------------

LISTINGS = [
    ("tickets",),
    ("show", "KOM-2026-000001"),
    ("why", "opened@client.example"),
    ("why", str(ASIDE)),
    ("aside", "list"),
    ("outbox", "list"),
    ("outbox", "list", "--state", "sent"),
    ("blocked", "list"),
    ("status",),
    ("check", "--offline"),
]


@pytest.mark.parametrize("listing", LISTINGS, ids=" ".join)
def test_no_mail_can_send_commands_to_the_admins_terminal(run: Cli, listing: tuple[str]) -> None:
    for arguments in (listing, (*listing, "--json")):
        status, out, err = run(*arguments)
        assert (status, err) == (0, "")
        assert out.strip()
        assert not NEVER_RAW.search(out)


@pytest.mark.parametrize("charset", ["ascii", "latin-1"])
@pytest.mark.parametrize("listing", [("tickets",), ("show", "KOM-2026-000001")], ids=" ".join)
def test_letters_that_a_terminal_lacks_hide_no_list(
    settings_file: Path, listing: tuple[str], charset: str
) -> None:
    shown = mailgate(settings_file, *listing, PYTHONIOENCODING=charset)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Merah" in shown.stdout
    asked = mailgate(settings_file, *listing, "--json", PYTHONIOENCODING=charset)
    found = json.loads(asked.stdout)
    assert any(one["subject"].startswith(HOSTILE) for one in (found if isinstance(found, list) else [found]))


def test_a_script_gets_the_words_of_a_mail_unchanged(rows: Rows) -> None:
    assert HOSTILE in rows("tickets", "--status", "open")[0]["subject"]
    assert any(HOSTILE in (row["last_error"] or "") for row in rows("outbox", "list", "--state", "failed"))


@pytest.mark.parametrize("listing", [one for one in LISTINGS if one[0] not in {"show", "why"}], ids=" ".join)
def test_a_list_fits_a_terminal_of_80_columns(run: Cli, listing: tuple[str]) -> None:
    _, out, _ = run(*listing)
    assert max(len(line) for line in out.splitlines()) <= 80


def test_a_ticket_is_one_line_and_its_number_is_whole(run: Cli) -> None:
    _, out, _ = run("tickets")
    head, *lines = out.splitlines()
    assert head.split() == ["number", "status", "holder", "received", "due", "subject"]
    assert [line.split()[0] for line in lines] == [
        "KOM-2026-000001",
        "KOM-2026-000003",
        "KOM-2026-000002",
        "LPSE-2026-000001",
    ]


def test_what_waits_can_be_named_to_the_next_command(run: Cli, rows: Rows) -> None:
    _, out, _ = run("outbox", "list")
    for row in rows("outbox", "list"):
        assert row["message_id"].partition("@")[0] in out
    assert [row["state"] for row in rows("outbox", "list")] == ["deferred", "failed", "uncertain", "ready"]
    assert [row["id"] for row in rows("aside", "list")] == [ASIDE, HEADER_ONLY]
    _, out, _ = run("aside", "list")
    assert [line.split()[:2] for line in out.splitlines() if line[0].isdigit()] == [
        [str(one), "kominfo"] for one in (ASIDE, HEADER_ONLY)
    ]
    assert [row["desk"] for row in rows("aside", "list")] == ["kominfo"] * 2


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        (("tickets", "--desk", "lpse", "--overdue"), "no tickets\n"),
        (("aside", "list", "--desk", "lpse"), "nothing is set aside\n"),
        (("outbox", "list", "--desk", "lpse"), "nothing waits\n"),
    ],
)
def test_an_empty_list_says_so_to_people_and_is_an_empty_array_to_scripts(
    run: Cli, rows: Rows, listing: tuple[str], said: str
) -> None:
    assert run(*listing) == (0, said, "")
    assert rows(*listing) == []


def test_why_tells_the_reason_first_by_message_id_and_by_number(run: Cli, rows: Rows) -> None:
    _, by_message_id, _ = run("why", "<opened@client.example>")
    assert by_message_id.startswith("opened: a new matter")
    assert run("why", str(OPENED))[1] == by_message_id
    (found,) = rows("why", str(ASIDE))
    assert found["state"] == "aside"
    assert "reading failed" in found["reason"]


def test_a_mail_that_was_set_aside_comes_out_byte_for_byte(settings_file: Path) -> None:
    command = [*COMMAND, "--settings", str(settings_file), "aside", "show", str(ASIDE)]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    assert raw == f"From: {HOSTILE} <x@example.com>\r\nSubject: {HOSTILE}\r\n\r\nIsi.\r\n".encode()


def test_one_screen_tells_what_waits_at_each_desk(run: Cli, rows: Rows) -> None:
    kominfo, lpse = rows("status")
    assert kominfo == {
        "desk": "kominfo",
        "new": 1,
        "open": 1,
        "pending": 0,
        "overdue": 1,
        "undecided": 0,
        "set_aside": 2,
        "to_leave": 3,
        "failed": 1,
        "confirmations": 0,
        "blocked": 2,
        "unreachable": 0,
        "paused_until": None,
        "paused_since": None,
        "pause_reason": None,
        "paused": 0,
        "held": 0,
        "held_by": None,
        "canary_every_minutes": 0,
        "canary_returned_at": None,
        "canary_overdue": False,
        "canary_overdue_since": None,
        "canary_overdue_id": None,
        "mailbox_holder": None,
        "budget": 0,
        "budget_used": None,
        "automatic_per_hour": 300,
        "automatic_used": 0,
    }
    assert (lpse["desk"], lpse["new"], lpse["blocked"]) == ("lpse", 0, 1)
    _, told, _ = run("status")
    assert told == (
        "kominfo\n"
        "  tickets        1 new, 1 open, 0 pending\n"
        "! overdue        1: mailgate tickets --overdue\n"
        "  mail in        0 not yet decided\n"
        "! set aside      2: mailgate aside list\n"
        "  mail out       3 to leave\n"
        "! failed         1: mailgate outbox list --state failed\n"
        "  senders        2 blocked\n"
        "lpse\n"
        "  tickets        0 new, 0 open, 0 pending\n"
        "  mail in        0 not yet decided\n"
        "  mail out       0 to leave\n"
        "  senders        1 blocked\n"
    )


@pytest.mark.parametrize("listing", [("tickets", "--json"), ("tickets",), ("outbox", "list", "--json")])
def test_a_reader_that_goes_away_is_no_error(settings_file: Path, listing: tuple[str]) -> None:
    """`mailgate tickets | head -1`"""
    command = [*COMMAND, "--settings", str(settings_file), *listing]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


# --- what changes something -------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An office of its own, for a test that changes it."""
    city = office(tmp_path)
    fill(city.tables["service"]["database"])
    return city.settings_file


def listed(settings: Path, *listing: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(commanded(settings, *listing, "--json").stdout)
    return found


def test_a_mail_that_can_be_read_now_is_replayed_and_one_that_does_not_wait_is_told(own: Path) -> None:
    done = commanded(own, "aside", "replay", str(ASIDE), str(OPENED))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{ASIDE}: will be read again",
        f"{OPENED}: is not set aside",
    ]
    assert [row["id"] for row in listed(own, "aside", "list")] == [HEADER_ONLY]
    assert listed(own, "why", str(ASIDE))[0]["state"] == "kept"


def test_all_that_can_be_replayed_is_replayed(own: Path) -> None:
    assert commanded(own, "aside", "replay", "--all", "--desk", "lpse").returncode == 0
    assert len(listed(own, "aside", "list")) == 2
    assert commanded(own, "aside", "replay", "--all").returncode == 0
    assert listed(own, "aside", "list") == []


def test_a_failed_mail_is_tried_again_by_its_id_only(own: Path) -> None:
    before = {row["state"]: row for row in listed(own, "outbox", "list")}
    done = commanded(own, "outbox", "retry", "--all")
    assert (done.returncode, done.stdout) == (0, "2 will be tried again\n")
    assert sorted(row["state"] for row in listed(own, "outbox", "list")) == sorted(before)
    token = before["failed"]["message_id"].partition("@")[0]
    for name in (token, f"<{before['deferred']['message_id']}>"):
        done = commanded(own, "outbox", "retry", name)
        assert (done.returncode, done.stdout) == (0, "1 will be tried again\n")
    assert not [row for row in listed(own, "outbox", "list") if row["state"] == "failed"]


def test_a_sender_is_heard_again_at_one_desk_or_at_all(own: Path) -> None:
    blocked = [(row["desk"], row["address"]) for row in listed(own, "blocked", "list")]
    assert blocked == [("kominfo", SPAMMER), ("kominfo", "Promo@Example.com"), ("lpse", "Promo@Example.com")]
    assert [row["ticket"] for row in listed(own, "blocked", "list", "--desk", "lpse")] == ["LPSE-2026-000001"]
    done = commanded(own, "blocked", "remove", "PROMO@example.COM", "--desk", "lpse")
    assert (done.returncode, done.stdout) == (0, "PROMO@example.COM: heard again, at 1 desk\n")
    assert listed(own, "blocked", "list", "--desk", "lpse") == []
    assert commanded(own, "blocked", "remove", "promo@example.com").returncode == 0
    assert [row["address"] for row in listed(own, "blocked", "list")] == [SPAMMER]
    assert commanded(own, "blocked", "remove", "promo@example.com").returncode == 1


def test_a_sender_blocked_at_two_desks_is_heard_again_at_both(own: Path) -> None:
    done = commanded(own, "blocked", "remove", "promo@example.com")
    assert done.stdout == "promo@example.com: heard again, at 2 desks\n"
    assert [row["address"] for row in listed(own, "blocked", "list")] == [SPAMMER]


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("asked", "settled", "yes", "state", "told"),
    [
        (HOUR, None, False, "unanswered", f"unanswered by {ADMIN}, whose yes counts until "),
        (DAY + HOUR, None, False, "unanswered", f"unanswered by {ADMIN}, whose yes counts until "),
        (2 * HOUR, HOUR, True, "confirmed", f"confirmed by {ADMIN} at "),
        (2 * HOUR, HOUR, False, "discarded", f"discarded by {ADMIN} at "),
    ],
)
def test_why_tells_what_became_of_the_question_to_the_person_in_whose_name_a_mail_came(
    tmp_path: Path, asked: timedelta, settled: timedelta | None, yes: bool, state: str, told: str
) -> None:
    city = office(tmp_path)
    url, now = city.tables["service"]["database"], datetime.now(UTC)
    fill(url)
    ask(url, now - asked, now - settled if settled else None, yes=yes)
    (found,) = listed(city.settings_file, "why", str(OPENED))
    assert (found["confirmation"]["state"], found["confirmation"]["person"]) == (state, ADMIN)
    assert told in commanded(city.settings_file, "why", str(OPENED)).stdout
    waiting = [row["confirmations"] for row in listed(city.settings_file, "status")]
    assert waiting == [1 if settled is None and asked < DAY else 0, 0]
    assert listed(city.settings_file, "why", str(ASIDE))[0]["confirmation"] is None


def test_to_look_makes_no_database(tmp_path: Path) -> None:
    settings = office(tmp_path).settings_file
    for look in (
        ("tickets",),
        ("show", "KOM-2026-000001"),
        ("aside", "list"),
        ("outbox", "list"),
        ("blocked", "list"),
        ("blocked", "remove", "promo@example.com"),
        ("status",),
        ("db", "check"),
    ):
        done = commanded(settings, *look)
        assert done.returncode == 1
        assert "mailgate db upgrade" in done.stderr
    assert commanded(settings, "check", "--offline").returncode == 0
    assert not (tmp_path / "mailgate.db").exists()


@pytest.mark.parametrize("command", [("status",), ("db", "check"), ("run", "--once")], ids=" ".join)
def test_a_damaged_database_is_told_in_one_line_with_what_helps(tmp_path: Path, command: tuple[str]) -> None:
    city = office(tmp_path)
    (tmp_path / "mailgate.db").write_bytes(b"not what it was" * 1000)
    done = commanded(city.settings_file, *command)
    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr == "database: file is not a database; stop mailgate and put a backup in its place\n"


def test_no_mail_is_set_aside_because_a_page_of_the_database_is_damaged() -> None:
    damaged = sqlite3.DatabaseError("database disk image is malformed")
    damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT_INDEX
    assert passes_by_itself(DatabaseError("INSERT", None, damaged))
    wrong = sqlite3.IntegrityError("UNIQUE constraint failed")
    wrong.sqlite_errorcode = sqlite3.SQLITE_CONSTRAINT_UNIQUE
    assert not passes_by_itself(IntegrityError("INSERT", None, wrong))
