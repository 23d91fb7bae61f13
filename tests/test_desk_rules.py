"""Does a new mail find its rule, and does the admin learn why another one did not match?"""

import time
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from desk_cast import message
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mailgate.desk.rules import Judged, judged, ruling
from mailgate.message.message import Address, Attachment, Feedback, Message
from mailgate.settings import Rule, RuleSet, RuleWhen, shipped, validate

SHIPPED = shipped("settings.toml")
DESKS = validate(tomllib.loads(SHIPPED.read_text(encoding="utf-8")), Path(str(SHIPPED)).parent).desks

MAIL = message(
    subject="Mohon bantuan",
    authors=(Address("Rina Marlina", "Rina@Disdik.example.go.id"),),
    to=(Address("", "abuse.kominfo@payakumbuhkota.go.id"),),
)
ABUSE = Feedback("abuse", "203.0.113.9")


def mail(subject: str = "Mohon bantuan", text: str = "", **facts: Any) -> Message:
    return replace(MAIL, subject=subject, text=text, reply_text=text, own_words=text, **facts)


def rule(set_: dict[str, Any] | None = None, **when: Any) -> Rule:
    return Rule(when=RuleWhen(**when), set=RuleSet(**(set_ or {"priority": 2})))


def matches(message: Message, **when: Any) -> bool:
    return ruling([rule(**when)], message, outside_hours=False) is not None


def why(message: Message, **when: Any) -> tuple[str, ...]:
    (one,) = judged([rule(**when)], message, outside_hours=False)
    return one.why


# --- Words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phrase", "written"),
    [
        ("password", "Password"),
        ("password", "LUPA PASSWORD!"),
        ("password", "lupa user/password aplikasi"),
        ("password", "(password)"),
        ("password", "pass\u00adword"),
        ("password", "pass\u200bword"),
        ("password", "ｐａｓｓｗｏｒｄ"),
        ("password", "𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝"),
        ("password", "pässwórd"),
        ("pässword", "password"),
        ("password", "lupa_password_sipd"),
        ("kata sandi", "kata\n  sandi"),
        ("kata sandi", "kata\u00a0sandi"),
        ("kata   sandi", "Kata Sandi."),
        ("e-mail", "e mail"),
        ("sandi*", "sandi"),
        ("sandi*", "sandinya lupa"),
        ("lupa sandi*", "saya lupa sandinya"),
        ("error 500", "muncul ERROR 500."),
    ],
)
def test_words_are_found_however_people_write_them(phrase: str, written: str) -> None:
    assert matches(mail(text=f"Selamat pagi, {written} terima kasih"), words=phrase)
    assert matches(mail(subject=written), words=phrase)
    assert matches(mail(subject=written), subject=phrase)


@pytest.mark.parametrize(
    ("phrase", "written"),
    [
        ("akun", "laporan akuntansi"),
        ("akun", "akunnya"),
        ("sandi", "persandian"),
        ("sandi*", "persandian"),
        ("kata sandi", "katasandi"),
        ("kata sandi", "sandi kata"),
        ("kata sandi", "kata kunci sandi"),
        ("kata sandi*", "kata"),
        ("a.c", "abc"),
        ("(a+)+", "aaaa"),
    ],
)
def test_a_part_of_a_word_is_another_word(phrase: str, written: str) -> None:
    assert not matches(mail(subject=written, text=written), words=phrase)
    assert not matches(mail(subject=written), subject=phrase)


def test_a_phrase_does_not_begin_in_the_subject_and_end_in_the_text() -> None:
    assert not matches(mail("lupa kata", "sandi email"), words="kata sandi")


def test_a_rule_for_the_subject_does_not_look_into_the_text() -> None:
    assert not matches(mail("Mohon bantuan", "lupa password"), subject="password")


def test_an_older_mail_quoted_below_says_nothing_of_the_new_one() -> None:
    quoting = replace(mail(text="Antena bergeser."), text="Antena bergeser.\n> lupa password")
    assert matches(quoting, words="antena")
    assert not matches(quoting, words="password")


def test_a_mail_that_is_all_quote_was_not_written_this_time() -> None:
    assert not matches(mail(text="lupa password", only_quoted=True), words="password")
    assert matches(mail("lupa password", only_quoted=True), words="password")


