"""Does a session always know how far a mail had come, whatever the server does to it?"""

import asyncio
import gc
import socket
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from servers.private import Certificate
from servers.sink import Rule, Security, Sink
from servers.sink import Stage as At
from turned_clock import TurnedLoop, as_time_flies

from mailgate.errors import TemporaryError
from mailgate.outbox.retry import Answer, Lost, Stage
from mailgate.outbox.smtp import MOST_DATA_SECONDS, Envelope, Notify, Outcome, Server, Session
from mailgate.store.outbox import LEASE

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
        timeout=60,
        data_timeout=60,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a table's values


async def carry(session: Session, recipient: str = RINA, raw: bytes = RAW) -> Outcome:
    return await session.envelope(Envelope(recipient, raw)) or await session.data(raw)


Act = Callable[[Session], Awaitable[list[Outcome]]]


async def session_of(server: Server, act: Act) -> list[Outcome]:
    async with Session(server) as session:
        return await act(session)


def within(server: Server, act: Act) -> list[Outcome]:
    return asyncio.run(session_of(server, act))


def to_each(*recipients: str, raw: bytes = RAW) -> Act:
    """Carry a mail to each, on one connection for as long as it holds."""

    async def act(session: Session) -> list[Outcome]:
        return [await carry(session, one, raw) for one in recipients if session.usable]

    return act


def carried(sink: Sink, *recipients: str, **changes: object) -> list[Outcome]:
    return within(server_of(sink, **changes), to_each(*recipients))


@contextmanager
def hanging(sink: Sink, at: At) -> Iterator[Rule]:
    rule = sink.rule(at, hang=True, times=1)
    try:
        yield rule
    finally:
        rule.release()


def left_hanging(sink: Sink, at: At, server: Server, act: Act) -> tuple[list[Outcome], float]:
    """What comes of it when the sink falls silent there; and after how many seconds of the turned clock."""

    async def whole(rule: Rule) -> list[Outcome]:
        under_way = asyncio.create_task(session_of(server, act))
        await asyncio.to_thread(sink.wait_for_hit, rule)
        return await as_time_flies(under_way)

    with hanging(sink, at) as rule, asyncio.Runner(loop_factory=TurnedLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, TurnedLoop)
        return runner.run(whole(rule)), loop.ahead


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
    if how == "hang":
        (lost,), _ = left_hanging(sink, at, server_of(sink), to_each(RINA, BUDI))
    else:
        sink.rule(at, drop=True, times=1)
        (lost,) = carried(sink, RINA, BUDI)
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
        assert await session.envelope(Envelope(RINA, RAW)) is None  # its claim had run out: left alone
        return [await carry(session, BUDI)]

    (outcome,) = within(server_of(sink), act)
    assert isinstance(outcome, Answer)
    assert outcome.code == 250
    assert reaches(sink) == [(BUDI,)]


def test_after_a_data_that_was_cancelled_the_connection_carries_nothing_more(sink: Sink) -> None:
    async def act(session: Session) -> list[Outcome]:
        assert await session.envelope(Envelope(RINA, RAW)) is None
        under_way = asyncio.create_task(session.data(RAW))
        await asyncio.to_thread(sink.wait_for_hit, rule)
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        assert not session.usable
        return []

    with hanging(sink, At.DOT) as rule:
        within(server_of(sink), act)


@pytest.mark.parametrize("at", [At.CONNECT, At.HELO])
@pytest.mark.parametrize("how", [{"code": 554}, {"code": 421}, {"drop": True}])
def test_a_server_that_refuses_us_at_the_door_is_trouble_of_the_way_and_not_of_a_mail(
    sink: Sink, at: At, how: dict[str, int | bool]
) -> None:
    sink.rule(at, **how)  # type: ignore[arg-type]  # a table's values
    with pytest.raises(TemporaryError, match=f"127.0.0.1:{sink.port}"):
        carried(sink, RINA)


def test_a_port_where_nobody_listens_is_trouble_of_the_way(sink: Sink) -> None:
    with socket.socket() as taken:  # so that nobody else begins to listen there
        taken.bind(("127.0.0.1", 0))
        server = server_of(sink, port=taken.getsockname()[1])
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
    """RFC 6531, section 3.2: who offers no SMTPUTF8 must not hear of it."""
    refused, accepted = carried(sink, "rína@warga.example", BUDI)
    assert refused == Answer(
        Stage.RCPT, 553, "5.6.7 127.0.0.1 offers no SMTPUTF8: it cannot carry mail to this address"
    )
    assert isinstance(accepted, Answer)
    assert accepted.code == 250
    assert reaches(sink) == [(BUDI,)]


