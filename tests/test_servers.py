"""Do the servers that the tests rely on do what the tests believe?"""

import smtplib
import ssl
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from imapclient import IMAPClient
from servers.dovecot import PASSWORD, Dovecot
from servers.postfix import Postfix
from servers.postgres import Postgres
from servers.private import Certificate, MissingServerError
from servers.required import SWITCH, skipped_when_missing
from servers.sink import Sink, SinkProcess

ASK = b"From: budi@example.test\r\nSubject: Jaringan mati\r\n\r\nMohon bantuan.\r\n"
BUDI = "budi@example.test"


def talk(sink: Sink | Postfix | SinkProcess) -> smtplib.SMTP:
    return smtplib.SMTP(sink.host, sink.port, local_hostname="mailgate.test", timeout=60)


def send(
    server: Sink | Postfix | SinkProcess, to: str = BUDI, raw: bytes = ASK, author: str = "desk@desk.test"
) -> None:
    with talk(server) as client:
        client.sendmail(author, [to], raw)


def in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


# The switch


def test_a_developer_without_a_server_sees_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install"), skipped_when_missing():
        raise MissingServerError("Dovecot is not installed: apt-get install dovecot-imapd dovecot-lmtpd")


def test_continuous_integration_cannot_pass_by_skipping_a_missing_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SWITCH, "1")
    with pytest.raises(pytest.fail.Exception, match="not installed"), skipped_when_missing():
        raise MissingServerError("Postfix is not installed: apt-get install postfix")


# Dovecot


def test_a_mail_put_into_a_mailbox_is_read_back_byte_for_byte(dovecot: Dovecot, mailbox_user: str) -> None:
    moment = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
    assert dovecot.append(mailbox_user, ASK, when=moment) == 1
    assert dovecot.append(mailbox_user, ASK + b"lagi\r\n") == 2
    assert dovecot.messages(mailbox_user) == [ASK, ASK + b"lagi\r\n"]
    with dovecot.session(mailbox_user) as client:
        client.normalise_times = False
        client.select_folder("INBOX", readonly=True)
        found = client.fetch([1], ["INTERNALDATE", "FLAGS"])[1]
    assert found[b"INTERNALDATE"] == moment
    assert b"\\Seen" not in found[b"FLAGS"]


def test_no_test_sees_the_mail_of_another(dovecot: Dovecot, mailbox_user: str) -> None:
    dovecot.append(mailbox_user, ASK)
    assert dovecot.messages(dovecot.new_user()) == []


def test_folders_below_folders_are_made_and_named(dovecot: Dovecot, mailbox_user: str) -> None:
    dovecot.append_all(mailbox_user, [ASK, ASK], "Mailgate/Diproses")
    assert len(dovecot.messages(mailbox_user, "Mailgate/Diproses")) == 2
    assert dovecot.folders(mailbox_user) == ["INBOX", "Junk", "Mailgate", "Mailgate/Diproses", "Sent"]
    assert dovecot.messages(mailbox_user, "Mailgate/Disisihkan") == []


@pytest.mark.parametrize("folder", ["INBOX", "Mailgate/Surat élan"])
@pytest.mark.parametrize("renumber", [True, False])
def test_a_changed_uidvalidity_is_a_real_one(
    dovecot: Dovecot, mailbox_user: str, folder: str, renumber: bool
) -> None:
    for _ in range(3):
        dovecot.append(mailbox_user, ASK, folder)
    with dovecot.session(mailbox_user) as client:
        before = client.select_folder(folder)[b"UIDVALIDITY"]
        client.delete_messages([1])
        client.expunge([1])
    after = dovecot.bump_uidvalidity(mailbox_user, folder, renumber=renumber)
    assert after > before
    with dovecot.session(mailbox_user) as client:
        assert client.select_folder(folder)[b"UIDVALIDITY"] == after
        assert client.search("ALL") == ([1, 2] if renumber else [2, 3])
    assert len(dovecot.messages(mailbox_user, folder)) == 2


def test_the_wire_can_be_protected_from_the_start_or_later(dovecot: Dovecot, mailbox_user: str) -> None:
    trusting = ssl.create_default_context(cafile=str(dovecot.cert))
    with IMAPClient(dovecot.host, dovecot.tls_port, ssl_context=trusting, timeout=60) as client:
        client.login(mailbox_user, PASSWORD)
    with IMAPClient("localhost", dovecot.port, ssl=False, timeout=60) as client:
        client.starttls(trusting)
        client.login(mailbox_user, PASSWORD)


def test_a_wrong_password_is_refused(dovecot: Dovecot, mailbox_user: str) -> None:
    with (
        pytest.raises(IMAPClient.Error, match="AUTHENTICATIONFAILED"),
        IMAPClient(dovecot.host, dovecot.port, ssl=False, timeout=60) as client,
    ):
        client.login(mailbox_user, "salah")


def test_mail_outlives_a_restart_of_its_server() -> None:
    with skipped_when_missing(), Dovecot({"ana@desk.test": "sandi sendiri"}) as server:
        server.append("ana@desk.test", ASK)
        port = server.port
        server.restart()
        assert server.port == port
        assert server.messages("ana@desk.test") == [ASK]
        server.stop()
        with pytest.raises(OSError, match="refused"):
            server.messages("ana@desk.test")


