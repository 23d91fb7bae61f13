"""Is every bounce of ours recognised, and no letter of a person taken for one?"""

from pathlib import Path

import pytest

from mailgate.message.message import AutomaticKind, Dsn, Message
from mailgate.message.parse import read

MAIL = Path(__file__).parent / "mail"
OUR_ID = "abcdefghijklmnopqrstuvwx23@example.go.id"
SARI, BUDI = "sari@example.com", "budi@example.com"


def mail(name: str) -> Message:
    message = read((MAIL / f"{name}.eml").read_bytes())
    assert isinstance(message, Message)
    return message


def bounce(name: str) -> Dsn:
    found = mail(name).dsn
    assert found is not None
    return found


def written(*lines: str, body: str) -> Message:
    message = read("\r\n".join([*lines, "", body]).encode())
    assert isinstance(message, Message)
    return message


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("qmail-bounce-with-the-copy-in-its-words", "failed"),
        ("exim-bounce-names-its-recipient-in-a-field", "failed"),
        ("gmail-address-not-found-in-indonesian", "failed"),
        ("gmail-bounce-without-a-report", "failed"),
        ("gmail-delay-in-indonesian", "delayed"),
        ("exchange-2003-did-not-reach", "failed"),
        ("exchange-online-bounce-in-indonesian", "failed"),
        ("domino-name-not-listed", "failed"),
        ("sendmail-transcript-without-a-report", "failed"),
        ("bounce-behind-an-alias", "failed"),
        ("bounce-returns-only-the-header", "failed"),
        ("bounce-with-the-id-in-its-words-only", "failed"),
        ("bounce-with-the-id-in-in-reply-to-only", "failed"),
        ("bounce-under-a-list-footer", "failed"),
        ("bounce-wrapped-by-a-gateway", "failed"),
        ("bounce-whose-action-is-error", "failed"),
        ("bounce-from-nobody", "failed"),
        ("bounce-as-json-of-a-cloud-service", "failed"),
        ("bounce-with-a-path-for-its-recipient", "failed"),
        ("report-of-a-relayed-mail-is-no-failure", "relayed"),
        ("delayed-with-a-status-of-class-five", "delayed"),
    ],
)
def test_a_bounce_finds_the_mail_it_is_about_and_who_did_not_get_it(name: str, action: str) -> None:
    found = bounce(name)
    assert (found.action, [one.address for one in found.recipients]) == (action, [SARI])
    assert found.original_message_id == OUR_ID
    automatic = mail(name).automatic
    assert automatic is not None
    assert automatic.kind is AutomaticKind.RESPONSE


def test_a_warning_is_not_taken_for_the_end() -> None:
    assert bounce("exim-warning-is-only-a-delay").action == "delayed"


def test_an_address_beyond_ascii_is_the_one_we_wrote_to() -> None:
    assert [one.address for one in bounce("bounce-of-an-address-beyond-ascii").recipients] == [
        "såri@example.com"
    ]


def test_two_recipients_do_not_become_one_for_want_of_a_blank_line() -> None:
    found = bounce("bounce-without-a-blank-line-between-recipients")
    assert [(one.address, one.action, one.status) for one in found.recipients] == [
        (SARI, "failed", "5.1.1"),
        (BUDI, "delayed", "4.2.2"),
    ]


def test_who_answers_questions_about_a_bounce_is_not_who_did_not_get_it() -> None:
    found = bounce("bounce-speaks-five-languages-before-the-address")
    assert [one.address for one in found.recipients] == [SARI]


def test_a_bounce_that_names_nobody_opens_no_ticket() -> None:
    assert bounce("bounce-that-names-nobody").recipients == ()


def test_what_the_other_server_said_is_kept_for_the_holder() -> None:
    (one,) = bounce("qmail-bounce-with-the-copy-in-its-words").recipients
    assert one.status == "5.1.1"
    assert one.diagnostic == "Remote host said: 550 5.1.1 <sari@example.com>: Recipient address rejected"


@pytest.mark.parametrize(
    "name",
    [
        "person-forwards-a-bounce-and-asks",
        "person-quotes-a-bounce",
        "automatic-reply-is-what-a-person-asks-about",
    ],
)
def test_who_asks_about_a_bounce_gets_an_answer(name: str) -> None:
    message = mail(name)
    assert (message.dsn, message.automatic) == (None, None)


