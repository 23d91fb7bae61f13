"""Is somebody told when mail does not arrive, and does nobody write to a dead address for ever?"""

import json
from collections.abc import Iterator
from datetime import UTC, timedelta
from email.message import EmailMessage

import pytest
from city import ADMIN, ADMIN_TWO, ALERTS, RINA, TECHNICIAN, City, address, body, furnish
from evidence import bounce, mailgate, rows, tickets
from indoors import Indoors, indoors
from servers.sink import Stage
from sqlalchemy import text

from mailgate.desk import brakes
from mailgate.store import outbox

RINA_ADDRESS = address(RINA)


@pytest.fixture
def town() -> Iterator[Indoors]:
    with indoors() as city:
        furnish(city.tables["desks"])
        yield city


def new_ticket(city: City) -> tuple[EmailMessage, EmailMessage]:
    """The acknowledgement and the admin's notification of a new ticket of Rina's."""
    city.receive(city.mail())
    city.run()
    return city.sent(RINA)[-1], city.sent(ADMIN)[-1]


def unreachable(city: City) -> list[str]:
    return [row.address for row in rows(city, "SELECT address FROM unreachable ORDER BY address")]


def templates_to(city: City, who: str) -> list[str]:
    found = rows(city, "SELECT template FROM outbox WHERE recipient = :who ORDER BY seq", who=address(who))
    return [row.template for row in found]


def not_sent(city: City) -> list[str]:
    events = [event for ticket in tickets(city) for event in ticket["events"]]
    return [event["reason"] for event in events if event["what"] == "not_sent"]


def test_nothing_automatic_goes_to_a_requester_whose_mail_comes_back_and_words_of_staff_do(
    town: Indoors,
) -> None:
    acknowledgement, told = new_ticket(town)
    town.receive(bounce(acknowledgement, RINA_ADDRESS))
    town.run()
    assert unreachable(town) == [RINA_ADDRESS]
    town.receive(town.answer(told, ADMIN, "#tanya\nLantai berapa?"))
    town.run()
    town.now += timedelta(days=30)
    town.run()
    assert templates_to(town, RINA) == ["acknowledgement", "question"]


def test_a_reminder_that_time_would_send_to_a_dead_address_stays_and_the_ticket_says_so(
    town: Indoors,
) -> None:
    town.tables["desks"]["kominfo"]["escalations"] = [
        {"when": "pending 1 service hours", "do": ["remind requester"]}
    ]
    acknowledgement, told = new_ticket(town)
    town.receive(town.answer(told, ADMIN, "#tanya\nLantai berapa?"))
    town.run()
    town.receive(bounce(acknowledgement, RINA_ADDRESS))
    town.run()
    town.now += timedelta(hours=3)
    town.run()
    assert templates_to(town, RINA) == ["acknowledgement", "question"]
    (reason,) = not_sent(town)
    assert "question to rina@disdik.example.go.id: mail to it comes back since 2026-08-03" in reason


@pytest.mark.parametrize("writer", ["Rina@Disdik.example.go.id", "rina+kantor@disdik.example.go.id"])
def test_a_mail_from_the_address_ends_it_however_its_owner_spells_it(town: Indoors, writer: str) -> None:
    acknowledgement, _ = new_ticket(town)
    town.receive(bounce(acknowledgement, RINA_ADDRESS))
    town.run()
    assert unreachable(town) == [RINA_ADDRESS]
    town.now += timedelta(hours=1)
    town.receive(town.mail(writer, "Sekarang printer yang rusak.", "printer"))
    town.run()
    assert unreachable(town) == []
    assert len(town.sent(writer)) == 1 + (writer == RINA_ADDRESS)


def test_a_machines_mail_from_the_address_ends_it_and_another_bounce_does_not(town: Indoors) -> None:
    acknowledgement, _ = new_ticket(town)
    town.receive(bounce(acknowledgement, RINA_ADDRESS))
    again = bounce(acknowledgement, RINA_ADDRESS, status="5.1.2")
    town.receive(again.replace(b"MAILER-DAEMON@relay.example", RINA_ADDRESS.encode()))
    town.run()
    assert unreachable(town) == [RINA_ADDRESS]
    town.receive(town.mail(RINA, "Saya sedang cuti.", auto_submitted="auto-replied"))
    town.run()
    assert unreachable(town) == []


