"""Is what staff type understood as people mean it, and never guessed?"""

from datetime import date, datetime, time
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.desk.arguments import (
    Unclear,
    When,
    addresses,
    category,
    day_and_time,
    month,
    number,
    past_moment,
    person,
    priority,
    unusable,
    work,
)
from mailgate.message.message import writable
from mailgate.settings import Staff, Work, duration

MONDAY = date(2026, 8, 3)
WEDNESDAY = date(2026, 8, 5)
NOON = time(12, 0)


def staff(name: str, local: str, role: str, *categories: str, alias: str = "") -> Staff:
    return Staff(
        name=name,
        address=f"{local}@pyk.example.go.id",
        aliases=(alias,) if alias else (),
        roles=(role,),
        categories=categories,
    )


PEOPLE = (
    staff("Admin Satu", "admin1", "admin", alias="satu.pribadi@mail.example"),
    staff("Budi Santoso", "budi", "teknisi", "aplikasi"),
    staff("Budi Hartono", "hartono", "teknisi", "infrastruktur"),
    staff("Siti Nurhalîza", "siti", "teknisi", "keamanan"),
    staff("Bapak Kepala Dinas", "kepala.kominfo", "pimpinan"),
)
WORKS = tuple(
    Work(code=code, name=name, within=duration("1 service hour"), starts="received")
    for code, name in (
        ("PWD", "Penggantian password"),
        ("PRK", "Penggantian perangkat"),
        ("AKN", "Perbaikan akun pengguna"),
    )
)
CATEGORIES = {"aplikasi": "Aplikasi", "infrastruktur": "Infrastruktur TIK", "keamanan": "Keamanan informasi"}


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("admin1@pyk.example.go.id", "Admin Satu"),
        ("<ADMIN1@PYK.example.go.id>", "Admin Satu"),
        ("mailto:admin1@pyk.example.go.id", "Admin Satu"),
        ("Admin Satu <admin1@pyk.example.go.id>", "Admin Satu"),
        ("admin1@pyk.example.go.id<mailto:admin1@pyk.example.go.id>", "Admin Satu"),
        ("satu.pribadi@mail.example", "Admin Satu"),
        ("admin1", "Admin Satu"),
        ("kepala.kominfo", "Bapak Kepala Dinas"),
        ("budi santoso", "Budi Santoso"),
        ("Pak Budi Santoso", "Budi Santoso"),
        ("budi", "Budi Santoso"),
        ("@hartono", "Budi Hartono"),
        ("Budi H.", "Budi Hartono"),
        ("sant", "Budi Santoso"),
        ("Bu Siti", "Siti Nurhalîza"),
        ("siti nurhaliza", "Siti Nurhalîza"),
        ("SITI\u00a0NURHALÎZA.", "Siti Nurhalîza"),
        ("Kepala", "Bapak Kepala Dinas"),
        ("pimpinan", "Bapak Kepala Dinas"),
        ("admin", "Admin Satu"),
        ("teknisi keamanan", "Siti Nurhalîza"),
        ("Teknisi Infrastruktur", "Budi Hartono"),
    ],
)
def test_a_colleague_is_found_however_they_are_called(typed: str, name: str) -> None:
    found = person(typed, PEOPLE, None)
    assert isinstance(found, Staff)
    assert found.name == name


@pytest.mark.parametrize(
    ("typed", "choices"),
    [
        ("bud", ("Budi Santoso", "Budi Hartono")),
        ("Pak Bud", ("Budi Santoso", "Budi Hartono")),
        ("teknisi", ("Budi Santoso", "Budi Hartono", "Siti Nurhalîza")),
        ("budi@pyk.example.go.id, hartono@pyk.example.go.id", ("Budi Santoso", "Budi Hartono")),
        ("orang@luar.example", tuple(one.name for one in PEOPLE)),
        ("Rina", tuple(one.name for one in PEOPLE)),
        ("Budi Rina", tuple(one.name for one in PEOPLE)),
        ("pak", tuple(one.name for one in PEOPLE)),
        ("", tuple(one.name for one in PEOPLE)),
        ("budi " * 100, tuple(one.name for one in PEOPLE)),
    ],
)
def test_nobody_gets_a_ticket_by_a_guess(typed: str, choices: tuple[str, ...]) -> None:
    found = person(typed, PEOPLE, None)
    assert isinstance(found, Unclear)
    assert tuple(one.partition(" <")[0] for one in found.choices) == choices


