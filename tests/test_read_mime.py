"""Are the words, files and names of a mail those that its author sent?"""

from pathlib import Path

import pytest

from mailgate.message.limits import ReadLimits
from mailgate.message.message import AttachmentKind, Content, Invitation, Message, Unreadable
from mailgate.message.parse import read

MAIL = Path(__file__).parent / "mail"


def mail(name: str) -> Message:
    message = read((MAIL / f"{name}.eml").read_bytes())
    assert isinstance(message, Message)
    return message


def header(*lines: str, body: str = "Isi.") -> Message:
    message = read("\r\n".join([*lines, "", body]).encode())
    assert isinstance(message, Message)
    return message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain", Content.TEXT),
        ("empty-body", Content.EMPTY),
        ("text-of-blanks-only", Content.EMPTY),
        ("only-a-photo-and-no-words", Content.EMPTY),
        ("forwarded-as-attachment-with-no-words", Content.FORWARDED),
        ("words-encrypted-with-smime", Content.ENCRYPTED),
        ("words-encrypted-with-pgp-mime", Content.ENCRYPTED),
        ("words-encrypted-with-pgp-in-the-text", Content.ENCRYPTED),
        ("words-inside-an-smime-signature", Content.TEXT),
        ("calendar-invitation-without-other-words", Content.CALENDAR),
        ("calendar-invitation-beside-words", Content.TEXT),
    ],
)
def test_a_clerk_is_told_when_there_is_nothing_to_read(name: str, content: Content) -> None:
    assert mail(name).content is content


def test_an_invitation_is_told_though_the_mail_has_no_other_words() -> None:
    message = mail("calendar-invitation-without-other-words")
    assert message.invitation == Invitation(
        method="request",
        summary="Rapat koordinasi, jaringan",
        start="2026-08-03 09:00 Asia/Jakarta",
        end="2026-08-03 10:30 Asia/Jakarta",
        location="Ruang rapat lantai 2",
        organizer="kabid@example.go.id",
        description="Membahas gangguan.\nHarap bawa data lengkap.",
    )
    assert mail("calendar-invitation-beside-words").invitation == message.invitation


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("smime-signature-beside-the-words", [AttachmentKind.SIGNATURE]),
        ("words-encrypted-with-smime", [AttachmentKind.ENCRYPTED]),
        ("image-in-the-text-of-html", [AttachmentKind.INLINE]),
        ("calendar-invitation-beside-words", [AttachmentKind.CALENDAR]),
        ("attached-message-in-base64", [AttachmentKind.MESSAGE]),
        ("file-name-only-in-the-type", [AttachmentKind.FILE]),
    ],
)
def test_a_clerk_is_told_what_an_attachment_is_good_for(name: str, kinds: list[AttachmentKind]) -> None:
    assert [one.kind for one in mail(name).attachments] == kinds


def test_the_words_of_an_attached_mail_are_shown_where_there_are_no_others_and_order_nothing() -> None:
    message = mail("forwarded-as-attachment-with-no-words")
    assert message.text == message.reply_text == "#selesai\nInternet mati."
    assert message.own_words == ""
    assert b"#selesai" in message.attachments[0].data


def test_an_attached_mail_that_was_encoded_can_be_opened() -> None:
    assert mail("attached-message-in-base64").attachments[0].data.startswith(b"From: ")


def test_files_in_a_winmail_dat_can_be_opened() -> None:
    found = [(one.name, one.data) for one in mail("winmail-dat-with-two-files").attachments]
    assert found == [("Surat “resmi” dinas.pdf", b"%PDF-1.4\n"), ("foto.jpg", b"\xff\xd8\xff")]


def test_a_file_in_the_text_is_no_wall_of_letters() -> None:
    message = mail("file-uuencoded-in-the-text")
    assert "begin 644" not in message.text
    assert message.attachments[0].data == b"Laporan bulanan jaringan dinas kesehatan, Agustus 2026.\n"


@pytest.mark.parametrize(
    ("author", "addresses"),
    [
        ("MAILER-DAEMON", ["MAILER-DAEMON"]),
        ("Budi <budi@luar> Ani <ani@luar>", ["budi@luar", "ani@luar"]),
        ("<>", []),
        ("Help Desk", []),
        ("Budi (kantor) <budi@example.com>", ["budi@example.com"]),
        ("=?utf-8?q?budi=40example=2Ecom?=", []),
    ],
)
def test_who_wrote_is_told_where_it_can_be_told(author: str, addresses: list[str]) -> None:
    assert [one.address for one in header(f"From: {author}").authors] == addresses


@pytest.mark.parametrize(
    ("fields", "limits", "reason"),
    [
        (["X-A: 1"] * 11, ReadLimits(header_fields=10), "more than 10 header fields"),
        (["X-A: " + "x" * 2000], ReadLimits(header_bytes=1000), "more than 1 kB of header"),
        (["Content-Disposition: attachment"], ReadLimits(decoded_bytes=2), "more than 0 MiB of attachments"),
    ],
)
def test_an_admin_can_set_the_limits_lower(fields: list[str], limits: ReadLimits, reason: str) -> None:
    assert read("\r\n".join([*fields, "", "Isi."]).encode(), limits) == Unreadable(reason)


def test_what_is_beyond_a_limit_of_one_field_costs_only_that() -> None:
    raw = b"Subject: =?utf-8?q?a?= =?utf-8?q?b?=\r\nTo: a@example.com, b@example.com\r\n\r\nIsi."
    message = read(raw, ReadLimits(encoded_words=1, addresses=1))
    assert isinstance(message, Message)
    assert (message.subject, len(message.to), message.text) == ("a =?utf-8?q?b?=", 1, "Isi.")


def test_the_rest_of_a_text_without_end_stays_in_the_raw_mail_and_that_is_said() -> None:
    message = header("From: a@example.com", body="kata\r\n" * 400_000)
    assert len(message.text) < 2_000_001
    assert message.defects == ("only the first 2 MB of the text were read",)
