"""Does a mail leave once, in its order, and is nothing forgotten that was on its way?"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from desk_cast import MONDAY as NOW
from desk_cast import ticket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers.postgres import Postgres
from sqlalchemy import Row, text
from store_cast import keep

from mailgate.outbox.allowance import allowance
from mailgate.outbox.retry import (
    LADDER,
    MOST_ENDED,
    Answer,
    Attempt,
    Lost,
    Paused,
    Sent,
    Stage,
    Tried,
    hopeless,
    judge,
)
from mailgate.store import cancelling, outbox, submission
from mailgate.store.database import Store, upgrade
from mailgate.store.outbox import Claimed, Composed

SOON = timedelta(minutes=1)
RINA, BUDI = "rina@disdik.example.go.id", "budi@disdik.example.go.id"
TAKEN, BUSY, REFUSED = (Answer(Stage.DATA, code, "said") for code in (250, 451, 554))
LOST = Lost(Stage.DATA, "connection lost")


def add(store: Store, *tokens: str, recipient: str = RINA, desk: str = "kominfo") -> None:
    """Mails without a ticket: none waits for another."""
    with store.writing() as write:
        outbox.add(write, [_mail(token, recipient, desk, None) for token in tokens], NOW)


def add_about_a_ticket(store: Store, *mails: tuple[str, str]) -> None:
    """Pairs of token and recipient, all about one ticket."""
    keep(store, ticket())
    with store.writing() as write:
        outbox.add(write, [_mail(token, to, "kominfo", "KOM-2026-000001") for token, to in mails], NOW)


def _mail(token: str, recipient: str, desk: str, number: str | None) -> Composed:
    return Composed(
        token, desk, number, None, "reply", "requester", False, recipient, recipient, f"{token}@x", b"raw"
    )


def claim(store: Store, who: str = "one", now: datetime = NOW, most: int = 50) -> list[Claimed]:
    with store.writing() as write:
        return outbox.claim(write, "kominfo", who, now, most)


def tokens(claimed: list[Claimed]) -> list[str]:
    return [one.token for one in claimed]


def begin(store: Store, one: Claimed, who: str = "one", now: datetime = NOW) -> bool:
    with store.writing() as write:
        return outbox.begin_data(write, one.seq, who, now)


def settle(store: Store, one: Claimed, outcome: Answer | Lost, now: datetime = NOW) -> None:
    with store.writing() as write:
        outbox.settle(write, one.seq, judge(outcome, one.tried, now), now)


def recover(store: Store, now: datetime, *, alone: bool) -> int:
    with store.writing() as write:
        return outbox.recover(write, now, alone=alone)


def states(store: Store) -> dict[str, str]:
    with store.reading() as look:
        rows = outbox.unfinished(look, None, (*outbox.UNFINISHED, outbox.FAILED, outbox.SENT))
        return {row.token: row.state for row in rows}


def at_once(jobs: list[Callable[[], list[Claimed]]]) -> list[list[Claimed]]:
    """All of them from threads of their own that start together."""
    gate = threading.Barrier(len(jobs))

    def one(job: Callable[[], list[Claimed]]) -> list[Claimed]:
        gate.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(one, jobs))


def test_two_who_send_at_once_never_send_the_same_mail(database_url: str, store: Store) -> None:
    add(store, *(f"mail{n:02}" for n in range(40)))
    stores = [store, *(Store(database_url) for _ in range(3))]

    def all_of(place: int) -> list[Claimed]:
        found: list[Claimed] = []
        while some := claim(stores[place], f"sender {place}", most=3):
            found += some
        return found

    found = at_once([lambda place=place: all_of(place) for place in range(4)])
    for one in stores[1:]:
        one.close()
    assert sorted(token for some in found for token in tokens(some)) == [f"mail{n:02}" for n in range(40)]


def test_a_claimed_mail_is_nobody_elses_even_before_the_claim_is_committed(postgres: Postgres) -> None:
    """On PostgreSQL only: SQLite has one writer, nobody else gets to ask before."""
    store, second = (Store(url) for url in [postgres.url("claims")] * 2)
    upgrade(store)
    add_about_a_ticket(store, ("first", RINA), ("second", RINA), ("other", BUDI))
    with store.writing() as write:
        assert tokens(outbox.claim(write, "kominfo", "one", NOW, 1)) == ["first"]
        assert tokens(claim(second, "two")) == ["other"]
    store.close()
    second.close()


def test_mails_about_one_ticket_reach_one_person_in_the_order_they_were_written(store: Store) -> None:
    add_about_a_ticket(store, ("first", RINA), ("aside", BUDI), ("second", RINA.upper()), ("third", RINA))
    (first, aside) = claim(store)
    assert tokens([first, aside]) == ["first", "aside"]
    assert claim(store, "two") == []
    settle(store, first, TAKEN)
    (second,) = claim(store, "two")
    assert second.token == "second"
    settle(store, second, REFUSED)  # refused for good holds up nobody
    assert tokens(claim(store)) == ["third"]


@pytest.mark.parametrize("outcome", [BUSY, LOST])
def test_a_mail_that_has_to_wait_is_not_overtaken(store: Store, outcome: Answer | Lost) -> None:
    add_about_a_ticket(store, ("first", RINA), ("second", RINA))
    (first,) = claim(store)
    settle(store, first, outcome)
    assert claim(store, now=NOW + SOON) == []
    later = NOW + timedelta(hours=1)
    (again,) = claim(store, now=later)
    assert (again.token, again.tried.attempts) == ("first", 1)
    assert again.message_id == first.message_id


def test_a_dead_address_holds_up_no_other_person(store: Store) -> None:
    add_about_a_ticket(store, ("dead", BUDI), ("alive", RINA))
    dead, alive = claim(store)
    settle(store, dead, BUSY)
    settle(store, alive, TAKEN)
    assert states(store) == {"dead": "deferred", "alive": "sent"}


def test_desks_do_not_send_each_others_mail(store: Store) -> None:
    add(store, "ours")
    add(store, "theirs", desk="lpse")
    assert tokens(claim(store)) == ["ours"]


def test_who_lost_a_claim_does_not_send(store: Store) -> None:
    add(store, "mail")
    (one,) = claim(store, "slow")
    late = NOW + outbox.LEASE
    assert not begin(store, one, "slow", late)
    assert recover(store, late + SOON, alone=False) == 0
    (again,) = claim(store, "quick", late + SOON)
    assert not begin(store, one, "slow", late + SOON)
    assert begin(store, again, "quick", late + SOON)


def test_a_claim_that_still_runs_is_left_alone_by_another_instance(store: Store) -> None:
    add(store, "mail")
    (one,) = claim(store)
    assert begin(store, one, now=NOW + SOON)
    assert recover(store, NOW + outbox.LEASE, alone=False) == 0
    assert states(store) == {"mail": "sending"}


def test_after_a_crash_only_mail_whose_answer_is_missing_is_uncertain(store: Store) -> None:
    add(store, "begun", "not begun", "never claimed")
    begun, _ = claim(store, most=2)
    assert begin(store, begun)
    assert recover(store, NOW + SOON, alone=True) == 1
    assert states(store) == {"begun": "uncertain", "not begun": "ready", "never claimed": "ready"}
    assert tokens(claim(store, "next", NOW + SOON)) == ["not begun", "never claimed"]
    (again,) = claim(store, "next", NOW + timedelta(hours=1))
    assert (again.token, again.tried.attempts, again.message_id) == ("begun", 1, begun.message_id)


def test_a_crash_while_the_lease_of_a_dead_instance_runs_out_is_uncertain_too(store: Store) -> None:
    add(store, "begun")
    (begun,) = claim(store)
    assert begin(store, begun)
    assert recover(store, NOW + outbox.LEASE + SOON, alone=False) == 1
    assert states(store) == {"begun": "uncertain"}


def test_how_often_in_a_row_we_ended_over_a_mail_is_known_until_an_answer_comes(store: Store) -> None:
    add(store, "mail")
    now, waits = NOW, []
    for times in range(MOST_ENDED):
        (one,) = claim(store, now=now)
        assert one.tried.ended == times
        assert begin(store, one, now=now)
        assert recover(store, now, alone=True) == 1
        while not (again := claim(store, now=now)):
            now += timedelta(minutes=1)
        waits.append(now - (again[0].tried.last_at or now))
        with store.writing() as write:
            outbox.release(write, [again[0].seq], "one")
    assert waits == list(LADDER[:MOST_ENDED])
    (one,) = claim(store, now=now)
    assert "it may have arrived" in str(hopeless(one.tried))
    settle(store, one, LOST, now)
    (one,) = claim(store, now=now + timedelta(hours=2))
    assert one.tried.ended == 0


def test_the_mail_at_which_a_pause_began_is_not_the_one_that_finds_out_whether_it_is_over(
    store: Store,
) -> None:
    add(store, "hated", "other")
    hated, other = claim(store)
    _settled(store, hated, PAUSED, NOW)
    with store.writing() as write:
        outbox.release(write, [other.seq], "one")
        later = NOW + timedelta(hours=1)
        assert tokens(outbox.claim_probe(write, "kominfo", "one", later, automatic=True)) == ["other"]
        assert tokens(outbox.claim_probe(write, "kominfo", "one", later, automatic=True)) == ["hated"]


def test_a_settled_mail_is_not_unsettled_by_a_late_answer(store: Store) -> None:
    add(store, "mail")
    (one,) = claim(store)
    settle(store, one, TAKEN)
    settle(store, one, LOST)
    assert recover(store, NOW + timedelta(days=1), alone=True) == 0
    assert states(store) == {"mail": "sent"}


def test_what_was_claimed_and_not_begun_goes_back_untouched(store: Store) -> None:
    add(store, "begun", "not begun")
    claimed = claim(store)
    assert begin(store, claimed[0])
    with store.writing() as write:
        outbox.release(write, [one.seq for one in claimed], "one")
    assert states(store) == {"begun": "sending", "not begun": "ready"}
    assert [(one.token, one.tried.attempts) for one in claim(store)] == [("not begun", 0)]


@pytest.mark.parametrize("end", ["release", "recover"])
def test_a_doubt_outlives_an_attempt_that_never_came_to_the_mail_itself(store: Store, end: str) -> None:
    add(store, "mail")
    (one,) = claim(store)
    settle(store, one, LOST)
    later = NOW + timedelta(hours=1)
    (again,) = claim(store, now=later)
    with store.writing() as write:
        if end == "release":
            outbox.release(write, [again.seq], "one")
        else:
            outbox.recover(write, later, alone=True)
    assert states(store) == {"mail": "uncertain"}


def test_an_admin_can_have_a_failed_mail_tried_again_and_an_uncertain_one_stays_uncertain(
    store: Store,
) -> None:
    add(store, "failed", "uncertain", "sent")
    failed, uncertain, sent = claim(store)
    for one, outcome in ((failed, REFUSED), (uncertain, LOST), (sent, TAKEN)):
        settle(store, one, outcome)
    with store.writing() as write:
        assert outbox.retry(write, None, NOW) == 1  # --all leaves failed mail alone
        assert outbox.retry(write, "failed@x", NOW) == 1
        assert outbox.retry(write, "sent", NOW) == 0
    assert states(store) == {"failed": "deferred", "uncertain": "uncertain", "sent": "sent"}
    assert sorted(tokens(claim(store))) == ["failed", "uncertain"]


def test_a_claim_never_holds_more_mail_in_memory_than_it_may(store: Store) -> None:
    add(store, "first", "second", "third")
    with store.writing() as write:
        assert tokens(outbox.claim(write, "kominfo", "one", NOW, 50, most_octets=7)) == ["first", "second"]
        assert tokens(outbox.claim(write, "kominfo", "one", NOW, 50, most_octets=1)) == ["third"]


# --- priorities -------------------------------------------------------------------------------------------

PAUSED = Paused("550 5.4.5 enough for today", NOW)
MAILS = st.lists(
    st.tuples(st.sampled_from(["KOM-2026-000001", "KOM-2026-000002", None]), st.sampled_from([RINA, BUDI]))
    | st.just(("KOM-2026-000001", RINA.upper())),
    min_size=1,
    max_size=12,
)


def _waiting(store: Store) -> list[Row[Any]]:
    with store.reading() as look:
        return outbox.unfinished(look, None, outbox.UNFINISHED)


def _free(rows: list[Row[Any]], now: datetime) -> list[int]:
    """What may leave, the most urgent first, none before an earlier one on its way to the same person."""
    ways = [(row.number, row.recipient_key) for row in rows]
    first = [row for n, row in enumerate(rows) if row.number is None or ways[n] not in ways[:n]]
    return [row.seq for row in sorted(first, key=lambda row: (row.priority, row.seq)) if row.next_at <= now]


def _settled(store: Store, one: Claimed, outcome: Answer | Lost | Paused, now: datetime) -> None:
    attempt: Attempt = outcome if isinstance(outcome, Paused) else judge(outcome, one.tried, now)
    with store.writing() as write:
        assert outbox.settle(write, one.seq, attempt, now)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mails=MAILS, data=st.data())
def test_the_most_urgent_leaves_first_and_nothing_is_overtaken_on_its_way_to_a_person(
    store: Store, mails: list[tuple[str | None, str]], data: st.DataObject
) -> None:
    if not store_has_tickets(store):
        keep(store, ticket(), ticket("KOM-2026-000002"))
    with store.writing() as write:
        write.execute(text("DELETE FROM outbox"))
        for n, (number, to) in enumerate(mails):
            one = replace(_mail(f"mail{n}", to, "kominfo", number), priority=data.draw(st.integers(0, 3)))
            outbox.add(write, [one], NOW)
    now = NOW
    for _ in range(10):
        rows = _waiting(store)
        for row in rows:
            urgent = [
                one for one in rows if (one.number, one.recipient_key) == (row.number, row.recipient_key)
            ]
            if row.number and any(one.seq > row.seq and one.priority == 0 for one in urgent):
                assert row.priority == 0, "nobody's words wait behind what a limit may hold"
        most = data.draw(st.integers(1, 4))
        claimed = claim(store, now=now, most=most)
        assert [one.seq for one in claimed] == _free(rows, now)[:most]
        for one in claimed:
            _settled(store, one, data.draw(st.sampled_from([TAKEN, BUSY, REFUSED, LOST, PAUSED])), now)
        now += timedelta(hours=2)


def store_has_tickets(store: Store) -> bool:
    with store.reading() as look:
        return bool(look.scalar(text("SELECT count(*) FROM ticket")))


def test_what_comes_back_from_its_way_is_as_urgent_as_the_words_that_wait_behind_it(store: Store) -> None:
    keep(store, ticket())
    about = "KOM-2026-000001"
    with store.writing() as write:
        outbox.add(write, [_mail("acknowledgement", RINA, "kominfo", about)], NOW)  # a notice, to the limits
    (one,) = claim(store)
    with store.writing() as write:
        outbox.add(write, [replace(_mail("words", RINA, "kominfo", about), priority=0)], NOW)
    settle(store, one, BUSY)
    later = NOW + timedelta(hours=1)
    with store.writing() as write:
        taken = outbox.claim(write, "kominfo", "one", later, 50, automatic=0)
        assert tokens(taken) == ["acknowledgement"]
        assert outbox.settle(write, taken[0].seq, Sent("ok"), later)
        assert tokens(outbox.claim(write, "kominfo", "one", later, 50, automatic=0)) == ["words"]


def test_only_so_many_automatic_mails_are_taken_as_may_be_and_words_of_people_all(store: Store) -> None:
    with store.writing() as write:
        for n in range(6):
            one = replace(_mail(f"mail{n}", RINA, "kominfo", None), priority=2 if n % 2 else 0)
            outbox.add(write, [one], NOW)
        assert tokens(outbox.claim(write, "kominfo", "one", NOW, 2, automatic=0)) == ["mail0", "mail2"]
        assert tokens(outbox.claim(write, "kominfo", "one", NOW, 50, automatic=1)) == ["mail4", "mail1"]
        assert outbox.claim(write, "kominfo", "one", NOW, 50, automatic=0) == []


def test_two_who_send_at_once_do_not_exceed_a_limit_together(database_url: str, store: Store) -> None:
    with store.writing() as write:
        rows = [_mail(f"mail{n:02}", RINA, "kominfo", None) for n in range(40)]
        outbox.add(write, [replace(one, automatic=True) for one in rows], NOW)
    stores = [store, *(Store(database_url) for _ in range(3))]
    most = submission.Limits(per_day=20, automatic_per_hour=15)

    def some_of(place: int) -> list[Claimed]:
        found: list[Claimed] = []
        for _ in range(6):
            with stores[place].writing() as write:
                known = submission.locked(write, "kominfo")
                may = allowance(submission.facts(write, "kominfo", known, most, NOW), 3)
                found += outbox.claim(
                    write, "kominfo", f"{place}", NOW, may.mails or 1, automatic=may.automatic
                )
        return found

    found = at_once([lambda place=place: some_of(place) for place in range(4)])
    for one in stores[1:]:
        one.close()
    assert sum(map(len, found)) == 15


def test_a_pause_of_the_server_leaves_a_mail_as_it_was_and_a_doubt_a_doubt(store: Store) -> None:
    add(store, "fresh", "doubted")
    fresh, doubted = claim(store)
    settle(store, doubted, LOST)
    _settled(store, fresh, PAUSED, NOW)
    later = NOW + timedelta(hours=1)
    again = claim(store, now=later)
    assert [(one.token, one.tried) for one in again] == [
        ("fresh", Tried(last_at=NOW)),  # another one finds out first whether the pause is over
        ("doubted", Tried(1, timedelta(), NOW)),
    ]
    for one in again:
        _settled(store, one, PAUSED, later)
    assert states(store) == {"fresh": "ready", "doubted": "uncertain"}


def test_a_pause_goes_on_until_it_is_lifted(store: Store) -> None:
    with store.writing() as write:
        assert submission.pause(write, "kominfo", "enough", NOW + SOON, NOW)
        assert not submission.pause(write, "kominfo", "still enough", NOW + 2 * SOON, NOW + SOON)
        found = submission.standing(write, "kominfo")
        assert (found.reason, found.at, found.paused_until) == ("still enough", NOW, NOW + 2 * SOON)
        assert submission.lift(write, "lpse") == 0
        assert submission.lift(write, None) == 1
        assert submission.pause(write, "kominfo", "enough", NOW + SOON, NOW)


def test_a_mail_that_was_cancelled_holds_up_nobody_and_one_on_its_way_is_not_cancelled(store: Store) -> None:
    add_about_a_ticket(store, ("first", RINA), ("second", RINA), ("third", BUDI))
    with store.writing() as write:
        (done,) = cancelling.by_id(write, ["first@x"], NOW)
        assert (done.wanted, done.cancelled) == ("first@x", True)
    second, _ = claim(store)
    assert second.token == "second"
    with store.writing() as write:
        refused = cancelling.by_id(write, ["second", "first", "nobody"], NOW)
    assert [one.cancelled for one in refused] == [False] * 3
    settle(store, second, TAKEN)
    assert states(store) == {"second": "sent", "third": "sending"}


def test_a_mail_that_leaves_by_another_hand_is_known_and_leaves_once(store: Store) -> None:
    with store.writing() as write:
        for token in ("taken", "refused"):
            outbox.add_as_sent(write, _mail(token, RINA, "kominfo", None), NOW)
        outbox.was_not_sent(write, "refused", "550 no")
    assert claim(store, now=NOW + timedelta(days=9)) == []
    with store.reading() as look:
        assert outbox.cited(look, ["taken", "refused"]).keys() == {"taken", "refused"}
        assert outbox.counts(look) == {("kominfo", outbox.SENT): 1, ("kominfo", outbox.CANCELLED): 1}
        budget = look.execute(text("SELECT token FROM outbox WHERE sent_at IS NOT NULL")).scalars().all()
    assert budget == ["taken"]
