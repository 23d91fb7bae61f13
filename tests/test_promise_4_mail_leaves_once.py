"""Promise 4: mail leaves once, in order, and only an answer lost after the final dot can send it twice."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from city import ADMIN, ALERTS, RINA, City, body
from evidence import collect, mailgate, rows, tickets
from servers.sink import Stage
from turned_clock import TurnedLoop

from mailgate import gateway
from mailgate.errors import TemporaryError
from mailgate.gateway import delivering
from mailgate.outbox.retry import MOST_ENDED
from mailgate.outbox.smtp import Session
from mailgate.service import EX_TEMPFAIL
from mailgate.store import outbox
from mailgate.store.database import Store

BUDI = "Budi <budi@warga.example>"


def _states(city: City, to: str = "rina@disdik.example.go.id") -> list[str]:
    found = rows(city, "SELECT state FROM outbox WHERE recipient = :to ORDER BY seq", to=to)
    return [row.state for row in found]


def _ids(city: City, to: str) -> list[str]:
    return [str(mail["Message-ID"]) for mail in city.sent(to)]


def _later(city: City, minutes: float = 31) -> int:
    city.now += timedelta(minutes=minutes)
    return city.run()


def test_a_mail_whose_answer_was_lost_is_repeated_under_the_same_id(city: City) -> None:
    city.sink.rule(Stage.DOT, drop=True, recorded=True, recipient="rina@disdik.example.go.id", times=1)
    city.receive(city.mail())
    assert city.run() == 0
    assert _states(city) == ["uncertain"]
    assert len(city.sent(ADMIN)) == 1

    assert _later(city) == 0
    assert _states(city) == ["sent"]
    first, second = city.sink.received[0].data, city.sink.received[-1].data
    assert len(_ids(city, RINA)) == 2
    assert first == second
    assert _later(city, 600) == 0
    assert len(city.sent()) == 3


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA])
@pytest.mark.parametrize("how", [{"code": 451}, {"drop": True}])
def test_trouble_before_the_mail_was_handed_over_never_sends_it_twice(
    quick_city: City, stage: Stage, how: dict[str, int | bool]
) -> None:
    quick_city.sink.rule(stage, times=1, **how)  # type: ignore[arg-type]  # a table's values
    quick_city.receive(quick_city.mail())
    assert quick_city.run() == 0
    assert _later(quick_city) == 0
    assert _later(quick_city) == 0
    assert (len(_ids(quick_city, RINA)), len(_ids(quick_city, ADMIN))) == (1, 1)


def test_a_connection_that_breaks_in_the_middle_of_a_mail_sends_it_once(quick_city: City) -> None:
    quick_city.sink.rule(Stage.BODY, drop=True, recipient="rina@disdik.example.go.id", times=1)
    quick_city.receive(quick_city.mail())
    assert quick_city.run() == 0
    assert _states(quick_city) == ["uncertain"]
    assert _later(quick_city) == 0
    assert len(_ids(quick_city, RINA)) == 1


def test_a_server_that_never_answers_is_left_and_the_others_get_their_mail(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = TurnedLoop()
    monkeypatch.setattr(asyncio.events, "new_event_loop", lambda: loop)
    monkeypatch.setattr(delivering, "IMPATIENT_SECONDS", 0.05)
    rule = quick_city.sink.rule(Stage.DOT, hang=True, recipient="rina@disdik.example.go.id", times=1)
    quick_city.receive(quick_city.mail())
    quick_city.receive(quick_city.mail(BUDI, subject="lain"))
    with ThreadPoolExecutor() as pool, ExitStack() as at_the_end:
        at_the_end.callback(rule.release)
        running = pool.submit(quick_city.run)
        quick_city.sink.wait_for_hit(rule)
        while len(rows(quick_city, "SELECT seq FROM outbox WHERE state = 'sent'")) < 3:
            time.sleep(0.01)
        while not running.done():
            loop.turn(601)  # RFC 5321, section 4.5.3.2.6: ten minutes for the answer to the final dot
            wait([running], timeout=1)
        assert running.result() == 0
    assert _states(quick_city) == ["uncertain"]
    assert len(_ids(quick_city, BUDI)) == 1
    assert len(_ids(quick_city, ADMIN)) == 2


def test_one_dead_address_holds_up_nobody(city: City) -> None:
    city.sink.rule(Stage.RCPT, code=450, recipient="rina@disdik.example.go.id")
    for n, author in enumerate((RINA, BUDI, "Sari <sari@warga.example>")):
        city.receive(city.mail(author, subject=f"laporan {n}"))
    assert city.run() == 0
    assert [len(_ids(city, to)) for to in (RINA, BUDI, "sari@warga.example", ADMIN)] == [0, 1, 1, 3]
    assert _states(city) == ["deferred"]


def test_mail_about_one_ticket_reaches_one_person_in_order_however_often_it_is_deferred(city: City) -> None:
    notification = city.new_ticket()
    grey = city.sink.rule(Stage.RCPT, code=451, recipient="rina@disdik.example.go.id", times=2)
    for words in ("Kami periksa.", "Kabelnya putus.", "#selesai\nSudah diganti."):
        city.receive(city.answer(notification, ADMIN, words))
        assert city.run() == 0
    assert len(city.sent(RINA)) == 1, "nothing overtakes a deferred mail"
    for _ in range(3):
        assert _later(city, 40) == 0
    assert grey.hits == 2
    told = [body(mail) for mail in city.sent(RINA)[1:]]
    assert len(told) == 3
    assert all(
        words in one
        for words, one in zip(("Kami periksa.", "Kabelnya putus.", "Sudah diganti."), told, strict=True)
    )
    assert len(set(_ids(city, RINA))) == 4


def test_a_deferred_mail_keeps_its_id_and_its_bytes_when_the_template_changes(quick_city: City) -> None:
    own = quick_city.base / "templates" / "id"
    own.mkdir(parents=True)
    quick_city.sink.rule(Stage.RCPT, code=451, recipient="rina@disdik.example.go.id", times=1)
    quick_city.receive(quick_city.mail())
    assert quick_city.run() == 0
    (written,) = rows(quick_city, "SELECT raw FROM outbox WHERE template = 'acknowledgement'")
    quick_city.tables["service"]["templates"] = str(own.parent)
    (own / "acknowledgement.body.txt").write_text("Lain sama sekali.\n")
    assert _later(quick_city) == 0
    assert quick_city.sink.received[-1].data == bytes(written.raw)


def test_a_refused_login_defers_everything_and_fails_nothing(quick_city: City) -> None:
    quick_city.sink.users = {"desk": "yang baru"}
    (quick_city.base / "smtp").write_text("yang lama")
    (quick_city.base / "smtp").chmod(0o600)
    quick_city.tables["desks"]["kominfo"]["smtp"] |= {
        "user": "desk",
        "password": f"file:{quick_city.base / 'smtp'}",
    }
    quick_city.receive(quick_city.mail())
    assert quick_city.run() == EX_TEMPFAIL
    assert _states(quick_city) == ["ready"]
    (quick_city.base / "smtp").write_text("yang baru")
    assert quick_city.run() == 0
    assert len(quick_city.sent(RINA)) == 1


def test_a_server_that_is_down_keeps_nothing_but_its_own_mail(quick_city: City) -> None:
    quick_city.tables["desks"]["lpse"]["smtp"]["port"] = 1
    quick_city.receive(quick_city.mail())
    quick_city.receive(quick_city.mail(BUDI, to="lpse@mail.example"), "lpse")
    assert quick_city.run() == EX_TEMPFAIL
    assert len(quick_city.sent(RINA)) == 1
    assert _states(quick_city, "budi@warga.example") == ["ready"]
    quick_city.tables["desks"]["lpse"]["smtp"]["port"] = quick_city.sink.port
    assert quick_city.run() == 0
    assert len(quick_city.sent(BUDI)) == 1


def test_a_refusal_is_told_to_staff_once_and_a_refused_staff_mail_to_nobody(city: City) -> None:
    city.sink.rule(Stage.RCPT, code=550, text="5.1.1 no such user", recipient="rina@disdik.example.go.id")
    city.receive(city.mail())
    assert city.run() == 0
    _, told = city.sent(ADMIN)
    assert "no such user" in body(told)
    city.sink.rule(Stage.RCPT, code=550, recipient="admin1@pyk.example.go.id")
    city.receive(city.mail(BUDI, subject="lain"))
    assert city.run() == 0
    assert _later(city, 600) == 0
    assert len(city.sent(ADMIN)) == 2
    assert _states(city, "admin1@pyk.example.go.id") == ["sent", "sent", "failed"]


def test_a_mail_that_left_is_not_sent_again_when_nobody_can_be_told_that_another_failed(city: City) -> None:
    """The news of a failure is rendered while other mails' answers are being written down."""
    own = city.base / "templates" / "id"
    own.mkdir(parents=True)
    city.tables["service"]["templates"] = str(own.parent)
    (own / "notification.body.txt").write_text(
        "{% if letter.notice == 'undeliverable' %}{{ ticket.tidak_ada }}{% endif %}{{ letter.text }}\n"
    )
    city.sink.rule(Stage.RCPT, code=550, recipient="rina@disdik.example.go.id")
    city.receive(city.mail())
    for n in range(12):
        city.receive(city.mail(f"<w{n}@warga.example>", subject=f"laporan {n}"))
    assert city.run() == 0
    assert _later(city, 60) == 0
    assert _states(city) == ["failed"]
    assert len(city.sent(ADMIN)) == 13
    assert [len(city.sent(f"w{n}@warga.example")) for n in range(12)] == [1] * 12


