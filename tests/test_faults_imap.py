"""Whatever an IMAP server does at whatever command: is every mail accounted for, and the next one served?"""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from evidence import open_mailbox, rows
from faulty_city import FaultyCity, clear_lines, faulty_city, troubles
from imapclient import IMAPClient
from servers import private
from servers.dovecot import Dovecot
from servers.proxy import (
    GREETING,
    Answer,
    Change,
    Cut,
    CutInLiteral,
    Deed,
    Drip,
    Meanwhile,
    Proxy,
    Silence,
    Speaks,
    bad,
    injected,
    no,
    without,
)

from mailgate import gateway
from mailgate.intake import imap
from mailgate.service import EX_TEMPFAIL

SESSION = (
    GREETING,
    "CAPABILITY",
    "LOGIN",
    "ID",
    "NAMESPACE",
    "LIST processed",
    "CREATE processed",
    "SUBSCRIBE processed",
    "LIST set aside",
    "CREATE set aside",
    "SUBSCRIBE set aside",
    "SELECT",
    "UID SEARCH",
    "UID FETCH sizes",
    "UID FETCH bodies",
    "UID MOVE",
    "UID SEARCH again",
    "LOGOUT",
)
"""What mailgate asks when two mails wait and no folder of ours is there."""
GARBAGE = Answer(("* omong kosong (((", "* 4 FETCH (UID", "omong kosong"))
EVERYWHERE: dict[str, Deed] = {
    "cut before": Cut(),
    "cut after": Cut(after=True),
    "no": no(),
    "bad": bad(),
}
DECISIVE = ("LOGIN", "SELECT", "UID SEARCH", "UID FETCH bodies", "UID MOVE")
THERE: dict[str, Deed] = {
    "bye": Answer(("* BYE shutting down", "OK done"), hang_up=True),
    "bye alone": Change(lambda _: b"* BYE shutting down\r\n"),
    "garbage": GARBAGE,
    "lying ok": Answer(("OK done",)),
    "silence": Silence(),
    "silence after": Silence(after=True),
}
PATIENCE = (0.3, 3, 30)
"""Seconds until silence is noticed. A busy machine may be silent so long before the fault: then once more."""
STRUCK = [(at, how) for at in SESSION for how in EVERYWHERE if "set aside" not in at or "cut" in how]
STRUCK += [(at, how) for at in DECISIVE for how in THERE]
STRUCK += [(GREETING, "silence"), (GREETING, "garbage"), (GREETING, "bye")]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot) -> Iterator[FaultyCity]:
    with faulty_city(tmp_path_factory.mktemp("faults"), dovecot) as made:
        yield made


@pytest.fixture
def desk(stage: FaultyCity, caplog: pytest.LogCaptureFixture) -> Iterator[FaultyCity]:
    _two_wait(stage)
    with clear_lines(caplog):
        yield stage


def _two_wait(stage: FaultyCity) -> None:
    stage.empty()
    stage.post("Rina", "Budi")


def test_every_command_of_a_session_is_one_that_the_faults_below_strike(desk: FaultyCity) -> None:
    assert desk.run() == 0
    asked = desk.imap.commands
    assert len(asked) == len(SESSION), asked
    for command, known in zip(asked, SESSION, strict=True):
        verb = known.split()[:2] if known.startswith("UID") else known.split()[:1]
        assert command.split()[: len(verb)] == verb
    desk.settle()
    desk.assert_accounted()


