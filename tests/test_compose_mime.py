"""Do the bytes arrive as what was written, and as nothing more?"""

import re
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from compose_cast import DONI, MESSAGE_ID, NOW, PHOTO, desk, mails
from hypothesis import given
from hypothesis import strategies as st

from mailgate.compose.mime import mail
from mailgate.compose.render import Words, oneline
from mailgate.desk.decision import Send
from mailgate.message.message import Address, Attachment, writable
from mailgate.message.wire import on_the_wire

PLAIN = Words("Tidak bisa masuk", "Baik.\n")
REPLY = mails()["reply"]
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version",
    "Content-Type", "Content-Transfer-Encoding",
}  # fmt: skip
AUTOMATIC = HEADERS | {"Auto-Submitted", "X-Auto-Response-Suppress"}


def sent(words: Words = PLAIN, send: Send = REPLY, now: datetime = NOW) -> bytes:
    return mail(words, send, desk(), MESSAGE_ID, now)


def read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=SMTP)
    assert isinstance(message, EmailMessage)
    assert [defect for part in message.walk() for defect in part.defects] == []
    return message


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    content = body.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def with_files(*files: Attachment) -> EmailMessage:
    return read(sent(send=replace(REPLY, letter=replace(REPLY.letter, attachments=files))))


def check_wire(raw: bytes) -> None:
    """What every relay can carry: RFC 5322, section 2.1.1, and RFC 2045, section 6."""
    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    assert re.search(rb"(?<!\r)\n|\r(?!\n)|\0", raw) is None
    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    for line in raw.split(b"\r\n\r\n", 1)[0].split(b"\r\n"):
        assert len(line) <= (76 if b"=?" in line else 78) or _one_token(line)


def _one_token(line: bytes) -> bool:
    """Nothing is left to fold at."""
    return b" " not in line.strip().removeprefix(b"In-Reply-To: ").removeprefix(b"References: ")


@pytest.mark.parametrize("name", mails())
def test_every_mail_can_pass_any_relay_and_has_only_the_headers_it_should_have(name: str) -> None:
    send = mails()[name]
    raw = sent(send=send)
    check_wire(raw)
    fields = read(raw).keys()
    assert len(fields) == len(set(fields))
    assert set(fields) <= (AUTOMATIC if send.automatic else HEADERS)
    assert ("Auto-Submitted" in fields) == ("X-Auto-Response-Suppress" in fields) == bool(send.automatic)


def test_the_same_mail_has_the_same_bytes_and_another_id_another_boundary() -> None:
    send = mails()["notification_new"]
    assert sent(send=send) == sent(send=send)
    other = mail(PLAIN, send, desk(), "andere@payakumbuhkota.go.id", NOW)
    assert read(sent(send=send)).get_boundary() != read(other).get_boundary()


hostile = st.text(max_size=200) | st.text('a\r\n =?_éあ🇮🇩"\\<>,;:@\x00\x1b\u2028\u202e', max_size=60)


@given(subject=hostile, name=hostile, file=hostile, kind=hostile)
def test_no_name_and_no_subject_of_a_stranger_can_add_a_header(
    subject: str, name: str, file: str, kind: str
) -> None:
    letter = replace(REPLY.letter, attachments=(Attachment(file, kind, 1, b"x"),))
    send = replace(REPLY, to=Address(name, DONI.address), letter=letter)
    raw = sent(Words(subject, "Baik.\n"), send)
    check_wire(raw)
    message = read(raw)
    assert set(message.keys()) <= HEADERS
    assert [address.addr_spec for address in message["To"].addresses] == [DONI.address]
    assert len(list(message.iter_attachments())) == 1
    assert len(list(message.walk())) == 3


@given(st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=150))
def test_a_subject_arrives_as_it_was_written(subject: str) -> None:
    assert _unstructured(sent(Words(subject, "Baik.\n")), b"Subject") == " ".join(subject.split())