# The sink


def test_the_sink_records_what_was_sent_as_it_was_sent(sink: Sink) -> None:
    raw = b"Subject: titik\r\n\r\n.satu\r\n..dua\r\n.\r\nbukan akhir\r\n"
    with talk(sink) as client:
        client.sendmail("", [BUDI, "ana@example.test"], raw)
    (mail,) = sink.received
    assert (mail.mail_from, mail.rcpt_to) == ("", (BUDI, "ana@example.test"))
    assert mail.data == raw
    assert mail.at.tzinfo is UTC


def test_a_bare_line_feed_smuggles_no_second_mail(sink: Sink) -> None:
    with talk(sink) as client:
        client.ehlo()
        for command in ("MAIL FROM:<a@x.test>", "RCPT TO:<b@x.test>", "DATA"):
            client.docmd(command)
        client.send(b"halo\n.\nMAIL FROM:<evil@x.test>\r\n.\r\n")
        assert client.getreply()[0] == 250
    assert [mail.data for mail in sink.received] == [b"halo\n.\nMAIL FROM:<evil@x.test>\r\n"]


def test_a_mail_beyond_the_declared_size_is_refused() -> None:
    with Sink(size=100) as sink:
        with talk(sink) as client:
            client.ehlo()
            assert client.esmtp_features["size"] == "100"
            assert client.docmd("MAIL", "FROM:<a@x.test> SIZE=101")[0] == 552
            client.docmd("MAIL", "FROM:<a@x.test>")
            client.docmd("RCPT", "TO:<b@x.test>")
            assert client.data(b"x" * 101)[0] == 552
        assert sink.received == []


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "dot"])
def test_a_refused_mail_is_not_recorded_and_the_next_one_is(sink: Sink, stage: str) -> None:
    rule = sink.rule(stage, code=451, times=1)
    with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused), match="451"):
        send(sink)
    send(sink)
    assert (rule.hits, len(sink.received)) == (1, 1)


@pytest.mark.parametrize(
    ("stage", "code"), [("connect", 421), ("connect", 554), ("helo", 421), ("rcpt", 421)]
)
def test_a_server_that_closes_says_so_and_goes(sink: Sink, stage: str, code: int) -> None:
    sink.rule(stage, code=code, times=1)
    with pytest.raises((smtplib.SMTPException, OSError)):
        send(sink)
    send(sink)
    assert len(sink.received) == 1


def test_a_rule_for_one_recipient_spares_the_others(sink: Sink) -> None:
    sink.rule("rcpt", recipient="Penuh@x.test", code=452, text="4.2.2 mailbox full", times=2)
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="mailbox full"):
            send(sink, "penuh@x.test")
    send(sink, BUDI)
    send(sink, "penuh@x.test")
    assert [mail.rcpt_to for mail in sink.received] == [(BUDI,), ("penuh@x.test",)]


@pytest.mark.parametrize(
    ("stage", "recorded", "kept"),
    [("body", False, 0), ("dot", False, 0), ("dot", True, 1), ("rcpt", False, 0)],
)
def test_a_lost_connection_leaves_the_client_in_doubt_and_the_test_not(
    sink: Sink, stage: str, recorded: bool, kept: int
) -> None:
    sink.rule(stage, drop=True, recorded=recorded, times=1)
    # A reset while smtplib still writes is an OSError.
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        send(sink)
    assert len(sink.received) == kept


@pytest.mark.parametrize("stage", ["connect", "helo", "mail", "rcpt", "data", "body", "dot"])
def test_a_server_that_hangs_goes_on_when_it_is_released(sink: Sink, stage: str) -> None:
    rule = sink.rule(stage, hang=True, times=1)
    client = in_background(lambda: send(sink))
    sink.wait_for_hit(rule)
    assert client.is_alive()
    assert sink.received == []
    rule.release()
    client.join()
    assert len(sink.received) == 1


def test_a_mail_can_be_accepted_before_its_answer_hangs(sink: Sink) -> None:
    rule = sink.rule("dot", hang=True, recorded=True, times=1)
    client = in_background(lambda: send(sink))
    sink.wait_for_hit(rule)
    sink.wait_for(1)
    rule.release()
    client.join()
    assert len(sink.received) == 1


def test_waiting_ends_with_the_awaited_mail_or_with_what_came_instead(sink: Sink) -> None:
    client = in_background(lambda: send(sink))
    assert sink.wait_for(lambda mails: any(BUDI in mail.rcpt_to for mail in mails))[0].data == ASK
    client.join()
    with pytest.raises(TimeoutError, match=BUDI):
        sink.wait_for(2, timeout=0)


def test_a_server_that_is_down_and_comes_back_keeps_its_port(sink: Sink) -> None:
    sink.stop()
    with pytest.raises(ConnectionRefusedError):
        send(sink)
    sink.start()
    send(sink)
    assert len(sink.received) == 1


