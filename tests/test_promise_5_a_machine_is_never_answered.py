"""Promise 5: no machine gets an answer, and nothing makes us send without bound."""

from collections import Counter
from datetime import timedelta

import pytest
from city import ADMIN, ALERTS, KOMINFO, LPSE, RINA, City, address, body
from evidence import bounce, folders, rows, states, tickets

ROBOT = "Sistem <sistem@pantau.example>"
DEEP = b"".join(
    b"--x%d\r\nContent-Type: multipart/mixed; boundary=x%d\r\n\r\n" % (n, n + 1) for n in range(3000)
)

MACHINES: dict[str, dict[str, str]] = {
    "auto-generated": {"auto_submitted": "auto-generated"},
    "auto-replied": {"auto_submitted": "auto-replied"},
    "auto-notified": {"auto_submitted": 'auto-notified; owner-email="x@y.example"'},
    "a comment before the word": {"auto_submitted": "(by cron) auto-generated"},
    "null return path": {"return_path": "<>"},
    "precedence bulk": {"precedence": "bulk"},
    "precedence list": {"precedence": "list"},
    "precedence junk": {"precedence": "Junk"},
    "precedence auto_reply": {"precedence": "auto_reply"},
    "list-id": {"list_id": "<warga.lists.example>"},
    "list-unsubscribe": {"list_unsubscribe": "<mailto:keluar@lists.example>"},
    "x-autoreply": {"x_autoreply": "yes"},
    "x-auto-response-suppress": {"x_auto_response_suppress": "All"},
    "read receipt": {
        "content_type": 'multipart/report; report-type=disposition-notification; boundary="x"',
        "subject": "Read: Jaringan mati",
        "text": "--x\n\nDibaca.\n--x\nContent-Type: message/disposition-notification\n\nX: y\n--x--\n",
    },
    "calendar answer": {"content_type": "text/calendar; method=REPLY"},
}
WRITERS = (
    "noreply@toko.example",
    "no-reply@toko.example",
    "donotreply@toko.example",
    "MAILER-DAEMON@relay.example",
    "postmaster@relay.example",
    "owner-warga@lists.example",
    "warga-request@lists.example",
    f"Help Desk <{KOMINFO}>",
    f"Help Desk <{LPSE}>",
)


def test_a_mail_that_says_it_is_a_machines_gets_no_answer(quick_city: City) -> None:
    robots = {f"{mark.replace(' ', '-')}@pantau.example": MACHINES[mark] for mark in MACHINES}
    for robot, marks in robots.items():
        quick_city.receive(quick_city.mail(robot, **({"subject": robot} | marks)))
    quick_city.receive(quick_city.mail(subject="manusia"))
    assert quick_city.run() == 0
    assert len(quick_city.sent(RINA)) == 1
    assert [robot for robot in robots if quick_city.sent(robot)] == []
    assert {str(mail["To"]) for mail in quick_city.sent()} <= {ADMIN, RINA}
    assert folders(quick_city) == [0, len(robots) + 1, 0]


def test_an_address_where_nobody_reads_gets_no_answer(quick_city: City) -> None:
    for writer in WRITERS:
        quick_city.receive(quick_city.mail(writer, subject=writer, return_path=f"<{address(writer)}>"))
    assert quick_city.run() == 0
    assert [writer for writer in WRITERS if quick_city.sent(writer)] == []
    assert {str(mail["To"]) for mail in quick_city.sent()} == {ADMIN}
    assert folders(quick_city) == [0, len(WRITERS), 0]


def test_a_person_who_says_so_is_answered(quick_city: City) -> None:
    quick_city.receive(quick_city.mail(auto_submitted="no", x_auto_response_suppress="OOF"))
    assert quick_city.run() == 0
    assert len(quick_city.sent(RINA)) == 1


def test_an_absence_notice_to_our_acknowledgement_is_kept_and_told_to_nobody(city: City) -> None:
    city.new_ticket()
    (acknowledgement,) = city.sent(RINA)
    before = len(city.sent())
    city.receive(city.answer(acknowledgement, RINA, "Saya sedang cuti.", auto_submitted="auto-replied"))
    assert city.run() == 0
    assert len(city.sent()) == before
    (ticket,) = tickets(city)
    assert [one["kind"] for one in ticket["messages"]] == ["request", "automatic"]
    assert ticket["status"] == "new"


def test_an_absence_notice_of_staff_is_never_relayed(city: City) -> None:
    notification = city.new_ticket()
    before = len(city.sent())
    city.receive(city.answer(notification, ADMIN, "#selesai\nSaya cuti.", auto_submitted="auto-replied"))
    assert city.run() == 0
    assert len(city.sent()) == before
    (ticket,) = tickets(city)
    assert ticket["status"] == "new"