def test_a_mail_is_given_up_after_five_days_of_refusals_and_staff_hear_why(quick_city: City) -> None:
    day = 24 * 60
    quick_city.tables["desks"]["kominfo"]["smtp"] |= {"retry_minutes": [day]}
    quick_city.sink.rule(Stage.RCPT, code=452, text="4.2.2 full", recipient="rina@disdik.example.go.id")
    quick_city.receive(quick_city.mail())
    assert quick_city.run() == 0
    for minutes in (day, 9 * day, day, day):  # the machine was off for a while, which nobody refused
        assert _later(quick_city, minutes) == 0
    assert _states(quick_city) == ["deferred"]
    for _ in range(2):
        assert _later(quick_city, day) == 0
    assert _states(quick_city) == ["failed"]
    assert "4.2.2 full" in body(quick_city.sent(ADMIN)[-1])


def test_an_admin_tries_again_and_the_mail_leaves_once_with_its_old_id(quick_city: City) -> None:
    rule = quick_city.sink.rule(Stage.RCPT, code=550, recipient="rina@disdik.example.go.id", times=1)
    quick_city.receive(quick_city.mail())
    assert quick_city.run() == 0
    assert rule.hits == 1
    (ticket,) = tickets(quick_city)
    failed = next(one for one in ticket["outgoing"] if one["state"] == "failed")
    done = mailgate(quick_city, "outbox", "retry", failed["message_id"])
    assert done.returncode == 0, done.stderr
    quick_city.now = datetime.now(UTC) + timedelta(hours=1)  # `outbox retry` knows the wall clock only
    assert quick_city.run() == 0
    assert _ids(quick_city, RINA) == [f"<{failed['message_id']}>"]


