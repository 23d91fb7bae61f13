"""Does an answer that somebody wrote in webmail count, and is nothing else done about it?"""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from city import ADMIN, KOMINFO, LPSE, MONDAY, RINA, City, address, body
from daemon import Daemon
from evidence import collect, flags, folders, mailgate, open_mailbox, rows, states, tickets
from servers.fake_imap import FakeImap
from sqlalchemy import text as text_of
from test_desk_decide import ADMIN as ADMIN_ADDRESS
from test_desk_decide import COUNTER, DESK_ADDRESS, NUMBER, TICKET, message, situation
from test_desk_decide import RINA as RINA_ADDRESS
from test_intake_mailbox import opened

from mailgate import gateway
from mailgate.desk.decide import decide
from mailgate.desk.decision import Handling, SaveTicket
from mailgate.desk.situation import CitedMail, Counter
from mailgate.desk.ticket import Status
from mailgate.errors import TemporaryError
from mailgate.intake.imap import Mailbox, Refusal
from mailgate.message.message import Address, Automatic, AutomaticKind, Dsn, DsnRecipient
from mailgate.service import reader
from mailgate.settings import Desk
from mailgate.store import mails
from mailgate.store.database import MIGRATIONS, Store, require_current, upgrade

SENT = "Sent"
WEBMAIL = f"Help Desk <{KOMINFO}>"
ANSWER = "Kabel sedang kami ganti, mohon tunggu."
STRANGER = "orang@lain.example"


def watched(city: City, folder: str = SENT) -> City:
    city.tables["desks"]["kominfo"]["imap"]["sent"] = folder
    return city


@pytest.fixture
def office(quick_city: City) -> City:
    return watched(quick_city)


def webmail(city: City, text: str = ANSWER, author: str = WEBMAIL, to: str = RINA, **headers: str) -> bytes:
    """What somebody writes in the shared mailbox; it cites Rina's first mail unless told otherwise."""
    return city.mail(
        author, text, headers.pop("subject", "Re: Jaringan mati"), to, **({"in_reply_to": FIRST} | headers)
    )


FIRST = "<mail0@client.example>"


def write_by_hand(city: City, raw: bytes | None = None, **mail: str) -> int:
    """Somebody sends it from webmail, which files it; returns its UID."""
    raw = webmail(city, **mail) if raw is None else raw
    return city.dovecot.append(city.users["kominfo"], raw, SENT, city.now)


def answered(city: City, **mail: str) -> dict[str, Any]:
    """Rina's ticket after such an answer."""
    city.new_ticket()
    city.now += timedelta(minutes=20)
    write_by_hand(city, **mail)
    assert city.run() == 0
    return tickets(city)[0]


def filed(city: City) -> list[tuple[str, str | None]]:
    found = rows(city, "SELECT reason, number FROM mail WHERE folder = :sent ORDER BY id", sent=SENT)
    return [(row.reason, row.number) for row in found]


# --- what counts ------------------------------------------------------------------------------------------


def test_an_answer_written_in_webmail_is_the_first_response_and_takes_the_ticket(city: City) -> None:
    ticket = answered(watched(city))
    assert ticket["first_response_at"] == city.now.isoformat()
    assert (ticket["status"], ticket["holder"]) == ("open", address(ADMIN))
    request, reply = ticket["messages"]
    assert (request["kind"], reply["kind"]) == ("request", "reply")
    assert (reply["direction"], reply["text"]) == ("out", ANSWER)
    assert "answered_by_hand" in [event["what"] for event in ticket["events"]]


def test_it_is_never_sent_again_and_nobody_is_told(city: City) -> None:
    before = len(watched(city).sent())
    answered(city)
    assert len(city.sent()) - before == 2  # the acknowledgement and the notification of her first mail
    assert len(tickets(city)) == 1


def test_the_answer_of_the_person_whom_from_names_is_theirs(office: City) -> None:
    assert answered(office, author=f"doni <{KOMINFO}>")["holder"] == "doni@pyk.example.go.id"


