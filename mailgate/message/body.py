"""Which words were written this time?

Attribution lines, quotes, header blocks of the answered mail, signatures and the footers of phones are cut.
What is below a forward marker stays: there it is what the mail is about. When nothing would remain, nothing
is cut from what people are shown; what is done in somebody's name is taken from their own words alone.
"""

import re
from enum import StrEnum
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailparser_reply.parser import EmailReplyParser

MAX_CHARACTERS = 200_000
"""Beyond it nothing is looked for: no person wrote so much, and every look costs time."""

_MAX_LINE = 500
_ATTRIBUTION_LINES = 4
_HEADER_BLOCK_LINES = 6
_SIGNATURE_LINES = 15
_FOREIGN_LINES, _FOREIGN_LINE = 300, 150

_VERBS = (
    r"menulis|tulis|wrote|schrieb|schreef|écrit|escribió|escreveu|scritto|skrev|kirjoitti"
    r"|napisał(?:\(a\))?|написал(?:\(а\))?"
)
# No sign, no work: most mails that open a ticket have none of these.
_SIGN = re.compile(
    rf"^[ \t]*(?:>|-- ?$|[-_*=]{{5}})|(?:{_VERBS})\b.{{0,60}}:|写道|님이"
    r"|^[ \t*]*(?:dari|from|pengirim|judul|von|de|van|da|från)\b[ \t*]*:"
    r"|^[ \t]*(?:dikirim|terkirim|dapatkan|sent|get outlook|gesendet|envoyé|verzonden|enviado|inviato)\b",
    re.IGNORECASE | re.MULTILINE,
)

_BLANK_LINES = re.compile("\n{3,}")
_SPACES = re.compile("[ \t\xa0\u2007\u202f\u200b-\u200d\u2060\ufeff]+")
_ATTRIBUTION_START = re.compile(
    r"(?:-{3,} ?)?(?:pada|on|am|op|le|el|il|em|den|dnia|w dniu"
    r"|\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4})\b",
    re.IGNORECASE,
)
_ATTRIBUTION_END = re.compile(rf"(?:{_VERBS})\b.{{0,60}}:$", re.IGNORECASE)
_MOMENT = re.compile(r"\b\d{1,2}[.:]\d{2}\b")

_ORIGINAL = re.compile(
    r"[* ]*-{2,} ?(?:pesan (?:asli|orisinal|semula)|original (?:message|appointment)|ursprüngliche nachricht"
    r"|message d'origine|mensaje original|messaggio originale|oorspronkelijk bericht) ?-{2,}[* ]*",
    re.IGNORECASE,
)
_FORWARD = re.compile(
    r"-{2,} ?(?:forwarded message|pesan (?:terusan|yang diteruskan)|diteruskan"
    r"|weitergeleitete nachricht) ?-{2,}"
    r"|(?:begin forwarded message|memulai pesan yang diteruskan|forwarded by) ?:?.*",
    re.IGNORECASE,
)
_RULER = re.compile(r"[_-]{10,}|[_=*]{20,}")


class _Label(StrEnum):
    FROM = "from"
    SENT = "sent"
    TO = "to"
    CC = "cc"
    SUBJECT = "subject"


_LABELS = {
    _Label.FROM: "dari|from|pengirim",
    _Label.SENT: "dikirim|terkirim|tanggal|sent|date|dikirim pada",
    _Label.TO: "kepada|ke|untuk|penerima|to",
    _Label.CC: "cc|tembusan|lampiran|attachments?",
    _Label.SUBJECT: "subjek|judul|perihal|hal|subject",
}
_LABEL = re.compile(
    "[* ]*(?:" + "|".join(f"(?P<{k}>{v})" for k, v in _LABELS.items()) + r")[* ]*[:：]", re.IGNORECASE
)

_FOOTER = re.compile(
    r"(?:(?:dikirim|terkirim) (?:dari|dengan|menggunakan|lewat)|sent (?:from|via|with)|get outlook for"
    r"|dapatkan outlook untuk|gesendet von|envoyé (?:de|depuis)|enviado (?:desde|do)|inviato da"
    r"|verzonden (?:vanaf|met))\b.{1,80}",
    re.IGNORECASE,
)

_FOREIGN = {
    "cs": "napsal",
    "da": "skrev|Fra:",
    "de": "schrieb|Von:",
    "es": "escribió|Asunto:",
    "fr": "écrit|Objet :",
    "it": "ha scritto|Oggetto:",
    "ja": "年",
    "ko": "작성",
    "nl": "schreef|Onderwerp:",
    "pl": "napisał|Temat:",
    "sv": "skrev|Ämne:",
    "zh": "写道|发件人",
}


def reply_text(text: str) -> str:
    """The words written this time; `text` has "\\n" line ends. Never empty when `text` is not blank."""
    return own_words(text) or trimmed(text.split("\n"))


def own_words(text: str) -> str:
    """The same, but empty where everything is quoted: what may be relayed in somebody's name."""
    if len(text) > MAX_CHARACTERS or not _SIGN.search(text):
        return trimmed(text.split("\n"))
    rows = text.split("\n")
    seen = [_SPACES.sub(" ", row[:_MAX_LINE]).strip() for row in rows]
    kept = _written(seen)
    if len(kept) == len(rows):
        kept = kept[: _by_language(seen)]
    written = trimmed([rows[i] for i in _without_footer(seen, kept)])
    return _BLANK_LINES.sub("\n\n", written)


