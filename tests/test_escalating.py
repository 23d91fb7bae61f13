"""What happens to a ticket, and who hears of it, when its time has come?"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from time_cast import (
    ADMIN_1,
    ADMIN_2,
    HEAD,
    MONDAY,
    OTHER_TECHNICIAN,
    TECHNICIAN,
    Row,
    city_settings,
    counter,
    saved,
    situation,
    ticket,
    wib,
)

from mailgate.desk.decision import (
    AddEvent,
    Audience,
    AutoSubmitted,
    Decision,
    OweDigest,
    Send,
    Template,
)
from mailgate.desk.escalating import acted
from mailgate.desk.ticket import Outcome, Status, Ticket
from mailgate.desk.watch import causes
from mailgate.settings import ConditionKind

LATER = wib("2026-08-03 13:00")
NIGHT = wib("2026-08-03 22:00")
LATE: dict[str, Any] = {"due_at": wib("2026-08-03 10:00")}
OVERDUE = "overdue 1 service hour"
WAITING: dict[str, Any] = {"status": Status.PENDING, "pending_since": wib("2026-07-27 09:00")}
PENDING = "pending 3 working days"


def act(one: Ticket, *rows: Row, now: datetime = LATER, **other: Any) -> Decision:
    quiet, question = other.pop("quiet", False), other.pop("question", "")
    desk = counter(*rows, desk=one.desk, **other)
    return acted(one, situation(one, now, question), desk, quiet=quiet)


def sends(decision: Decision) -> list[Send]:
    return [one for one in decision.effects if isinstance(one, Send)]


def told(decision: Decision) -> list[tuple[str, Template]]:
    return [(one.to.address, one.template) for one in sends(decision)]


def happened(decision: Decision) -> list[tuple[str, str]]:
    return [(one.what, one.reason) for one in decision.effects if isinstance(one, AddEvent)]


def owed(decision: Decision) -> list[str]:
    return [one.person for one in decision.effects if isinstance(one, OweDigest)]


# --- once, and in service hours ---------------------------------------------------------------------------


def test_a_cause_acts_once_and_the_history_says_so() -> None:
    row = (OVERDUE, ["notify holder"])
    decision = act(ticket(**LATE), row)
    assert told(decision) == [(ADMIN_1, Template.REMINDER)]
    assert happened(decision) == [("escalation", f"{OVERDUE}: notify holder")]
    again = act(saved(decision), row, now=LATER + timedelta(days=5))
    assert told(again) == happened(again) == []
    assert saved(again) == saved(decision)


def test_another_due_moment_is_another_cause() -> None:
    row = (OVERDUE, ["notify holder"])
    done = replace(saved(act(ticket(**LATE), row)), due_at=wib("2026-08-03 11:30"))
    assert told(act(done, row)) == [(ADMIN_1, Template.REMINDER)]


@pytest.mark.parametrize(
    "now", [NIGHT, wib("2026-08-08 10:00"), wib("2026-08-17 10:00"), wib("2026-08-03 16:00")]
)
def test_nobody_is_reminded_while_nobody_is_there_and_nothing_is_forgotten(now: datetime) -> None:
    decision = act(ticket(**LATE), (OVERDUE, ["notify holder"]), now=now)
    assert told(decision) == happened(decision) == []
    assert saved(decision).fired == ()


def test_nothing_happens_before_its_moment() -> None:
    decision = act(ticket(**LATE), (OVERDUE, ["notify holder"]), now=wib("2026-08-03 10:59"))
    assert told(decision) == happened(decision) == []


# --- who hears --------------------------------------------------------------------------------------------


def test_several_causes_at_once_are_one_mail_for_each_person_that_names_them_all() -> None:
    decision = act(
        ticket(**LATE),
        (OVERDUE, ["notify holder", "notify admin", "notify pimpinan"]),
        ("unanswered 2 service hours", ["notify holder", "notify admin"]),
    )
    assert sorted(told(decision)) == [(one, Template.REMINDER) for one in (ADMIN_1, ADMIN_2, HEAD)]
    kinds = [[cause.kind for cause in one.letter.causes] for one in sends(decision)]
    assert [set(one) for one in kinds] == [{ConditionKind.UNANSWERED, ConditionKind.OVERDUE}] * 3
    assert len(saved(decision).fired) == 2


def test_who_is_asked_to_take_over_is_not_reminded_of_it_as_well() -> None:
    decision = act(ticket(level=1, **LATE), (OVERDUE, ["raise level", "notify pimpinan", "notify holder"]))
    assert told(decision) == [(HEAD, Template.ESCALATION), (ADMIN_1, Template.REMINDER)]


def test_of_the_technicians_only_the_one_of_the_category_is_reminded() -> None:
    decision = act(ticket(category="infrastruktur", **LATE), (OVERDUE, ["notify teknisi"]))
    assert told(decision) == [(TECHNICIAN, Template.REMINDER)]


@pytest.mark.parametrize("do", [["notify holder"], ["set priority 1"]])
@pytest.mark.parametrize("confidential", [False, True])
def test_where_nobody_is_named_nobody_is_told(do: list[str], confidential: bool) -> None:
    unheld = ticket(holder=None, confidential=confidential, **LATE)
    assert told(act(unheld, (OVERDUE, do))) == []


def test_a_holder_who_is_no_longer_of_the_staff_is_not_written_to() -> None:
    assert told(act(ticket(holder="gone@payakumbuhkota.go.id", **LATE), (OVERDUE, ["notify holder"]))) == []


@pytest.mark.parametrize("quiet", [False, True])
def test_of_a_complaint_about_the_service_only_those_who_lead_hear(quiet: bool) -> None:
    complaint = ticket(confidential=True, **LATE)
    row = (OVERDUE, ["notify teknisi", "notify pimpinan"])
    decision = act(complaint, row, quiet=quiet)
    assert [one for one, _ in told(decision)] == ([] if quiet else [HEAD])
    assert owed(decision) == ([HEAD] if quiet else [])
    to_technicians = act(complaint, (OVERDUE, ["notify teknisi"]), quiet=quiet)
    assert {one for one, _ in told(to_technicians)} | set(owed(to_technicians)) == {ADMIN_1, ADMIN_2, HEAD}


def test_when_too_much_is_due_everybody_is_owed_one_list_and_nobody_gets_a_reminder() -> None:
    decision = act(
        ticket(level=1, **LATE), (OVERDUE, ["raise level", "notify holder", "notify admin"]), quiet=True
    )
    assert told(decision) == []
    assert owed(decision) == [HEAD, ADMIN_1, ADMIN_2]
    assert saved(decision).fired


def test_a_reminder_is_automatic_and_carries_what_it_counts_from() -> None:
    (one,) = sends(act(ticket(**LATE), (OVERDUE, ["notify holder"])))
    assert (one.automatic, one.audience) == (AutoSubmitted.GENERATED, Audience.STAFF)
    assert one.letter.causes[0].since == LATE["due_at"]


# --- raise level ------------------------------------------------------------------------------------------


def test_what_a_technician_is_asked_by_time_becomes_theirs() -> None:
    decision = act(ticket(category="infrastruktur", status=Status.NEW, **LATE), (OVERDUE, ["raise level"]))
    assert told(decision) == [(TECHNICIAN, Template.DELEGATION)]
    raised = saved(decision)
    assert (raised.level, raised.holder, raised.status) == (1, TECHNICIAN, Status.OPEN)
    assert ("escalated", "to level 1, by time") in happened(decision)


def test_the_head_decides_and_who_works_on_it_keeps_it() -> None:
    decision = act(ticket(level=1, holder=TECHNICIAN, **LATE), (OVERDUE, ["raise level"]))
    assert told(decision) == [(HEAD, Template.ESCALATION)]
    assert (saved(decision).level, saved(decision).holder) == (2, TECHNICIAN)


def test_what_a_technician_was_given_at_the_front_line_goes_to_the_head_and_not_to_them_again() -> None:
    decision = act(
        ticket(level=0, holder=TECHNICIAN, category="infrastruktur", **LATE), (OVERDUE, ["raise level"])
    )
    assert told(decision) == [(HEAD, Template.ESCALATION)]
    assert saved(decision).level == 2


@pytest.mark.parametrize(
    "one",
    [
        ticket(category=None, **LATE),  # the technicians are chosen by category
        ticket(level=2, **LATE),  # nobody above the head
        ticket(category="infrastruktur", confidential=True, **LATE),  # no technician may see it
    ],
)
def test_where_time_cannot_raise_a_level_the_front_line_is_told(one: Ticket) -> None:
    decision = act(one, (OVERDUE, ["raise level"]))
    assert told(decision) == [(ADMIN_1, Template.REMINDER), (ADMIN_2, Template.REMINDER)]
    assert saved(decision).level == one.level
    assert saved(decision).holder == one.holder


def test_time_hands_nothing_to_lkpp() -> None:
    at_ppe = ticket("LPSE-2026-000001", desk="lpse", level=1, holder="ppe.lpse@payakumbuhkota.go.id", **LATE)
    decision = act(at_ppe, (OVERDUE, ["raise level"]))
    assert told(decision) == [("helpdesk1.lpse@payakumbuhkota.go.id", Template.REMINDER)]
    assert saved(decision).level == 1


def test_a_level_where_nobody_is_does_not_swallow_a_ticket() -> None:
    staff = tuple(one for one in counter().desk.staff if "pimpinan" not in one.roles)
    decision = act(ticket(level=1, **LATE), (OVERDUE, ["raise level"]), staff=staff)
    assert [one for one, _ in told(decision)] == [ADMIN_1, ADMIN_2]
    assert saved(decision).level == 1


# --- set priority -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), [(4, 2), (3, 2), (2, 2), (1, 1)])
def test_time_makes_nothing_less_urgent(before: int, after: int) -> None:
    decision = act(ticket(priority=before, **LATE), (OVERDUE, ["set priority 2"]))
    assert saved(decision).priority == after


# --- remind requester, close ------------------------------------------------------------------------------


def test_a_requester_who_forgot_a_question_is_asked_it_again() -> None:
    (one,) = sends(act(ticket(**WAITING), (PENDING, ["remind requester"]), question="Di ruang mana?"))
    assert (one.template, one.to.address) == (Template.QUESTION, "rina@disdik.example.go.id")
    assert (one.letter.text, one.letter.again) == ("Di ruang mana?", True)
    assert one.automatic is AutoSubmitted.GENERATED


@pytest.mark.parametrize(
    ("changes", "question"),
    [({}, ""), ({"silent": True}, "Di ruang mana?"), ({"requester_address": ""}, "Di ruang mana?")],
)
def test_nobody_is_asked_again_what_is_not_known_or_where_nothing_automatic_may_go(
    changes: dict[str, Any], question: str
) -> None:
    one = ticket(**WAITING, **changes)
    decision = act(one, (PENDING, ["remind requester"]), question=question)
    assert told(decision) == []
    assert saved(decision).fired


def test_who_never_answers_has_withdrawn_and_is_told() -> None:
    decision = act(ticket(**WAITING), (PENDING, ["close"]))
    gone = saved(decision)
    assert told(decision) == [("rina@disdik.example.go.id", Template.CLOSED)]
    assert (gone.status, gone.outcome, gone.closed_at) == (Status.CLOSED, Outcome.WITHDRAWN, LATER)
    assert gone.resolved_at is None


def test_what_is_closed_while_the_desk_works_on_it_counts_as_solved() -> None:
    gone = saved(act(ticket(**LATE), (OVERDUE, ["close"])))
    assert (gone.status, gone.outcome, gone.resolved_at) == (Status.CLOSED, Outcome.SOLVED, LATER)


def test_a_machine_whose_ticket_is_closed_hears_nothing() -> None:
    assert told(act(ticket(silent=True, **WAITING), (PENDING, ["close"]))) == []


@pytest.mark.parametrize(("now", "status"), [(NIGHT, Status.CLOSED), (MONDAY, Status.RESOLVED)])
def test_a_resolved_ticket_is_closed_by_silence_without_a_mail(now: datetime, status: Status) -> None:
    resolved = ticket(
        status=Status.RESOLVED, outcome=Outcome.SOLVED, resolved_at=MONDAY, close_at=wib("2026-08-03 12:00")
    )
    decision = act(resolved, (OVERDUE, ["notify holder"]), now=now)
    assert saved(decision).status is status
    assert told(decision) == []
    assert happened(decision) == ([("closed", "resolved and silent")] if status is Status.CLOSED else [])


def test_the_shipped_escalations_leave_nobody_with_a_promise_that_never_fires() -> None:
    """Every row of the shipped settings can act on a ticket that runs into it."""
    for key, prefix in (("kominfo", "KOM"), ("lpse", "LPSE")):
        rows = tuple((one.when, one.do) for one in city_settings().desks[key].escalations)
        one = ticket(
            f"{prefix}-2026-000001", desk=key, holder=None, started=True, started_at=MONDAY,
            confidential=True,
            external_number="7", external_since=MONDAY, due_at=MONDAY, contacts=9,
            **WAITING,
        )  # fmt: skip
        desk = counter(*rows, desk=key)
        assert len(causes(one, desk)) == len(rows)
        assert all(cause.at < wib("2026-11-01 00:00") for cause in causes(one, desk))


def test_a_technician_of_another_category_is_not_asked() -> None:
    decision = act(ticket(category="aplikasi", **LATE), (OVERDUE, ["raise level"]))
    assert told(decision) == [(OTHER_TECHNICIAN, Template.DELEGATION)]
