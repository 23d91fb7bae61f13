"""Which words does a reader of this mail see?

The tree of parts is walked as mail programs do it: alternatives are chosen from, an attached message is not
opened, a part that only the text refers to is not text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from mailgate.message import mime
from mailgate.message.headers import Headers, first
from mailgate.message.invitation import invitation, told
from mailgate.message.markup import MAX_CHARACTERS, texts_of
from mailgate.message.message import Content, Invitation
from mailgate.message.mime import Part
from mailgate.message.text import declared_in_words, decode, lines, unflow
from mailgate.message.uuencode import UuFile, uuencoded

MAX_BYTES = 2_000_000
"""Of all texts: beyond it lies no letter, and every look costs time. The raw mail is kept."""

_TEXT_TYPES = frozenset({"text/plain", "text/html", "text/markdown"})
_OLD_TEXT_TYPES = frozenset({"text/enriched", "text/richtext"})
"""Read where nothing else stands."""
_CALENDAR_TYPES = frozenset({"text/calendar", "application/ics", "text/x-vcalendar"})
_ENCRYPTED_TYPES = frozenset(
    {"application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted", "multipart/encrypted"}
)
_ARMOUR = re.compile(r"\s*-----BEGIN PGP MESSAGE-----")
_WORD = re.compile(r"\w+")
_MAX_COMPARED = 20_000
# "Your mail program does not support HTML": it says nothing that the other alternative does not.
_STUB = re.compile(
    r"html.{0,200}(?:support|view|client|browser|reader|enable|display|mendukung|menampilkan|peramban|aktifkan)"
    r"|(?:support|view|client|browser|enable|display|mendukung|menampilkan|aktifkan).{0,200}html",
    re.IGNORECASE | re.DOTALL,
)
_MAX_STUB = 400
_META_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset[ \t]{0,5}=[ \t]{0,5}["']?([A-Za-z0-9._:-]{2,40})""", re.IGNORECASE
)
_ENRICHED_COMMAND = re.compile(r"<(/?)([A-Za-z0-9-]{1,60})>|<<")


@dataclass(frozen=True, slots=True)
class Shown:
    """The words, and what was found in them."""

    text: str
    marked: str | None
    """The same with QUOTE_MARK for what HTML says is quoted; None when it says nothing."""
    content: Content
    invitation: Invitation | None
    files: tuple[UuFile, ...]
    """That stood in the text."""
    others: tuple[Part, ...]
    """The leaves that are not words of the mail: attachments."""
    guessed: bool
    """Whether a charset was guessed."""
    cut: bool
    """Whether there was more than MAX_BYTES, or more HTML than a letter has."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """The words of one leaf."""

    leaf: Part
    text: str
    marked: str | None
    guessed: bool = False
    files: tuple[UuFile, ...] = ()

    @property
    def blank(self) -> bool:
        return not self.text.strip()


def shown(root: Part, leaves: Iterable[Part], *, forwarded: bool) -> Shown:
    """`leaves`: those of `root`. `forwarded`: the subject says that another's mail is passed on."""
    leaves = tuple(leaves)
    walk = _Walk(leaves[0] if leaves else None, root.headers, forwarded)
    pieces, consumed = walk.of(root)
    text = _joined(piece.text for piece in pieces)
    is_marked = any(piece.marked is not None for piece in pieces)
    entry = next(filter(None, map(_invitation, leaves)), None)
    content = _content(root, leaves, text, entry)
    used = {id(leaf) for leaf in consumed}
    return Shown(
        text=told(entry) if entry and content is Content.CALENDAR else text,
        marked=_joined(piece.marked or piece.text for piece in pieces) if is_marked else None,
        content=content,
        invitation=entry,
        files=tuple(chain.from_iterable(piece.files for piece in pieces)),
        others=tuple(leaf for leaf in leaves if id(leaf) not in used),
        guessed=any(piece.guessed for piece in pieces),
        cut=walk.left < 0 or walk.left_html < 0,
    )


