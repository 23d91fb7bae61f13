"""How do the templates put a mail into words?

One environment for each language, so that its filters speak it and its files include each other by
their bare names. Every word that a person reads stands under templates/, none here.
"""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta, tzinfo
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import jinja2
import jinja2.meta
import msgspec
from jinja2.runtime import Context

from mailgate.compose.likely import likely, waits_for_notice
from mailgate.desk.commands import WORDS, Command
from mailgate.desk.decision import PROBLEMS, Letter, MessageKind, Send, Template
from mailgate.desk.report_form import Channel, Field
from mailgate.desk.ticket import Outcome, Status, Ticket
from mailgate.errors import SettingsError
from mailgate.message.message import Address
from mailgate.settings import Desk, Duration, DurationUnit, Hours, Interval

_COLUMNS = 76  # prose; RFC 5322, section 2.1.1 asks for 78, and a reply quotes with two more
_VARIABLES = frozenset({"desk", "ticket", "letter", "reader", "ref", "now", "service"})
_STANDINGS = frozenset({*Status, "started"})
_WRONG = frozenset({*Field, "time", "channel"})  # what Result.FIELDS_MISSING and FIELDS_WRONG can name
_NEEDED: Mapping[str, Set[str]] = {
    "status": _STANDINGS | {"escalated"},
    "public_status": _STANDINGS,
    "outcome": {*Outcome},
    "channel": {*Channel},
    "field": _WRONG,
    "survey": {"1", "2", "3", "4"},
    "command": {*Command},
    "kind": {*MessageKind},
    "unit": {str(Duration(amount, unit)).partition(" ")[2] for unit in DurationUnit for amount in (1, 2)},
}
"""The tables of words.toml, and what the code can say of each."""
_WORD = re.compile(r"[^\W\d_]+")
_LINK = re.compile(r"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.|\b[\w-]+(?:\.[\w-]+)+/)\S*", re.IGNORECASE)
_ZWJ = "\u200d"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Words:
    """A mail in words."""

    subject: str
    """One line, decoded."""
    body: str
    """"\\n" line ends, the last one included."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the templates may say about the service; they call it `service`."""

    timezone: ZoneInfo
    hours: str
    """The service hours in words, from `hours_text`; "" where nothing is to be said of them."""


_Twelve = Annotated[tuple[str, ...], msgspec.Meta(min_length=12, max_length=12)]


@dataclass(frozen=True, slots=True)
class Usage:
    """What people are told of one command."""

    usage: str
    """With its argument: "#tugas NAMA"."""
    alias: str
    """Its word in the other language."""
    does: str
    example: str
    """As it is typed, in one or more lines."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """templates/<language>/words.toml: the words that no sentence can hold."""

    weekdays: Annotated[tuple[str, ...], msgspec.Meta(min_length=7, max_length=7)]
    """Monday first."""
    months: _Twelve
    months_short: _Twelve
    moment: str
    """A format of weekday, day, month, month_short, year, hour, minute, zone."""
    stamp: str
    """The same, short."""
    time: str
    """A format of hour and minute."""
    both: str
    """Stands between two intervals of one day: " dan "."""
    decimal: str
    """The decimal sign."""
    sizes: Annotated[tuple[str, ...], msgspec.Meta(min_length=3, max_length=3)]
    """Bytes, kilobytes, megabytes."""
    no_subject: str
    shortened: str
    """Stands where long words were cut."""
    status: dict[str, str]
    """For staff; with "started", and with "escalated", which the name of the level follows."""
    public_status: dict[str, str]
    """For requesters, who need not know who works on it."""
    outcome: dict[str, str]
    channel: dict[str, str]
    field: dict[str, str]
    """The labels of #lapor."""
    survey: dict[str, str]
    """What 1 to 4 mean."""
    command: dict[str, Usage]
    kind: dict[str, str]
    unit: dict[str, str]
    """Of a duration in the settings: one "working day", more "working days"."""


