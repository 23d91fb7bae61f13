"""Can a mail harm the service that reads it, or the mail behind it?"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailgate.message.message import Message, Unreadable
from mailgate.message.parse import read
from mailgate.message.worker import Reader

PLAIN = (
    b"From: Sari <sari@example.com>\r\nSubject: Jaringan\r\nDate: Mon, 3 Aug 2026 09:12:00 +0700\r\n\r\nMati."
)
LARGE = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nIsi.\r\n"
    b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + (b"QUJD" * 19 + b"\r\n") * 250_000
    + b"--b--\r\n"
)


def subject(words: str) -> bytes:
    return PLAIN.replace(b"Jaringan", words.encode())


@pytest.fixture
def hostile() -> Iterator[Reader]:
    with Reader(0.5, 200, wall_seconds=60, reader="hostile_reader:obey") as reader:
        yield reader


def test_the_worker_reads_what_this_process_would_read() -> None:
    with Reader(5, 400) as reader:
        assert reader.read(PLAIN) == read(PLAIN)
        assert list(reader.read_all([PLAIN, b"", PLAIN])) == [read(PLAIN), read(b""), read(PLAIN)]


def test_large_mails_in_both_directions_do_not_wait_for_each_other() -> None:
    with Reader(20, 400) as reader:
        found = list(reader.read_all([LARGE, LARGE, PLAIN, LARGE]))
    sizes = [one.attachments[0].size if one.attachments else 0 for one in found if isinstance(one, Message)]
    assert sizes == [14_250_000, 14_250_000, 0, 14_250_000]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("loop", "reading took more than 0.5 s of CPU time"),
        ("loop in C", "reading took more than 0.5 s of CPU time"),
        ("eat", "reading took more than 200 MiB of memory"),
        ("crash", "the reading worker died: signal 11"),
        ("exit", "the reading worker died: exit status 3"),
        ("raise", "reading failed: ZeroDivisionError"),
    ],
)
def test_a_poisoned_mail_is_set_aside_and_the_mail_behind_it_is_read(
    hostile: Reader, words: str, reason: str
) -> None:
    assert list(hostile.read_all([PLAIN, subject(words), PLAIN, PLAIN])) == [
        read(PLAIN),
        Unreadable(reason),
        read(PLAIN),
        read(PLAIN),
    ]


def test_a_mail_whose_reading_waits_for_something_is_set_aside_and_the_mail_behind_it_is_read(
    hostile: Reader,
) -> None:
    answers = hostile.read_all([PLAIN, subject("sleep"), PLAIN])
    assert next(answers) == read(PLAIN)
    hostile._wall_seconds = 0.1  # for this mail alone: the next child has to start first
    assert next(answers) == Unreadable("reading took more than 0.1 s")
    hostile._wall_seconds = 60
    assert list(answers) == [read(PLAIN)]


def test_two_poisoned_mails_in_a_row_blame_nobody_else(hostile: Reader) -> None:
    found = list(hostile.read_all([subject("crash"), subject("exit"), PLAIN]))
    assert [type(one) for one in found] == [Unreadable, Unreadable, Message]


def test_what_a_library_prints_is_no_answer(hostile: Reader) -> None:
    assert hostile.read(subject("print")) == read(subject("print"))


def test_a_mail_that_needs_more_memory_than_allowed_is_set_aside() -> None:
    with Reader(20, 20) as reader:
        assert reader.read(LARGE) == Unreadable("reading took more than 20 MiB of memory")
        assert reader.read(PLAIN) == read(PLAIN)


def test_a_reader_left_in_the_middle_gives_nobody_the_answer_of_another() -> None:
    with Reader(5, 400) as reader:
        answers = reader.read_all([subject("satu"), subject("dua"), subject("tiga")])
        next(answers)
        answers.close()
        assert reader.read(PLAIN) == read(PLAIN)


def test_a_question_between_two_answers_is_refused() -> None:
    with Reader(5, 400) as reader:
        answers = reader.read_all([subject("satu"), subject("dua")])
        next(answers)
        with pytest.raises(RuntimeError):
            reader.read(PLAIN)
        assert next(answers) == read(subject("dua"))


def test_a_worker_that_died_idle_costs_no_mail() -> None:
    with Reader(5, 400) as reader:
        reader.read(PLAIN)
        assert reader.pid is not None
        os.kill(reader.pid, signal.SIGKILL)
        assert reader.read(PLAIN) == read(PLAIN)


def test_an_interrupt_is_for_the_parent_to_decide() -> None:
    with Reader(5, 400) as reader:
        reader.read(PLAIN)
        before = reader.pid
        assert before is not None
        os.kill(before, signal.SIGINT)
        assert reader.read(PLAIN) == read(PLAIN)
        assert reader.pid == before


def test_the_child_leaves_when_its_parent_is_gone() -> None:
    command = [
        sys.executable,
        "-m",
        "mailgate.message.worker",
        "mailgate.message.parse:read",
        "5",
        "400",
        "{}",
    ]
    assert (
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True).stdout
        == b""
    )


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_machine_without_room_for_a_process_loses_no_descriptor_at_each_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the service could open nothing any more when there is room again."""

    def no_room(*_: object, **__: object) -> None:
        raise BlockingIOError("fork: Resource temporarily unavailable")

    with Reader(5, 400) as reader:
        before = open_descriptors()
        with monkeypatch.context() as patched:
            patched.setattr(subprocess, "Popen", no_room)
            for _ in range(5):
                with pytest.raises(BlockingIOError):
                    reader.read(PLAIN)
        assert open_descriptors() == before
        assert reader.read(PLAIN) == read(PLAIN)


def test_the_child_carries_nothing_that_reading_does_not_need() -> None:
    code = (
        "import sys, mailgate.message.worker, mailgate.message.parse; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert not set(out.split()) & {
        "sqlalchemy",
        "pydantic",
        "jinja2",
        "typer",
        "imapclient",
        "asyncio",
        "lxml",
    }