def test_the_category_chooses_among_those_who_share_a_role() -> None:
    assert person("teknisi", PEOPLE, "keamanan") == PEOPLE[3]
    assert isinstance(person("teknisi", PEOPLE, "lain"), Unclear)
    assert person("pimpinan", PEOPLE, "keamanan") == PEOPLE[4]


def test_every_choice_can_be_typed_and_there_are_few() -> None:
    many = tuple(staff(f"Budi {number}", f"b{number}", "teknisi") for number in range(20))
    found = person("budi", many, None)
    assert isinstance(found, Unclear)
    assert [person(one, many, None) for one in found.choices] == list(many[:8])
    unclear = work("penggantian", WORKS)
    assert isinstance(unclear, Unclear)
    assert [work(one, WORKS) for one in unclear.choices] == list(WORKS[:2])


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("aplikasi", "aplikasi"), ("Aplikasi.", "aplikasi"), ("APL", "aplikasi"), ("tik", "infrastruktur"),
        ("infra", "infrastruktur"), ("Infrastruktur TIK", "infrastruktur"), ("informasi", "keamanan"),
        ("struktur", "infrastruktur"), ("keamanan info", "keamanan"),
    ],
)  # fmt: skip
def test_a_category_is_found_by_a_part_of_its_name(typed: str, key: str) -> None:
    assert category(typed, CATEGORIES) == key


@pytest.mark.parametrize(
    ("typed", "choices"),
    [
        ("in", ("infrastruktur", "keamanan")),
        ("jaringan", tuple(CATEGORIES)),
        ("", tuple(CATEGORIES)),
        ("?", tuple(CATEGORIES)),
    ],
)
def test_a_category_is_never_guessed(typed: str, choices: tuple[str, ...]) -> None:
    assert category(typed, CATEGORIES) == Unclear(choices)
    assert category(typed, {}) == Unclear()


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("PWD", "PWD"), ("pwd", "PWD"), ("pwd.", "PWD"), ("password", "PWD"), ("Penggantian password", "PWD"),
        ("PWD Penggantian password", "PWD"), ("akun", "AKN"), ("perbaikan", "AKN"),
        ("penggantian perangkat", "PRK"),
    ],
)  # fmt: skip
def test_a_kind_of_work_is_found_by_code_or_name(typed: str, code: str) -> None:
    found = work(typed, WORKS)
    assert isinstance(found, Work)
    assert found.code == code


def test_a_kind_of_work_is_never_guessed() -> None:
    assert work("penggantian", WORKS) == Unclear(("PWD Penggantian password", "PRK Penggantian perangkat"))
    assert work("PWD PRK", WORKS) == work("antena", WORKS) == work("", WORKS)
    assert isinstance(work("", WORKS), Unclear)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("1", 1), ("4.", 4), ("P2", 2), ("prioritas 3", 3), ("１", 1), ("mendesak", 1), ("Urgent!", 1),
        ("sangat mendesak", 1), ("tinggi", 2), ("high", 2), ("normal", 3), ("biasa", 3), ("Rendah", 4),
        ("low", 4),
    ],
)  # fmt: skip
def test_a_priority_is_a_number_or_a_word(typed: str, expected: int) -> None:
    assert priority(typed) == expected