def test_a_citizens_mail_passed_on_by_somebody_still_finds_its_rule() -> None:
    passed_on = replace(mail(text="lupa password"), own_words="")
    assert matches(passed_on, words="password")


@pytest.mark.parametrize("phrase", ["", " ", "*", "**", "-", "a*b", "*sandi"])
def test_a_word_that_could_never_match_or_always_would_is_a_fault(phrase: str) -> None:
    with pytest.raises(ValidationError):
        RuleWhen(words=(phrase,))


def test_a_word_of_which_nothing_is_left_finds_nothing() -> None:
    assert not matches(mail("", ""), words="\uff9e")  # a mark that counts as a letter


# --- Whom it is from and for --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({"sender": "rina@disdik.example.go.id"}, True),
        ({"sender": ["budi@gmail.example", "rina@disdik.example.go.id"]}, True),
        ({"sender": "ina@disdik.example.go.id"}, False),
        ({"sender_domain": "disdik.example.go.id"}, True),
        ({"sender_domain": "Example.GO.ID"}, True),
        ({"sender_domain": "xample.go.id"}, False),
        ({"sender_domain": "kota.disdik.example.go.id"}, False),
        ({"recipient": "abuse.kominfo@payakumbuhkota.go.id"}, True),
        ({"recipient": "Abuse.Kominfo@PAYAKUMBUHKOTA.go.id"}, True),
        ({"recipient": "abuse@payakumbuhkota.go.id"}, False),
    ],
)
def test_a_rule_knows_whom_a_mail_is_from_and_for(when: dict[str, Any], holds: bool) -> None:
    assert matches(mail(), **when) is holds


@pytest.mark.parametrize("field", ["to", "cc", "resent_to"])
@pytest.mark.parametrize(
    ("written", "holds"),
    [
        ("aduan@kota.example", True),
        ("Aduan+web@kota.example", True),
        ("aduan@kota.example.org", False),
        ("l.p.s.e+tender@googlemail.com", True),
    ],
)
def test_a_mail_to_a_second_address_of_the_desk_finds_its_rule(field: str, written: str, holds: bool) -> None:
    addressed = mail(**{field: (Address("", "lain@kota.example"), Address("", written))})
    assert matches(addressed, recipient=["aduan@kota.example", "lpse@gmail.com"]) is holds


def test_of_several_authors_one_is_enough() -> None:
    two = (Address("", "a@lain.example"), Address("", "b@jakarta.lkpp.go.id"))
    assert matches(mail(authors=two), sender_domain="lkpp.go.id")
    assert matches(mail(authors=two), sender="A@lain.example")


def test_a_mail_without_a_sender_is_from_nobody() -> None:
    assert not matches(mail(authors=()), sender_domain="lkpp.go.id")
    assert not matches(
        mail(authors=(Address("", "lkpp.go.id@"), Address("", ""))), sender_domain="lkpp.go.id"
    )
    assert why(mail(authors=()), sender_domain="lkpp.go.id") == (
        "sender_domain: nobody is none of lkpp.go.id",
    )


# --- What comes with it -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "name", "kind", "holds"),
    [
        ("*.pdf", "Surat.PDF", "application/octet-stream", True),
        ("*.PDF", "surat.pdf", "application/pdf", True),
        ("*.pdf", "surat.pdf.exe", "application/pdf", False),
        ("*.pdf", "x" * 5000 + ".pdf", "application/pdf", True),
        ("image/*", "foto", "image/png", True),
        ("IMAGE/*", "foto", "image/png", True),
        ("image/*", "image", "text/plain", False),
        ("application/pdf", "", "application/pdf", True),
        ("surat-??.docx", "surat-01.docx", "application/msword", True),
        ("surat-??.docx", "surat-1.docx", "application/msword", False),
    ],
)
def test_an_attachment_is_known_by_its_name_or_its_type(
    pattern: str, name: str, kind: str, holds: bool
) -> None:
    other = Attachment("catatan.txt", "text/x-note", 1, b"x")
    attached = mail(attachments=(other, Attachment(name, kind, 1, b"x")))
    assert matches(attached, attachment=pattern) is holds


