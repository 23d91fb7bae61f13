"""Does a session always know how far a mail had come, whatever the server does to it?"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from servers.private import Certificate
from servers.sink import Security, Sink
from servers.sink import Stage as At

from mailgate.errors import TemporaryError
from mailgate.outbox.retry import Answer, Lost, Stage
from mailgate.outbox.smtp import Outcome, Server, Session

RAW = b"From: desk@desk.test\r\nMessage-ID: <a@desk.test>\r\n\r\nSelamat pagi.\r\n.\r\n..titik\r\n"
RINA, BUDI = "rina@warga.example", "budi@warga.example"


def server_of(sink: Sink, **changes: object) -> Server:
    made = Server(
        host=sink.host,
        port=sink.port,
        security="none",
        user="",
        password="",
        hello="desk.test",
        sender="desk@desk.test",
        timeout=5,
        data_timeout=5,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a table's values


async def carry(session: Session, recipient: str = RINA, raw: bytes = RAW) -> Outcome:
    return await session.envelope(recipient) or await session.data(raw)


def within(server: Server, act: Callable[[Session], Awaitable[list[Outcome]]]) -> list[Outcome]:
    async def whole() -> list[Outcome]:
        async with Session(server) as session:
            return await act(session)

    return asyncio.run(whole())


def carried(sink: Sink, *recipients: str, **changes: object) -> list[Outcome]:
    """Carry a mail to each, on one connection for as long as it holds."""

    async def act(session: Session) -> list[Outcome]:
        return [await carry(session, one) for one in recipients if session.usable]

    return within(server_of(sink, **changes), act)


def reaches(sink: Sink) -> list[tuple[str, ...]]:
    return [mail.rcpt_to for mail in sink.received]


def test_a_mail_arrives_byte_for_byte(sink: Sink) -> None:
    (outcome,) = carried(sink, RINA)
    assert outcome == Answer(Stage.DATA, 250, "2.0.0 accepted")
    (mail,) = sink.received
    assert (mail.mail_from, mail.rcpt_to, mail.data) == ("desk@desk.test", (RINA,), RAW)


@pytest.mark.parametrize("code", [451, 550])
@pytest.mark.parametrize(
    ("at", "stage"),
    [(At.MAIL, Stage.MAIL), (At.RCPT, Stage.RCPT), (At.DATA, Stage.DATA), (At.DOT, Stage.DATA)],
)
def test_a_refusal_is_known_by_its_stage_and_the_next_mail_leaves_on_the_same_connection(
    sink: Sink, at: At, stage: Stage, code: int
) -> None:
    sink.rule(at, code=code, times=1)
    refused, accepted = carried(sink, RINA, BUDI)
    assert isinstance(refused, Answer)
    assert (refused.stage, refused.code) == (stage, code)
    assert isinstance(accepted, Answer)
    assert (accepted.stage, accepted.code) == (Stage.DATA, 250)
    assert reaches(sink) == [(BUDI,)]


@pytest.mark.parametrize(
    ("at", "stage"),
    [
        (At.MAIL, Stage.MAIL),
        (At.RCPT, Stage.RCPT),
        (At.DATA, Stage.DATA),
        (At.BODY, Stage.DATA),
        (At.DOT, Stage.DATA),
    ],
)
@pytest.mark.parametrize("how", ["drop", "hang"])
def test_a_lost_answer_is_known_by_its_stage_and_the_connection_is_given_up(
    sink: Sink, at: At, stage: Stage, how: str
) -> None:
    rule = sink.rule(at, drop=how == "drop", hang=how == "hang", times=1)
    try:
        (lost,) = carried(sink, RINA, BUDI, timeout=0.3, data_timeout=0.3)
    finally:
        rule.release()
    assert isinstance(lost, Lost)
    assert lost.stage is stage
    assert lost.text


def test_a_server_that_takes_the_mail_and_hangs_up_leaves_us_uncertain(sink: Sink) -> None:
    sink.rule(At.DOT, drop=True, recorded=True)
    (lost,) = carried(sink, RINA)
    assert isinstance(lost, Lost)
    assert lost.stage is Stage.DATA
    assert reaches(sink) == [(RINA,)]


def test_421_in_the_middle_is_an_answer_and_ends_the_connection(sink: Sink) -> None:
    sink.rule(At.RCPT, code=421)
    (first,) = carried(sink, RINA, BUDI)
    assert isinstance(first, Answer | Lost)
    assert first.stage is Stage.RCPT


def test_a_mail_that_was_not_begun_after_all_does_not_make_the_next_one_fail(sink: Sink) -> None:
    async def act(session: Session) -> list[Outcome]:
        assert await session.envelope(RINA) is None  # its claim had run out: left alone
        return [await carry(session, BUDI)]

    (outcome,) = within(server_of(sink), act)
    assert isinstance(outcome, Answer)
    assert outcome.code == 250
    assert reaches(sink) == [(BUDI,)]


def test_after_a_data_that_was_cancelled_the_connection_carries_nothing_more(sink: Sink) -> None:
    rule = sink.rule(At.DOT, hang=True, times=1)

    async def act(session: Session) -> list[Outcome]:
        assert await session.envelope(RINA) is None
        under_way = asyncio.create_task(session.data(RAW))
        await asyncio.to_thread(sink.wait_for_hit, rule)
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        assert not session.usable
        return []

    try:
        within(server_of(sink), act)
    finally:
        rule.release()


@pytest.mark.parametrize("at", [At.CONNECT, At.HELO])
@pytest.mark.parametrize("how", [{"code": 554}, {"code": 421}, {"drop": True}])
def test_a_server_that_refuses_us_at_the_door_is_trouble_of_the_way_and_not_of_a_mail(
    sink: Sink, at: At, how: dict[str, int | bool]
) -> None:
    sink.rule(at, **how)  # type: ignore[arg-type]  # a table's values
    with pytest.raises(TemporaryError, match=f"127.0.0.1:{sink.port}"):
        carried(sink, RINA)


def test_a_port_where_nobody_listens_is_trouble_of_the_way(sink: Sink) -> None:
    server = server_of(sink)
    sink.stop()
    with pytest.raises(TemporaryError, match=r"127\.0\.0\.1"):
        within(server, lambda session: asyncio.sleep(0, []))


def test_a_wrong_password_defers_and_does_not_say_the_password() -> None:
    with (
        Sink(users={"desk": "rahasia sekali"}) as sink,
        pytest.raises(TemporaryError, match="535") as caught,
    ):
        carried(sink, RINA, user="desk", password="kata sandi lama")
    assert "kata sandi lama" not in str(caught.value)


def test_with_the_right_password_the_mail_leaves_as_that_user() -> None:
    with Sink(users={"desk": "rahasia"}) as sink:
        carried(sink, RINA, user="desk", password="rahasia")
        assert [mail.user for mail in sink.received] == ["desk"]


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_the_wire_is_encrypted_and_the_certificate_is_checked(
    certificate: Certificate, security: Security
) -> None:
    with Sink(security=security, certificate=certificate) as sink:
        with pytest.raises(TemporaryError, match=r"(?i)certificate"):
            carried(sink, RINA, security=security.value)
        assert sink.received == []
        carried(sink, RINA, security=security.value, ca_file=str(certificate.cert))
        assert [mail.tls for mail in sink.received] == [True]


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_certificate_for_another_name_is_refused(certificate: Certificate, security: Security) -> None:
    with (
        Sink(security=security, certificate=certificate) as sink,
        pytest.raises(TemporaryError, match=r"(?i)certificate|hostname"),
    ):
        carried(
            sink, RINA, security=security.value, ca_file=str(certificate.cert), host="127.1"
        )  # the same machine


def test_starttls_is_never_dropped_when_the_server_no_longer_offers_it(sink: Sink) -> None:
    """Somebody in the middle need only strike one word from the answer to EHLO."""
    with pytest.raises(TemporaryError, match=r"(?i)starttls"):
        carried(sink, RINA, security="starttls")
    assert sink.received == []


def test_a_certificate_file_that_is_not_there_is_named(sink: Sink) -> None:
    with pytest.raises(TemporaryError, match=r"tidak-ada\.pem"):
        carried(sink, RINA, security="tls", ca_file="tidak-ada.pem")


def test_an_address_beyond_ascii_fails_alone(sink: Sink) -> None:
    refused, accepted = carried(sink, "rina@dinas.例え", BUDI)
    assert isinstance(refused, Answer)
    assert (refused.stage, refused.code) == (Stage.RCPT, 553)
    assert isinstance(accepted, Answer)
    assert accepted.code == 250
