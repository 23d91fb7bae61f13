"""Does any mail, order or server surprise mailgate? The long form: tests/fuzz/run.py."""

import os
import random

import pytest
from fuzz.course import Course, Finding, finding, folder_for
from fuzz.letters import Step
from fuzz.play import faults

SECONDS = 60 if os.environ.get("CI") else 20


@pytest.mark.timeout(600)
def test_no_damaged_mail_order_or_server_stops_the_service_or_makes_it_send_nonsense() -> None:
    seed = random.randrange(2**32)
    course = Course(folder_for(seed))
    course.run(SECONDS, seed)
    assert not course.kept, f"play it again with tests/fuzz/run.py --replay FILE: {course.kept}"


def test_a_finding_is_the_same_when_it_is_read_again() -> None:
    found = Finding(
        "mails", ["apa"], 3, (Step("kominfo", bytes(range(256)), 2, to_staff=True, orders="a@b"),)
    )
    assert finding(found.text()) == found


HEAD = (
    b"From: desk@desk.test\r\nTo: rina@warga.example\r\n"
    b"Subject: a\r\nDate: Mon, 03 Aug 2026 09:00:00 +0700\r\n"
    b"Message-ID: <a@desk.test>\r\nMIME-Version: 1.0\r\n"
)


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        (HEAD + b"\r\nisi\r\n", []),
        (HEAD + b"Bcc: korban@luar.example\r\n\r\nisi\r\n", ["a field Bcc"]),
        (HEAD + b"\r\n" + b"x" * 999 + b"\r\n", ["a line is longer than 998 octets"]),
        (HEAD + b"\r\nisi\n", ["a bare CR or LF"]),
        (HEAD + b"\r\n" + b"isi\r\n" * 20_000, ["100145 octets after 10 came in"]),
        (HEAD.replace(b"rina@", b"rina@warga.example, budi@") + b"\r\n",
         ["To names ['rina@warga.example', 'budi@warga.example']"]),
    ],
)  # fmt: skip
def test_a_fault_in_a_mail_of_ours_is_seen(raw: bytes, wrong: list[str]) -> None:
    assert list(faults(raw, "rina@warga.example", 10)) == wrong