def test_delayed_forged_and_foreign_reports_stop_nothing(town: Indoors) -> None:
    acknowledgement, _ = new_ticket(town)
    real = bounce(acknowledgement, RINA_ADDRESS)
    ours = str(acknowledgement["Message-ID"])[1:-1].encode()
    for raw in (
        bounce(acknowledgement, RINA_ADDRESS, "delayed", "4.4.1"),
        bounce(acknowledgement, "kadis@pyk.example.go.id"),
        real.replace(ours, b"a" * 26 + ours[26:]),
    ):
        town.receive(raw)
    town.run()
    assert unreachable(town) == []


def test_a_refusal_for_policy_makes_no_address_dead(town: Indoors) -> None:
    """It may meet all of the staff alike."""
    acknowledgement, _ = new_ticket(town)
    town.receive(bounce(acknowledgement, RINA_ADDRESS, status="5.7.1"))
    town.run()
    assert unreachable(town) == []
    assert "5.7.1" in body(town.sent(ADMIN)[-1])


def test_the_holder_hears_of_a_dead_requester_once_and_of_their_own_words_each_time(town: Indoors) -> None:
    acknowledgement, told = new_ticket(town)
    town.receive(town.answer(acknowledgement, RINA, "STATUS"))
    town.run()
    status = town.sent(RINA)[-1]
    before = len(town.sent(ADMIN))
    for mail in (acknowledgement, status):
        town.receive(bounce(mail, RINA_ADDRESS))
        town.run()
    assert len(town.sent(ADMIN)) == before + 1
    town.receive(town.answer(told, ADMIN, "Sudah kami perbaiki."))
    town.run()
    reply = town.sent(RINA)[-1]
    before = len(town.sent(ADMIN))
    town.receive(bounce(reply, RINA_ADDRESS))
    town.run()
    assert len(town.sent(ADMIN)) == before + 1


def test_a_dead_address_of_staff_is_tried_once_a_day_and_the_others_hear_meanwhile(town: Indoors) -> None:
    _, told = new_ticket(town)
    town.receive(bounce(told, address(ADMIN), status="5.2.2"))
    town.run()
    assert "5.2.2" in body(town.sent(ALERTS)[-1])
    before, others = len(town.sent(ADMIN)), len(town.sent(ADMIN_TWO))
    for n in range(3):
        town.receive(town.mail(f"w{n}@warga.example", f"isi {n}", f"soal {n}"))
    town.run()
    assert (len(town.sent(ADMIN)), len(town.sent(ADMIN_TWO))) == (before, others + 3)
    town.now += timedelta(hours=25)
    for n in range(3, 6):
        town.receive(town.mail(f"w{n}@warga.example", f"isi {n}", f"soal {n}"))
    town.run()
    assert len(town.sent(ADMIN)) == before + 1
    town.receive(town.answer(told, ADMIN, "#ambil"))
    town.run()
    assert unreachable(town) == []


def test_of_the_holders_dead_address_the_admins_hear(town: Indoors) -> None:
    _, told = new_ticket(town)
    town.receive(town.answer(told, ADMIN, f"#kategori infrastruktur\n#tugas {address(TECHNICIAN)}"))
    town.run()
    for mail in town.sent(TECHNICIAN):
        town.receive(bounce(mail, address(TECHNICIAN)))
    before = len(town.sent(ADMIN))
    town.run()
    assert town.sent(TECHNICIAN)
    assert "5.1.1" in body(town.sent(ADMIN)[before])


