"""Promise 2: a mail seen again does nothing again, and a mail that only looks the same is not lost."""

from datetime import timedelta

import pytest
from city import ADMIN, ALERTS, KOMINFO, MONDAY, RINA, City, body
from evidence import collect, folders, move, open_mailbox, rows, states, templates_sent, tickets
from sqlalchemy import text as text_of

from mailgate import gateway
from mailgate.errors import TemporaryError
from mailgate.gateway import collecting
from mailgate.service import reader
from mailgate.store import mails
from mailgate.store.database import require_current

LONG_AGO = MONDAY - timedelta(days=3)


def _numbers(city: City) -> list[str]:
    return [ticket["number"] for ticket in tickets(city)]


def test_running_again_changes_nothing(city: City) -> None:
    city.receive(city.mail())
    for _ in range(3):
        assert city.run() == 0
    assert _numbers(city) == ["KOM-2026-000001"]
    assert len(city.sent()) == 2
    assert folders(city) == [0, 1, 0]


def test_two_deliveries_of_one_mail_make_one_ticket(city: City) -> None:
    raw = city.mail()
    first = b"Received: from a.example by b.example; Mon, 3 Aug 2026 08:59:01 +0700\r\n"
    second = b"Delivered-To: helpdesk@pyk.example.go.id\r\nReceived: from c.example by d.example\r\n"
    other_line_ends = second + raw.rstrip(b"\r\n") + b"\r\n\r\n"
    for one in (first + raw, second + raw, other_line_ends):
        city.receive(one)
    assert city.run() == 0
    assert states(city) == ["decided", "duplicate", "duplicate"]
    assert len(city.sent(RINA)) == 1
    assert folders(city) == [0, 3, 0]


def test_a_second_delivery_in_a_later_run_makes_no_second_ticket(quick_city: City) -> None:
    raw = quick_city.mail()
    quick_city.receive(raw)
    assert quick_city.run() == 0
    quick_city.now += timedelta(days=40)
    quick_city.receive(raw)
    assert quick_city.run() == 0
    assert states(quick_city) == ["decided", "duplicate"]
    assert len(quick_city.sent()) == 2


def test_a_message_id_used_twice_loses_neither_mail(city: City) -> None:
    """Some forms and scanners send every mail under one id."""
    for words in ("Printer lantai 2 rusak.", "Telepon lantai 3 mati."):
        city.receive(city.mail(text=words, subject=words, message_id="<formulir@kantor.example>"))
    assert city.run() == 0
    assert [ticket["subject"] for ticket in tickets(city)] == [
        "Printer lantai 2 rusak.",
        "Telepon lantai 3 mati.",
    ]
    assert len(city.sent(RINA)) == 2


def test_mails_without_message_id_are_told_apart_by_what_they_say(quick_city: City) -> None:
    first = quick_city.mail(text="Satu.", message_id="")
    for raw in (first, quick_city.mail(text="Dua.", message_id=""), b"X-Relay: lain\r\n" + first):
        quick_city.receive(raw)
    assert quick_city.run() == 0
    assert states(quick_city) == ["decided", "decided", "duplicate"]
    assert len(quick_city.sent(RINA)) == 2


def test_a_duplicate_of_a_staff_reply_is_not_relayed_twice(city: City) -> None:
    notification = city.new_ticket()
    reply = city.answer(notification, ADMIN, "Sudah kami perbaiki.")
    city.receive(reply)
    city.receive(b"Received: by lain.example\r\n" + reply)
    assert city.run() == 0
    assert [("Sudah kami perbaiki." in body(mail)) for mail in city.sent(RINA)] == [False, True]


def test_mail_moved_back_into_a_rebuilt_inbox_has_no_second_effect(city: City) -> None:
    for n in range(3):
        city.receive(city.mail(subject=f"laporan {n}"))
    assert city.run() == 0
    before = len(city.sent())
    move(city, "Mailgate/Diproses", "INBOX")
    city.dovecot.bump_uidvalidity(city.users["kominfo"])
    city.receive(city.mail("Budi <budi@warga.example>", subject="baru"))
    assert city.run() == 0
    assert sorted(states(city)) == ["decided"] * 4 + ["duplicate"] * 3
    assert len(city.sent()) == before + 2
    assert folders(city) == [0, 4, 0]


def test_mail_moved_back_into_the_inbox_has_no_second_effect(quick_city: City) -> None:
    quick_city.receive(quick_city.mail())
    assert quick_city.run() == 0
    move(quick_city, "Mailgate/Diproses", "INBOX")
    assert quick_city.run() == 0
    assert len(quick_city.sent()) == 2
    assert folders(quick_city) == [0, 1, 0]


def test_a_new_mail_at_an_old_uid_of_a_rebuilt_inbox_is_not_taken_for_the_old_one(quick_city: City) -> None:
    first = quick_city.receive(quick_city.mail(subject="lama"))
    assert quick_city.run() == 0
    quick_city.dovecot.bump_uidvalidity(quick_city.users["kominfo"])
    assert quick_city.receive(quick_city.mail(subject="baru")) == first
    assert quick_city.run() == 0
    assert [ticket["subject"] for ticket in tickets(quick_city)] == ["lama", "baru"]