@dataclass(frozen=True, slots=True)
class Templates:
    """Every template, compiled; the keys of both are languages."""

    environments: Mapping[str, jinja2.Environment]
    vocabularies: Mapping[str, Vocabulary]
    sources: Mapping[str, str]
    """What they were compiled from: "id/reply.body.txt"."""


def templates(sources: Mapping[str, str], spoken: Collection[str] = ()) -> Templates:
    """Compile `{"id/reply.body.txt": text, "id/words.toml": text, …}`, or of it the languages in `spoken`.

    SettingsError with one line for every fault: what does not compile, what uses a name that is not
    there, what is missing. The office's own files are to be laid over the shipped ones before.
    """
    known = sorted({name.partition("/")[0] for name in sources})
    languages = sorted(spoken) or known
    _refuse(_unspoken(one, known) for one in languages if one not in known)
    _refuse(fault for language in languages for fault in _missing(language, sources))
    words = {language: _vocabulary(language, sources) for language in languages}
    environments = {language: _environment(language, sources, words[language]) for language in languages}
    _refuse(fault for language in languages for fault in _compiled(language, sources, environments[language]))
    return Templates(environments, words, sources)


def render(templates: Templates, send: Send, desk: Desk, service: Facts, ref: str, now: datetime) -> Words:
    """Put one mail into the words of its desk's language. SettingsError when a template fails."""
    environment = _spoken(desk.language, templates.environments)
    letter = send.letter
    facts = {
        "desk": desk,
        "ticket": letter.ticket,
        "letter": letter,
        "reader": send.to.name,
        "ref": ref,
        "now": now,
        "service": service,
    }
    try:
        subject = environment.get_template(f"{send.template}.subject.txt").render(facts)
        body = environment.get_template(f"{send.template}.body.txt").render(facts)
    # An office's template can fail in any of these ways, such as `None | moment`.
    except (jinja2.TemplateError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise SettingsError(f"templates/{desk.language}/{send.template}.*.txt: {error}") from error
    return Words(subject=" ".join(subject.split()), body=body.strip("\n") + "\n")


def hours_text(templates: Templates, language: str, hours: Hours, day: date) -> str:
    """The service hours of the seven days from `day`: "Senin-Kamis 07.30-16.00, Jumat 07.30-16.30"."""
    words = _spoken(language, templates.vocabularies)
    ahead = sorted((day + timedelta(days=later) for later in range(7)), key=date.weekday)
    texts = [_day_text(words, hours.on(one)) for one in ahead]
    runs = groupby(zip(texts, words.weekdays, strict=True), key=itemgetter(0))
    return ", ".join(f"{_days([name for _, name in run])} {text}" for text, run in runs if text)


def moment(vocabulary: Vocabulary, form: str, at: datetime, zone: tzinfo) -> str:
    """A moment in local time, by one of the vocabulary's forms."""
    local = at.astimezone(zone)
    return form.format(
        weekday=vocabulary.weekdays[local.weekday()],
        day=local.day,
        month=vocabulary.months[local.month - 1],
        month_short=vocabulary.months_short[local.month - 1],
        year=local.year,
        hour=local.hour,
        minute=local.minute,
        zone=local.tzname(),
    )


def size(vocabulary: Vocabulary, octets: int) -> str:
    """A file size for people: "812 KB", "1,4 MB"."""
    small, middle, large = vocabulary.sizes
    if octets < 1000:
        return f"{octets} {small}"
    if octets < 1000 * 1024:
        return f"{round(octets / 1024)} {middle}"
    return f"{octets / 1024**2:.1f} {large}".replace(".", vocabulary.decimal, 1)


def oneline(text: str, most: int) -> str:
    """A stranger's words fit to be echoed: one line of at most `most` characters, without links,
    control characters and those that turn the reading direction."""
    clean = " ".join(_LINK.sub(" ", _printable(text)).split())
    return clean if len(clean) <= most else clean[: _cut(clean, most - 1)].rstrip() + "…"


def beginning(text: str, most: int, mark: str) -> str:
    """The text, or its beginning with the mark on a line of its own."""
    return text if len(text) <= most else f"{text[: _cut(text, most)].rstrip()}\n{mark}"


def quoted(text: str) -> str:
    """Somebody else's words, so that nobody takes them for ours, whatever a client takes for a line end."""
    return "\n".join(f"> {line}".rstrip() for line in text.strip("\n").splitlines() or [""])


def wrap(text: str, indent: str = "") -> str:
    """One paragraph in lines of at most 76 columns; only its own line end stays, if it has one.

    A server's words may stand in it: without control characters and those that turn the reading direction.
    """
    lines = [""]
    for word in _printable(text).split():
        if lines[-1] and len(indent) + len(lines[-1]) + 1 + len(word) > _COLUMNS:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(indent + line for line in lines) + ("\n" if text.endswith("\n") else "")


def name_only(author: str) -> str:
    """The name of "Admin Satu <admin1@example.go.id>"; "" when there is only an address."""
    name = author.partition("<")[0].strip()
    return "" if "@" in name else oneline(name, 64)


def mailbox(who: Address) -> str:
    """ "Rina <rina@example.go.id>" in one harmless line; the name alone where there is no address."""
    name, address = oneline(who.name, 60), oneline(who.address, 254)
    return f"{name} <{address}>" if name and address else name or address


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    # Zs and the joiner of emoji stay; everything else that is not printable becomes a space, except
    # the invisible format characters, which stand inside words.
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char.isprintable() or char == _ZWJ:
        return char
    return "" if unicodedata.category(char) == "Cf" else " "


def _cut(text: str, most: int) -> int:
    """The last place at or before `most` that does not lie inside a character as people see it."""
    place = most
    while place > 0 and _joined(text, place):
        place -= 1
    return place or most


def _joined(text: str, place: int) -> bool:
    """Whether the characters on both sides of the place are one to the eye (a part of UAX #29)."""
    before, after = text[place - 1], text[place]
    if _ZWJ in (before, after) or unicodedata.category(after) in ("Mn", "Me", "Mc"):
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff":  # skin tones
        return True
    flags = text[:place][::-1]
    run = next((n for n, char in enumerate(flags) if not _flag(char)), len(flags))
    return _flag(after) and run % 2 == 1


def _flag(char: str) -> bool:
    """Half a flag: a regional indicator."""
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _spoken(language: str, known: Mapping[str, _T]) -> _T:
    if language not in known:
        raise SettingsError(_unspoken(language, known))
    return known[language]


def _unspoken(language: str, known: Iterable[str]) -> str:
    return f"language: no templates/{language}/; there are {', '.join(known)}"


def _day_text(words: Vocabulary, intervals: Sequence[Interval]) -> str:
    """ "07.30-12.00 dan 13.00-16.00"; "" for a day on which nobody is there."""
    edges = [(_clock(words, one.opens), _clock(words, one.closes, midnight=24)) for one in intervals]
    return words.both.join(f"{opens}-{closes}" for opens, closes in edges)


def _clock(words: Vocabulary, edge: time, midnight: int = 0) -> str:
    return words.time.format(hour=edge.hour if edge != time(0) else midnight, minute=edge.minute)


def _days(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}"


def _refuse(faults: Iterable[str]) -> None:
    if text := "\n".join(faults):
        raise SettingsError(text)


def _missing(language: str, sources: Mapping[str, str]) -> Iterator[str]:
    names = [f"{template}.{part}.txt" for template in Template for part in ("subject", "body")]
    for name in [*names, "words.toml"]:
        if f"{language}/{name}" not in sources:
            yield f"templates/{language}/{name}: missing; write it or leave the language out"


def _vocabulary(language: str, sources: Mapping[str, str]) -> Vocabulary:
    where = f"templates/{language}/words.toml"
    try:
        written = tomllib.loads(sources[f"{language}/words.toml"])
        if absent := sorted(_wordless(written)):
            raise SettingsError(f"{where}: no words for {', '.join(absent)}")
        words = msgspec.convert(written, Vocabulary)
        sample = datetime(2026, 8, 3, tzinfo=ZoneInfo("UTC"))
        for form in (words.moment, words.stamp, words.time):
            moment(words, form, sample, ZoneInfo("UTC"))
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, LookupError, ValueError) as error:
        raise SettingsError(f"{where}: {error!s}") from error
    return words


