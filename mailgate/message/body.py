"""Which words were written this time?

Attribution lines, quotes, header blocks of the answered mail, signatures and the footers of phones are cut.
What is below a forward marker stays: there it is what the mail is about. When nothing would remain, nothing
is cut from what people are shown; what is done in somebody's name is taken from their own words alone.
"""

import re
from dataclasses import dataclass, field

from mailgate.message.signature import end_of_words, marked
from mailgate.message.wording import (
    ATTRIBUTION_START,
    CLOCK,
    DATED_START,
    FORWARD,
    FORWARD_SUBJECT,
    ORIGINAL,
    ORIGINAL_BARE,
    QUOTING,
    TOLD,
    VERB_AT_END,
    VERB_BEFORE_DASHES,
    YEAR,
    Label,
    label_of,
)

MAX_CHARACTERS = 200_000
"""Beyond it nothing is looked for: no person wrote so much, and every look costs time."""

QUOTE_MARK = "\ue000"
"""A line that stands for a quote that was seen in HTML; in a text that says so itself it is one as well."""

_MAX_LINE = 500
_MAX_ATTRIBUTION, _ATTRIBUTION_LINES, _VERB_REACH = 600, 5, 260
_HEADER_BLOCK_LINES = 8
_COLONS = (":", "：")
_QUOTED = (">", QUOTE_MARK)
_FORWARD_ENDS = (":", "-", "=", "_", "*")
_MOMENTS = (Label.SENT, Label.DATE)

_RULES = ("-", "_", "=", "*", "–", "—")

_BLANK_LINES = re.compile("\n{3,}")
_SPACES = re.compile("[ \t\xa0\u2007\u202f\u200b-\u200d\u200e\u200f\u2060\u3000\ufeff]+")
_RULER = re.compile(r"[_-]{10,}|[_=*]{20,}")
_ADDRESS_AT_END = re.compile(r"@[^\s<>()@]{1,255}(?: ?[>)\]])+ ?[:：]?$")
_ADDRESS_BEFORE_VERB = re.compile(r"@[^\s<>()@]{1,255}(?: ?[>)\]])+[ ,]*$")
# "… sampai jumpa. On Wed, Apr 4, 2012 at 3:59 PM, budi@example.com wrote:"
_LATER_START = re.compile(r"(?:-{2,} ?)?(?<![^\W_])(?:On|Pada|Am|Le|El|Em|Il|Op|Den) (?=[^<>]{0,40}\d)")
# A link that a program wrapped out of the quote: "_nonce=3dd518)".
_LINK_TAIL = re.compile(r"[(<]?\S+[)>](?: ?>)*|[(<]?https?://\S+(?: ?>)*")


def reply_text(text: str) -> str:
    """The words written this time; `text` has "\\n" line ends. Never empty when `text` is not blank."""
    return written(text).shown


def own_words(text: str) -> str:
    """The same, but empty where everything is quoted: what may be relayed in somebody's name."""
    return written(text).own


def is_forward(subject: str) -> bool:
    """Whether a subject says that another's mail is passed on: what Outlook puts below is then the matter."""
    return FORWARD_SUBJECT.match(subject[:200]) is not None


def introduces(line: str) -> bool:
    """Whether a line, in one piece, is an attribution above a quote."""
    return line != "" and _introduces(line, begins=ATTRIBUTION_START.match(line) is not None, quoted=True)


@dataclass(frozen=True, slots=True)
class Written:
    """What one mail adds."""

    shown: str
    """What people are shown; with the questions that the author quoted by hand between the answers."""
    own: str
    """What the author says in their own name."""
    only_quoted: bool = False
    """A mail program's own line introduces all there is: nothing was written, though `shown` is not empty."""


def written(text: str, *, marked: str | None = None, forwarded: bool = False) -> Written:
    """Tell what was written this time from what was not.

    `marked`: the same text with QUOTE_MARK for what HTML says is quoted; None when it says nothing.
    """
    if max(len(text), len(marked or "")) > MAX_CHARACTERS:
        whole = trimmed(text.split("\n"))
        return Written(whole, whole)
    rows = _one_thing_a_line((text if marked is None else marked).split("\n"))
    seen = [_squeezed(row[:_MAX_LINE]) for row in rows]
    found = _scan(seen, forwarded=forwarded)
    kept = found.own[: end_of_words([seen[i] for i in found.own], answer=found.answer)]
    own = _joined(rows, kept, cut=len(kept) < len(rows))
    if not own:
        return Written(trimmed(text.split("\n")), "", found.introduced and not found.passed_on)
    if found.passed_on:
        return Written(trimmed([rows[i] for i in (*found.own, *found.passed_on)]), own)
    questions = _between(found.quoted, kept)
    return Written(_joined(rows, sorted({*kept, *questions}), cut=True) if questions else own, own)


def trimmed(rows: list[str]) -> str:
    """Without blank lines at both ends and blanks at line ends; the indentation of the first line stays."""
    return "\n".join(map(str.rstrip, rows)).strip("\n")


