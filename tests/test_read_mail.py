"""Does mailgate read in a mail what a careful person would read?"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailgate.message.message import Address, AutomaticKind, Message, Unreadable
from mailgate.message.parse import read

MAIL = Path(__file__).parent / "mail"
OUR_ID = "abcdefghijklmnopqrstuvwx23@example.go.id"


def mail(name: str) -> Message:
    message = read((MAIL / f"{name}.eml").read_bytes())
    assert isinstance(message, Message)
    return message


def header(*lines: str, body: str = "Isi.") -> Message:
    message = read("\r\n".join([*lines, "", body]).encode())
    assert isinstance(message, Message)
    return message


def test_an_ordinary_mail_says_who_wrote_what_when() -> None:
    message = mail("plain")
    assert message.author == Address("Sari Dewi", "sari@dinkes.example.go.id")
    assert message.to == (Address("Help Desk", "desk@example.go.id"),)
    assert message.subject == "Tidak bisa masuk SIMPEG"
    assert message.date == datetime(2026, 8, 3, 2, 12, tzinfo=UTC)
    assert message.message_id == "plain-1@dinkes.example.go.id"
    assert message.return_path == "sari@dinkes.example.go.id"
    assert message.received_count == 1
    assert message.text == (
        "Selamat pagi,\n\nSejak pagi kami tidak bisa masuk ke SIMPEG.\n\nTerima kasih,\nSari"
    )
    assert message.reply_text == message.text
    assert (message.automatic, message.dsn, message.defects) == (None, None, ())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gmail-indonesian-reply-wrapped", "Masih belum bisa, Pak. Pesannya sama."),
        ("outlook-indonesian-reply", "Sudah bisa, terima kasih."),
        ("bottom-posting-between-quotes", "Lantai dua.\n\nJam 10."),
        (
            "flowed-with-deleted-spaces",
            "Kami mohon perbaikan jaringan di kantor lurah.\n> Kapan terjadi?\nFrom kemarin.",
        ),
        ("phone-footer", "Ok pak"),
    ],
)
def test_only_the_words_written_this_time_reach_the_ticket(name: str, words: str) -> None:
    assert mail(name).reply_text == words


@pytest.mark.parametrize(
    "name", ["nota-dinas", "sentence-that-looks-like-an-attribution", "forward-with-a-line-above", "plain"]
)
def test_a_letter_that_quotes_nobody_is_not_cut(name: str) -> None:
    message = mail(name)
    assert message.reply_text == message.text


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("subject-split-inside-a-character", "Permohonan “perbaikan” jaringan"),
        ("subject-with-line-break-and-bidi", "Tagihan Bcc: korban@example.com gpj.exe"),
        ("raw-utf-8-header", "Jaringan lambat – sejak “kemarin”"),
        ("nul-and-control-characters", "Tes[31m merah"),
    ],
)
def test_a_subject_is_one_readable_line(name: str, subject: str) -> None:
    assert mail(name).subject == subject


@pytest.mark.parametrize(
    ("name", "text", "guessed"),
    [
        ("latin-1-declared-but-windows-1252", "Pesannya “Akses ditolak” – biaya € 5.", False),
        ("utf-8-declared-as-ascii", "Pesannya “Akses ditolak” – sudah 3×.", True),
        ("nul-and-control-characters", "Satu[2Jdua\ttiga\nbalik\nempat", False),
        ("empty-body", "", False),
        ("bare-line-feeds-and-no-blank-line", "Isi surat langsung mulai", False),
    ],
)
def test_the_text_is_what_the_author_saw(name: str, text: str, guessed: bool) -> None:
    message = mail(name)
    assert (message.text, message.charset_guessed) == (text, guessed)


def test_html_is_read_without_what_its_reader_cannot_see() -> None:
    assert mail("html-only-with-hidden-text").text == (
        "Selamat pagi,\n\nMohon akun untuk dua pegawai:\n\n  * Budi\n  * Ani\n\n"
        "Lihat tautan <https://jahat.example.com/>."
    )


def test_html_speaks_when_the_plain_part_is_blank() -> None:
    assert mail("html-alternative-to-blank-plain").text == "Printer rusak"


def test_two_authors_prove_nobody() -> None:
    assert mail("two-mailboxes-in-from").author is None
    assert mail("second-from-field").author is None


def test_an_encoded_word_cannot_forge_an_author() -> None:
    author = mail("encoded-word-hides-an-address").author
    assert author == Address('"Admin" <admin@example.go.id>,', "warga@example.com")


def test_attachments_are_named_safely_and_their_words_are_no_words_of_the_mail() -> None:
    message = mail("attachment-name-in-pieces-with-path")
    assert [(one.name, one.type, one.data) for one in message.attachments] == [
        ("Surat “resmi”.pdf", "application/pdf", b"%PDF-1.4\n"),
        ("layar érr.png", "image/png", b"\x89PNG\r\n\x1a\n"),
        ("catatan.txt", "text/plain", b"#selesai"),
    ]
    assert message.text == "Terlampir."


def test_an_attached_message_is_kept_whole_and_never_read_as_the_outer_one() -> None:
    message = mail("attached-message-stays-whole")
    (inner,) = message.attachments
    assert (inner.name, inner.type) == ("asli.eml", "message/rfc822")
    assert inner.data.startswith(b"From: Admin <admin@example.go.id>\r\n")
    assert inner.data.endswith(b"--b2--\r\n")
    assert (message.text, message.automatic) == ("Lihat lampiran.", None)


def test_what_came_of_a_mail_cut_off_on_its_way_is_kept() -> None:
    message = mail("cut-off-in-an-attachment")
    assert message.text == "Isi surat."
    assert [one.name for one in message.attachments] == ["a.pdf"]
    assert message.defects


def test_a_lost_boundary_costs_no_text() -> None:
    message = mail("inner-multipart-without-its-boundary")
    assert message.text == "Teks tanpa batas dalam."
    assert message.defects


def test_a_mail_without_message_id_is_read() -> None:
    message = mail("no-message-id")
    assert message.message_id is None
    assert message.text == "Dari mesin pindai."


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("zimbra-vacation-with-comment", AutomaticKind.RESPONSE),
        ("exchange-absence-notice", AutomaticKind.RESPONSE),
        ("postfix-bounce-failed", AutomaticKind.RESPONSE),
        ("read-receipt", AutomaticKind.RESPONSE),
        ("monitoring-alarm", AutomaticKind.NOTICE),
        ("mailing-list", AutomaticKind.BULK),
    ],
)
def test_a_machine_is_not_taken_for_a_person(name: str, kind: AutomaticKind) -> None:
    automatic = mail(name).automatic
    assert automatic is not None
    assert automatic.kind is kind


def test_a_person_who_writes_about_automatic_things_is_answered() -> None:
    assert mail("person-writes-about-an-automatic-backup").automatic is None


@pytest.mark.parametrize(
    ("name", "action", "status", "diagnostic"),
    [
        (
            "postfix-bounce-failed",
            "failed",
            "5.1.1",
            "550 5.1.1 <sari@dinkes.example.go.id>: Recipient address rejected: User unknown",
        ),
        ("postfix-bounce-delayed", "delayed", "4.4.1", "connect to mx.dinkes.example.go.id: timed out"),
    ],
)
def test_a_bounce_says_which_of_our_mails_failed_and_why(
    name: str, action: str, status: str, diagnostic: str
) -> None:
    dsn = mail(name).dsn
    assert dsn is not None
    assert (dsn.action, dsn.original_message_id) == (action, OUR_ID)
    (recipient,) = dsn.recipients
    assert recipient.address == "sari@dinkes.example.go.id"
    assert (recipient.action, recipient.status, recipient.diagnostic) == (action, status, diagnostic)


def test_a_bounce_for_two_decides_by_the_worst_action_and_not_by_the_status_class() -> None:
    dsn = mail("bounce-two-recipients-failed-with-class-four").dsn
    assert dsn is not None
    assert dsn.action == "failed"
    assert [(one.address, one.action) for one in dsn.recipients] == [
        ("sari@dinkes.example.go.id", "failed"),
        ("budi@example.com", "delivered"),
    ]


def test_no_ordinary_mail_is_a_bounce() -> None:
    names = ["plain", "read-receipt", "zimbra-vacation-with-comment", "attached-message-stays-whole"]
    assert [mail(name).dsn for name in names] == [None] * len(names)


def test_authentication_results_come_topmost_first_and_bounded() -> None:
    fields = [f"Authentication-Results: mx{i}.example.go.id;\r\n dmarc=pass" for i in range(30)]
    results = header(*fields).authentication_results
    assert len(results) == 20
    assert results[0] == "mx0.example.go.id; dmarc=pass"


def test_a_null_return_path_is_told_from_none() -> None:
    assert header("Return-Path: <>").return_path == ""
    assert header("Subject: x").return_path is None


def test_resent_recipients_stand_apart() -> None:
    message = header("To: a@example.com", "Resent-To: b@example.com", "Resent-Cc: c@example.com")
    assert [one.address for one in message.to] == ["a@example.com"]
    assert [one.address for one in message.resent_to] == ["b@example.com", "c@example.com"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"Subject: " + b"x" * 300_000 + b"\r\n\r\nhai", "more than 256 kB of header"),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 600,
            "more than 500 parts",
        ),
        (
            b"".join(
                b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(150)
            ),
            "more than 50 parts within each other",
        ),
    ],
)
def test_what_is_no_letter_is_set_aside_with_its_reason(raw: bytes, reason: str) -> None:
    assert read(raw) == Unreadable(reason)


def test_a_subject_of_a_thousand_encoded_words_is_read() -> None:
    assert header("Subject: " + "\r\n ".join(["=?utf-8?q?a?="] * 1000)).subject == "a" * 1000


def test_boundaries_that_begin_no_line_do_not_hold_up_the_desk() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bx--b" * 400_000
    assert isinstance(read(raw), Message)


def test_a_crowd_of_recipients_does_not_stop_the_mail() -> None:
    message = header("To: " + ",\r\n ".join(f"a{i}@example.com" for i in range(3000)))
    assert len(message.to) == 500
    assert message.text == "Isi."
