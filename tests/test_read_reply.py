"""Are only the words written this time taken, and all of them?"""

from collections.abc import Callable
from pathlib import Path

import pytest
from client_wording import ATTRIBUTIONS, FOOTERS, HEADERS
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.message.body import MAX_CHARACTERS, Written, is_forward, own_words, reply_text, written
from mailgate.message.markup import texts_of
from mailgate.message.message import Message
from mailgate.message.parse import read

MAIL = Path(__file__).parent / "mail"
WORDS = "Masih belum bisa, Pak."
QUOTE = "On Mon, 3 Aug 2026 at 09:12, Help Desk <desk@example.go.id> wrote:\n> lama"


def mail(name: str) -> Message:
    message = read((MAIL / f"{name}.eml").read_bytes())
    assert isinstance(message, Message)
    return message


@pytest.mark.parametrize(
    "below", [*ATTRIBUTIONS, *HEADERS, *FOOTERS, "-- \nSari Dewi\nNIP 1985", "--\nSari Dewi"]
)
def test_what_the_program_added_below_is_not_relayed(below: str) -> None:
    assert written(f"Masih belum bisa.\n\n{below}") == Written("Masih belum bisa.", "Masih belum bisa.")


@pytest.mark.parametrize(
    "name",
    sorted(
        path.stem
        for pattern in ("reply-*", "html-reply-*", "answer-b*", "answer-s*", "answer-with-*")
        for path in MAIL.glob(f"{pattern}.eml")
        if path.stem not in ("answer-with-nothing-but-a-quote", "html-reply-gmail-answers-between-quotes")
    ),
)
def test_a_reply_from_every_known_program_brings_its_own_words_only(name: str) -> None:
    message = mail(name)
    assert (message.reply_text, message.own_words) == (WORDS, WORDS)
    assert len(message.text) > len(WORDS), "the full text is always kept"


@pytest.mark.parametrize(
    "name",
    sorted(path.stem for pattern in ("letter-*", "first-letter-*") for path in MAIL.glob(f"{pattern}.eml")),
)
def test_a_letter_of_an_office_arrives_whole(name: str) -> None:
    message = mail(name)
    assert message.reply_text == message.text


@pytest.mark.parametrize(
    ("name", "comment"),
    [
        ("forward-apple-mail-all-quoted", "Mohon dibantu."),
        ("forward-gmail-mixed-language-labels", "Mohon ditindaklanjuti."),
        ("forward-outlook-told-by-subject-only", "Mohon ditindaklanjuti."),
        ("forward-roundcube-with-odd-labels", "Mohon ditindaklanjuti."),
        ("forward-with-a-line-above", None),
        ("html-forward-gmail", "Mohon ditindaklanjuti."),
        ("html-forward-outlook-border", "Mohon dibantu."),
    ],
)
def test_a_forward_shows_its_payload_and_takes_no_order_from_it(name: str, comment: str | None) -> None:
    message = mail(name)
    assert "".join(message.reply_text.split()) == "".join(message.text.split())
    assert comment is None or message.own_words == comment


def test_answers_between_quotes_are_shown_with_their_questions_and_relayed_without() -> None:
    message = mail("answer-to-questions-quoted-by-hand")
    assert message.reply_text == message.text
    assert message.own_words == "Selamat pagi,\n\nLantai dua.\n\nJam 10."
    assert mail("html-reply-gmail-answers-between-quotes").own_words == "Lantai dua.\nJam 10."


def test_a_mail_that_only_quotes_says_nothing_in_its_authors_name() -> None:
    message = mail("answer-with-nothing-but-a-quote")
    assert (message.reply_text, message.own_words) == (message.text, "")


def test_a_name_card_that_the_desk_asked_for_is_an_answer() -> None:
    assert mail("answer-is-a-name-card-that-was-asked-for").reply_text.endswith("budi@dinkes.example.go.id")


def test_an_indented_paragraph_is_no_quote() -> None:
    assert "Setiap orang berhak" in mail("html-letter-indents-with-blockquote").own_words


