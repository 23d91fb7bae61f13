"""Whom, what, which and when does a staff member mean?

Arguments of commands as people write them. What fits nothing or several is Unclear: it is never guessed.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import Literal, TypeVar

from mailgate.message.message import writable
from mailgate.settings import Staff, Work

T = TypeVar("T")

_MOST_CHOICES = 8
_LONGEST_NAME = 200  # no name is longer; a longer text is compared with nothing
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe0e\ufe0f\ufeff]")
_AROUND = " \t.,:;!?\"'`“”‘’«»<>()[]{}*_#"


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nothing or several matched."""

    choices: tuple[str, ...] = ()
    """What could be typed instead."""


@dataclass(frozen=True, slots=True)
class When:
    """A day, and perhaps a time of it, both local."""

    day: date
    at: time | None
    """None: no time was said."""
    rest: str
    """What was written behind it: the reason."""


# --- Names: staff, categories, kinds of work ---

_HONORIFICS = frozenset({"pak", "bu", "bapak", "ibu", "sdr", "sdri", "saudara", "saudari", "mas", "mbak"})


def person(text: str, staff: Sequence[Staff], category: str | None) -> Staff | Unclear:
    """An address, a name or part of one, or a role; `category` chooses among several who have the role."""
    named = text.strip("@" + _AROUND)  # phones offer "@Budi"
    found = _by_address(text, staff) if "@" in named else _by_name(named, staff, category)
    return found[0] if len(found) == 1 else _unclear(f"{one.name} <{one.address}>" for one in found or staff)


def category(text: str, categories: Mapping[str, str]) -> str | Unclear:
    """The key, from itself, its label, or a part of either."""
    found = _called(text, [(key, (key, label)) for key, label in categories.items()])
    return found[0] if len(found) == 1 else _unclear(found or categories)


def work(text: str, works: Sequence[Work]) -> Work | Unclear:
    """By its code or name, or a part of either."""
    found = _called(text, [(one, (one.code, one.name, f"{one.code} {one.name}")) for one in works])
    return found[0] if len(found) == 1 else _unclear(f"{one.code} {one.name}" for one in found or works)


def _unclear(choices: Iterable[str]) -> Unclear:
    return Unclear(tuple(dict.fromkeys(choices))[:_MOST_CHOICES])


def _by_address(text: str, staff: Sequence[Staff]) -> list[Staff]:
    typed = {one.casefold() for one in addresses(text)}
    return [one for one in staff if typed & {address.casefold() for address in _addresses_of(one)}]


def _by_name(text: str, staff: Sequence[Staff], category: str | None) -> list[Staff]:
    """What fits exactly goes before what fits in part: name, local part, role, part of a name."""
    typed = _without_honorifics(text)
    if not typed:
        return []
    local_part = text.casefold()
    return (
        [one for one in staff if _without_honorifics(one.name) == typed]
        or [one for one in staff if local_part in _local_parts(one)]
        or _by_role(typed, staff, category)
        or _called(typed, [(one, (one.name,)) for one in staff])
    )


def _by_role(typed: str, staff: Sequence[Staff], category: str | None) -> list[Staff]:
    """ "teknisi", or "teknisi aplikasi": the role and the category."""
    found = [one for one in staff for role in one.roles if _folded(role) == typed]
    with_category = [
        one
        for one in staff
        if typed in {f"{_folded(role)} {_folded(key)}" for role in one.roles for key in one.categories}
    ]
    return [one for one in found if category in one.categories] or found or with_category


def _called(text: str, named: Iterable[tuple[T, tuple[str, ...]]]) -> list[T]:
    """The things of this name; else those that each typed word begins a word of; else those it is part of."""
    typed = _folded(text)
    if not typed:
        return []
    known = [(thing, [_folded(name) for name in names]) for thing, names in named]
    return (
        [thing for thing, names in known if typed in names]
        or [thing for thing, names in known if _begins_words(typed.split(), " ".join(names).split())]
        or [thing for thing, names in known if len(typed) > 1 and any(typed in name for name in names)]
    )


def _begins_words(typed: list[str], words: list[str]) -> bool:
    return all(any(word.startswith(one) for word in words) for one in typed)


def _folded(text: str) -> str:
    """Words without case, accents and punctuation; "" for what is too long to name anything."""
    if len(text) > _LONGEST_NAME:
        return ""
    letters = unicodedata.normalize("NFKD", _INVISIBLE.sub("", text)).casefold()
    bare = "".join(one for one in letters if not unicodedata.combining(one))
    return " ".join(re.findall(r"[^\W_]+", bare))


