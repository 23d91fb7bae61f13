"""On which days of a year will nobody be there?

The library `holidays` proposes and the operator decides. It is the extra `holidays`, asked only by those who
want a proposal: the service itself counts on nothing but the file.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING

from mailgate.errors import UsageError

if TYPE_CHECKING:
    from holidays import HolidayBase

_HEAD = """\
# Days on which nobody is there: {year}, for Indonesia.
#
# A proposal of the library holidays {version}. Compare every line with the Joint Decree of three ministers
# (SKB 3 Menteri) for {year} before it is used. Days marked "estimated" hang on the moon or on a decision that
# the library did not know. Add what is decided locally: a circular (surat edaran), polling days, local leave.
# The file that is in use needs the years before as well: copy these lines into its two tables.
"""
_NO_JOINT_LEAVE = "# The library knows no joint leave of {year}: it may not be decreed yet."


@dataclass(frozen=True, slots=True)
class _Holiday:
    name: str
    """All names of the day, in Indonesian."""
    estimated: bool
    """Whether the library says so of any of them."""


def proposed(year: int) -> str:
    """A holidays file for Indonesia, such as `settings.load_holidays` reads.

    UsageError when the library is not installed or knows nothing of that year.
    """
    # The library's categories: "public" are hari libur nasional, "government" is cuti bersama.
    national, leave = _indonesia(year, "public"), _indonesia(year, "government")
    if not national:
        raise UsageError(
            f"{year}: the library holidays {version('holidays')} knows no holidays of that year, only of"
            f" {national.start_year} to {national.end_year}: copy the days from the decree by hand"
        )
    return "\n".join(_file(year, _days(national), _days(leave)))


def _indonesia(year: int, category: str) -> "HolidayBase":
    try:
        import holidays
    except ModuleNotFoundError as error:
        raise UsageError(
            f"a proposed holidays file needs the extra `holidays` ({error.name} is missing):"
            " pip install 'mailgate[holidays]'"
        ) from error
    # Without a language it would follow the locale of the shell.
    return holidays.country_holidays("ID", years=year, categories=category, language="id")


def _days(known: "HolidayBase") -> dict[date, _Holiday]:
    mark = (known.estimated_label or "").removeprefix("%s")  # " (perkiraan)"
    return {day: _holiday(known.get_list(day), mark) for day in sorted(known)}


def _holiday(names: list[str], mark: str) -> _Holiday:
    estimated = bool(mark) and any(name.endswith(mark) for name in names)
    return _Holiday("; ".join(name.removesuffix(mark) for name in names), estimated)


def _file(year: int, public: Mapping[date, _Holiday], leave: Mapping[date, _Holiday]) -> Iterator[str]:
    yield _HEAD.format(year=year, version=version("holidays"))
    yield "[public]  # hari libur nasional"
    yield from _lines(public)
    yield ""
    yield "[joint_leave]  # cuti bersama"
    # A day that is both stands above: the file names every day once.
    yield from _lines({day: holiday for day, holiday in leave.items() if day not in public})
    if not leave:
        yield _NO_JOINT_LEAVE.format(year=year)
    yield ""


def _lines(days: Mapping[date, _Holiday]) -> Iterator[str]:
    for day, holiday in days.items():
        name = json.dumps(holiday.name, ensure_ascii=False)  # a JSON string is a TOML string
        yield f"{day} = {name}{'  # estimated' if holiday.estimated else ''}"