@pytest.mark.parametrize("typed", ["", "0", "5", "12", "1 2", "-", "p", "penting sekali", "satu", "1.5"])
def test_a_priority_is_never_guessed(typed: str) -> None:
    assert priority(typed) == Unclear(("1", "2", "3", "4"))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("KOM-2026-000123", "KOM-2026-000123"), ("KOM-2026-123", "KOM-2026-000123"),
        ("kom 2026 123", "KOM-2026-000123"), ("KOM2026-123", "KOM-2026-000123"), ("#123", "KOM-2026-000123"),
        ("123", "KOM-2026-000123"), ("000123", "KOM-2026-000123"), ("KOM-123", "KOM-2026-000123"),
        ("kom123", "KOM-2026-000123"), ("KOM–2026–123", "KOM-2026-000123"), ("KOM‑2026‑123.",
        "KOM-2026-000123"),
        ("[KOM-2026-000123]", "KOM-2026-000123"), ("#KOM-2025-7", "KOM-2025-000007"),
        ("2025-7", "KOM-2025-000007"), ("LPSE-2026-45", "LPSE-2026-000045"), ("lpse 45", "LPSE-2026-000045"),
        ("no. 12", "KOM-2026-000012"), ("tiket #12", "KOM-2026-000012"), ("KOM-2026-002026",
        "KOM-2026-002026"),
        ("KOM\u00a02026\u200b-123", "KOM-2026-000123"), ("1234567", "KOM-2026-1234567"),
    ],
)  # fmt: skip
def test_a_ticket_is_found_however_its_number_is_written(typed: str, expected: str) -> None:
    assert number(typed, "KOM", {"KOM", "LPSE"}, 2026) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "", "abc", "KOM", "KOM-2026", "2026", "KOM-2026-0", "0", "XYZ-2026-1", "KOM-2026-1 dan 2", "1,2", "-",
        "KOM-2026-12x", "KOM-1999-1", "1234567890", "nomor", "١٢",
    ],
)  # fmt: skip
def test_half_a_number_names_no_ticket(typed: str) -> None:
    assert number(typed, "KOM", {"LPSE"}, 2026) is None


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("a@b.id", ("a@b.id",)),
        ("a@b.id, <c@d.id>; Budi <e@f.id>", ("a@b.id", "c@d.id", "e@f.id")),
        ("a@b.id c@d.id", ("a@b.id", "c@d.id")),
        ("a@b.id dan c@d.id.", ("a@b.id", "c@d.id")),
        ('"Dewi, Sari" <a@b.id>', ("a@b.id",)),
        ("Budi <a@b.id> Sari <c@d.id>", ("a@b.id", "c@d.id")),
        ("a@b.id<mailto:a@b.id>", ("a@b.id",)),
        ("mailto:A@b.id", ("A@b.id",)),
        ("a@b.id, A@B.ID", ("a@b.id",)),
        ("(a@b.id)", ("a@b.id",)),
        ("a@b.id,", ("a@b.id",)),
        ("", ()),
    ],
)
def test_addresses_are_read_as_people_list_them(typed: str, expected: tuple[str, ...]) -> None:
    assert addresses(typed) == expected
    assert not unusable(typed)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Budi", ()),
        ("a@b.id, Budi", ("a@b.id",)),
        ("a@b.id tolong ikut", ("a@b.id",)),
        ("budi@gmail", ()),
        ("a@b.id, c@@d.id", ("a@b.id",)),
        ("Dewi, Sari <a@b.id>", ("a@b.id",)),
        ("Budi <bukan alamat>", ()),
        ("Budi <>", ()),
        ("lain@x.id <a@b..>", ("lain@x.id",)),
        ("büdi@b..id", ()),
        ("a@b.id<script>", ("a@b.id",)),
    ],
)
def test_what_is_no_address_is_said_and_never_written_to(typed: str, expected: tuple[str, ...]) -> None:
    assert addresses(typed) == expected
    assert unusable(typed)