def _wordless(written: Mapping[str, object]) -> Iterator[str]:
    """All that the code can say and this language cannot: "command.agree"."""
    yield from (field.name for field in fields(Vocabulary) if field.name not in written)
    for table, names in _NEEDED.items():
        known = written.get(table)
        if isinstance(known, dict):  # else it is missing as a whole, or msgspec says what it should be
            yield from (f"{table}.{name}" for name in names - known.keys())


def _environment(language: str, sources: Mapping[str, str], words: Vocabulary) -> jinja2.Environment:
    prefix = f"{language}/"
    own = {name.removeprefix(prefix): text for name, text in sources.items() if name.startswith(prefix)}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({name: text for name, text in own.items() if name.endswith(".txt")}),
        autoescape=False,  # noqa: S701  plain text: there is nothing to escape into
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters.update(_filters(words))
    environment.tests["problem"] = PROBLEMS.__contains__
    return environment


def _filters(words: Vocabulary) -> dict[str, Callable[..., object]]:
    return _filters_of_text(words) | _filters_of_tickets(words) | _filters_of_commands(words)


def _filters_of_text(words: Vocabulary) -> dict[str, Callable[..., object]]:
    return {
        "moment": jinja2.pass_context(partial(_local, words, words.moment)),
        "stamp": jinja2.pass_context(partial(_local, words, words.stamp)),
        "zone": jinja2.pass_context(partial(_local, words, "{zone}")),
        "month": lambda number: words.months[number - 1],
        "size": partial(size, words),
        "span": partial(_span, words),
        "beginning": lambda text, most: beginning(text, most, words.shortened),
        "oneline": oneline,
        "as_written": lambda text: text.strip("\n"),
        "quoted": quoted,
        "wrap": wrap,
        "name_only": name_only,
        "who": lambda author: name_only(author) or oneline(author, 120),
        "mailbox": mailbox,
    }


