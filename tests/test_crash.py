"""Does the mail survive a mailgate that is killed again and again? The long form: tests/crash/run.py."""

from pathlib import Path

import pytest
from crash.hunt import hunt, is_whole
from servers.dovecot import Dovecot


@pytest.mark.timeout(900)
def test_whoever_writes_while_the_service_dies_again_and_again_gets_one_ticket_and_one_acknowledgement(
    tmp_path: Path, dovecot: Dovecot
) -> None:
    result = hunt(tmp_path, dovecot, f"sqlite:///{tmp_path / 'mailgate.db'}", kills=20, mails=30, seed=2)
    assert is_whole(result), result
    assert result["kills_in_work"] >= 1, "nothing was shown: no process died at work"
    assert result["workers"] >= 1, "nothing was shown: no process had a reading worker when it died"