@pytest.mark.parametrize(
    ("typed", "day", "at"),
    [
        ("31/8", (8, 31), None),
        ("31/08/26", (8, 31), None),
        ("31-8-2026", (8, 31), None),
        ("31.8.2026", (8, 31), None),
        ("2026-08-31", (8, 31), None),
        ("2026‑08‑31 14:00", (8, 31), "14:00"),
        ("31 Agustus 2026 14.00", (8, 31), "14:00"),
        ("31 agt pukul 14:00 WIB", (8, 31), "14:00"),
        ("31 August", (8, 31), None),
        ("August 31, 2026 2pm", (8, 31), "14:00"),
        ("31-Agu-26", (8, 31), None),
        ("1st sept 9 a.m.", (9, 1), "09:00"),
        ("tgl 31/8, jam 14", (8, 31), "14:00"),
        ("31 / 8 - 14.00", (8, 31), "14:00"),
        ("Senin, 31 Agustus 2026, pkl. 08.00", (8, 31), "08:00"),
        ("31/8 (Senin) 10.00", (8, 31), "10:00"),
        ("14.00 31/8", (8, 31), "14:00"),
        ("besok", (8, 6), None),
        ("besok 10.00", (8, 6), "10:00"),
        ("Besok\u00a0jam 10", (8, 6), "10:00"),
        ("besok 10", (8, 6), "10:00"),
        ("besok pagi jam 9", (8, 6), "09:00"),
        ("besok siang jam 1", (8, 6), "13:00"),
        ("jam 10 besok", (8, 6), "10:00"),
        ("besok, Kamis 10.00", (8, 6), "10:00"),
        ("tomorrow at 3 pm", (8, 6), "15:00"),
        ("lusa", (8, 7), None),
        ("besok lusa 08.30", (8, 7), "08:30"),
        ("3 hari lagi", (8, 8), None),
        ("hari ini 15.30", (8, 5), "15:30"),
        ("today 15:30:00", (8, 5), "15:30"),
        ("nanti jam 3 sore", (8, 5), "15:00"),
        ("jam 14", (8, 5), "14:00"),
        ("14.00", (8, 5), "14:00"),
        ("pukul 14.00 WIB", (8, 5), "14:00"),
        ("jam 2 siang", (8, 5), "14:00"),
        ("2 sore", (8, 5), "14:00"),
        ("11 siang", (8, 5), "11:00"),
        ("jam 7 malam", (8, 5), "19:00"),
        ("siang ini 13.00", (8, 5), "13:00"),
        ("Senin", (8, 10), None),
        ("hari Senin 10.00", (8, 10), "10:00"),
        ("monday", (8, 10), None),
        ("Rabu", (8, 12), None),
        ("Rabu ini jam 15", (8, 5), "15:00"),
        ("Senin depan", (8, 10), None),
        ("Jumat", (8, 7), None),
        ("jum'at 09.00", (8, 7), "09:00"),
        ("Jum’at depan", (8, 14), None),
        ("next friday", (8, 14), None),
        ("hari minggu depan", (8, 16), None),
        ("next sunday", (8, 16), None),
        ("paling lambat besok pukul 10.00", (8, 6), "10:00"),
        ("4/8", (8, 4), None),
        ("BESOK 00.00", (8, 6), "00:00"),
        ("besok 23:59", (8, 6), "23:59"),
    ],
)
def test_a_promised_moment_is_what_the_writer_meant(typed: str, day: tuple[int, int], at: str | None) -> None:
    expected = When(date(2026, *day), time.fromisoformat(at) if at else None, "")
    assert day_and_time(typed, WEDNESDAY) == expected
    assert day_and_time(f"  {typed}. ", WEDNESDAY) == expected


@pytest.mark.parametrize(
    ("typed", "today", "expected"),
    [
        ("Senin", MONDAY, date(2026, 8, 10)),
        ("Senin depan", MONDAY, date(2026, 8, 10)),
        ("Jumat", MONDAY, date(2026, 8, 7)),
        ("3/1", date(2026, 12, 30), date(2027, 1, 3)),
        ("3/7", MONDAY, date(2026, 7, 3)),
        ("2/7", MONDAY, date(2027, 7, 2)),
        ("29/2", date(2027, 12, 1), date(2028, 2, 29)),
        ("29 feb 2028", MONDAY, date(2028, 2, 29)),
        ("besok", date(2026, 12, 31), date(2027, 1, 1)),
    ],
)
def test_a_day_without_its_year_is_the_one_that_comes(typed: str, today: date, expected: date) -> None:
    assert day_and_time(typed, today) == When(expected, None, "")


@pytest.mark.parametrize(
    ("typed", "rest"),
    [
        ("31/8 14.00 menunggu suku cadang", "menunggu suku cadang"),
        ("besok 10.00, karena teknisi cuti.", "karena teknisi cuti."),
        ("besok 10.00 WIB – suku cadang (2 unit)", "suku cadang (2 unit)"),
        ("Senin antena — masih dipesan", "antena — masih dipesan"),
        ("besok 2 teknisi datang", "2 teknisi datang"),
        ("10.00 besok Senin libur", "Senin libur"),
        ("besok 10.00 jam kerja", "jam kerja"),
        ("31/8 14.00 " + "alasan " * 1000, ("alasan " * 1000).strip()),
    ],
)
def test_the_reason_behind_the_moment_is_kept_word_for_word(typed: str, rest: str) -> None:
    found = day_and_time(typed, WEDNESDAY)
    assert isinstance(found, When)
    assert found.rest == rest


