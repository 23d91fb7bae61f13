"""Does somebody hear of trouble, also when mail itself is what broke? (design, promise 11)"""

import json
import os
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from city import ADMIN, ALERTS, KOMINFO, LPSE, MONDAY, RINA, City, body
from daemon import mailgate
from indoors import Indoors, indoors
from servers import private
from servers.sink import Sink, Stage
from sqlalchemy import text

from mailgate import alarm as edge
from mailgate.desk import alarms
from mailgate.desk.alarms import Kind, Spell, State, Trouble
from mailgate.errors import AuthorizationRefusedError, TemporaryError
from mailgate.gateway import alarming
from mailgate.metrics import health
from mailgate.pulse import Pulse
from mailgate.service import Service
from mailgate.store.database import Store

AFTER = timedelta(minutes=5)
NOW = MONDAY.astimezone(UTC)
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
    spells = {"a": Spell("a", "", NOW, teller=f"{host}:999999999"), "b": Spell("b", "", NOW, teller="other:1")}
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