def _filters_of_tickets(words: Vocabulary) -> dict[str, Callable[..., object]]:
    return {
        "subject": lambda ticket, most: oneline(ticket.subject, most) or words.no_subject,
        "status": lambda status: words.status.get(status, oneline(status, 60)),
        "standing": jinja2.pass_context(partial(_standing, words)),
        "public_standing": partial(_public_standing, words),
        "holder": jinja2.pass_context(_holder),
        "level": jinja2.pass_context(_level),
        "category": jinja2.pass_context(_category),
        "work": jinja2.pass_context(_work),
        "outcome": lambda outcome: words.outcome[outcome],
        "channel": lambda channel: words.channel.get(channel, oneline(channel, 40)),
        "survey": lambda score: words.survey[str(score)],
        "kind": lambda kind: words.kind[kind],
        "waits_for_notice": jinja2.pass_context(
            lambda context, ticket: waits_for_notice(ticket, context["desk"])
        ),
    }


def _filters_of_commands(words: Vocabulary) -> dict[str, Callable[..., object]]:
    return {
        "commands": lambda names: [words.command[name] for name in names],
        "likely": jinja2.pass_context(partial(_likely, words)),
        "example": partial(_example, words),
        "field": lambda field: words.field.get(field, oneline(field, 60)),
    }


