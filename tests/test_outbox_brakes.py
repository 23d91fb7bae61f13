"""Does mail wait where it must, do words of people leave all the same, and does somebody hear of it?"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from city import ADMIN, ALERTS, RINA, City, address, body
from evidence import mailgate, rows, tickets
from hypothesis import given
from hypothesis import strategies as st
from indoors import Indoors, indoors
from servers.sink import Stage

from mailgate import views
from mailgate.gateway import braking, delivering
from mailgate.outbox import retry
from mailgate.outbox.allowance import Facts, Hold, allowance
from mailgate.outbox.retry import Paused
from mailgate.store import cancelling, outbox, submission

MOMENT = datetime(2026, 8, 3, 2, 0, tzinfo=UTC)
COUNTS = st.integers(0, 40)
LIMIT = "5.4.5 Daily user sending limit exceeded"


@pytest.fixture
def inside() -> Iterator[Indoors]:
    with indoors() as city:
        yield city


def _people(city: City, count: int) -> None:
    for n in range(count):
        city.receive(city.mail(f"<w{n}@warga.example>", subject=f"laporan {n}"))


def _deliver(city: Indoors, desk: str = "kominfo", most: int = 50) -> list[str]:
    """What would be handed over now, each accepted; templates in their order."""
    with city.store() as store, store.writing() as write:
        office, now = city.office(), city.now.astimezone(UTC)
        load = braking.claimed(office, write, office.counters[desk], "test", now, most)
        for one in load.mails:
            assert outbox.settle(write, one.seq, retry.Sent("250 ok"), now)
        if load.probe:
            submission.lift(write, desk)
        return [one.template for one in load.mails]


def _pause(city: Indoors, hours: float = 1, desk: str = "kominfo") -> None:
    with city.store() as store, store.writing() as write:
        office, now = city.office(), city.now.astimezone(UTC)
        until = now + timedelta(hours=hours)
        braking.paused(office, write, office.counters[desk], Paused(f"550 {LIMIT}", until), now)


def _status(city: Indoors, desk: str = "kominfo") -> views.Json:
    with city.store() as store, store.reading() as look:
        found = views.status_rows(look, city.office().settings, city.now.astimezone(UTC))
    return next(one for one in found if one["desk"] == desk)


def _listed(city: Indoors, state: str | None = None) -> list[views.Json]:
    with city.store() as store, store.reading() as look:
        return views.outbox_rows(look, city.office().settings, None, state, city.now.astimezone(UTC))


def _alerts(city: City) -> list[str]:
    return [" ".join(body(mail).split()) for mail in city.sent(ALERTS)]


# --- how much may leave -----------------------------------------------------------------------------------


@given(
    per_day=COUNTS,
    day_used=COUNTS,
    per_hour=COUNTS,
    hour_used=COUNTS,
    sending=st.integers(0, 2),
    pause=st.none() | st.integers(-2, 2),
    most=st.integers(1, 50),
)
def test_no_limit_is_ever_exceeded_and_words_of_people_are_held_by_the_days_whole_budget_only(
    per_day: int, day_used: int, per_hour: int, hour_used: int, sending: int, pause: int | None, most: int
) -> None:
    until = None if pause is None else MOMENT + timedelta(hours=pause)
    may = allowance(Facts(MOMENT, per_day, day_used, per_hour, hour_used, sending, until), most)
    assert 0 <= may.automatic <= may.mails <= most
    if until is not None and until > MOMENT:
        assert (may.mails, may.hold) == (0, Hold.PAUSED)
    if until is not None:
        assert may.mails + sending <= max(sending, 1), "one mail finds out whether a pause is over"
    assert may.automatic == 0 or hour_used + may.automatic <= per_hour
    if per_day:
        assert may.mails == 0 or day_used + may.mails <= per_day
        assert may.automatic == 0 or day_used + may.automatic <= per_day - per_day // 10
    if until is None and (not per_day or day_used < per_day):
        assert may.mails > 0
    assert (may.hold is None) == (may.automatic == (1 if until is not None else most))


# --- the hour's limit -------------------------------------------------------------------------------------


def test_a_storm_is_held_and_not_dropped_and_leaves_by_itself_as_the_hour_rolls_on(inside: Indoors) -> None:
    inside.tables["limits"] = {"automatic_per_desk_per_hour": 10}
    _people(inside, 20)
    inside.run()
    assert len(tickets(inside)) == 20
    sent = _deliver(inside)
    assert sent == ["acknowledgement"] * 10, "answers leave before notices"
    assert _deliver(inside) == ["alert"]
    assert _deliver(inside) == []
    assert [row["kept_back"] for row in _listed(inside)] == ["held"] * 30
    assert (_status(inside)["held"], _status(inside)["held_by"]) == (30, "hour")
    (told,) = _alerts(inside)
    assert "automatic mail of kominfo waits" in told

    left = 0
    for _ in range(4):
        inside.now += timedelta(minutes=61)
        left += len(_deliver(inside))
        assert len(_deliver(inside)) == 0
    assert left == 30
    assert _listed(inside) == []
    assert len(_alerts(inside)) == 1, "told once in a spell"
    assert rows(inside, "SELECT held_since FROM submission WHERE desk = 'kominfo'") == [(None,)]


def test_a_reply_leaves_through_a_storm_and_takes_along_what_stands_before_it(inside: Indoors) -> None:
    inside.tables["limits"] = {"automatic_per_desk_per_hour": 1}
    _people(inside, 1)
    inside.run()
    assert _deliver(inside) == ["acknowledgement"]
    notification = inside.new_ticket()
    _people(inside, 5)
    inside.run()
    inside.receive(inside.answer(notification, ADMIN, "Sedang kami periksa."))
    inside.run()
    left = [one for _ in range(4) for one in _deliver(inside) if one != "alert"]
    assert left == ["acknowledgement", "reply"], "hers, which stands before the reply, and nobody else's"


# --- the day's budget -------------------------------------------------------------------------------------


def test_the_last_tenth_of_a_days_budget_is_kept_for_words_of_people(inside: Indoors) -> None:
    inside.tables["desks"]["kominfo"]["smtp"]["per_day"] = 20
    notification = inside.new_ticket()
    _people(inside, 15)
    inside.run()
    assert len(_deliver(inside)) == 18
    assert _deliver(inside) == ["alert"]
    assert (_status(inside)["budget_used"], _status(inside)["budget"]) == (19, 20)
    assert _status(inside)["held_by"] == "day"
    inside.receive(inside.answer(notification, ADMIN, "Sedang kami periksa."))
    inside.receive(inside.answer(notification, ADMIN, "Kabelnya putus."))
    inside.run()
    assert _deliver(inside) == ["reply"]
    assert _deliver(inside) == []
    assert "reply" in [row["template"] for row in _listed(inside, "held")]
    inside.now += timedelta(hours=24, minutes=1)
    assert _deliver(inside)[0] == "reply"
    assert len(_alerts(inside)) == 1


def test_a_mail_that_perhaps_left_counts_and_cannot_stand_in_the_way_for_ever(inside: Indoors) -> None:
    inside.tables["desks"]["kominfo"]["smtp"]["per_day"] = 1
    inside.new_ticket()
    with inside.store() as store, store.writing() as write:
        now = inside.now.astimezone(UTC)
        (one,) = outbox.claim(write, "kominfo", "test", now, 1)
        assert outbox.begin_data(write, one.seq, "test", now)
        outbox.settle(write, one.seq, retry.Uncertain("lost", now), now)
    assert _deliver(inside) == []
    inside.now += timedelta(days=1, minutes=1)
    assert _deliver(inside) == ["alert"]
    inside.now += timedelta(days=1, minutes=1)
    assert _deliver(inside) == ["acknowledgement"]


# --- the pause --------------------------------------------------------------------------------------------


def test_a_pause_holds_all_mail_then_one_is_tried_and_another_desk_tells_of_it(inside: Indoors) -> None:
    _people(inside, 3)
    inside.run()
    _pause(inside)
    assert _deliver(inside) == []
    assert {row["kept_back"] for row in _listed(inside) if row["desk"] == "kominfo"} == {"paused"}
    assert LIMIT in _status(inside)["pause_reason"]
    assert _status(inside)["paused"] == 6
    assert _deliver(inside, "lpse") == ["alert"]
    (told,) = _alerts(inside)
    assert "outgoing mail of kominfo waits until 2026-08-03 10:00" in told
    assert LIMIT in told

    inside.now += timedelta(hours=1)
    _pause(inside)  # what the first mail after it hears
    assert len(_alerts(inside)) == 1
    inside.now += timedelta(hours=1)
    assert len(_deliver(inside)) == 1
    assert _status(inside)["paused_until"] is None
    assert len(_deliver(inside)) == 5


def test_a_pause_of_the_only_desk_that_sends_is_told_when_it_is_over(inside: Indoors) -> None:
    _pause(inside, 5, "lpse")
    _pause(inside)
    assert [row.desk for row in rows(inside, "SELECT desk FROM outbox ORDER BY seq")] == ["kominfo"] * 2


# --- on a real server -------------------------------------------------------------------------------------


def test_a_servers_daily_limit_fails_no_ticket_and_nothing_is_tried_until_it_is_over(
    quick_city: City,
) -> None:
    limit = quick_city.sink.rule(Stage.DOT, code=550, text=LIMIT)
    _people(quick_city, 12)
    assert quick_city.run() == 0
    tried = limit.hits
    assert tried <= delivering.CONNECTIONS + 1  # and the other desk's mail about it
    assert quick_city.run() == 0
    assert limit.hits == tried
    states = rows(quick_city, "SELECT DISTINCT state, attempts FROM outbox")
    assert states == [("ready", 0)]

    quick_city.now += timedelta(minutes=61)
    assert quick_city.run() == 0
    assert limit.hits == tried + 2, "one mail of each desk finds out"
    quick_city.sink.clear()
    quick_city.now += timedelta(minutes=61)
    assert quick_city.run() == 0
    assert len(quick_city.sent()) == 24 + 2
    assert len(quick_city.sent(ALERTS)) == 2, "once for each desk"


def test_what_waited_for_a_week_is_not_given_up_at_its_first_refusal(quick_city: City) -> None:
    grey = quick_city.sink.rule(Stage.RCPT, code=450, recipient=address(RINA), times=1)
    quick_city.tables["desks"]["kominfo"]["smtp"]["port"] = 1
    quick_city.receive(quick_city.mail())
    quick_city.run()
    quick_city.tables["desks"]["kominfo"]["smtp"]["port"] = quick_city.sink.port
    quick_city.now += timedelta(days=7)
    assert quick_city.run() == 0
    assert grey.hits == 1
    quick_city.now += timedelta(hours=1)
    assert quick_city.run() == 0
    assert len(quick_city.sent(RINA)) == 1


POISON = "eicar-kata-beracun"


def test_staff_hear_of_a_report_whose_words_the_server_refuses_without_those_words(quick_city: City) -> None:
    refusing = quick_city.sink.rule(
        Stage.DOT, code=554, text=f"5.7.1 {POISON} found", recipient=address(ADMIN), times=1
    )
    author = f"{POISON} <{address(RINA)}>"
    quick_city.receive(quick_city.mail(author, f"Isi {POISON}.\n", f"Perihal {POISON}"))
    assert quick_city.run() == 0
    assert refusing.hits == 1
    (told,) = quick_city.sent(ADMIN)
    (ticket,) = tickets(quick_city)
    assert POISON not in told.as_string()
    assert "554 5.7.1" in body(told)
    assert f"mailgate show {ticket['number']}" in " ".join(body(told).split())
    assert [event["what"] for event in ticket["events"]].count("content_refused") == 1
    first, second = rows(
        quick_city, "SELECT state, reduced, mail_id FROM outbox WHERE audience = 'staff' ORDER BY seq"
    )
    assert (first.state, bool(first.reduced), second.state, bool(second.reduced)) == (
        "failed", False, "sent", True,
    )  # fmt: skip
    assert first.mail_id == second.mail_id

    quick_city.receive(quick_city.answer(told, ADMIN, "Sudah kami terima."))
    assert quick_city.run() == 0
    assert "Sudah kami terima." in body(quick_city.sent(RINA)[-1]), "its id proves as that of any other"


def test_a_server_that_refuses_even_the_reduced_mail_is_asked_no_third_time(quick_city: City) -> None:
    refusing = quick_city.sink.rule(Stage.DOT, code=554, text="5.7.1 no", recipient=address(ADMIN))
    quick_city.receive(quick_city.mail())
    assert quick_city.run() == 0
    assert quick_city.run() == 0
    assert refusing.hits == 2
    assert "5.7.1" in body(quick_city.sent(ALERTS)[0])


# --- cancelling -------------------------------------------------------------------------------------------


def test_a_cancelled_mail_never_leaves_and_what_comes_after_it_need_not_wait(inside: Indoors) -> None:
    notification = inside.new_ticket()
    inside.receive(inside.answer(notification, ADMIN, "Sedang kami periksa."))
    inside.run()
    (token,) = [
        row.token for row in rows(inside, "SELECT token FROM outbox WHERE template = 'acknowledgement'")
    ]
    now = inside.now.astimezone(UTC)
    with inside.store() as store, store.writing() as write:
        done, missing = cancelling.by_id(write, [token, "nobody@x"], now)
        assert (done.cancelled, missing.cancelled) == (True, False)
        assert not cancelling.by_id(write, [token], now)[0].cancelled
    assert "acknowledgement" not in [one for _ in range(3) for one in _deliver(inside)]
    assert rows(inside, "SELECT state FROM outbox WHERE template = 'reply'") == [("sent",)]
    (ticket,) = tickets(inside)
    (event,) = [one for one in ticket["events"] if one["what"] == "cancelled"]
    assert (event["actor"], address(RINA) in event["reason"]) == ("admin", True)
    assert "cancelled" in [one["state"] for one in ticket["outgoing"]]


def test_a_cancelled_start_notice_starts_no_clock_not_even_by_a_late_answer(inside: Indoors) -> None:
    notification = inside.new_ticket()
    inside.receive(inside.answer(notification, ADMIN, "#mulai"))
    inside.run()
    now = inside.now.astimezone(UTC)
    with inside.store() as store, store.writing() as write:
        office = inside.office()
        claimed = []
        while some := outbox.claim(write, "kominfo", "late", now, 50):
            claimed += some
            for one in some:
                if one.template != "started":
                    outbox.settle(write, one.seq, retry.Sent("250 ok"), now)
        (notice,) = [one for one in claimed if one.template == "started"]
        on_its_way = cancelling.by_id(write, [notice.token], now)[0]
        assert not on_its_way.cancelled
        assert "on its way" in on_its_way.words
        outbox.settle(write, notice.seq, retry.Uncertain("lost", now), now)
        perhaps = cancelling.by_id(write, [notice.token], now)[0]
        assert perhaps.cancelled
        assert "may have left" in perhaps.words
        van = delivering.Van(office, office.counters["kominfo"], None, "late", lambda: now, bool)  # type: ignore[arg-type]  # no ledger: nothing is written by it here
        delivering._note(write, notice, retry.Sent("250 ok"), van)
    (ticket,) = tickets(inside)
    assert ticket["notified_at"] is None
    assert "notified" not in [event["what"] for event in ticket["events"]]


def test_all_automatic_mail_of_a_desk_is_cancelled_and_words_of_people_and_alerts_stay(
    inside: Indoors,
) -> None:
    notification = inside.new_ticket()
    _people(inside, 4)
    inside.receive(inside.answer(notification, ADMIN, "Sedang kami periksa."))
    inside.run()
    _pause(inside, desk="lpse")  # its news waits at this desk
    refused = mailgate(inside, "outbox", "cancel", "--desk", "kominfo", "--automatic")
    assert (refused.returncode, refused.stdout) == (2, "")
    done = mailgate(inside, "outbox", "cancel", "--desk", "kominfo", "--automatic", "--yes")
    assert done.returncode == 0, done.stderr
    assert "cancelled: acknowledgement to w0@warga.example" in done.stdout
    assert sorted(row["template"] for row in _listed(inside)) == ["alert", "reply"]
    again = mailgate(
        inside,
        "outbox",
        "cancel",
        rows(inside, "SELECT token FROM outbox WHERE state = 'cancelled'")[0].token,
    )
    assert (again.returncode, again.stdout.endswith("was cancelled before\n")) == (1, True)


def test_an_admin_sees_a_pause_and_ends_it(inside: Indoors) -> None:
    _people(inside, 1)
    inside.run()
    inside.now = datetime.now(UTC)  # the command line knows the wall clock only
    _pause(inside)
    done = mailgate(inside, "outbox", "list", "--desk", "kominfo", "--state", "paused", "--json")
    assert [row["priority"] for row in json.loads(done.stdout)] == [1, 2]
    for look in (("outbox", "list"), ("status",)):
        said = " ".join(mailgate(inside, *look).stdout.split())
        assert "paused" in said
        assert LIMIT in said
        assert "(2 waiting)" in said
    done = mailgate(inside, "outbox", "retry", "--desk", "kominfo")
    assert (done.returncode, done.stdout) == (0, "0 will be tried again, 1 pause ended\n")
    assert _deliver(inside) == ["acknowledgement", "notification"]