def test_an_address_beyond_ascii_is_reached_where_the_server_can() -> None:
    raw = "To: rína@warga.example\r\n\r\nSelamat pagi.\r\n".encode()
    with Sink(smtputf8=True, dsn=True) as sink:

        async def act(session: Session) -> list[Outcome]:
            return [await carry(session, "rína@dísdik.example", raw), await carry(session, BUDI)]

        within(server_of(sink), act)
        international, plain = sink.received
    assert international.rcpt_to == ("rína@xn--dsdik-zsa.example",)
    assert international.data == raw
    assert {"SMTPUTF8", "BODY=8BITMIME"} <= set(international.mail_options)
    assert "ORCPT=utf-8;r\\x{ED}na@xn--dsdik-zsa.example" in international.rcpt_options
    assert not {"SMTPUTF8", "BODY=8BITMIME"} & set(plain.mail_options)


def test_a_domain_beyond_ascii_is_reached_through_every_server(sink: Sink) -> None:
    carried(sink, "rina@dinas.例え", "budi@straße.example")
    assert reaches(sink) == [("rina@dinas.xn--r8jz45g",), ("budi@xn--strae-oqa.example",)]


def test_what_is_no_mailbox_fails_alone_and_never_reaches_the_wire(sink: Sink) -> None:
    *refused, accepted = carried(sink, "rina", "", "a@b>\r\nRCPT TO:<c@d", "rina@dísdik..id", BUDI)
    assert {(one.stage, one.code) for one in refused if isinstance(one, Answer)} == {(Stage.RCPT, 553)}
    assert accepted == Answer(Stage.DATA, 250, "2.0.0 accepted")
    assert reaches(sink) == [(BUDI,)]


# --- what EHLO offers -------------------------------------------------------------------------------------


def test_a_mail_larger_than_the_server_takes_is_not_sent_and_says_so() -> None:
    with Sink(size=len(RAW) - 1) as sink:
        never_asked = sink.rule(At.MAIL, code=552)
        assert carried(sink, RINA) == [
            Answer(
                Stage.MAIL,
                552,
                f"5.3.4 {len(RAW)} octets, and 127.0.0.1 takes {len(RAW) - 1}: it was not sent",
            )
        ]
        assert never_asked.hits == 0
    with Sink(size=len(RAW)) as sink:
        carried(sink, RINA)
        (mail,) = sink.received
        assert f"SIZE={len(RAW)}" in mail.mail_options


def test_failure_and_delay_are_reported_and_of_an_acknowledgement_nothing() -> None:
    """RFC 3461, sections 4.1 to 4.4."""
    with Sink(dsn=True) as sink:

        async def act(session: Session) -> list[Outcome]:
            for notify in Notify:
                assert await session.envelope(Envelope("a+b=c@x.example", RAW, "rjgc", notify)) is None
                await session.data(RAW)
            return []

        within(server_of(sink), act)
        assert [mail.rcpt_options for mail in sink.received] == [
            ("NOTIFY=NEVER", "ORCPT=rfc822;a+2Bb+3Dc@x.example"),
            ("NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;a+2Bb+3Dc@x.example"),
        ]
        assert [mail.mail_options for mail in sink.received] == [
            (f"SIZE={len(RAW)}", "RET=HDRS", "ENVID=rjgc")
        ] * 2


def test_a_server_that_offers_no_reports_is_asked_for_none(sink: Sink) -> None:
    carried(sink, RINA)
    (mail,) = sink.received
    assert (mail.mail_options, mail.rcpt_options) == ((f"SIZE={len(RAW)}",), ())


# --- patience ---------------------------------------------------------------------------------------------

LARGE = RAW + (b".titik\r\n" + b"x" * 990 + b"\r\n") * 10_000
"""More than the sockets on the way hold: somebody has to read it."""