@pytest.mark.parametrize(
    "typed",
    [
        "", "31/2", "31/2 14.00", "32/8", "0/8", "8/31", "31/8/1999", "29/2", "besok 25.00", "besok 24.00",
        "besok 10.60", "besok jam 25", "Selasa 31/8", "besok Senin", "minggu depan", "minggu lalu",
        "next week",
        "10.00-12.00", "besok 10.00 - 12.00", "besok 10.00 s/d 12.00", "besok 10.00 atau 11.00",
        "2-3 hari lagi",
        "besok setengah tiga", "besok jam kerja", "jam 12 malam", "3 hari kerja lagi", "secepatnya", "2",
        "pagi",
        "31", "Agustus", "31/8/2026/1", "besoknya", "31 Agustus 1026", "senın", "kemarin", "Senin lalu",
        "14 pagi",
        "menunggu suku cadang", "2026-13-01", "1/2/3/4",
    ],
)  # fmt: skip
def test_a_moment_that_is_not_clear_is_asked_about_and_not_guessed(typed: str) -> None:
    found = day_and_time(typed, WEDNESDAY)
    assert isinstance(found, Unclear)
    assert found.choices
    assert all(isinstance(day_and_time(one, WEDNESDAY), When) for one in found.choices)


@pytest.mark.parametrize(
    ("typed", "day", "at"),
    [
        ("", (8, 5), "12:00"),
        ("barusan", (8, 5), "12:00"),
        ("sekarang", (8, 5), "12:00"),
        ("tadi 09.30", (8, 5), "09:30"),
        ("tadi pagi jam 9", (8, 5), "09:00"),
        ("09.30", (8, 5), "09:30"),
        ("jam 9", (8, 5), "09:00"),
        ("hari ini 10.00", (8, 5), "10:00"),
        ("kemarin 15.00", (8, 4), "15:00"),
        ("kemarin sore jam 3", (8, 4), "15:00"),
        ("kemarin", (8, 4), None),
        ("tadi malam jam 8", (8, 4), "20:00"),
        ("semalam 21.15", (8, 4), "21:15"),
        ("kemarin lusa", (8, 3), None),
        ("2 hari lalu", (8, 3), None),
        ("2 hari yang lalu 10.00", (8, 3), "10:00"),
        ("Senin 10.00", (8, 3), "10:00"),
        ("Senin lalu", (8, 3), None),
        ("Kamis", (7, 30), None),
        ("Rabu 10.00", (8, 5), "10:00"),
        ("Rabu 14.00", (7, 29), "14:00"),
        ("Rabu lalu", (7, 29), None),
        ("last wednesday", (7, 29), None),
        ("3/8 10.00", (8, 3), "10:00"),
        ("Senin, 3 Agustus 2026 pukul 10.00", (8, 3), "10:00"),
        ("1 Agustus", (8, 1), None),
    ],
)
def test_a_call_is_entered_at_the_moment_it_came(typed: str, day: tuple[int, int], at: str | None) -> None:
    expected = When(date(2026, *day), time.fromisoformat(at) if at else None, "")
    assert past_moment(typed, WEDNESDAY, NOON) == expected


def test_a_date_of_december_entered_in_january_is_last_years() -> None:
    assert past_moment("31/12 10.00", date(2027, 1, 2), NOON) == When(date(2026, 12, 31), time(10), "")


@pytest.mark.parametrize(
    "typed", ["besok 10.00", "Senin depan", "minggu lalu", "31/2", "25.00", "lama", "kemarin 9-10"]
)
def test_a_call_is_not_entered_at_a_guessed_moment(typed: str) -> None:
    found = past_moment(typed, WEDNESDAY, NOON)
    assert isinstance(found, Unclear)
    assert all(isinstance(past_moment(one, WEDNESDAY, NOON), When) for one in found.choices)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", (2026, 8)), ("bulan ini", (2026, 8)), ("bulan lalu", (2026, 7)), ("Last month", (2026, 7)),
        ("2026-08", (2026, 8)), ("2026‑7.", (2026, 7)), ("8/2026", (2026, 8)), ("08 2025", (2025, 8)),
        ("Agustus", (2026, 8)), ("agustus 2026", (2026, 8)), ("bulan Juli", (2026, 7)), ("des", (2025, 12)),
        ("December 2025", (2025, 12)), ("8", (2026, 8)), ("9", (2025, 9)),
    ],
)  # fmt: skip
def test_the_figures_are_of_the_month_that_was_meant(typed: str, expected: tuple[int, int]) -> None:
    assert month(typed, WEDNESDAY) == expected