def _joined(texts: Iterable[str]) -> str:
    return "\n".join(text.strip("\n") for text in texts if text.strip())


def _content(root: Part, leaves: Iterable[Part], text: str, entry: Invitation | None) -> Content:
    if _ARMOUR.match(text) or (not text and any(one.type in _ENCRYPTED_TYPES for one in (root, *leaves))):
        return Content.ENCRYPTED
    if text:
        return Content.TEXT
    return Content.CALENDAR if entry else Content.EMPTY


def _invitation(leaf: Part) -> Invitation | None:
    if leaf.type not in _CALENDAR_TYPES:
        return None
    return invitation(decode(mime.content(leaf)[:MAX_BYTES], leaf.charset or "utf-8")[0])


_Found = tuple[list[_Piece], list[Part]]
"""The pieces to show, and all leaves that were looked at for them."""


@dataclass(slots=True)
class _Walk:
    first_leaf: Part | None
    headers: Headers
    forwarded: bool
    left: int = MAX_BYTES
    """Bytes that may still be read."""
    left_html: int = MAX_CHARACTERS

    def of(self, part: Part) -> _Found:
        if not part.type.startswith("multipart/"):
            return self._leaf(part)
        if part.type == "multipart/alternative":
            return self._alternative(part)
        branches = [self.of(child) for child in _read_children(part)]
        return _without_twins(chain.from_iterable(pieces for pieces, _ in branches)), _all_leaves(branches)

    def _alternative(self, part: Part) -> _Found:
        """The others are not even read when plain text says all: HTML costs most of the time."""
        plain = [self.of(child) for child in part.children if child.type == "text/plain"]
        best = _plain([pieces for pieces, _ in plain])
        if best and not _may_be_stub(best):
            words = [leaf for leaf in part.leaves if is_text(leaf, self.first_leaf)]
            return best, words
        branches = [self.of(child) for child in part.children]
        return _best([pieces for pieces, _ in branches]), _all_leaves(branches)

    def _leaf(self, leaf: Part) -> _Found:
        """What is too much is left whole among the attachments."""
        is_html = leaf.type == "text/html"
        if not is_text(leaf, self.first_leaf) or self.left < 0 or (is_html and self.left_html < 0):
            return [], []
        data = mime.content(leaf)
        data, self.left = data[: self.left], self.left - len(data)
        if is_html:
            data, self.left_html = data[: self.left_html], self.left_html - len(data)
        return [_words_of(leaf, data, self.headers, forwarded=self.forwarded)], [leaf]


def is_text(part: Part, first_leaf: Part | None) -> bool:
    """Whether a leaf is words of the mail; a text file sent along is not, wherever a program shows it."""
    if part.type not in _TEXT_TYPES and not (part is first_leaf and part.type in _OLD_TEXT_TYPES):
        return False
    disposition = mime.parameters(first(part.headers, "content-disposition"))
    kind = first(part.headers, "content-disposition").partition(";")[0].strip().lower()
    named = disposition.get("filename") or part.parameters.get("name")
    return kind != "attachment" and (part is first_leaf or not named)


def _read_children(part: Part) -> Iterator[Part]:
    """Those that are read one after the other; of related ones not what only the first refers to."""
    if part.type == "multipart/encrypted":
        return
    for number, child in enumerate(part.children):
        if part.type != "multipart/related" or not number or not _referred_to(child):
            yield child


def _referred_to(part: Part) -> bool:
    """RFC 2387, section 3: the other parts are what the first one shows at its places."""
    return "content-id" in part.headers or "content-location" in part.headers


def _all_leaves(branches: Iterable[_Found]) -> list[Part]:
    return list(chain.from_iterable(leaves for _, leaves in branches))


def _best(branches: list[list[_Piece]]) -> list[_Piece]:
    """Of alternatives: plain text unless it says nothing, else the last (RFC 2046, section 5.1.4)."""
    written = [branch for branch in branches if any(not piece.blank for piece in branch)]
    plain = _plain(written)
    best = written[-1] if written else []
    return plain if plain and not (_may_be_stub(plain) and _says_more(best, plain)) else best


