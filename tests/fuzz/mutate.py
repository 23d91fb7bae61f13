"""How is a mail damaged, by accident or by intent?"""

from collections.abc import Callable, Sequence
from random import Random

LONGEST = 200_000
"""Octets: what grows beyond is cut, or time would go into size alone."""
PIECES = (
    b"\r\n", b"\n", b"\r", b"\0", b"\x1b[2J", b"\x85", b"\xff", b"\xe2\x80\xa8", b"\xe2\x80\xae",
    b"\xef\xbb\xbf", b"\r\nBcc: korban@luar.example\r\n", b"\nBcc: korban@luar.example\n", b"\r\n\r\n",
    b"\r\n.\r\n", b".", b"=?utf-8?q?=0D=0ABcc:_korban@luar.example?=",
    b"=?utf-8?b?DQpCY2M6IGtvcmJhbkBsdWFyLmV4YW1wbGU=?=", b"=?utf-8?q?=00=1B=E2=80=AE?=",
    b"=?utf-7?q?+AA0ACg-Bcc:?=", b"=?iso-2022-jp?b?GyRC?=", b"=?", b"?=", b"<", b">", b"@", b",", b";",
    b":", b'"', b"\\", b"(", b")", b"[", b"]", b"{", b"}", b"%", b"{{ 7*7 }}", b"{% x %}",
    b"[KOM-2026-000001]", b"KOM-2026-000001", b"LPSE-2026-999999999999", b"#selesai\r\n", b"#",
    b"\xef\xbc\x83ambil\r\n", b"Ya\r\n", b"#ya\r\n", b"STATUS\r\n", b"1\r\n",
    b"Ref: aaaaaaaaaaaaaaaaaaaaaaaaaa", b"> ", b"-- \r\n", b"From: ", b"To: ", b"Cc: ", b"Reply-To: ",
    b"Sender: ", b"Return-Path: <>\r\n", b"Auto-Submitted: auto-replied\r\n", b"Message-ID: <a@b>\r\n",
    b"References: ", b"In-Reply-To: ", b"Subject: ", b"Date: Mon, 99 Feb 0000 99:99 +9999\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n", b"--b\r\n",
    b"--b--\r\n", b"Content-Type: text/html; charset=utf-16\r\n", b"Content-Transfer-Encoding: base64\r\n",
    b"charset=utf-7", b"message/delivery-status", b"multipart/report; report-type=delivery-status",
    b"Final-Recipient: rfc822; ",
    b"Authentication-Results: mx.example; dmarc=pass header.from=pyk.example.go.id\r\n", b"text/calendar",
    b"@\xd8\xa9.example", b"admin1@pyk.example.go.id", b"abuse.kominfo@pyk.example.go.id",
    b"<>@[127.0.0.1]", b"9" * 400, b"A" * 3000, b"<a@b> " * 400, b"x@y.example, " * 300, b"(" * 500,
    b"\xe2\x80\x8b" * 200,
)  # fmt: skip


def mutated(raw: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """Damaged a few times; `others` lend parts of theirs."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        raw = chance.choice(_WAYS)(raw, chance, others)[:LONGEST]
    return raw


Way = Callable[[bytes, Random, Sequence[bytes]], bytes]


def _inserted(raw: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    at = _place(raw, chance)
    return raw[:at] + chance.choice(PIECES) + raw[at:]


def _in_a_field(raw: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    """Into the value of a field: most of what we say of a mail comes from there."""
    fields = [end for end in _line_ends(raw) if end <= _header_end(raw)]
    at = chance.choice(fields) if fields else 0
    return raw[:at] + chance.choice(PIECES) + raw[at:]


def _deleted(raw: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    at = _place(raw, chance)
    return raw[:at] + raw[at + chance.randint(1, 60) :]


def _flipped(raw: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(raw)
    for _unused in range(min(len(raw), chance.randint(1, 6))):
        changed[chance.randrange(len(raw))] = chance.randrange(256)
    return bytes(changed)


def _repeated(raw: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    start, at = _place(raw, chance), _place(raw, chance)
    return raw[:at] + raw[start : start + chance.randint(1, 300)] * chance.choice((1, 2, 50)) + raw[at:]


def _cut_off(raw: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    return raw[: _place(raw, chance)]


def _field_twice(raw: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    lines = raw[: _header_end(raw)].splitlines(keepends=True)
    twice = chance.choice(lines) if lines else b""
    return twice * chance.choice((1, 2, 40)) + raw


def _spliced(raw: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    return raw[: _place(raw, chance)] + other[_place(other, chance) :]


def _header_of_another(raw: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    return raw[: _header_end(raw)] + other[_header_end(other) :]


def _nested(raw: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    head = raw[: _header_end(raw)]
    inner = chance.choice((raw, chance.choice(others)))
    wrapped = b"--b9\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n"
    return head + b'Content-Type: multipart/mixed; boundary="b9"\r\n\r\n' + wrapped * chance.choice((1, 2, 9))


def _other_line_ends(raw: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    return raw.replace(b"\r\n", chance.choice((b"\n", b"\r", b"\n\r", b"\r\r\n")))


_WAYS: tuple[Way, ...] = (
    *(_inserted, _inserted, _in_a_field, _in_a_field, _deleted, _flipped, _repeated, _cut_off),
    *(_field_twice, _spliced, _header_of_another, _nested, _other_line_ends),
)


def _place(raw: bytes, chance: Random) -> int:
    """Anywhere; half of the time in the header, which is short."""
    return chance.randrange((_header_end(raw) if chance.random() < 0.5 else len(raw)) + 1)


def _header_end(raw: bytes) -> int:
    return (raw.find(b"\r\n\r\n") + 2) or len(raw)


def _line_ends(raw: bytes) -> list[int]:
    found, at = [], raw.find(b"\r\n")
    while at >= 0:
        found.append(at)
        at = raw.find(b"\r\n", at + 1)
    return found
