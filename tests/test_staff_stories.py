"""Do the stories of a desk end as its people expect, from the first mail to the last?"""

from collections.abc import Sequence
from datetime import timedelta
from email.message import EmailMessage

import pytest
from city import (
    ADMIN,
    ADMIN_PRIVATE,
    ADMIN_TWO,
    ALERTS,
    HEAD,
    KOMINFO,
    LPSE,
    LPSE_ADMIN,
    LPSE_HEAD,
    PPE,
    RINA,
    TECHNICIAN,
    City,
    address,
    body,
    furnish,
)
from clients import IPHONE, Style, reply
from evidence import bounce, rows

from mailgate.store import tickets
from mailgate.store.tickets import Said, Ticket

FIRST = "KOM-2026-000001"
SECOND = "KOM-2026-000002"
BUDI = "Budi <budi@disdik.example.go.id>"
STRANGER = "Orang Lain <lain@luar.example>"
CITIZEN = "Yusni <yusni@warga.example>"
PICTURE = bytes(range(256)) * 40


@pytest.fixture
def town(quick_city: City) -> City:
    """With the people of the shipped settings; on SQLite."""
    furnish(quick_city.tables["desks"])
    return quick_city


@pytest.fixture
def both_towns(city: City) -> City:
    """The same, once on each database."""
    furnish(city.tables["desks"])
    return city


def after(city: City, *raws: bytes, desk: str = "kominfo") -> list[EmailMessage]:
    """What leaves when these mails have come in."""
    before = len(city.sink.received)
    for raw in raws:
        city.receive(raw, desk)
    assert city.run() == 0
    return city.sent()[before:]


def to(mails: Sequence[EmailMessage], whom: str) -> list[str]:
    """The words, without line ends, of those that go to one person."""
    return [words(one) for one in mails if str(one["To"]).endswith(f"{address(whom)}>") or one["To"] == whom]


def words(mail: EmailMessage) -> str:
    return " ".join(body(mail).split())


def nobody(mails: Sequence[EmailMessage]) -> bool:
    return not mails


def latest(city: City, whom: str, about: str = FIRST) -> EmailMessage:
    """The newest mail to somebody about a ticket."""
    return [one for one in city.sent(whom) if about in str(one["Subject"])][-1]


def types(city: City, who: str, text: str, about: str = FIRST, desk: str = "kominfo") -> list[EmailMessage]:
    """Somebody answers the newest mail they have about a ticket; what leaves then."""
    return after(city, city.answer(latest(city, who, about), who, text), desk=desk)


def opens(city: City, **mail: str) -> list[EmailMessage]:
    return after(city, city.mail(**mail))


def ticket(city: City, number: str = FIRST) -> Ticket:
    with city.store() as store, store.reading() as look:
        found = tickets.get(look, number)
    assert found is not None
    return found


def said(city: City, number: str = FIRST) -> list[Said]:
    with city.store() as store, store.reading() as look:
        return tickets.messages(look, number)


def numbers(city: City) -> list[str]:
    return [row.number for row in rows(city, "SELECT number FROM ticket ORDER BY number")]


# --- Who works on it --------------------------------------------------------------------------------------


def test_of_two_who_answer_the_first_has_it_and_the_second_is_warned(both_towns: City) -> None:
    city = both_towns
    opens(city)
    first = types(city, ADMIN, "Kami segera ke sana.")
    (line,) = to(first, ADMIN_TWO)
    assert "Admin Satu" in line
    assert "Kami segera ke sana." not in "".join(to(first, ADMIN))

    second = after(city, city.answer(city.sent(ADMIN_TWO)[0], ADMIN_TWO, "Kabelnya kami ganti."))
    assert "Kabelnya kami ganti." in to(second, RINA)[0]
    (receipt,) = to(second, ADMIN_TWO)
    assert "Admin Satu" in receipt
    assert ticket(city).holder == address(ADMIN)


def test_two_who_answer_in_the_same_minute_are_told_of_each_other_as_well(town: City) -> None:
    opens(town)
    raws = [town.answer(town.sent(who)[0], who, f"Salam dari {who[:9]}.") for who in (ADMIN, ADMIN_TWO)]
    mails = after(town, *raws)
    assert len(to(mails, RINA)) == 2
    assert ticket(town).holder == address(ADMIN)
    assert any("Admin Satu" in one for one in to(mails, ADMIN_TWO))
    assert any("Admin Dua" in one for one in to(mails, ADMIN))


def _away(city: City, who: str) -> bytes:
    text = "Saya sedang cuti sampai Senin."
    return city.answer(latest(city, who), who, text, auto_submitted="auto-replied")


def test_a_holder_who_is_away_is_not_told_but_the_other_admin_is_once_a_day(town: City) -> None:
    opens(town)
    types(town, ADMIN, "#ambil")
    mails = after(town, _away(town, ADMIN))
    assert to(mails, ADMIN) == []
    (told,) = to(mails, ADMIN_TWO)
    assert "cuti sampai Senin" in told
    assert to(mails, RINA) == []

    assert nobody(after(town, _away(town, ADMIN)))
    town.now += timedelta(hours=25)
    assert len(to(after(town, _away(town, ADMIN)), ADMIN_TWO)) == 1