def _standing(words: Vocabulary, context: Context, ticket: Ticket) -> str:
    """Where a ticket stands, for staff: "Dieskalasi ke Teknisi", "Ditutup (digabungkan)"."""
    label = words.status[ticket.status]
    if ticket.outcome not in {None, Outcome.SOLVED}:
        return f"{label} ({words.outcome[ticket.outcome]})"
    if ticket.status not in {Status.NEW, Status.OPEN}:
        return label
    levels = context["desk"].levels
    level = levels[ticket.level] if 0 < ticket.level < len(levels) else None
    works = level is None or (level.replies == "public" and not level.external)
    if (
        ticket.started and works
    ):  # a head or an office outside does not work on it: there, who was asked counts
        return words.status["started"]
    return f"{words.status['escalated']} {level.name}" if level else label


def _public_standing(words: Vocabulary, ticket: Ticket) -> str:
    """The same for requesters: how far it is, and not who has it."""
    working = ticket.status in {Status.NEW, Status.OPEN}
    return words.public_status["started" if working and ticket.started else ticket.status]


def _holder(context: Context, ticket: Ticket) -> str:
    """The holder's name; the address of one who has left; "" while nobody has it."""
    staff = context["desk"].staff_by_address(ticket.holder) if ticket.holder else None
    return oneline(staff.name if staff else ticket.holder or "", 64)


def _level(context: Context, ticket: Ticket) -> str:
    """The name of the level that a ticket is at; "" when the settings no longer have it."""
    levels = context["desk"].levels
    return levels[ticket.level].name if ticket.level < len(levels) else ""


def _category(context: Context, ticket: Ticket) -> str:
    """The label of its category; the bare word when the settings no longer have it."""
    key = ticket.category or ""
    return oneline(context["desk"].categories.get(key, key), 60)


def _work(context: Context, ticket: Ticket) -> str:
    """The name of its kind of work; the bare code when the settings no longer have it."""
    work = context["desk"].work_of(ticket.work)
    return oneline(work.name if work else ticket.work or "", 120)


def _likely(words: Vocabulary, context: Context, ticket: Ticket) -> list[Usage]:
    letter: Letter = context["letter"]
    causes = [one.kind for one in letter.causes]
    names = likely(ticket, context["desk"], letter.notice, causes, public=letter.reply_is_public)
    return [words.command[name] for name in names]


def _example(words: Vocabulary, typed: str) -> str:
    """How a command line is written rightly; "" for a word that is no command."""
    word = _WORD.search(typed)
    command = WORDS.get(word[0].casefold()) if word else None
    return words.command[command].example.strip("\n") if command else ""


def _local(words: Vocabulary, form: str, context: Context, at: datetime) -> str:
    return moment(words, form, at, context["service"].timezone)


def _span(words: Vocabulary, span: Duration) -> str:
    """A duration of the settings in words: "30 hari kalender"."""
    amount, _, unit = str(span).partition(" ")
    return f"{amount} {words.unit[unit]}"


def _compiled(language: str, sources: Mapping[str, str], environment: jinja2.Environment) -> Iterator[str]:
    """Compile all of a language; the faults."""
    for name in environment.list_templates():
        try:
            environment.get_template(name)
        except jinja2.TemplateSyntaxError as error:
            yield f"templates/{language}/{name}, line {error.lineno}: {error.message}"
        else:
            yield from _unknown(language, name, sources[f"{language}/{name}"], environment)


def _unknown(language: str, name: str, source: str, environment: jinja2.Environment) -> Iterator[str]:
    """Names that no mail will bring: better found now than when somebody waits for an answer."""
    tree = environment.parse(source)
    for variable in sorted(jinja2.meta.find_undeclared_variables(tree) - _VARIABLES):
        known = ", ".join(sorted(_VARIABLES))
        yield f"templates/{language}/{name}: there is no {variable}; there are {known}"