def test_who_ends_before_the_answer_was_written_down_sends_it_again_under_the_same_id(city: City) -> None:
    """What the next start finds: a mail on its way whose answer nobody noted."""
    city.receive(city.mail())
    office = city.office()

    def fails(*_arguments: object) -> None:
        raise TemporaryError("the test ends it here")

    def clock() -> datetime:
        return city.now.astimezone(UTC)

    with pytest.MonkeyPatch.context() as killed, city.store() as store:
        collect(city)
        killed.setattr(outbox, "settle", fails)
        with pytest.raises(TemporaryError):
            asyncio.run(gateway.deliver(office, store, "kominfo", "dead:1", clock, lambda: False))
    first = len(_ids(city, RINA))
    assert _states(city) == ["sending"]
    assert city.run() == 0
    assert _states(city) == ["uncertain"]
    assert _later(city) == 0
    assert _states(city) == ["sent"]
    assert len(_ids(city, RINA)) == first + 1
    assert len(set(_ids(city, RINA))) == 1


def test_a_mail_at_which_mailgate_ends_each_time_is_given_up_and_everybody_hears_of_it(
    quick_city: City,
) -> None:
    quick_city.receive(quick_city.mail())
    collect(quick_city)
    for _ in range(MOST_ENDED):
        now = quick_city.now.astimezone(UTC)
        with quick_city.store() as store, store.writing() as write:
            one = next(one for one in outbox.claim(write, "kominfo", "dead:1", now, 50) if one.number)
            assert one.template == "acknowledgement"
            assert outbox.begin_data(write, one.seq, "dead:1", now)
            assert outbox.recover(write, now, alone=True) == 1
        quick_city.now += timedelta(hours=2)
    assert quick_city.run() == 0
    assert _states(quick_city) == ["failed"]
    assert quick_city.sent(RINA) == []
    assert len(quick_city.sent(ADMIN)) == 2, "the report, and that nobody knows whether its answer arrived"
    (told,) = (" ".join(body(mail).split()) for mail in quick_city.sent(ALERTS))
    (ticket,) = tickets(quick_city)
    (failed,) = [one for one in ticket["outgoing"] if one["state"] == "failed"]
    assert "5 times in a row; it may have arrived" in told
    assert f"mailgate outbox retry {failed['message_id'].partition('@')[0]}" in told
    assert "undeliverable" in [event["what"] for event in ticket["events"]]

    assert mailgate(quick_city, "outbox", "retry", failed["message_id"]).returncode == 0
    quick_city.now += timedelta(days=365)  # `outbox retry` knows the wall clock only
    assert quick_city.run() == 0
    assert _ids(quick_city, RINA) == [f"<{failed['message_id']}>"]