def test_a_rebuilt_inbox_does_not_make_mail_from_before_the_start_ours(quick_city: City) -> None:
    quick_city.tables["desks"]["kominfo"]["imap"]["start"] = "now"
    quick_city.receive(quick_city.mail(subject="sebelum kita ada"), when=LONG_AGO)
    assert quick_city.run() == 0
    quick_city.dovecot.bump_uidvalidity(quick_city.users["kominfo"])
    quick_city.now += timedelta(hours=1)
    quick_city.receive(quick_city.mail(subject="sesudah"))
    assert quick_city.run() == 0
    assert [ticket["subject"] for ticket in tickets(quick_city)] == ["sesudah"]
    assert folders(quick_city) == [1, 1, 0]


def _rebuilt_with_old_mail(city: City, count: int) -> None:
    """A folder that its server restored, full of mail that was never seen."""
    assert city.run() == 0
    city.dovecot.bump_uidvalidity(city.users["kominfo"])
    with city.dovecot.session(city.users["kominfo"]) as client:
        for n in range(count):
            client.append(
                "INBOX", city.mail(f"Warga {n} <w{n}@warga.example>", subject=f"lama {n}"), msg_time=LONG_AGO
            )
    city.receive(city.mail(subject="hari ini"))


def test_many_old_mails_in_a_restored_inbox_are_taken_in_silently_and_the_admin_is_told(city: City) -> None:
    _rebuilt_with_old_mail(city, 51)
    assert city.run() == 0
    assert len(tickets(city)) == 52
    assert {mail["To"].addresses[0].addr_spec for mail in city.sent() if mail["To"] != ALERTS} <= {
        "rina@disdik.example.go.id",
        "admin1@pyk.example.go.id",
        ALERTS,
    }
    assert len(city.sent(RINA)) == 1
    assert len(city.sent(ADMIN)) == 1
    (alert,) = city.sent(ALERTS)
    assert "51" in body(alert)
    assert folders(city) == [0, 52, 0]


def test_a_few_old_mails_in_a_restored_inbox_are_answered(quick_city: City) -> None:
    _rebuilt_with_old_mail(quick_city, 3)
    assert quick_city.run() == 0
    assert len(quick_city.sent("w2@warga.example")) == 1
    assert quick_city.sent(ALERTS) == []


def test_a_restored_inbox_stays_silent_when_the_run_ends_in_the_middle_of_it(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "SILENT_FROM", 4)
    _rebuilt_with_old_mail(quick_city, 5)

    def fails(*_arguments: object, **_options: object) -> int:
        raise TemporaryError("the test ends it here")

    with monkeypatch.context() as trouble:
        trouble.setattr(mails, "hush", fails)
        with pytest.raises(TemporaryError):
            collect(quick_city)
    assert states(quick_city) == ["kept"] * 6
    assert quick_city.run() == 0
    assert len(tickets(quick_city)) == 6
    assert {str(mail["To"]) for mail in quick_city.sent()} == {ALERTS, ADMIN, RINA}


def test_the_same_mail_at_both_desks_is_one_mail_at_each(quick_city: City) -> None:
    raw = quick_city.mail(to=f"{KOMINFO}, lpse@mail.example")
    for desk in ("kominfo", "lpse", "lpse"):
        quick_city.receive(raw, desk)
    assert quick_city.run() == 0
    assert sorted(_numbers(quick_city)) == ["KOM-2026-000001", "LPSE-2026-000001"]
    assert [
        row.n for row in rows(quick_city, "SELECT count(*) AS n FROM mail WHERE state = 'duplicate'")
    ] == [1]


def test_one_id_is_used_for_one_mail_only(quick_city: City) -> None:
    for n in range(5):
        quick_city.receive(quick_city.mail(f"<w{n}@warga.example>", subject=f"laporan {n}"))
    assert quick_city.run() == 0
    ids = [str(mail["Message-ID"]) for mail in quick_city.sent()]
    assert len(ids) == len(set(ids)) == len(templates_sent(quick_city)) == 10


def test_a_mail_whose_uid_was_given_before_by_a_server_since_restored_is_taken(quick_city: City) -> None:
    """A restored server keeps UIDVALIDITY and gives UIDs a second time."""
    for text in ("satu", "dua"):
        quick_city.receive(quick_city.mail(text=text, subject=text))
    assert quick_city.run() == 0
    with (
        quick_city.store() as store,
        store.writing() as write,
    ):  # seen before the restore: 3 and 20
        write.execute(text_of("UPDATE mail SET uid = CASE WHEN uid = 1 THEN 3 ELSE 20 END"))
    quick_city.receive(quick_city.mail(text="tiga", subject="tiga"))
    assert quick_city.run() == 0
    assert [mail["Subject"] for mail in quick_city.sent(RINA)][-1].endswith("tiga")
    assert len(quick_city.sent(RINA)) == 3


def test_a_mail_that_comes_while_we_look_is_not_taken_for_a_rebuilt_mailbox(quick_city: City) -> None:
    """Its UID is not below the UIDNEXT of the SELECT before it; old mail must not come alive for that."""
    office = quick_city.office()
    with quick_city.store() as store, open_mailbox(quick_city, "kominfo") as mailbox, reader(office) as reads:
        require_current(store)
        for text in ("satu", "dua"):
            quick_city.receive(quick_city.mail(text=text, subject=text))
            looks = [gateway.collect(office, store, mailbox, reads, "kominfo", lambda: MONDAY) for _ in "123"]
            assert sum(looks) == 1  # Dovecot shows what is new at the end of an answer
    assert rows(quick_city, "SELECT uid FROM mail ORDER BY id") == [(1,), (2,)]