@pytest.mark.parametrize(
    "text",
    [
        "Pada hari Senin, 3 Agustus, atasan saya menulis:\nakun diblokir.",
        "On Monday, 3 August 2026 at 09:00 my boss wrote:\nyour account is blocked.",
        "Kami sudah menulis: mohon bantuan.\nPada prinsipnya setuju.",
        "Berikut pesannya:\n- satu\n- dua",
        "Kepada: Kadis\nDari: Camat\nTanggal: 3 Agustus\nPerihal: Akun\n\nMohon akun.",
        "Yth. Bapak,\n\nDari: Camat\nKepada: Kadis\nTanggal: 3 Agustus 2026\nPerihal: Akun\n\nMohon akun.",
        "Log:\nFrom: server1\nTo: server2\nmacet",
        "Log:\n\n2026-08-03 09:12 budi@example.com:\nerror 500",
        "Langkah:\n--\n" + "baris\n" * 30 + "selesai",
        "    #mulai dari tepi",
        "> semua hanya kutipan\n> dan tidak lebih",
        "Pada Sen, 3 Agu 2026 pukul 14.59 Budi <budi@example.com> menulis:\n> hanya kutipan",
        "Sent from my desk, it is much easier.\nSelesai",
        "Laporan ini dikirim dari kantor lurah. Mohon dibantu.",
        "Nama: Budi\nTelepon: 0812 3456 7890\nEmail: budi@example.com\nAlamat: Jl. Sudirman 2",
        "Waktu: 09.00\nTempat: Aula\nPerihal: Rapat\nDari: Kominfo",
        "Pesan asli\nhilang dari kotak masuk.",
        "Daftar:\n-Satu\n-Dua",
        "Data ini rahasia dan hanya untuk Bapak. Mohon tidak disebarkan karena berisi NIK warga kami semua.",
        "Thanks,\nSari",
    ],
)
def test_no_word_of_a_person_is_lost(text: str) -> None:
    assert reply_text(text) == text


@pytest.mark.parametrize(
    ("signed", "kept"),
    [
        ("Best regards,\nSari Dewi", ""),
        ("Met vriendelijke groeten,\nSari Dewi", ""),
        ("Hormat saya,\nSari Dewi, S.Kom\nKepala Seksi", ""),
        ("Thanks,\nSari Dewi", "\n\nThanks,\nSari Dewi"),
        ("Best regards,\n\n//Sari", "\n\nBest regards,\n\n//Sari"),
        ("-Sari Dewi", ""),
        (
            "*Sari Dewi* | *Kepala*\n*Telp 0752 123 4567*\n\n[image: x]\n\nJl. Sudirman 2\n\nwww.example.id",
            "",
        ),
        ("Nomor saya 0812 3456 7890.", "\n\nNomor saya 0812 3456 7890."),
    ],
)
def test_an_unmarked_signature_is_cut_above_a_quote_and_stays_in_a_first_letter(
    signed: str, kept: str
) -> None:
    assert reply_text(f"Sudah.\n\n{signed}\n\n{QUOTE}") == f"Sudah.{kept}"
    assert reply_text(f"Sudah.\n\n{signed}") == f"Sudah.\n\n{signed}"


LAWYERS = [
    "This message is intended only for the addressee and may hold what nobody else is to know.",
    "Whoever is not the intended recipient is asked to delete it together with all copies of it.",
    "If you have received this message by some mishap that we regret, please notify its sender.",
    "Surel ini hanya untuk penerima yang dimaksud; isinya tidak boleh disebarkan kepada siapa pun.",
    "Apabila Anda menerima surel ini karena kesalahan, mohon hapus surel ini beserta lampirannya.",
    "Falls Sie nicht der richtige Adressat sind, vernichten Sie bitte diese Nachricht umgehend.",
    "Si vous n'êtes pas le destinataire prévu, merci de détruire ce message et ses pièces jointes.",
    "Dit bericht is alleen bestemd is voor de geadresseerde en het is uitsluitend vertrouwelijk.",
    "Este mensaje contiene información confidencial y va dirigido solamente a su destinatario.",
]


@pytest.mark.parametrize("disclaimer", LAWYERS)
@pytest.mark.parametrize("written_as", [str, str.upper, str.capitalize])
def test_a_disclaimer_is_nobodys_words_in_small_letters_and_in_capitals(
    disclaimer: str, written_as: Callable[[str], str]
) -> None:
    assert reply_text(f"Masih belum bisa.\n\n{written_as(disclaimer)}") == "Masih belum bisa."


@pytest.mark.parametrize(
    "subject", ["Fwd: x", "FW: x", "Trs: x", "Terusan: x", "[EXTERNAL] WG: x", "转发：x"]
)
def test_a_forward_is_known_by_its_subject(subject: str) -> None:
    assert is_forward(subject)
    assert not is_forward(f"Re: {subject}")


