"""Does the demo show a help desk at work, and does its check notice when it does not work?"""

import imaplib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from servers import private
from servers.private import MissingServerError
from servers.required import skipped_when_missing

MAILGATE = (sys.executable, "-m", "mailgate.cli")
LAST_LINE = "All of it is gone when you press Ctrl-C."

TEMPLATE_CHANGED = """
from mailgate import settings
honest = settings.templates
def templates(*arguments):
    sources = dict(honest(*arguments))
    assert {old!r} in sources[{name!r}]
    sources[{name!r}] = sources[{name!r}].replace({old!r}, {new!r})
    return sources
settings.templates = templates
"""
NEVER_TICKS = """
from mailgate import gateway
from mailgate.demo import story
honest = story._time_passes
def impatient(*arguments):
    story.PATIENCE_SECONDS = 1  # from here on: what comes before takes its time on a busy machine
    honest(*arguments)
story._time_passes = impatient
gateway.tick = lambda *_: 0
"""
EVERYTHING_TWICE = """
from mailgate.compose import mime
from mailgate.desk import decide
honest = decide.sends
decide.sends = lambda decision: [one for one in honest(decision) for _ in range(2)]
"""
PLAY = """
import sys
from mailgate.demo import play, story
story.PATIENCE_SECONDS = 60
sys.exit(play(checked=True))
"""


@pytest.fixture(autouse=True, scope="module")
def extra() -> None:
    with skipped_when_missing():
        for name in ("pymap", "aiosmtpd"):
            if find_spec(name) is None:
                raise MissingServerError(f"{name} is not installed: pip install 'mailgate[demo]'")


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), "COLUMNS": "80"}


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=_environment(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,  # less than a test may take
    )


def _played(folder: Path, sabotage: str) -> subprocess.CompletedProcess[str]:
    return _run(folder, sys.executable, "-c", sabotage + PLAY)


def _changed(name: str, old: str, new: str) -> str:
    return TEMPLATE_CHANGED.format(name=f"id/{name}", old=old, new=new)


@contextmanager
def _staying_up(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A demo that was watched to its end, and what it printed."""
    with subprocess.Popen(
        [*MAILGATE, "demo"], env=_environment(folder), cwd=folder, stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        try:
            lines = []
            for line in demo.stdout:
                lines.append(line)
                if LAST_LINE in line:
                    break
            yield demo, "".join(lines)
        finally:
            demo.kill()


def test_a_complaint_goes_the_whole_way_and_the_check_says_so_line_by_line(tmp_path: Path) -> None:
    done = _run(tmp_path, *MAILGATE, "demo", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    *steps, last = done.stdout.splitlines()
    assert len(steps) == 7
    assert all(step.startswith("ok ") for step in steps)
    assert "acknowledged" in steps[1]
    assert "closed, outcome solved" in steps[-1]
    assert "The demo works" in last


def test_the_check_leaves_nothing_behind(tmp_path: Path) -> None:
    assert _run(tmp_path, *MAILGATE, "demo", "--check").returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sabotage", "told"),
    [
        (_changed("acknowledgement.body.txt", "telah kami terima", "hilang"), "telah kami terima"),
        (_changed("reply.body.txt", "{{ desk.name }}", "{{ ticket.holder }}"), "must not hold 'admin1@"),
        (_changed("reply.body.txt", "{{ letter.text | as_written }}", ""), "it lacks 'Selamat pagi Bu"),
        (_changed("reply.subject.txt", "[{{ ticket.number }}]", "[-]"), "its subject lacks [KOM-"),
        (_changed("notification.body.txt", '{% include "ref.txt" %}', ""), "it lacks 'Ref:'"),
        (_changed("resolution.body.txt", "{{ letter.text | as_written }}", ""), "it lacks 'Kabel"),
        (
            _changed("receipt.body.txt", "letter.reaches or [ticket.requester_address]", "['-']"),
            "it lacks 'rina",
        ),
    ],
    ids=["acknowledgement", "private address", "reply", "number", "proof", "solution", "receipt"],
)
def test_the_check_fails_when_a_mail_says_too_much_or_too_little(
    tmp_path: Path, sabotage: str, told: str
) -> None:
    done = _played(tmp_path, sabotage)
    assert done.returncode == 1
    assert told in done.stderr


def test_the_check_fails_when_a_template_is_broken(tmp_path: Path) -> None:
    done = _played(tmp_path, _changed("reply.body.txt", "{{ desk.name }}", "{{ desk.name"))
    assert done.returncode == 1
    assert "reply.body.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_check_fails_when_everybody_is_written_to_twice(tmp_path: Path) -> None:
    assert _played(tmp_path, EVERYTHING_TWICE).returncode == 1


def test_the_check_fails_when_time_closes_nothing(tmp_path: Path) -> None:
    done = _played(tmp_path, NEVER_TICKS)
    assert done.returncode == 1
    assert "expected the ticket to close by itself" in done.stderr


def test_a_newcomer_can_look_around_afterwards_and_leaves_with_ctrl_c(tmp_path: Path) -> None:
    with _staying_up(tmp_path) as (demo, shown):
        (place,) = tmp_path.glob("mailgate-demo-*")
        listed = _run(tmp_path, *MAILGATE, "--settings", str(place / "settings.toml"), "tickets", "--json")
        (ticket,) = json.loads(listed.stdout)
        assert ticket["status"] == "closed"
        port, user = _found(r"IMAP +\S+ port (\d+)", shown), _found(r"user +(rina\S+)", shown)
        client = imaplib.IMAP4("127.0.0.1", int(port), timeout=private.PATIENCE)
        client.login(user, _found(r"user .*password (\S+)", shown))
        assert client.select("INBOX")[1] == [b"3"]
        demo.send_signal(signal.SIGINT)  # with her client still connected
        assert demo.wait(private.PATIENCE) == 0
        client.shutdown()
    assert list(tmp_path.iterdir()) == []


def test_two_newcomers_on_one_machine_do_not_disturb_each_other(tmp_path: Path) -> None:
    with _staying_up(tmp_path):
        assert _run(tmp_path, *MAILGATE, "demo", "--check").returncode == 0


def test_no_line_of_the_demo_is_wider_than_a_terminal(tmp_path: Path) -> None:
    with _staying_up(tmp_path) as (_, shown):
        commands = re.compile(r"  (mutt|export|/)|The (database|log) ")
        wide = [line for line in shown.splitlines() if len(line) > 80 and not commands.match(line)]
    assert wide == []


def test_without_its_extra_the_demo_says_what_to_install(tmp_path: Path) -> None:
    without = "import sys\nsys.modules['pymap'] = None\nsys.argv = ['mailgate', 'demo']\n"
    done = _run(tmp_path, sys.executable, "-c", without + "from mailgate.cli import main\nmain()")
    assert done.returncode == 2
    assert "pip install 'mailgate[demo]'" in done.stderr


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]
