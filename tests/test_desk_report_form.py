"""Does a report that somebody typed while a caller was talking arrive as it was meant?"""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.desk.report_form import (
    MAX_COMPLAINT,
    MAX_NAME,
    MAX_ORGANISATION,
    MAX_PHONE,
    MAX_STREET,
    Channel,
    Field,
    ReportForm,
    missing,
    report_form,
    wrong,
)

WHOLE = ReportForm(
    name="Rina Marlina",
    street="Jl. Sudirman No. 12, Payakumbuh",
    phone="0812-5550-1234",
    email="rina@kelurahan.example",
    channel=Channel.PHONE,
    time="3 Agustus 2026 10.00",
    organisation="Kelurahan Ibuh",
    complaint="Wifi mati sejak pagi.",
)


@pytest.mark.parametrize(
    "text",
    [
        """Nama: Rina Marlina
Alamat: Jl. Sudirman No. 12, Payakumbuh
Telepon: 0812-5550-1234
Email: rina@kelurahan.example
Saluran: telepon
Waktu: 3 Agustus 2026 10.00
Instansi: Kelurahan Ibuh
Keluhan: Wifi mati sejak pagi.""",
        """keluhan = Wifi mati sejak pagi.
OPD : Kelurahan Ibuh
JAM: 3 Agustus 2026 10.00
Via : telp
Surel: <rina@kelurahan.example>
No. HP: 0812-5550-1234
Alamat Kantor: Jl. Sudirman No. 12, Payakumbuh
Nama Pelapor : Rina Marlina""",
        """*Nama:* Rina Marlina
**Alamat**: Jl. Sudirman No. 12, Payakumbuh
• no telp： 0812-5550-1234
- e-mail : rina@kelurahan.example <mailto:rina@kelurahan.example>
4. Melalui - telepon
a) Tanggal: 3 Agustus 2026
b) Pukul: 10.00
> SKPD: Kelurahan Ibuh
_Masalah_: Wifi mati sejak pagi.""",
        """Name: Rina Marlina
Address: Jl. Sudirman No. 12, Payakumbuh
Phone: 0812-5550-1234
E-Mail: rina@kelurahan.example
Channel: phone call
Time: 3 Agustus 2026 10.00
Organization: Kelurahan Ibuh
Complaint: Wifi mati sejak pagi.""",
        """Nmaa: Rina Marlina
Alamt: Jl. Sudirman No. 12, Payakumbuh
Telpn: 0812-5550-1234
Emial: rina@kelurahan.example
Salurn: telpon
Wkatu: 3 Agustus 2026 10.00
Instasi: Kelurahan Ibuh
Keluhn: Wifi mati sejak pagi.""",
        """Nama Rina Marlina
Alamat Jl. Sudirman No. 12, Payakumbuh
HP 0812-5550-1234
Email rina@kelurahan.example
Via telepon
Waktu\t3 Agustus 2026 10.00
Instansi Kelurahan Ibuh
Wifi mati sejak pagi.""",
        (
            "Nama: Rina Marlina, Alamat: Jl. Sudirman No. 12, Payakumbuh, HP: 0812-5550-1234, "
            "Email: rina@kelurahan.example, Saluran: telepon, Jam: 3 Agustus 2026 10.00; "
            "Instansi: Kelurahan Ibuh | Keluhan: Wifi mati sejak pagi."
        ),
        """Nama:
Rina Marlina
Alamat:
Jl. Sudirman No. 12,
Payakumbuh
Telepon:
0812-5550-1234
Email:
rina@kelurahan.example
Saluran:
telepon
Waktu:
3 Agustus 2026 10.00
Instansi:
Kelurahan Ibuh
Keluhan:
Wifi mati sejak pagi.""",
        """Nama\u00a0:\u200b Rina\u00a0Marlina\r
\u202eAlamat : Jl. Sudirman No. 12, Payakumbuh\r
Telepon : 0812-5550-1234 \x07\r
Email : \ufeffrina@kelurahan.example\r
Saluran : telepon\r
Waktu : 3 Agustus 2026   10.00\r
Instansi : Kelurahan Ibuh\r
Keluhan : Wifi mati sejak pagi.\r
""",
    ],
    ids=["plain", "reordered", "marked", "english", "misspelt", "bare", "one-line", "stacked", "unseen"],
)
def test_a_report_is_understood_however_its_labels_are_written(text: str) -> None:
    assert report_form(text) == WHOLE


