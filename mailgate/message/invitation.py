"""Which appointment does a mail speak of? (RFC 5545, RFC 5546)"""

import re
from collections.abc import Iterator

from mailgate.message.message import Invitation
from mailgate.message.text import line, lines

_MAX_CHARACTERS = 200_000
_MAX_ROW = 25_000
_MAX_DESCRIPTION = 20_000
_FOLD = re.compile(r"\n[ \t]")
_ESCAPED = re.compile(r"\\([\\;,nN])")
_PROPERTY = re.compile(r"([A-Za-z-]{1,40})((?:[^:\"]|\"[^\"]*\")*+):(.*)", re.DOTALL)
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?")
_ZONE = re.compile(r";TZID=\"?([^\";:]{1,80})", re.IGNORECASE)


def invitation(text: str) -> Invitation | None:
    """The first event or task of a calendar; None when there is none."""
    rows = _FOLD.sub("", lines(text[:_MAX_CHARACTERS])).split("\n")
    said: dict[str, str] = {}
    method, inside = "", False
    for row in rows:
        match row.strip().upper():
            case "BEGIN:VEVENT" | "BEGIN:VTODO":
                inside = True
            case "END:VEVENT" | "END:VTODO":
                return _of(method, said)
            case _ if row.upper().startswith("METHOD:"):
                method = line(row[7:]).lower()[:40]
            case _ if inside:
                for name, value in _property(row):
                    said.setdefault(name, value)
    return None


def _property(row: str) -> Iterator[tuple[str, str]]:
    if found := _PROPERTY.match(row[:_MAX_ROW]):
        name, parameters, value = found[1].upper(), found[2], found[3]
        match name:
            case "DTSTART" | "DTEND" | "DUE":
                yield name, _moment(value, parameters)
            case "SUMMARY" | "LOCATION" | "DESCRIPTION" | "ORGANIZER":
                yield name, _ESCAPED.sub(lambda one: "\n" if one[1] in "nN" else one[1], value)


def _moment(value: str, parameters: str) -> str:
    """2026-08-03, or 2026-08-03 09:00 with the zone as it is named there."""
    if not (found := _MOMENT.match(value)):
        return line(value)[:40]
    year, month, day, hour, minute, utc = found.groups()
    if hour is None:
        return f"{year}-{month}-{day}"
    zone = _ZONE.search(parameters)
    name = "UTC" if utc else zone[1] if zone else ""
    return line(f"{year}-{month}-{day} {hour}:{minute} {name}")


def _of(method: str, said: dict[str, str]) -> Invitation:
    organizer = said.get("ORGANIZER", "")
    return Invitation(
        method=method,
        summary=line(said.get("SUMMARY", "")),
        start=said.get("DTSTART", ""),
        end=said.get("DTEND", "") or said.get("DUE", ""),
        location=line(said.get("LOCATION", "")),
        organizer=line(organizer[7:] if organizer.lower().startswith("mailto:") else organizer),
        description=said.get("DESCRIPTION", "").strip()[:_MAX_DESCRIPTION],
    )


def told(one: Invitation) -> str:
    """The same as text: only what the calendar says, in no language."""
    when = " – ".join(filter(None, (one.start, one.end)))
    head = [one.summary, when, one.location, one.organizer]
    return "\n".join(filter(None, head)) + (f"\n\n{one.description}" if one.description else "")
