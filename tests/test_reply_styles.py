"""Are a person's own words found, whichever program they answer with?"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage

import pytest
from city import ADMIN, KOMINFO, MONDAY, RINA, City, parsed, tables
from clients import IPHONE, Habit, Style, id_of, plain_of, reply
from servers.dovecot import Dovecot
from servers.sink import Sink

from mailgate.message.markup import texts_of
from mailgate.message.message import Message
from mailgate.message.parse import read

LATER = MONDAY + timedelta(minutes=12)


@dataclass(frozen=True, slots=True)
class Owner:
    """A program, and how somebody has set it up."""

    style: Style
    habit: Habit = Habit.USUAL
    signature: str = ""

    def answer(self, sent: EmailMessage, text: str, author: str = ADMIN, word: str = "jawab1") -> bytes:
        return reply(
            self.style,
            sent,
            author,
            text,
            message_id=word,
            date=LATER,
            signature=self.signature,
            habit=self.habit,
        )

    def __str__(self) -> str:
        signed = ("iphone" if self.signature == IPHONE else "signed") if self.signature else ""
        return " ".join(filter(None, (self.style, "" if self.habit is Habit.USUAL else self.habit, signed)))


USUAL = [Owner(style) for style in Style]
OWNERS = [
    *USUAL,
    Owner(Style.GMAIL_ID, signature="Admin Satu\nDinas Kominfo\nTelp. (0752) 92317"),
    Owner(Style.OUTLOOK_ID, signature="Hormat kami,\nAdmin Satu\nNIP 19850101 201001 1 001"),
    Owner(Style.ZIMBRA, Habit.HEADERS),
    Owner(Style.ROUNDCUBE_ID, signature="Admin Satu\nHelp Desk Dinas Kominfo"),
    Owner(Style.APPLE_MAIL, signature=IPHONE),
    Owner(Style.APPLE_MAIL, Habit.ENGLISH),
    Owner(Style.THUNDERBIRD, Habit.ENGLISH, "Admin Satu"),
    Owner(Style.THUNDERBIRD, Habit.GERMAN),
]

SENTENCE = "Perbaikan jaringan di lantai dua sudah selesai dikerjakan oleh tim teknis kami sejak pagi tadi. "
LONG = (SENTENCE * 4)[:300].strip()
PHONED = (
    "#lapor\nNama: Budi Santoso\nAlamat: Jl. Sudirman 2\nTelepon: 0812 3456 7890\n"
    "Email: budi@mail.example\nSaluran: telepon\nWaktu: 3/8 08.30\nKeluhan: Wifi mati sejak pagi."
)
COMMANDS = [
    "#catatan\nKabelnya putus, jangan disampaikan dulu.",
    "#ambil",
    "#tugas doni@pyk.example.go.id\nMohon dicek ke lokasi, Pak.",
    "#tugas Doni",
    "#tugas teknisi",
    "#kategori aplikasi\n#jenis PWD\n#prioritas 2",
    "#mulai\nTim sedang menuju lokasi.",
    "#tanya\nSejak jam berapa mati?\nLampu modem menyala?",
    "#eskalasi alat rusak dan tidak ada gantinya",
    "#eskalasi\nAlat rusak.",
    "#kembalikan\nSudah kami coba.",
    "#selesai\nJaringan sudah menyala kembali.",
    "#selesai sudah diperbaiki.",
    "#SELESAI\n\nSudah.",
    "#tutup",
    "#buka\nPelapor menelepon lagi.",
    "#tenggat 31/8 14.00 menunggu suku cadang",
    "#tenggat 31 Agustus 2026 14.00 menunggu suku cadang\nMohon maaf.",
    "#lkpp LPSE-2026/77\nSudah diteruskan.",
    "#alihkan lpse-support",
    "#gabung KOM-2026-123",
    "#pisah",
    "#kait KOM-2026-000123",
    "#cc camat@pyk.example.go.id",
    "#terima",
    "#tolak",
    "#spam",
    "#rahasia\nTentang petugas kami sendiri.",
    "#lampiran",
    PHONED,
    "#diberitahukan 09.30",
    "#daftar",
    "#status KOM-2026-000001",
    "#laporan 2026-08",
    "#bantuan",
    "#slesai\nSudah.",
]
WORDS = [
    "Baik, kami cek sekarang.",
    "selesai",
    "ya",
    "Yth. Ibu Rina,\n\nJaringan sudah kami perbaiki.\nSilakan dicoba.\n\nTerima kasih.",
    "Apakah suhu < 40 & lampu > 2 menyala?\n<b>Tolong</b> foto &amp; kirim.",
    "Siap 🙏 sudah 👍",
    "From sini kami coba:\n  menjorok\n- satu\n- dua",
    LONG,
    f"#selesai\n{LONG}\n\nTerima kasih.",
]
RECEIVED = ["notification", "with a letter", "follow-up", "help", "receipt", "refusal", "reply"]

LETTER = (
    "Yth. Admin,\n\nDari : Camat\nKepada : Kadis Kominfo\nPerihal : Jaringan\n\n"
    "Jaringan di kantor kami mati sejak pagi. Lihat https://pyk.example.go.id/sangat/panjang/"
    + "sekali/"
    * 12
    + " untuk gambarnya.\n> sudah dikutip orang lain\n#selesai\n#tutup sekarang\n\n"
    "Hormat kami,\nRina & kawan-kawan <3\n"
    "-- \nRina Marlina\nDisdik\n"
)


@pytest.fixture(scope="module")
def received(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, EmailMessage]]:
    """What the desk really sends, by its name in RECEIVED."""
    base = tmp_path_factory.mktemp("styles")
    users = {"kominfo": dovecot.new_user(), "lpse": dovecot.new_user()}
    with Sink() as sink:
        yield _played(City(base, tables(base, f"sqlite:///{base / 'mailgate.db'}"), dovecot, sink, users))


def _played(city: City) -> dict[str, EmailMessage]:
    with_letter = city.new_ticket(text=LETTER, subject="Jaringan mati & <lambat>")
    notification = city.new_ticket()
    replied = _next(city, city.answer(notification, ADMIN, "Kami cek dulu."), RINA)
    return {
        "notification": notification,
        "with a letter": with_letter,
        "reply": replied,
        "follow-up": _next(city, city.answer(replied, RINA, "Masih belum bisa, Pak."), ADMIN),
        "help": _next(city, city.answer(notification, ADMIN, "#bantuan"), ADMIN),
        "receipt": _next(city, city.answer(notification, ADMIN, "#selesai\nSudah menyala."), ADMIN),
        "refusal": _next(city, city.answer(notification, ADMIN, "#slesai\nSudah."), ADMIN),
    }


def _next(city: City, raw: bytes, to: str) -> EmailMessage:
    before = len(city.sent(to))
    city.receive(raw)
    assert city.run() == 0
    return city.sent(to)[before]


def _read(raw: bytes) -> Message:
    message = read(raw)
    assert isinstance(message, Message)
    return message


def _rows(text: str, owner: Owner) -> list[str]:
    """Its lines; Gmail breaks those that are too long, and nobody can tell where."""
    if owner.style is Style.GMAIL_ID and max(map(len, text.split("\n"))) > 70:
        return text.split()
    return [" ".join(row.split()) for row in text.split("\n")]


def _says(message: Message, text: str, owner: Owner) -> None:
    assert _rows(message.own_words, owner) == _rows(text, owner)
    assert _rows(message.reply_text, owner) == _rows(text, owner)
    assert "Ref:" in message.text or "Laporan nomor" in message.text, (
        "nothing was quoted: this proves nothing"
    )


@pytest.mark.parametrize("owner", OWNERS, ids=str)
@pytest.mark.parametrize("text", COMMANDS)
def test_a_command_is_taken_whole_and_nothing_of_the_notification_with_it(
    received: dict[str, EmailMessage], owner: Owner, text: str
) -> None:
    for name in ("notification", "help"):
        _says(_read(owner.answer(received[name], text)), text, owner)


@pytest.mark.parametrize("name", RECEIVED)
@pytest.mark.parametrize("owner", OWNERS, ids=str)
@pytest.mark.parametrize("text", WORDS)
def test_no_word_is_lost_and_none_is_added_whatever_is_answered(
    received: dict[str, EmailMessage], name: str, owner: Owner, text: str
) -> None:
    _says(_read(owner.answer(received[name], text)), text, owner)


@pytest.mark.parametrize(
    "owner", [one for one in OWNERS if one.style in (Style.GMAIL_ID, Style.ZIMBRA, Style.APPLE_MAIL)], ids=str
)
@pytest.mark.parametrize("text", [*COMMANDS, *WORDS])
def test_a_filter_that_drops_the_plain_part_changes_no_word(
    received: dict[str, EmailMessage], owner: Owner, text: str
) -> None:
    for name in ("with a letter", "help"):
        _says(_read(_html_only(owner.answer(received[name], text))), text, Owner(Style.OUTLOOK_ID))


def _html_only(raw: bytes) -> bytes:
    mail = parsed(raw)
    part = mail.get_body(("html",))
    assert part is not None
    html = str(part.get_content())
    mail.clear_content()
    mail.set_content(html, subtype="html", cte="base64")
    return mail.as_bytes()


@pytest.mark.parametrize(
    "markup", [" " * 200_000, "<b></b>" * 20_100 + "<head " * 25_000], ids=["blanks", "heads"]
)
@pytest.mark.timeout(60)
def test_html_that_goes_on_for_ever_does_not_hold_up_the_desk(markup: str) -> None:
    texts_of(f"x{markup}<b>y", forwarded=False)


@pytest.mark.parametrize("first", OWNERS, ids=str)
@pytest.mark.parametrize("second", OWNERS, ids=str)
def test_an_answer_to_an_answer_brings_only_the_last_words(
    received: dict[str, EmailMessage], first: Owner, second: Owner
) -> None:
    below = parsed(first.answer(received["notification"], "#catatan\nJangan sampai terkirim.", word="lama"))
    for text in ("#selesai\nSudah menyala.\n\nTerima kasih.", "Baik, kami cek."):
        message = _read(second.answer(below, text))
        _says(message, text, second)
        assert "Jangan sampai terkirim." in message.text


@pytest.mark.parametrize("owner", OWNERS, ids=str)
def test_the_answer_says_which_mail_it_answers(received: dict[str, EmailMessage], owner: Owner) -> None:
    sent = received["follow-up"]
    message = _read(owner.answer(sent, "Baik."))
    parent = str(sent["Message-ID"]).strip("<>")
    assert message.in_reply_to == (parent,)
    assert message.references[-1] == parent
    assert set(message.references) > {parent}
    assert message.message_id == id_of(owner.style, "jawab1", ADMIN).strip("<>")
    assert message.date == LATER
    assert [str(one) for one in message.authors] == [ADMIN]
    assert [one.address for one in message.to] == [KOMINFO]
    assert message.subject == f"{'RE' if owner.style is Style.OUTLOOK_ID else 'Re'}: {sent['Subject']}"
    assert (message.automatic, message.defects, message.charset_guessed) == (None, (), False)


@pytest.mark.parametrize("owner", OWNERS, ids=str)
def test_a_file_that_was_sent_along_arrives_beside_the_words(
    received: dict[str, EmailMessage], owner: Owner
) -> None:
    files = [("foto kabel.png", "image/png", b"\x89PNG" * 50), ("catatan.txt", "text/plain", b"isi berkas\n")]
    raw = reply(
        owner.style,
        received["notification"],
        ADMIN,
        "#selesai\nFoto terlampir.",
        message_id="<foto@mail.example>",
        date=LATER,
        attachments=files,
        habit=owner.habit,
    )
    message = _read(raw)
    _says(message, "#selesai\nFoto terlampir.", owner)
    assert [(one.name, one.type, one.data) for one in message.attachments] == files
    assert message.message_id == "foto@mail.example"


@pytest.mark.parametrize("owner", OWNERS, ids=str)
def test_every_line_of_the_answered_mail_is_quoted_below(
    received: dict[str, EmailMessage], owner: Owner
) -> None:
    for sent in received.values():
        written = "".join(plain_of(sent).replace(">", "").split())
        quoted = "".join(plain_of(parsed(owner.answer(sent, "Baik."))).replace(">", "").split())
        assert written in quoted
