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
    Lost,
    Sent,
    Stage,
    Uncertain,
    judge,
)

NOW = datetime(2026, 8, 3, 2, 0, tzinfo=UTC)
SOON = NOW + LADDER[0]

stages = st.sampled_from(Stage)
codes = st.one_of(st.just(0), st.integers(200, 599))
outcomes = st.one_of(
    st.builds(Answer, stages, codes, st.text(max_size=700)), st.builds(Lost, stages, st.text(max_size=700))
)
ages = st.timedeltas(timedelta(0), timedelta(days=30))
attempts = st.integers(0, 1000)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Answer(Stage.DATA, 250, "2.0.0 ok"), Sent("2.0.0 ok")),
        (Answer(Stage.DATA, 200, "ok"), Sent("ok")),
        (Answer(Stage.DATA, 299, "ok"), Sent("ok")),
        (Answer(Stage.MAIL, 451, "4.3.0 x"), Deferred("MAIL FROM: 451 4.3.0 x", SOON)),
        (Answer(Stage.RCPT, 450, "4.2.1 grey"), Deferred("RCPT TO: 450 4.2.1 grey", SOON)),
        (Answer(Stage.DATA, 400, "x"), Deferred("DATA: 400 x", SOON)),
        (Answer(Stage.DATA, 499, "x"), Deferred("DATA: 499 x", SOON)),
        (Answer(Stage.MAIL, 550, "5.1.8 x"), Failed("MAIL FROM: 550 5.1.8 x")),
        (Answer(Stage.RCPT, 550, "5.1.1 unknown"), Failed("RCPT TO: 550 5.1.1 unknown", recipient=True)),
        (Answer(Stage.DATA, 554, "5.7.1 spam"), Failed("DATA: 554 5.7.1 spam")),
        (Answer(Stage.DATA, 500, "x"), Failed("DATA: 500 x")),
        (Answer(Stage.DATA, 599, "x"), Failed("DATA: 599 x")),
        # They speak of us and of today, not of this mail: no ticket may fail by them.
        (Answer(Stage.MAIL, 530, "5.7.0 log in"), Deferred("MAIL FROM: 530 5.7.0 log in", SOON)),
        (Answer(Stage.MAIL, 535, "5.7.8 no"), Deferred("MAIL FROM: 535 5.7.8 no", SOON)),
        (Answer(Stage.DATA, 550, "5.4.5 daily limit"), Deferred("DATA: 550 5.4.5 daily limit", SOON)),
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
    assert judge(outcome, 0, NOW, NOW) == expected


@given(outcomes, attempts, ages)
def test_only_a_2yz_after_the_final_dot_counts_as_sent(
    outcome: Answer | Lost, before: int, age: timedelta
) -> None:
    accepted = isinstance(outcome, Answer) and outcome.stage is Stage.DATA and 200 <= outcome.code <= 299
    assert isinstance(judge(outcome, before, NOW - age, NOW), Sent) == accepted


@given(outcomes, attempts, ages)
def test_a_mail_is_uncertain_only_when_it_may_have_been_taken(
    outcome: Answer | Lost, before: int, age: timedelta
) -> None:
    if isinstance(judge(outcome, before, NOW - age, NOW), Uncertain):
        assert outcome.stage is Stage.DATA


@given(outcomes, attempts, ages)
def test_what_is_tried_again_is_tried_later_and_not_for_ever(
    outcome: Answer | Lost, before: int, age: timedelta
) -> None:
    attempt = judge(outcome, before, NOW - age, NOW)
    if isinstance(attempt, Deferred | Uncertain):
        assert LADDER[0] <= attempt.next_at - NOW <= LADDER[-1]
        assert attempt.next_at - (NOW - age) <= GIVE_UP_AFTER


@given(outcomes, attempts, ages)
def test_what_a_server_says_is_kept_within_bounds(
    outcome: Answer | Lost, before: int, age: timedelta
) -> None:
    attempt = judge(outcome, before, NOW - age, NOW)
    assert len(attempt.text if isinstance(attempt, Sent) else attempt.reason) <= MOST_TEXT


@given(st.sampled_from([Answer(Stage.RCPT, 450, "grey"), Lost(Stage.DATA, "gone")]))
def test_a_mail_that_is_always_deferred_is_tried_for_at_least_four_days_and_then_given_up(
    outcome: Answer | Lost,
) -> None:
    """RFC 5321, section 4.5.4.1."""
    now, tries = NOW, 0
    while not isinstance(attempt := judge(outcome, tries, NOW, now), Failed):
        assert isinstance(attempt, Deferred | Uncertain)
        assert attempt.next_at > now
        now, tries = attempt.next_at, tries + 1
    assert timedelta(days=4) <= now - NOW <= GIVE_UP_AFTER
    assert 10 <= tries <= 60
    assert "given up" in attempt.reason


def test_the_pauses_never_get_shorter() -> None:
    assert list(LADDER) == sorted(LADDER)