def test_a_dead_requester_is_told_to_staff_once_however_many_reports_come(city: City) -> None:
    city.new_ticket()
    (acknowledgement,) = city.sent(RINA)
    for action, status in (("delayed", "4.4.1"), ("failed", "5.1.1"), ("failed", "5.1.2")):
        city.receive(bounce(acknowledgement, "rina@disdik.example.go.id", action, status))
        assert city.run() == 0
    assert len(city.sent(RINA)) == 1
    _, told = city.sent(ADMIN)
    assert "5.1.1" in body(told)
    (ticket,) = tickets(city)
    assert "undeliverable" in [event["what"] for event in ticket["events"]]


def test_a_dead_staff_address_gets_nothing_more_and_who_runs_the_service_hears_once(city: City) -> None:
    notification = city.new_ticket()
    before = len(city.sent("admin1@pyk.example.go.id"))
    for status in ("5.1.1", "5.1.2"):
        city.receive(bounce(notification, "admin1@pyk.example.go.id", "failed", status))
        assert city.run() == 0
    assert len(city.sent("admin1@pyk.example.go.id")) == before
    (alert,) = city.sent(ALERTS)
    assert "5.1.1" in body(alert)
    (ticket,) = tickets(city)
    assert "undeliverable" in [event["what"] for event in ticket["events"]]


def test_a_dead_alert_address_sends_nothing_at_all(quick_city: City) -> None:
    quick_city.receive(b"Content-Type: multipart/mixed; boundary=x0\r\n\r\n" + DEEP)
    assert quick_city.run() == 0
    (alert,) = quick_city.sent("ops@pyk.example.go.id")
    quick_city.receive(bounce(alert, "ops@pyk.example.go.id"))
    quick_city.now += timedelta(hours=3)
    assert quick_city.run() == 0
    assert len(quick_city.sent()) == 1


def test_a_forged_report_changes_nothing(quick_city: City) -> None:
    quick_city.new_ticket()
    (acknowledgement,) = quick_city.sent(RINA)
    before, ticket = len(quick_city.sent()), tickets(quick_city)
    real = bounce(acknowledgement, "rina@disdik.example.go.id")
    ours = str(acknowledgement["Message-ID"])[1:-1].encode()
    for forged in (
        bounce(acknowledgement, "kadis@pyk.example.go.id"),  # it never went there
        real.replace(ours, b"a" * 26 + ours[26:]),  # we never sent it
        real.replace(b"Message-ID: <" + ours + b">\r\nSubject: x", b"Subject: x"),  # it says not which mail
    ):
        assert forged != real
        quick_city.receive(forged.replace(b"<report.", f"<{hash(forged)}.".encode()))
    assert quick_city.run() == 0
    assert states(quick_city) == ["decided"] * 4
    assert len(quick_city.sent()) == before
    assert tickets(quick_city) == ticket


def _stripped(raw: bytes, *, also_the_thread: bool) -> bytes:
    """What a gateway leaves that knows none of our marks."""
    lost = ["auto-submitted", "x-auto-response-suppress", "precedence", "return-path"]
    lost += ["in-reply-to", "references", "message-id"] if also_the_thread else []
    head, _, text = raw.partition(b"\r\n\r\n")
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n")
    kept = [line for line in unfolded if line.partition(b":")[0].decode().lower() not in lost]
    return b"\r\n".join(kept) + b"\r\n\r\n" + text


@pytest.mark.parametrize("also_the_thread", [False, True])
def test_two_mailgates_that_face_each_other_fall_silent(quick_city: City, also_the_thread: bool) -> None:
    """Each desk stands for another office's gateway: it does not know the other's address as its own."""
    other = {"address": "layanan@lain.example", "aliases": []}
    quick_city.tables["desks"]["lpse"] |= other
    quick_city.receive(quick_city.mail(f"Layanan <{LPSE}>"))
    delivered, sent_in_each_round = 0, []
    for _ in range(8):
        assert quick_city.run() == 0
        new, delivered = quick_city.sink.received[delivered:], len(quick_city.sink.received)
        sent_in_each_round.append(len(new))
        for mail in new:  # what went to the other side comes back from it as an answer of its own
            if mail.rcpt_to == (LPSE,):
                raw = _stripped(mail.data, also_the_thread=also_the_thread)
                quick_city.receive(_from(raw, LPSE))
    assert sent_in_each_round[-1] == 0, sent_in_each_round
    assert len(quick_city.sent(LPSE)) <= 4


def _from(raw: bytes, author: str) -> bytes:
    lines = raw.split(b"\r\n")
    changed = [
        f"From: <{author}>".encode()
        if line.lower().startswith(b"from:")
        else f"To: <{KOMINFO}>".encode()
        if line.lower().startswith(b"to:")
        else line
        for line in lines
    ]
    return b"\r\n".join(changed)