def test_the_requesters_reply_to_it_lands_on_the_ticket(office: City) -> None:
    answered(office, message_id="<dari-webmail@web.example>")
    office.receive(
        office.mail(text="Baik, terima kasih.", subject="x", in_reply_to="<dari-webmail@web.example>")
    )
    assert office.run() == 0
    (ticket,) = tickets(office)
    assert [said["kind"] for said in ticket["messages"]] == ["request", "reply", "follow_up"]
    assert "Baik, terima kasih." in body(office.sent(ADMIN)[-1])


def test_a_later_relay_continues_the_thread_that_the_requester_sees(office: City) -> None:
    answered(office, message_id="<dari-webmail@web.example>")
    notification = office.sent(ADMIN)[0]
    office.now += timedelta(minutes=1)
    office.receive(office.answer(notification, ADMIN, "Sudah menyala."))
    assert office.run() == 0
    relayed = office.sent(RINA)[-1]
    assert "Sudah menyala." in body(relayed)
    assert relayed["In-Reply-To"] == "<dari-webmail@web.example>"
    assert "dari-webmail" not in "".join(mail.as_string() for mail in office.sent(ADMIN))


def test_what_staff_wrote_to_us_stays_out_of_the_requesters_thread(office: City) -> None:
    notification = office.new_ticket()
    for text in ("Satu.", "Dua."):
        office.receive(office.answer(notification, ADMIN, text, message_id=f"<{text}petugas@kantor.example>"))
        assert office.run() == 0
    assert "petugas@kantor.example" not in "".join(mail.as_string() for mail in office.sent(RINA))


def test_an_answer_that_only_carries_the_number_counts_as_well(office: City) -> None:
    ticket = answered(office, in_reply_to="", subject="Perihal [KOM-2026-000001]")
    assert ticket["first_response_at"] is not None


def test_an_answer_too_large_to_fetch_counts_and_stays_where_it_is(office: City) -> None:
    office.tables["limits"]["message_mib"] = 1
    ticket = answered(office, text="x" * 78 + "\n" + "panjang sekali\n" * 80_000)
    assert ticket["first_response_at"] is not None
    assert folders(office) == [0, 1, 0]
    assert len(office.dovecot.messages(office.users["kominfo"], SENT)) == 1


def test_who_puts_the_desk_in_copy_has_answered_all_the_same(office: City) -> None:
    office.new_ticket()
    raw = webmail(office, cc=KOMINFO)
    office.receive(raw)
    assert office.run() == 0  # the copy is here before webmail has filed the mail itself
    write_by_hand(office, raw)
    assert office.run() == 0
    assert tickets(office)[0]["first_response_at"] is not None


# --- what does not ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mail", "reason"),
    [
        ({"in_reply_to": ""}, "sent by hand, about no ticket of ours"),
        ({"to": STRANGER, "subject": "Re: [KOM-2026-000001] x"}, "sent by hand, about no ticket of ours"),
        ({"author": "Satu <admin.satu@mail.example>"}, "sent by hand, but not in the name of this desk"),
        ({"author": f"a <{KOMINFO}>, b <{LPSE}>"}, "sent by hand, but not in the name of this desk"),
        (
            {"auto_submitted": "auto-replied"},
            "sent from the mailbox by a machine: Auto-Submitted: auto-replied",
        ),
    ],
)
def test_a_mail_that_is_no_answer_to_a_requester_is_kept_and_changes_nothing(
    office: City, mail: dict[str, str], reason: str
) -> None:
    ticket = answered(office, **mail)
    assert filed(office) == [(reason, None)]
    assert (ticket["status"], ticket["first_response_at"], len(ticket["messages"])) == ("new", None, 1)
    assert len(tickets(office)) == 1