@pytest.mark.parametrize(
    "typed", ["13", "0", "2026", "2026-13", "2026-00", "semua", "agustusan", "8/26", "1999-08"]
)
def test_no_figures_of_a_guessed_month(typed: str) -> None:
    assert month(typed, WEDNESDAY) == Unclear(("2026-08", "2026-07"))


def test_last_month_is_in_last_year_in_january() -> None:
    assert month("bulan lalu", date(2026, 1, 31)) == (2025, 12)


# fmt: off
SCRAPS_OF_MOMENTS = [
    "31", "8", "/", "-", ".", ":", "2026", "14.00", "25.00", "besok", "tadi malam", "senin", "Minggu",
    "depan",
    "lalu", "jam", "pagi", "sore", "agustus", "feb", "WIB", "hari ini", "hari", "lagi", "KOM", "#123", "@",
    "<",
    ">", "a@b.id", "mailto:", "budi", "pak", "ı", "İ", "ſ", "\u212a", "٣", "²", "½", "\u200b", "\u00a0",
    ",", ";",
    '"', "(", "s/d",
]
# fmt: on
SCRAPS = st.lists(
    st.one_of(
        st.sampled_from(SCRAPS_OF_MOMENTS),
        st.text(max_size=6),
        st.just(" "),
    ),
    max_size=12,
).map("".join)
DAYS = st.dates(date(2001, 1, 1), date(2098, 12, 31))


@given(SCRAPS, DAYS, st.times())
def test_no_text_breaks_the_reading_of_a_moment(text: str, today: date, now: time) -> None:
    for found in (day_and_time(text, today), past_moment(text, today, now)):
        match found:
            case When(day, _, rest):
                assert 2000 <= day.year <= 2099
                assert len(rest) <= len(text)
            case Unclear(choices):
                assert choices
    match month(text, today):
        case Unclear(choices):
            assert all(month(one, today) == (int(one[:4]), int(one[5:])) for one in choices)
        case year, of_year:
            assert 2000 <= year <= 2099
            assert 1 <= of_year <= 12


@given(DAYS, st.times().map(lambda moment: moment.replace(second=0, microsecond=0)), DAYS)
def test_every_moment_that_is_written_in_full_is_read_back(day: date, at: time, today: date) -> None:
    for form in ("%d/%m/%Y %H.%M", "%Y-%m-%d %H:%M", "%d-%m-%Y pukul %H.%M WIB"):
        typed = datetime.combine(day, at).strftime(form)
        assert day_and_time(typed, today) == past_moment(typed, today, NOON) == When(day, at, "")


@given(SCRAPS)
def test_no_text_breaks_the_reading_of_names_and_addresses(text: str) -> None:
    assert isinstance(person(text, PEOPLE, "aplikasi"), Staff | Unclear)
    assert category(text, CATEGORIES) in CATEGORIES or category(text, CATEGORIES) != ""
    assert isinstance(work(text, WORKS), Work | Unclear)
    assert isinstance(priority(text), Unclear) or 1 <= int(str(priority(text))) <= 4
    assert (number(text, "KOM", {"LPSE"}, 2026) or "KOM-").startswith(("KOM-", "LPSE-"))
    assert all(writable(one) for one in addresses(text))
    assert isinstance(unusable(text), bool)


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "31/8 ",
        "/",
        " ",
        "<",
        ">",
        '"',
        "<a",
        '" <',
        "a@b.id,",
        "@",
        "a",
        "besok ",
        "hari ",
        "-",
        "jam ",
        "\u0301",
        "(",
    ],
)
def test_a_hostile_argument_is_read_as_fast_as_a_long_one(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    begun = thread_time()
    day_and_time(text, MONDAY)
    day_and_time("besok " + text, MONDAY)
    past_moment(text, MONDAY, NOON)
    month(text, MONDAY)
    addresses(text)
    unusable(text)
    number(text, "KOM", {"LPSE"}, 2026)
    person(text, PEOPLE, None)
    category(text, CATEGORIES)
    work(text, WORKS)
    priority(text)
    assert thread_time() - begun < 10  # seconds of this thread alone; what is not linear takes minutes