@pytest.mark.parametrize(
    ("wanted", "report", "holds"),
    [
        (True, ABUSE, True),
        (True, None, False),
        (False, None, True),
        (False, ABUSE, False),
        ("abuse", ABUSE, True),
        ("fraud", ABUSE, False),
        ("abuse", None, False),
    ],
)
def test_an_abuse_report_is_told_from_a_persons_mail(
    wanted: bool | str, report: Feedback | None, holds: bool
) -> None:
    assert matches(mail(feedback=report), feedback=wanted) is holds


@pytest.mark.parametrize("wanted", ["Abuse!", "", 1, ["abuse"]])
def test_a_feedback_that_no_report_can_have_is_a_fault(wanted: object) -> None:
    with pytest.raises(ValidationError, match="is not true, false or a type"):
        RuleWhen.model_validate({"feedback": wanted})


@pytest.mark.parametrize("arrived_outside", [True, False])
@pytest.mark.parametrize("wanted", [True, False])
def test_a_rule_for_the_night_is_silent_by_day(wanted: bool, arrived_outside: bool) -> None:
    found = ruling([rule(outside_hours=wanted)], mail(), outside_hours=arrived_outside)
    assert (found is not None) is (wanted is arrived_outside)


# --- Several ------------------------------------------------------------------------------------------------


def test_all_that_a_rule_names_must_hold() -> None:
    asked = {"words": "password", "sender_domain": "example.go.id", "feedback": False}
    assert matches(mail(text="lupa password"), **asked)
    assert not matches(mail(text="lupa sandi"), **asked)
    assert not matches(mail(text="lupa password", feedback=ABUSE), **asked)


def test_a_last_rule_that_asks_nothing_takes_what_the_others_left() -> None:
    rules = [rule(words="antena"), rule({"role": "admin"})]
    found = ruling(rules, mail(text="Printer macet"), outside_hours=False)
    assert found is not None
    assert (found.number, found.set.role) == (2, "admin")
    assert found.why == "rule 2: it asks nothing and takes every mail"


@pytest.mark.parametrize("key", ["words", "subject", "sender", "sender_domain", "recipient", "attachment"])
def test_a_list_that_lost_its_last_word_does_not_take_every_mail(key: str) -> None:
    with pytest.raises(ValidationError, match=f"has an empty {key}"):
        RuleWhen(**{key: ()})


def test_the_first_rule_that_matches_wins_and_the_later_ones_are_not_asked() -> None:
    rules = [
        rule(words="antena"),
        rule({"work": "PWD"}, words="password"),
        rule({"work": "AKN"}, words="akun"),
    ]
    message = mail(text="Akun saya: lupa password")
    found = ruling(rules, message, outside_hours=False)
    assert found is not None
    assert (found.number, found.set) == (2, RuleSet(work="PWD"))
    assert found.why == 'rule 2: words: "password" is in the text'
    assert judged(rules, message, outside_hours=False) == (
        Judged(1, False, ('words: none of "antena" is in the subject or in what was written this time',)),
        Judged(2, True, ('words: "password" is in the text',)),
        Judged(3, False, ("not asked: rule 2 matched before",), reached=False),
    )


def test_a_mail_that_no_rule_wants_has_no_ruling() -> None:
    assert ruling([rule(words="antena")], mail(), outside_hours=False) is None
    assert ruling([], mail(), outside_hours=False) is None
    assert judged([], mail(), outside_hours=False) == ()


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ({"words": "bantuan"}, 'words: "bantuan" is in the subject'),
        ({"subject": "bantuan"}, 'subject: "bantuan" is in it'),
        ({"subject": "antena"}, 'subject: none of "antena" is in it'),
        ({"words": [*"abcdef"]}, 'words: none of "a", "b", "c" and 3 more is in the subject or in what was'),
        ({"sender": "a@b.example"}, "sender: Rina@Disdik.example.go.id is none of a@b.example"),
        ({"sender": "rina@disdik.example.go.id"}, "sender: Rina@Disdik.example.go.id"),
        ({"sender_domain": "lkpp.go.id"}, "sender_domain: Disdik.example.go.id is none of lkpp.go.id"),
        ({"sender_domain": "go.example.id"}, "is none of go.example.id"),
        (
            {"recipient": "a@b.example"},
            "recipient: abuse.kominfo@payakumbuhkota.go.id is none of a@b.example",
        ),
        ({"attachment": ["*.pdf", "image/*"]}, "attachment: none is *.pdf, image/*"),
        ({"feedback": True}, "feedback: it is no abuse report"),
        ({"feedback": "fraud"}, "feedback: it is no abuse report"),
        ({"outside_hours": True}, "outside_hours: it arrived within service hours"),
    ],
)
def test_the_admin_reads_why(when: dict[str, Any], told: str) -> None:
    (line,) = why(mail(), **when)
    assert told in line