def _squeezed(row: str) -> str:
    return " ".join(row.split() if row.isascii() else _SPACES.sub(" ", row).split())


def _joined(rows: list[str], kept: list[int], *, cut: bool) -> str:
    text = trimmed([rows[i] for i in kept])
    return _BLANK_LINES.sub("\n\n", text) if cut else text


def _between(quoted: list[int], own: list[int]) -> list[int]:
    """The hand-made quotes that are answered: some between own words, and then also those above."""
    if any(own[0] < i < own[-1] for i in quoted):
        return [i for i in quoted if i < own[-1]]
    return []


def _signs(rows: list[str]) -> set[int]:
    """The lines where something that is not the author's may begin; most mails have none."""
    return {
        begin
        for at, row in enumerate(rows)
        if row and _is_sign(row)
        for begin in range(at + 1 - _ATTRIBUTION_LINES, at + 1)
    }


def _is_sign(row: str) -> bool:
    """Whether a line is a quote, a ruler, a header, or the last line of an attribution."""
    if row[0] in _QUOTED or (row[0] in _RULES and row[1:2] in _RULES):
        return True
    if row[-1] in _COLONS and (
        "@" in row or VERB_AT_END.search(row[-60:]) or FORWARD.fullmatch(row) is not None
    ):
        return True
    if "@" in row and (row[-1] in ">)" or ATTRIBUTION_START.match(row)):
        return True
    return label_of(row) is not None


def _one_thing_a_line(rows: list[str]) -> list[str]:
    """An attribution that shares its line with words is put on a line of its own."""
    found: list[str] = []
    for at, row in enumerate(rows):
        low = _shared(row) if row.endswith(":") and _quoted_below(rows, at + 1) else 0
        found += (row[:low], row[low:]) if low else (row,)
    return found


def _shared(row: str) -> int:
    """Where in a line an attribution begins; 0 when it is at the start, or nowhere."""
    if len(row) > _MAX_LINE:
        return 0
    for start in _LATER_START.finditer(row):
        if _introduces(row[start.start() :], begins=True, quoted=True):
            return start.start()
    return 0


@dataclass(slots=True)
class _Scan:
    own: list[int] = field(default_factory=list)
    """The numbers of the lines that are the author's own."""
    quoted: list[int] = field(default_factory=list)
    """Of quoted lines that no attribution introduces: the author chose them."""
    passed_on: list[int] = field(default_factory=list)
    """Of another's mail that this one forwards: what it is about, and nobody's order."""
    answer: bool = False
    """Something was quoted."""
    introduced: bool = False
    """An attribution line or a header block says so."""


def _scan(rows: list[str], *, forwarded: bool) -> _Scan:
    found = _Scan()
    signs = _signs(rows)
    if not signs:
        return _Scan(list(range(len(rows))))
    at, attributed = 0, False
    while at < len(rows):
        row = rows[at]
        if at not in signs:
            found.own.append(at)
            at += 1
        elif not attributed and _forward(rows, at):
            found.passed_on = list(range(at, len(rows)))
            return found
        elif row.startswith(_QUOTED) or (found.answer and _link_tail(rows, at)):
            found.answer = True
            if not attributed and row != QUOTE_MARK:
                found.quoted.append(at)
            at += 1
        elif height := _attribution(rows, at):
            found.answer = found.introduced = attributed = True
            if not _quoted_below(rows, at + height):
                return found
            at += height
        elif _answered_mail(rows, at):
            found.answer = found.introduced = not forwarded
            found.passed_on = list(range(at, len(rows))) if forwarded else []
            return found
        elif row == "--" and any(rows[i] for i in found.own) and marked(rows, at):
            found.answer = found.answer or any(below.startswith(_QUOTED) for below in rows[at:])
            return found
        else:
            found.own.append(at)
            at += 1
    return found


def _forward(rows: list[str], at: int) -> bool:
    """Whether what follows is passed on. Apple Mail quotes it, marker included."""
    row = rows[at]
    if row.startswith(">"):
        first = at == 0 or not rows[at - 1].startswith(">")
        return first and FORWARD.fullmatch(row.lstrip("> ")) is not None
    return row.endswith(_FORWARD_ENDS) and FORWARD.fullmatch(row) is not None


def _link_tail(rows: list[str], at: int) -> bool:
    """Whether a line without ">" belongs to the quote around it."""
    around = 0 < at < len(rows) - 1 and rows[at - 1].startswith(">") and rows[at + 1].startswith(">")
    return around and _LINK_TAIL.fullmatch(rows[at]) is not None


def _attribution(rows: list[str], at: int) -> int:
    """How many lines an attribution line beginning here takes; 0 when none does.

    "Pada Sab, 15 Jun 2024 pukul 14.59 Indra <indra@example.go.id>" and, wrapped, "menulis:".
    """
    begins = ATTRIBUTION_START.match(rows[at]) is not None
    joined = ""
    for height, part in enumerate(rows[at : at + _tallest(rows[at], begins=begins)], 1):
        if not _continues(joined, part, rows, at + height):
            return 0
        joined = f"{joined} {part}".strip()
        if part and _introduces(joined, begins=begins, quoted=_quoted_below(rows, at + height)):
            return height
    return 0