def trimmed(rows: list[str]) -> str:
    """Without blank lines at both ends and blanks at line ends; the indentation of the first line stays."""
    return "\n".join(map(str.rstrip, rows)).strip("\n")


def _written(rows: list[str]) -> list[int]:
    """The numbers of the lines that are the author's own."""
    kept: list[int] = []
    at, wrote = 0, False
    while at < len(rows):
        row = rows[at]
        if _FORWARD.fullmatch(row):
            return [*kept, *range(at, len(rows))]
        if row.startswith(">"):
            at += 1
        elif height := _attribution(rows, at):
            if not _quoted_below(rows, at + height):
                return kept
            at += height
        elif wrote and (_answered_mail(rows, at) or _signature(rows, at)):
            return kept
        else:
            kept.append(at)
            wrote = wrote or row != ""
            at += 1
    return kept


def _attribution(rows: list[str], at: int) -> int:
    """How many lines an attribution line beginning here takes; 0 when none does.

    "Pada Sab, 15 Jun 2024 pukul 14.59 Indra <indra@example.go.id>" and, wrapped, "menulis:".
    """
    begins = _ATTRIBUTION_START.match(rows[at]) is not None
    for height in range(1, 1 + (_ATTRIBUTION_LINES if begins else 1)):
        part = rows[at : at + height]
        if len(part) < height or not part[-1] or part[-1].startswith(">"):
            return 0
        if not part[-1].endswith(":"):
            continue
        joined = " ".join(part)
        if _ATTRIBUTION_END.search(joined[-200:]):
            proven = begins and ("@" in joined or _MOMENT.search(joined))
            # "Pada hari Senin atasan saya menulis:" is a sentence unless a quote follows.
            return height if proven or _quoted_below(rows, at + height) else 0
    return 0


def _quoted_below(rows: list[str], at: int) -> bool:
    """Whether the next line that is not blank is a quoted one."""
    return any(row.startswith(">") for row in _next_lines(rows, at, 1))


def _next_lines(rows: list[str], at: int, count: int) -> list[str]:
    return [row for row in rows[at : at + 3 * count] if row][:count]


def _answered_mail(rows: list[str], at: int) -> bool:
    """Whether the answered mail begins here: a marker, or the header block that Outlook puts above it."""
    row = rows[at]
    if _ORIGINAL.fullmatch(row):
        return True
    if _RULER.fullmatch(row):
        return any(_header_block(rows, i) for i in range(at + 1, min(at + 4, len(rows))))
    return _header_block(rows, at)


def _header_block(rows: list[str], at: int) -> bool:
    """At least three labels within six lines, sender first, with an address or a time of day.

    A letter in the form of a nota dinas ("Kepada: / Dari: / Perihal:") has labels too, but neither of these.
    """
    if not (first := _LABEL.match(rows[at])) or first.lastgroup not in (_Label.FROM, _Label.SUBJECT):
        return False
    block = rows[at : at + _HEADER_BLOCK_LINES]
    found = {label.lastgroup for row in block if (label := _LABEL.match(row))}
    proven = any("@" in row or _MOMENT.search(row) for row in block)
    return len(found) >= 3 and {_Label.FROM, _Label.SENT} <= found and proven


def _signature(rows: list[str], at: int) -> bool:
    """RFC 3676, section 4.3; programs that strip line ends leave "--", which also people write as a ruler."""
    if rows[at] != "--":
        return False
    below = (rows[i] for i in range(at + 1, len(rows)) if rows[i] and not rows[i].startswith(">"))
    return sum(1 for _ in islice(below, _SIGNATURE_LINES + 1)) <= _SIGNATURE_LINES


def _without_footer(rows: list[str], kept: list[int]) -> list[int]:
    """Without the last lines that the program added: "Dikirim dari iPhone saya"."""
    end = len(kept)
    while end and (not rows[kept[end - 1]] or _FOOTER.fullmatch(rows[kept[end - 1]])):
        end -= 1
    return kept[:end]


def _by_language(rows: list[str]) -> int | None:
    """Where the newest words end in a language not known above, by mail-parser-reply; None: nowhere.

    It sees a shortened copy: long lines and runs of blank lines cost that parser seconds.
    """
    seen = [
        (i, row[:_FOREIGN_LINE]) for i, row in enumerate(rows[:_FOREIGN_LINES]) if row or (i and rows[i - 1])
    ]
    text = "\n".join(row for _, row in seen)
    languages = tuple(name for name, marks in _FOREIGN.items() if re.search(marks, text))
    if not languages:
        return None
    replies = _parser(languages).read(text).replies
    if len(replies) < 2:
        return None
    height = text[: text.find(replies[0].content)].count("\n") + replies[0].content.count("\n") + 1
    return seen[height][0] if height < len(seen) else None


@cache
def _parser(languages: tuple[str, ...]) -> "EmailReplyParser":
    from mailparser_reply.parser import EmailReplyParser  # noqa: PLC0415 (20 ms that few mails need)

    return EmailReplyParser(languages=list(languages))
