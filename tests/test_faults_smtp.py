"""Whatever a submission server does at whatever stage: does every mail leave, once, and is it known which?"""

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from city import ADMIN, body
from evidence import rows
from faulty_city import USERS, FaultyCity, HereReader, clear_lines, faulty_city, troubles
from servers import private
from servers.dovecot import Dovecot
from servers.private import Certificate
from servers.proxy import BODY, GREETING, Answer, Change, Cut, Deed, Proxy, Silence, Speaks, without
from servers.sink import Security, Sink, Stage

from mailgate import service
from mailgate.gateway import delivering
from mailgate.service import EX_TEMPFAIL

_getaddrinfo = socket.getaddrinfo
RINA = "rina@warga.example"
STAGES = (GREETING, "EHLO", "AUTH", "MAIL", "RCPT", "DATA", BODY, ".", "QUIT")
DEEDS: dict[str, Deed] = {
    "cut before": Cut(),
    "cut after": Cut(after=True),
    "4yz": Answer(("451 4.3.0 later, as the test wants it",)),
    "5yz": Answer(("554 5.7.0 never, as the test wants it",)),
    "garbage": Answer(("omong kosong",)),
    "silence": Silence(),
    "lost in garbage": Change(lambda _: b"omong kosong\r\n"),
}
AT_THE_DOOR = (GREETING, "EHLO", "AUTH")
LONG = {GREETING, "RCPT", "DATA", BODY, "."}
"""Where it is worth a second to see that silence ends."""
PATIENCE = (0.3, 3, 30)
"""Seconds of that silence. A busy machine may be silent so long before the fault: then once more."""
LEAST = {
    ("QUIT", "4yz"),
    ("QUIT", "garbage"),
    *((at, "cut after") for at in (GREETING, "EHLO", "AUTH", "MAIL")),
}
"""What another pair already shows."""
REPEATED = {(".", "cut after"), (".", "lost in garbage")}
"""The server has the mail, and nobody can know: once more, under the same id."""
FAULTS = [
    (at, how)
    for at in STAGES
    for how in DEEDS
    if (how != "silence" or at in LONG) and (at != BODY or how in {"cut before", "silence"})
    if (how != "lost in garbage" or at == ".") and (at, how) not in LEAST
]


def _becomes(at: str, how: str) -> str:
    """What the first mail is after the first run."""
    if at in AT_THE_DOOR:
        return "ready"  # trouble of the way: no mail was tried
    if at == "QUIT":
        return "sent"
    if how in {"4yz", "5yz"}:
        return "deferred" if how == "4yz" else "failed"
    return "deferred" if at in {"MAIL", "RCPT"} else "uncertain"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot) -> Iterator[FaultyCity]:
    with faulty_city(tmp_path_factory.mktemp("faults"), dovecot) as made:
        yield made


@pytest.fixture
def desk(stage: FaultyCity, caplog: pytest.LogCaptureFixture) -> Iterator[FaultyCity]:
    _one_waits(stage)
    with clear_lines(caplog):
        yield stage


def _one_waits(stage: FaultyCity) -> None:
    """Two will leave."""
    stage.empty()
    stage.post("Rina")


def _states(desk: FaultyCity) -> list[str]:
    return [row.state for row in rows(desk.city, "SELECT state FROM outbox ORDER BY seq")]


@pytest.mark.parametrize(("at", "how"), FAULTS)
def test_whatever_happens_at_a_stage_it_is_known_what_became_of_the_mail(
    desk: FaultyCity, at: str, how: str, monkeypatch: pytest.MonkeyPatch, elsewhere: Callable[..., None]
) -> None:
    state = _becomes(at, how)
    wanted = (EX_TEMPFAIL if state == "ready" else 0, 1, state)
    for seconds in PATIENCE if how == "silence" else PATIENCE[-1:]:
        elsewhere(timeout=seconds, data_timeout=seconds)
        fault = desk.smtp.on(at, DEEDS[how])
        status = desk.run()
        found = status, fault.hits, _states(desk)[0]
        if found == wanted or seconds == PATIENCE[-1]:
            break
        _one_waits(desk)
    monkeypatch.undo()
    # Of a refusal the news may have met a server that hung up.
    assert found == (wanted if how != "5yz" else (status, *wanted[1:]))
    if state == "failed":
        _failed_for_good(desk)
    else:
        desk.settle()
        desk.assert_accounted(copies=2 if (at, how) in REPEATED else 1)
        assert len(desk.city.sent(RINA)) == (2 if (at, how) in REPEATED else 1)
        assert len(desk.city.sent(ADMIN)) == 2