@pytest.mark.parametrize(
    ("label", "value", "field"),
    [
        *((label, "Budi", "name") for label in ("nama", "NAMA LENGKAP", "pelapor", "Nama pelapor", "Caller")),
        *(
            (label, "0812 345 678", "phone")
            for label in ("No HP", "no. telp", "tlp", "telpon", "hp", "wa", "nomor")
        ),
        *(
            (label, "0812 345 678", "phone")
            for label in ("Telp/HP", "No. HP/WA", "nomor telepon", "WhatsApp")
        ),
        *((label, "b@x.example", "email") for label in ("e-mail", "surel", "imel", "Alamat Email", "EMAIL")),
        *((label, "Jl. A 1", "street") for label in ("alamat", "alamat kantor", "address", "almt")),
        *((label, "10.15", "time") for label in ("jam", "tanggal", "Hari/Tanggal", "waktu", "tgl", "time")),
        *(
            (label, "CV Maju", "organisation")
            for label in ("instansi", "Badan usaha", "OPD", "skpd", "company")
        ),
        *(
            (label, "Mati.", "complaint")
            for label in (
                "isi",
                "masalah",
                "kendala",
                "pengaduan",
                "aduan",
                "permasalahan",
                "keterangan",
                "problem",
            )
        ),
    ],
)
def test_each_word_that_people_use_for_a_label_is_known(label: str, value: str, field: str) -> None:
    form = report_form(f"{label}: {value}")
    assert getattr(form, field) == value
    assert form.unknown == ()


@pytest.mark.parametrize(
    ("said", "channel"),
    [
        *((word, Channel.PHONE) for word in ("telepon", "telp", "phone", "call", "via telepon", "Telpon.")),
        *((word, Channel.WHATSAPP) for word in ("wa", "WhatsApp", "WA grup", "telepon WA", "whatsap")),
        *(
            (word, Channel.WALK_IN)
            for word in ("datang", "langsung", "datang langsung", "walk-in", "Walk in")
        ),
        *((word, Channel.WALK_IN) for word in ("tatap muka", "loket")),
        *((word, Channel.MAIL) for word in ("email", "e-mail", "surel")),
        ("email dan telepon", None),
        ("radio", None),
        ("", None),
    ],
)
def test_the_channel_is_known_or_left_open_and_never_guessed(said: str, channel: Channel | None) -> None:
    form = report_form(f"Saluran: {said}")
    assert form.channel is channel
    assert form.unknown == (("Saluran",) if said and channel is None else ())


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("WA: 0812345678", Channel.WHATSAPP),
        ("WA 0812345678", Channel.WHATSAPP),
        ("No. WA: 0812345678\nSaluran: datang", Channel.WALK_IN),
        ("Saluran: radio\nWA: 0812345678", None),
        ("HP/WA: 0812345678", None),
        ("HP: 0812345678", None),
        ("WA:\n0812345678", Channel.WHATSAPP),
        ("WA:\nHP: 0812345678", None),
        ("WA:", None),
    ],
)
def test_a_whatsapp_number_tells_the_channel_unless_somebody_says_another(
    text: str, channel: Channel | None
) -> None:
    assert report_form(text).channel is channel


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Wifi mati.\nNama: Budi", "Wifi mati."),
        ("Nama: Budi\nWifi mati.\n\nTolong segera.", "Wifi mati.\n\nTolong segera."),
        ("Nama: Budi\n\nWifi mati.\nHP: 0812345\nTolong.", "Wifi mati.\nTolong."),
        ("Assalamualaikum\nNama: Budi\nKeluhan: Wifi mati.", "Assalamualaikum\nWifi mati."),
        ("Keluhan:\n- satu\n- dua\n\ntiga\nNama: Budi", "- satu\n- dua\n\ntiga"),
        ("Nama: Budi\nKeluhan: kolom nama: kosong, hp: juga", "kolom nama: kosong, hp: juga"),
        (
            "Nama: Budi\nKeluhan: mati\nkolom nama: kosong\nnama kosong",
            "mati\nkolom nama: kosong\nnama kosong",
        ),
        ("Nama: Budi\nKeluhan: mati\nNmaa: x\nnama = x\nNama - x", "mati\nNmaa: x\nnama = x\nNama - x"),
        ("Nama: Budi\nKeluhan: mati\nNama: server", "mati\nNama: server"),
        (
            "Nama: Budi\nKeluhan: mati\nTelepon: semua\nEmail: tidak bisa",
            "mati\nTelepon: semua\nEmail: tidak bisa",
        ),
        (
            "Nama: Budi\nTelepon di kantor mati\nEmail kantor juga",
            "Telepon di kantor mati\nEmail kantor juga",
        ),
        (
            "Nama: Budi\nAlamat IP server berubah\nJam 10:15 mulai",
            "Alamat IP server berubah\nJam 10:15 mulai",
        ),
        ("Nama: Budi\nhttp://simpeg.example/ tidak bisa", "http://simpeg.example/ tidak bisa"),
        ("Nama: Budi\nMasalah: satu\nKeterangan: dua", "satu\ndua"),
        ("Nama: Budi\nKeluhan: -", ""),
    ],
)
def test_a_complaint_keeps_every_word_and_gives_none_to_a_label(text: str, complaint: str) -> None:
    form = report_form(text)
    assert (form.name, form.complaint) == ("Budi", complaint)