def test_a_holder_whose_mail_comes_back_is_not_written_to_about_it(town: City) -> None:
    opens(town)
    types(town, ADMIN, "#tugas doni")
    delegation = latest(town, TECHNICIAN)
    mails = after(town, bounce(delegation, address(TECHNICIAN)))
    assert to(mails, TECHNICIAN) == []
    assert all("5.1.1" in one for one in to(mails, ADMIN) + to(mails, ADMIN_TWO))
    assert len(to(mails, ADMIN)) == len(to(mails, ADMIN_TWO)) == 1
    assert nobody(after(town, bounce(delegation, address(TECHNICIAN), status="5.1.2")))


def test_a_note_of_the_head_reaches_the_holder_and_nobody_outside(town: City) -> None:
    opens(town)
    types(town, ADMIN, "#kategori aplikasi\n#eskalasi")
    types(town, TECHNICIAN, "#eskalasi butuh anggaran")
    mails = types(town, HEAD, "Silakan beli, pakai DPA perubahan.")
    assert [len(to(mails, who)) for who in (TECHNICIAN, RINA, ADMIN)] == [1, 0, 0]
    assert "DPA perubahan" in to(mails, TECHNICIAN)[0]
    assert latest(town, HEAD)["Subject"]
    assert body(latest(town, HEAD)).startswith("Balasan Anda menjadi catatan internal")


def test_the_clock_runs_from_acceptance_and_not_from_the_moment_it_was_written(both_towns: City) -> None:
    city = both_towns
    opens(city)
    types(city, ADMIN, "#jenis ANT")
    written_at = city.now
    city.sink.rule("dot", code=451, recipient=address(RINA), times=1)
    city.receive(city.answer(latest(city, ADMIN), ADMIN, "#mulai"))
    city.run()
    assert (ticket(city).notified_at, ticket(city).due_at) == (None, None)
    assert ticket(city).promised_due_at == written_at + timedelta(hours=3)

    city.now += timedelta(hours=1)
    assert city.run() == 0
    assert ticket(city).notified_at == city.now
    assert ticket(city).due_at == city.now + timedelta(hours=3)
    started = latest(city, RINA)
    assert "12.00" in body(started)

    after(city, bounce(started, address(RINA)))
    assert (ticket(city).notified_at, ticket(city).due_at) == (None, None)


# --- Confidential -----------------------------------------------------------------------------------------


def test_a_confidential_ticket_is_seen_by_admin_and_head_alone(both_towns: City) -> None:
    city = both_towns
    opens(city, text="Petugas Doni meminta uang.", subject="Pungutan")
    types(city, ADMIN, "#tugas doni")
    opens(city, text="Layar gelap.", subject="Layar", author=BUDI)
    types(city, ADMIN, "#tugas doni", SECOND)
    mails = types(city, ADMIN, "#rahasia")
    assert to(mails, TECHNICIAN) == []
    assert "meminta uang" in to(mails, HEAD)[0]

    for order in (f"#status {FIRST}", f"#kait {FIRST}", f"#gabung {FIRST}"):
        (answer,) = to(types(city, TECHNICIAN, order, SECOND), TECHNICIAN)
        assert "Tidak ada yang dijalankan" in answer
        assert "Pungutan" not in answer
    (listed,) = to(types(city, TECHNICIAN, "#daftar", SECOND), TECHNICIAN)
    assert SECOND in listed
    assert FIRST not in listed
    (listed,) = to(types(city, ADMIN, "#daftar", SECOND), ADMIN)
    assert FIRST in listed

    before = ticket(city)
    mails = types(city, TECHNICIAN, "#selesai\nSudah.")
    assert ticket(city) == before
    assert to(mails, RINA) == []
    assert all("meminta uang" not in one for one in to(mails, TECHNICIAN))

    mails = types(city, RINA, "Ini bukti transfernya.")
    assert to(mails, TECHNICIAN) == []
    assert len(to(mails, ADMIN)) + len(to(mails, HEAD)) > 0


def test_kepala_lpse_has_a_copy_of_every_complaint_about_the_service(town: City) -> None:
    number = "LPSE-2026-000001"
    after(town, town.mail(to=LPSE, text="Petugas Anda kasar.", subject="Keluhan"), desk="lpse")
    mails = types(town, LPSE_ADMIN, "#rahasia", number, "lpse")
    assert "Petugas Anda kasar." in to(mails, LPSE_HEAD)[0]
    assert to(mails, PPE) == []
    mails = types(town, RINA, "Bagaimana kelanjutannya?", number, "lpse")
    assert "kelanjutannya" in to(mails, LPSE_HEAD)[0]
    assert to(mails, PPE) == []


# --- Without proof ----------------------------------------------------------------------------------------


def forged(city: City, text: str = "#selesai\nSudah beres semua.") -> list[EmailMessage]:
    return opens(city, author=ADMIN, text=text, subject=f"Re: [{FIRST}] Jaringan mati")


