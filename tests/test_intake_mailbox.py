"""Does the mailbox's edge keep its word, on a real server and on one that misbehaves?"""

import re
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from servers import private
from servers.dovecot import Dovecot
from servers.fake_imap import CAPABILITIES, FakeImap, Line
from servers.required import skipped_when_missing

from mailgate.errors import TemporaryError, UnforeseenError
from mailgate.intake import imap
from mailgate.intake.imap import Account, Mailbox, Refusal
from mailgate.service import BACK_OFF, Pause

RAW = b"From: rina@warga.example\r\nSubject: satu\r\n\r\nisi\r\n"
LONG = private.PATIENCE
"""Seconds: longer than any test; whoever waits for it has missed what should have woken it."""


def account(port: int, **changes: str) -> Account:
    facts = {
        "host": "127.0.0.1",
        "security": "none",
        "user": "desk",
        "password": "rahasia",
        "folder": "INBOX",
        "processed": "Mailgate/Diproses",
        "set_aside": "Mailgate/Disisihkan",
    } | changes
    return Account(port=port, **facts)


@contextmanager
def opened(server: FakeImap | Dovecot, **changes: str) -> Iterator[Mailbox]:
    mailbox = Mailbox(account(server.port, **changes))
    try:
        yield mailbox
    finally:
        mailbox.close()


@pytest.fixture
def fake() -> Iterator[FakeImap]:
    with FakeImap() as server:
        yield server


@pytest.fixture
def bell() -> Iterator[tuple[socket.socket, socket.socket]]:
    """(what wakes, what rings)."""
    wake, ring = socket.socketpair()
    with wake, ring:
        yield wake, ring


# --- nonsense ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("NAMESPACE", '* NAMESPACE (("" "/"))'),
        ("NAMESPACE", "* NAMESPACE 1 NIL NIL"),
        ("LIST", "* LIST NIL 7 NIL"),
        ("LIST", '* LIST () "/"'),
        ("SELECT", "* OK [UIDVALIDITY x] x"),
        ("UID FETCH", "* 1 FETCH (UID 1 BODY[] {99999999999999999999}"),
        ("UID FETCH", "* 1 FETCH UID"),
        ("UID FETCH", "* 1 FETCH (UID 1 X " + "(" * 3000),
        ("UID SEARCH", "* SEARCH satu dua"),
    ],
)
def test_a_server_that_talks_nonsense_is_tried_again_later(fake: FakeImap, command: str, said: str) -> None:
    """Anything else than a TemporaryError would look like a fault of ours, with a traceback each time."""

    def nonsense(line: Line, _: str) -> bool:
        line.say(said)
        line.done()
        return True

    fake.inbox.add(RAW)
    fake.on(command, nonsense)
    with suppress(TemporaryError), opened(fake) as mailbox:
        mailbox.bodies(mailbox.uids(1, None))


