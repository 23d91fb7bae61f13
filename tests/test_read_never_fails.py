"""Is there a mail that stops the reading of all the others?"""

from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.message.ids import index
from mailgate.message.message import Message, Unreadable
from mailgate.message.parse import read

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parent / "mail").glob("*.eml"))]
PIECES = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"--",
    b"=?",
    b"?=",
    b"=?utf-8?b?",
    b"=?\xff?q?",
    b";",
    b'"',
    b"(",
    b"<",
    b">",
    b"@",
    b",",
    b":",
    b"\xff",
    b"\xe2\x80",
    b"=",
    b"> ",
    b"*0*=",
    b"charset=utf-16;",
    b"charset=utf-7;",
    b"charset=idna;",
    b"Content-Type: ",
    b"Content-Type: multipart/mixed; boundary=",
    b"Content-Transfer-Encoding: base64\r\n",
    b"multipart/report",
    b"message/rfc822",
    b"message/delivery-status",
    b"text/html",
    b"text/calendar",
    b'BEGIN:VEVENT\r\nSUMMARY;X="',
    b"application/pkcs7-mime",
    b"application/ms-tnef",
    b"\x78\x9f\x3e\x22\0\0\x02\x05\x90\x06\x00\xff\0\0\0",
    b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02",
    b"begin 644 a\r\n",
    b"format=flowed; delsp=yes",
    b"multipart/alternative; boundary=",
    b"multipart/related; boundary=",
    b"<!--",
    b"<![CDATA[",
    b"<table><tr><td colspan=99999>",
    b"&#xd800;",
    b"From: ",
    b"Date: Mon, 99 Feb 0000 99:99:99 +9999\r\n",
    b"On 1.1.2026 10:10 a@b wrote:\n",
    b"-----Pesan Asli-----\n",
]


def mutated(raw: bytes, seed: int) -> bytes:
    random = Random(seed)
    mail = bytearray(raw)
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(mail) + 1)
        match random.randrange(4):
            case 0:
                mail[at:at] = random.choice(PIECES)
            case 1:
                del mail[at : at + random.randint(1, 40)]
            case 2:
                mail[at : at + 1] = bytes([random.randrange(256)])
            case _:
                start = random.randrange(len(mail) + 1)
                mail[at:at] = mail[start : start + random.randint(1, 300)]
    return bytes(mail)


def check(raw: bytes) -> None:
    found, indexed = read(raw), index(raw)
    assert read(raw) == found
    for one in filter(None, (indexed.message_id, *indexed.references)):
        assert 0 < len(one.encode()) <= 998
        assert "\0" not in one
    if isinstance(found, Unreadable):
        assert found.reason
        return
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Message) == found
    for value in (found.subject, *found.defects, *(one.name for one in found.attachments)):
        assert value.isprintable() or not set(value) & set(map(chr, range(32)))
    assert not set(found.text) & {"\r", "\0", "\x1b", "\u202e"}
    assert bool(found.reply_text) == bool(found.text)
    assert found.message_id == index(raw).message_id


@given(st.binary(max_size=2000))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_set_aside(raw: bytes) -> None:
    check(raw)


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=10), max_size=60).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_any_heap_of_mail_syntax_is_read_or_set_aside(raw: bytes) -> None:
    check(raw)


@given(st.sampled_from(SAMPLES), st.integers(0, 2**32))
@settings(max_examples=500, deadline=None)
def test_any_damaged_mail_is_read_or_set_aside(raw: bytes, seed: int) -> None:
    check(mutated(raw, seed))


@pytest.mark.parametrize("text", ["teks biasa", "“kutipan” – é"])
@pytest.mark.parametrize("encoding", ["7bit", "base64", "quoted-printable"])
def test_what_the_standard_library_writes_is_read_back(text: str, encoding: str) -> None:
    from email.message import EmailMessage
    from email.policy import SMTP

    mail = EmailMessage(policy=SMTP)
    mail["From"] = "Ani Šarif <ani@example.com>"
    mail["Subject"] = text
    mail.set_content(text, cte="8bit" if encoding == "7bit" and not text.isascii() else encoding)
    mail.add_alternative(f"<p>{text}</p>", subtype="html")
    mail.add_attachment(b"\0\1\2" * 1000, "application", "octet-stream", filename=f"{text}.bin")
    found = read(mail.as_bytes())
    assert isinstance(found, Message)
    assert (found.subject, found.text, found.attachments[0].name) == (text, text, f"{text}.bin")
    assert found.attachments[0].data == b"\0\1\2" * 1000