def test_a_yes_carries_out_once_what_was_asked_about(both_towns: City) -> None:
    city = both_towns
    opens(city)
    mails = forged(city, "#tanya\nDi ruangan berapa?")
    assert [address(str(one["To"])) for one in mails] == [address(ADMIN)]
    assert "#tanya" in words(mails[0])
    assert "Di ruangan berapa?" in words(mails[0])
    assert ticket(city).status == "new"

    done = after(city, city.answer(mails[0], ADMIN, "Ya, itu saya."))
    assert "Di ruangan berapa?" in to(done, RINA)[0]
    assert ticket(city).status == "pending"
    again = after(city, city.answer(mails[0], ADMIN, "ya"))
    assert to(again, RINA) == []


def test_a_yes_after_a_day_does_nothing_and_says_so(town: City) -> None:
    opens(town)
    (asked,) = forged(town)
    town.now += timedelta(hours=24, minutes=1)
    mails = after(town, town.answer(asked, ADMIN, "#ya"))
    assert to(mails, RINA) == []
    assert len(to(mails, ADMIN)) == 1
    assert ticket(town).status == "new"


@pytest.mark.parametrize("text", ["bukan", "Tidak, bukan saya. Ya ampun.", "Apa ini?"])
def test_any_other_answer_discards_it_and_alerts(town: City, text: str) -> None:
    opens(town)
    (asked,) = forged(town)
    mails = after(town, town.answer(asked, ADMIN, text))
    assert to(mails, RINA) == []
    assert address(ADMIN) in to(mails, ALERTS)[0]
    assert to(after(town, town.answer(asked, ADMIN, "ya")), RINA) == []
    assert ticket(town).status == "new"


@pytest.mark.parametrize("mark", [{"auto_submitted": "auto-replied"}, {"x_autoreply": "yes"}])
def test_an_absence_notice_never_confirms(town: City, mark: dict[str, str]) -> None:
    opens(town)
    (asked,) = forged(town)
    assert nobody(after(town, town.answer(asked, ADMIN, "Ya\nSaya sedang cuti.", **mark)))
    assert ticket(town).status == "new"
    after(town, town.answer(asked, ADMIN, "ya"))
    assert ticket(town).status == "resolved"


def test_nobody_else_can_say_yes(town: City) -> None:
    opens(town)
    (asked,) = forged(town)
    after(town, *(town.answer(asked, who, "ya") for who in (STRANGER, RINA, TECHNICIAN)))
    assert ticket(town).status == "new"
    assert all("Sudah beres semua." not in one for one in to(town.sent(), RINA))
    after(town, town.answer(asked, ADMIN, "ya"))
    assert ticket(town).status == "resolved"


def test_a_mail_from_a_private_address_is_asked_about_at_the_listed_one(town: City) -> None:
    opens(town)
    mails = opens(town, author=ADMIN_PRIVATE, text="#tutup", subject=f"[{FIRST}]")
    assert [address(str(one["To"])) for one in mails] == [address(ADMIN)]
    after(town, town.answer(mails[0], ADMIN_PRIVATE, "ya"))
    assert ticket(town).status == "closed"


def test_a_call_entered_without_proof_waits_for_a_yes(town: City) -> None:
    form = "#lapor\nNama: Bu Yusni\nTelepon: 0812-5550-1234\nKeluhan: Wifi mati."
    (asked,) = opens(town, author=ADMIN, text=form, subject="Laporan telepon")
    assert numbers(town) == []
    mails = after(town, town.answer(asked, ADMIN, "ya"))
    assert (numbers(town), ticket(town).requester_phone) == ([FIRST], "0812-5550-1234")
    assert FIRST in to(mails, ADMIN)[0]


def test_after_five_unanswered_questions_a_day_who_runs_the_service_is_warned_once(town: City) -> None:
    opens(town)
    asked = [len(to(forged(town, f"#selesai\nPercobaan {n}."), ADMIN)) for n in range(8)]
    assert asked == [1, 1, 1, 1, 1, 0, 0, 0]
    assert len(town.sent(ALERTS)) == 1
    assert address(ADMIN) in body(town.sent(ALERTS)[0])
    town.now += timedelta(hours=25)
    assert len(to(forged(town, "#selesai\nBesoknya."), ADMIN)) == 1


PASS = "mx.pyk.example.go.id; dmarc=pass header.from=pyk.example.go.id"
FAIL = "mx.pyk.example.go.id; dmarc=fail header.from=pyk.example.go.id"
NONE = "mx.pyk.example.go.id; dmarc=none header.from=pyk.example.go.id"
OTHER = "mx.luar.example; dmarc=pass header.from=pyk.example.go.id"


