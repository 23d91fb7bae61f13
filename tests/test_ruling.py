"""What does a rule's verdict do to a new ticket?"""

from typing import Any

import pytest
from time_cast import ADMIN_1, ADMIN_2, HEAD, TECHNICIAN, counter, ticket, wib

from mailgate.desk.rules import Ruling
from mailgate.desk.ruling import judged, named_in, ruled, suggestion
from mailgate.desk.ticket import Suggestion, Ticket
from mailgate.settings import RuleSet

DESK = counter()
NEW = ticket(holder=None)


def verdict(**sets: Any) -> Ruling:
    return Ruling(3, RuleSet.model_validate(sets), "rule 3: words")


def after(**sets: Any) -> Ticket:
    return judged(NEW, verdict(**sets), DESK)


def test_without_a_verdict_nothing_changes() -> None:
    assert judged(NEW, None, DESK) is NEW


def test_a_kind_of_work_brings_its_target_and_its_usual_category() -> None:
    one = after(work="PWD")
    assert (one.work, one.category, one.due_at) == ("PWD", "aplikasi", wib("2026-08-03 09:30"))


def test_a_kind_whose_clock_waits_for_the_notice_is_not_due_yet() -> None:
    assert after(work="ANT").due_at is None


def test_what_is_named_is_set_and_all_else_stays() -> None:
    one = after(category="keamanan", priority=1, confidential=True)
    assert (one.category, one.priority, one.confidential) == ("keamanan", 1, True)
    assert (one.work, one.holder, one.level, one.due_at) == (None, None, 0, None)


def test_a_named_category_wins_over_the_usual_one_of_the_work() -> None:
    assert after(work="PWD", category="infrastruktur").category == "infrastruktur"
    assert ruled(ticket(category="keamanan"), Suggestion(1, work="PWD"), DESK).category == "keamanan"


def test_a_rule_never_makes_a_complaint_public() -> None:
    complaint = ticket(confidential=True)
    assert ruled(complaint, Suggestion(1, confidential=False), DESK).confidential


def test_a_proposal_changes_nothing_until_staff_agree() -> None:
    one = after(work="PWD", priority=1, suggest=True)
    assert (one.work, one.priority, one.due_at) == (None, 3, None)
    assert one.suggestion == Suggestion(3, work="PWD", priority=1)
    agreed = ruled(one, one.suggestion, DESK)
    assert (agreed.work, agreed.priority, agreed.suggestion) == ("PWD", 1, None)


@pytest.mark.parametrize(
    ("sets", "holder", "level"),
    [
        ({"holder": ADMIN_2}, ADMIN_2, 0),
        ({"role": "pimpinan"}, HEAD, 2),
        ({"role": "admin"}, None, 0),  # two of them: whoever takes it
        ({"role": "teknisi"}, None, 1),
        ({"role": "teknisi", "category": "infrastruktur"}, TECHNICIAN, 1),
        ({"role": "admin", "holder": ADMIN_1}, ADMIN_1, 0),
    ],
)
def test_a_ticket_given_to_a_role_stands_at_its_level_and_with_its_only_member(
    sets: dict[str, Any], holder: str | None, level: int
) -> None:
    one = after(**sets)
    assert (one.holder, one.level) == (holder, level)


@pytest.mark.parametrize(
    "gone", [{"work": "OLD"}, {"category": "old"}, {"holder": "gone@x.example"}, {"role": "old"}]
)
def test_a_name_that_the_settings_no_longer_know_does_no_harm(gone: dict[str, str]) -> None:
    before = ticket(work="PWD", category="aplikasi", holder=ADMIN_1, due_at=wib("2026-08-03 09:30"))
    assert ruled(before, Suggestion(1, **gone), DESK) == before  # type: ignore[arg-type]  # any field but the first


def test_a_proposal_is_told_in_the_offices_own_words() -> None:
    to = suggestion(verdict(work="PWD", category="aplikasi", priority=2, holder=ADMIN_1, suggest=True))
    assert named_in(to, DESK) == ("Penggantian password", "Aplikasi", "2", "Admin Satu")
    assert named_in(suggestion(verdict(role="teknisi")), DESK) == ("teknisi",)
    assert named_in(Suggestion(1, work="OLD", category="old"), DESK) == ()
