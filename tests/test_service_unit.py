"""Does the unit file fit the service that it starts?"""

import re
import shlex
from collections import defaultdict
from pathlib import Path

import pytest
from daemon import LEAVES_WITHIN, mailgate

from mailgate.service import GRACE_SECONDS

ROOT = Path(__file__).parent.parent
UNITS = ("mailgate.service", "mailgate-check.service")


def unit(name: str) -> dict[str, list[str]]:
    lines = (ROOT / "systemd" / name).read_text().splitlines()
    found = defaultdict(list)
    for key, is_set, value in (line.partition("=") for line in lines if not line.startswith("#")):
        if is_set:
            found[key].append(value)
    return found


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_brings_every_secret_that_the_shipped_settings_name(name: str) -> None:
    named = set(re.findall(r'"credential:([^"]+)"', (ROOT / "settings.toml").read_text()))
    brought = {line.partition(":")[0] for line in unit(name)["LoadCredential"]}
    assert brought == named
    assert len(named) == 4


@pytest.mark.parametrize("name", UNITS)
def test_the_commands_of_the_unit_are_commands_of_mailgate(name: str, tmp_path: Path) -> None:
    commands = [line for key in ("ExecStartPre", "ExecStart") for line in unit(name)[key]]
    assert commands
    for line in commands:
        program, *arguments = shlex.split(line.removeprefix("-"))
        assert program.endswith("/bin/mailgate")
        assert mailgate(tmp_path / "none.toml", *arguments, "--help").returncode == 0


def test_wrong_settings_are_not_tried_again_and_a_lost_database_is_tried_for_ever() -> None:
    found = unit("mailgate.service")
    assert found["Restart"] == ["on-failure"]
    assert found["RestartPreventExitStatus"] == ["2"]
    assert found["StartLimitIntervalSec"] == ["0"]


def test_systemctl_reload_sends_the_signal_that_the_service_listens_for() -> None:
    assert unit("mailgate.service")["ExecReload"] == ["/bin/kill -HUP $MAINPID"]


def test_systemd_waits_as_long_as_the_service_may_take_to_leave() -> None:
    found = unit("mailgate.service")
    assert GRACE_SECONDS < LEAVES_WITHIN <= float(found["TimeoutStopSec"][0])
    assert (found["Type"], found["NotifyAccess"]) == (["notify"], ["main"])
