"""What leaves, byte for byte?

After a wanted change: MAILGATE_GOLDEN=write pytest tests/test_compose_golden.py, and read the difference.
"""

import os
from pathlib import Path

import pytest
from compose_cast import MESSAGE_ID, NOW, REF, desk, facts, mails, shipped

from mailgate.compose.mime import mail
from mailgate.compose.render import render

GOLDEN = Path(__file__).parent / "golden"
CASES = [(language, name) for language in ("id", "en") for name in mails()]


@pytest.mark.parametrize(("language", "name"), CASES)
def test_a_mail_that_people_receive_does_not_change_unseen(language: str, name: str) -> None:
    words, office, send = shipped(), desk(language=language), mails()[name]
    written = render(words, send, office, facts(words, language), REF, NOW)
    raw = mail(written, send, office, MESSAGE_ID, NOW)
    file = GOLDEN / f"{language}_{name}.eml"
    if os.environ.get("MAILGATE_GOLDEN") == "write":
        file.write_bytes(raw)
    assert raw == file.read_bytes()


def test_no_golden_mail_is_left_without_its_test() -> None:
    assert {path.stem for path in GOLDEN.glob("*.eml")} == {f"{language}_{name}" for language, name in CASES}