@pytest.mark.parametrize(
    ("needed", "cites", "verdict", "done"),
    [
        ("id", True, "", True),
        ("id", True, NONE, True),
        ("id", True, FAIL, False),
        ("id", False, PASS, False),
        ("id or dmarc", True, "", True),
        ("id or dmarc", False, PASS, True),
        ("id or dmarc", False, OTHER, False),
        ("id or dmarc", False, NONE, False),
        ("id or dmarc", True, FAIL, False),
        ("id and dmarc", True, PASS, True),
        ("id and dmarc", True, "", False),
        ("id and dmarc", True, OTHER, False),
        ("id and dmarc", False, PASS, False),
    ],
)
def test_staff_are_proven_as_the_desk_demands(
    town: City, needed: str, cites: bool, verdict: str, done: bool
) -> None:
    desk = town.tables["desks"]["kominfo"]
    desk["staff_proof"], desk["trusted_authserv_ids"] = needed, ["mx.pyk.example.go.id"]
    opens(town)
    field, text = {"authentication_results": verdict}, "#prioritas 1"
    if cites:
        raw = town.answer(latest(town, ADMIN), ADMIN, text, **field)
    else:
        raw = town.mail(ADMIN, text, f"Re: [{FIRST}] Jaringan mati", **field)
    mails = after(town, raw)
    assert (ticket(town).priority == 1) is done
    assert any("TIDAK dijalankan" in one for one in to(mails, ADMIN)) is not done
    assert to(mails, RINA) == []


# --- Merged, linked, strangers ----------------------------------------------------------------------------


def test_a_reply_of_a_merged_requester_lands_in_the_surviving_ticket(both_towns: City) -> None:
    city = both_towns
    opens(city)
    opens(city, author=BUDI, text="Di ruangan kami juga mati.", subject="Internet mati")
    mails = types(city, ADMIN, f"#gabung {FIRST}", SECOND)
    for who in (RINA, BUDI):
        (told,) = to(mails, who)
        assert FIRST in told
        assert SECOND in told
    assert "Rina" not in to(mails, BUDI)[0]
    assert "Budi" not in to(mails, RINA)[0]

    acknowledgement = city.sent(BUDI)[0]
    mails = after(city, city.answer(acknowledgement, BUDI, "Sekarang menyala sebentar."))
    assert len(to(mails, ADMIN)) == 1
    assert FIRST in str(mails[0]["Subject"])
    assert any("menyala sebentar" in one.text for one in said(city))
    assert ticket(city, SECOND).merged_into == FIRST
    assert numbers(city) == [FIRST, SECOND]

    mails = types(city, ADMIN, "Kabel kami ganti siang ini.")
    assert ["Kabel kami ganti" in to(mails, who)[0] for who in (RINA, BUDI)] == [True, True]
    opens(city, author=STRANGER, subject="Baru", text="Hal baru.")
    assert numbers(city)[-1] == "KOM-2026-000003"


def test_after_a_merge_is_undone_neither_side_reads_what_the_other_gets(town: City) -> None:
    opens(town)
    opens(town, author=BUDI, text="Di ruangan kami juga mati.", cc="camat@kec.example.go.id")
    types(town, ADMIN, f"#gabung {FIRST}", SECOND)
    assert len(ticket(town).participants) == 2
    types(town, ADMIN, "#pisah", SECOND)
    assert ticket(town).participants == ()
    mails = types(town, ADMIN_TWO, "Kabel ruang server kami ganti.")
    assert [len(to(mails, who)) for who in (RINA, BUDI, "camat@kec.example.go.id")] == [1, 0, 0]
    mails = types(town, BUDI, "Bagaimana yang di ruangan kami?")
    assert said(town, SECOND)[-1].text == "Bagaimana yang di ruangan kami?"
    assert to(mails, RINA) == []


def test_staff_who_answer_a_merged_ticket_answer_both_requesters(town: City) -> None:
    opens(town)
    opens(town, author=BUDI, text="Di ruangan kami juga mati.", subject="Internet mati")
    old = latest(town, ADMIN_TWO, SECOND)
    types(town, ADMIN, f"#gabung {FIRST}", SECOND)
    mails = after(town, town.answer(old, ADMIN_TWO, "Kami ke sana."))
    assert ["Kami ke sana." in to(mails, who)[0] for who in (RINA, BUDI)] == [True, True]
    assert ticket(town).holder == address(ADMIN_TWO)


def test_each_requester_of_a_merged_ticket_reads_their_own_subject_and_not_the_others(town: City) -> None:
    opens(town, subject="Gaji Pak Anton belum masuk")
    opens(town, author=BUDI, subject="Internet mati")
    types(town, ADMIN, f"#gabung {FIRST}", SECOND)
    types(town, ADMIN, "Sedang kami periksa.")
    assert all("Gaji" not in str(mail["Subject"]) for mail in town.sent(BUDI))
    assert all("Internet" not in str(mail["Subject"]) for mail in town.sent(RINA))
    assert "Internet mati" in str(town.sent(BUDI)[-1]["Subject"])


def _a_stranger_asks(city: City) -> list[EmailMessage]:
    opens(city, text="Data saya NIK 1376010101010001.")
    types(city, ADMIN, "#ambil")
    return opens(city, author=STRANGER, text="Bagaimana kabarnya?", subject=f"Re: [{FIRST}] Jaringan mati")


def test_a_stranger_who_is_accepted_reads_what_comes_later_and_nothing_earlier(both_towns: City) -> None:
    city = both_towns
    mails = _a_stranger_asks(city)
    assert SECOND in str(city.sent(STRANGER)[0]["Subject"])
    assert any("#terima" in one and "#tolak" in one for one in to(mails, ADMIN))
    mails = types(city, ADMIN, "#terima")
    assert ticket(city, SECOND).merged_into == FIRST
    mails += types(city, ADMIN, "Teknisi datang pukul dua.")
    assert ["Teknisi datang" in to(mails[-3:], who)[-1] for who in (RINA, STRANGER)] == [True, True]
    assert all("1376010101010001" not in one.as_string() for one in city.sent(STRANGER))
    assert all("Bagaimana kabarnya" not in one for one in to(city.sent(), RINA))
    types(city, STRANGER, "Baik, kami tunggu.")
    assert said(city)[-1].text == "Baik, kami tunggu."