def test_of_a_rule_that_did_not_match_only_what_was_missing_is_told() -> None:
    told = why(mail(text="lupa password"), words="password", sender_domain="lkpp.go.id", outside_hours=True)
    assert [line.partition(":")[0] for line in told] == ["sender_domain", "outside_hours"]


# --- Hostile mail -------------------------------------------------------------------------------------------

EVERYTHING = rule(
    words=["password", "sandi*"],
    subject="x",
    sender="a@b.example",
    sender_domain="b.example",
    recipient="lpse@gmail.com",
    attachment=["*.pdf", "a*b*c*d", "[", "image/*"],
    feedback="abuse",
    outside_hours=True,
)


@given(st.text(), st.text(), st.text(), st.text())
def test_no_mail_breaks_a_rule(subject: str, text: str, address: str, name: str) -> None:
    people = (Address(name, address),)
    files = (Attachment(name, address, 1, b""),)
    message = mail(subject, text, authors=people, to=people, attachments=files, feedback=Feedback(name, ""))
    (one,) = judged([EVERYTHING], message, outside_hours=False)
    assert not one.matched
    assert one.why


@given(st.lists(st.sampled_from(["lupa", "kata", "sandi", "sandinya", "x"]), max_size=12))
def test_a_phrase_is_found_exactly_where_its_words_stand_side_by_side(words: list[str]) -> None:
    stands = any(pair == ["kata", "sandi"] for pair in (words[at : at + 2] for at in range(len(words))))
    assert matches(mail("", " ".join(words)), words="kata sandi") is stands


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0300\u0316" * 100_000,
        "\u0f73" * 200_000,
        "\uff9e\u0f73" * 100_000,
        "\ufdfa" * 200_000,
        "a " * 500_000,
    ],
)
def test_a_text_made_to_be_slow_is_not(text: str) -> None:
    started = time.thread_time()
    assert not matches(mail(text, text), words=["password", "kata sandi"])
    assert time.thread_time() - started < 15  # seconds; the worst of them took more than a minute


def test_of_an_endless_text_the_beginning_counts() -> None:
    assert matches(mail(text="x " * 40_000 + "antena"), words="antena")
    assert not matches(mail(text="x " * 60_000 + "antena"), words="antena")


# --- The shipped rules --------------------------------------------------------------------------------------

NAMES = {
    "kominfo": (
        "abuse report",
        "complaint",
        "SEC",
        "PWD",
        "ANT",
        "PRK",
        "UDB",
        "AKN",
        "KON",
        "some password",
        "network",
        "application",
    ),
    "lpse": ("LKPP", "complaint", "closing tender", "offer", "password", "supplier", "SPSE"),
}
SETS: dict[tuple[str, str], dict[str, Any]] = {
    ("kominfo", "abuse report"): {"category": "keamanan", "priority": 2},
    ("kominfo", "complaint"): {"confidential": True, "suggest": True},
    ("kominfo", "SEC"): {"work": "SEC", "priority": 1, "suggest": True},
    ("kominfo", "PWD"): {"work": "PWD", "suggest": True},
    ("kominfo", "ANT"): {"work": "ANT", "suggest": True},
    ("kominfo", "PRK"): {"work": "PRK", "suggest": True},
    ("kominfo", "UDB"): {"work": "UDB", "suggest": True},
    ("kominfo", "AKN"): {"work": "AKN", "suggest": True},
    ("kominfo", "KON"): {"work": "KON", "suggest": True},
    ("kominfo", "some password"): {"work": "PWD", "suggest": True},
    ("kominfo", "network"): {"category": "infrastruktur", "suggest": True},
    ("kominfo", "application"): {"category": "aplikasi", "suggest": True},
    ("lpse", "LKPP"): {"priority": 2},
    ("lpse", "complaint"): {"confidential": True, "suggest": True},
    ("lpse", "closing tender"): {"priority": 1, "suggest": True},
    ("lpse", "offer"): {"priority": 2, "suggest": True},
    ("lpse", "password"): {"role": "admin", "priority": 3, "suggest": True},
    ("lpse", "supplier"): {"role": "admin", "priority": 3, "suggest": True},
    ("lpse", "SPSE"): {"role": "ppe", "priority": 2, "suggest": True},
}

