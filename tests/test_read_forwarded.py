"""Whose mail does this one pass on, and is it one at all?"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.message.body import MAX_CHARACTERS, is_forward, written
from mailgate.message.forwarded import forwarded
from mailgate.message.message import Address, Forwarded, Message
from mailgate.message.parse import read

MAIL = Path(__file__).parent / "mail"
RINA = Address("Rina Marlina", "rina@kelurahan.example")
CAMAT = Address("Camat", "camat@example.go.id")
FORM = (
    "#lapor\nNama: Rina Marlina\nTelepon: 0812-5550-1234\nSaluran: WA\n"
    "Keluhan: Wifi kantor lurah mati sejak pagi."
)
INNER = "Yth. Help Desk,\n\nWifi di kantor lurah mati sejak pagi.\n\nTerima kasih,\nRina"
GMAIL = (
    "---------- Forwarded message ---------\n"
    "Dari: {}\nDate: Sen, 3 Agu 2026 pukul 09.12\nSubject: Akun\n\nIsi."
)
OUTLOOK = "Dari: {}\nDikirim: Senin, 3 Agustus 2026 09.12\nKepada: Sari Dewi\nSubjek: Akun\n\nIsi."


def mail(name: str) -> Message:
    message = read((MAIL / f"{name}.eml").read_bytes())
    assert isinstance(message, Message)
    return message


def of_text(text: str, subject: str = "") -> Forwarded | None:
    told = is_forward(subject)
    return forwarded(text, written(text, forwarded=told), told=told)


@pytest.mark.parametrize(
    "name",
    [
        "forward-as-one-attachment-under-a-report-form",
        *(
            f"forward-under-a-report-form-{client}"
            for client in ("apple-mail", "gmail", "outlook", "roundcube", "samsung", "thunderbird", "zimbra")
        ),
    ],
)
def test_the_citizen_whose_mail_staff_pass_on_is_found_and_writes_none_of_the_orders(name: str) -> None:
    message = mail(name)
    assert message.forwarded == Forwarded(RINA, "Wifi mati", INNER)
    assert message.own_words == FORM
    assert message.author is not None
    assert message.author.address == "sari@kominfo.example.go.id", "who sent it stays who sent it"


@pytest.mark.parametrize(
    ("name", "author"),
    [
        ("forward-apple-mail-all-quoted", CAMAT),
        ("forward-gmail-mixed-language-labels", CAMAT),
        ("forward-outlook-told-by-subject-only", CAMAT),
        ("forward-roundcube-with-odd-labels", CAMAT),
        ("forward-with-a-line-above", Address("Warga", "warga@example.com")),
        ("forwarded-as-attachment-with-no-words", Address("Warga", "warga@example.com")),
        ("html-forward-gmail", CAMAT),
        ("html-forward-outlook-border", CAMAT),
    ],
)
def test_a_forward_of_every_known_program_names_its_author(name: str, author: Address) -> None:
    found = mail(name).forwarded
    assert found is not None
    assert found.author == author


def test_a_reply_or_a_letter_or_a_bounce_proposes_nobody_as_the_requester() -> None:
    names = {
        path.stem
        for pattern in ("reply-*", "html-reply-*", "answer-*", "letter-*", "*bounce*", "absence-*", "xarf-*")
        for path in MAIL.glob(f"{pattern}.eml")
    } - {"person-forwards-a-bounce-and-asks"}
    assert len(names) > 60
    assert [name for name in sorted(names) if mail(name).forwarded is not None] == []


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        (GMAIL, "Akun"),
        (f"Mohon dibantu.\n\n{GMAIL}", "Fwd: Akun"),
        (GMAIL.replace("Forwarded message", "Pesan terusan"), ""),
        (GMAIL.replace("Forwarded message", "Pesan yang diteruskan"), ""),
        ("\n".join(f"> {row}".rstrip() for row in GMAIL.split("\n")), ""),
        (OUTLOOK, "FW: Akun"),
        (f"Mohon dibantu.\n\n________________________________\n{OUTLOOK}", "Fw: Akun"),
        (f"-----Pesan Asli-----\n{OUTLOOK}", "Trs: Akun"),
        (f"Mohon dibantu.\n\n{OUTLOOK}", "Tr: Akun"),
        (f"Mohon dibantu.\n\n{OUTLOOK}", "Terusan: Akun"),
        (f"Mohon dibantu.\n\n{OUTLOOK}", "Diteruskan: Akun"),
        (f"Kepada: Kadis\nDari: Lain <lain@example.com>\nPerihal: Lain\n\n{GMAIL}", "Fwd: Akun"),
        (f"{OUTLOOK}\n\n{GMAIL.format('Lurah <lurah@example.go.id>')}", "FW: Akun"),
    ],
)
def test_a_marker_or_a_subject_with_a_header_block_makes_a_forward(text: str, subject: str) -> None:
    found = of_text(text.replace("{}", "Camat <camat@example.go.id>"), subject)
    assert found is not None
    assert (found.author, found.subject, found.text[:4]) == (CAMAT, "Akun", "Isi.")


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Mohon akun baru.", "Fwd: Akun"),
        (f"Sudah, Pak.\n\n{OUTLOOK}", "RE: Akun"),
        (OUTLOOK, "RE: FW: Akun"),
        (f"Sudah, Pak.\n\n{OUTLOOK}\n\n{GMAIL}", "Re: Akun"),
        (
            "Sudah.\n\nPada Sen, 3 Agu 2026 pukul 09.12 Sari <sari@example.go.id> menulis:\n> Ya.\n>\n> "
            + GMAIL,
            "",
        ),
        (
            "Kepada: Kepala Dinas\nDari: Camat camat@example.go.id\nPerihal: Akun\n\nDengan hormat.",
            "Fwd: Akun",
        ),
        ("\n> ".join(["Pada Sen, 3 Agu 2026 pukul 09.12 A <a@x.example> menulis:", *GMAIL.split("\n")]), ""),
        ("---------- Forwarded message ---------", "Fwd: Akun"),
        (f"{'x' * MAX_CHARACTERS}\n{GMAIL}", "Fwd: Akun"),
    ],
)
def test_a_quote_or_a_letter_is_not_taken_for_a_forward(text: str, subject: str) -> None:
    assert of_text(text.replace("{}", "Camat <camat@example.go.id>"), subject) is None


@pytest.mark.parametrize("text", [GMAIL, OUTLOOK])
@pytest.mark.parametrize(
    ("written_as", "author"),
    [
        ("camat@example.go.id", Address("", "camat@example.go.id")),
        ("<camat@example.go.id>", Address("", "camat@example.go.id")),
        ('"Camat" <camat@example.go.id>', CAMAT),
        ("*Camat* <camat@example.go.id>", CAMAT),
        ("Camat [mailto:camat@example.go.id]", CAMAT),
        ("Camat <camat@example.go.id<mailto:camat@example.go.id>>", CAMAT),
        ("camat@example.go.id <camat@example.go.id>", Address("", "camat@example.go.id")),
        ("Camat\n<camat@example.go.id>", CAMAT),
        ("H. Rina, S.Sos. (Lurah) <rina@x.example>", Address("H. Rina, S.Sos. (Lurah)", "rina@x.example")),
        ("Camat", None),
        ("Camat <camat>", None),
        ("", None),
        ("siti@example.com, budi@example.com", None),
        ("Žofie <žofie@example.com>", Address("Žofie", "žofie@example.com")),
        ("Žofie <žofie@example..com>", None),
        ("Rina Marlina rina@x.example", Address("Rina Marlina", "rina@x.example")),
    ],
)
def test_only_one_plain_mailbox_is_proposed(text: str, written_as: str, author: Address | None) -> None:
    found = of_text(text.replace("{}", written_as), "Fwd: Akun")
    assert (found.author if found else None) == author


def test_an_inner_forward_does_not_take_the_place_of_an_author_who_cannot_be_written_to() -> None:
    inner = GMAIL.format("Orang Lain <lain@example.com>")
    assert of_text(f"{OUTLOOK.format('Camat')}\n\n{inner}", "FW: Akun") is None
    assert of_text(f"{GMAIL.format('Camat')}\n\n{inner}", "Fwd: Akun") is None


def two_attached(count: int, author: str) -> bytes:
    head = 'From: sari@example.go.id\nSubject: Fwd\nContent-Type: multipart/mixed; boundary="b"'
    inner = f"--b\nContent-Type: message/rfc822\n\nFrom: {author}\nSubject: Dalam\n\nIsi.\n"
    return f"{head}\n\n--b\n\n#lapor\n{inner * count}--b--\n".encode()


@pytest.mark.parametrize(
    ("count", "author", "found"),
    [
        (1, "Warga <warga@example.com>", Forwarded(Address("Warga", "warga@example.com"), "Dalam", "Isi.")),
        (2, "Warga <warga@example.com>", None),
        (1, "a@example.com, b@example.com", None),
        (1, "Daemon <>", None),
    ],
)
def test_only_a_single_attached_mail_of_a_single_author_is_a_forward(
    count: int, author: str, found: Forwarded | None
) -> None:
    message = read(two_attached(count, author))
    assert isinstance(message, Message)
    assert message.forwarded == found


def test_a_nested_quote_of_html_is_not_lost_from_the_mail_that_is_passed_on() -> None:
    html = (
        "<p>Mohon dibantu.</p><div class='moz-forward-container'>-------- Forwarded Message --------<br>"
        "Subject: Akun<br>Date: Mon, 3 Aug 2026 09:12:44 +0700<br>From: Camat &lt;camat@example.go.id&gt;<br>"
        "To: sari@example.go.id<br><br>Isi.<blockquote type='cite'>Pertanyaan lama.</blockquote></div>"
    )
    message = read(
        f"From: sari@example.go.id\nSubject: Fwd: Akun\nContent-Type: text/html\n\n{html}".encode()
    )
    assert isinstance(message, Message)
    assert message.forwarded is not None
    assert message.forwarded.author == CAMAT
    assert "Pertanyaan lama." in message.forwarded.text
    assert "\ue000" not in message.forwarded.text


PIECES = st.sampled_from(
    [
        *GMAIL.split("\n"),
        *OUTLOOK.split("\n"),
        "> ",
        ">",
        "",
        "\n",
        "Dari:",
        "a@b",
        "<",
        "[mailto:",
        "\ue000",
        "Begin forwarded message:",
        "-----Pesan Asli-----",
        "Pada Sen, 3 Agu 2026 pukul 09.12 A <a@b.example> menulis:",
        "\x00",
        "：",
    ]
)


@given(
    st.lists(PIECES | st.text(max_size=20), max_size=25).map("\n".join),
    st.sampled_from(["", "Fwd: x", "Re: x"]),
)
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_forward_or_none(text: str, subject: str) -> None:
    found = of_text(text, subject)
    assert found is None or "@" in found.author.address