def test_our_two_desks_never_answer_each_other(city: City) -> None:
    city.receive(city.mail(f"Help Desk LPSE <{LPSE}>", auto_submitted="", return_path=f"<{LPSE}>"))
    city.receive(city.mail(f"Help Desk <{KOMINFO}>", to=LPSE, return_path=f"<{KOMINFO}>"), "lpse")
    assert city.run() == 0
    assert city.sent(LPSE) == []
    assert city.sent(KOMINFO) == []


def test_our_own_mail_that_comes_back_opens_nothing(quick_city: City) -> None:
    quick_city.new_ticket()
    for mail in quick_city.sink.received:
        quick_city.receive(mail.data)
        quick_city.receive(mail.data, "lpse")
    before = len(quick_city.sent())
    assert quick_city.run() == 0
    assert len(quick_city.sent()) == before
    assert len(tickets(quick_city)) == 1


def test_thirty_mails_of_one_sender_in_an_hour_are_all_kept_and_few_are_answered(city: City) -> None:
    city.tables["limits"] = {"notices_per_sender_per_hour": 6, "flood_mails_per_minute": 100}
    for n in range(30):
        city.receive(city.mail(subject=f"laporan {n}", text=f"Isi {n}.\n"))
    assert city.run() == 0
    assert 1 <= len(city.sent(RINA)) <= 4
    assert 1 <= len(city.sent(ADMIN)) <= 6
    kept = [one["text"].strip() for ticket in tickets(city) for one in ticket["messages"]]
    assert sorted(kept) == sorted(f"Isi {n}." for n in range(30))
    assert folders(city) == [0, 30, 0]

    city.now += timedelta(minutes=61)
    city.receive(city.mail(subject="sejam kemudian"))
    before = len(city.sent(RINA))
    assert city.run() == 0
    assert len(city.sent(RINA)) == before + 1


def test_a_storm_of_equal_mails_becomes_few_tickets_and_keeps_every_word(quick_city: City) -> None:
    quick_city.tables["limits"] = {"flood_mails_per_minute": 100}
    for n in range(12):
        quick_city.receive(quick_city.mail(ROBOT, f"Suhu {n} derajat.\n", "ALARM ruang server"))
    assert quick_city.run() == 0
    found = tickets(quick_city)
    assert len(found) == 3
    assert sum(len(ticket["messages"]) for ticket in found) == 12


def test_a_desk_sends_no_more_than_its_hourly_number_of_automatic_mails_whoever_writes(
    quick_city: City,
) -> None:
    quick_city.tables["limits"] = {"automatic_per_desk_per_hour": 10}
    for n in range(20):
        quick_city.receive(quick_city.mail(f"<w{n}@warga.example>", subject=f"laporan {n}"))
    assert quick_city.run() == 0
    assert len(tickets(quick_city)) == 20
    assert len(quick_city.sent()) == 10 + len(quick_city.sent(ALERTS)) == 11
    assert len(rows(quick_city, "SELECT seq FROM outbox WHERE state = 'ready'")) == 30, "held, not dropped"


def test_two_absence_notices_without_any_mark_do_not_play_for_ever(quick_city: City) -> None:
    """Requester and admin are both away, and both programs mark nothing."""
    quick_city.tables["limits"] = {"notices_per_sender_per_hour": 3}
    quick_city.new_ticket()
    played, rounds = 0, Counter[str]()
    for n in range(9):
        new, played = quick_city.sent()[played:], len(quick_city.sent())
        for mail in new:
            who = str(mail["To"])
            rounds[who] += 1
            quick_city.receive(quick_city.answer(mail, who, f"Saya sedang cuti ({n})."))
        assert quick_city.run() == 0
    assert len(quick_city.sent()) == played, rounds
    assert "aside" not in states(quick_city)


def test_one_mail_to_both_desks_is_acknowledged_by_the_one_named_first(city: City) -> None:
    raw = city.mail(to=LPSE, cc=KOMINFO)
    city.receive(raw)
    city.receive(raw, "lpse")
    assert city.run() == 0
    (acknowledgement,) = city.sent(RINA)
    assert "LPSE-2026-000001" in acknowledgement["Subject"]
    kominfo, lpse = tickets(city)
    assert (kominfo["links"], lpse["links"]) == ([lpse["number"]], [kominfo["number"]])


def test_a_blind_copy_is_a_silent_ticket(quick_city: City) -> None:
    quick_city.receive(quick_city.mail(to="walikota@pyk.example.go.id"))
    assert quick_city.run() == 0
    assert quick_city.sent(RINA) == []
    assert len(quick_city.sent(ADMIN)) == 1