def _plain(branches: Iterable[list[_Piece]]) -> list[_Piece]:
    """Several plain ones are no alternatives: a list or a scanner added its own."""
    return list(
        {
            piece.text.strip(): piece
            for branch in branches
            if all(piece.leaf.type == "text/plain" for piece in branch)
            for piece in branch
            if not piece.blank
        }.values()
    )


def _may_be_stub(plain: Iterable[_Piece]) -> bool:
    """Whether plain text seems to ask only for a program that shows the other alternative."""
    text = _joined(piece.text for piece in plain)
    return len(text) < _MAX_STUB and _STUB.search(text) is not None


def _says_more(best: Iterable[_Piece], plain: Iterable[_Piece]) -> bool:
    sizes = (sum(len(piece.text) for piece in pieces) for pieces in (best, plain))
    return next(sizes) > 2 * next(sizes)


def _without_twins(pieces: Iterable[_Piece]) -> list[_Piece]:
    """Plain text and HTML of the same words, one after the other: alternatives that were not declared so."""
    kept: list[_Piece] = []
    for piece in pieces:
        if not kept or not _twins(kept[-1], piece):
            kept.append(piece)
        elif piece.leaf.type == "text/plain":
            kept[-1] = piece
    return kept


def _twins(one: _Piece, other: _Piece) -> bool:
    if one.leaf.type == other.leaf.type or "text/html" not in (one.leaf.type, other.leaf.type):
        return False
    left, right = _vocabulary(one.text), _vocabulary(other.text)
    return 2 * len(left & right) >= len(left | right) > 0


def _vocabulary(text: str) -> set[str]:
    return set(_WORD.findall(text[:_MAX_COMPARED].lower()))


def _words_of(leaf: Part, data: bytes, headers: Headers, *, forwarded: bool) -> _Piece:
    files: tuple[UuFile, ...] = ()
    if leaf.type == "text/plain" and b"begin" in data:
        files = tuple(uuencoded(data))
        data = _without(data, files)
    charset = leaf.charset or (_meta_charset(data) if leaf.type == "text/html" else "")
    hint = "" if charset or data.isascii() else declared_in_words(first(headers, "subject"))
    decoded, guessed = decode(data, charset, hint)
    text = lines(decoded)
    if leaf.type != "text/html":
        return _Piece(leaf, _readable(leaf, text), None, guessed, files)
    laid_out, marked = texts_of(text, forwarded=forwarded)
    return _Piece(leaf, lines(laid_out), None if marked is None else lines(marked), guessed, files)


def _readable(leaf: Part, text: str) -> str:
    if leaf.type in _OLD_TEXT_TYPES:
        return _of_enriched(text)
    if leaf.parameters.get("format", "").lower() == "flowed":
        return unflow(text, delete_space=leaf.parameters.get("delsp", "").lower() == "yes")
    return text


def _without(data: bytes, files: Iterable[UuFile]) -> bytes:
    kept, position = [], 0
    for file in files:
        kept.append(data[position : file.start])
        position = file.end
    return b"".join([*kept, data[position:]])


def _meta_charset(data: bytes) -> str:
    """What HTML says of itself; it cannot have been read if it were UTF-16."""
    found = _META_CHARSET.search(data, 0, 2048)
    name = found[1].decode("ascii") if found else ""
    return "utf-8" if name.lower().startswith("utf-16") else name


def _of_enriched(text: str) -> str:
    """RFC 1896: commands in brackets, a single line end is a space, "<<" is "<"."""
    joined = re.sub(r"(?<!\n)\n(?!\n)", " ", text)
    without = re.sub(r"<param>[^<]{0,500}</param>", "", joined, flags=re.IGNORECASE)
    shorter = re.sub(r"\n(\n+)", r"\1", without)
    return _ENRICHED_COMMAND.sub(lambda found: "<" if found[0] == "<<" else "", shorter)