def _tallest(row: str, *, begins: bool) -> int:
    if not row:
        return 0
    return _ATTRIBUTION_LINES if begins else 2 if "@" in row else 1


def _continues(joined: str, part: str, rows: list[str], below: int) -> bool:
    """Whether the next line may belong to an attribution that began.

    Polymail leaves a line blank before the address, and wraps inside its brackets: "> wrote:".
    """
    if part.startswith(">"):
        return joined.count("<") > joined.count(">")
    return part != "" or (below < len(rows) and rows[below].startswith("<"))


def _introduces(line: str, *, begins: bool, quoted: bool) -> bool:
    """Whether a line says who wrote what follows; `quoted`: the next line, blank ones aside, is a quote."""
    colon = line.endswith(_COLONS)
    if len(line) > _MAX_ATTRIBUTION or not (colon or begins or line[-1] in ">)-"):
        return False
    if line.startswith("--") and line.endswith("--"):
        return VERB_BEFORE_DASHES.search(line[-60:]) is not None
    if colon and quoted and "@" in line and (YEAR.search(line) or CLOCK.search(line)):
        return True  # in whatever language
    if verb := VERB_AT_END.search(line[-_VERB_REACH:]):
        return _somebody_wrote(line, verb, begins=begins, colon=colon, quoted=quoted)
    if colon and QUOTING.fullmatch(line):
        return "@" in line
    # "26.06.2014, 14:41, "Budi" <budi@example.com>:" (Yandex), "2013/11/1 Budi <budi@example.com>" (Android)
    dated = DATED_START.match(line) or (begins and YEAR.search(line))
    if not dated or not _ADDRESS_AT_END.search(line[-300:]):
        return False
    return colon or (quoted and line.count("<") <= line.count(">"))


def _somebody_wrote(line: str, verb: re.Match[str], *, begins: bool, colon: bool, quoted: bool) -> bool:
    somebody = "@" in line
    if not colon:
        return begins and somebody and YEAR.search(line) is not None and not verb["after"].strip(" -")
    bracketed = (
        "@" in line and "<" in line and CLOCK.search(line) is not None and YEAR.search(line) is not None
    )
    if bracketed or _ADDRESS_BEFORE_VERB.search(line[-_VERB_REACH:][: verb.start()]):
        return True
    if begins and (somebody or (CLOCK.search(line) and YEAR.search(line) and not TOLD.search(line))):
        return True
    # "Pada hari Senin atasan saya menulis:" is a sentence unless a quote follows.
    return quoted


def _quoted_below(rows: list[str], at: int) -> bool:
    """Whether the next line that is not blank is a quoted one."""
    return any(row.startswith(_QUOTED) for row in _next_lines(rows, at, 1))


def _next_lines(rows: list[str], at: int, count: int) -> list[str]:
    return [row for row in rows[at : at + 3 * count] if row][:count]


def _answered_mail(rows: list[str], at: int) -> bool:
    """Whether the answered mail begins here: a marker, or the header block that Outlook puts above it."""
    row = rows[at]
    if not row:
        return False
    if row[0] in _RULES and ORIGINAL.fullmatch(row):
        return True
    if label_of(row):
        return _header_block(rows, at) and not _announced(rows, at)
    below = any(_header_block(rows, i) for i in range(at + 1, min(at + 4, len(rows))))
    return below and (_RULER.fullmatch(row) or ORIGINAL_BARE.fullmatch(row)) is not None


def _announced(rows: list[str], at: int) -> bool:
    """ "Mohon diblokir email ini:" above a header: it was pasted as evidence."""
    above = [row for row in rows[max(0, at - 3) : at] if row]
    return bool(above) and above[-1].endswith(_COLONS)


def _header_block(rows: list[str], at: int) -> bool:
    """Labels of a header with an address or a time of day: three, or sender and moment side by side.

    A letter in the form of a nota dinas ("Kepada: / Dari: / Perihal:") has labels too, but neither of these.
    """
    first = label_of(rows[at])
    if first not in (Label.FROM, Label.SUBJECT, *_MOMENTS):
        return False
    block = rows[at : at + _HEADER_BLOCK_LINES]
    found = {label for row in block if (label := label_of(row))}
    proven = Label.SENT in found or any("@" in row or CLOCK.search(row) for row in block)
    if not proven or Label.FROM not in found or found.isdisjoint(_MOMENTS):
        return False
    return len(found) >= 3 or (first is Label.FROM and "@" in rows[at] and _moment(rows, at + 1))


def _moment(rows: list[str], at: int) -> bool:
    row = rows[at] if at < len(rows) else ""
    return label_of(row) in _MOMENTS and bool(CLOCK.search(row) and YEAR.search(row))