def _without_honorifics(text: str) -> str:
    return " ".join(word for word in _folded(text).split() if word not in _HONORIFICS)


def _addresses_of(staff: Staff) -> tuple[str, ...]:
    return (staff.address, *staff.aliases)


def _local_parts(staff: Staff) -> set[str]:
    return {address.casefold().rpartition("@")[0] for address in _addresses_of(staff)}


# --- Priorities and ticket numbers ---

_PRIORITIES = {
    1: "1 mendesak urgent darurat kritis critical segera emergency",
    2: "2 tinggi high penting important",
    3: "3 normal biasa sedang medium menengah",
    4: "4 rendah low",
}
_NUMBER = re.compile(
    r"(?:(?:TIKET|TICKET|NOMOR|NO)\b[ .:]{0,3})?[\[#]?"
    r"(?:(?P<prefix>[A-Z]{2,8})[ -]{0,3})?(?:(?P<year>20\d\d)[ /-]{1,3})?(?P<serial>\d{1,9})",
    re.ASCII,
)
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")  # phones make them of hyphens


def priority(text: str) -> int | Unclear:
    """1 to 4, or a word for one of them."""
    typed = _folded(text).removeprefix("prioritas ").removeprefix("p")
    typed = typed if typed.isdigit() else _folded(text).removeprefix("sangat ")
    found = [number for number, words in _PRIORITIES.items() if typed in words.split()]
    return found[0] if found else Unclear(("1", "2", "3", "4"))


def number(text: str, prefix: str, prefixes: Collection[str], year: int) -> str | None:
    """The ticket's number in full; what is not said is this desk's `prefix` and this `year`.

    None for what is no number, and for a prefix that is neither this desk's nor among `prefixes`.
    """
    typed = _DASHES.sub("-", _plain(text)).strip(_AROUND.replace("#", "")).upper()
    match = _NUMBER.fullmatch(typed)
    if match is None or int(match["serial"]) == 0:
        return None
    if match["year"] is None and re.fullmatch(r"20\d\d", match["serial"]):
        return None  # "KOM-2026" is half a number, and no ticket of that serial
    typed_prefix = match["prefix"] or prefix
    if typed_prefix not in {prefix, *prefixes}:
        return None
    return f"{typed_prefix}-{match['year'] or year}-{int(match['serial']):06}"


# --- Addresses ---

_BRACKETED = re.compile(r"<([^<>]*)>")
_QUOTED_NAME = re.compile(r'"[^"]*"(?= ?<)')
_JOINING = frozenset({"", "dan", "and", "&", "/", "+"})


def addresses(text: str) -> tuple[str, ...]:
    """Those that mail can be sent to, each once, as they were typed."""
    found: dict[str, str] = {}
    for one in _candidates(text):
        if _reachable(one):
            found.setdefault(one.casefold(), one)
    return tuple(found.values())


def unusable(text: str) -> bool:
    """Whether something in it is neither an address nor the name of its owner."""
    return not all(_reachable(one) for one in _candidates(text))


def _candidates(text: str) -> Iterator[str]:
    """What stands where an address should, good or not."""
    for piece in re.split("[,;]", _QUOTED_NAME.sub(" ", _plain(text))):
        *before, last = _BRACKETED.split(piece)  # outside, inside, outside, inside, …, outside
        for place, part in enumerate(before):
            inside = place % 2 == 1
            yield from (
                _undressed(word) for word in ([part] if inside else part.split()) if inside or "@" in word
            )
        yield from (_undressed(word) for word in last.split() if _undressed(word) not in _JOINING)


def _undressed(word: str) -> str:
    bare = word.strip(_AROUND.replace("_", "").replace("#", ""))
    return bare[7:] if bare[:7].casefold() == "mailto:" else bare


def _reachable(address: str) -> bool:
    return writable(address) and "." in address.rpartition("@")[2]


