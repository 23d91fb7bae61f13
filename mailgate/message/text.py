"""How do a stranger's bytes become text that is safe to show?"""

import codecs
import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby, islice

# Labels that mean more than they say: https://encoding.spec.whatwg.org/#names-and-labels, and what mail
# programs write beyond it.
_ALIASES = {
    "ansi": "cp1252",
    "ansi_x3.4-1968": "ascii",
    "ansi_x3.110-1983": "cp1252",
    "ascii-us": "ascii",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "cn-big5": "big5hkscs",
    "cn-gb": "gb18030",
    "cp-850": "cp850",
    "default": "cp1252",
    "dos-874": "cp874",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "iso-10646-ucs-2": "utf-16",
    "iso-8859-1": "cp1252",
    "iso-8859-6-e": "iso-8859-6",
    "iso-8859-6-i": "iso-8859-6",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "iso-8859_1": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859_1": "cp1252",
    "iso_8859-1": "cp1252",
    "koi": "koi8-r",
    "koi8": "koi8-r",
    "ks_c_5601": "cp949",
    "ks_c_5601-1987": "cp949",
    "ksc5601": "cp949",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "macintosh": "mac-roman",
    "ms_kanji": "cp932",
    "shift-jis": "cp932",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "tis-620": "cp874",
    "tis620": "cp874",
    "unicode": "utf-16",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "us": "ascii",
    "utf8mb4": "utf-8",
    "windows-31j": "cp932",
    "windows-874": "cp874",
    "windows-936": "gb18030",
    "windows-949": "cp949",
    "win-1251": "cp1251",
    "win-1252": "cp1252",
    "x-cp1250": "cp1250",
    "x-cp1251": "cp1251",
    "x-cp1252": "cp1252",
    "x-euc-jp": "euc-jp",
    "x-gbk": "gb18030",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-roman": "mac-roman",
    "x-sjis": "cp932",
    "x-user-defined": "cp1252",
    "x-windows-949": "cp949",
    "x-x-big5": "big5hkscs",
}
# Not charsets of any mail: transformations, or slow on purpose (punycode is quadratic).
_NOT_CHARSETS = frozenset(
    {"idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
)
# Bytes above 127 that are valid UTF-8 are never really these, whatever the label says.
_OFTEN_MISLABELLED = frozenset({"ascii", "cp1250", "cp1252", "cp1254", "iso8859-2", "iso8859-15", "utf-8"})
# Seven bits say nothing against UTF-8, and are not it.
_SEVEN_BIT = ("utf-7", "hz", "iso2022")
_WIDE = (*_SEVEN_BIT, "utf-", "gb", "big5", "euc", "cp932", "cp949", "shift", "johab")
_CHARSETS_OF_ALL = ("", "us-ascii", "utf-8", "iso-8859-1", "windows-1252")

# Everything that is neither shown nor white space: C0, DEL, C1, bidi embeddings, overrides and isolates,
# lone surrogates, non-characters.
_UNSEEN = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_UNSEEN_IN_TEXT = re.compile(f"[{_UNSEEN}\x1c-\x1f]")
_UNSEEN_IN_LINE = re.compile(f"[{_UNSEEN}\u061c\u200e\u200f]")
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")

# RFC 2047, section 2; the language suffix of RFC 2231, section 5. Spaces inside are wrong and common; so are
# a charset that is left out, and question marks in words of the letter Q.
_WORD = re.compile(
    r"=\?([^?*\s]{0,64})(?:\*[^?\s]{0,64})?\?(?:([Bb])\?([^?]*)|([Qq])\?([^?]*(?:(?<!=)\?(?!=)[^?]*){0,8}))\?="
)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


@lru_cache(maxsize=512)
def codec(charset: str) -> str | None:
    """The codec that reads what a label promises, None for no label or one that nobody knows."""
    label = charset.strip("\"' \t").lower()
    label = _ALIASES.get(label, label)
    if not 0 < len(label) <= 64 or not label.isascii() or not label.isprintable():
        return None
    try:
        found = codecs.lookup(label)
        "".encode(label)  # refuses what is no text encoding: base64, zip, rot13
    except (LookupError, UnicodeError, ValueError):
        return None
    return None if found.name in _NOT_CHARSETS else found.name


def decode(data: bytes, charset: str, hint: str = "") -> tuple[str, bool]:
    """The text and whether its charset was guessed; never fails.

    Declared, UTF-8, `hint` (what the mail declares elsewhere), windows-1252, in this order; UTF-8 first
    where the label is the one that programs put on everything.
    """
    if data.isascii() and charset.lower() in _CHARSETS_OF_ALL:
        return data.decode("ascii"), False
    declared = codec(charset)
    for name in _chain(declared, hint):
        try:
            return data.decode(name).removeprefix("\ufeff"), name != declared
        except (UnicodeError, ValueError):
            continue
    for name in filter(None, (declared, "utf-8")):
        if (damaged := _damaged(data, name)) is not None:
            return damaged, True
    return data.decode("cp1252", "replace"), declared != "cp1252"


def _chain(declared: str | None, hint: str) -> Iterator[str]:
    if declared is None or declared in _OFTEN_MISLABELLED:
        yield "utf-8"
    if declared is not None:
        yield declared
        if declared not in _OFTEN_MISLABELLED and not declared.startswith(_SEVEN_BIT):
            yield "utf-8"
    if hint and (hinted := codec(hint)) is not None:
        yield hinted


def _damaged(data: bytes, name: str) -> str | None:
    """What it says but for some broken bytes; None when more is broken than not, so that it is no `name`."""
    if not name.startswith(_WIDE):
        return None
    try:
        text = data.decode(name, "replace").removeprefix("\ufeff")
    except (UnicodeError, ValueError):
        return None
    broken = text.count("\ufffd")
    whole = len(text) - broken if name.startswith(_SEVEN_BIT) else len(_BEYOND_ASCII.findall(text)) - broken
    cut_off = broken == 1 and text.endswith("\ufffd") and min(data[-2:]) > 0x7F
    return text if whole >= broken or cut_off else None


def unbase64(data: bytes) -> bytes:
    """Decoded as mail programs do it: foreign characters and a broken end cost nothing else."""
    try:
        return a2b_base64(data)
    except Base64Error:
        # RFC 2045, section 6.8: padding ends the data; a lone last character carries no byte.
        kept = _NOT_BASE64.sub(b"", data.partition(b"=")[0])
        kept = kept[:-1] if len(kept) % 4 == 1 else kept
        return a2b_base64(kept + b"=" * (-len(kept) % 4))


def words(value: str, most: int = 2_000) -> str:
    """The value of a header field with its first `most` encoded words decoded (RFC 2047)."""
    if "=?" not in value:
        return value
    runs = groupby(_chunks(value, most), key=lambda chunk: chunk[0])
    return "".join(
        "".join(chunk[1] for chunk in chunks) if charset is None else _run(charset, list(chunks))
        for charset, chunks in runs
    )


def declared_in_words(value: str) -> str:
    """The charset of the first encoded word; "" when there is none."""
    found = _WORD.search(value[:2_000])
    return found[1] if found else ""


_Chunk = tuple[str | None, str, bytes]
"""(None, text, b"") between encoded words; (charset, the word as it stands, its bytes) for each of them."""


def _run(charset: str, chunks: list[_Chunk]) -> str:
    """Neighbours of one charset are joined before they are decoded: many programs cut inside a character."""
    text, guessed = decode(b"".join(data for _, _, data in chunks), charset)
    # RFC 2047, section 6.3: what cannot be decoded is shown as it stands.
    return " ".join(word for _, word, _ in chunks) if guessed and _UNSEEN_IN_TEXT.search(text) else text


def _chunks(value: str, most: int) -> Iterator[_Chunk]:
    end, after_word = 0, False
    for found in islice(_WORD.finditer(value), most):
        between = value[end : found.start()]
        # RFC 2047, section 6.2: white space between two encoded words is not shown.
        if between and not (after_word and between.isspace()):
            yield None, between, b""
        yield found[1].lower(), found[0], _word_bytes(found)
        end, after_word = found.end(), True
    if end < len(value):
        yield None, value[end:], b""


def _word_bytes(word: re.Match[str]) -> bytes:
    if word[2]:
        return unbase64(word[3].encode("utf-8", "replace"))
    return a2b_qp(word[5].encode("utf-8", "replace"), header=True)


def line(value: str) -> str:
    """One line without control and bidi characters, white space squeezed."""
    return " ".join(_UNSEEN_IN_LINE.sub("", value).split())


def lines(value: str) -> str:
    """Text with "\\n" line ends and without control and bidi characters; tabs stay."""
    return _UNSEEN_IN_TEXT.sub("", _LINE_END.sub("\n", value))


def unflow(value: str, *, delete_space: bool) -> str:
    """Paragraphs of format=flowed put together again (RFC 3676); `value` has "\\n" line ends."""
    paragraphs: list[str] = []
    held: list[str] = []
    held_depth = 0
    for row in value.split("\n"):
        unquoted = row.lstrip(">")
        depth, body = len(row) - len(unquoted), unquoted.removeprefix(" ")
        # Section 4.5: a change of quote depth ends a paragraph; section 4.3: so does the signature line.
        if held and (depth != held_depth or body == "-- "):
            paragraphs.append(_quoted(held_depth, held))
            held = []
        flows = body.endswith(" ") and body != "-- "
        held_depth = depth
        held.append(body[:-1] if flows and delete_space else body)
        if not flows:
            paragraphs.append(_quoted(depth, held))
            held = []
    return "\n".join([*paragraphs, *([_quoted(held_depth, held)] if held else [])])


def _quoted(depth: int, pieces: list[str]) -> str:
    return (">" * depth + " " if depth else "") + "".join(pieces)