def test_commands_in_it_are_only_words(office: City) -> None:
    notification = office.new_ticket()
    order = office.answer(notification, ADMIN, "#tutup\n")
    for raw in (order, webmail(office, "#tutup"), webmail(office, "#selesai\nSudah.", in_reply_to=FIRST)):
        write_by_hand(office, raw)
    before = len(office.sent())
    assert office.run() == 0
    (ticket,) = tickets(office)
    assert (ticket["status"], ticket["outcome"]) == ("open", None)
    assert [said["text"] for said in ticket["messages"][1:]] == ["#tutup", "#selesai\nSudah."]
    assert len(office.sent()) == before


def test_copies_that_a_server_files_of_our_own_mail_are_not_even_kept(city: City) -> None:
    watched(city).new_ticket()
    for sent in city.sink.received:
        write_by_hand(city, sent.data)
    assert city.run() == 0
    assert filed(city) == []
    assert tickets(city)[0]["first_response_at"] is None
    write_by_hand(city)
    assert city.run() == 0
    assert [number for _, number in filed(city)] == ["KOM-2026-000001"]


# --- the folder -------------------------------------------------------------------------------------------


def test_nothing_in_the_folder_is_moved_marked_or_deleted(office: City) -> None:
    answered(office)
    write_by_hand(office, b"\xff\xfe not a mail at all")
    assert office.run() == 0
    assert flags(office, SENT) == [(b"\\Recent",)] * 2  # not even that it was seen by a program
    assert folders(office) == [0, 1, 0]


