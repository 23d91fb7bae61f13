"""Does every mail of tests/mail still say what somebody once checked by eye?

Beside each mail lies what `mailgate read --json` prints for it. After a wanted change, write them anew with
MAILGATE_GOLDEN=write, and read the difference.
"""

import json
import os
from pathlib import Path

import pytest

from mailgate.message.parse import read
from mailgate.reading import record
from mailgate.sources import Source

MAIL = Path(__file__).parent / "mail"
MAILS = sorted(path.stem for path in MAIL.glob("*.eml"))


def says(name: str) -> str:
    raw = (MAIL / f"{name}.eml").read_bytes()
    row = record(Source(f"{name}.eml", raw, None), read(raw))
    return json.dumps(row, ensure_ascii=False, indent=1) + "\n"


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_is_not_read_differently_without_anybody_noticing(name: str) -> None:
    golden = MAIL / f"{name}.json"
    if os.environ.get("MAILGATE_GOLDEN") == "write":
        golden.write_text(says(name), encoding="utf-8")
    assert golden.exists(), f"look at what it says, then write it with MAILGATE_GOLDEN=write: {says(name)}"
    assert says(name) == golden.read_text(encoding="utf-8")


def test_no_golden_outlives_its_mail() -> None:
    assert sorted(path.stem for path in MAIL.glob("*.json")) == MAILS
