"""What would people have lost? Stories that a second reading of the desk's code found to end badly."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import pytest
from city import ADMIN, ADMIN_TWO, HEAD, RINA, TECHNICIAN, address, body, furnish
from evidence import rows
from indoors import Indoors, indoors
from servers.postgres import Postgres
from sqlalchemy import text
from time_cast import ADMIN_1, MONDAY, counter, situation, ticket, wib
from time_cast import HEAD as KADIS

from mailgate.desk import agenda, escalating, letters, sla, webmail
from mailgate.desk.decision import OweDigest, Send
from mailgate.desk.people import joined, seen_by_holder
from mailgate.desk.ruling import ruled
from mailgate.desk.ticket import Status, Suggestion, Ticket
from mailgate.store import alerts, tickets
from mailgate.store.database import Connection, Store, upgrade
from mailgate.store.ledger import Ledger

FIRST = "KOM-2026-000001"
SECOND = "KOM-2026-000002"
THIRD = "KOM-2026-000003"
BUDI = "Budi <budi@disdik.example.go.id>"
STRANGER = "Orang Lain <lain@luar.example>"


@pytest.fixture
def town() -> Iterator[Indoors]:
    with indoors() as city:
        furnish(city.tables["desks"])
        yield city


def after(city: Indoors, *raws: bytes) -> list[EmailMessage]:
    """What is composed when these mails have come in; none of them may be set aside."""
    before = len(city.sent())
    for raw in raws:
        city.receive(raw)
    city.run()
    assert rows(city, "SELECT reason FROM mail WHERE state = 'aside'") == []
    return city.sent()[before:]


def latest(city: Indoors, whom: str, about: str = FIRST) -> EmailMessage:
    return [one for one in city.sent(whom) if about in str(one["Subject"])][-1]


def types(city: Indoors, who: str, text: str, about: str = FIRST) -> list[EmailMessage]:
    return after(city, city.answer(latest(city, who, about), who, text))


def to(mails: Sequence[EmailMessage], whom: str) -> list[str]:
    return [" ".join(body(one).split()) for one in mails if address(whom) in str(one["To"])]


def stored(city: Indoors, number: str = FIRST) -> Ticket:
    with city.store() as store, store.reading() as look:
        found = tickets.get(look, number)
    assert found is not None
    return found


def saved(city: Indoors, number: str = FIRST, **other: Any) -> None:
    """As if the settings, or time, had made it so."""
    with city.store() as store, store.writing() as write:
        found = tickets.locked(write, [number])[number]
        tickets.save(write, replace(found, **other))


# --- settings that changed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed", ["#ambil", "#eskalasi perlu", "#kembalikan", "#tutup", "#selesai sudah", "Halo"]
)
def test_a_ticket_at_a_level_that_the_office_gave_up_can_still_be_worked_on(
    town: Indoors, typed: str
) -> None:
    after(town, town.mail())
    saved(town, level=7)
    assert types(town, ADMIN, typed)


def test_a_requester_is_heard_who_writes_about_a_ticket_at_a_level_that_the_office_gave_up(
    town: Indoors,
) -> None:
    after(town, town.mail())
    saved(town, level=7)
    assert to(types(town, RINA, "Masih mati."), ADMIN)


def test_a_ticket_whose_holder_left_stands_on_the_front_lines_list_in_the_morning(town: Indoors) -> None:
    town.tables["desks"]["kominfo"]["digest"] = True
    after(town, town.mail())
    saved(town, holder="sudah.pindah@pyk.example.go.id")
    town.now += timedelta(days=1)
    (morning,) = to(after(town), ADMIN)
    assert FIRST in morning


def test_a_ticket_at_a_level_without_people_stands_on_the_front_lines_list() -> None:
    at = counter()
    for level in (2, 7):
        at = counter(staff=tuple(one for one in counter().desk.staff if "pimpinan" not in one.roles))
        one = ticket(holder=None, level=level)
        admin = at.desk.staff_by_address(ADMIN_1)
        assert admin is not None
        assert agenda.agenda(admin, [one], MONDAY, at).unheld == (one,)


# --- words ------------------------------------------------------------------------------------------------


def test_a_question_that_time_repeats_does_not_tell_a_private_address_of_staff() -> None:
    at = counter()
    said = situation(ticket(), MONDAY, f"Hubungi {ADMIN_1} ya?")
    (sent,) = letters.question_again(ticket(), said, at)
    assert ADMIN_1 not in sent.letter.text
    assert at.desk.address in sent.letter.text


@pytest.mark.parametrize(
    "typed",
    [
        "#mulai\n#tanya\nKapan kami boleh datang?",  # of the two mails only one left: no clock ever began
        "#tanya\n#mulai\nKapan kami boleh datang?",
        "#mulai\n#tenggat 31/8/2026 10.00 menunggu kabel",
        "#tenggat 31/8/2026 10.00 menunggu kabel\n#tanya\nLampu mana yang menyala?",  # no question left
        "#tenggat 31/8/2026 10.00 menunggu kabel\n#selesai\nSudah menyala.",
    ],
)
def test_two_mails_to_the_requester_are_not_asked_for_in_one_where_one_would_be_swallowed(
    town: Indoors, typed: str
) -> None:
    after(town, town.mail())
    sent = types(town, ADMIN, typed)
    assert to(sent, RINA) == []
    assert len(to(sent, ADMIN)) == 1
    found = stored(town)
    assert (found.started, found.promised_due_at, found.status) == (False, None, Status.NEW)


# --- people -----------------------------------------------------------------------------------------------


def test_who_was_in_copy_of_a_forwarded_mail_and_turns_out_to_be_its_requester_reads_every_answer_once(
    town: Indoors,
) -> None:
    forwarded = (
        "Tolong ditangani.\n\n---------- Pesan Terusan ----------\n"
        "Dari: Budi <budi@disdik.example.go.id>\nDate: Sen, 3 Agu 2026 08.00\n"
        f"Subject: Printer\nTo: <{address(ADMIN)}>\n\nPrinter rusak.\n"
    )
    after(town, town.mail(ADMIN, forwarded, "Fwd: Printer", cc=BUDI))
    assert stored(town).proposed is not None
    types(town, ADMIN_TWO, "#lapor")
    found = stored(town)
    assert found.requester_address == address(BUDI)
    assert len(to(types(town, ADMIN_TWO, "Kami cek."), BUDI)) == 1


def test_a_stranger_can_be_let_in_after_the_ticket_they_cited_was_merged(town: Indoors) -> None:
    after(town, town.mail(), town.mail(BUDI, subject="Wifi mati"))
    types(town, ADMIN, "#ambil")
    after(town, town.mail(STRANGER, subject=f"Re: [{FIRST}] Jaringan mati"))
    assert stored(town, THIRD).stranger_of == FIRST
    told = latest(town, ADMIN, FIRST)
    types(town, ADMIN, f"#gabung {SECOND}")
    after(town, town.answer(told, ADMIN, "#terima"))
    assert stored(town, THIRD).merged_into == SECOND


def test_a_stranger_can_be_let_in_from_the_ticket_into_which_the_cited_one_was_merged(town: Indoors) -> None:
    after(town, town.mail(), town.mail(BUDI, subject="Wifi mati"))
    after(town, town.mail(STRANGER, subject=f"Re: [{FIRST}] Jaringan mati"))
    types(town, ADMIN, f"#gabung {SECOND}")
    types(town, ADMIN, f"#terima {THIRD}", SECOND)
    assert stored(town, THIRD).merged_into == SECOND


def test_a_holder_whose_address_changed_still_has_their_tickets(town: Indoors) -> None:
    after(town, town.mail())
    types(town, ADMIN, "#tugas Doni")
    (doni,) = (one for one in town.tables["desks"]["kominfo"]["staff"] if one["name"] == "Doni")
    doni |= {"address": "doni.baru@pyk.example.go.id", "aliases": [address(TECHNICIAN)]}
    told = latest(town, TECHNICIAN)
    sent = after(town, town.answer(told, TECHNICIAN, "#daftar saya"))
    assert FIRST in to(sent, "<doni.baru@pyk.example.go.id>")[0]


def test_whose_ticket_is_split_off_a_chain_of_merged_ones_reads_nothing_more_of_it(town: Indoors) -> None:
    after(town, town.mail(), town.mail(BUDI, subject="Wifi mati"), town.mail(STRANGER, subject="Server mati"))
    first = latest(town, ADMIN, FIRST)
    second = latest(town, ADMIN, SECOND)
    after(town, town.answer(first, ADMIN, f"#gabung {SECOND}"))
    after(town, town.answer(second, ADMIN, f"#gabung {THIRD}"))
    after(town, town.answer(first, ADMIN, "#pisah"))
    assert to(types(town, ADMIN, "Server sudah kami ganti.", THIRD), RINA) == []


# --- what is confidential ---------------------------------------------------------------------------------


def test_a_complaint_merged_into_a_technicians_ticket_does_not_stay_with_who_may_not_see_it(
    town: Indoors,
) -> None:
    after(town, town.mail(), town.mail(BUDI, subject="Keluhan"))
    types(town, ADMIN, "#tugas Doni")
    after(town, town.answer(latest(town, ADMIN, SECOND), ADMIN, "#rahasia"))
    after(town, town.answer(latest(town, ADMIN, SECOND), ADMIN, f"#gabung {FIRST}"))
    found = stored(town)
    assert found.confidential
    assert found.holder is None


def test_a_technician_does_not_let_in_a_complaint_that_they_may_not_see(town: Indoors) -> None:
    after(town, town.mail())
    types(town, ADMIN, "#tugas Doni")
    after(town, town.mail(STRANGER, subject=f"Re: [{FIRST}] Jaringan mati"))
    saved(town, SECOND, confidential=True)
    (receipt,) = to(types(town, TECHNICIAN, "#terima"), TECHNICIAN)
    assert stored(town, SECOND).merged_into is None
    assert SECOND not in receipt


def test_a_complaint_is_not_handed_to_a_technician_who_may_not_see_it(town: Indoors) -> None:
    after(town, town.mail())
    types(town, ADMIN, "#rahasia")
    types(town, ADMIN, "#kategori aplikasi\n#eskalasi mohon arahan")
    found = stored(town)
    assert found.holder != address(TECHNICIAN)
    assert to(town.sent(), HEAD)


def test_a_technician_who_types_the_number_of_a_complaint_is_not_told_its_subject(town: Indoors) -> None:
    town.tables["desks"]["kominfo"]["trusted_authserv_ids"] = ["mx.pyk.example.go.id"]
    after(town, town.mail(subject="Pegawai meminta uang"))
    types(town, ADMIN, "#rahasia")
    proof = "mx.pyk.example.go.id; dmarc=pass header.from=pyk.example.go.id"
    sent = after(
        town,
        town.mail(TECHNICIAN, "#ambil", f"[{FIRST}]", authentication_results=proof),
    )
    (receipt,) = [one for one in sent if address(TECHNICIAN) in str(one["To"])]
    assert "meminta uang" not in str(receipt["Subject"]) + body(receipt)


def test_a_rule_gives_no_complaint_to_a_technician_who_may_not_see_it() -> None:
    to_technician = Suggestion(1, role="teknisi", category="infrastruktur", confidential=True)
    assert ruled(ticket(holder=None), to_technician, counter()).holder is None


def test_whoever_writes_again_after_a_complaint_has_ended_for_good_is_read_by_as_few(town: Indoors) -> None:
    after(town, town.mail())
    types(town, ADMIN, "#rahasia")
    types(town, ADMIN, "#selesai\nSudah kami tindak lanjuti.")
    theirs = latest(town, RINA)
    types(town, ADMIN, "#tutup")
    town.now += timedelta(days=60)
    after(town, town.answer(theirs, RINA, "Orang itu masih meminta uang."))
    assert stored(town, SECOND).confidential


def test_a_complaint_goes_back_from_the_head_to_somebody_who_may_see_it(town: Indoors) -> None:
    after(town, town.mail())
    types(town, ADMIN, "#rahasia")
    types(town, ADMIN, "#kategori aplikasi\n#ambil\n#eskalasi mohon arahan")
    assert stored(town).level == 2
    types(town, HEAD, "#kembalikan")
    assert (stored(town).level, stored(town).holder) == (0, address(ADMIN))


# --- time -------------------------------------------------------------------------------------------------


def test_a_start_notice_that_left_after_the_end_makes_no_kept_promise_of_a_clock_that_never_ran() -> None:
    at = counter()
    work = next(one for one in at.desk.work if one.starts == "notified")
    ended = MONDAY + timedelta(hours=1)
    late = ticket(
        status=Status.RESOLVED, work=work.code, resolved_at=ended, started=True,
        notified_at=ended + timedelta(hours=1), due_at=ended + timedelta(hours=5),
    )  # fmt: skip
    assert sla.clock(late, work, ended + timedelta(days=1)) is sla.ClockState.UNMEASURED


def test_whoever_is_to_hear_of_a_complaint_hears_of_it_while_much_else_is_due() -> None:
    at = counter(("complaint 10 calendar days", ["notify pimpinan"]))
    one = ticket(confidential=True, received_at=wib("2026-07-01 09:00"))
    decision = escalating.acted(one, situation(one, MONDAY), at, quiet=True)
    assert [effect.person for effect in decision.effects if isinstance(effect, Send)] == [KADIS]


def test_of_many_that_are_due_those_on_ones_own_list_bring_no_mail_each() -> None:
    at = counter(("unanswered 1 service hour", ["notify holder", "notify pimpinan"]))
    one = ticket(received_at=wib("2026-07-01 09:00"))
    decision = escalating.acted(one, situation(one, MONDAY), at, quiet=True)
    assert [effect.person for effect in decision.effects if isinstance(effect, OweDigest)] == [ADMIN_1]
    assert not [effect for effect in decision.effects if isinstance(effect, Send)]


def test_who_was_answered_in_webmail_has_not_written_in_vain() -> None:
    asked = MONDAY + timedelta(hours=1)
    waiting = ticket(contacts=3, contacted_at=asked, answered_at=None)
    said = replace(situation(waiting, asked + timedelta(hours=2)), received_at=asked + timedelta(hours=1))
    found = webmail._answered(waiting, None, said)
    assert (found.contacts, found.contacted_at, found.answered_at) == (0, None, said.received_at)
    again = webmail._answered(waiting, None, replace(said, received_at=asked - timedelta(minutes=1)))
    assert (again.contacts, again.contacted_at) == (3, asked)


# --- two at once ------------------------------------------------------------------------------------------


def test_what_a_server_answered_is_written_down_though_another_transaction_stood_in_the_way(
    postgres: Postgres,
) -> None:
    """Forgotten, the mail would be uncertain, and leave a second time."""
    store = Store(postgres.url("deadlock"))
    upgrade(store)
    with store.writing() as write:
        for kind in ("one", "two"):
            alerts.told(write, "kominfo", kind, MONDAY)
    first, waits_already = Event(), Event()

    def note(write: Connection) -> str:
        write.execute(text("SET LOCAL deadlock_timeout = '10ms'"))  # it is this one that is given up
        alerts.told(write, "kominfo", "one", MONDAY)
        first.set()
        while not waits_already.is_set():
            if rows_waiting(store):
                waits_already.set()
        alerts.told(write, "kominfo", "two", MONDAY)
        return "noted"

    def other() -> None:
        with store.writing() as write:
            write.execute(text("SET LOCAL deadlock_timeout = '5min'"))
            alerts.told(write, "kominfo", "two", MONDAY)
            first.wait()
            alerts.told(write, "kominfo", "one", MONDAY)

    async def both() -> str:
        opposing = asyncio.create_task(asyncio.to_thread(other))
        noted = await Ledger(store).write(note)
        await opposing
        return noted

    try:
        assert asyncio.run(both()) == "noted"
    finally:
        store.close()
        postgres.drop("deadlock")


def rows_waiting(store: Store) -> bool:
    """Whether somebody waits for a lock."""
    with store.reading() as look:
        return bool(look.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


# --- anything, in any order -------------------------------------------------------------------------------

ORDERS = (
    "#ambil", "#tugas Doni", "#tugas admin", "#kategori aplikasi", "#kategori keamanan", "#jenis PWD",
    "#jenis ANT", "#mulai", "#tanya\nApa?", "#eskalasi perlu", "#kembalikan", "#selesai\nSudah.", "#tutup",
    "#buka", "#tenggat 31/8/2026 10.00 kabel", "#luar", "#setuju", "#gabung {}", "#pisah", "#kait {}",
    "#terima", "#tolak {}", "#spam", "#rahasia", "#lampiran", "#lapor", "#diberitahukan 08.30",
    "#daftar saya", "#status {}", "#laporan", "Sedang kami cek.", "ya",
    "#lapor\nNama: Ali\nTelepon: 0812345678\nKeluhan: rusak\n#rahasia\n#tugas Doni",
)  # fmt: skip
ANSWERS = ("Masih mati.", "terima kasih", "STATUS", "4", "masih belum bisa")
LOST: tuple[dict[str, Any], ...] = (
    {"level": 7}, {"holder": "pindah@pyk.example.go.id"}, {"work": "GONE"}, {"category": "gone"},
)  # fmt: skip
ESCALATIONS = [
    {"when": "unassigned 1 service hour", "do": ["notify admin", "raise level"]},
    {"when": "overdue 1 service hour", "do": ["notify holder", "notify pimpinan", "raise level"]},
    {"when": "pending 3 working days", "do": ["remind requester"]},
    {"when": "pending 10 working days", "do": ["close"]},
    {"when": "complaint 10 calendar days", "do": ["notify pimpinan"]},
]
PEOPLE = (ADMIN, ADMIN_TWO, TECHNICIAN, HEAD)


@pytest.mark.parametrize("seed", range(8))
def test_nothing_that_people_type_and_no_settings_that_are_lost_set_a_mail_aside(
    town: Indoors, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    chance = Random(seed)
    kominfo = town.tables["desks"]["kominfo"]
    kominfo |= {"escalations": ESCALATIONS, "digest": True, "pause_while_pending": seed % 2 == 0}
    after(town, town.mail(cc=BUDI), town.mail(BUDI, subject=f"[{FIRST}] juga"))
    for _ in range(15):
        numbers = [row.number for row in rows(town, "SELECT number FROM ticket")]
        if chance.random() < 0.1:
            saved(town, chance.choice(numbers), **chance.choice(LOST))
        town.now += timedelta(hours=chance.choice((0, 0, 1, 20, 100, 400)))
        one = chance.choice(town.sent())
        who = next((person for person in PEOPLE if address(person) in str(one["To"])), None)
        typed = chance.choice(ORDERS if who else ANSWERS).format(chance.choice(numbers))
        after(town, town.answer(one, who or str(one["To"]), typed))
    assert [one.message for one in caplog.records if one.levelname == "ERROR"] == []
    desk = town.office().counters["kominfo"]
    for number in numbers:
        found = stored(town, number)
        assert seen_by_holder(found, desk) == found or desk.desk.staff_by_address(found.holder or "") is None
        assert joined(replace(found, participants=()), found.participants).participants == found.participants


def test_an_abuse_report_is_told_apart_from_a_persons_in_the_history(town: Indoors) -> None:
    after(town, (Path(__file__).parent / "mail" / "abuse-report.eml").read_bytes())
    assert [row.kind for row in rows(town, "SELECT kind FROM message")] == ["feedback"]