@pytest.mark.parametrize("name", ["Terkirim", "Mailgate"])
def test_a_folder_that_cannot_be_opened_is_told_once_and_stops_nobody(
    quick_city: City, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Mailgate is there, but only as the place of other folders."""
    office = watched(quick_city, name).office()
    with quick_city.store() as store, open_mailbox(quick_city) as mailbox, reader(office) as reads:
        require_current(store)
        for text in ("satu", "dua"):
            quick_city.receive(quick_city.mail(text=text, subject=text))
            for _ in "123":
                gateway.collect(office, store, mailbox, reads, "kominfo", lambda: MONDAY)
    assert states(quick_city) == ["decided", "decided"]
    warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert f'sent = "{name}" cannot be watched' in warnings[0]
    assert mailgate(quick_city, "run", "--once").returncode == 0


def test_check_tells_that_the_folder_is_missing_and_how_the_server_calls_it(quick_city: City) -> None:
    done = mailgate(watched(quick_city, "Terkirim"), "check")
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert 'sent = "Terkirim" cannot be watched' in said
    assert 'the server has it as "Sent"' in said
    assert mailgate(watched(quick_city), "check").returncode == 0


def test_the_same_uid_in_both_folders_names_two_mails(city: City) -> None:
    watched(city).new_ticket()
    user = city.users["kominfo"]
    newest = max(city.dovecot.uidvalidity(user, folder) for folder in ("INBOX", SENT)) + 1
    for folder in ("INBOX", SENT):
        city.dovecot.set_uidvalidity(user, folder, newest)
    write_by_hand(city, b"From: x@lain.example\r\n\r\n1")
    assert city.run() == 0
    assert city.receive(city.mail(text="Printer rusak.", subject="Printer")) == write_by_hand(city) == 2
    assert city.run() == 0
    first, second = tickets(city)
    assert first["first_response_at"] is not None
    assert second["subject"] == "Printer"
    assert folders(city) == [0, 2, 0]


def test_nothing_is_taken_twice_after_a_restart_or_a_rebuilt_folder(city: City) -> None:
    answered(watched(city))
    assert city.run() == 0
    assert len(filed(city)) == 1
    city.dovecot.bump_uidvalidity(city.users["kominfo"], SENT)
    assert city.run() == 0
    assert states(city) == ["decided", "decided", "duplicate"]
    assert len(tickets(city)[0]["messages"]) == 2
    assert rows(city, "SELECT first_uid, reconciled FROM mailbox WHERE folder = :sent", sent=SENT) == [
        (2, True)
    ]


def test_a_mail_whose_uid_was_given_before_by_a_server_since_restored_is_seen(office: City) -> None:
    answered(office)
    with office.store() as store, store.writing() as write:
        write.execute(text_of("UPDATE mailbox SET first_uid = 20 WHERE folder = 'Sent'"))
    write_by_hand(office, text="Sudah selesai.")
    assert office.run() == 0
    assert [said["text"] for said in tickets(office)[0]["messages"][1:]] == [ANSWER, "Sudah selesai."]


def test_older_answers_are_left_alone_where_mail_counts_from_now_on(office: City) -> None:
    office.tables["desks"]["kominfo"]["imap"]["start"] = "now"
    write_by_hand(office)
    assert office.run() == 0
    write_by_hand(office, text="baru")
    assert office.run() == 0
    assert filed(office) == [("sent by hand, about no ticket of ours", None)]


def test_a_run_that_ends_between_two_portions_goes_on_where_it_was(
    office: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.tables["limits"]["batch_mails"] = 1
    office.new_ticket()
    for text in ("satu", "dua", "tiga"):
        write_by_hand(office, text=text)
    with monkeypatch.context() as trouble:
        trouble.setattr(mails, "keep", _once(mails.keep))
        with pytest.raises(ZeroDivisionError):
            collect(office)
    assert rows(office, "SELECT first_uid FROM mailbox WHERE folder = :sent", sent=SENT) == [(2,)]
    assert collect(office) == 2
    assert collect(office) == 0
    assert [said["text"] for said in tickets(office)[0]["messages"][1:]] == ["satu", "dua", "tiga"]


def _once(act: Any) -> Any:
    """Works the first time only."""
    calls: list[object] = []

    def acting(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) > 1:
            raise ZeroDivisionError
        act(*arguments)

    return acting


def test_only_what_is_new_is_asked_for(office: City, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(office)
    asked: list[str] = []

    @contextmanager
    def visiting(_mailbox: object, name: str) -> Iterator[None]:
        asked.append(name)
        yield

    monkeypatch.setattr("mailgate.intake.imap.Mailbox.visiting", visiting)
    assert office.run() == 0
    assert asked == []


@pytest.mark.parametrize("arrives", [True, False])
def test_a_mail_that_comes_to_the_inbox_meanwhile_is_not_slept_through(office: City, arrives: bool) -> None:
    wake, ring = socket.socketpair()
    patience = 90.0 if arrives else 0.2
    with wake, ring, open_mailbox(office) as mailbox:
        assert mailbox.uids(1, None) == []
        with mailbox.visiting(SENT):
            if arrives:
                office.receive(office.mail())
        began = time.monotonic()
        mailbox.wait(patience, wake)
        waited = time.monotonic() - began
        assert mailbox.uids(1, None) == ([1] if arrives else [])
    assert waited < 60 if arrives else waited >= 0.15  # and no busy loop where nothing came


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b'* STATUS "Sent"\r\n',
        b'* STATUS "Sent" ()\r\n',
        b'* STATUS "Sent" (UIDVALIDITY 1)\r\n',
        b'* STATUS "Sent" (UIDNEXT satu UIDVALIDITY dua)\r\n',
        b'* STATUS "Sent" (UIDNEXT\r\n',
        b"* STATUS ((((\r\n",
    ],
)
def test_an_answer_that_is_no_answer_is_the_folders_trouble_and_not_the_inboxs(told: bytes) -> None:
    with FakeImap() as fake, opened(fake) as mailbox:
        fake.inbox.add(b"Subject: x\r\n\r\nisi\r\n")
        fake.on("STATUS", lambda line, _: line.send(told) or line.done() or True)
        assert isinstance(mailbox.told_of(SENT), Refusal)
        assert mailbox.uids(1, None) == [1]


def test_a_folder_that_may_not_be_opened_leaves_the_inbox_open() -> None:
    with FakeImap() as fake, opened(fake) as mailbox:
        fake.inbox.add(b"Subject: x\r\n\r\nisi\r\n")
        fake.on("EXAMINE", lambda line, _: line.done("NO [NOPERM] not yours") or True)
        with mailbox.visiting(SENT) as there:
            assert isinstance(there, Refusal)
            assert "not yours" in there.reason
        assert mailbox.uids(1, None) == [1]


@pytest.mark.parametrize("asked", ["STATUS", "EXAMINE"])
def test_a_connection_that_is_lost_meanwhile_is_not_taken_for_a_missing_folder(asked: str) -> None:
    with FakeImap() as fake, opened(fake) as mailbox:
        fake.on(asked, lambda line, _: line.end())
        with pytest.raises(TemporaryError):
            _looked_at(mailbox)


def _looked_at(mailbox: Mailbox) -> None:
    mailbox.told_of(SENT)
    with mailbox.visiting(SENT):
        pass


def test_an_answer_written_while_no_mail_comes_in_is_noticed_by_the_poll(office: City) -> None:
    office.tables["desks"]["kominfo"]["imap"]["poll_seconds"] = 1
    office.new_ticket()
    with Daemon(office.settings_file) as daemon:
        daemon.hears("READY=1")
        daemon.says("mailbox kominfo: connected")
        write_by_hand(office)
        daemon.says("answered by hand")
        office.receive(office.mail(text="Printer rusak.", subject="Printer"))
        daemon.says("KOM-2026-000002")  # and the INBOX is watched as before
        assert daemon.stop() == 0


# --- thinking alone ---------------------------------------------------------------------------------------

FROM_DESK = Address("", DESK_ADDRESS.address)
CITES_HER = {"cited": (CitedMail("m0@x", NUMBER, RINA_ADDRESS.key),), "by_hand": True}


def saved(author: Address = FROM_DESK, counter: Counter = COUNTER, **ticket: Any) -> SaveTicket | None:
    facts = situation(**CITES_HER)
    facts = replace(facts, tickets={NUMBER: replace(TICKET, **ticket)})
    decision = decide(message(author, to=(RINA_ADDRESS,)), facts, counter)
    assert decision.handling is Handling.APPENDED
    return next((one for one in decision.effects if isinstance(one, SaveTicket)), None)


@pytest.mark.parametrize("status", list(Status))
def test_only_a_new_ticket_becomes_another_one(status: Status) -> None:
    found = saved(status=status)
    assert found is not None
    assert found.ticket.status is (Status.OPEN if status is Status.NEW else status)
    assert (found.ticket.close_at, found.ticket.closed_at, found.ticket.reopened) == (None, None, 0)


def test_a_ticket_that_is_held_and_answered_keeps_its_holder_and_its_first_answer() -> None:
    earlier = TICKET.received_at + timedelta(minutes=1)
    found = saved(status=Status.OPEN, holder="doni@pyk.example.go.id", first_response_at=earlier)
    assert found is not None
    assert (found.ticket.holder, found.ticket.first_response_at) == ("doni@pyk.example.go.id", earlier)


def _counter(*names: str) -> Counter:
    staff = [{"name": name, "address": f"a{n}@x.example", "roles": ["admin"]} for n, name in enumerate(names)]
    facts = COUNTER.desk.model_dump() | {"staff": staff}
    return replace(COUNTER, desk=Desk.model_validate(facts))


@pytest.mark.parametrize(
    ("staff", "name", "holder"),
    [
        (("Admin Satu",), "", "a0@x.example"),
        (("Admin Satu",), "Help Desk", "a0@x.example"),
        (("Admin Satu", "Doni"), "", None),
        (("Admin Satu", "Doni"), "Help Desk", None),
        (("Admin Satu", "Doni"), " DONI ", "a1@x.example"),
        (("Doni", "Doni"), "Doni", None),
    ],
)
def test_who_answered_is_told_by_the_name_or_by_there_being_one_person(
    staff: tuple[str, ...], name: str, holder: str | None
) -> None:
    found = saved(Address(name, DESK_ADDRESS.address), _counter(*staff))
    assert found is not None
    assert found.ticket.holder == holder


def test_a_folder_with_odd_moments_makes_no_answer_older_than_the_question() -> None:
    found = saved(received_at=TICKET.received_at + timedelta(days=1))
    assert found is not None
    assert found.ticket.first_response_at == found.ticket.received_at


@pytest.mark.parametrize(
    "facts",
    [
        {"dsn": Dsn("failed", (DsnRecipient(RINA_ADDRESS.address, "failed", "5.1.1", ""),), None)},
        {"automatic": Automatic(AutomaticKind.RESPONSE, "mark")},
        {"authors": (ADMIN_ADDRESS,), "own_words": "#tutup"},
        {"authors": ()},
        {"to": (), "subject": NUMBER},
    ],
)
def test_whatever_lies_there_orders_reports_and_sends_nothing(facts: dict[str, Any]) -> None:
    given = {"to": (RINA_ADDRESS,)} | facts
    decision = decide(message(FROM_DESK, **given), situation(**CITES_HER), COUNTER)
    if "dsn" not in facts:
        assert (decision.handling, decision.number, decision.effects) == (Handling.FILED, None, ())
    assert not any(type(effect).__name__ in ("Send", "MarkUndeliverable") for effect in decision.effects)


def test_words_like_an_absence_notice_are_a_persons_where_a_person_sent_them() -> None:
    suspected = Automatic(AutomaticKind.SUSPECTED, "wording")
    decision = decide(
        message(FROM_DESK, to=(RINA_ADDRESS,), automatic=suspected), situation(**CITES_HER), COUNTER
    )
    assert decision.handling is Handling.APPENDED


# --- the way from an older database -----------------------------------------------------------------------


def test_mail_of_an_older_mailgate_is_all_there_after_the_upgrade(database_url: str) -> None:
    store = Store(database_url)
    try:
        _as_of_0001(store)
        upgrade(store)
        require_current(store)
        with store.reading() as look:
            found = look.execute(text_of("SELECT id, desk, folder, duplicate_of FROM mail ORDER BY id")).all()
            assert found == [(1, "a", "Masuk", None), (2, "a", "INBOX", 1), (3, "b", "INBOX", None)]
            assert look.execute(text_of("SELECT mail_id FROM reference")).all() == [(1,)]
        with pytest.raises(Exception, match=r"(?i)foreign key"), store.writing() as write:
            write.execute(text_of("INSERT INTO reference (mail_id, position, message_id) VALUES (9, 0, 'x')"))
    finally:
        store.close()


def _as_of_0001(store: Store) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with store.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text_of(
                "INSERT INTO mailbox (desk, folder, uidvalidity, first_uid, contacted_at, reconciled)"
                " VALUES ('a', 'Masuk', 7, 1, '2026-08-03', :yes), ('a', 'INBOX', 8, 1, '2026-08-03', :yes)"
            ),
            {"yes": True},
        )
        for row in (
            {"id": 1, "desk": "a", "uidvalidity": 7, "original": None},
            {"id": 2, "desk": "a", "uidvalidity": 8, "original": 1},
            {"id": 3, "desk": "b", "uidvalidity": 7, "original": None},
        ):
            connection.execute(
                text_of(
                    "INSERT INTO mail (id, desk, uidvalidity, uid, duplicate_of, size, oversize, received_at,"
                    " kept_at, silent, state) VALUES (:id, :desk, :uidvalidity, 1, :original, 9, :no,"
                    " '2026-08-03', '2026-08-03', :no, 'decided')"
                ),
                row | {"no": False},
            )
        connection.execute(
            text_of("INSERT INTO reference (mail_id, position, message_id) VALUES (1, 0, 'x')")
        )
