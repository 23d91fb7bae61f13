"""What does an answer mean for a mail? Every answer has one meaning, and no mail is tried for ever."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.outbox.retry import (
    GIVE_UP_AFTER,
    LADDER,
    MOST_TEXT,
    Answer,
    Deferred,
    Failed,
    Ladder,
    Lost,
    Paused,
    Sent,
    Stage,
    Tried,
    Uncertain,
    judge,
)

NOW = datetime(2026, 8, 3, 2, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
LATER = NOW + timedelta(minutes=30)
AN_HOUR = NOW + timedelta(hours=1)

stages = st.sampled_from(Stage)
codes = st.one_of(st.just(0), st.integers(200, 599))
outcomes = st.one_of(
    st.builds(Answer, stages, codes, st.text(max_size=700)), st.builds(Lost, stages, st.text(max_size=700))
)
MOMENTS = st.timedeltas(timedelta(days=-800), timedelta(days=800)).map(lambda by: NOW + by)
histories = st.builds(
    Tried,
    st.integers(0, 1000),
    st.timedeltas(timedelta(0), GIVE_UP_AFTER + timedelta(days=1)),
    st.none() | MOMENTS,
)
OLD = Tried(99, timedelta(days=30), NOW - timedelta(hours=3))


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Answer(Stage.DATA, 250, "2.0.0 ok"), Sent("2.0.0 ok")),
        (Answer(Stage.DATA, 200, "ok"), Sent("ok")),
        (Answer(Stage.DATA, 299, "ok"), Sent("ok")),
        (Answer(Stage.MAIL, 451, "4.3.0 x"), Deferred("MAIL FROM: 451 4.3.0 x", LATER)),
        (Answer(Stage.RCPT, 450, "4.2.1 busy"), Deferred("RCPT TO: 450 4.2.1 busy", LATER)),
        (Answer(Stage.RCPT, 450, "4.7.10 x"), Deferred("RCPT TO: 450 4.7.10 x", LATER)),
        (Answer(Stage.DATA, 400, "x"), Deferred("DATA: 400 x", LATER)),
        (Answer(Stage.DATA, 499, "x"), Deferred("DATA: 499 x", LATER)),
        # A grey list opens after some minutes, and our own server is back as soon.
        (Answer(Stage.RCPT, 450, "4.7.1 x"), Deferred("RCPT TO: 450 4.7.1 x", SOON)),
        (Answer(Stage.RCPT, 451, "Greylisted"), Deferred("RCPT TO: 451 Greylisted", SOON)),
        (Answer(Stage.RCPT, 450, "4.2.0 grey-list"), Deferred("RCPT TO: 450 4.2.0 grey-list", SOON)),
        (Answer(Stage.MAIL, 421, "4.3.2 bye"), Deferred("MAIL FROM: 421 4.3.2 bye", SOON)),
        (Answer(Stage.MAIL, 0, "rubbish"), Deferred("MAIL FROM: 0 rubbish", SOON)),
        (Answer(Stage.MAIL, 550, "5.1.9 x"), Failed("MAIL FROM: 550 5.1.9 x")),
        (Answer(Stage.RCPT, 550, "5.1.1 unknown"), Failed("RCPT TO: 550 5.1.1 unknown", recipient=True)),
        (Answer(Stage.RCPT, 552, "5.2.2 full"), Failed("RCPT TO: 552 5.2.2 full", recipient=True)),
        # Only now had the server seen what is in it, or how much.
        (Answer(Stage.DATA, 554, "5.7.1 spam"), Failed("DATA: 554 5.7.1 spam", content=True)),
        (Answer(Stage.DATA, 500, "x"), Failed("DATA: 500 x", content=True)),
        (Answer(Stage.DATA, 599, "x"), Failed("DATA: 599 x", content=True)),
        (Answer(Stage.MAIL, 552, "too large"), Failed("MAIL FROM: 552 too large", content=True)),
        (Answer(Stage.MAIL, 550, "5.3.4 x"), Failed("MAIL FROM: 550 5.3.4 x", content=True)),
        (Answer(Stage.RCPT, 552, "5.2.3 x"), Failed("RCPT TO: 552 5.2.3 x", content=True, recipient=True)),
        # They speak of us and of today, not of this mail: no ticket may fail by them.
        (Answer(Stage.MAIL, 530, "5.7.0 log in"), Paused("MAIL FROM: 530 5.7.0 log in", SOON)),
        (Answer(Stage.MAIL, 550, "5.1.8 x"), Paused("MAIL FROM: 550 5.1.8 x", SOON)),
        (Answer(Stage.MAIL, 535, "5.7.8 no"), Paused("MAIL FROM: 535 5.7.8 no", SOON)),
        (Answer(Stage.MAIL, 538, "x"), Paused("MAIL FROM: 538 x", SOON)),
        (Answer(Stage.RCPT, 530, "x"), Paused("RCPT TO: 530 x", SOON)),
        (Answer(Stage.DATA, 550, "5.4.5 daily limit"), Paused("DATA: 550 5.4.5 daily limit", AN_HOUR)),
        # Nothing was handed over yet.
        (Lost(Stage.MAIL, "gone"), Deferred("MAIL FROM: gone", SOON)),
        (Lost(Stage.RCPT, "gone"), Deferred("RCPT TO: gone", SOON)),
        # Perhaps it was.
        (Lost(Stage.DATA, "gone"), Uncertain("DATA: gone", SOON)),
        (Answer(Stage.DATA, 0, "rubbish"), Uncertain("DATA: 0 rubbish", SOON)),
        (Answer(Stage.DATA, 354, "go on"), Uncertain("DATA: 354 go on", SOON)),
    ],
)
def test_each_answer_has_its_meaning(outcome: Answer | Lost, expected: object) -> None:
    assert judge(outcome, Tried(), NOW) == expected


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (550, "5.4.5 Daily user sending limit exceeded. For more information on Gmail\n5.4.5 sending limits"),
        (550, "5.4.5 Daily SMTP relay limit exceeded for customer."),
        (421, "4.7.0 Daily user sending quota exceeded."),
        (452, "4.7.0 daily user sending quota"),
        (
            550,
            "5.1.90 Your message can't be sent because you've reached your daily limit for recipients",
        ),
        (550, "5.7.705 Access denied, tenant has exceeded threshold."),
        (550, "5.7.708 Access denied, traffic not accepted from this IP."),
        (550, "5.1.8 Access denied, bad outbound sender AS(42003)"),
        (554, "5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to"),
        (554, "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed"),
        (550, "5.4.6 Unusual sending activity detected. Please try after sometime"),
        (550, "Domain pyk.go.id has exceeded the max emails per hour (125/100 (125%)) allowed. Discarded."),
        (550, "Domain pyk.go.id has exceeded the max defers and failures per hour (5/5) allowed."),
        (554, "5.7.1 <abuse@pyk.go.id>: Sender address rejected: Policy rejection: sending quota exceeded"),
        (553, "5.7.1 <desk@pyk.go.id>: Sender address rejected: not owned by user desk"),
        (550, "5.1.8 <desk@pyk.go.id>: sender's domain not found"),
        (501, "5.1.7 Bad sender address syntax"),
        (550, "5.7.60 SMTP; Client does not have permissions to send as this sender"),
        (554, "5.2.252 SendAsDenied; desk@pyk.go.id not allowed to send as help@pyk.go.id"),
        (450, "4.7.1 you exceeded your hourly limit of outgoing messages"),
        (550, "You have exceeded your daily sending limit of 500 recipients"),
        (554, "Transaction failed: 550-5.4.5 Daily user sending limit exceeded."),
        (550, "Your mailbox has exceeded its daily sending limit"),
        (450, "4.7.1 Error: too much mail from 192.0.2.1"),
    ],
)
@pytest.mark.parametrize("stage", Stage)
def test_a_limit_of_ours_fails_no_ticket(stage: Stage, code: int, said: str) -> None:
    paused = judge(Answer(stage, code, said), OLD, NOW)
    assert isinstance(paused, Paused)
    assert NOW < paused.until <= AN_HOUR


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (552, "5.2.2 The email account that you tried to reach is over quota"),
        (452, "4.2.2 Mailbox full, daily quota"),
        (550, "5.2.1 The user you are trying to contact is receiving mail too quickly; daily sending limit"),
        (
            450,
            "4.2.1 The user you are trying to contact is receiving mail at a rate that hits a sending limit",
        ),
        (550, "recipient's mailbox quota exceeded, outgoing limit"),
        (552, "5.3.4 sending message size exceeds fixed limit"),
        (550, "message too large: outgoing limit"),
        (550, "5.4.6 routing loop detected"),
        (550, "rejected by 5.4.5.12"),
        (554, "5.7.1 blocked: see 15.4.5 of our policy"),
        (451, "4.4.5 system congestion"),
    ],
)
@pytest.mark.parametrize("stage", Stage)
def test_a_limit_of_the_one_who_would_receive_stops_nobody_else(stage: Stage, code: int, said: str) -> None:
    assert not isinstance(judge(Answer(stage, code, said), Tried(), NOW), Paused)


@pytest.mark.parametrize(
    "said",
    [
        "5.1.1 <5.4.5@warga.example>: Recipient address rejected: User unknown",
        "5.1.1 5.4.5@warga.example: no such user",
        '5.1.1 <"unusual sending activity"@warga.example> unknown',
        '5.1.1 "unusual sending activity"@warga.example unknown',
        "5.1.2 <rina@OutboundSpam.example>: Domain not found",
        "5.4.4 Name service error for name=5.4.5.warga.example type=MX: Host not found",
        "no MX for outboundspam.example.",
    ],
)
def test_nobody_holds_up_a_desk_by_the_address_they_write_from(said: str) -> None:
    assert isinstance(judge(Answer(Stage.RCPT, 550, said), Tried(), NOW), Failed)


@pytest.mark.parametrize(
    "said",
    [
        "5.7.1 <rina@warga.example>: Relay access denied",
        "5.7.1 Relaying denied. Proper authentication required.",
        "relay not permitted",
        "5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
        "Not allowed to relay",
    ],
)
def test_a_server_that_no_longer_knows_us_fails_no_ticket_and_makes_no_address_dead(said: str) -> None:
    for code in (550, 554):
        assert isinstance(judge(Answer(Stage.RCPT, code, said), Tried(), NOW), Deferred)
        given_up = judge(Answer(Stage.RCPT, code, said), OLD, NOW)
        assert isinstance(given_up, Failed)
        assert not given_up.recipient
    assert isinstance(judge(Answer(Stage.DATA, 554, said), Tried(), NOW), Failed)


@given(outcomes, histories)
def test_only_a_refusal_stops_a_desk(outcome: Answer | Lost, before: Tried) -> None:
    if isinstance(judge(outcome, before, NOW), Paused):
        assert isinstance(outcome, Answer)
        assert 400 <= outcome.code <= 599


@given(outcomes, histories)
def test_only_a_2yz_after_the_final_dot_counts_as_sent(outcome: Answer | Lost, before: Tried) -> None:
    accepted = isinstance(outcome, Answer) and outcome.stage is Stage.DATA and 200 <= outcome.code <= 299
    assert isinstance(judge(outcome, before, NOW), Sent) == accepted


@given(outcomes, histories)
def test_a_mail_is_uncertain_only_when_it_may_have_been_taken(outcome: Answer | Lost, before: Tried) -> None:
    if isinstance(judge(outcome, before, NOW), Uncertain):
        assert outcome.stage is Stage.DATA


@given(outcomes, histories)
def test_what_is_tried_again_is_tried_later_and_not_for_ever(outcome: Answer | Lost, before: Tried) -> None:
    attempt = judge(outcome, before, NOW)
    if isinstance(attempt, Deferred | Uncertain):
        assert LADDER[0] <= attempt.next_at - NOW <= LADDER[-1]
        assert before.waited <= attempt.waited
        assert attempt.waited + (attempt.next_at - NOW) <= GIVE_UP_AFTER


@given(st.sampled_from(Stage), st.integers(400, 499), st.text(max_size=60), st.integers(0, 1000))
def test_a_server_that_says_later_is_left_alone_for_half_an_hour(
    stage: Stage, code: int, text: str, before: int
) -> None:
    """RFC 5321, section 4.5.4.1; but for a grey list (450, 451) and the end of a connection (421)."""
    attempt = judge(Answer(stage, code, text), Tried(before), NOW)
    if isinstance(attempt, Deferred) and code not in {421, 450, 451}:
        assert attempt.next_at - NOW >= timedelta(minutes=30)


def waits(outcome: Answer | Lost, ladder: Ladder, count: int) -> list[int]:
    """Minutes between the first attempts."""
    tries = (judge(outcome, Tried(before), NOW, ladder) for before in range(count))
    return [
        (one.next_at - NOW) // timedelta(minutes=1) for one in tries if isinstance(one, Deferred | Uncertain)
    ]


def test_the_way_of_a_mail_is_as_the_desk_has_set_it() -> None:
    own = Ladder((timedelta(minutes=40), timedelta(minutes=90)), timedelta(days=1))
    later, lost = Answer(Stage.RCPT, 451, "4.3.0 x"), Lost(Stage.DATA, "gone")
    assert waits(later, Ladder(), 7) == [30, 30, 60, 120, 180, 180, 180]
    assert waits(lost, Ladder(), 9) == [5, 15, 30, 30, 60, 120, 180, 180, 180]
    assert waits(later, own, 4) == [40, 90, 90, 90]
    assert waits(lost, own, 5) == [5, 15, 40, 90, 90]
    given_up = judge(later, Tried(9, timedelta(hours=23)), NOW, own)
    assert given_up == Failed("given up after 1 days; RCPT TO: 451 4.3.0 x", recipient=True)


@given(outcomes, histories)
def test_what_a_server_says_is_kept_within_bounds(outcome: Answer | Lost, before: Tried) -> None:
    attempt = judge(outcome, before, NOW)
    assert len(attempt.text if isinstance(attempt, Sent) else attempt.reason) <= MOST_TEXT


@given(st.sampled_from([Answer(Stage.RCPT, 450, "grey"), Lost(Stage.DATA, "gone")]))
def test_a_mail_that_is_always_deferred_is_tried_for_at_least_four_days_and_then_given_up(
    outcome: Answer | Lost,
) -> None:
    """RFC 5321, section 4.5.4.1."""
    now, tried = NOW, Tried()
    while not isinstance(attempt := judge(outcome, tried, now), Failed):
        assert isinstance(attempt, Deferred | Uncertain)
        assert attempt.next_at > now
        tried, now = Tried(tried.attempts + 1, attempt.waited, now), attempt.next_at
    assert timedelta(days=4) <= now - NOW <= GIVE_UP_AFTER
    assert 10 <= tried.attempts <= 60
    assert "given up" in attempt.reason


GREY = Answer(Stage.RCPT, 450, "4.7.1 greylisted")
REFUSALS = (GREY, Answer(Stage.MAIL, 451, "4.3.0 x"), Lost(Stage.DATA, "gone"))
WAYS = st.lists(
    st.tuples(
        st.sampled_from(REFUSALS)
        | st.sampled_from([Lost(Stage.MAIL, "gone"), Lost(Stage.RCPT, "x"), Answer(Stage.MAIL, 421, "bye")]),
        # So much later than it may: an outage, a clock that is set; or sooner, by an admin's retry.
        st.sampled_from([timedelta(), timedelta(minutes=2), timedelta(days=6), timedelta(days=730)])
        | st.just(-timedelta(minutes=4)),
    ),
    min_size=1,
    max_size=30,
)
LADDERS = st.builds(
    lambda pauses, days: Ladder(
        tuple(timedelta(minutes=one) for one in sorted(pauses)), timedelta(days=days)
    ),
    st.lists(st.integers(20, 1440), min_size=1, max_size=4),
    st.integers(1, 5),
)


@given(WAYS, LADDERS)
def test_an_outage_of_whatever_length_is_no_refusal_and_what_is_refused_for_ever_is_given_up(
    way: list[tuple[Answer | Lost, timedelta]], ladder: Ladder
) -> None:
    """RFC 5321, section 4.5.4.1: the days are those in which the server was asked about this mail."""
    now, tried, refused, silent = NOW, Tried(), timedelta(), timedelta()
    for turn in range(5_000):
        outcome, late = way[turn % len(way)]
        attempt = judge(outcome, tried, now, ladder)
        if tried.last_at is not None:
            asked_for = min(now - tried.last_at, ladder.longest)
            refused += asked_for if outcome in REFUSALS else timedelta()
            silent += timedelta() if outcome in REFUSALS else asked_for
        if isinstance(attempt, Failed):
            break
        assert isinstance(attempt, Deferred | Uncertain)
        tried = Tried(tried.attempts + 1, attempt.waited, now)
        now = max(attempt.next_at + late, now + timedelta(minutes=1))
    assert isinstance(attempt, Failed), "for ever is too long"
    enough = ladder.give_up_after - ladder.longest
    assert refused + silent / 10 >= enough, "only time in which it was refused counts"
    assert tried.attempts >= enough / ladder.longest


def test_a_grey_list_after_an_outage_of_a_month_costs_no_mail() -> None:
    first = judge(GREY, Tried(), NOW)
    assert isinstance(first, Deferred)
    back = NOW + timedelta(days=30)
    assert isinstance(judge(GREY, Tried(1, first.waited, NOW), back), Deferred)
    away = Tried(200, timedelta(days=1), back - timedelta(hours=3))  # it took connections, and closed them
    assert isinstance(judge(GREY, away, back), Deferred)


def test_a_clock_that_was_ahead_for_a_moment_gives_no_mail_up() -> None:
    ahead = NOW + timedelta(days=730)
    there = judge(GREY, Tried(3, timedelta(hours=2), NOW), ahead)
    assert isinstance(there, Deferred)
    back = judge(GREY, Tried(4, there.waited, ahead), NOW + timedelta(hours=1))
    assert isinstance(back, Deferred)
    assert back.waited == timedelta(hours=5)


def test_the_pauses_never_get_shorter() -> None:
    assert list(LADDER) == sorted(LADDER)