def test_a_stranger_who_is_rejected_has_a_ticket_of_their_own_and_no_link(town: City) -> None:
    _a_stranger_asks(town)
    mails = types(town, ADMIN, "#tolak")
    assert to(mails, STRANGER) == []
    assert rows(town, "SELECT * FROM link") == []
    mails = types(town, ADMIN, "Teknisi datang pukul dua.")
    assert to(mails, STRANGER) == []
    assert ticket(town, SECOND).status == "new"


def test_a_technician_who_does_not_hold_it_accepts_nobody(town: City) -> None:
    _a_stranger_asks(town)
    types(town, ADMIN, "#tugas doni", SECOND)
    mails = types(town, TECHNICIAN, "#terima", SECOND)
    assert "Tidak ada yang dijalankan" in to(mails, TECHNICIAN)[0]
    assert ticket(town, SECOND).merged_into is None


def test_who_is_in_copy_belongs_to_it_reads_and_may_write(both_towns: City) -> None:
    city = both_towns
    opens(city, cc=f"{BUDI}, {address(TECHNICIAN)}, {KOMINFO}, {LPSE}, noreply@toko.example")
    assert [one.address for one in ticket(city).participants] == [address(BUDI)]
    mails = types(city, ADMIN, "Kami segera ke sana.")
    assert ["segera ke sana" in to(mails, who)[0] for who in (RINA, BUDI)] == [True, True]
    types(city, BUDI, "Ruangannya di lantai dua.")
    assert said(city)[-1].text == "Ruangannya di lantai dua."
    assert ticket(city).status == "open"


def test_no_more_than_ten_take_part_and_a_stranger_or_a_tag_brings_nobody_in(town: City) -> None:
    many = ", ".join(f"orang{n}@disdik.example.go.id" for n in range(15))
    opens(town, cc=many)
    assert len(ticket(town).participants) == 10

    opens(town, author=BUDI, subject="Hal lain", text="Layar gelap.")
    opens(town, author=STRANGER, subject=f"Re: [{SECOND}] Hal lain", cc="penyusup@luar.example")
    opens(town, author=BUDI, subject=f"Re: [{SECOND}] Hal lain", cc="penyusup@luar.example", text="Halo?")
    assert ticket(town, SECOND).participants == ()
    assert said(town, SECOND)[-1].text == "Halo?"
    after(town, town.answer(latest(town, BUDI, SECOND), BUDI, "Tolong.", cc="camat@kec.example.go.id"))
    assert [one.address for one in ticket(town, SECOND).participants] == ["camat@kec.example.go.id"]


# --- Forms, forwards, calls -------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", ["noreply@situs.example.go.id", KOMINFO])
def test_who_writes_by_a_contact_form_hears_from_us_after_staff_have_answered(
    both_towns: City, sender: str
) -> None:
    city = both_towns
    mails = opens(city, author=sender, reply_to=CITIZEN, subject="Formulir kontak", return_path="")
    assert ticket(city).requester_address == address(CITIZEN)
    assert to(mails, CITIZEN) == []
    mails = types(city, ADMIN, "Selamat pagi, kami tindak lanjuti.")
    assert "kami tindak lanjuti" in to(mails, CITIZEN)[0]
    types(city, CITIZEN, "Terima kasih, ini alamatnya: Jl. Sudirman.")
    assert said(city)[-1].author_address == address(CITIZEN)
    types(city, ADMIN, "#selesai\nSudah.")
    mails = types(city, CITIZEN, "Masih belum bisa.")
    assert len(to(mails, CITIZEN)) == 1


def test_reply_to_of_somebody_who_can_receive_redirects_nothing(town: City) -> None:
    opens(town, reply_to=STRANGER)
    assert ticket(town).requester_address == address(RINA)
    types(town, ADMIN, "Kami segera ke sana.")
    assert town.sent(STRANGER) == []


FORWARD = f"""
---------- Forwarded message ---------
Dari: {CITIZEN}
Date: Sen, 3 Agu 2026 pukul 08.12
Subject: Akun terkunci
To: <admin1@pyk.example.go.id>

Akun saya terkunci sejak kemarin."""


def test_the_writer_of_a_forwarded_mail_is_proposed_and_confirmed_by_a_report(both_towns: City) -> None:
    city = both_towns
    mails = opens(city, author=ADMIN, text=FORWARD, subject="Fwd: Akun terkunci")
    assert ticket(city).requester_address == address(ADMIN)
    assert city.sent(CITIZEN) == []
    (told,) = to(mails, ADMIN_TWO)
    assert address(CITIZEN) in told
    assert "#lapor" in told
    mails = types(city, ADMIN_TWO, "#lapor")
    assert ticket(city).requester_address == address(CITIZEN)
    (acknowledgement,) = to(mails, CITIZEN)
    assert FIRST in acknowledgement
    mails = types(city, ADMIN_TWO, "Kami buka kuncinya.")
    assert "Kami buka kuncinya." in to(mails, CITIZEN)[0]