def _unstructured(raw: bytes, field: bytes) -> str:
    """The field as decoded by the old parser: the new one adds spaces between encoded words of a phrase."""
    found = re.search(rb"^" + field + rb":((?:.|\r\n )*)\r\n", raw, re.MULTILINE)
    assert found is not None
    return str(make_header(decode_header(found[1].decode().replace("\r\n", "").strip())))


@given(st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=150))
def test_every_encoded_word_holds_whole_characters(subject: str) -> None:
    raw = sent(Words(f"é{subject}", "Baik.\n"))
    for word in re.findall(rb"=\?utf-8\?[qb]\?[^?]*\?=", raw):
        assert len(word) <= 75
        for octets, charset in decode_header(word.decode()):
            assert isinstance(octets, bytes)
            octets.decode(charset or "ascii")


@given(st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=64))
def test_a_name_arrives_as_it_was_written_and_links_in_it_do_not(name: str) -> None:
    raw = sent(send=replace(REPLY, to=Address(name, DONI.address)))
    shown = _unstructured(raw, b"To")
    plain = shown.removesuffix(DONI.address).removesuffix(f"<{DONI.address}>").strip()
    if b'\r\nTo: "' in raw:  # a name in an encoded word may begin with a quote of its own
        plain = re.sub(r"\\(.)", r"\1", plain[1:-1])
    assert plain == oneline(name, 64)


@given(st.text(st.characters(exclude_characters="\r", exclude_categories=("Cs",)), max_size=400))
def test_the_words_arrive_as_they_were_written(text: str) -> None:
    raw = sent(Words("Balasan", text + "\n"))
    check_wire(raw)
    assert max(map(len, raw.split(b"\r\n\r\n", 1)[1].split(b"\r\n"))) <= 76
    payload = message_from_bytes(raw).get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode().replace("\r\n", "\n") == text + "\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("x" * 76 + "\n", "7bit"),
        ("x" * 77 + "\n", "quoted-printable"),
        ("é\n", "quoted-printable"),
        ("\x1b\n", "quoted-printable"),
    ],
)
def test_plain_words_stay_readable_without_decoding(text: str, encoding: str) -> None:
    message = read(sent(Words("Balasan", text)))
    assert message["Content-Transfer-Encoding"] == encoding
    assert text_of(message) == text


def test_half_a_character_does_not_stop_a_mail() -> None:
    message = read(
        sent(Words("Balas \ud800", "a\ud800b\n"), replace(REPLY, to=Address("R\ud800", DONI.address)))
    )
    assert text_of(message) == "a?b\n"


def test_the_number_stays_readable_before_an_encoded_subject() -> None:
    assert b"Subject: Re: [KOM-2026-000123] Jaringan\r\n =?utf-8?q?" in sent(
        Words("Re: [KOM-2026-000123] Jaringan mati – lantai 2 gedung dinas", "x\n")
    ).replace(b" mati", b"")


def test_a_subject_that_looks_encoded_is_shown_and_not_decoded() -> None:
    message = read(
        sent(Words("=?utf-8?q?palsu?= ya", "x\n"), replace(REPLY, to=Address("=?a?q?b?=", DONI.address)))
    )
    assert message["Subject"] == "=?utf-8?q?palsu?= ya"
    assert message["To"].addresses[0].display_name == "=?a?q?b?="


def test_the_date_is_that_of_the_office() -> None:
    assert b"\r\nDate: Mon, 03 Aug 2026 09:12:00 +0700\r\n" in sent()


def test_a_thread_is_kept_however_long_it_is_and_its_first_mail_with_it() -> None:
    way = tuple(f"{place}.{'x' * 200}@disdik.example.go.id" for place in range(500))
    raw = sent(send=replace(REPLY, references=way, in_reply_to=way[-1]))
    check_wire(raw)
    message = read(raw)
    kept = [one.strip("<>") for one in message["References"].split()]
    assert kept == [way[0], *way[-20:]]
    assert message["In-Reply-To"] == f"<{way[-1]}>"