# --- Days and times ---

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "januari january jan",
            "februari february pebruari feb",
            "maret march mar mrt",
            "april apr",
            "mei may",
            "juni june jun",
            "juli july jul",
            "agustus august agust agt agu ags agst aug",
            "september sept sep",
            "oktober october okt oct",
            "november nopember nov nop",
            "desember december des dec",
        ),
        1,
    )
    for name in names.split()
}
_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (
            "senin sen monday mon",
            "selasa sel tuesday tue",
            "rabu rab wednesday wed",
            "kamis kam thursday thu",
            "jumat jum'at jum’at jum friday fri",
            "sabtu sab saturday sat",
            "minggu ahad sunday sun",
        )
    )
    for name in names.split()
}
_TODAY = {"hari ini": 0, "today": 0}
_AHEAD = _TODAY | {"besok": 1, "bsk": 1, "esok": 1, "tomorrow": 1, "lusa": 2, "besok lusa": 2}
_BACK = _TODAY | {
    **{"tadi": 0, "kemarin": -1, "kemaren": -1, "kmrn": -1, "yesterday": -1},
    **{"tadi malam": -1, "semalam": -1, "kemarin lusa": -2, "kemarin dulu": -2},
}

Sign = Literal[1, -1]
"""Whether the moment is to lie ahead or behind."""


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _any(words: Iterable[str]) -> str:
    """One of these words, whole; the longest that fits."""
    return rf"(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})(?!\w)"


_RELATIVE = {1: (_compiled(_any(_AHEAD)), _AHEAD), -1: (_compiled(_any(_BACK)), _BACK)}
_IN_DAYS = {
    1: _compiled(r"(?P<n>\d{1,2}) hari (?:lagi|ke depan)(?!\w)|in (?P<n2>\d{1,2}) days?(?!\w)"),
    -1: _compiled(r"(?P<n>\d{1,2}) hari (?:yang )?lalu(?!\w)|(?P<n2>\d{1,2}) days? ago(?!\w)"),
}
_DATES = (  # the day always before the month, but for ISO 8601 and for "August 31"
    _compiled(r"(?P<y>\d{4})(?P<sep>[/.-])(?P<m>\d{1,2})(?P=sep)(?P<d>\d{1,2})(?!\d)"),
    _compiled(
        r"(?P<d>\d{1,2}) ?(?P<sep>[/-]) ?(?P<m>\d{1,2})(?: ?(?P=sep) ?(?P<y>\d{4}|\d\d))?(?!\d|[/.-]\d)"
    ),
    _compiled(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4}|\d\d)(?!\d|[.:]\d)"),
    _compiled(
        rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[ ./-]{{0,2}}(?P<m>{_any(_MONTHS)})\.?"
        r"(?:[ ,/-]{0,2}(?P<y>\d{4})|[/-](?P<y2>\d\d)(?![.:]?\d))?(?!\d)"
    ),
    _compiled(
        rf"(?P<m>{_any(_MONTHS)})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?![.:]?\d)(?:,? (?P<y>20\d\d)(?!\d))?"
    ),
)
_WEEKDAY = _compiled(
    rf"(?P<hari>hari )?(?P<before>(?:next|last) )?(?P<w>{_any(_WEEKDAYS)})"
    r"(?: (?P<after>depan|berikutnya|lalu|yang lalu|kemarin|ini)(?!\w))?"
)
_PART = r"(?:pagi|subuh|dini hari|siang|sore|petang|malam)(?!\w)(?: (?:ini|hari)(?!\w))?"
_PART_OF_DAY = _compiled(_PART)
_TIME = _compiled(
    r"(?P<word>(?:pukul|jam|pkl|pk|at)(?![a-z_])[.:]? ?|@ ?)?"
    r"(?P<h>\d{1,2})(?: ?[.:] ?(?P<min>\d\d)(?:[.:]\d\d)?)?(?!\d| ?[.:/]\d)"
    rf"(?: ?(?P<part>{_PART}|(?:am|pm)(?!\w)|[ap]\.m\.))?(?: ?(?:WIB|WITA|WIT)(?!\w))?"
)
_JUST_NOW = _compiled(r"(?:barusan|baru saja|baru tadi|sekarang|just now|now)(?!\w)")
_LEADING = _compiled(
    r"(?:(?:pada|tanggal|tgl|sampai|hingga|paling lambat|nanti|on|by|until)(?!\w)[.:]? ?){0,3}"
)
_APART = re.compile(r"[ ,;()–—-]{0,4}")
_DASH_IN_NUMBER = re.compile(rf"(?<=\d){_DASHES.pattern}(?=\d)")
# A moment that goes on like this was not understood to its end: "10.00-12.00", "besok 25.00" …
_GOES_ON = _compiled(
    r"(?:(?:s\.?/?d\.?|sampai|hingga|to|atau|or) ?)?(?:(?:jam|pukul|pkl) ?)?"
    r"(?:\d{1,4} ?[.:/-] ?\d|\d{1,2}\W{0,4}\Z)"
)
# … and one without its time, like this: "besok setengah tiga", "2-3 hari lagi".
_LACKS_TIME = _compiled(r"(?:\d{1,2} ?)?(?:jam|menit|pukul|pkl|hari|minggu|bulan|am|pm)(?!\w)|setengah(?!\w)")
_PREVIOUS_OR_NEXT_YEAR = (
    31  # days: a date without its year, further in the wrong direction, is another year's
)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was understood so far."""

    end: int
    day: date | None = None
    weekday: date | None = None
    """The day that a weekday alone would mean."""
    part: str = ""
    """ "malam" for "tadi malam"."""
    at: time | None = None


def day_and_time(text: str, today: date) -> When | Unclear:
    """A moment ahead. A weekday is the next one after today; a time alone is today's."""
    written = _written(text)
    read = _read(written, today, 1)
    if read is None:
        soon = today + timedelta(7)
        return Unclear((f"{soon.day}/{soon.month} 14.00", "besok 10.00", "Senin 09.00"))
    return When(read.day or read.weekday or today, read.at, _reason(written, read.end))


