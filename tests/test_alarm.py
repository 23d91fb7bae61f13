"""Does somebody hear of trouble, also when mail itself is what broke? (design, promise 11)"""

import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from city import ALERTS, KOMINFO, LPSE, MONDAY, City, address, body, parsed
from indoors import Indoors, indoors
from servers import private
from sqlalchemy import text

from mailgate import alarm as edge
from mailgate import settings
from mailgate.check import Finding, Verdict, findings
from mailgate.compose import render
from mailgate.desk import alarms
from mailgate.desk.alarms import Kind, Spell, Trouble
from mailgate.errors import AuthorizationRefusedError, SettingsError, TemporaryError
from mailgate.gateway import Office, alarming
from mailgate.metrics import State, health
from mailgate.pulse import Pulse
from mailgate.service import Service
from mailgate.store import canaries
from mailgate.store.database import Store
from mailgate.store.presence import is_served

AFTER = timedelta(minutes=5)
NOW = MONDAY.astimezone(UTC)
ROOT = Path(__file__).parent.parent
PARTS = ("mailbox kominfo", "mailbox lpse", "submission kominfo", "submission lpse", "tick")


# --- a command of the admin's -----------------------------------------------------------------------------


@dataclass
class Heard:
    """What alert_command was given, a JSON line each time."""

    script: Path
    file: Path

    @property
    def all(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    @property
    def parts(self) -> list[tuple[str, str]]:
        return [(one["part"], one["state"]) for one in self.all]


def command(base: Path) -> Heard:
    """A program that writes down what it hears."""
    heard = Heard(base / "alert", base / "heard")
    write_program(
        heard.script,
        "import json, os, sys\n"
        "said = {name.rpartition('_')[2].lower(): value for name, value in os.environ.items()\n"
        "        if name.startswith('MAILGATE_ALERT_')}\n"
        "said |= {'text': sys.stdin.read(), 'environment': ' '.join(os.environ)}\n"
        f"open({str(heard.file)!r}, 'a').write(json.dumps(said) + '\\n')\n"
        "print('told')\n",
    )
    return heard


def write_program(path: Path, code: str) -> str:
    path.write_text(f"#!{sys.executable} -IS\n{code}")
    path.chmod(0o700)
    return str(path)


def test_the_command_gets_the_text_and_what_it_is_about_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOMINFO_PASSWORD", "rahasia")
    heard = command(tmp_path)
    about = {"MAILGATE_ALERT_DESK": "kominfo", "MAILGATE_ALERT_STATE": "begin"}
    assert edge.run(str(heard.script), "Surel tidak terkirim – mohon dilihat\n", about, tmp_path)
    (one,) = heard.all
    assert (one["text"], one["desk"], one["state"]) == (
        "Surel tidak terkirim – mohon dilihat\n",
        "kominfo",
        "begin",
    )
    assert "KOMINFO_PASSWORD" not in one["environment"]


def test_the_command_gets_no_escapes_of_a_server_that_it_may_show_on_a_terminal(tmp_path: Path) -> None:
    heard = command(tmp_path)
    assert edge.run(str(heard.script), "550 \x1b]0;x\x07\n\u202eno\n", {}, tmp_path)
    (one,) = heard.all
    assert one["text"] == "550 \ufffd]0;x\ufffd\n\ufffdno\n"


def test_a_command_without_a_path_and_one_beside_the_settings_are_both_found(tmp_path: Path) -> None:
    command(tmp_path)
    assert edge.program("./alert --now 'two words'", tmp_path) == [
        str(tmp_path / "alert"),
        "--now",
        "two words",
    ]
    assert edge.program("sh -c true", tmp_path) is not None
    (tmp_path / "alert").chmod(0o600)
    for missing in ("./alert", "/nowhere/alert", "no-such-program-here", "", str(tmp_path)):
        assert edge.program(missing, tmp_path) is None


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; print('no route'); sys.exit(3)", "exit status 3: no route"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit status -9"),
    ],
)
def test_a_command_that_fails_is_told_as_critical_with_its_last_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, code: str, said: str
) -> None:
    assert not edge.run(write_program(tmp_path / "alert", code), "text", {}, tmp_path)
    (record,) = caplog.records
    assert record.levelname == "CRITICAL"
    assert said in record.getMessage()