def test_an_engineer_finds_where_nonsense_or_a_fault_of_ours_came_up(
    fake: FakeImap, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(_: object, uids: object) -> None:
        raise TypeError("a fault of ours")

    monkeypatch.setattr(imap.IMAPClient, "search", fault)
    with opened(fake) as mailbox, pytest.raises(UnforeseenError, match="TypeError: a fault of ours") as found:
        mailbox.uids(1, None)
    assert found.value.__cause__ is not None
    assert [one.name for one in traceback.extract_tb(found.value.__cause__.__traceback__)][-2:] == [
        "uids",
        "fault",
    ]


def test_what_makes_no_sense_of_another_folder_is_told_once_and_stops_nothing(
    fake: FakeImap, caplog: pytest.LogCaptureFixture
) -> None:
    def nonsense(line: Line, _: str) -> bool:
        line.say("* STATUS Sent (UIDVALIDITY satu UIDNEXT dua)")
        line.done()
        return True

    fake.on("STATUS", nonsense, nonsense)
    with opened(fake) as mailbox:
        assert [isinstance(mailbox.told_of("Sent"), Refusal) for _ in range(2)] == [True, True]
        mailbox.uids(1, None)
    assert [one.getMessage() for one in caplog.records if one.exc_info] == [
        f"desk at 127.0.0.1:{fake.port}: Sent: an answer that makes no sense"
    ]


# --- moving, fetching -------------------------------------------------------------------------------------


def names(server: FakeImap, folder: str) -> list[bytes]:
    return [mail.raw for mail in server.folders[folder].mails]


def test_mail_is_moved_and_the_folders_are_made_when_missing(fake: FakeImap) -> None:
    first, second = fake.inbox.add(RAW + b"1"), fake.inbox.add(RAW + b"2")
    with opened(fake) as mailbox:
        mailbox.move([first], aside=False)
        mailbox.move([second], aside=True)
    assert names(fake, "Mailgate/Diproses") == [RAW + b"1"]
    assert names(fake, "Mailgate/Disisihkan") == [RAW + b"2"]
    assert names(fake, "INBOX") == []


def test_without_move_only_our_own_mail_is_expunged_by_its_uid() -> None:
    """A plain EXPUNGE would also take what a person marked in another program."""
    with FakeImap(["IMAP4rev1", "UIDPLUS"]) as fake:
        ours = fake.inbox.add(RAW + b"ours")
        fake.inbox.add(RAW + b"theirs", flags=["\\Deleted"])
        with opened(fake) as mailbox:
            mailbox.move([ours], aside=False)
        assert names(fake, "Mailgate/Diproses") == [RAW + b"ours"]
        assert names(fake, "INBOX") == [RAW + b"theirs"]
        assert fake.asked("UID EXPUNGE") == [f"UID EXPUNGE {ours}"]
        assert fake.asked("EXPUNGE") == []
        assert fake.asked("CLOSE") == []


def test_when_the_copy_fails_nothing_is_marked_or_expunged() -> None:
    with FakeImap(["IMAP4rev1", "UIDPLUS"]) as fake:
        ours = fake.inbox.add(RAW)
        fake.on("UID COPY", lambda line, _: line.done("NO [OVERQUOTA] full") or True)
        with opened(fake) as mailbox, pytest.raises(TemporaryError, match="OVERQUOTA"):
            mailbox.move([ours], aside=False)
        assert names(fake, "INBOX") == [RAW]
        assert fake.asked("UID STORE") == fake.asked("UID EXPUNGE") == []


def test_a_server_that_can_do_neither_is_named_and_loses_nothing() -> None:
    with FakeImap(["IMAP4rev1"]) as fake:
        ours = fake.inbox.add(RAW)
        with opened(fake) as mailbox, pytest.raises(TemporaryError, match="MOVE nor UIDPLUS"):
            mailbox.move([ours], aside=False)
        assert names(fake, "INBOX") == [RAW]
        assert fake.inbox.mails[0].flags == set()


def test_a_folder_that_vanished_is_made_again(fake: FakeImap) -> None:
    ours = fake.inbox.add(RAW)
    with opened(fake) as mailbox:
        del fake.folders["Mailgate/Diproses"]
        mailbox.move([ours], aside=False)
    assert names(fake, "Mailgate/Diproses") == [RAW]


def test_a_mail_that_a_person_moved_meanwhile_is_no_error(fake: FakeImap) -> None:
    gone, ours = fake.inbox.add(RAW + b"gone"), fake.inbox.add(RAW + b"ours")

    def somebody_was_quicker(line: Line, _: str) -> bool:
        del fake.inbox.mails[0]
        line.done("NO [EXPUNGEISSUED] Some of the requested messages no longer exist")
        return True

    fake.on("UID MOVE", somebody_was_quicker)
    with opened(fake) as mailbox:
        mailbox.move([gone, ours], aside=False)
    assert names(fake, "Mailgate/Diproses") == [RAW + b"ours"]


def test_folders_below_inbox_with_dots_are_found_by_their_own_names() -> None:
    with FakeImap(prefix="INBOX.", separator=".") as fake:
        ours = fake.inbox.add(RAW)
        with opened(fake) as mailbox:
            mailbox.move([ours], aside=True)
        assert names(fake, "INBOX.Mailgate.Disisihkan") == [RAW]


def test_a_fetch_leaves_no_mark_and_names_mails_by_uid_only(fake: FakeImap) -> None:
    fake.inbox.add(RAW)
    with opened(fake) as mailbox:
        uids = mailbox.uids(1, None)
        (listed,) = mailbox.listed(uids)
        assert mailbox.bodies(uids) == {1: RAW}
    assert (listed.uid, listed.size) == (1, len(RAW))
    assert listed.received_at == datetime(2026, 8, 3, 2, 0, tzinfo=UTC)
    fetches = [command for command in fake.commands if "FETCH" in command]
    assert all(command.startswith("UID FETCH ") for command in fetches)
    assert all("BODY.PEEK[" in command for command in fetches if "BODY" in command)
    assert fake.asked("FETCH") == fake.asked("STORE") == fake.asked("SEARCH") == fake.asked("UID STORE") == []


def test_the_first_octets_of_a_header_come_without_the_rest(fake: FakeImap) -> None:
    fake.inbox.add(b"Subject: " + b"x" * 500 + b"\r\n\r\n" + b"y" * 5000)
    with opened(fake) as mailbox:
        assert mailbox.header(1, 100) == (b"Subject: " + b"x" * 91)
        assert mailbox.header(99, 100) == b""
    assert not any("BODY.PEEK[]" in command for command in fake.commands)


def test_the_last_mail_is_not_taken_for_a_new_one(fake: FakeImap) -> None:
    """ "42:*" names the last message even when its UID is 3."""
    for _ in range(3):
        fake.inbox.add(RAW)
    with opened(fake) as mailbox:
        assert mailbox.uids(42, None) == []


def test_what_a_server_tells_of_other_mails_in_the_same_breath_is_not_mixed_in(fake: FakeImap) -> None:
    wanted = fake.inbox.add(RAW)
    other = fake.inbox.add(RAW + b"other")

    def chatty(line: Line, command: str) -> None:
        line.send(line.fetched(2, fake.inbox.mails[1], command))
        line.say(f"* 2 FETCH (UID {other} FLAGS (\\Seen))", "* 3 EXISTS", "* 1 RECENT")

    with opened(fake) as mailbox:
        fake.on("UID FETCH", chatty, chatty)
        assert [one.uid for one in mailbox.listed([wanted])] == [wanted]
        assert mailbox.bodies([wanted]) == {wanted: RAW}


def test_thousands_of_uids_are_asked_for_in_lines_that_servers_accept(fake: FakeImap) -> None:
    for _ in range(1200):
        fake.inbox.add(b"x")
    with opened(fake) as mailbox:
        assert len(mailbox.listed(range(1, 2400, 2))) == 600
        mailbox.move(list(range(2, 1201, 2)), aside=False)
    assert len(fake.inbox.mails) == 600
    assert max(map(len, fake.commands)) < 8000


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 1 RFC822.SIZE x INTERNALDATE",
        b"* 1 FETCH (UID 1 RFC822.SIZE (9))",
        b"* 1 FETCH ((((",
        b"* \xff\xfe FETCH (UID 1)",
        b"omong kosong",
    ],
)
def test_an_answer_that_is_no_answer_is_trouble_of_the_server_and_not_a_crash(
    fake: FakeImap, answer: bytes
) -> None:
    fake.inbox.add(RAW)

    def rubbish(line: Line, _: str) -> bool:
        line.send(answer + b"\r\n")
        line.done()
        return True

    fake.on("UID FETCH", rubbish, rubbish)
    with opened(fake) as mailbox, suppress(TemporaryError):
        assert mailbox.listed([1]) == []