def test_an_answer_that_could_not_be_noted_is_noted_when_the_database_is_back(quick_city: City) -> None:
    for n in range(12):
        quick_city.receive(quick_city.mail(f"<w{n}@warga.example>", subject=f"laporan {n}"))
    office, unwritten = quick_city.office(), gateway.Unwritten()

    def away(*_arguments: object, **_named: object) -> None:
        raise TemporaryError("database: away")

    def passes(store: Store) -> int:
        def clock() -> datetime:
            return quick_city.now.astimezone(UTC)

        return asyncio.run(gateway.deliver(office, store, "kominfo", "one", clock, bool, unwritten))

    with quick_city.store() as store:
        collect(quick_city)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(outbox, "settle", away)
            patched.setattr(outbox, "release", away)
            for _ in range(2):
                with pytest.raises(TemporaryError, match="away"):
                    passes(store)
        taken = len(quick_city.sent())
        assert 0 < taken < 24
        assert passes(store) == 24 - taken, "the rest, and at once: nothing waits for a claim to run out"
    assert rows(quick_city, "SELECT DISTINCT state, attempts FROM outbox") == [("sent", 1)]
    assert len(quick_city.sent()) == 24


def test_a_server_that_takes_one_connection_at_a_time_gets_all_mail_and_is_no_trouble(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Narrow(Session):
        taken = 0

        async def __aenter__(self) -> "Narrow":
            if Narrow.taken:
                raise TemporaryError("421 4.7.0 too many connections from you")
            Narrow.taken += 1
            return await super().__aenter__()

        async def __aexit__(self, *why: Any) -> None:
            Narrow.taken -= 1
            await super().__aexit__(*why)

    monkeypatch.setattr(delivering, "Session", Narrow)
    for n in range(12):
        quick_city.receive(quick_city.mail(f"<w{n}@warga.example>", subject=f"laporan {n}"))
    assert quick_city.run() == 0
    assert len(quick_city.sent()) == 24


def test_a_doubt_outlives_an_attempt_that_never_came_as_far_as_data(quick_city: City) -> None:
    """Only an answer to DATA settles it: until then the admin has to see that a mail may have gone out."""
    quick_city.sink.rule("dot", recipient="rina@disdik.example.go.id", drop=True, recorded=True, times=1)
    quick_city.receive(quick_city.mail())
    assert quick_city.run() == 0
    acknowledged = "SELECT state FROM outbox WHERE template = 'acknowledgement'"
    assert rows(quick_city, acknowledged) == [("uncertain",)]

    quick_city.sink.rule("rcpt", recipient="rina@disdik.example.go.id", code=450, times=1)
    quick_city.now += timedelta(minutes=10)
    assert quick_city.run() == 0
    assert rows(quick_city, acknowledged) == [("uncertain",)]

    quick_city.sink.stop()
    quick_city.now += timedelta(minutes=30)
    assert quick_city.run() == EX_TEMPFAIL
    assert rows(quick_city, acknowledged) == [("uncertain",)]

    quick_city.sink.start()
    quick_city.now += timedelta(minutes=30)
    assert quick_city.run() == 0
    assert rows(quick_city, acknowledged) == [("sent",)]
    first, second = quick_city.sent(RINA)
    assert first["Message-ID"] == second["Message-ID"]


def test_a_server_that_hangs_on_one_recipient_holds_up_nobody_else(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "IMPATIENT_SECONDS", 0.05)
    hanging = quick_city.sink.rule("dot", recipient="rina@disdik.example.go.id", hang=True, times=1)
    quick_city.receive(quick_city.mail())
    with ThreadPoolExecutor() as pool, ExitStack() as at_the_end:
        at_the_end.callback(hanging.release)
        running = pool.submit(quick_city.run)
        quick_city.sink.wait_for(1)
        assert len(quick_city.sent(ADMIN)) == 1
        hanging.release()
        assert running.result(60) == 0
    assert len(quick_city.sent(RINA)) == 1


def test_a_deferred_mail_is_tried_again_by_the_ladder_of_its_desk(quick_city: City) -> None:
    quick_city.tables["desks"]["kominfo"]["smtp"] |= {"retry_minutes": [2, 7], "give_up_days": 1}
    quick_city.sink.rule(Stage.RCPT, code=451, recipient="rina@disdik.example.go.id", times=2)
    quick_city.receive(quick_city.mail())
    assert quick_city.run() == 0
    for minutes, reached in ((1, 0), (1, 0), (6, 0), (1, 1)):
        assert _later(quick_city, minutes) == 0
        assert len(_ids(quick_city, RINA)) == reached


def test_an_address_that_the_relay_cannot_carry_is_told_to_staff(quick_city: City) -> None:
    """RFC 6531, section 3.2: the ticket is there, and nobody waits for an answer that cannot come."""
    quick_city.receive(quick_city.mail("Rína <rína@warga.example>"))
    assert quick_city.run() == 0
    assert _later(quick_city) == 0
    (told,) = (body(mail) for mail in quick_city.sent(ADMIN) if "5.6.7" in body(mail))
    assert "rína@warga.example" in told
    assert len(quick_city.sent()) == 2