def test_a_command_that_does_not_exist_harms_nobody_and_its_arguments_stay_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert not edge.run("/nowhere/alert --token=rahasia", "text", {}, tmp_path)
    assert "/nowhere/alert" in caplog.text
    assert "rahasia" not in caplog.text


def test_a_command_that_hangs_is_ended_with_all_its_children(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    code = f"import os, time\nheld = open({str(fifo)!r}, 'w')\nos.fork()\ntime.sleep(600)\n"
    program = write_program(tmp_path / "alert", code)
    assert not edge.run(f"{program} --token=rahasia", "text", {}, tmp_path, seconds=1)
    os.set_blocking(held, True)
    assert os.read(held, 1) == b""  # nobody holds the other end any more
    os.close(held)
    assert "not ended within 1 s, killed" in caplog.text
    assert "rahasia" not in caplog.text


def test_a_command_that_talks_without_end_fills_no_memory_and_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = "import sys\nfor _ in range(2000): sys.stdout.write('\\x1b[31mflood\\u202e\\n' * 100)\n"
    with caplog.at_level("INFO"):
        assert edge.run(write_program(tmp_path / "alert", code), "text", {}, tmp_path)
    (record,) = caplog.records
    assert len(record.getMessage()) < edge.MOST_OUTPUT + 100
    assert "\x1b" not in record.getMessage()


def test_a_command_that_leaves_a_child_behind_holds_nobody_up(tmp_path: Path) -> None:
    code = (
        "import os, time\nchild = os.fork()\nif child == 0: time.sleep(600)\n"
        f"open({str(tmp_path / 'child')!r}, 'w').write(str(child))\n"
    )
    assert edge.run(write_program(tmp_path / "alert", code), "text", {}, tmp_path)
    os.kill(int((tmp_path / "child").read_text()), 9)


def test_a_command_that_does_not_read_is_not_waited_for(tmp_path: Path) -> None:
    assert edge.run(write_program(tmp_path / "alert", "pass"), "x" * 10_000_000, {}, tmp_path)


# --- what was told ----------------------------------------------------------------------------------------


def test_what_was_told_outlives_a_restart_and_a_broken_file_silences_no_alarm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spell = Spell("tick", "reason", NOW, told_at=NOW, teller="elsewhere:1")
    memory = edge.Memory(tmp_path / "state" / "alarms.json")
    assert memory.recalled() == {}
    memory.keep({"tick": spell})
    assert edge.Memory(memory.path).recalled() == {"tick": spell}
    assert [path.name for path in memory.path.parent.iterdir()] == ["alarms.json"]
    for broken in (b"", b"[{", b'[{"part": 5}]', b"\xff\xfe", b"[" * 100_000):
        memory.path.write_bytes(broken)
        assert edge.Memory(memory.path).recalled() == {}
    assert caplog.text.count("cannot be read") == 5


def test_a_disk_that_is_full_does_not_make_it_forget_what_it_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    memory = edge.Memory(tmp_path / "state" / "alarms.json", "here:1")
    memory.keep({"tick": Spell("tick", "reason", NOW, told_at=NOW)})
    memory.keep({"tick": Spell("tick", "reason", NOW, told_at=NOW + AFTER)})
    assert memory.recalled()["tick"].told_at == NOW + AFTER
    (tmp_path / "state").unlink()
    memory.keep(memory.recalled())
    assert edge.Memory(memory.path).recalled()["tick"].told_at == NOW + AFTER


def test_the_trouble_of_a_process_that_is_gone_is_ended_by_its_successor(tmp_path: Path) -> None:
    host = edge.Memory(tmp_path / "x").teller.rpartition(":")[0]
    spells = {
        "a": Spell("a", "", NOW, teller=f"{host}:999999999"),
        "b": Spell("b", "", NOW, teller="other:1"),
    }
    memory = edge.Memory(tmp_path / "alarms.json")
    memory.keep(spells)
    assert {part: one.teller for part, one in memory.recalled().items()} == {
        "a": memory.teller,
        "b": "other:1",
    }


# --- when is who told -------------------------------------------------------------------------------------


@dataclass
class Story:
    """One part, looked at minute by minute."""

    now: datetime = NOW
    spells: dict[str, Spell] = field(default_factory=dict)

    def minutes(self, count: int, *found: Trouble, heard: bool = True) -> list[tuple[int, str]]:
        """(minute, state) of what was told."""
        told = []
        for minute in range(count):
            self.spells = alarms.remembered(self.spells, found, "me", self.now)
            for one in alarms.news(self.spells, "me", self.now, AFTER):
                told.append((minute, one.state.value))
                self.spells = alarms.settled(self.spells, one, self.now, heard=heard)
            self.now += timedelta(minutes=1)
        return told


def trouble(part: str = "submission kominfo", *, at_once: bool = False, reason: str = "refused") -> Trouble:
    return Trouble(part, reason, NOW, at_once)


def test_a_spell_of_trouble_is_told_when_it_lasts_once_a_day_and_when_it_is_over() -> None:
    story = Story()
    assert story.minutes(5, trouble()) == []
    assert story.minutes(1, trouble()) == [(0, "begin")]
    assert story.minutes(2 * 24 * 60, trouble(reason="another word for it")) == [
        (24 * 60 - 1, "still"),
        (2 * 24 * 60 - 1, "still"),
    ]
    assert story.minutes(20) == [(5, "over")]
    assert story.spells == {}


def test_what_waiting_does_not_mend_is_told_at_once() -> None:
    assert Story().minutes(10, trouble(at_once=True)) == [(0, "begin")]


def test_trouble_that_passes_before_anybody_is_told_is_nobodys_news() -> None:
    story = Story()
    assert story.minutes(4, trouble()) == []
    assert story.minutes(30) == []


def test_what_comes_and_goes_is_one_spell_and_no_storm() -> None:
    story, told = Story(), []
    for _ in range(60):
        told += story.minutes(1, trouble(at_once=True))
        told += story.minutes(4)
    assert told == [(0, "begin")]
    assert story.minutes(10) == [(1, "over")]


def test_an_alarm_that_nobody_could_be_told_is_tried_again_and_not_every_moment() -> None:
    story = Story()
    assert [minute for minute, _ in story.minutes(16, trouble(at_once=True), heard=False)] == [0, 5, 10, 15]
    assert story.minutes(10, trouble()) == [(4, "begin")]


def test_one_database_that_is_away_is_one_trouble_however_many_parts_wait_for_it() -> None:
    found = [trouble(part, reason="database: disk is full") for part in PARTS[:-1]]
    found.append(Trouble("tick", "database: disk is full", NOW - AFTER))
    assert alarms.gathered([*found, trouble("mailbox x")]) == [
        Trouble("database", "database: disk is full", NOW - AFTER),
        trouble("mailbox x"),
    ]


def test_another_instance_does_not_end_the_trouble_of_this_one_nor_tell_it_twice() -> None:
    theirs = {"tick": Spell("tick", "", NOW, told_at=NOW, teller="other")}
    assert alarms.remembered(theirs, [trouble("tick")], "me", NOW + AFTER) == theirs
    assert alarms.news(theirs, "me", NOW + 10 * AFTER, AFTER) == ()


@pytest.mark.parametrize(
    ("part", "silent", "through", "by_command"),
    [
        ("mailbox lpse", (), "lpse", False),
        ("tick", (), "kominfo", False),
        ("mailbox lpse", ("lpse",), "kominfo", False),
        ("submission kominfo", ("kominfo",), "lpse", True),
        ("pause kominfo", ("kominfo",), "lpse", True),
        ("canary kominfo", (), "lpse", True),
        ("canary kominfo", ("lpse",), "kominfo", True),
        ("mailbox lpse", ("kominfo", "lpse"), None, True),
        ("database", (), "kominfo", True),
        ("something new", ("kominfo", "lpse"), None, True),
    ],
)
def test_it_is_told_by_a_desk_whose_mail_leaves_and_by_the_command_where_mail_is_in_doubt(
    part: str, silent: tuple[str, ...], through: str | None, by_command: bool
) -> None:
    assert alarms.way(part, ["kominfo", "lpse"], silent) == alarms.Way(through, by_command)
    assert Kind.OTHER is alarms.kind_of("something new")


# --- the service looks ------------------------------------------------------------------------------------


@dataclass
class Watchman:
    """The alarm of a service whose parts do what a test says, in a city without servers."""

    city: Indoors
    office: Office
    store: Store
    heard: Heard
    seconds: float = 0
    kept: alarming.Alarm = field(init=False)
    pulse: Pulse = field(init=False)

    def __post_init__(self) -> None:
        self.kept = alarming.alarm(self.office)
        self.pulse = Pulse(lambda: self.seconds)
        for part in PARTS:
            self.pulse.expect(part, 24 * 3600)
            self.pulse.beat(part)

    @property
    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def look(self, minutes: float = 0) -> None:
        """After so many minutes, in looks of one minute."""
        alarming.look(self.office, self.store, self.pulse, self.kept, lambda: self.now)
        for _ in range(int(minutes)):
            self.seconds += 60
            alarming.look(self.office, self.store, self.pulse, self.kept, lambda: self.now)

    def mails(self) -> list[tuple[str, str, str]]:
        """(desk in From, subject, state) of every alert."""
        with self.store.reading() as look:
            rows = look.execute(text("SELECT raw, state FROM outbox WHERE template = 'alert' ORDER BY seq"))
            found = [(parsed(row.raw), row.state) for row in rows]
        return [(address(mail["From"]), str(mail["Subject"]), state) for mail, state in found]

    def settle(self, **values: object) -> None:
        """All that is written so far."""
        with self.store.writing() as write:
            named = ", ".join(f"{name} = :{name}" for name in values)
            write.execute(text(f"UPDATE outbox SET {named}"), values)  # names of ours


@contextmanager
def watching(*, with_command: bool = True, **service: object) -> Iterator[Watchman]:
    with indoors() as city, city.store() as store:
        heard = command(city.base)
        said = {"alert_command": shlex.quote(str(heard.script))} if with_command else {}
        city.tables["service"] |= {"alert_to": [ALERTS], **said, **service}
        office = replace(city.office(), settings=settings.validate(city.tables, city.base), base=city.base)
        yield Watchman(city, office, store, heard)


@pytest.fixture
def watchman() -> Iterator[Watchman]:
    with watching() as found:
        yield found


def test_nothing_is_told_and_nothing_written_while_all_is_well(watchman: Watchman) -> None:
    watchman.look(60)
    assert (watchman.mails(), watchman.heard.all) == ([], [])
    assert not (watchman.city.base / "state").exists()


def test_of_a_mailbox_its_own_desk_tells_by_mail_once_and_when_it_is_over(watchman: Watchman) -> None:
    watchman.pulse.beat("mailbox lpse", "mail.lpse: connection refused")
    watchman.look(4)
    assert watchman.mails() == []
    watchman.look(60)
    watchman.settle(state="sent")
    watchman.pulse.beat("mailbox lpse")
    watchman.look(60)
    assert watchman.mails() == [
        (LPSE, "[mailgate] Gangguan: mailbox lpse", "sent"),
        (LPSE, "[mailgate] Gangguan berakhir: mailbox lpse", "ready"),
    ]
    (first, _) = watchman.city.sent(ALERTS)
    assert "mail.lpse: connection refused" in body(first)
    assert first["Message-ID"].endswith("@pyk.example.go.id>")
    assert first["Auto-Submitted"] == "auto-generated"


def test_of_a_submission_server_another_desk_tells_and_the_command_too(
    watchman: Watchman, caplog: pytest.LogCaptureFixture
) -> None:
    watchman.pulse.beat("submission kominfo", "smtp.kominfo: time-out")
    watchman.look(6)
    assert watchman.mails() == [(LPSE, "[mailgate] Gangguan: submission kominfo", "ready")]
    (one,) = watchman.heard.all
    assert (one["desk"], one["part"], one["state"]) == ("kominfo", "submission kominfo", "begin")
    assert one["text"].startswith("[mailgate] Gangguan: submission kominfo\n\n")
    assert "smtp.kominfo: time-out" in one["text"]
    assert "Ref:" not in one["text"]
    assert [record.levelname for record in caplog.records if "trouble begin" in record.message] == [
        "CRITICAL"
    ]
    watchman.settle(state="sent")
    watchman.pulse.beat("submission kominfo")
    watchman.look(6)
    assert watchman.heard.parts[1:] == [("submission kominfo", "over")]


def test_where_no_desk_can_send_the_command_tells_alone(watchman: Watchman) -> None:
    for desk in ("kominfo", "lpse"):
        watchman.pulse.beat(f"submission {desk}", "refused")
    watchman.pulse.beat("mailbox kominfo", "refused")
    watchman.look(60)
    assert watchman.mails() == []
    assert sorted(watchman.heard.parts) == [
        ("mailbox kominfo", "begin"),
        ("submission kominfo", "begin"),
        ("submission lpse", "begin"),
    ]


def test_a_refused_login_is_told_at_the_first_failure(watchman: Watchman) -> None:
    service = Service(watchman.office, watchman.store, lambda: watchman.now, pulse=watchman.pulse)
    service._complain("mailbox lpse", TemporaryError("time-out"))
    watchman.look()
    assert watchman.mails() == []
    service._complain("mailbox lpse", AuthorizationRefusedError("invalid_grant"))
    watchman.look()
    assert len(watchman.mails()) == 1


def test_a_part_that_hangs_is_told_before_the_watchdog_ends_it(watchman: Watchman) -> None:
    watchman.seconds = 24 * 3600 + 1
    for part in PARTS[1:]:
        watchman.pulse.beat(part)
    watchman.look()
    assert watchman.mails() == [(KOMINFO, "[mailgate] Gangguan: mailbox kominfo", "ready")]
    assert "hanging" in body(watchman.city.sent(ALERTS)[0])


def test_of_a_database_that_is_away_the_command_tells_once_and_mail_when_it_is_back(
    watchman: Watchman, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = TemporaryError("database: disk is full")

    def away(_: Store) -> None:
        raise gone

    with monkeypatch.context() as patched:
        patched.setattr(Store, "reading", away)
        patched.setattr(Store, "writing", away)
        for part in PARTS:
            watchman.pulse.beat(part, str(gone))
        watchman.look(30)
        assert watchman.heard.parts == [("database", "begin")]
    for part in PARTS:
        watchman.pulse.beat(part)
    watchman.look(6)
    assert watchman.heard.parts == [("database", "begin"), ("database", "over")]
    assert [subject for _, subject, _ in watchman.mails()] == ["[mailgate] Gangguan berakhir: database"]


def test_a_restart_in_the_middle_of_trouble_does_not_tell_it_again(watchman: Watchman) -> None:
    watchman.pulse.beat("mailbox lpse", "refused")
    watchman.look(6)
    watchman.kept = alarming.alarm(watchman.office)
    watchman.look(6)
    assert len(watchman.mails()) == 1


def test_an_alarm_that_breaks_out_everywhere_at_once_is_bounded(
    watchman: Watchman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarming, "MOST_AN_HOUR", 3)
    for part in PARTS:
        watchman.pulse.beat(part, "refused")
    watchman.look(30)
    assert len(watchman.heard.all) == 3
    watchman.look(60)
    assert len({part for part, _ in watchman.heard.parts}) == 5  # what waited was told later


def test_without_a_command_the_journal_has_it_and_nothing_is_tried_in_vain(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with watching(with_command=False) as watchman:
        for part in PARTS:
            watchman.pulse.beat(part, "refused")
        watchman.look(60)
        assert watchman.mails() == []
    lines = [record for record in caplog.records if "trouble begin" in record.getMessage()]
    assert [record.levelname for record in lines] == ["CRITICAL"] * 5


def test_a_paused_outbox_is_told_and_seen_by_monitoring(watchman: Watchman) -> None:
    with watchman.store.writing() as write:
        facts = {"until": "2026-08-04 00:00:00", "at": "2026-08-03 00:00:00"}
        row = "('lpse', :until, '550 5.4.5 limit', :at)"
        write.execute(text(f"INSERT INTO submission (desk, paused_until, reason, at) VALUES {row}"), facts)
    watchman.look(6)
    assert watchman.mails() == []  # `gateway.braking` told of it when it began
    healthy, page = health(watchman.pulse)
    assert (healthy, page.splitlines()[-1]) == (False, "pause lpse: 550 5.4.5 limit")
    with watchman.store.writing() as write:
        write.execute(text("DELETE FROM submission"))
    watchman.look(6)
    assert health(watchman.pulse)[0]


def test_monitoring_sees_how_long_it_lasts_and_what_waits(watchman: Watchman) -> None:
    watchman.pulse.beat("mailbox lpse", "refused")
    watchman.look(6)
    watchman.pulse.remark({"canary kominfo": "lost"})
    watchman.seconds += 60
    with watchman.store.writing() as write:
        canaries.add(write, "a" * 26, "lpse", NOW, NOW, asked=False)
        canaries.came_back(write, "a" * 26, NOW + timedelta(seconds=7))
    told = {
        (metric.name, *sample.labels.values()): sample.value
        for metric in State(watchman.store, watchman.pulse).collect()
        for sample in metric.samples
    }
    assert told["mailgate_trouble_seconds", "mailbox lpse"] == 7 * 60
    assert told["mailgate_trouble_seconds", "canary kominfo"] == 60
    assert told["mailgate_trouble_seconds", "tick"] == 0
    assert told["mailgate_up", "canary kominfo"] == 0
    assert told["mailgate_canary_last_return_timestamp", "lpse"] == NOW.timestamp() + 7
    assert told["mailgate_outbox_oldest_seconds", "lpse"] > 0


def test_an_alert_of_a_desk_whose_server_is_gone_leaves_once_through_another_desk(watchman: Watchman) -> None:
    watchman.pulse.beat("mailbox lpse", "quota of the mailbox")
    watchman.look(6)
    watchman.pulse.beat("submission lpse", "time-out")  # before its mail had left
    watchman.look(30)
    passed_on = [row for row in watchman.mails() if "mailbox lpse" in row[1]]
    assert passed_on == [
        (LPSE, "[mailgate] Gangguan: mailbox lpse", "cancelled"),
        (KOMINFO, "[mailgate] Diteruskan: Gangguan: mailbox lpse", "ready"),
    ]
    (again,) = [
        mail for mail in watchman.city.sent(ALERTS) if "quota" in body(mail) and KOMINFO in mail["From"]
    ]
    assert LPSE in body(again)


def test_an_alert_of_a_desk_that_left_the_settings_leaves_through_another_desk(watchman: Watchman) -> None:
    watchman.pulse.beat("mailbox lpse", "quota of the mailbox")
    watchman.look(6)
    watchman.settle(desk="lama")
    watchman.look(30)
    assert [row[:1] + row[2:] for row in watchman.mails()] == [(LPSE, "cancelled"), (KOMINFO, "ready")]
    again = body(watchman.city.sent(ALERTS)[-1])
    assert "lama" in again
    assert "quota" in again


def test_an_alert_that_may_have_arrived_is_not_sent_twice_but_told_by_the_command(watchman: Watchman) -> None:
    watchman.pulse.beat("mailbox lpse", "refused")
    watchman.look(6)
    watchman.settle(state="uncertain", in_doubt=True)
    watchman.pulse.beat("submission lpse", "refused")
    watchman.look(4)
    assert [row[2] for row in watchman.mails()] == ["uncertain"]
    assert [(part, state) for part, state in watchman.heard.parts if part == "outbox lpse"] == [
        ("outbox lpse", "begin")
    ]


def test_an_alert_that_is_deferred_is_told_by_the_command_once(watchman: Watchman) -> None:
    watchman.pulse.beat("mailbox lpse", "refused")
    watchman.look(6)
    watchman.settle(state="deferred")
    watchman.look(60)
    assert watchman.heard.parts == [("outbox lpse", "begin")]
    assert "mailbox lpse" in watchman.heard.all[0]["text"]
    assert [row[2] for row in watchman.mails()] == ["deferred"]


def test_an_alert_that_is_refused_for_good_is_told_by_another_desk_and_then_by_the_command(
    watchman: Watchman,
) -> None:
    watchman.pulse.beat("mailbox lpse", "refused")
    watchman.look(5)
    watchman.settle(state="failed")
    watchman.look(1)
    assert [row[:1] + row[2:] for row in watchman.mails()] == [(LPSE, "failed"), (KOMINFO, "ready")]
    watchman.settle(state="failed")
    watchman.look(3)
    assert len(watchman.mails()) == 2  # it does not go to and fro
    assert watchman.heard.parts == [("outbox kominfo", "begin")]


def test_mail_of_yesterday_had_no_chance_yet_when_the_service_starts(watchman: Watchman) -> None:
    watchman.pulse.beat("mailbox lpse", "refused")
    watchman.look(5)
    watchman.seconds += 3600
    watchman.kept = alarming.alarm(watchman.office)
    watchman.look(4)
    assert watchman.heard.all == []


def test_an_office_whose_own_template_breaks_still_hears(watchman: Watchman) -> None:
    files = {f"id/{path.name}": path.read_text() for path in (ROOT / "templates" / "id").iterdir()}
    files["id/alert.body.txt"] = "{{ letter.trouble + 5 }}"
    watchman.office = replace(watchman.office, templates=render.templates(files))
    watchman.pulse.beat("submission lpse", "connection refused")
    watchman.look(6)
    assert "connection refused" in watchman.heard.all[0]["text"]


def test_an_alert_that_no_template_can_pass_on_is_told_by_the_command(watchman: Watchman) -> None:
    watchman.pulse.beat("mailbox lpse", "quota of the mailbox")
    watchman.look(6)
    watchman.settle(state="failed")
    files = {f"id/{path.name}": path.read_text() for path in (ROOT / "templates" / "id").iterdir()}
    files["id/alert.body.txt"] = "{{ letter.trouble + 5 }}"
    watchman.office = replace(watchman.office, templates=render.templates(files))
    watchman.look(1)
    assert watchman.heard.parts == [("outbox lpse", "begin")]
    assert [row[2] for row in watchman.mails()] == ["failed"]


# --- real servers and real processes ----------------------------------------------------------------------


def with_command(city: City) -> Heard:
    heard = command(city.base)
    city.tables["service"]["alert_command"] = shlex.quote(str(heard.script))
    return heard


def test_one_desk_without_its_server_another_desk_s_mail_arrives(quick_city: City) -> None:
    heard = with_command(quick_city)
    quick_city.tables["service"]["alert_after_minutes"] = 0
    quick_city.tables["desks"]["lpse"]["smtp"]["port"] = private.free_port()
    quick_city.receive(quick_city.mail(to=LPSE), "lpse")  # it is not known before something is to leave
    with quick_city.store() as store, running(quick_city, store) as service:
        (mail,) = quick_city.sink.wait_for(1)
        assert (mail.mail_from, mail.rcpt_to) == (KOMINFO, (ALERTS,))
        assert "[mailgate] Gangguan: submission lpse" in str(parsed(mail.data)["Subject"])
        becomes_true(lambda: service.pulse.troubles()["submission kominfo"] == "")
    assert heard.parts[0] == ("submission lpse", "begin")


@contextmanager
def running(city: City, store: Store) -> Iterator[Service]:
    """The daemon in a thread, which looks more often than the real one; commands can see that it runs."""
    service = Service(city.office(), store, lambda: datetime.now(UTC), tick_seconds=0.3)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        becomes_true(lambda: is_served(store) or not thread.is_alive())
        yield service
    finally:
        service.stop()
        thread.join()
        for left_behind in (*service._threads.values(), *service._others):  # on a machine that stood still
            left_behind.join()


def becomes_true(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + private.PATIENCE
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_run_once_tells_at_once_by_the_command_and_once_for_a_spell(quick_city: City) -> None:
    heard = with_command(quick_city)
    smtp, imap = (quick_city.tables["desks"]["lpse"][part] for part in ("smtp", "imap"))
    right, imap["port"] = imap["port"], private.free_port()
    assert [quick_city.run(), quick_city.run()] == [75, 75]
    assert heard.parts == [("mailbox lpse", "begin")]
    assert str(imap["port"]) in heard.all[0]["text"]
    imap["port"] = right
    assert [quick_city.run(), quick_city.run()] == [0, 0]
    assert heard.parts == [("mailbox lpse", "begin"), ("mailbox lpse", "over")]
    assert quick_city.sent(ALERTS) == []
    smtp["port"] = private.free_port()
    quick_city.receive(quick_city.mail(to=LPSE), "lpse")
    assert quick_city.run() == 75
    assert heard.parts[2:] == [("submission lpse", "begin")]


def test_a_service_that_cannot_reach_its_database_says_so_by_the_command(
    quick_city: City,
) -> None:
    heard = with_command(quick_city)
    nowhere = private.free_port()
    quick_city.tables["service"] |= {
        "database": f"postgresql+psycopg://mailgate:rahasia@127.0.0.1:{nowhere}/mailgate",
        "alert_after_minutes": 0,
    }
    for _ in range(2):
        with quick_city.store() as store, pytest.raises(TemporaryError):
            Service(quick_city.office(), store, lambda: quick_city.now.astimezone(UTC)).run()
        with pytest.raises(TemporaryError):
            quick_city.run()
    assert heard.parts == [("database", "begin")]  # systemd tries again every ten seconds
    assert str(nowhere) in heard.all[0]["text"]
    assert "rahasia" not in heard.file.read_text()


def test_check_warns_of_a_command_that_cannot_be_run_and_keeps_its_arguments_to_itself(
    watchman: Watchman,
) -> None:
    (fine,) = _of_command(watchman.office)
    assert fine.verdict is Verdict.OK
    watchman.heard.script.unlink()
    (gone,) = _of_command(_with_command(watchman.office, f"{watchman.heard.script} --token=rahasia"))
    assert gone.verdict is Verdict.WARN
    assert gone.text.startswith(f"{watchman.heard.script}: no program that can be run")
    assert "rahasia" not in gone.text


def _with_command(office: Office, wanted: str) -> Office:
    service = office.settings.service.model_copy(update={"alert_command": wanted})
    return replace(office, settings=office.settings.model_copy(update={"service": service}))


def _of_command(office: Office) -> list[Finding]:
    found = findings(office, offline=True, today=MONDAY.date())
    return [one for one in found if one.what == "alert_command"]


def test_a_command_that_cannot_be_split_is_a_fault_of_the_settings() -> None:
    with (
        pytest.raises(SettingsError, match="alert_command: cannot be split"),
        watching(alert_command="alert 'one quote"),
    ):
        pass
