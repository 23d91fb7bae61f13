"""Does a line of the log say only what mailgate wrote?"""

import logging

import pytest

from mailgate import logs


@pytest.mark.parametrize("journal", [False, True])
def test_no_mail_and_no_server_writes_a_line_of_its_own_into_the_log(*, journal: bool) -> None:
    words = ("250 ok\n<2>2026-08-03 CRITICAL forged\x85a\u2028b\x1b[2J",)
    record = logging.LogRecord("mailgate", logging.INFO, "", 0, "sent: %s", words, None)
    (line,) = logs._Line(journal=journal).format(record).splitlines()
    assert "\x1b" not in line
    assert line.startswith("<6>sent") == journal


def test_a_traceback_keeps_its_lines() -> None:
    try:
        int("x\x1b")
    except ValueError as error:
        about = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("mailgate", logging.ERROR, "", 0, "tick: unexpected", (), about)
    text = logs._Line(journal=True).format(record)
    assert len(text.splitlines()) > 2
    assert all(line.startswith("<3>") for line in text.splitlines())
    assert "\x1b" not in text
