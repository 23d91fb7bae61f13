"""Which bytes leave?

The headers are written here and not by EmailMessage: the same input gives the same bytes with every
Python, and a plain mail costs a tenth of the time. Nothing of an incoming mail reaches a header except
through `_phrase`, `_encoded`, `_ids` and `_parameter`, none of which can let a line end pass.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from email.utils import format_datetime
from hashlib import sha256
from urllib.parse import quote

from mailgate.compose.render import Words, oneline
from mailgate.desk.decision import Send
from mailgate.message.message import Address, Attachment
from mailgate.message.wire import is_international, on_the_wire
from mailgate.settings import Desk

_LINE = 76  # RFC 2047, section 2: a line with an encoded word; RFC 2045, section 6.7: an encoded line
_WORD = 75  # RFC 2047, section 2: one encoded word
_NAME = 64  # characters of a display name: more is somebody's attempt, not a name
_FILE_NAME = 120
_ID = 900  # octets of an id: RFC 5322, section 2.1.1 allows 998 in a line
_REFERENCES = 21  # the first, which names the thread, and the last twenty

# The characters that need no "=XX" in an encoded word inside a phrase: RFC 2047, section 5 (3).
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = ["_" if octet == 32 else chr(octet) if octet in _Q_SAFE else f"={octet:02X}" for octet in range(256)]
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")
_MESSAGE_ID = re.compile(r"[!-;=?-~]+")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
_NOT_SEVEN_BIT = re.compile(r"[^\n -~]|[^\n]{77}")
_EXTENSIONS = {
    "application/pdf": "pdf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "message/rfc822": "eml",
    "text/calendar": "ics",
    "text/html": "html",
    "text/plain": "txt",
}


def mail(words: Words, send: Send, desk: Desk, message_id: str, now: datetime) -> bytes:
    """The final bytes of one mail, CRLF line ends, the same for the same input.

    `message_id` stands without angle brackets. `now` is aware and its own offset is printed in Date:
    give it in the service's time zone. ValueError when the recipient cannot be written to: see `writable`.
    """
    head = [
        *_addressing(words, send, desk),
        f"Date: {format_datetime(now)}",
        f"Message-ID: <{message_id}>",
        *_threading(send),
        *_automatic(send),
        "MIME-Version: 1.0",
    ]
    # RFC 6532, section 3.2: UTF-8 in a header needs SMTPUTF8, which is asked for such a recipient alone.
    charset = "utf-8" if is_international(send.to.address) else "ascii"
    return "\r\n".join(head).encode(charset) + b"\r\n" + _content(words.body, send, message_id)


def _addressing(words: Words, send: Send, desk: Desk) -> list[str]:
    return [
        _mailbox("From", Address(desk.name, desk.address)),
        _mailbox("To", send.to),
        _folded("Subject", _encoded(words.subject, len("Subject: "))),
    ]


def _mailbox(field: str, who: Address) -> str:
    address = on_the_wire(who.address)
    if address is None:
        raise ValueError(f"cannot be written to: {who.address!a}")
    name = oneline(who.name, _NAME)
    if not name or name.casefold() in {who.address.casefold(), address.casefold()}:
        return f"{field}: {address}"
    return _folded(field, [*_phrase(name, len(field) + 2), f"<{address}>"])


def _threading(send: Send) -> list[str]:
    """RFC 5322, section 3.6.4: the parent, and the way to it with the parent last."""
    parents = _ids([send.in_reply_to] if send.in_reply_to else [])
    way = [one for one in _ids(send.references) if one not in parents] + parents
    if len(way) > _REFERENCES:
        way = [way[0], *way[1 - _REFERENCES :]]
    # One id a line: no line is near the 998 octets of section 2.1.1, whatever the way.
    fields = {"In-Reply-To": parents, "References": way}
    return [f"{field}: " + "\r\n ".join(ids) for field, ids in fields.items() if ids]


def _ids(ids: Iterable[str]) -> list[str]:
    """In angle brackets, each once; one that would break the header or its line is left out."""
    return [f"<{one}>" for one in dict.fromkeys(ids) if len(one) <= _ID and _MESSAGE_ID.fullmatch(one)]


def _automatic(send: Send) -> list[str]:
    if send.automatic is None:
        return []
    # [MS-OXCMAIL] 2.1.3.2.20; without NDR, because a bounce tells us that the address is dead.
    return [f"Auto-Submitted: {send.automatic}", "X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply"]


def _folded(field: str, tokens: list[str]) -> str:
    """The field with its tokens one space apart, in lines of at most 76 where the tokens allow it."""
    lines = [f"{field}: {tokens[0]}" if tokens else f"{field}:"]
    for token in tokens[1:]:
        if len(lines[-1]) + 1 + len(token) <= _LINE:
            lines[-1] += f" {token}"
        else:
            lines.append(f" {token}")
    return "\r\n".join(lines)


def _phrase(name: str, column: int) -> list[str]:
    """The tokens of a display name (RFC 5322, section 3.2.5)."""
    tokens = name.split()
    if all(_ATOM.fullmatch(token) and "=?" not in token for token in tokens) and _short(tokens):
        return tokens
    if name.isascii() and name.isprintable() and "=?" not in name and len(name) <= 60:
        return ['"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"']
    return _encoded_words(name, column)


def _encoded(text: str, column: int) -> list[str]:
    """The tokens of unstructured text: plain up to the first word that needs encoding, so that a ticket
    number at the start stays readable for every program on the way."""
    tokens = text.split()
    plain: list[str] = []
    for token in tokens:
        if not (token.isascii() and token.isprintable()) or "=?" in token or not _short([token]):
            break
        plain.append(token)
    rest = " ".join(tokens[len(plain) :])
    return plain + _encoded_words(rest, column if not plain else 1) if rest else plain


def _short(tokens: list[str]) -> bool:
    return all(len(token) <= 60 for token in tokens)


def _encoded_words(text: str, column: int) -> list[str]:
    """RFC 2047: words of at most 75 characters, each of them whole characters.

    `column` is where the first one starts, so that its line keeps to 76 as well.
    """
    encode = _q if sum(char.isascii() for char in text) * 2 > len(text) else _b
    words: list[str] = []
    rest = text
    while rest:
        room = min(_WORD, _LINE - (1 if words else column))
        size = _fitting(rest, room, encode)
        words.append(encode(rest[:size]))
        rest = rest[size:]
    return words


def _fitting(text: str, room: int, encode: Callable[[str], str]) -> int:
    """How many characters make an encoded word of at most `room`; at least one."""
    size = min(len(text), room)
    while size > 1 and len(encode(text[:size])) > room:
        size -= 1
    return size


def _q(text: str) -> str:
    octets = text.encode("utf-8", "replace")
    coded = "".join(
        "_" if octet == 32 else chr(octet) if octet in _Q_SAFE else f"={octet:02X}" for octet in octets
    )
    return f"=?utf-8?q?{coded}?="


def _b(text: str) -> str:
    return f"=?utf-8?b?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="


def _content(body: str, send: Send, message_id: str) -> bytes:
    """The Content fields, the empty line and what follows."""
    attachments = send.letter.attachments
    if not attachments:
        return _text(body)
    # "=_" cannot stand in base64 or quoted-printable (RFC 2045, section 6.7), and the random id keeps
    # a text that goes as it is from guessing the rest.
    boundary = "=_" + sha256(message_id.encode()).hexdigest()[:32]
    parts = [_text(body), *(_attached(one, place) for place, one in enumerate(attachments, start=1))]
    wall = f"--{boundary}".encode()
    field = f'Content-Type: multipart/mixed;\r\n boundary="{boundary}"\r\n\r\n'.encode()
    return field + b"".join(wall + b"\r\n" + part + b"\r\n" for part in parts) + wall + b"--\r\n"


def _text(body: str) -> bytes:
    """text/plain; as it is when every relay can carry it, else quoted-printable, which stays readable."""
    if _NOT_SEVEN_BIT.search(body):
        encoding, data = "quoted-printable", binascii.b2a_qp(_crlf(body), istext=True)
    else:
        encoding, data = "7bit", _crlf(body)
    field = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return field.encode() + data


def _crlf(text: str) -> bytes:
    # A lone CR is no line end (RFC 5322, section 2.2), and some relays make one of it.
    return text.replace("\r", "").replace("\n", "\r\n").encode("utf-8", "replace")


def _attached(attachment: Attachment, place: int) -> bytes:
    name = oneline(attachment.name, _FILE_NAME) or f"{place}.{_EXTENSIONS.get(attachment.type, 'bin')}"
    if attachment.type.startswith("message/") and "." not in name:
        name += ".eml"
    field = (
        f"Content-Type: {_media_type(attachment.type)}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment{_parameter('filename', name)}\r\n\r\n"
    )
    return field.encode() + base64.encodebytes(attachment.data).replace(b"\n", b"\r\n")


def _media_type(declared: str) -> str:
    """What the sender declared, if it can be carried in base64 and shown as a file.

    RFC 2046, section 5.2.1, forbids base64 for message/rfc822, and mutt, Apple Mail and Outlook show such
    a part as if it belonged to our own mail, its forged From included. As octet-stream named .eml it is a
    file that Gmail and every other client offers to save and opens as a mail.
    """
    if declared.startswith(("message/", "multipart/")) or not _MEDIA_TYPE.fullmatch(declared):
        return "application/octet-stream"
    return declared


def _parameter(name: str, value: str) -> str:
    """A parameter with its leading ";" on lines of its own (RFC 2231, sections 3 and 4)."""
    if value.isascii() and value.isprintable() and not set(value) & set('"\\') and len(value) <= 60:
        return f';\r\n {name}="{value}"'
    first, *more = _sections([quote(char, safe="", errors="replace") for char in value])
    if not more:
        return f";\r\n {name}*=utf-8''{first}"
    sections = [f"utf-8''{first}", *more]
    return "".join(f";\r\n {name}*{place}*={section}" for place, section in enumerate(sections))


def _sections(chars: list[str]) -> list[str]:
    """Whole characters, at most 54 octets together: some clients decode each section by itself."""
    sections = [""]
    for char in chars:
        if len(sections[-1]) + len(char) > 54:
            sections.append("")
        sections[-1] += char
    return sections
