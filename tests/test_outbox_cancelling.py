"""Does a ticket claim what its requester was never told, once the mail that says so is cancelled?"""

from collections.abc import Iterator
from datetime import UTC, timedelta

import pytest
from city import ADMIN, RINA, City, address, body, furnish
from evidence import mailgate, rows, tickets
from indoors import Indoors, indoors

from mailgate.gateway import cancelling, delivering
from mailgate.outbox import retry
from mailgate.store import outbox
from mailgate.views import Json


@pytest.fixture
def inside() -> Iterator[Indoors]:
    with indoors() as city:
        furnish(city.tables["desks"])
        yield city


def _after(city: Indoors, *orders: str) -> Json:
    """A ticket after an order of staff each."""
    notification = city.new_ticket()
    for order in orders:
        city.now += timedelta(minutes=1)
        city.receive(city.answer(notification, ADMIN, order))
        city.run()
    (ticket,) = tickets(city)
    return ticket


def _token(city: City, template: str, to: str = RINA) -> str:
    query = f"SELECT token FROM outbox WHERE template = '{template}' AND recipient = '{address(to)}'"
    return str(rows(city, f"{query} ORDER BY seq DESC")[0].token)


def _cancel(city: Indoors, template: str) -> Json:
    city.now += timedelta(minutes=1)
    with city.store() as store, store.writing() as write:
        now = city.now.astimezone(UTC)
        (done,) = cancelling.by_id(city.office(), write, [_token(city, template)], now)
        assert done.cancelled
    (ticket,) = tickets(city)
    return ticket


def _events(ticket: Json) -> list[str]:
    return [one["what"] for one in ticket["events"]]


def _words(city: City) -> str:
    """Of the last mail to the holder."""
    return " ".join(body(city.sent(ADMIN)[-1]).split())


def _started(city: City) -> tuple[bool, bool]:
    ((started, started_at),) = rows(city, "SELECT started, started_at FROM ticket")
    return bool(started), started_at is not None


def test_a_cancelled_start_notice_is_no_announcement_and_the_holder_hears_and_announces_again(
    inside: Indoors,
) -> None:
    ticket = _after(inside, "#jenis ANT", "#mulai")
    assert _started(inside) == (True, True)
    assert ticket["promised_due_at"]
    ticket = _cancel(inside, "started")
    assert _started(inside) == (False, False)
    assert (ticket["promised_due_at"], ticket["clock"]) == (None, "not_started")
    assert _events(ticket)[-2:] == ["cancelled", "notice_void"]
    assert "#mulai memberitahukannya lagi" in _words(inside)
    assert address(RINA) in _words(inside)
    inside.receive(inside.answer(inside.sent(ADMIN)[-1], ADMIN, "#mulai"))
    inside.run()
    assert len([mail for mail in inside.sent(RINA) if "mulai" in body(mail).lower()]) > 1
    assert _started(inside) == (True, True)


def test_all_automatic_mail_that_is_cancelled_takes_its_start_notices_back_and_tells_of_nothing_else(
    inside: Indoors,
) -> None:
    _after(inside, "#mulai")
    before = len(inside.sent(ADMIN))
    done = mailgate(inside, "outbox", "cancel", "--desk", "kominfo", "--automatic", "--yes")
    assert done.returncode == 0, done.stderr
    assert "cancelled: started to" in done.stdout
    assert _started(inside) == (False, False)
    assert len(inside.sent(ADMIN)) == before + 1, "not a storm after the storm"


def test_a_start_notice_of_which_the_requester_knows_already_stays_one(inside: Indoors) -> None:
    """They were told on the telephone; or the cancelled one was the second."""
    _after(inside, "#mulai", "#diberitahukan")
    ticket = _cancel(inside, "started")
    assert _started(inside)[0]
    assert "notice_void" not in _events(ticket)


def test_a_start_notice_that_our_own_server_refuses_is_no_announcement(inside: Indoors) -> None:
    _after(inside, "#mulai")
    now = inside.now.astimezone(UTC)
    with inside.store() as store, store.writing() as write:
        office = inside.office()
        van = delivering.Van(office, office.counters["kominfo"], None, "one", lambda: now, bool)  # type: ignore[arg-type]  # no ledger: nothing is written by it here
        while some := outbox.claim(write, "kominfo", "one", now, 50):
            for one in some:
                refused = one.template == "started"
                answer = retry.Failed("RCPT TO: 550 5.7.1 no") if refused else retry.Sent("250 ok")
                delivering._note(write, one, answer, van)
    (ticket,) = tickets(inside)
    assert "notice_void" in _events(ticket)
    assert _started(inside) == (False, False)


def test_nobody_waits_for_the_answer_to_a_question_that_was_never_asked(inside: Indoors) -> None:
    inside.tables["desks"]["kominfo"]["pause_while_pending"] = True
    _after(inside, "#jenis PWD", "#tanya\nNomor telepon Anda?")
    ((due,),) = rows(inside, "SELECT due_at FROM ticket")
    inside.now += timedelta(minutes=20)
    ticket = _cancel(inside, "question")
    assert ticket["status"] == "open"
    assert ticket["first_response_at"] is None, "nobody has answered the requester"
    assert rows(inside, "SELECT due_at, paused_seconds FROM ticket") == [(due, 0)], "no clock stood still"
    assert _events(ticket)[-2:] == ["cancelled", "question_void"]
    assert "#tanya menanyakannya lagi" in _words(inside)


def test_a_ticket_goes_on_waiting_for_a_question_that_was_asked_before_the_cancelled_one(
    inside: Indoors,
) -> None:
    _after(inside, "#tanya\nNomor telepon Anda?", "#tanya\nJuga alamat Anda?")
    assert _cancel(inside, "question")["status"] == "pending"


def test_a_survey_that_was_cancelled_with_its_resolution_may_be_asked_again(inside: Indoors) -> None:
    _after(inside, "#selesai\nSudah diperbaiki.")
    ticket = _cancel(inside, "resolution")
    assert ticket["status"] == "resolved", "the work is done; who did it decides how to tell"
    assert rows(inside, "SELECT survey_asked_at FROM ticket") == [(None,)]
    assert "membatalkan surel penyelesaian" in _words(inside)


def test_a_cancelled_acknowledgement_stands_in_the_history_and_nobody_is_bothered(inside: Indoors) -> None:
    _after(inside, "#ambil")
    before = len(inside.sent(ADMIN))
    ticket = _cancel(inside, "acknowledgement")
    assert _events(ticket)[-1] == "cancelled"
    assert len(inside.sent(ADMIN)) == before