def past_moment(text: str, today: date, now: time) -> When | Unclear:
    """A moment behind. A weekday is the last one, today's if that has passed; "" is now."""
    written = _written(text)
    just_now = _JUST_NOW.match(written)
    if just_now or not written:
        return When(today, now, _reason(written, just_now.end()) if just_now else "")
    read = _read(written, today, -1)
    if read is None:
        before = today - timedelta(2)
        return Unclear(("tadi 09.30", "kemarin 15.00", f"{before.day}/{before.month} 10.00"))
    day = read.day or read.weekday or today
    if read.day is None and read.weekday == today and read.at and read.at > now:
        day -= timedelta(7)
    return When(day, read.at, _reason(written, read.end))


def _written(text: str) -> str:
    return _DASH_IN_NUMBER.sub("-", _plain(text))


def _reason(written: str, at: int) -> str:
    return written[at:].lstrip(" ,;:.)–—-")


def _read(written: str, today: date, sign: Sign) -> _Read | None:
    """A day, a weekday and a time, in any order and each once; None for what has neither day nor time."""
    leading = _LEADING.match(written)
    read: _Read | None = _Read(leading.end() if leading else 0)
    understood = None
    try:
        while read is not None:
            understood, read = read, _read_on(written, read, today, sign)
    except (ValueError, KeyError):  # 31/2, 25.00; a word with a letter that only ignoring case makes equal: ı
        return None
    return understood if understood and _is_whole(written, understood) else None


def _read_on(written: str, read: _Read, today: date, sign: Sign) -> _Read | None:
    if read.at is not None and (read.day or read.weekday) is not None:
        return None  # what follows is the reason
    here = _after_separators(written, read.end)
    return (
        _with_day(written, here, read, today, sign)
        or _with_weekday(written, here, read, today, sign)
        or _with_time(written, here, read)
    )


def _is_whole(written: str, read: _Read) -> bool:
    here = _after_separators(written, read.end)
    if read.day and read.weekday and read.day.weekday() != read.weekday.weekday():
        return False
    if read.at is None and ((read.day or read.weekday) is None or _LACKS_TIME.match(written, here)):
        return False
    return _GOES_ON.match(written, here) is None


def _after_separators(written: str, at: int) -> int:
    apart = _APART.match(written, at)
    return apart.end() if apart else at


def _with_day(written: str, here: int, read: _Read, today: date, sign: Sign) -> _Read | None:
    if read.day is not None:
        return None
    pattern, offsets = _RELATIVE[sign]
    if word := pattern.match(written, here):
        part = "malam" if word[0].casefold().endswith("malam") else read.part
        return replace(read, day=today + timedelta(offsets[word[0].casefold()]), part=part, end=word.end())
    if days := _IN_DAYS[sign].match(written, here):
        return replace(read, day=today + timedelta(sign * int(days["n"] or days["n2"])), end=days.end())
    found = next(filter(None, (form.match(written, here) for form in _DATES)), None)
    return replace(read, day=_date(found, today, sign), end=found.end()) if found else None


def _date(found: re.Match[str], today: date, sign: Sign) -> date:
    """ValueError for a day that no calendar has."""
    parts = found.groupdict()
    named = parts["m"].casefold()
    month = _MONTHS.get(named) or int(named)
    written_year = parts["y"] or parts.get("y2")
    if written_year is None:
        return _nearest(int(parts["d"]), month, today, sign)
    year = int(written_year)
    year += 2000 if year < 100 else 0
    if not 2000 <= year <= 2099:
        raise ValueError(year)
    return date(year, month, int(parts["d"]))