HITS = [
    (
        "kominfo",
        "complaint",
        "Pengaduan pelayanan",
        "Kemarin saya datang ke kantor dan tidak ada yang menerima.",
    ),
    (
        "kominfo",
        "complaint",
        "Mohon perhatian",
        "Petugas tidak melayani permintaan reset password kami, malah marah.",
    ),
    ("kominfo", "SEC", "URGENT website dinas diretas!", "Halaman depan berubah jadi hitam."),
    ("kominfo", "SEC", "Situs kelurahan", "Website kami menampilkan iklan judi online sejak semalam."),
    ("kominfo", "SEC", "Laporan e-mail phishing", "Ada surel yang meminta kata sandi pegawai."),
    (
        "kominfo",
        "SEC",
        "Komputer",
        "Semua berkas di komputer bendahara tidak bisa dibuka, sepertinya ransomware.",
    ),
    ("kominfo", "PWD", "Lupa password e-Office", "Mohon dibantu pak"),
    ("kominfo", "PWD", "Mohon bantuan", "Assalamualaikum, mohon penggantian kata sandi email dinas kami."),
    ("kominfo", "PWD", "email", "tdk bisa login email krn lupa passwordnya min"),
    ("kominfo", "ANT", "Internet kelurahan mati", "Sejak angin kencang kemarin antena di atap bergeser."),
    ("kominfo", "ANT", "Mohon pointing ulang", "Puskesmas Tiakar tidak dapat internet dari tower."),
    ("kominfo", "ANT", "Jaringan", "Koneksi wireless dari kantor camat ke balai kota putus-putus."),
    ("kominfo", "PRK", "Router rusak", "Lampunya tidak menyala lagi sejak mati lampu."),
    ("kominfo", "PRK", "Internet mati total", "Access point lantai 2 tersambar petir tadi malam."),
    ("kominfo", "UDB", "Update database SIMPEG", "Data jabatan tiga orang pegawai belum berubah."),
    ("kominfo", "UDB", "Mohon pemutakhiran data", "Terdapat data ganda pada aplikasi e-Kinerja."),
    (
        "kominfo",
        "AKN",
        "Akun e-Office terkunci",
        "Sudah tiga kali mencoba, sekarang tidak bisa login sama sekali.",
    ),
    ("kominfo", "AKN", "Permohonan hak akses SIPD", "Untuk bendahara baru kami."),
    ("kominfo", "AKN", "Gagal login", "Password sudah benar tetapi tetap ditolak."),
    ("kominfo", "KON", "Mohon konfigurasi ulang", "Wifi ruang rapat minta disetel untuk tamu."),
    (
        "kominfo",
        "KON",
        "Subdomain baru",
        "Mohon subdomain untuk aplikasi perizinan diarahkan ke server baru.",
    ),
    ("kominfo", "some password", "Password", "Saya tidak ingat lagi yang dipakai tahun lalu."),
    ("kominfo", "some password", "Mohon info", "Kata sandinya apa ya pak untuk wifi tamu?"),
    ("kominfo", "network", "Internet lambat", "Sejak pagi membuka surel saja lama sekali."),
    ("kominfo", "network", "Mohon dicek", "Pak, jaringan putus lagi di Kantor Lurah Koto Panjang."),
    ("kominfo", "application", "Aplikasi e-Kinerja", "Muncul tulisan Internal Server Error waktu simpan."),
    ("kominfo", "application", "Website tidak bisa diakses", "Mohon dicek servernya."),
    ("lpse", "complaint", "Keluhan layanan LPSE", "Sudah tiga kali menelepon tidak diangkat."),
    (
        "lpse",
        "complaint",
        "Kepada Kepala LPSE",
        "Kami kecewa dengan pelayanan di loket, petugas tidak sopan.",
    ),
    (
        "lpse",
        "closing tender",
        "Penting",
        "Batas akhir pemasukan dokumen penawaran jam 14.00 hari ini, SPSE error.",
    ),
    (
        "lpse",
        "closing tender",
        "Tender segera ditutup",
        "Mohon segera dibantu, kami belum berhasil upload penawaran.",
    ),
    ("lpse", "offer", "Gagal upload penawaran", "File RHS selalu ditolak."),
    ("lpse", "offer", "Mohon bantuan", "Apendo tidak bisa membuat berkas enkripsi."),
    ("lpse", "password", "Lupa password SPSE", "Atas nama CV Maju Bersama, terlampir KTP direktur."),
    ("lpse", "password", "Mohon dibantu", "Saya lupa user id penyedia perusahaan kami."),
    ("lpse", "supplier", "Verifikasi penyedia", "Kapan kami dapat datang membawa berkas asli?"),
    ("lpse", "supplier", "Tanya", "Bagaimana cara mendaftar di LPSE Kota Payakumbuh untuk CV baru?"),
    ("lpse", "SPSE", "SPSE error", "Sejak tadi pagi halaman putih."),
    ("lpse", "SPSE", "Mohon info", "Aplikasi SPSE tidak bisa dibuka dari kantor kami, muncul error 500."),
]

