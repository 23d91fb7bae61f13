"""After a clock ran two years ahead and was set back: does anything wait for that day to come?"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from city import ADMIN, ALERTS, KOMINFO, RINA, furnish
from desk_cast import MONDAY, ticket
from evidence import rows, tickets
from indoors import Here, Indoors, indoors
from sqlalchemy import text, update
from store_cast import keep
from test_store_outbox import LOST, TAKEN, add, begin, claim, settle, tokens

from mailgate import gateway
from mailgate.desk import alarms
from mailgate.desk.alarms import Spell, State, Trouble
from mailgate.desk.decision import Audience
from mailgate.gateway import braking
from mailgate.outbox.retry import LONGEST_PAUSE, Ladder, Sent
from mailgate.store import canaries, mails, outbox, submission
from mailgate.store.database import Store
from mailgate.store.lately import lately
from mailgate.store.schema import outbox as table

AHEAD = timedelta(days=730)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONGEST = Ladder().longest


@pytest.fixture
def inside() -> Iterator[Indoors]:
    with indoors() as city:
        furnish(city.tables["desks"])
        yield city


def _deliver(city: Indoors) -> list[str]:
    """Everything that may leave is accepted; templates in their order."""
    office, now, left = city.office(), city.now.astimezone(UTC), []
    with city.store() as store, store.writing() as write:
        while some := braking.claimed(office, write, office.counters["kominfo"], "one", now, 50).mails:
            for one in some:
                outbox.settle(write, one.seq, Sent("250 ok"), now)
            left += [one.template for one in some]
    return left


def _bound(store: Store, now: datetime) -> None:
    with store.writing() as write:
        outbox.bound(write, now, {"kominfo": LONGEST})
        submission.bound(write, now, LONGEST_PAUSE)


# --- what was planned, on both databases ------------------------------------------------------------------


def test_no_mail_waits_longer_than_the_longest_pause_of_its_ladder(store: Store) -> None:
    add(store, "deferred", "uncertain")
    for one in claim(store, now=MONDAY + AHEAD):
        begin(store, one, now=MONDAY + AHEAD)
        settle(store, one, LOST, MONDAY + AHEAD)
    assert claim(store, now=MONDAY + LONGEST) == []
    _bound(store, MONDAY)
    assert claim(store, now=MONDAY) == [], "nor is it tried at once, again and again"
    assert sorted(tokens(claim(store, now=MONDAY + LONGEST))) == ["deferred", "uncertain"]


def test_a_claim_of_that_day_is_over_when_a_claim_of_today_would_be(store: Store) -> None:
    add(store, "mail")
    claim(store, now=MONDAY + AHEAD)
    _bound(store, MONDAY)
    with store.writing() as write:
        outbox.recover(write, MONDAY + timedelta(minutes=29), alone=False)
        assert outbox.claim(write, "kominfo", "two", MONDAY + timedelta(minutes=29), 1) == []
        outbox.recover(write, MONDAY + timedelta(minutes=31), alone=False)
        assert tokens(outbox.claim(write, "kominfo", "two", MONDAY + timedelta(minutes=31), 1)) == ["mail"]


def test_a_pause_of_that_day_lasts_no_longer_than_one_of_today(store: Store) -> None:
    with store.writing() as write:
        submission.pause(write, "kominfo", "enough", MONDAY + AHEAD, MONDAY + AHEAD)
    _bound(store, MONDAY)
    with store.reading() as look:
        assert submission.standing(look, "kominfo").paused_until == MONDAY + LONGEST_PAUSE


def test_what_was_planned_by_the_right_clock_stays_as_it_is(store: Store) -> None:
    add(store, "claimed", "deferred")
    claimed, deferred = claim(store)
    settle(store, deferred, LOST)
    with store.writing() as write:
        submission.pause(write, "kominfo", "enough", MONDAY + LONGEST_PAUSE, MONDAY)
        assert outbox.bound(write, MONDAY, {"kominfo": LONGEST}) == 0
        assert submission.bound(write, MONDAY, LONGEST_PAUSE) == 0
    assert begin(store, claimed)


# --- what is counted, on both databases -------------------------------------------------------------------


def test_what_was_planned_while_a_tick_waited_for_its_turn_is_no_fault_of_a_clock(store: Store) -> None:
    add(store, "waits", "leaves")
    claim(store, now=MONDAY, most=1)
    with store.writing() as write:
        submission.pause(write, "kominfo", "451 later", MONDAY + LONGEST_PAUSE, MONDAY)
        earlier = MONDAY - timedelta(seconds=30)
        assert outbox.bound(write, earlier, {"kominfo": LONGEST}) == 0
        assert submission.bound(write, earlier, LONGEST_PAUSE) == 0


def test_mails_of_that_day_fill_no_limit_of_today(store: Store) -> None:
    keep(store, ticket())
    limits = submission.Limits(per_day=1, automatic_per_hour=1)
    add(store, "mail")
    (one,) = claim(store, now=MONDAY + AHEAD)
    settle(store, one, TAKEN, MONDAY + AHEAD)
    facts = {"automatic": True, "audience": Audience.REQUESTER, "number": "KOM-2026-000001"}
    with store.writing() as write:
        write.execute(update(table).values(facts | {"created_at": MONDAY + AHEAD}))
        for now, count in ((MONDAY, 0), (MONDAY + AHEAD, 1)):
            hour = lately(now, HOUR)
            found = submission.facts(write, "kominfo", submission.Standing(), limits, now)
            assert (found.day_used, found.hour_used) == (count, count)
            assert len(outbox.automatic_to(write, "kominfo", one.recipient, hour, 5)) == count
            assert outbox.domain_full(write, "kominfo", one.recipient, 1, hour) == bool(count)
            assert outbox.automatic_on(write, "KOM-2026-000001", hour) == count


def test_a_canary_of_that_day_neither_hides_the_loss_of_todays_nor_sets_off_a_swarm(store: Store) -> None:
    add(store, "ahead", "today", "lost")
    with store.writing() as write:
        for token, at in (("ahead", MONDAY + AHEAD), ("today", MONDAY), ("lost", MONDAY + HOUR)):
            canaries.add(write, token, "kominfo", at, at + HOUR, asked=False)
        canaries.came_back(write, "ahead", MONDAY + AHEAD)
        canaries.came_back(write, "today", MONDAY)
        newest = canaries.last_by_time(write, "kominfo")
        assert newest is not None
        assert newest.token == "lost"
        assert [one.token for one in canaries.lost(write, MONDAY + DAY)] == ["lost"]
        assert canaries.last_returns(write) == {"kominfo": MONDAY}


# --- what people notice -----------------------------------------------------------------------------------


def test_mail_that_was_written_on_that_day_leaves_and_its_writer_is_answered_again(inside: Indoors) -> None:
    inside.tables["limits"] = {"acks_per_sender_per_hour": 2, "automatic_per_desk_per_hour": 4}
    inside.now += AHEAD
    for n in range(3):
        inside.receive(inside.mail(subject=f"laporan {n}"))
    inside.run()
    left = [one for one in _deliver(inside) if one != "alert"]
    assert left == ["acknowledgement"] * 2 + ["notification"] * 2, "the desk's limit"
    inside.now -= AHEAD
    inside.receive(inside.mail(subject="laporan yang lain"))
    inside.run()
    assert inside.sent(RINA)[-1]["Subject"].endswith("laporan yang lain"), "acknowledged"
    left = [one for one in _deliver(inside) if one != "alert"]
    assert left == ["acknowledgement"] + ["notification"] * 3, "today's limit, and nothing waits for that day"


def test_a_canary_flies_once_an_hour_after_that_day_too(inside: Indoors) -> None:
    inside.tables["service"] |= {"canary_every_minutes": 60, "canary_within_minutes": 15}
    inside.now += AHEAD
    inside.run()
    _deliver(inside)
    inside.now -= AHEAD
    for _ in range(5):
        inside.run()
        _deliver(inside)
    assert len([mail for mail in inside.sent(KOMINFO) if mail["From"].addresses[0].addr_spec == KOMINFO]) == 2


def test_the_mornings_list_comes_today_and_a_look_at_time_comes_to_an_end(inside: Indoors) -> None:
    inside.tables["desks"]["kominfo"]["digest"] = True
    inside.receive(inside.mail())
    inside.run()
    inside.now += AHEAD + timedelta(days=2)  # a Monday again
    inside.run()
    before = len(rows(inside, "SELECT seq FROM outbox WHERE template = 'digest'"))
    inside.now -= AHEAD + timedelta(days=2)
    inside.now += DAY
    inside.run()
    after = len(rows(inside, "SELECT seq FROM outbox WHERE template = 'digest'"))
    assert after > before > 0
    with inside.store() as store:
        assert gateway.tick(inside.office(), store, lambda: inside.now.astimezone(UTC)) == 0


def test_mail_that_is_set_aside_today_is_told_although_some_was_on_that_day(inside: Indoors) -> None:
    told = []
    for by in (AHEAD, -AHEAD):
        inside.now += by
        inside.receive(inside.mail(subject=f"rusak {by.days}"))
        with inside.store() as store, store.writing() as write:
            now = inside.now.astimezone(UTC)
            for (mail_id,) in write.execute(text("SELECT id FROM mail WHERE state = 'kept'")).all():
                mails.set_aside(write, mail_id, "broken", now)
        inside.run()
        told.append(len(inside.sent(ALERTS)))
    assert told[1] > told[0] > 0


def test_time_looks_today_at_what_it_was_to_look_at_on_that_day(inside: Indoors) -> None:
    inside.tables["desks"]["kominfo"]["escalations"] = [
        {"when": "unanswered 2 service hours", "do": ["notify admin"]}
    ]
    inside.receive(inside.mail("<t@warga.example>"))
    inside.run()
    first = inside.sent(ADMIN)[-1]
    inside.now += AHEAD
    inside.receive(inside.answer(first, ADMIN, "#kategori aplikasi"))
    with inside.store() as store:  # the order is carried out; time does not come to look on that day
        office = inside.office()
        gateway.think(office, store, Here(), office.counters["kominfo"], lambda: inside.now.astimezone(UTC))
    _deliver(inside)
    assert rows(inside, f"SELECT number FROM ticket WHERE watch_at > '{inside.now - DAY:%Y-%m-%d}'")
    inside.now += timedelta(hours=3) - AHEAD
    inside.run()
    inside.run()
    assert "escalation" in [one["what"] for one in tickets(inside)[0]["events"]]


def test_trouble_is_told_today_although_it_was_noted_on_that_day() -> None:
    then = MONDAY + AHEAD
    spell = Spell("tick", "reason", then, told_at=then, tried_at=then, teller="me")
    spells = alarms.remembered({"tick": spell}, [Trouble("tick", "reason", MONDAY)], "me", MONDAY)
    (told,) = alarms.news(spells, "me", MONDAY + DAY, HOUR)
    assert told.state is State.STILL
    fine = replace(spell, tried_at=None, fine_since=then)
    over = alarms.remembered({"tick": fine}, [], "me", MONDAY)
    assert [one.state for one in alarms.news(over, "me", MONDAY + HOUR, HOUR)] == [State.OVER]
    untold = Spell("tick", "reason", then, teller="me")
    begun = alarms.remembered({"tick": untold}, [Trouble("tick", "reason", MONDAY)], "me", MONDAY)
    assert [one.state for one in alarms.news(begun, "me", MONDAY + HOUR, HOUR)] == [State.BEGIN]