@pytest.mark.parametrize(("at", "how"), STRUCK)
def test_whatever_happens_at_a_command_no_mail_is_lost_or_answered_twice(
    desk: FaultyCity, at: str, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for seconds in PATIENCE if "silence" in how else PATIENCE[-1:]:
        monkeypatch.setattr(imap, "CONNECT_SECONDS", seconds)
        monkeypatch.setattr(imap, "READ_SECONDS", seconds)
        fault = desk.imap.on(SESSION.index(at), (EVERYWHERE | THERE)[how])
        status = desk.run()
        if fault.hits:
            break
        caplog.clear()
        _two_wait(desk)
    monkeypatch.undo()
    assert fault.hits == 1
    assert status == (EX_TEMPFAIL if "mailbox kominfo: " in troubles(caplog) else 0)
    desk.settle()
    desk.assert_accounted()


# --- a folder that takes nothing --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "refusal"),
    [
        ("MOVE", "[OVERQUOTA] Quota exceeded"),
        ("COPY", "[OVERQUOTA] Quota exceeded"),
        ("MOVE", "[NOPERM] Permission denied"),
    ],
)
def test_a_folder_that_takes_no_mail_keeps_nobody_from_an_answer(
    desk: FaultyCity, refusal: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The quota of the mailbox is used up: mail stays in the INBOX, and everybody is answered, once."""
    if how == "COPY":
        desk.imap.on("LOGIN", without("MOVE"), times=None)
        desk.imap.on("CAPABILITY", without("MOVE"), times=None)
    refused = desk.imap.on(f"UID {how}", no(refusal), times=None)
    assert desk.run() == EX_TEMPFAIL
    desk.post("Sari")
    assert desk.run() == EX_TEMPFAIL
    assert refused.hits >= 2
    assert refusal in troubles(caplog)
    assert [len(desk.city.sent(author)) for author in desk.posted] == [1, 1, 1]
    assert desk.folders() == [sorted(desk.posted), [], []]
    desk.settle()
    desk.assert_accounted()


def test_an_inbox_that_may_only_be_read_is_told_and_nothing_happens_twice(
    desk: FaultyCity, caplog: pytest.LogCaptureFixture
) -> None:
    desk.imap.on("SELECT", Change(lambda piece: piece.replace(b"READ-WRITE", b"READ-ONLY")), times=None)
    for _ in range(2):
        assert desk.run() == EX_TEMPFAIL
        assert desk.city.sent() == []
    assert "INBOX" in troubles(caplog)
    desk.settle()
    desk.assert_accounted()


# --- other clients ----------------------------------------------------------------------------------------


def _by_another_client(desk: FaultyCity, act: Callable[[IMAPClient], object]) -> Meanwhile:
    def meanwhile() -> None:
        with desk.city.dovecot.session(desk.user) as client:
            client.select_folder("INBOX")
            act(client)

    return Meanwhile(meanwhile)


def _expunges_the_first(client: IMAPClient) -> None:
    client.delete_messages(client.search("ALL")[:1])
    client.expunge()


@pytest.mark.parametrize("at", ["UID FETCH sizes", "UID FETCH bodies"])
def test_a_mail_that_somebody_deletes_before_we_have_it_costs_no_other(desk: FaultyCity, at: str) -> None:
    desk.imap.on(SESSION.index(at), _by_another_client(desk, _expunges_the_first))
    assert desk.run() == 0
    del desk.posted[0]
    desk.settle()
    desk.assert_accounted()


def test_a_mail_that_somebody_deletes_before_it_is_moved_was_answered_and_costs_no_other(
    desk: FaultyCity,
) -> None:
    desk.imap.on("UID MOVE", _by_another_client(desk, _expunges_the_first))
    assert desk.run() == 0
    desk.settle()
    rina, *others = sorted(desk.posted, key=lambda author: "Rina" not in author)
    assert desk.folders() == [[], sorted(others), []]
    assert [len(desk.city.sent(author)) for author in (rina, *others)] == [1, 1, 1]


@pytest.mark.parametrize("line", ["* 1 EXPUNGE", "* 7 EXISTS", "* OK [ALERT] awas"])
@pytest.mark.parametrize("at", ["UID SEARCH", "UID FETCH bodies", "UID MOVE"])
def test_what_a_server_says_besides_changes_no_effect(desk: FaultyCity, at: str, line: str) -> None:
    """Sequence numbers would now name other mails; UIDs do not."""
    desk.imap.on(SESSION.index(at), injected(line))
    assert desk.run() == 0
    desk.settle()
    desk.assert_accounted()


@pytest.mark.parametrize("folder", ["Mailgate/Diproses", "Mailgate/Disisihkan"])
@pytest.mark.parametrize("at", ["UID SEARCH", "UID MOVE"])
def test_a_folder_that_somebody_deletes_meanwhile_is_made_again(
    desk: FaultyCity, at: str, folder: str
) -> None:
    desk.imap.on(SESSION.index(at), _by_another_client(desk, lambda client: client.delete_folder(folder)))
    assert desk.run() == 0
    desk.settle()
    desk.assert_accounted()


@pytest.mark.parametrize("renumber", [True, False])
@pytest.mark.parametrize("at", ["UID SEARCH", "UID FETCH sizes", "UID FETCH bodies", "UID MOVE"])
def test_a_mailbox_that_is_rebuilt_while_we_work_has_every_effect_once(
    desk: FaultyCity, at: str, renumber: bool
) -> None:
    def rebuilt() -> None:
        desk.city.dovecot.bump_uidvalidity(desk.user, renumber=renumber)

    desk.imap.on(SESSION.index(at), Meanwhile(rebuilt))
    assert desk.run() in {0, EX_TEMPFAIL}
    desk.settle()
    # Those that were decided under other UIDs come once more, as what they are: the same mails.
    assert desk.folders() == [[], sorted(desk.posted), []]
    assert [len(desk.city.sent(author)) for author in desk.posted] == [1, 1, 1]
    assert len(rows(desk.city, "SELECT number FROM ticket")) == 3


# --- servers that lie -------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["ID", "NAMESPACE", "UID MOVE", "SUBSCRIBE"])
def test_a_server_that_does_not_know_what_it_offers_is_served_all_the_same(
    desk: FaultyCity, word: str
) -> None:
    refused = desk.imap.on(word, bad("Unknown command"), times=None)
    assert desk.run() == 0
    assert refused.hits
    desk.post("Sari")
    assert desk.run() == 0
    desk.settle()
    desk.assert_accounted()


def test_a_server_that_does_not_know_its_idle_is_asked_again_and_again(desk: FaultyCity) -> None:
    desk.imap.on("IDLE", bad("Unknown command"), times=None)
    wake, ring = socket.socketpair()
    with wake, ring, open_mailbox(desk.city) as mailbox:
        ring.send(b"x")  # who rings is not waited for
        mailbox.wait(30, wake)
        mailbox.wait(30, wake)
        assert len(mailbox.uids(1, None)) == 2
    assert sum(command == "IDLE" for command in desk.imap.commands) == 1


@pytest.mark.parametrize(
    "piece",
    [
        b"* 1 FETCH (UID 4711 BODY[] {3}\r\nabc)\r\n",
        b"* 1 FETCH (FLAGS (\\Seen))\r\n",
        b"* 1 FETCH (UID 1 BODY[] NIL)\r\n",
        b"",
    ],
    ids=["other uid", "no body", "nil", "nothing"],
)
def test_a_mail_that_the_server_does_not_give_is_not_forgotten(desk: FaultyCity, piece: bytes) -> None:
    asked = SESSION.index("UID FETCH bodies")
    lies = desk.imap.on(asked, Change(lambda told: piece if told.startswith(b"* ") else told))
    assert desk.run() == 0
    assert lies.hits == 1
    desk.settle()
    desk.assert_accounted()


def test_a_mail_that_comes_octet_by_octet_is_taken_whole(desk: FaultyCity) -> None:
    desk.imap.on(SESSION.index("UID FETCH bodies"), Drip())
    assert desk.run() == 0
    desk.settle()
    desk.assert_accounted()


def test_a_mail_that_is_cut_in_the_middle_is_taken_whole(desk: FaultyCity) -> None:
    desk.imap.on(SESSION.index("UID FETCH bodies"), CutInLiteral())
    assert desk.run() == EX_TEMPFAIL
    assert desk.city.sent() == []
    desk.settle()
    desk.assert_accounted()


def test_a_certificate_that_has_expired_gets_no_password(
    desk: FaultyCity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made, known = private.make_expired_certificate(tmp_path), gateway.account
    with (
        Proxy(desk.city.dovecot.port, Speaks.IMAP, made) as old,
        monkeypatch.context() as elsewhere,
    ):
        facts = {"port": old.port, "security": "tls", "ca_file": str(made.cert)}
        elsewhere.setattr(
            gateway,
            "account",
            lambda *given: replace(known(*given), **facts),
        )
        assert desk.run() == EX_TEMPFAIL
        assert old.commands == []
    assert "certificate has expired" in troubles(caplog)
    desk.settle()
    desk.assert_accounted()
