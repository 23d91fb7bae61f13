"""Does the watchdog, and does monitoring, hear of a part that hangs?"""

import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import pytest

from mailgate import metrics, notify
from mailgate.errors import TemporaryError, UnforeseenError
from mailgate.gateway import Office
from mailgate.metrics import health
from mailgate.pulse import Pulse
from mailgate.service import BACK_OFF, Pause, Service, Serving, _say, feed_watchdog
from mailgate.store.database import Store


@dataclass
class Watch:
    """A monotonic clock that a test turns."""

    seconds: float = 0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def pulse(watch: Watch) -> Pulse:
    """Two parts that have just worked."""
    pulse = Pulse(watch)
    for name in ("mailbox kominfo", "tick"):
        pulse.expect(name, 60)
        pulse.beat(name)
    return pulse


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        name = f"mailgate-test-{secrets.token_hex(8)}"
        sock.bind("\0" + name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        yield sock


def heard(systemd: socket.socket) -> list[str]:
    words = []
    while True:
        try:
            words.append(systemd.recv(100).decode())
        except BlockingIOError:
            return words


def test_a_part_that_hangs_withholds_the_watchdog_so_that_systemd_restarts_the_service(
    pulse: Pulse, watch: Watch, systemd: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    feed_watchdog(pulse)
    assert heard(systemd) == ["WATCHDOG=1"]
    watch.seconds = 60
    pulse.beat("tick")
    feed_watchdog(pulse)
    assert heard(systemd) == ["WATCHDOG=1"]
    watch.seconds = 60.1
    feed_watchdog(pulse)
    assert heard(systemd) == []
    assert caplog.messages == ["hanging: mailbox kominfo"]
    pulse.beat("mailbox kominfo")
    feed_watchdog(pulse)
    assert heard(systemd) == ["WATCHDOG=1"]


def test_a_part_in_trouble_that_tries_again_is_not_taken_for_hanging(pulse: Pulse, watch: Watch) -> None:
    watch.seconds = 59
    pulse.beat("mailbox kominfo", "connection refused")
    watch.seconds = 100
    pulse.beat("tick")
    assert pulse.hanging() == []
    assert health(pulse) == (False, "mailbox kominfo: connection refused\ntick: ok\n")


def test_long_work_is_neither_hanging_nor_the_end_of_a_trouble(pulse: Pulse, watch: Watch) -> None:
    pulse.beat("mailbox kominfo", "connection refused")
    watch.seconds = 50
    pulse.alive("mailbox kominfo")
    pulse.beat("tick")
    watch.seconds = 100
    assert pulse.hanging() == []
    assert not health(pulse)[0]


def test_the_admin_is_told_of_trouble_when_it_begins_changes_and_ends(pulse: Pulse) -> None:
    said = ["", "refused", "refused", "refused", "wrong password", "", ""]
    assert [pulse.beat("tick", trouble) for trouble in said] == [False, True, False, False, True, True, False]


def test_a_service_that_has_not_reached_its_mailbox_yet_is_not_called_healthy(watch: Watch) -> None:
    pulse = Pulse(watch)
    pulse.expect("mailbox kominfo", 60)
    assert health(pulse) == (False, "mailbox kominfo: starting\n")
    assert pulse.beat("mailbox kominfo")
    assert health(pulse) == (True, "mailbox kominfo: ok\n")


def test_a_hanging_part_is_unhealthy_whatever_it_said_last(pulse: Pulse, watch: Watch) -> None:
    watch.seconds = 61
    assert health(pulse) == (False, "mailbox kominfo: hanging\ntick: hanging\n")


def test_a_mailbox_that_another_instance_serves_is_no_trouble(pulse: Pulse) -> None:
    pulse.holder_of["kominfo"] = False
    assert health(pulse) == (True, "mailbox kominfo: ok (held by another instance)\ntick: ok\n")


def test_a_desk_that_left_the_settings_is_not_waited_for(pulse: Pulse, watch: Watch) -> None:
    pulse.forget("mailbox kominfo")
    watch.seconds = 60
    pulse.beat("tick")
    pulse.alive("mailbox kominfo")
    assert not pulse.beat("mailbox kominfo", "connection refused")  # its last word
    assert (pulse.hanging(), health(pulse)) == ([], (True, "tick: ok\n"))


def test_a_server_that_is_down_is_asked_less_and_less_often_but_never_given_up() -> None:
    pause = Pause()
    waits = [pause.longer() for _ in range(20)]
    assert all(BACK_OFF[0] * 0.8 <= wait <= BACK_OFF[1] * 1.2 for wait in waits)
    assert waits[5] > waits[0]
    assert waits[-1] >= BACK_OFF[1] * 0.8
    pause.reset()
    assert pause.longer() <= BACK_OFF[0] * 1.2


def test_a_mailbox_that_left_first_cannot_keep_the_others_from_leaving() -> None:
    service = Service(cast("Office", None), cast("Store", None), lambda: datetime.now(UTC))
    bell, rings = socket.socketpair()
    bell.close()
    rung: list[str] = []
    service._serving["kominfo"] = Serving(bell, rings)
    service._ringing = lambda: rung.append("left")
    service.stop()
    service.stop()
    rings.close()
    assert rung == ["left", "left"]
    assert service.stopping.is_set()


def test_what_may_be_a_fault_of_ours_shows_where_it_came_up_and_only_when_it_is_news(
    pulse: Pulse, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(cast("Office", None), cast("Store", None), lambda: datetime.now(UTC), pulse=pulse)
    nonsense = UnforeseenError("fetch: TypeError: x")
    nonsense.__cause__ = TypeError("x")
    for error in (nonsense, nonsense, TemporaryError("connection refused"), nonsense):
        service._complain("mailbox kominfo", error)
    shown = [bool(one.exc_info) for one in caplog.records]
    assert shown == [True, False, True]


def test_a_single_run_shows_it_too(pulse: Pulse, caplog: pytest.LogCaptureFixture) -> None:
    nonsense = UnforeseenError("fetch: TypeError: x")
    nonsense.__cause__ = TypeError("x")
    for error in (nonsense, TemporaryError("connection refused"), TypeError("y")):
        _say("mailbox kominfo", error)
    assert [bool(one.exc_info) for one in caplog.records] == [True, False, True]


def test_outside_a_unit_nothing_is_told_and_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.tell("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "@nobody-listens-here")
    notify.tell("READY=1")


def test_a_systemd_that_does_not_listen_holds_up_nothing(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "PATIENCE", 0.001)
    told = [notify.tell(f"STATUS={n}") for n in range(1000)]  # far more than a socket has room for
    assert len(heard(systemd)) < len(told)


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [("30000000", None, 15.0), ("30000000", "1", None), ("", None, None), (None, None, None)],
)
def test_the_heartbeat_is_twice_as_quick_as_systemd_asks_and_only_for_its_own_process(
    monkeypatch: pytest.MonkeyPatch, usec: str | None, pid: str | None, seconds: float | None
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert notify.watchdog_seconds() == seconds


def test_whoever_connects_to_the_figures_and_asks_nothing_is_sent_away(
    pulse: Pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "SILENT_SECONDS", 0.05)
    server = metrics.serve(("127.0.0.1", 0), cast(Store, None), pulse)
    try:
        with socket.create_connection(server.server_address[:2], timeout=60) as silent:
            assert silent.recv(1) == b""
    finally:
        server.shutdown()
        server.server_close()