HOSTILE = [
    "\n" * 200_000,
    " " * 200_000,
    "--\n" * 66_000,
    "\n--\n\n" * 40_000,
    "> \n" * 66_000,
    "Pada a\n" * 28_000,
    "menulis:\n" * 20_000,
    "Dari: a\n" * 25_000,
    "On " * 66_000 + "wrote:",
    "schrieb:\n" + " \n" * 90_000,
    "schrieb:\n" + "Am 1. " * 30_000,
    "Von: a\n" * 25_000,
    ("On 1 " * 90 + "wrote:\n> x\n") * 400,
    ("On 1.1.2026 10:10 a@b " * 20 + "wrote:\n> x\n") * 400,
    "On 1.1.2026 10:10\n\n<\n" * 9_000,
    ("---- " + "a wrote " * 60 + "----x\n") * 350,
    ("quoting " + "a>:" * 150 + "x:\n") * 400,
    "Sent from my iPhone\n" * 10_000,
    "Regards,\nBudi Santoso\n" * 9_000 + "> x",
    "Budi Santoso\n0812345678\n\n" * 7_000 + "> x",
    "_________________\n" * 11_000 + "> x",
    ("intended " * 50 + "\n") * 400 + "> x",
    ("1 " * 240 + "\n") * 400 + "> x",
    ("a@" * 250 + "\n") * 390,
    ("> \nx<http://" + "a" * 400 + "\n") * 400,
    ("Budi-" * 98 + "\n") * 400 + "> x",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.timeout(60)
def test_a_text_made_to_be_slow_does_not_hold_up_the_desk(text: str) -> None:
    assert len(text) <= MAX_CHARACTERS + 1000
    reply_text(text)


HOSTILE_MARKUP = [
    "<blockquote>" * 15_000,
    "<blockquote>a wrote:" * 9_000,
    "<blockquote>x</blockquote>" * 5_000,
    "<div>" * 200 + "<blockquote></blockquote>" * 6_000,
    "<div class=gmail_quote>" * 8_000,
    "<div class=gmail_attr></div>" * 7_000,
    "<p></p>" * 9_000 + "<blockquote>x</blockquote>" * 2_000,
    "<div id=divRplyFwdMsg>" * 8_000,
    "<div style='border:none;border-top:" + "x" * 100_000 + "'>a<blockquote>",
    "<div class='" + "signature " * 19_000 + "'>",
    "<b>" * 15_000 + "<hr id=zwchr>" + "x" * 1_000,
]


@pytest.mark.parametrize("markup", HOSTILE_MARKUP, ids=range(len(HOSTILE_MARKUP)))
@pytest.mark.timeout(60)
def test_html_made_to_be_slow_does_not_hold_up_the_desk(markup: str) -> None:
    texts_of(markup, forwarded=False)


PIECES = [
    *ATTRIBUTIONS[:20],
    *HEADERS[:10],
    *FOOTERS[:5],
    "> lama",
    "-- ",
    "",
    "Baik, Pak.",
    "\ue000",
    "Daftar:",
]


def test_an_answer_without_a_word_says_so_and_still_shows_what_it_quotes() -> None:
    new = written("Pada Sen, 3 Agu 2026 pukul 09.12 Desk <desk@example.go.id> menulis:\n> Mohon tunggu.\n")
    assert (new.own, new.only_quoted) == ("", True)
    assert "Mohon tunggu." in new.shown


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=30), max_size=25).map("\n".join), st.booleans())
@settings(max_examples=300, deadline=None)
def test_words_are_taken_from_the_mail_and_never_made_up(text: str, forwarded: bool) -> None:
    new = written(text, forwarded=forwarded)
    shown, own = new.shown, new.own
    assert not (new.only_quoted and own)
    assert bool(shown) == bool("\n".join(row.rstrip() for row in text.split("\n")).strip("\n"))
    for words in (shown, own):
        assert all("".join(row.split()) in "".join(text.split()) for row in words.split("\n"))
    assert own_words(own) in ("", own) or len(own_words(own)) < len(own)


ELEMENTS = [
    "<div class=gmail_quote>",
    "<div class=gmail_attr>",
    "<blockquote type=cite>",
    "<blockquote>",
    "</blockquote>",
    "<hr id=zwchr>",
    "<div id=divRplyFwdMsg>",
    "<div class=yahoo_quoted>",
    "<div class=gmail_signature>",
    "</div>",
    "<p>",
    "teks",
    "Budi menulis:",
    "<table><tr><td>",
    "---------- Forwarded message ---------",
    "<!-- -->",
    "<?x?>",
]


@given(st.lists(st.sampled_from(ELEMENTS) | st.text(max_size=10), max_size=40).map("".join), st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_heap_of_html_stops_the_reader(markup: str, forwarded: bool) -> None:
    text, marked = texts_of(markup, forwarded=forwarded)
    written(text, marked=marked, forwarded=forwarded)


@pytest.mark.parametrize(
    "hidden",
    [
        '<div style="display:none">#tutup</div>',
        '<div style="font-size: 0px; line-height:0">#tutup</div>',
        '<span style="color:red" hidden>#tutup</span>',
    ],
)
def test_what_nobody_can_see_in_a_mail_is_neither_shown_nor_obeyed(hidden: str) -> None:
    text, _ = texts_of(f"<p>Baik.</p>{hidden}<p>Segera.</p>", forwarded=False)
    assert "#tutup" not in text
    assert text.split() == ["Baik.", "Segera."]


def test_columns_between_which_a_newsletter_leaves_no_room_are_read() -> None:
    column = '<div style="font-size:14px">Jaringan mati.</div>'
    markup = f'<table><tr><td style="font-size:0">{column}</td></tr></table>'
    assert texts_of(markup, forwarded=False)[0].strip() == "Jaringan mati."