@pytest.mark.parametrize(
    "row", ["Nmaa: server", "nama = server", "Nama - server", "Nama Server", "HP 0812345"]
)
def test_inside_a_complaint_only_a_label_with_a_colon_ends_it(row: str) -> None:
    assert report_form(f"Keluhan: mati\n{row}") == ReportForm(complaint=f"mati\n{row}")
    assert report_form("Keluhan: mati\n- Nama : Budi") == ReportForm(complaint="mati", name="Budi")


@pytest.mark.parametrize(
    ("text", "street", "complaint"),
    [
        ("Alamat: Jl. A 1\nKel. Ibuh\nNama: Budi\nmati", "Jl. A 1 Kel. Ibuh", "mati"),
        ("Keluhan: mati\nAlamat: Jl. A 1\nKel. Ibuh", "Jl. A 1 Kel. Ibuh", "mati"),
        ("Alamat: Jl. A 1\n\nmati\nNama: Budi", "Jl. A 1", "mati"),
        ("Alamat: Jl. A 1\nmati total", "Jl. A 1", "mati total"),
        ("Alamat: Jl. A No: 12 HP: 0812345", "Jl. A No: 12", ""),
        ("Alamat: tidak ada\nmati", "", "mati"),
    ],
)
def test_an_address_may_have_two_lines_and_does_not_swallow_the_complaint(
    text: str, street: str, complaint: str
) -> None:
    form = report_form(text)
    assert (form.street, form.complaint.strip()) == (street, complaint)


def test_a_label_that_nobody_knows_is_told_and_its_line_is_kept() -> None:
    form = report_form("Jabatan: staf\nNama: Budi\nNo Tiket Lama: x\nKeluhan: mati\nSolusi: matikan")
    assert form.unknown == ("Jabatan", "No Tiket Lama")
    assert form.complaint == "Jabatan: staf\nNo Tiket Lama: x\nmati\nSolusi: matikan"


def test_the_empty_form_of_the_help_mail_says_nothing() -> None:
    assert report_form("Nama: Alamat: Telepon: Email: Saluran: Waktu: Keluhan:") == ReportForm()
    assert (
        report_form("Nama:\nAlamat: -\nTelepon:\nEmail: tidak ada\nSaluran:\nWaktu:\nKeluhan:")
        == ReportForm()
    )
    assert report_form("") == ReportForm()


@pytest.mark.parametrize(
    ("typed", "phone"),
    [
        ("0812-3456-789", "0812-3456-789"),
        ("+62 812 3456 789 (istri)", "+62 812 3456 789"),
        ("+62 (0)812-3456-789", "+62 (0)812-3456-789"),
        ("628123456789", "628123456789"),
        ("0062 812 3456789", "0062 812 3456789"),
        ("(0752) 92317", "(0752) 92317"),
        ("０８１２．３４５", "0812 345"),
        ("+1 555 0100", "+1 555 0100"),
        ("62345", "62345"),
    ],
)
def test_a_telephone_number_is_kept_as_it_was_dictated(typed: str, phone: str) -> None:
    form = report_form(f"Telepon: {typed}")
    assert form.phone == phone