# What looks like a rule's mail and is not: the rule itself lets it pass.
NEAR = [
    ("kominfo", "complaint", "Keluhan layanan internet", "Internet kantor camat lambat sekali."),
    (
        "kominfo",
        "complaint",
        "Standar pelayanan",
        "Petugas kami mohon diberi contoh standar pelayanan publik.",
    ),
    ("kominfo", "SEC", "Undangan sosialisasi keamanan informasi", "Bertempat di aula balai kota."),
    ("kominfo", "SEC", "Permohonan antivirus", "Mohon pemasangan antivirus pada lima komputer baru."),
    ("kominfo", "PWD", "Gagal login", "Password sudah benar tetapi tetap ditolak."),
    ("kominfo", "PWD", "Lupa membawa surat", "Kemarin kami lupa melampirkan surat pengantar."),
    ("kominfo", "ANT", "Data pelayanan antenatal", "Puskesmas mohon unduhan laporan antenatal bulan Juli."),
    ("kominfo", "ANT", "Pinjam mikrofon wireless", "Untuk apel hari Senin."),
    ("kominfo", "PRK", "Daftar perangkat daerah", "Mohon alamat surel seluruh perangkat daerah."),
    ("kominfo", "PRK", "Jalan rusak", "Lampu jalan mati di depan kantor lurah."),
    ("kominfo", "UDB", "Permintaan data", "Mohon data jumlah pegawai per Juli 2026."),
    ("kominfo", "UDB", "Undangan rapat", "Pembahasan satu data Indonesia dan pembaruan standar."),
    ("kominfo", "AKN", "Kode akun belanja", "Akun belanja modal 5.2.02 tidak muncul di SIPD."),
    ("kominfo", "AKN", "Laporan akuntabilitas", "Terlampir laporan akuntansi dan akuntabilitas kinerja."),
    ("kominfo", "KON", "Konfirmasi kehadiran", "Mohon konfirmasi kehadiran pada rapat besok."),
    ("kominfo", "KON", "Setting panggung", "Setting ruang rapat untuk pelantikan."),
    ("kominfo", "some password", "Urusan persandian", "Laporan bidang persandian triwulan II."),
    ("kominfo", "some password", "Pengantar", "Demikian kata pengantar dari kami, Sandi Pratama."),
    ("kominfo", "network", "Pelatihan", "Undangan pelatihan internet sehat bagi guru."),
    ("kominfo", "network", "Jaringan dokumentasi hukum", "Mohon dimuat di portal JDIH."),
    ("kominfo", "application", "Presentasi aplikasi", "Kami ingin memperkenalkan aplikasi perpustakaan."),
    ("kominfo", "application", "Tautan website", "Mohon berita kami dimuat di website kota."),
    ("lpse", "complaint", "Sanggahan hasil evaluasi", "Kami menyanggah hasil evaluasi tender jalan."),
    ("lpse", "complaint", "Jam layanan", "Mohon info jam layanan dan pelayanan LPSE pada bulan puasa."),
    ("lpse", "closing tender", "Batas akhir pendaftaran pelatihan", "Kapan batas waktu pendaftaran bimtek?"),
    ("lpse", "closing tender", "Tender pembangunan drainase", "Kapan tender dibuka?"),
    ("lpse", "offer", "Penawaran kerja sama", "Kami menawarkan jasa pelatihan."),
    ("lpse", "offer", "Surat penawaran produk", "Bersama ini kami kirim katalog alat tulis."),
    ("lpse", "password", "Lupa jadwal", "Kami lupa jadwal penjelasan pekerjaan."),
    ("lpse", "password", "Kata pengantar", "Contoh kata pengantar dokumen pemilihan."),
    ("lpse", "supplier", "Data penyedia", "Berapa jumlah penyedia yang aktif tahun ini?"),
    ("lpse", "supplier", "Verifikasi hasil pekerjaan", "Pertanyaan tentang serah terima pekerjaan."),
    ("lpse", "SPSE", "Pelatihan SPSE", "Kapan ada pelatihan SPSE untuk PPK?"),
    ("lpse", "SPSE", "Alamat LPSE", "Di mana kantor LPSE? Terima kasih."),
]