def test_a_report_on_top_of_a_forward_takes_from_it_what_the_form_leaves_out(town: City) -> None:
    town.tables["desks"]["kominfo"]["trusted_authserv_ids"] = ["mx.pyk.example.go.id"]
    text = f"#lapor\nTelepon: 0812-5550-1234\n{FORWARD}"
    mails = opens(town, author=ADMIN, text=text, subject="Fwd: Akun terkunci", authentication_results=PASS)
    assert ticket(town).requester_address == address(CITIZEN)
    assert ticket(town).requester_phone == "0812-5550-1234"
    assert FIRST in to(mails, CITIZEN)[0]
    assert "#lapor" not in to(mails, CITIZEN)[0]
    assert "terkunci sejak kemarin" in to(mails, ADMIN_TWO)[0]


def test_a_call_costs_one_reply_to_any_mail_of_ours(town: City) -> None:
    opens(town)
    form = "#lapor\nNama: Bu Yusni\nTelepon: 0812-5550-1234\nKeluhan: Wifi mati."
    mails = types(town, ADMIN, form)
    assert numbers(town) == [FIRST, SECOND]
    assert ticket(town, SECOND).channel == "phone"
    assert {address(str(one["To"])) for one in mails} == {address(ADMIN), address(ADMIN_TWO)}
    types(town, ADMIN, "#jenis ANT", SECOND)
    mails = types(town, ADMIN, "#diberitahukan", SECOND)
    assert ticket(town, SECOND).due_at == town.now + timedelta(hours=3)
    assert {address(str(one["To"])) for one in mails} <= {address(ADMIN), address(ADMIN_TWO)}
    mails = types(town, ADMIN, "#selesai\nSudah kami sampaikan lewat telepon.", SECOND)
    assert ticket(town, SECOND).status == "resolved"
    assert all(address(str(one["To"])).endswith("pyk.example.go.id") for one in mails)


# --- The requester's side ---------------------------------------------------------------------------------


def test_who_asks_for_the_status_is_answered_and_nothing_else_happens(both_towns: City) -> None:
    city = both_towns
    opens(city)
    before = ticket(city)
    mails = types(city, RINA, "STATUS")
    assert [address(str(one["To"])) for one in mails] == [address(RINA)]
    assert FIRST in words(mails[0])
    assert ticket(city) == before


def _resolved(city: City) -> EmailMessage:
    opens(city)
    types(city, ADMIN, "#selesai\nKabel sudah kami ganti.")
    return latest(city, RINA)


@pytest.mark.parametrize(
    "text",
    [
        "Terima kasih banyak, Pak.",
        "Makasih min, sudah bisa.",
        "Tarimo kasih da, alah elok",
        "Thank you very much!",
        "👍🙏",
        "Sip, mantap. Trims",
    ],
)
def test_a_thank_you_is_kept_and_opens_nothing(town: City, text: str) -> None:
    resolution = _resolved(town)
    before = ticket(town)
    mails = after(town, town.answer(resolution, RINA, text))
    assert to(mails, RINA) == []
    assert ticket(town) == before
    assert said(town)[-1].text == text


@pytest.mark.parametrize("text", ["Masih belum bisa, Pak.", "Terima kasih, tapi masih mati.", "alun bisa da"])
def test_who_is_not_helped_yet_opens_it_again(town: City, text: str) -> None:
    resolution = _resolved(town)
    mails = after(town, town.answer(resolution, RINA, text))
    assert (ticket(town).status, ticket(town).reopened) == ("open", 1)
    assert len(to(mails, RINA)) == 1
    assert text in to(mails, ADMIN)[0]


def test_only_an_answer_to_the_resolution_answers_the_survey(both_towns: City) -> None:
    city = both_towns
    resolution = _resolved(city)
    after(city, city.answer(city.sent(RINA)[0], RINA, "1"))
    opens(city, text="2", subject=f"Re: [{FIRST}] Jaringan mati")
    assert ticket(city).survey is None
    after(city, city.answer(resolution, STRANGER, "3"))
    assert ticket(city).survey is None
    assert to(after(city, city.answer(resolution, RINA, "4 terima kasih")), RINA) == []
    assert (ticket(city).survey, ticket(city).status) == (4, "resolved")


def test_a_reply_long_after_the_end_is_a_new_ticket_that_is_linked(town: City) -> None:
    resolution = _resolved(town)
    town.now += timedelta(days=10)
    town.run()
    assert ticket(town).status == "closed"
    town.now += timedelta(days=29)
    after(town, town.answer(resolution, RINA, "Mati lagi."))
    assert (numbers(town), ticket(town).status) == ([FIRST], "open")
    types(town, ADMIN, "#tutup")
    town.now += timedelta(days=31)
    after(town, town.answer(resolution, RINA, "Mati lagi, sudah lama."))
    assert numbers(town) == [FIRST, SECOND]
    assert ticket(town).status == "closed"
    assert len(rows(town, "SELECT * FROM link")) == 2


