"""Where do a person's words end, and what they sign every mail with begin?"""

import re
from collections.abc import Iterator, Sequence

from mailgate.message.wording import CLOSING, DISCLAIMER, is_footer

_LOOKED_AT = 60
"""Lines from the end: no signature is longer, and the look stays short on any text."""
_MARKED_LINES = 15
_RULER = re.compile(r"[_–—=-]{8,}")
_LIST_FOOTER = re.compile(
    r"mailing list|milis|@.*\.|https?://|unsubscribe|berhenti berlangganan", re.IGNORECASE
)
_CONTACT = re.compile(
    r"(?:\d[ ().-]{0,2}){7,}|[^\s@]@[^\s@]+\.\w|https?://|\bwww\."
    r"|\b(?:tel|telp|telepon|phone|fax|faks|hp|mobile|mob|wa|nip|nik)\b ?[.:]"
    r"|\b\w{3,}\.(?:com|net|org|co|id|go\.id|nl|de|io)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(r"(?=.*\d)[^.!?:]{4,70}|(?:jl|jln|jalan|street|straat|str)\b.{3,70}", re.IGNORECASE)
_IMAGE = re.compile(r"\[(?:image|cid|gambar|logo)\b[^\]]{0,200}\]|<image[^>]{0,80}>", re.IGNORECASE)
_MARKUP = re.compile(r"[*_]+")
_NAME_END = re.compile(r"\s*(?:[|,/(]| [-–] ).*")
_NAME_WORD = re.compile(
    r"[^\W\d_a-zà-ÿ][^\W\d_]*(?:[.'’-][^\W\d_]*)*\.?|(?:van|von|de|der|den|bin|binti|da|di|al|el|ter)"
)
_DASH_NAME = re.compile(r"-[^\W\d_][^\W\d_]+(?: [^\W\d_][\w.'’-]+){0,3}")
_INTRODUCES = re.compile(r"[^\W\d_][)\"']?[:：]$")
_SENTENCE_END = re.compile(r"[.!?…][\"')]*$")


def marked(rows: Sequence[str], at: int) -> bool:
    """RFC 3676, section 4.3; programs that strip line ends leave "--", which also people write as a ruler."""
    if rows[at] != "--":
        return False
    below = [row for row in rows[at + 1 : at + 1 + 3 * _MARKED_LINES] if row and not row.startswith(">")]
    return len(below) <= _MARKED_LINES


def end_of_words(rows: Sequence[str], *, answer: bool) -> int:
    """How many of these lines are words; the rest signs them.

    `answer`: something was quoted below. Only there what no program marked is taken for a signature: in a
    first letter the name and the number below are what the desk needs.
    """
    end = _blank_end(rows, len(rows))
    while end:
        shorter = _blank_end(rows, _one_less(rows, end, answer=answer))
        if shorter == end:
            return end
        end = shorter
    return end


def _blank_end(rows: Sequence[str], end: int) -> int:
    while end and not rows[end - 1]:
        end -= 1
    return end


def _one_less(rows: Sequence[str], end: int, *, answer: bool) -> int:
    """The end without the last thing that signs; the same end when nothing does."""
    last = rows[end - 1]
    if is_footer(last) or last == "--":
        return end - 1
    start = _paragraph(rows, end)
    if _disclaimer(rows[start:end]):
        return start
    ruled = _below_ruler(rows, end, answer=answer)
    if not answer:
        return ruled
    return min(ruled, _contact_card(rows, end), _closing(rows, end), _dash_name(rows, end))


def _paragraph(rows: Sequence[str], end: int) -> int:
    """Where the paragraph begins that ends there."""
    low = max(0, end - _LOOKED_AT)
    start = end
    while start > low and rows[start - 1]:
        start -= 1
    return start


def _disclaimer(paragraph: Sequence[str]) -> bool:
    text = " ".join(paragraph)
    return len(text) >= 80 and DISCLAIMER.search(text[:2000].casefold()) is not None


def _below_ruler(rows: Sequence[str], end: int, *, answer: bool) -> int:
    """Mailman's ruler with the list below it; in an answer also a ruler with a line or two."""
    for at in range(end - 1, max(-1, end - 12), -1):
        if _RULER.fullmatch(rows[at]):
            below = [row for row in rows[at + 1 : end] if row]
            listed = rows[at].startswith("_" * 40) and any(map(_LIST_FOOTER.search, below))
            few = answer and len(below) <= 3 and all(len(row) <= 80 for row in below)
            return at if below and (listed or few) else end
    return end


def _closing(rows: Sequence[str], end: int) -> int:
    """ "Best regards," with a full name directly below, and what follows the name."""
    for at in range(_paragraph(rows, end), end - 1):
        if end - at <= 8 and CLOSING.fullmatch(_plain(rows[at])) and _is_name(rows[at + 1]):
            return at
    return end


def _dash_name(rows: Sequence[str], end: int) -> int:
    alone = end < 2 or not rows[end - 2]
    introduced = any(map(_INTRODUCES.search, rows[max(0, end - 4) : end - 1]))
    return end - 1 if alone and not introduced and _DASH_NAME.fullmatch(rows[end - 1]) else end


def _contact_card(rows: Sequence[str], end: int) -> int:
    """A name with telephone, address and links: several paragraphs, upwards to the one with the name."""
    contacts, start = 0, end
    for low, high in _paragraphs_upwards(rows, end):
        paragraph = [_plain(row) for row in rows[low:high]]
        found = sum(_CONTACT.search(row) is not None for row in paragraph)
        if not _of_card(paragraph, found):
            return end
        contacts += found
        if _is_name(paragraph[0]) and contacts:
            start = low
            break
    above = _blank_end(rows, start)
    introduced = above > 0 and _INTRODUCES.search(rows[above - 1])
    return start if contacts >= 2 and not introduced else end


def _paragraphs_upwards(rows: Sequence[str], end: int) -> Iterator[tuple[int, int]]:
    low = max(0, end - _LOOKED_AT)
    while end > low:
        start = _paragraph(rows, end)
        yield start, end
        end = _blank_end(rows, start)


def _of_card(paragraph: Sequence[str], contacts: int) -> bool:
    """Short lines without sentences: they say how to reach somebody, or are an image or a place alone."""
    if any(len(row) > 100 or _SENTENCE_END.search(row) for row in paragraph):
        return False
    if contacts:
        return True
    return all(_IMAGE.fullmatch(row) or _PLACE.fullmatch(row) for row in paragraph) or (
        len(paragraph) <= 3 and _is_name(paragraph[0])
    )


def _plain(row: str) -> str:
    return _MARKUP.sub("", row).strip()


def _is_name(row: str) -> bool:
    """Two to five words with capitals; a title may follow: "Budi Santoso | Kepala Bidang"."""
    words = _NAME_END.sub("", _plain(row)[:80]).split()
    return 2 <= len(words) <= 5 and all(map(_NAME_WORD.fullmatch, words))