@pytest.mark.parametrize("at", [At.CONNECT, At.HELO, At.MAIL, At.RCPT, At.DATA, At.BODY])
def test_each_answer_but_the_last_has_the_shorter_patience(sink: Sink, at: At) -> None:
    """RFC 5321, section 4.5.3.2."""
    server, act = server_of(sink, timeout=300, data_timeout=1_500), to_each(RINA, raw=LARGE)
    if at in {At.CONNECT, At.HELO}:
        with pytest.raises(TemporaryError, match=r"(?i)timed out"):
            left_hanging(sink, at, server, act)
        return
    (lost,), seconds = left_hanging(sink, at, server, act)
    assert isinstance(lost, Lost)
    assert seconds < 1_500


def test_the_answer_to_the_final_dot_has_a_patience_of_its_own(sink: Sink) -> None:
    server = server_of(sink, timeout=1_500, data_timeout=300)
    (lost,), _ = left_hanging(sink, At.DOT, server, to_each(RINA))
    assert lost == Lost(Stage.DATA, "SMTPTimeoutError: the answer to the final dot took more than 300 s")


def test_a_mail_that_is_long_under_way_does_not_use_up_the_time_for_its_answer(sink: Sink) -> None:
    """A photograph over a bad line: sent again and again, it would arrive again and again."""

    async def act(session: Session) -> list[Outcome]:
        under_way = asyncio.create_task(carry(session, RINA, LARGE))
        await asyncio.to_thread(sink.wait_for_hit, rule)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, TurnedLoop)
        loop.turn(900)  # longer than data_timeout: that much time does pass on a bad line
        await asyncio.sleep(0)
        rule.release()
        return [await under_way]

    server = server_of(sink, timeout=1_500, data_timeout=600)
    with hanging(sink, At.BODY) as rule, asyncio.Runner(loop_factory=TurnedLoop) as runner:
        (outcome,) = runner.run(session_of(server, act))
    assert outcome == Answer(Stage.DATA, 250, "2.0.0 accepted")
    assert sink.received[0].data == LARGE


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_large_mail_arrives_byte_for_byte_through_tls(certificate: Certificate, security: Security) -> None:
    with Sink(security=security, certificate=certificate) as sink:

        async def act(session: Session) -> list[Outcome]:
            return [await carry(session, RINA, LARGE), await carry(session, BUDI)]

        server = server_of(
            sink, security=security.value, ca_file=str(certificate.cert), timeout=60, data_timeout=60
        )
        assert within(server, act) == [Answer(Stage.DATA, 250, "2.0.0 accepted")] * 2
        assert [mail.data for mail in sink.received] == [LARGE, RAW]


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_connection_that_is_given_up_is_gone_at_once_and_waits_for_no_goodbye(
    certificate: Certificate, security: Security
) -> None:
    """Else TLS holds it for half a minute, and as many of them as there are attempts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()  # what other tests left behind
    with (
        Sink(security=security, certificate=certificate) as sink,
        warnings.catch_warnings(record=True) as told,
    ):
        warnings.simplefilter("always")
        server = server_of(sink, security=security.value, ca_file=str(certificate.cert))
        (lost,), _ = left_hanging(sink, At.MAIL, server, to_each(RINA))
        gc.collect()
    assert lost == Lost(Stage.MAIL, "SMTPReadTimeoutError: Timed out waiting for server response")
    assert [str(one.message) for one in told] == []


def test_a_server_that_drips_cannot_hold_a_mail_longer_than_the_claim_on_it_lasts(sink: Sink) -> None:
    server = server_of(sink, timeout=10_000, data_timeout=10_000)
    (lost,), _ = left_hanging(sink, At.BODY, server, to_each(RINA))
    assert lost == Lost(
        Stage.DATA, f"SMTPTimeoutError: the whole mail took more than {MOST_DATA_SECONDS:g} s"
    )


def test_the_claim_on_a_mail_outlasts_it() -> None:
    assert timedelta(seconds=MOST_DATA_SECONDS) < LEASE


def test_an_address_of_the_server_that_does_not_answer_is_given_up_soon(sink: Sink) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [
            socket.socket() for _ in range(4)
        ]  # nobody accepts: the queue is full, and the next one waits
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        server = server_of(sink, port=port, timeout=10_000, data_timeout=10_000)
        with (
            asyncio.Runner(loop_factory=TurnedLoop) as runner,
            pytest.raises(TemporaryError, match=r"connecting to 127\.0\.0\.1 took more than 30 s"),
        ):
            runner.run(as_time_flies(session_of(server, to_each(RINA))))
        for one in waiting:
            one.close()


# --- servers out of step ----------------------------------------------------------------------------------


def test_a_refused_reset_fails_no_mail(sink: Sink) -> None:
    sink.rule(At.RCPT, code=550, times=1)
    sink.rule(At.RSET, code=502)
    refused, lost = carried(sink, RINA, BUDI)
    assert isinstance(refused, Answer)
    assert lost == Lost(Stage.MAIL, "SMTPServerDisconnected: RSET: 502 5.0.0 as the test wants it")


@dataclass(frozen=True, slots=True)
class Hand:
    """What a server by hand says."""

    ehlo: bytes = b"250 hand.test\r\n"
    data: bytes = b"354 go on\r\n"
    middle: bytes = b""
    """As soon as it has the first bytes of a mail; then it only listens."""
    dot: bytes = b"250 ok\r\n"

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hand.test\r\n")
        while line := await reader.readline():
            match line[:4].upper():
                case b"EHLO":
                    writer.write(self.ehlo)
                case b"DATA":
                    writer.write(self.data)
                    await self._read_mail(reader, writer)
                case _:
                    writer.write(b"250 ok\r\n")

    async def _read_mail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.middle:
            await reader.read(1)
            writer.write(self.middle)
            while await reader.read(65_536):
                pass
        elif self.data.startswith(b"354"):
            await reader.readuntil(b"\r\n.\r\n")
            writer.write(self.dot)


def by_hand(hand: Hand, raw: bytes = RAW) -> tuple[Outcome, bool]:
    """What becomes of a mail, and whether its connection may carry another one."""

    async def whole() -> tuple[Outcome, bool]:
        ended = asyncio.Event()

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                await hand.converse(reader, writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            ended.set()

        async with await asyncio.start_server(converse, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            server = Server("127.0.0.1", port, "none", "", "", "desk.test", "desk@desk.test", 60, 60)
            async with Session(server) as session:
                outcome, usable = await carry(session, raw=raw), session.usable
            await ended.wait()
            return outcome, usable

    return asyncio.run(whole())


def test_a_server_that_hangs_up_when_it_has_let_us_in_is_trouble_of_the_way() -> None:
    """Else it would be called again and again without a pause, and nobody would hear of it."""

    async def whole() -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 hand.test\r\n")
            await reader.readline()
            writer.write(b"250 hand.test\r\n")
            writer.close()

        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            server = Server("127.0.0.1", port, "none", "", "", "desk.test", "desk@desk.test", 5, 5)
            with pytest.raises(TemporaryError, match="hung up"):
                async with Session(server):
                    pass

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("line", "fits"),
    [(b"SIZE 0", True), (b"SIZE", True), (b"SIZE x", True), (b"SIZE 99999", True), (b"SIZE 9", False)],
)
def test_only_a_limit_that_the_server_names_is_one(line: bytes, *, fits: bool) -> None:
    """RFC 1870, section 4."""
    outcome, _ = by_hand(Hand(ehlo=b"250-hand.test\r\n250 " + line + b"\r\n"))
    assert isinstance(outcome, Answer)
    assert outcome.code == (250 if fits else 552)


@pytest.mark.parametrize(
    ("hand", "code", "usable"),
    [
        (Hand(dot=b"299 fine\r\n"), 299, True),
        (Hand(dot=b"354 go on\r\n"), 0, False),
        (Hand(dot=b"rubbish\r\n"), 0, False),
        (Hand(dot=b"421 leaving\r\n"), 421, False),
        (Hand(data=b"250 ok\r\n"), 0, False),
        (Hand(data=b"rubbish\r\n"), 0, False),
        (Hand(data=b"451 later\r\n"), 451, True),
    ],
)
def test_only_a_2yz_after_the_final_dot_says_that_the_mail_was_taken(
    hand: Hand, code: int, *, usable: bool
) -> None:
    outcome, still = by_hand(hand)
    assert isinstance(outcome, Answer)
    assert (outcome.stage, outcome.code, still) == (Stage.DATA, code, usable)


@pytest.mark.parametrize(("said", "code"), [(b"552 5.3.4 enough\r\n", 552), (b"250 thanks\r\n", 0)])
def test_a_server_that_answers_in_the_middle_of_a_mail_is_heard_and_believed_a_refusal_only(
    said: bytes, code: int
) -> None:
    outcome, usable = by_hand(Hand(middle=said), LARGE)
    assert isinstance(outcome, Answer)
    assert (outcome.stage, outcome.code, usable) == (Stage.DATA, code, False)