def test_words_where_uids_must_be_are_trouble_of_the_server_and_not_a_crash(fake: FakeImap) -> None:
    def rubbish(line: Line, _: str) -> bool:
        line.say("* SEARCH satu dua")
        line.done()
        return True

    fake.on("UID SEARCH", rubbish)
    with opened(fake) as mailbox, pytest.raises(TemporaryError, match="search"):
        mailbox.uids(1, None)


def test_a_mail_whose_moment_of_arrival_cannot_be_read_is_taken_as_arriving_now(fake: FakeImap) -> None:
    def yesterday(line: Line, _: str) -> bool:
        line.say('* 1 FETCH (UID 1 RFC822.SIZE 9 INTERNALDATE "kemarin")')
        line.done()
        return True

    fake.inbox.add(RAW)
    fake.on("UID FETCH", yesterday)
    before = datetime.now(UTC)
    with opened(fake) as mailbox:
        (listed,) = mailbox.listed([1])
    assert listed.received_at >= before


def test_a_server_without_uidvalidity_is_refused(fake: FakeImap) -> None:
    def select(line: Line, _: str) -> bool:
        line.say("* 0 EXISTS")
        line.done()
        return True

    fake.on("SELECT", select)
    with pytest.raises(TemporaryError, match="UIDVALIDITY"):
        Mailbox(account(fake.port))


