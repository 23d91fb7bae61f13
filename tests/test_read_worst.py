"""Can one mail, made for it, hold up the reading of all others?

Each of these is read in the worker with less CPU time than it has by default, or set aside for what it is: a
mail that only the clock could stop would come back with "reading took more than". On an idle machine none
takes more than half a second; on a busy one a second of CPU time does less.
"""

from collections.abc import Iterator

import pytest

from mailgate.message.message import Message, Unreadable
from mailgate.message.worker import Reader

HEAD = b"From: Sari <sari@example.com>\r\nSubject: Jaringan\r\n"


def mixed(parts: bytes) -> bytes:
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts


def html(markup: bytes) -> bytes:
    return HEAD + b"Content-Type: text/html\r\n\r\n" + markup


def nested(levels: int, boundary: bytes, inside: bytes) -> bytes:
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=%s%d\r\n\r\n--%s%d\r\n" % (boundary, i, boundary, i)
        for i in range(levels)
    )
    return opened + b"\r\n" + inside


PARTS = b"--b\r\nContent-Type: text/html\r\n\r\n" + b"<p>abc" * 3000 + b"\r\n"
TNEF = (
    b"Content-Type: application/ms-tnef\r\n\r\n\x78\x9f\x3e\x22\0\0"
    + b"\x02\x0f\x80\x06\0\0\0\0\0\0\0" * 10**6
)
SIGNED = bytes.fromhex("308006092a864886f70d01070206092a864886f70d010701a0802480") + b"\x04\x01a" * 3_000_000

SET_ASIDE = {
    "100,000 encoded words": (
        b"Subject: " + b"\r\n ".join([b"=?utf-8?q?a?="] * 100_000) + b"\r\n\r\nIsi",
        "more than 256 kB of header",
    ),
    "100,000 parts": (mixed(b"--b\r\n\r\nx\r\n" * 100_000), "more than 500 parts"),
    "3,000 levels": (nested(3000, b"b", b""), "more than 50 parts within each other"),
    "100,000 addresses": (
        b"To: " + b",\r\n ".join(b"a%d@example.com" % i for i in range(100_000)) + b"\r\n\r\nIsi",
        "more than 256 kB of header",
    ),
    "80,000 header fields": (b"a:\n" * 80_000 + b"\nIsi", "more than 2000 header fields"),
    "40 levels searched for long boundaries": (
        nested(40, b"-" * 60, b"-" * 20_000_000),
        "more than 50 parts within each other",
    ),
}

READ = {
    "20,000 parentheses": b"".join(
        b"%s: %s\r\n" % (name, b"(" * 20_000)
        for name in (b"From", b"To", b"Cc", b"Date", b"Content-Type", b"Message-ID", b"References")
    )
    + b"\r\nIsi",
    "30 MB of base64": mixed(
        b"--b\r\n\r\nIsi\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + (b"QUJD" * 19 + b"\r\n") * 380_000 + b"--b--\r\n"
    ),
    "14,000 encoded words": b"Subject: " + b"\r\n ".join([b"=?gbk?b?sKE=?="] * 14_000) + b"\r\n\r\nIsi",
    "encoded words that never end": b"Subject: " + b"=?a?q?" * 40_000 + b"\r\n\r\nIsi",
    "10,000 addresses": b"To: "
    + b",\r\n ".join(b"a%d@example.com" % i for i in range(10_000))
    + b"\r\n\r\nIsi",
    "a file name in 10,000 pieces": HEAD
    + b"Content-Disposition: attachment;"
    + b"".join(b"\r\n filename*%d*=%%41;" % i for i in range(10_000))
    + b"\r\n\r\nIsi",
    "490 parts of HTML": mixed(PARTS * 490),
    "HTML of nested tables": html(b"<table><tr><td>" * 6_000),
    "HTML of open brackets": html(b"<" * 400_000),
    "HTML of divisions without end": html(b"<div>a" * 2_000_000),
    "30 MB of words": HEAD + b"\r\n" + b"teks biasa sekali\r\n" * 1_500_000,
    "30 MB of flowed quotes": HEAD
    + b"Content-Type: text/plain; format=flowed\r\n\r\n"
    + b"> teks \r\n" * 3_000_000,
    "two million beginnings of uuencode": HEAD + b"\r\n" + b"begin 644 a\r\n" * 2_000_000,
    "200,000 spaces": HEAD + b"\r\n" + b" " * 200_000,
    "a calendar without end": HEAD
    + b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"
    + b"SUMMARY;a=b;" * 1_000_000,
    "a million files in a winmail.dat": TNEF,
    "three million pieces of signed text": HEAD + b"Content-Type: application/pkcs7-mime\r\n\r\n" + SIGNED,
}


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader(4, 400) as one:
        one.read(html(b"<p>warm"))
        yield one


@pytest.mark.parametrize("name", SET_ASIDE)
def test_what_is_no_letter_is_set_aside_for_what_it_is(reader: Reader, name: str) -> None:
    raw, reason = SET_ASIDE[name]
    assert reader.read(raw) == Unreadable(reason)


@pytest.mark.parametrize("name", READ)
def test_a_mail_made_to_be_slow_holds_up_nobody(reader: Reader, name: str) -> None:
    found = reader.read(READ[name])
    assert isinstance(found, Message), found


def test_a_header_alone_says_who_wrote_a_mail_that_is_too_large_to_be_read(reader: Reader) -> None:
    found = reader.read(HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n")
    assert isinstance(found, Message)
    assert (str(found.author), found.subject) == ("Sari <sari@example.com>", "Jaringan")
    assert (found.text, found.attachments, found.content) == ("", (), "empty")