# --- What of staff leaves, and what does not --------------------------------------------------------------


@pytest.mark.parametrize("style", [Style.APPLE_MAIL, Style.GMAIL_ID, Style.OUTLOOK_ID, Style.ROUNDCUBE_ID])
def test_private_addresses_footers_and_signatures_of_staff_are_cut(town: City, style: Style) -> None:
    opens(town)
    signature = (
        IPHONE if style is Style.APPLE_MAIL else "Admin Satu\nHP. 0812-3456-7890\nNIP 19850101 201001 1 001"
    )
    text = "Silakan dicoba. Bila perlu tulis ke admin.satu@mail.example atau doni@pyk.example.go.id ya."
    raw = reply(
        style, latest(town, ADMIN), ADMIN_PRIVATE, text, message_id="satu", date=town.now, signature=signature
    )
    mails = after(town, raw)
    (told,) = to(mails, RINA)
    assert "Silakan dicoba." in told
    assert told.count(KOMINFO) == 2
    for one in (IPHONE, "0812-3456-7890", "NIP", "admin.satu@mail.example", "doni@", "Admin Satu"):
        assert one not in told


def test_names_of_staff_leave_only_where_the_desk_wants_it(town: City) -> None:
    town.tables["desks"]["kominfo"]["show_staff_names"] = True
    opens(town)
    assert "Admin Satu" in to(types(town, ADMIN, "Kami segera ke sana."), RINA)[0]


def test_relayed_attachments_arrive_byte_for_byte(both_towns: City) -> None:
    city = both_towns
    opens(city)
    files = [("panduan.pdf", "application/pdf", PICTURE), ("foto kabel.png", "image/png", PICTURE[::-1])]
    raw = reply(
        Style.GMAIL_ID, latest(city, ADMIN), ADMIN, "#selesai\nPanduannya terlampir.",
        message_id="berkas", date=city.now, attachments=files,
    )  # fmt: skip
    after(city, raw)
    found = [(one.get_filename(), one.get_content()) for one in latest(city, RINA).iter_attachments()]
    assert found == [(name, data) for name, _, data in files]


def test_attachments_go_by_themselves_to_the_front_line_alone(town: City) -> None:
    opens(town)
    for holder, carried in ((ADMIN, [PICTURE]), (TECHNICIAN, [])):
        raw = reply(
            Style.GMAIL_ID, latest(town, RINA), RINA, f"Ini gambarnya, {holder}.",
            message_id=f"gambar{len(carried)}", date=town.now,
            attachments=[("layar.png", "image/png", PICTURE)],
        )  # fmt: skip
        after(town, raw)
        told = latest(town, holder)
        assert [one.get_content() for one in told.iter_attachments()] == carried
        assert "layar.png" in body(told)
        types(town, ADMIN, "#tugas doni")
    assert list(latest(town, TECHNICIAN).iter_attachments()) == []
    types(town, TECHNICIAN, "#lampiran")
    assert [one.get_content() for one in latest(town, TECHNICIAN).iter_attachments()] == [PICTURE, PICTURE]


def test_a_mail_that_has_our_own_notification_attached_is_not_relayed(town: City) -> None:
    opens(town)
    types(town, ADMIN, "#catatan\nPelapor ini cerewet.")
    notification = latest(town, ADMIN)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = ADMIN, KOMINFO, "Re: " + str(notification["Subject"])
    mail["Message-ID"] = "<eml@client.example>"
    mail["In-Reply-To"] = str(notification["Message-ID"])
    mail.set_content("Silakan lihat terlampir.")
    mail.add_attachment(notification)
    mails = after(town, mail.as_bytes(policy=mail.policy.clone(linesep="\r\n")))
    assert to(mails, RINA) == []
    (receipt,) = to(mails, ADMIN)
    assert "Tidak ada yang dijalankan" in receipt


def test_what_was_split_off_goes_on_as_a_ticket_of_its_own(town: City) -> None:
    opens(town)
    types(town, ADMIN, "#ambil")
    types(town, RINA, "Selain itu pencetak kami rusak.")
    mails = types(town, ADMIN, "#pisah")
    assert SECOND in to(mails, RINA)[0]
    assert [len(said(town, one)) for one in (FIRST, SECOND)] == [1, 1]
    types(town, RINA, "Pencetaknya merek X.", SECOND)
    mails = types(town, ADMIN_TWO, "#selesai\nPencetak sudah diganti.", SECOND)
    assert "Pencetak sudah diganti." in to(mails, RINA)[0]
    assert ticket(town).status == "open"


# --- Junk -------------------------------------------------------------------------------------------------


def test_who_was_silenced_opens_nothing_more_until_somebody_reopens_it(both_towns: City) -> None:
    city = both_towns
    opens(city, author=STRANGER, subject="Pinjaman murah", text="Klik di sini.")
    types(city, ADMIN, "#spam")
    assert nobody(opens(city, author=STRANGER, subject="Pinjaman lagi", text="Klik di sini."))
    assert numbers(city) == [FIRST]
    types(city, ADMIN, "#buka")
    opens(city, author=STRANGER, subject="Maaf", text="Saya orang sungguhan.")
    assert numbers(city) == [FIRST, SECOND]