def test_stopping_frees_a_client_that_hangs(sink: Sink) -> None:
    rule = sink.rule("dot", hang=True)
    lost = threading.Event()

    def lose() -> None:
        with pytest.raises((smtplib.SMTPException, OSError)):
            send(sink)
        lost.set()

    client = in_background(lose)
    sink.wait_for_hit(rule)
    sink.stop()
    client.join()
    assert lost.is_set()


def test_a_login_is_demanded_and_never_offered_in_the_clear(certificate: Certificate) -> None:
    with Sink(security="starttls", certificate=certificate, users={"desk": "sandi"}) as sink:
        with talk(sink) as client:
            client.ehlo()
            assert "auth" not in client.esmtp_features
            client.starttls(context=ssl.create_default_context(cafile=str(certificate.cert)))
            with pytest.raises(smtplib.SMTPSenderRefused, match="530"):
                client.sendmail("a@x.test", [BUDI], ASK)
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("desk", "salah")
            client.login("desk", "sandi")
            client.sendmail("a@x.test", [BUDI], ASK)
        (mail,) = sink.received
        assert (mail.user, mail.tls) == ("desk", True)


def test_tls_from_the_first_byte_is_refused_by_whoever_does_not_trust_it(certificate: Certificate) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate.cert))
    with Sink(security="tls", certificate=certificate) as sink:
        with pytest.raises(ssl.SSLCertVerificationError):
            smtplib.SMTP_SSL(sink.host, sink.port, context=ssl.create_default_context(), timeout=60)
        with smtplib.SMTP_SSL(sink.host, sink.port, context=trusting, timeout=60) as client:
            client.sendmail("a@x.test", [BUDI], ASK)
        assert sink.received[0].tls


@pytest.mark.parametrize(
    "wrong",
    [
        {"stage": "rcpt"},
        {"stage": "dot", "drop": True, "code": 451},
        {"stage": "body", "code": 451},
        {"stage": "rcpt", "code": 450, "recorded": True},
        {"stage": "mail", "code": 450, "recipient": BUDI},
        {"stage": "lunch", "code": 450},
    ],
)
def test_a_rule_that_could_never_bite_is_refused(sink: Sink, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        sink.rule(**wrong)  # type: ignore[arg-type]  # a table's values


def test_a_killed_sink_loses_no_mail_that_it_accepted(tmp_path: Path) -> None:
    with SinkProcess(tmp_path) as first:
        send(first)
        first.kill()
    with (tmp_path / "mails").open("ab") as mails:
        mails.write(b'{"half": ')
    with SinkProcess(tmp_path) as second:
        send(second, "ana@example.test", b"Subject: \xff\r\n\r\n\n")
        kept = second.received()
    assert [mail.rcpt_to for mail in kept] == [(BUDI,), ("ana@example.test",)]
    assert kept[0].data == ASK


# Postfix


def test_a_real_server_sorts_mail_between_the_desk_and_the_world(
    postfix: Postfix, world: Sink, dovecot: Dovecot, mailbox_user: str
) -> None:
    send(postfix, mailbox_user)
    send(postfix, BUDI)
    (delivered,) = dovecot.wait_for(mailbox_user, 1)
    assert delivered.endswith(ASK)
    assert world.wait_for(1)[0].rcpt_to == (BUDI,)


def test_mail_that_the_world_refuses_comes_back_as_a_real_dsn(
    postfix: Postfix, world: Sink, dovecot: Dovecot, mailbox_user: str
) -> None:
    world.rule("rcpt", recipient="hilang@example.test", code=550, text="5.1.1 no such user")
    send(postfix, "hilang@example.test", author=mailbox_user)
    bounce = message_from_bytes(dovecot.wait_for(mailbox_user, 1)[0])
    assert bounce.get_content_type() == "multipart/report"
    assert b"Status: 5.1.1" in bounce.as_bytes()
    assert bounce["Return-Path"] == "<>"


def test_a_deferred_mail_is_tried_again(postfix: Postfix, world: Sink) -> None:
    deferral = world.rule("rcpt", recipient=BUDI, code=450, times=1)
    send(postfix)
    world.wait_for_hit(deferral)
    postfix.flush()
    assert len(world.wait_for(1)) == 1


# The databases


def test_every_test_begins_with_an_empty_database(database_url: str) -> None:
    engine = sqlalchemy.create_engine(database_url)
    assert sqlalchemy.inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE ticket (number TEXT)"))
    assert sqlalchemy.inspect(engine).get_table_names() == ["ticket"]
    engine.dispose()


def test_a_prepared_database_is_copied_and_not_shared(postgres: Postgres) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(psycopg.connect(_plain(postgres.url("pola")), autocommit=True))
        first.execute("CREATE TABLE ticket (number TEXT)")
    with psycopg.connect(_plain(postgres.url("salinan", template="pola"))) as copy:
        assert copy.execute("SELECT count(*) FROM ticket").fetchone() == (0,)
    with psycopg.connect(_plain(postgres.url("salinan"))) as anew:
        assert anew.execute("SELECT to_regclass('ticket')").fetchone() == (None,)


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")
