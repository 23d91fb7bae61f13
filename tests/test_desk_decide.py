"""Does thinking alone keep the promises, whatever comes in?"""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import desk_cast
import pytest
from desk_cast import MONDAY as NOW
from desk_cast import ticket
from hypothesis import given
from hypothesis import strategies as st

from mailgate.desk import orders
from mailgate.desk.calendar import calendar
from mailgate.desk.case import Case, Hand
from mailgate.desk.commands import order
from mailgate.desk.decide import decide, same_subject, sends
from mailgate.desk.decision import AddMessage, Audience, Decision, Handling, OpenTicket, SaveTicket, Template
from mailgate.desk.situation import CitedMail, Counter, SentMail, Situation
from mailgate.desk.ticket import Status
from mailgate.message.message import Address, Automatic, AutomaticKind, Dsn, DsnRecipient, Message
from mailgate.settings import Desk, Hours, Limits

RINA = Address("Rina Marlina", "rina@disdik.example.go.id")
ADMIN = Address("Admin Satu", "admin1@pyk.example.go.id")
STRANGER = Address("", "orang@lain.example")
DESK_ADDRESS = Address("", "abuse.kominfo@pyk.example.go.id")
HOURS = Hours.model_validate(
    {day: ["07:30-16:00"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
)
SERVER = {"host": "127.0.0.1", "port": 1, "security": "none", "user": "x", "password": "env:X"}
DESK = Desk.model_validate(
    {
        "name": "Help Desk",
        "address": DESK_ADDRESS.address,
        "prefix": "KOM",
        "message_id_domain": "pyk.example.go.id",
        "imap": SERVER,
        "smtp": SERVER,
        "levels": [{"name": "Admin", "role": "admin", "replies": "public"}],
        "staff": [{"name": ADMIN.name, "address": ADMIN.address, "roles": ["admin"]}],
    }
)
COUNTER = Counter("kominfo", DESK, {"kominfo": DESK}, calendar(HOURS, [], "Asia/Jakarta"), Limits())
TOKEN = "a" * 26
NUMBER = "KOM-2026-000001"

TICKET = ticket(NUMBER, requester_name=RINA.name, requester_address=RINA.address)


def message(author: Address = RINA, text: str = "Jaringan mati.", **facts: Any) -> Message:
    about = {"authors": (author,), "to": (DESK_ADDRESS,), "date": NOW, "return_path": author.address}
    return desk_cast.message(text, **(about | facts))


def sent_to(audience: Audience, person: Address, **facts: Any) -> SentMail:
    row = SentMail(
        TOKEN, "kominfo", NUMBER, audience, person.key, person.address, "notification", NOW, bounced=False
    )
    return replace(row, **facts)


def situation(**facts: Any) -> Situation:
    return Situation(NOW, NOW, "KOM-2026-000002", tickets={NUMBER: TICKET}, **facts)


def recipients(decision: Decision) -> set[str]:
    return {send.to.address for send in sends(decision)}


def changed(decision: Decision) -> bool:
    return any(isinstance(effect, SaveTicket) for effect in decision.effects)


authors = st.sampled_from([RINA, ADMIN, STRANGER, DESK_ADDRESS])
words = st.sampled_from(["#tutup", "#selesai\nSudah.", "#apa", "terima kasih", "", "ya", "selesai"])
automatic = st.sampled_from([None, *(Automatic(kind, "mark") for kind in AutomaticKind)])
known = st.sampled_from(
    [
        {},
        {"tagged": (NUMBER,)},
        {"cited": (CitedMail("m0@x", NUMBER, RINA.key),)},
        {"sent": (sent_to(Audience.REQUESTER, RINA),)},
        {"sent": (sent_to(Audience.STAFF, ADMIN),)},
        {"sent": (sent_to(Audience.STAFF, STRANGER),)},
    ]
)


@given(authors, words, automatic, known)
def test_no_machine_is_answered_and_no_machine_gives_orders(
    author: Address, text: str, mark: Automatic | None, facts: dict[str, Any]
) -> None:
    decision = decide(message(author, text, automatic=mark), situation(**facts), COUNTER)
    if mark is None:
        return
    suspected = (
        mark.kind is AutomaticKind.SUSPECTED
    )  # wording alone: a proven order counts, a person is asked
    if not (suspected and decision.handling is Handling.COMMANDED):
        assert all(send.audience is Audience.STAFF for send in sends(decision))
        assert suspected or author.address not in recipients(decision)
        assert not changed(decision)


@given(authors, words, known)
def test_staff_words_need_a_mail_that_was_sent_to_that_very_person(
    author: Address, text: str, facts: dict[str, Any]
) -> None:
    decision = decide(message(author, text), situation(**facts), COUNTER)
    proven = any(
        row.audience is Audience.STAFF and row.person_key == ADMIN.key for row in facts.get("sent", ())
    )
    if author == ADMIN and not proven:
        assert not changed(decision)
        assert RINA.address not in recipients(decision)
    assert (decision.handling is Handling.COMMANDED) <= (author == ADMIN and proven)


@given(authors, words, automatic, known)
def test_nobody_but_the_requester_the_staff_and_the_writer_is_ever_written_to(
    author: Address, text: str, mark: Automatic | None, facts: dict[str, Any]
) -> None:
    decision = decide(message(author, text, automatic=mark), situation(**facts), COUNTER)
    assert recipients(decision) <= {RINA.address, ADMIN.address, author.address}
    for send in sends(decision):
        if send.to.address == STRANGER.address:
            shown = send.letter.ticket
            assert shown is not None
            assert shown.number != NUMBER
            assert send.template is Template.ACKNOWLEDGEMENT


@given(
    st.lists(st.sampled_from(["#ambil", "#selesai\nSudah.", "#tutup", "#buka", "Kami cek.", "#catatan\nx"]))
)
def test_the_first_resolution_is_never_moved_and_closing_always_ends_the_wait(texts: list[str]) -> None:
    situation = Situation(now=NOW, received_at=NOW, number="KOM-2026-000002")
    seen, now_ticket = [TICKET], TICKET
    for hours, text in enumerate(texts):
        later, asked = replace(situation, now=NOW + timedelta(hours=hours)), order(text)
        hand = Hand(DESK.staff[0], later, COUNTER, message(text=text), asked, None)
        result = orders.carry_out(asked, Case(NUMBER, {NUMBER: now_ticket}), hand)
        if isinstance(result, Case):
            now_ticket = result.tickets[NUMBER]
            seen.append(now_ticket)
    for before, after in pairwise(seen):
        assert before.resolved_at in (None, after.resolved_at)
        assert before.first_response_at in (None, after.first_response_at)
        assert (after.close_at is not None) == (after.status is Status.RESOLVED)
        assert (after.closed_at is not None) == (after.status is Status.CLOSED)
        assert after.reopened >= before.reopened


def bounce(action: str, address: str) -> Message:
    report = Dsn(action, (DsnRecipient(address, action, "5.1.1", "no such user"),), f"{TOKEN}@x")
    mark = Automatic(AutomaticKind.RESPONSE, "DSN")
    return message(Address("", "mailer-daemon@mx.example"), "", dsn=report, automatic=mark)


def test_a_bounce_of_a_mail_to_the_requester_is_told_to_staff_and_to_nobody_else() -> None:
    decision = decide(
        bounce("failed", RINA.address), situation(reported=sent_to(Audience.REQUESTER, RINA)), COUNTER
    )
    assert recipients(decision) == {ADMIN.address}


@pytest.mark.parametrize(
    ("report", "row"),
    [
        (bounce("failed", STRANGER.address), sent_to(Audience.REQUESTER, RINA)),
        (bounce("failed", RINA.address), None),
        (bounce("failed", ADMIN.address), sent_to(Audience.STAFF, ADMIN)),
        (bounce("failed", RINA.address), sent_to(Audience.REQUESTER, RINA, bounced=True)),
        (bounce("delayed", RINA.address), sent_to(Audience.REQUESTER, RINA)),
    ],
    ids=["forged recipient", "unknown mail", "dead staff address", "told before", "only delayed"],
)
def test_a_bounce_that_is_forged_foreign_of_staff_repeated_or_only_a_delay_sends_nothing(
    report: Message, row: SentMail | None
) -> None:
    assert sends(decide(report, situation(reported=row), COUNTER)) == ()


@pytest.mark.parametrize(
    ("ours", "reported"),
    [
        ("rina@dísdik.id", "rina@xn--dsdik-zsa.id"),
        ("rina@dísdik.id", "Rina@DÍSDIK.id"),
        ("rína@dísdik.id", "rína@xn--dsdik-zsa.id"),
        ("rina+tiket@disdik.id", "rina+2Btiket@disdik.id"),
    ],
)
def test_a_bounce_counts_however_the_servers_on_the_way_wrote_the_address(ours: str, reported: str) -> None:
    """As A-labels, as letters, or as it stood in ORCPT (RFC 3461, section 4.2)."""
    row = sent_to(Audience.REQUESTER, Address("", ours))
    assert sends(decide(bounce("failed", reported), situation(reported=row), COUNTER)) != ()


def test_a_reply_long_after_closing_is_a_new_ticket_linked_to_the_old_one() -> None:
    closed = replace(TICKET, status=Status.CLOSED, closed_at=NOW - timedelta(days=40))
    facts = replace(situation(tagged=(NUMBER,)), tickets={NUMBER: closed})
    decision = decide(message(), facts, COUNTER)
    assert decision.handling is Handling.OPENED
    assert not changed(decision)
    assert NUMBER in decision.reason


def test_two_authors_are_nobody() -> None:
    several = message(authors=(RINA, ADMIN), text="#tutup", own_words="#tutup")
    decision = decide(several, situation(sent=(sent_to(Audience.STAFF, ADMIN),)), COUNTER)
    assert not changed(decision)
    assert RINA.address not in recipients(decision)


def test_a_hundred_hops_are_a_loop_and_open_nothing() -> None:
    decision = decide(message(received_count=100), situation(), COUNTER)
    assert decision.handling is Handling.FILED
    assert decision.effects == ()


def test_a_flood_of_one_sender_keeps_its_words_but_spares_the_staff() -> None:
    decision = decide(message(), situation(mails_lately=20, automatic_lately=4), COUNTER)
    assert sends(decision) == ()
    assert any(isinstance(effect, OpenTicket) for effect in decision.effects)
    assert any(isinstance(effect, AddMessage) for effect in decision.effects)


@pytest.mark.parametrize(
    "other", ["Re: Jaringan mati", "BLS: RE[2]: jaringan  mati", "Fwd: [KOM-2026-000001] Jaringan mati"]
)
def test_prefixes_and_tags_do_not_make_another_subject(other: str) -> None:
    assert same_subject("Jaringan mati", other)
    assert not same_subject("Jaringan mati", "Ref: Jaringan mati")
