"""Is an abuse report understood, and its evidence kept out of the words?"""

import json
from pathlib import Path

import pytest

from mailgate.message.message import AutomaticKind, Feedback, Message
from mailgate.message.parse import read

MAIL = Path(__file__).parent / "mail"


def mail(name: str) -> Message:
    message = read((MAIL / f"{name}.eml").read_bytes())
    assert isinstance(message, Message)
    return message


def xarf(said: str) -> Feedback | None:
    head = "From: abuse@isp.example.com\r\nX-XARF: PLAIN\r\nContent-Type: application/json"
    message = read(f"{head}\r\n\r\n{said}".encode())
    assert isinstance(message, Message)
    return message.feedback


@pytest.mark.parametrize(
    ("name", "kind", "source", "domain"),
    [
        ("abuse-report", "abuse", "192.0.2.77", "example.go.id"),
        ("abuse-report-about-failed-authentication", "auth-failure", "2001:db8::77", "example.go.id"),
        ("abuse-report-with-redacted-source", "abuse", "", "example.go.id"),
        ("abuse-report-of-a-type-nobody-knows", "phishing-kit", "192.0.2.77", ""),
        ("hotmail-complains-in-its-own-way", "abuse", "192.0.2.77", "example.go.id"),
        ("xarf-4-as-json", "login_attack", "192.0.2.77", ""),
        ("xarf-3-as-json", "loginattack", "192.0.2.77", "example.go.id"),
        ("xarf-of-the-oldest-form", "login-attack", "192.0.2.77", ""),
        ("xarf-whose-json-is-broken", "other", "", ""),
    ],
)
def test_an_abuse_report_says_what_and_from_where(name: str, kind: str, source: str, domain: str) -> None:
    message = mail(name)
    assert message.feedback == Feedback(kind, source, domain)
    assert message.dsn is None
    assert message.automatic is not None
    assert message.automatic.kind is AutomaticKind.NOTICE


@pytest.mark.parametrize("name", ["abuse-report", "hotmail-complains-in-its-own-way"])
def test_the_reported_mail_is_evidence_and_never_shown(name: str) -> None:
    message = mail(name)
    assert "jahat" not in message.text
    assert any(one.type == "message/rfc822" and b"jahat" in one.data for one in message.attachments)


@pytest.mark.parametrize("name", ["person-forwards-spam-to-the-abuse-desk", "person-asks-to-unsubscribe"])
def test_who_complains_in_person_is_answered(name: str) -> None:
    message = mail(name)
    assert (message.feedback, message.automatic) == (None, None)


def test_a_phone_that_unsubscribes_opens_no_ticket() -> None:
    message = mail("phone-unsubscribes-for-its-owner")
    assert message.feedback == Feedback("opt-out", "")
    assert message.automatic is not None
    assert message.automatic.kind is AutomaticKind.RESPONSE


@pytest.mark.parametrize(
    "said",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"type": ' + "9" * 100_000 + "}",
        '{"type": null, "Report": []}',
        json.dumps({"xarf_version": "4", "type": ["spam"], "source_identifier": {"ip": 1}}),
        "Report-Type: \x00\nSource: " + "1." * 100_000,
        "a: b\n" * 50_000,
    ],
)
def test_a_hostile_report_is_only_a_report_of_nothing(said: str) -> None:
    found = xarf(said)
    assert found is not None
    assert found.source_ip == ""


def test_an_address_that_is_none_is_not_believed() -> None:
    assert xarf('{"xarf_version": "4", "type": "spam", "source_identifier": "999.1.1.1"}') == Feedback(
        "spam", ""
    )