def shipped_rule(desk: str, name: str) -> Rule:
    return DESKS[desk].rules[NAMES[desk].index(name)]


def shipped_ruling(desk: str, message: Message) -> str | None:
    found = ruling(DESKS[desk].rules, message, outside_hours=False)
    return NAMES[desk][found.number - 1] if found else None


@pytest.mark.parametrize(("desk", "name"), SETS)
def test_a_shipped_rule_sets_what_the_office_expects(desk: str, name: str) -> None:
    assert len(DESKS[desk].rules) == len(NAMES[desk])
    assert shipped_rule(desk, name).set.model_dump(exclude_unset=True) == SETS[desk, name]


@pytest.mark.parametrize(("desk", "name", "subject", "text"), HITS)
def test_what_people_write_finds_the_rule_for_it(desk: str, name: str, subject: str, text: str) -> None:
    assert shipped_ruling(desk, mail(subject, text)) == name


@pytest.mark.parametrize(("desk", "name", "subject", "text"), NEAR)
def test_what_only_looks_like_it_is_left_to_people(desk: str, name: str, subject: str, text: str) -> None:
    assert ruling([shipped_rule(desk, name)], mail(subject, text), outside_hours=False) is None


@pytest.mark.parametrize("table", [HITS, NEAR])
def test_every_shipped_rule_for_words_is_tried_at_least_twice(table: list[tuple[str, ...]]) -> None:
    tried = Counter(row[:2] for row in table)
    of_words = [at for at in SETS if shipped_rule(*at).when.words]
    assert [at for at in of_words if tried[at] < 2] == []


@pytest.mark.parametrize("kind", ["abuse", "fraud"])
def test_an_abuse_report_goes_to_security_whatever_it_says(kind: str) -> None:
    report = mail("Reset password", "lupa password", feedback=Feedback(kind, ""))
    assert shipped_ruling("kominfo", report) == "abuse report"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("helpdesk@lkpp.go.id", "LKPP"),
        ("noreply@support.LKPP.go.id", "LKPP"),
        ("penipu@mylkpp.go.id", None),
        ("penipu@lkpp.go.id.example", None),
    ],
)
def test_what_lkpp_writes_does_not_wait(address: str, name: str | None) -> None:
    assert shipped_ruling("lpse", mail("Jawaban tiket", authors=(Address("", address),))) == name


@pytest.mark.parametrize("desk", DESKS)
def test_a_phone_that_writes_nothing_finds_no_rule(desk: str) -> None:
    assert shipped_ruling(desk, mail("", "")) is None