@pytest.mark.parametrize(
    "name",
    [
        "postmaster-who-is-a-person",
        "mail-server-says-our-own-mailbox-is-full",
        "filter-asks-to-join-a-guest-list",
        "rejected-until-somebody-confirms",
        "absence-notice-in-the-form-of-a-report",
        "receipt-says-deleted-unread",
        "abuse-report-about-failed-authentication",
    ],
)
def test_an_address_that_lives_is_not_marked_dead(name: str) -> None:
    message = mail(name)
    assert message.dsn is None
    assert message.automatic is not None


def test_a_receipt_by_which_a_filter_refuses_is_a_bounce() -> None:
    message = written(
        "From: Mail Delivery Subsystem <postmaster@example.com>",
        "To: desk@example.go.id",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b",
        body="--b\r\n\r\nYour message to <sari@example.com> was automatically rejected:\r\nQuota exceeded\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{OUR_ID}>\r\n--b--\r\n",
    )
    assert message.dsn is not None
    assert [one.address for one in message.dsn.recipients] == [SARI]
    assert message.dsn.original_message_id == OUR_ID


@pytest.mark.parametrize(
    "words",
    [
        "<a@b.c>:\n",
        "Final-Recipient: x\n\n",
        "Final-Recipient: rfc822; a@b\n",
        "rcpt to:<",
        "copy of the ",
        "not be able to be ",
        "deliver a b c d e ",
        "a@",
        "((((",
        "Message-ID:\n ",
        "1.1.1.",
        "\n\n",
    ],
)
@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/report; report-type=delivery-status; boundary=b", "text/html"]
)
def test_a_hostile_bounce_is_read_to_its_end(words: str, kind: str) -> None:
    body = "--b\r\nContent-Type: message/delivery-status\r\n\r\n" + words * (200_000 // len(words))
    message = written(
        "From: MAILER-DAEMON@example.com",
        "Return-Path: <>",
        "Subject: failure notice",
        f"Content-Type: {kind}",
        body=body,
    )
    assert message.dsn is None or len(message.dsn.recipients) <= 100


def test_nothing_that_a_stranger_says_in_a_report_moves_a_cursor() -> None:
    status = "Final-Recipient: rfc822; sari\x1b[2J@example.com\r\nDiagnostic-Code: smtp; \x1b]0;x\x07"
    message = written(
        "From: MAILER-DAEMON@example.com",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        body=f"--b\r\nContent-Type: message/delivery-status\r\n\r\n\r\n{status}\r\n--b--\r\n",
    )
    assert message.dsn is not None
    assert all(text.isprintable() for one in message.dsn.recipients for text in (one.address, one.diagnostic))


def returned(*fields: str) -> Dsn:
    """A report with these fields above those of its recipient, and without a copy."""
    message = written(
        "From: MAILER-DAEMON@mx.example",
        "Return-Path: <>",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        body="--b\r\n\r\nMaaf.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        + "".join(f"{field}\r\n" for field in fields)
        + f"\r\nFinal-Recipient: rfc822; {SARI}\r\nAction: failed\r\nStatus: 5.1.1\r\n--b--\r\n",
    )
    assert message.dsn is not None
    assert message.dsn.original_message_id is None
    return message.dsn


@pytest.mark.parametrize(
    ("field", "envelope"),
    [
        ("Original-Envelope-Id: rjgcjbdvbj5hwd5kfv2xf7cgmu", "rjgcjbdvbj5hwd5kfv2xf7cgmu"),
        ("original-envelope-id:a+2Bb+3D  ", "a+b="),
        ("X-Original-Envelope-Id: a", None),
        ("Original-Envelope-Id: " + "a" * 101, None),
        ("Original-Envelope-Id: \x07", None),
        ("Original-Envelope-Id: a+1Bb+0Ac", "ab c"),
        ("Original-Envelope-Id:", None),
        ("Arrival-Date: Mon, 3 Aug 2026 09:00:00 +0700", None),
    ],
)
def test_a_report_without_a_copy_still_names_the_envelope(field: str, envelope: str | None) -> None:
    """RFC 3464, section 2.2.1; RFC 3461, sections 4 and 4.4."""
    assert returned("Reporting-MTA: dns; mx.example", field).envelope_id == envelope