def test_a_change_of_uidvalidity_is_seen_at_the_next_select(fake: FakeImap) -> None:
    with opened(fake) as mailbox:
        assert mailbox.folder.uidvalidity == 1
        fake.inbox.uidvalidity = 9
        assert mailbox.select().uidvalidity == mailbox.folder.uidvalidity == 9


def test_a_wrong_password_names_the_user_and_not_the_password(fake: FakeImap) -> None:
    fake.on("LOGIN", lambda line, _: line.done("NO [AUTHENTICATIONFAILED] no") or True)
    with pytest.raises(TemporaryError, match=r"desk at 127\.0\.0\.1") as caught:
        Mailbox(account(fake.port, password="kata-sandi"))
    assert "kata-sandi" not in str(caught.value)


def test_what_breaks_while_connecting_leaves_no_connection_open(fake: FakeImap) -> None:
    fake.on("SELECT", lambda line, _: line.done("NO no such folder") or True)
    with pytest.raises(TemporaryError, match="INBOX"):
        Mailbox(account(fake.port))


def test_after_trouble_a_mailbox_is_of_no_more_use(fake: FakeImap) -> None:
    silence = threading.Event()
    fake.on("UID SEARCH", lambda line, _: silence.wait(LONG) or True)
    with opened(fake) as mailbox:
        mailbox._client.socket().settimeout(0.2)  # only now: a busy machine may take longer for a login
        with pytest.raises(TemporaryError, match="search"):
            mailbox.uids(1, None)
        with pytest.raises(TemporaryError):
            mailbox.uids(1, None)
        silence.set()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("word", ["LOGIN", "UID SEARCH"])