def test_who_is_dead_stands_in_the_list_and_can_be_written_to_again(town: Indoors) -> None:
    acknowledgement, _ = new_ticket(town)
    town.receive(bounce(acknowledgement, RINA_ADDRESS))
    town.run()
    (row,) = json.loads(mailgate(town, "blocked", "list", "--json").stdout)
    assert row["why"].startswith("mail comes back: 5.1.1")
    assert (row["address"], row["ticket"]) == (RINA_ADDRESS, "KOM-2026-000001")
    done = mailgate(town, "blocked", "remove", RINA_ADDRESS.upper())
    assert (done.returncode, "written to again, at 1 desk" in done.stdout) == (0, True)
    assert unreachable(town) == []
    assert mailgate(town, "blocked", "remove", RINA_ADDRESS).returncode == 1


def test_an_address_that_our_own_server_refuses_is_dead_at_once(quick_city: City) -> None:
    quick_city.sink.rule(Stage.RCPT, code=550, text="5.1.1 no such user", recipient=RINA_ADDRESS)
    quick_city.receive(quick_city.mail())
    assert quick_city.run() == 0
    assert unreachable(quick_city) == [RINA_ADDRESS]


def test_a_mail_that_was_tried_again_and_came_back_after_all_is_told_of_once_more(town: Indoors) -> None:
    """Our own server refused it, an admin mended that; then the server of the requester sent it back."""
    _, told = new_ticket(town)
    town.receive(town.answer(told, ADMIN, "Kabelnya sudah kami ganti."))
    town.run()
    reply = town.sent(RINA)[-1]
    token = str(reply["Message-ID"]).strip("<>").partition("@")[0]
    with town.store() as store, store.writing() as write:
        now = town.now.astimezone(UTC)
        write.execute(text("UPDATE outbox SET state = 'failed' WHERE token = :token"), {"token": token})
        outbox.mark_bounced(write, token, "554 5.7.1 Relay access denied", now)
        assert outbox.retry(write, token, now) == 1
        write.execute(text("UPDATE outbox SET state = 'sent' WHERE token = :token"), {"token": token})
    before = len(town.sent(ADMIN))
    town.receive(bounce(reply, RINA_ADDRESS))
    town.run()
    assert ["5.1.1" in body(mail) for mail in town.sent(ADMIN)[before:]] == [True]


@pytest.mark.parametrize(
    ("detail", "dead"),
    [
        ("RCPT TO: 550 5.1.1 no such user", True),
        ("RCPT TO: 550 5.1.1 no such user at 203.0.5.7", True),
        ("given up after 5 days; RCPT TO: 452 4.2.2 full", True),
        ("given up after 5 days; RCPT TO: 450 4.7.1 Client host rejected: cannot find your hostname", False),
        ("RCPT TO: 550 5.1.8 <desk@pyk.example.go.id>: Sender address rejected: Domain not found", False),
        ("RCPT TO: 553 5.1.7 sender", False),
        ("RCPT TO: 554 5.7.1 Relay access denied", False),
    ],
)
def test_what_the_server_has_against_us_makes_no_address_dead(detail: str, *, dead: bool) -> None:
    assert brakes.speaks_of_address(detail) is dead


def test_the_ticket_shows_to_staff_that_nothing_reaches_its_requester_until_something_comes_from_them(
    town: Indoors,
) -> None:
    acknowledgement, told = new_ticket(town)
    town.receive(bounce(acknowledgement, RINA_ADDRESS))
    town.run()
    town.receive(town.answer(told, ADMIN, "#tugas doni"))
    town.run()
    assert "Surel ke pelapor: tidak terkirim sejak Senin, 3 Agustus 2026" in body(town.sent(TECHNICIAN)[-1])
    shown = json.loads(mailgate(town, "show", "KOM-2026-000001", "--json").stdout)
    (row,) = shown["undeliverable"]
    assert (row["address"], "5.1.1" in row["detail"]) == (RINA_ADDRESS, True)
    assert f"mail to {RINA_ADDRESS} comes back since" in mailgate(town, "show", "KOM-2026-000001").stdout
    town.receive(town.answer(acknowledgement, RINA, "Kotak surat saya tadi penuh."))
    town.run()
    assert "Surel ke pelapor" not in body(town.sent(TECHNICIAN)[-1])
    assert json.loads(mailgate(town, "show", "KOM-2026-000001", "--json").stdout)["undeliverable"] == []
