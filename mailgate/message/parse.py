"""What does a mail say?

`read` turns a stranger's bytes into plain data. It is pure and total: every mail becomes a Message or the
reason why it is set aside.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain

from mailparser.dates import parse_mail_date
from mailparser.utils import _safe_attachment_filename, get_addresses

from mailgate.errors import UnreadableMessageError
from mailgate.message import ids, mime
from mailgate.message.automatic import automatic
from mailgate.message.body import own_words, trimmed
from mailgate.message.dsn import dsn
from mailgate.message.headers import Headers, first
from mailgate.message.markup import text_of
from mailgate.message.message import Address, Attachment, Message, Unreadable
from mailgate.message.text import decode, line, lines, unflow, words

_MAX_ADDRESSES = 500
"""Of one field; the scanner costs 30 microseconds each."""
_MAX_AUTHENTICATION_RESULTS = 20
_MAX_DEFECTS = 20
_MAX_NAME = 998
_TEXT_TYPES = ("text/plain", "text/html")


def read(raw: bytes) -> Message | Unreadable:
    """What the mail says; never raises."""
    try:
        root = mime.tree(raw)
    except UnreadableMessageError as reason:
        return Unreadable(str(reason))
    return _message(root)


def _message(root: mime.Part) -> Message:
    headers = root.headers
    defects: list[str] = []
    leaves = tuple(root.leaves)
    first_leaf = leaves[0] if leaves else None
    authors = _addresses(headers, defects, "from")
    return_path = _return_path(headers)
    text, guessed = _text(_shown(root, first_leaf))
    own = own_words(text)
    if not _whole(root):
        defects.append("it was cut off, or its boundary was lost")
    return Message(
        message_id=ids.message_id(headers),
        authors=authors,
        reply_to=_addresses(headers, defects, "reply-to"),
        to=_addresses(headers, defects, "to"),
        cc=_addresses(headers, defects, "cc"),
        resent_to=_addresses(headers, defects, "resent-to", "resent-cc"),
        subject=line(words(first(headers, "subject"))),
        date=_date(headers, defects),
        in_reply_to=ids.message_ids(" ".join(headers.get("in-reply-to", ()))),
        references=ids.message_ids(" ".join(headers.get("references", ()))),
        return_path=return_path,
        received_count=len(headers.get("received", ())),
        text=text,
        reply_text=own or trimmed(text.split("\n")),
        own_words=own,
        attachments=tuple(_attachment(leaf) for leaf in leaves if not _is_text(leaf, first_leaf)),
        automatic=automatic(headers, (root, *leaves), [author.address for author in authors], return_path),
        dsn=dsn(root),
        feedback=None,
        authentication_results=tuple(
            map(line, headers.get("authentication-results", ())[:_MAX_AUTHENTICATION_RESULTS])
        ),
        charset_guessed=guessed,
        defects=tuple(map(line, defects[:_MAX_DEFECTS])),
    )


def _whole(part: mime.Part) -> bool:
    return part.whole and all(map(_whole, part.children))


def _addresses(headers: Headers, defects: list[str], *names: str) -> tuple[Address, ...]:
    """The mailboxes of all fields of these names.

    A second From is not allowed (RFC 5322, section 3.6) and its mailboxes count: then nobody is proven.
    """
    values = list(chain.from_iterable(headers.get(name, ()) for name in names))
    if len(values) > len(names):
        defects.append(f"{names[0]} stands {len(values)} times")
    return tuple(chain.from_iterable(_mailboxes(value, names[0], defects) for value in values))


def _mailboxes(value: str, field: str, defects: list[str]) -> Iterator[Address]:
    if value.count(",") >= _MAX_ADDRESSES:
        defects.append(f"only the first {_MAX_ADDRESSES} addresses of {field} were read")
        value = ",".join(value.split(",", _MAX_ADDRESSES)[:_MAX_ADDRESSES])
    found: list[dict[str, str]] = []
    # Structure before words (RFC 2047, section 5): an encoded word that hides a comma or <> forges nobody.
    for name, address in get_addresses(value, defects=found):
        if address and line(address) == address:
            yield Address(line(words(name))[:_MAX_NAME], address)
    defects.extend(f"{field}: {one['reason']}" for one in found)


def _date(headers: Headers, defects: list[str]) -> datetime | None:
    result = parse_mail_date(first(headers, "date") or None)
    defects.extend(f"date: {reason}" for reason in result.reasons)
    found: datetime | None = result.value
    return found


def _return_path(headers: Headers) -> str | None:
    """The topmost one is that of the last delivery."""
    values = headers.get("return-path")
    return line(values[0]).strip("<> ") if values else None


def _name(part: mime.Part) -> str:
    """What the sender calls a part, as it may be shown and saved; "" when not at all."""
    disposition = mime.parameters(first(part.headers, "content-disposition"))
    given = line(words(disposition.get("filename") or part.parameters.get("name") or ""))
    try:
        return line(_safe_attachment_filename(given))
    except ValueError:  # nothing of it remains: "..", "/"
        return ""


def _is_text(part: mime.Part, first_leaf: mime.Part | None) -> bool:
    """Whether a leaf is words of the mail; a text file sent along is not, wherever a program shows it."""
    if part.type not in _TEXT_TYPES:
        return False
    disposition = first(part.headers, "content-disposition").partition(";")[0].strip().lower()
    return disposition != "attachment" and (part is first_leaf or not _name(part))


def _shown(part: mime.Part, first_leaf: mime.Part | None) -> tuple[mime.Part, ...]:
    """The leaves whose words a reader is shown, in their order."""
    if not part.children:
        return (part,) if _is_text(part, first_leaf) else ()
    branches = [_shown(child, first_leaf) for child in part.children]
    if part.type != "multipart/alternative":
        return tuple(chain.from_iterable(branches))
    return _best(branches)


def _best(branches: Iterable[tuple[mime.Part, ...]]) -> tuple[mime.Part, ...]:
    """Of alternatives: plain text unless it is blank, else the last (RFC 2046, section 5.1.4)."""
    written = [branch for branch in branches if any(mime.content(leaf).strip() for leaf in branch)]
    plain = (branch for branch in written if all(leaf.type == "text/plain" for leaf in branch))
    return next(plain, written[-1] if written else ())


def _text(shown: Iterable[mime.Part]) -> tuple[str, bool]:
    """The words of these leaves, and whether a charset was guessed."""
    pieces = [_words_of(leaf) for leaf in shown]
    return "\n".join(piece.strip("\n") for piece, _ in pieces if piece.strip()), any(
        guess for _, guess in pieces
    )


def _words_of(leaf: mime.Part) -> tuple[str, bool]:
    decoded, guessed = decode(mime.content(leaf), leaf.parameters.get("charset", ""))
    clean = lines(decoded)
    if leaf.type == "text/html":
        return lines(text_of(clean)), guessed
    if leaf.parameters.get("format", "").lower() == "flowed":
        return unflow(clean, delete_space=leaf.parameters.get("delsp", "").lower() == "yes"), guessed
    return clean, guessed


def _attachment(part: mime.Part) -> Attachment:
    data = mime.content(part)
    return Attachment(_name(part), line(part.type), len(data), data)