def test_the_answered_mail_stands_last_in_the_thread() -> None:
    message = read(sent(send=replace(REPLY, references=("a@x", "b@x", "a@x"), in_reply_to="c@x")))
    assert message["References"] == "<a@x> <b@x> <c@x>"
    message = read(sent(send=replace(REPLY, references=("c@x", "b@x"), in_reply_to="c@x")))
    assert message["References"] == "<b@x> <c@x>"


@pytest.mark.parametrize("bad", ["a b@x", "a@x>\r\nBcc: <b@x", "é@x", "", "x" * 901, "<a@x>"])
def test_an_id_that_would_break_the_header_is_left_out(bad: str) -> None:
    raw = sent(send=replace(REPLY, references=("a@x", bad), in_reply_to=bad))
    check_wire(raw)
    message = read(raw)
    assert message["References"] == "<a@x>"
    assert message["In-Reply-To"] is None


def test_a_new_thread_names_no_other() -> None:
    message = read(sent(send=replace(REPLY, references=(), in_reply_to=None)))
    assert message["References"] is message["In-Reply-To"] is None


@pytest.mark.parametrize(
    "address",
    [
        "rina@disdik.example.go.id",
        "o'neil+a@x",
        '"rina m"@disdik.id',
        "rina@[192.0.2.1]",
        "r@a_b.id",
    ],
)
def test_a_plain_mailbox_can_be_written_to(address: str) -> None:
    assert writable(address)
    assert f"<{address}>\r\n".encode() in sent(send=replace(REPLY, to=Address("Rina", address)))


@pytest.mark.parametrize("name", ["Rína", "", "rina@dísdik.id", "rina@xn--dsdik-zsa.id"])
def test_a_domain_beyond_ascii_reaches_every_relay(name: str) -> None:
    raw = sent(send=replace(REPLY, to=Address(name, "rina@dísdik.id")))
    check_wire(raw)
    assert [one.addr_spec for one in read(raw)["To"].addresses] == ["rina@xn--dsdik-zsa.id"]


@pytest.mark.parametrize("name", ["Rína Marlina", ""])
def test_a_local_part_beyond_ascii_stands_as_it_is_and_alone(name: str) -> None:
    """RFC 6532, section 3.2: everything else stays ASCII."""
    raw = sent(send=replace(REPLY, to=Address(name, "rína@dísdik.id")))
    (line,) = (line for line in raw.split(b"\r\n") if not line.isascii())
    assert line.endswith("rína@xn--dsdik-zsa.id".encode() + (b">" if name else b""))


@pytest.mark.parametrize(
    "address",
    [
        "rina@dísdik..id",
        "rina@-í.id",
        "rina@i❤.ws",
        "rina@\ud800.id",
        "r\ud800na@x.id",
        "r\u200bna@x.id",
        "r\u00a0na@x.id",
        "r\u202ena@x.id",
        "rína m@x.id",
        '"rína"@x.id',
        "rína@@x.id",
        "í" * 130 + "@x.id",
        "rina@" + "í" * 250,
        "a@b, c@d",
        "a@b\r\nBcc: c@d",
        "a",
        "",
        "a b@c",
        "a@b>",
        "@b",
        "í",
        "@í.id",
        "=?utf-8?q?=00=1B?=rina@warga.example",
    ],
)
def test_what_is_no_plain_mailbox_is_refused_and_not_guessed_at(address: str) -> None:
    assert not writable(address)
    with pytest.raises(ValueError, match="cannot be written to"):
        sent(send=replace(REPLY, to=Address("Rina", address)))


def test_an_address_of_a_telephone_that_ends_in_a_dot_is_written_so_that_others_can_read_it() -> None:
    """As some networks gave them out; without quotes it is no address (RFC 5322, section 3.4.1)."""
    assert on_the_wire("rina..@hp.example") == '"rina.."@hp.example'
    raw = sent(send=replace(REPLY, to=Address("Rina", "rina.@hp.example")))
    assert b'To: Rina <"rina."@hp.example>' in raw