def _failed_for_good(desk: FaultyCity) -> None:
    """It never leaves, staff hear of it once, and the next mail is answered."""
    desk.settle()
    assert _states(desk) == ["failed", *["sent"] * 4]
    assert desk.city.sent(RINA) == []
    assert ["as the test wants it" in body(mail) for mail in desk.city.sent(ADMIN)].count(True) == 1
    assert [len(desk.city.sent(author)) for author in desk.posted] == [0, 1]


def test_an_answer_too_many_is_never_taken_for_the_answer_to_the_next_mail(desk: FaultyCity) -> None:
    """From there on every answer would be one too early: a mail that was refused would count as sent."""
    desk.smtp.on("MAIL", Change(lambda piece: b"250 2.0.0 twice\r\n" + piece))
    desk.city.sink.rule(Stage.RCPT, code=451, recipient=RINA, times=1)
    assert desk.run() == 0
    assert desk.city.sent(RINA) == []
    desk.settle()
    desk.assert_accounted()


# --- the way to the server --------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(desk: FaultyCity, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Another way to a submission server, until `monkeypatch` is undone. Settings take a second to load."""

    def change(**facts: object) -> None:
        known = delivering.submission_server
        monkeypatch.setattr(
            delivering,
            "submission_server",
            lambda *given: replace(known(*given), **facts),  # type: ignore[arg-type]  # a table's values
        )

    return change


def _nothing_was_tried(desk: FaultyCity, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.run() == EX_TEMPFAIL
    found = rows(desk.city, "SELECT state, attempts FROM outbox")
    assert [tuple(row) for row in found] == [("ready", 0)] * 2
    monkeypatch.undo()
    with pytest.MonkeyPatch.context() as again:
        again.setattr(service, "reader", lambda _office: HereReader())
        desk.settle()
    desk.assert_accounted()


def test_a_refused_connection_fails_no_mail(
    desk: FaultyCity, elsewhere: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(port=private.free_port())
    _nothing_was_tried(desk, monkeypatch)


def _knows_no_name(host: str, *given: object, **more: object) -> object:
    """What the resolver says, without asking the network for it."""
    if host.endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _getaddrinfo(host, *given, **more)  # type: ignore[call-overload]  # passed on as they came


def test_a_name_that_nobody_knows_fails_no_mail(
    desk: FaultyCity,
    elsewhere: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    elsewhere(host="smtp.pyk.invalid")
    monkeypatch.setattr(socket, "getaddrinfo", _knows_no_name)
    _nothing_was_tried(desk, monkeypatch)
    assert "smtp.pyk.invalid" in troubles(caplog)


def test_starttls_that_somebody_strikes_out_on_the_way_sends_nothing_in_the_clear(
    desk: FaultyCity,
    certificate: Certificate,
    elsewhere: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        Sink(users=USERS, security=Security.STARTTLS, certificate=certificate) as server,
        Proxy(server.port, Speaks.SMTP) as thief,
    ):
        thief.on("EHLO", without("STARTTLS"), times=None)
        elsewhere(port=thief.port, security="starttls", ca_file=str(certificate.cert))
        _nothing_was_tried(desk, monkeypatch)
        assert not {"AUTH", "MAIL"} & {command.split(" ")[0].split(":")[0] for command in thief.commands}
        assert server.received == []


@pytest.mark.parametrize(
    ("of", "said"),
    [("expired", "certificate has expired"), ("wrong host", "(Hostname|IP address) mismatch")],
)
def test_a_certificate_that_proves_nothing_gets_no_password(
    desk: FaultyCity,
    of: str,
    said: str,
    tmp_path: Path,
    elsewhere: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if of == "expired":
        made = private.make_expired_certificate(tmp_path)
    else:
        made = private.make_certificate(tmp_path, "DNS:lain.example")
    with Sink(users=USERS, security=Security.TLS, certificate=made) as server:
        elsewhere(port=server.port, security="tls", ca_file=str(made.cert))
        _nothing_was_tried(desk, monkeypatch)
        assert server.received == []
    assert re.search(said, troubles(caplog))