def test_staff_can_not_be_silenced_by_a_mail_in_their_name(town: City) -> None:
    opens(town, author=TECHNICIAN, subject="Printer", text="Printer saya rusak.")
    assert "Tidak ada yang dijalankan" in to(types(town, ADMIN, "#spam"), ADMIN)[0]


# --- Threads ----------------------------------------------------------------------------------------------


def test_nobody_is_given_an_id_that_they_neither_wrote_nor_received(both_towns: City) -> None:
    """Design, section 6: requester, participant, two admins, a technician and a head, over a whole story."""
    city = both_towns
    wrote: dict[str, set[str]] = {}

    def tells(who: str, text: str, about: str = FIRST) -> None:
        raw = city.answer(latest(city, who, about), who, text)
        wrote.setdefault(address(who), set()).add(_id_of(raw))
        after(city, raw)

    first = city.mail(cc=BUDI)
    wrote[address(RINA)] = {_id_of(first)}
    after(city, first)
    tells(ADMIN, "Di ruangan berapa?")
    tells(RINA, "Lantai dua.")
    tells(BUDI, "Yang dekat tangga.")
    tells(ADMIN_TWO, "#catatan\nItu gedung lama.")
    tells(ADMIN, "#kategori aplikasi\n#eskalasi")
    tells(TECHNICIAN, "#mulai\nSaya ke sana.")
    tells(BUDI, "Kami tunggu.")
    tells(TECHNICIAN, "#eskalasi butuh anggaran")
    tells(HEAD, "Silakan beli.")
    tells(TECHNICIAN, "#tenggat besok 10.00 menunggu barang")
    tells(TECHNICIAN, "#selesai\nSudah kami ganti.")
    tells(BUDI, "Masih belum bisa.")
    tells(RINA, "STATUS")
    stranger = city.mail(STRANGER, "Ada kabar?", f"Re: [{FIRST}] Jaringan mati")
    wrote[address(STRANGER)] = {_id_of(stranger)}
    after(city, stranger)
    tells(TECHNICIAN, "#terima", FIRST)
    tells(TECHNICIAN, "Kami datang lagi.")
    tells(STRANGER, "Baik.")

    received: dict[str, set[str]] = {}
    threaded = 0
    for one in city.sent():
        reader = address(str(one["To"]))
        cited = set(f"{one['In-Reply-To'] or ''} {one['References'] or ''}".split())
        known = wrote.get(reader, set()) | received.setdefault(reader, set())
        assert cited <= known, (reader, str(one["Subject"]))
        threaded += bool(cited)
        received[reader].add(str(one["Message-ID"]))
    assert len(received) == 7
    assert threaded > 25


def _id_of(raw: bytes) -> str:
    return next(line for line in raw.decode().splitlines() if line.startswith("Message-ID:")).split()[1]


def test_attachments_of_another_ticket_that_a_mail_cites_as_well_are_not_handed_out(town: City) -> None:
    """A technician who cites the acknowledgement of a confidential complaint beside their own ticket."""
    opens(town)
    types(town, ADMIN, "#tugas doni")
    secret = reply(
        Style.GMAIL_ID, latest(town, RINA), RINA, "Ini buktinya.", message_id="bukti@client.example",
        date=town.now, attachments=[("bukti.png", "image/png", PICTURE)],
    )  # fmt: skip
    after(town, secret.replace(b"[KOM-2026-000001]", b"").replace(b"References", b"X-References")
          .replace(b"In-Reply-To", b"X-In-Reply-To"))  # fmt: skip
    assert numbers(town) == [FIRST, "KOM-2026-000002"]
    types(town, ADMIN, "#rahasia", "KOM-2026-000002")
    mine, other = latest(town, TECHNICIAN), latest(town, ADMIN, "KOM-2026-000002")
    mine_first, other_first = f"{mine['Message-ID']}", f"{other['Message-ID']} {mine['Message-ID']}"
    for cited in (mine_first, other_first):
        raw = town.answer(mine, TECHNICIAN, "#lampiran", references=other_first, in_reply_to=cited)
        (told,) = after(town, raw)
        assert (address(str(told["To"])), list(told.iter_attachments())) == (address(TECHNICIAN), [])


def test_attachments_of_a_merged_ticket_come_with_those_of_the_one_that_survived(town: City) -> None:
    for number, word in ((FIRST, "satu"), ("KOM-2026-000002", "dua")):
        opens(town, subject=f"Layar {word}", message_id=f"<{word}@client.example>")
        picture = reply(
            Style.GMAIL_ID, latest(town, RINA, number), RINA, f"Gambar {word}.", date=town.now,
            message_id=f"g{word}@client.example", attachments=[(f"{word}.png", "image/png", PICTURE)],
        )  # fmt: skip
        after(town, picture)
    types(town, ADMIN, f"#gabung {FIRST}", "KOM-2026-000002")
    types(town, ADMIN, "#lampiran", "KOM-2026-000002")
    receipt = latest(town, ADMIN)
    assert [one.get_filename() for one in receipt.iter_attachments()] == ["satu.png", "dua.png"]