@given(hostile)
def test_whatever_can_be_written_to_is_one_mailbox_in_one_line(text: str) -> None:
    for address in (text, f"{text}@x.id", f"rina@{text}", f"r{text}@{text}.id"):
        if writable(address):
            raw = sent(send=replace(REPLY, to=Address("", address)))
            assert b"\r\nTo: " + str(on_the_wire(address)).encode() + b"\r\nSubject: " in raw


kinds = st.sampled_from(
    [
        "message/rfc822",
        "message/global",
        "message/partial",
        "multipart/mixed",
        "text/plain",
        "text/html",
        "text/calendar",
        "application/pkcs7-signature",
        "application/pgp-encrypted",
        "x",
    ]
)
contents = st.binary(max_size=300) | st.sampled_from(
    [b"Subject: \xe9\xff\r\n\r\n\x80", b"x" * 5_000, b"a\rb\nc\0", b"--=_wall--", b"\r\n.\r\nQUIT\r\n"]
)


@given(body=hostile, attached=st.lists(st.tuples(hostile, kinds, contents), max_size=3))
def test_what_leaves_is_seven_bit_and_in_short_lines_whatever_is_attached(
    body: str, attached: list[tuple[str, str, bytes]]
) -> None:
    """Not every relay has 8BITMIME (RFC 6152), and what it would make of such a mail is not ours to know."""
    files = tuple(Attachment(name, kind, len(data), data) for name, kind, data in attached)
    raw = sent(Words("Balasan", body + "\n"), replace(REPLY, letter=replace(REPLY.letter, attachments=files)))
    check_wire(raw)
    assert [part.get_payload(decode=True) for part in read(raw).iter_attachments()] == [
        data for _, _, data in attached
    ]


def test_an_address_beyond_what_smtp_carries_is_refused() -> None:
    assert writable("a" * 64 + "@" + "b" * 189)
    assert not writable("a" * 64 + "@" + "b" * 190)


@pytest.mark.parametrize(
    ("file", "kind", "name", "shown"),
    [
        ("foto.png", "image/png", "foto.png", "image/png"),
        ("foto rusak.png", "image/png", "foto rusak.png", "image/png"),
        ("", "image/jpeg", "1.jpg", "image/jpeg"),
        ("", "application/x-aneh", "1.bin", "application/x-aneh"),
        ("surat “dinas”.pdf", "application/pdf", "surat “dinas”.pdf", "application/pdf"),
        ('a"b\\c;d.pdf', "application/pdf", 'a"b\\c;d.pdf', "application/pdf"),
        ("x" * 90 + ".pdf", "application/pdf", "x" * 90 + ".pdf", "application/pdf"),
        ("文" * 100 + ".pdf", "application/pdf", "文" * 100 + ".pdf", "application/pdf"),
        ("surel", "message/rfc822", "surel.eml", "application/octet-stream"),
        ("", "message/rfc822", "1.eml", "application/octet-stream"),
        ("a.txt", "text", "a.txt", "application/octet-stream"),
        ("a.txt", "text/plain\r\nX: y", "a.txt", "application/octet-stream"),
        ("a.bin", "multipart/mixed", "a.bin", "application/octet-stream"),
    ],
)
def test_a_file_arrives_whole_under_its_name(file: str, kind: str, name: str, shown: str) -> None:
    data = bytes(range(256)) * 3
    message = with_files(Attachment(file, kind, len(data), data))
    (part,) = message.iter_attachments()
    assert (part.get_filename(), part.get_content_type(), part.get_payload(decode=True)) == (
        name,
        shown,
        data,
    )
    assert part.get_content_disposition() == "attachment"


def test_several_files_arrive_each_with_its_bytes() -> None:
    empty = Attachment("kosong.txt", "text/plain", 0, b"")
    message = with_files(PHOTO, empty, PHOTO)
    assert [part.get_payload(decode=True) for part in message.iter_attachments()] == [
        PHOTO.data,
        b"",
        PHOTO.data,
    ]
    assert text_of(message) == "Baik.\n"