@pytest.mark.parametrize(
    ("form", "channel", "street_required", "asked"),
    [
        (WHOLE, Channel.PHONE, True, ()),
        (ReportForm(), Channel.PHONE, False, (Field.NAME, Field.PHONE, Field.COMPLAINT)),
        (ReportForm(), Channel.WHATSAPP, False, (Field.NAME, Field.PHONE, Field.COMPLAINT)),
        (ReportForm(), Channel.WALK_IN, True, (Field.NAME, Field.PHONE, Field.STREET, Field.COMPLAINT)),
        (ReportForm(), Channel.MAIL, False, (Field.EMAIL, Field.COMPLAINT)),
        (replace(WHOLE, street=""), Channel.WALK_IN, False, ()),
        (replace(WHOLE, street=""), Channel.WALK_IN, True, (Field.STREET,)),
        (replace(WHOLE, email=""), Channel.WALK_IN, True, ()),
        (replace(WHOLE, name="", phone=""), Channel.MAIL, False, ()),
        (replace(WHOLE, complaint=""), Channel.MAIL, False, (Field.COMPLAINT,)),
    ],
)
def test_a_caller_who_could_not_be_found_again_is_asked_for(
    form: ReportForm, channel: Channel, street_required: bool, asked: tuple[Field, ...]
) -> None:
    assert missing(form, channel, street_required) == asked


@pytest.mark.parametrize(
    ("form", "faults"),
    [
        (WHOLE, ()),
        (ReportForm(), ()),
        (ReportForm(phone="1234"), (Field.PHONE,)),
        (ReportForm(phone="12345"), ()),
        (ReportForm(phone="()"), (Field.PHONE,)),
        (ReportForm(email="rina.example.com"), (Field.EMAIL,)),
        (ReportForm(email="rina@x.example, budi@x.example"), (Field.EMAIL,)),
        (ReportForm(email="žofie@x.example"), ()),
        (ReportForm(email="žofie@x..example"), (Field.EMAIL,)),
        (ReportForm(phone="1", email="x"), (Field.PHONE, Field.EMAIL)),
    ],
)
def test_what_nobody_could_call_or_write_to_is_told(form: ReportForm, faults: tuple[Field, ...]) -> None:
    assert wrong(form) == faults


def test_an_address_that_is_too_long_is_told_and_not_cut_to_that_of_somebody_else() -> None:
    assert wrong(report_form(f"Email: {'a' * 400}@x.example")) == (Field.EMAIL,)
    assert wrong(report_form(f"Email: rina@x.example{' ' * 5}{'a' * 400}")) == (Field.EMAIL,)


PIECES = st.sampled_from(
    [
        *(
            "Nama",
            "Alamat",
            "HP",
            "WA",
            "Email",
            "Saluran",
            "Waktu",
            "Instansi",
            "Keluhan",
            "Nmaa",
            "Jabatan",
        ),
        *(":", "：", "=", " - ", "\t", "  ", " ", "\n", "\n\n", ",", "*", "**", "- ", "1. ", "-", "(", ")"),
        *(
            "0812345",
            "rina@x.example",
            "telepon",
            "datang",
            "Jl. A",
            "\u202e",
            "\x00",
            "\r",
            "\u2028",
            "\ud800",
        ),
    ]
)


@given(st.lists(PIECES | st.text(max_size=8), max_size=60).map("".join))
@settings(max_examples=500, deadline=None)
def test_whatever_is_typed_becomes_a_form_that_may_be_shown(text: str) -> None:
    form = report_form(text)
    for value, most in (
        (form.name, MAX_NAME),
        (form.street, MAX_STREET),
        (form.phone, MAX_PHONE),
        (form.organisation, MAX_ORGANISATION),
        (form.complaint, MAX_COMPLAINT),
    ):
        assert len(value) <= most
        assert not set(value) & {"\r", "\x00", "\u202e", "\u2028", "\ud800"}
    for value in (
        form.name,
        form.street,
        form.phone,
        form.email,
        form.time,
        form.organisation,
        *form.unknown,
    ):
        assert "\n" not in value
    assert set(form.phone) <= set("0123456789+-() ")
    for channel in Channel:
        missing(form, channel, street_required=True)
    wrong(form)


@given(st.lists(st.from_regex(r"[a-z]{2,9}( [a-z]{2,9}){0,4}", fullmatch=True), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_no_word_of_a_complaint_is_lost(rows: list[str]) -> None:
    form = report_form("Nama: Budi\nHP: 0812345\nKeluhan: mati\n" + "\n".join(rows))
    assert form.complaint == "\n".join(["mati", *rows])


@pytest.mark.parametrize(
    "text", ["abcd: x\n" * 20_000, "Nama: x, " * 20_000, "-" * 200_000, "* " * 100_000 + "x"]
)
@pytest.mark.timeout(60)
def test_a_hostile_form_holds_nobody_up(text: str) -> None:
    assert len(report_form(text).complaint) <= MAX_COMPLAINT
