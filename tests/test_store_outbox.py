"""Does a mail leave once, in its order, and is nothing forgotten that was on its way?"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from servers.postgres import Postgres
from store_cast import NOW, keep, ticket

from mailgate.outbox.retry import Answer, Lost, Stage, judge
from mailgate.store import outbox
from mailgate.store.database import Store, upgrade
from mailgate.store.outbox import Claimed, Composed

SOON = timedelta(minutes=1)
RINA, BUDI = "rina@disdik.example.go.id", "budi@disdik.example.go.id"
TAKEN, BUSY, REFUSED = (Answer(Stage.DATA, code, "said") for code in (250, 451, 554))
LOST = Lost(Stage.DATA, "connection lost")


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    upgrade(store)
    yield store
    store.close()


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
        outbox.settle(write, one.seq, judge(outcome, one.attempts, one.created_at, now), now)


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
    assert (again.token, again.attempts) == ("first", 1)
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
    assert (again.token, again.attempts, again.message_id) == ("begun", 1, begun.message_id)


def test_a_crash_while_the_lease_of_a_dead_instance_runs_out_is_uncertain_too(store: Store) -> None:
    add(store, "begun")
    (begun,) = claim(store)
    assert begin(store, begun)
    assert recover(store, NOW + outbox.LEASE + SOON, alone=False) == 1
    assert states(store) == {"begun": "uncertain"}


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
        outbox.release(write, [one.seq for one in claimed])
    assert states(store) == {"begun": "sending", "not begun": "ready"}
    assert [(one.token, one.attempts) for one in claim(store)] == [("not begun", 0)]


@pytest.mark.parametrize("end", ["release", "recover"])
def test_a_doubt_outlives_an_attempt_that_never_came_to_the_mail_itself(store: Store, end: str) -> None:
    add(store, "mail")
    (one,) = claim(store)
    settle(store, one, LOST)
    later = NOW + timedelta(hours=1)
    (again,) = claim(store, now=later)
    with store.writing() as write:
        if end == "release":
            outbox.release(write, [again.seq])
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