def test_a_server_that_drips_its_answer_holds_a_desk_for_a_bounded_time(
    fake: FakeImap, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """Each octet comes in time, the line never ends: after half an hour the watchdog would end all desks."""
    monkeypatch.setattr(imap, "MOST_SECONDS", 0.3)
    over = threading.Event()

    def drip(line: Line, _: str) -> bool:
        line.send(b"* SEARCH ")
        while not over.wait(0.02):
            line.send(b"1")
        return True

    fake.on(word, drip)
    with pytest.raises(TemporaryError, match=r"search|log in"), opened(fake) as mailbox:
        mailbox.uids(1, None)
    over.set()


# --- waiting ----------------------------------------------------------------------------------------------


def _idling(*segments: bytes) -> Callable[[Line, str], bool]:
    """Say these, then wait for DONE."""

    def idle(line: Line, _: str) -> bool:
        for segment in segments:
            line.send(segment)
        assert line.read().upper() == "DONE"
        line.done()
        return True

    return idle


def test_an_arrival_told_in_the_answer_to_the_last_search_is_not_slept_through(
    fake: FakeImap, bell: tuple[socket.socket, socket.socket]
) -> None:
    """The mail came while we looked; IDLE tells only of what comes later."""
    with opened(fake) as mailbox:
        fake.on("UID SEARCH", lambda line, _: line.say("* 1 EXISTS"))
        assert mailbox.uids(1, None) == []
        mailbox.wait(LONG, bell[0])
        assert fake.asked("IDLE") == []


def test_an_arrival_ends_the_wait(fake: FakeImap, bell: tuple[socket.socket, socket.socket]) -> None:
    fake.on("IDLE", _idling(b"+ idling\r\n", b"* 1 EXISTS\r\n"))
    with opened(fake) as mailbox:
        mailbox.wait(LONG, bell[0])
        assert mailbox.uids(1, None) == []


def test_an_arrival_in_the_same_segment_as_the_start_of_idle_ends_the_wait(
    fake: FakeImap, bell: tuple[socket.socket, socket.socket]
) -> None:
    fake.on("IDLE", _idling(b"+ idling\r\n* 1 EXISTS\r\n"))
    with opened(fake) as mailbox:
        mailbox.wait(LONG, bell[0])
        assert mailbox.uids(1, None) == []


def test_a_line_in_two_segments_does_not_put_the_stream_out_of_step(
    fake: FakeImap, bell: tuple[socket.socket, socket.socket]
) -> None:
    woken = threading.Event()

    def idle(line: Line, _: str) -> bool:
        line.send(b"+ idling\r\n* 1 EX")
        done = line.read()  # the client is woken by half a line, says DONE, and the rest comes after it
        line.send(b"ISTS\r\n")
        line.done()
        woken.set()
        return done.upper() == "DONE"

    fake.on("IDLE", idle)
    fake.inbox.add(RAW)
    with opened(fake) as mailbox:
        mailbox.wait(LONG, bell[0])
        assert woken.wait(LONG)
        assert mailbox.uids(1, None) == [1]
        assert mailbox.bodies([1]) == {1: RAW}


@pytest.mark.parametrize("last_words", [b"", b"* BYE shutting down\r\n"])
def test_a_server_that_hangs_up_during_idle_is_trouble_at_once_and_every_time(
    fake: FakeImap, bell: tuple[socket.socket, socket.socket], last_words: bytes
) -> None:
    """The library's own idle_check answers [] at the end of the stream: a busy loop."""

    def hang_up(line: Line, _: str) -> bool:
        line.send(b"+ idling\r\n" + last_words)
        line.end()
        return True

    fake.on("IDLE", hang_up)
    with opened(fake) as mailbox:
        for _ in range(3):
            with pytest.raises(TemporaryError, match="wait"):
                mailbox.wait(LONG, bell[0])


def test_a_server_that_falls_silent_is_left_after_the_wait(
    fake: FakeImap, bell: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    silence = threading.Event()

    def fall_silent(line: Line, _: str) -> bool:
        line.send(b"+ idling\r\n")
        silence.wait(LONG)
        return True

    fake.on("IDLE", fall_silent)
    with opened(fake) as mailbox:
        monkeypatch.setattr(imap, "READ_SECONDS", 0.2)  # only now: a busy machine may take longer for a login
        with pytest.raises(TemporaryError):
            mailbox.wait(0.1, bell[0])
        silence.set()


def test_words_before_the_start_of_idle_lose_no_arrival(
    fake: FakeImap, bell: tuple[socket.socket, socket.socket]
) -> None:
    """Either the wait ends, or the connection does: both lead to a search."""
    fake.on("IDLE", _idling(b"* 1 EXISTS\r\n+ idling\r\n"))
    with opened(fake) as mailbox, suppress(TemporaryError):
        mailbox.wait(LONG, bell[0])


def test_who_is_told_to_stop_does_not_wait_on(
    fake: FakeImap, bell: tuple[socket.socket, socket.socket]
) -> None:
    wake, ring = bell
    ring.send(b"x")
    with opened(fake) as mailbox:
        mailbox.wait(LONG, wake)
        assert fake.asked("DONE") == []  # read by the server as the end of IDLE
        assert mailbox.uids(1, None) == []


def test_without_idle_the_bell_still_ends_the_wait(bell: tuple[socket.socket, socket.socket]) -> None:
    with FakeImap(["IMAP4rev1", "MOVE"]) as fake, opened(fake) as mailbox:
        bell[1].send(b"x")
        mailbox.wait(LONG, bell[0])
        assert fake.asked("NOOP") == ["NOOP"]
        assert fake.asked("IDLE") == []


def test_each_failure_in_a_row_is_followed_by_a_longer_pause_up_to_a_bound() -> None:
    pause = Pause()
    waited = [pause.longer() for _ in range(12)]
    low, high = BACK_OFF
    assert low * 0.8 <= waited[0] <= low * 1.2
    assert all(later > earlier for earlier, later in pairwise(waited[:9]))
    assert max(waited) <= high * 1.2
    pause.reset()
    assert pause.longer() <= low * 1.2


# --- a real server ----------------------------------------------------------------------------------------


def test_dovecot_is_trusted_by_its_certificate_only(dovecot: Dovecot, mailbox_user: str) -> None:
    facts = {"user": mailbox_user, "password": dovecot.password}
    for security, port in (("tls", dovecot.tls_port), ("starttls", dovecot.port)):
        with pytest.raises(TemporaryError, match=r"(?i)certificate"):
            Mailbox(account(port, security=security, **facts))
        mailbox = Mailbox(account(port, security=security, ca_file=str(dovecot.cert), **facts))
        assert mailbox.folder.uidnext == 1
        mailbox.close()


def test_starttls_is_never_dropped_when_the_server_no_longer_offers_it(fake: FakeImap) -> None:
    with pytest.raises(TemporaryError):
        Mailbox(account(fake.port, security="starttls"))
    assert fake.asked("LOGIN") == []


def test_mail_of_an_earlier_day_is_not_even_listed(dovecot: Dovecot, mailbox_user: str) -> None:
    day = datetime(2026, 8, 3, 0, 30, tzinfo=UTC)
    uids = [dovecot.append(mailbox_user, RAW, when=day + timedelta(days=days)) for days in (-9, -2, -1, 0, 1)]
    with opened(dovecot, user=mailbox_user, password=dovecot.password) as mailbox:
        found = mailbox.uids(1, date(2026, 8, 3))
    assert found in (uids[1:], uids[2:])  # a day of grace, for a server in another zone


def test_an_arrival_at_dovecot_ends_the_wait(
    dovecot: Dovecot, mailbox_user: str, bell: tuple[socket.socket, socket.socket]
) -> None:
    with opened(dovecot, user=mailbox_user, password=dovecot.password) as mailbox:
        delivery = threading.Timer(0.05, dovecot.append, (mailbox_user, RAW))
        delivery.start()
        while not mailbox.uids(1, None):
            mailbox.wait(LONG, bell[0])
        delivery.join()
        assert mailbox.bodies(mailbox.uids(1, None)) == {1: RAW}


def test_a_restart_of_the_server_is_trouble_and_a_new_connection_works(
    bell: tuple[socket.socket, socket.socket],
) -> None:
    with skipped_when_missing(), Dovecot() as server:
        user = server.new_user()
        server.append(user, RAW)
        with opened(server, user=user, password=server.password) as mailbox:
            server.restart()
            with pytest.raises(TemporaryError):
                mailbox.wait(LONG, bell[0])
        with opened(server, user=user, password=server.password) as mailbox:
            assert mailbox.uids(1, None) == [1]


def test_the_capabilities_that_tests_stand_on_are_those_of_the_fake(fake: FakeImap) -> None:
    with opened(fake) as mailbox:
        assert {name.decode() for name in mailbox.capabilities()} == {name.upper() for name in CAPABILITIES}
    assert re.fullmatch(r"LOGIN", fake.asked("LOGIN")[0])


def test_a_folder_is_searched_for_a_mail_of_no_octets_in_words_that_servers_know(fake: FakeImap) -> None:
    with opened(fake) as mailbox:
        mailbox.uids_of_size(0)
        mailbox.uids_of_size(7)
    assert fake.asked("UID SEARCH") == ["UID SEARCH SMALLER 1", "UID SEARCH LARGER 6 SMALLER 8"]


@pytest.mark.parametrize(
    "said", ["* CAPABILITY (((", "* BYE (" + "(" * 3000, "* 1 FETCH {99999999999999999999}"]
)
def test_nonsense_for_a_good_bye_undoes_no_work(fake: FakeImap, said: str) -> None:
    def nonsense(line: Line, _: str) -> bool:
        line.say(said)
        line.done("OK")
        return True

    fake.on("LOGOUT", nonsense)
    with opened(fake):
        pass
