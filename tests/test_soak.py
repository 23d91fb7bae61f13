"""Does the daemon keep files or connections open that it does not need? The long form: tests/soak/run.py."""

from pathlib import Path

import pytest
from servers.dovecot import Dovecot
from soak.day import is_accounted, left_open, soak

SECONDS, PER_SECOND = 12, 5
BY_CHANCE = 5
"""Descriptors: mail that is leaving just then; one for each mail would be ten times as many."""
WILD = 0.3
"""A young process still grows: its caches fill."""


@pytest.mark.timeout(500)
def test_a_day_of_mixed_mail_leaves_nothing_open_and_nothing_undone(tmp_path: Path, dovecot: Dovecot) -> None:
    result = soak(tmp_path, dovecot, f"sqlite:///{tmp_path / 'mailgate.db'}", SECONDS, PER_SECOND, seed=5)
    assert is_accounted(result), result
    assert result["mails"] >= SECONDS, "nothing was shown: hardly a mail came in"
    assert left_open(result) <= BY_CHANCE, result
    assert result["memory_growth"] < WILD, result