def _nearest(day: int, month: int, today: date, sign: Sign) -> date:
    """Of this year, unless that lies more than a month in the wrong direction."""
    for year in (today.year, today.year + sign):
        found = _date_or_none(year, month, day)
        if found is not None and sign * (today - found).days <= _PREVIOUS_OR_NEXT_YEAR:
            return found
    raise ValueError(day)


def _date_or_none(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _with_weekday(written: str, here: int, read: _Read, today: date, sign: Sign) -> _Read | None:
    found = _WEEKDAY.match(written, here)
    if found is None or read.weekday is not None:
        return None
    name, after = found["w"].casefold(), (found["after"] or found["before"] or "").casefold().strip()
    if name == "minggu" and after and not found["hari"]:
        raise ValueError(after)  # "minggu depan" is next week as often as next Sunday
    return replace(read, weekday=_weekday(_WEEKDAYS[name], after, today, sign), end=found.end())


def _weekday(number: int, after: str, today: date, sign: Sign) -> date:
    """`after`: "depan" is the one of the next week, "lalu" is before today, "ini" may be today."""
    ahead = (number - today.weekday()) % 7
    behind = (today.weekday() - number) % 7
    match after, sign:
        case (("" | "ini"), -1):
            return today - timedelta(behind)
        case (("lalu" | "yang lalu" | "kemarin" | "last"), -1):
            return today - timedelta(behind or 7)
        case "ini", 1:
            return today + timedelta(ahead)
        case "", 1:
            return today + timedelta(ahead or 7)
        case (("depan" | "berikutnya" | "next"), 1):
            return today + timedelta(7 - today.weekday() + number)
        case _:
            raise ValueError(after)


def _with_time(written: str, here: int, read: _Read) -> _Read | None:
    if read.at is not None:
        return None
    if not read.part and (part := _PART_OF_DAY.match(written, here)):
        return replace(read, part=part[0], end=part.end())
    found = _TIME.match(written, here)
    if found is None or not (
        found["word"] or found["min"] or found["part"] or _is_last(written, found, read)
    ):
        return None  # "besok 2 teknisi datang"
    hour = _hour(int(found["h"]), (found["part"] or read.part).casefold())
    return replace(read, at=time(hour, int(found["min"] or 0)), end=found.end())


def _is_last(written: str, found: re.Match[str], read: _Read) -> bool:
    """Whether a mere number ends what was written, and a day stands before it: "besok 10"."""
    return (read.day or read.weekday) is not None and not written[found.end() :].strip(" .,;!")


def _hour(hour: int, part: str) -> int:
    """On a clock of 24 hours; ValueError for midnight, of which nobody knows to which day it belongs."""
    morning = part.startswith(("pagi", "subuh", "dini", "a"))
    if morning and hour > 12:
        raise ValueError(hour)
    if not part or hour > 12:
        return hour
    if morning:
        return hour % 12
    if part.startswith("siang"):
        return hour + 12 if hour < 6 else hour
    if part.startswith("malam") and not 6 <= hour < 12:
        raise ValueError(hour)
    return hour % 12 + 12


# --- Months ---

_MONTH = re.compile(
    rf"(?P<y>20\d\d)[ /.-]{{1,3}}(?P<m>\d{{1,2}})"
    rf"|(?P<m2>\d{{1,2}}|{_any(_MONTHS)})(?:[ /.-]{{1,3}}(?P<y2>20\d\d))?",
    re.ASCII,
)


def month(text: str, today: date) -> tuple[int, int] | Unclear:
    """Year and month; "" is this one, and one without its year the last of that name."""
    typed = _DASHES.sub("-", _plain(text)).strip(_AROUND).casefold()
    before = today.replace(day=1) - timedelta(1)
    if typed in {"", "bulan ini", "this month"}:
        return today.year, today.month
    if typed in {"bulan lalu", "bulan kemarin", "last month"}:
        return before.year, before.month
    found = _MONTH.fullmatch(typed.removeprefix("bulan "))
    named = (found["m"] or found["m2"]) if found else "0"
    number = _MONTHS.get(named) or int(named)
    if found is None or not 1 <= number <= 12:
        return Unclear((f"{today:%Y-%m}", f"{before:%Y-%m}"))
    year = found["y"] or found["y2"]
    return int(year) if year else today.year - (number > today.month), number


def _plain(text: str) -> str:
    """One line with single spaces, without invisible characters."""
    return " ".join(_INVISIBLE.sub("", text).split())
