"""Can a proposed holidays file be trusted as far as it says, and not further?"""

import sys
import tomllib
from datetime import date
from importlib.metadata import version
from pathlib import Path

import holidays
import pytest

from mailgate.errors import UsageError
from mailgate.holiday_file import proposed
from mailgate.settings import load_holidays, shipped


def days_in(text: str) -> dict[str, set[str]]:
    return {kind: set(table) for kind, table in tomllib.loads(text).items()}


def line_of(day: str, text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"{day} = "))


class Library(dict[date, str]):
    """Says what the library might say one day."""

    estimated_label = "%s (perkiraan)"

    def get_list(self, day: date) -> list[str]:
        return self[day].split("; ")


def says(monkeypatch: pytest.MonkeyPatch, **categories: dict[date, str]) -> None:
    def country_holidays(_: str, **asked: str) -> Library:
        return Library(categories.get(asked["categories"], {}))

    monkeypatch.setattr(holidays, "country_holidays", country_holidays)


def test_the_proposal_for_2026_has_every_decreed_day_in_its_table_and_no_other() -> None:
    decreed = shipped("holidays.toml").read_text(encoding="utf-8")
    assert days_in(proposed(2026)) == days_in(decreed)


@pytest.mark.parametrize("year", [1946, 2002, 2020, 2026, 2027, 2034, 2041, 2100])
def test_a_proposed_file_can_be_used_as_it_is(year: int, tmp_path: Path) -> None:
    path = tmp_path / "holidays.toml"
    path.write_text(proposed(year), encoding="utf-8")
    read = load_holidays(path)
    assert read[date(year, 8, 17)]
    assert {day.year for day in read} == {year}


def test_a_day_that_hangs_on_the_moon_is_marked_and_a_fixed_one_is_not() -> None:
    text = proposed(2040)
    estimated = [line for line in text.splitlines() if line.endswith("  # estimated")]
    assert any('"Hari Raya Idul Fitri"' in line for line in estimated)
    assert line_of("2040-08-17", text) == '2040-08-17 = "Hari Kemerdekaan Republik Indonesia"'
    assert "perkiraan" not in text


def test_a_day_with_two_reasons_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, public={date(2034, 6, 1): "Hari Lahir Pancasila; Hari Raya Waisak (perkiraan)"})
    line = '2034-06-01 = "Hari Lahir Pancasila; Hari Raya Waisak"  # estimated'
    assert line_of("2034-06-01", proposed(2034)) == line


def test_a_day_that_is_both_public_and_joint_leave_does_not_spoil_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    natal, eve = date(2030, 12, 25), date(2030, 12, 24)
    leave = {natal: "Cuti Bersama", eve: "Cuti Bersama"}
    says(monkeypatch, public={natal: "Hari Raya Natal"}, government=leave)
    assert days_in(proposed(2030)) == {"public": {"2030-12-25"}, "joint_leave": {"2030-12-24"}}


def test_a_name_with_quotes_does_not_spoil_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, public={date(2030, 1, 1): 'Hari "Besar" Jum\u2019at \\ Nuzululqur\'an'})
    read = tomllib.loads(proposed(2030))["public"]["2030-01-01"]
    assert read == 'Hari "Besar" Jum\u2019at \\ Nuzululqur\'an'


def test_days_stand_in_the_order_in_which_the_decree_has_them() -> None:
    for table in tomllib.loads(proposed(2027)).values():
        assert list(table) == sorted(table)


def test_a_year_whose_joint_leave_is_not_decreed_does_not_look_as_if_it_had_none() -> None:
    assert "no joint leave of 2040: it may not be decreed yet" in proposed(2040)
    assert "no joint leave" not in proposed(2026)


def test_nobody_takes_the_proposal_for_the_decree() -> None:
    head = proposed(2027).partition("[public]")[0]
    assert all(line.startswith("#") for line in head.splitlines() if line)
    for word in ("2027", "proposal", f"holidays {version('holidays')}", "SKB 3 Menteri", "years before"):
        assert word in head


@pytest.mark.parametrize("language", ["en_US", "C"])
def test_the_names_are_indonesian_on_an_english_machine_as_well(
    monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LANG"):
        monkeypatch.setenv(name, language)
    assert "Hari Lahir Pancasila" in proposed(2027)


@pytest.mark.parametrize("year", [-1, 0, 1945, 9999, 10_000])
def test_a_year_that_the_library_does_not_know_is_not_a_year_without_holidays(year: int) -> None:
    with pytest.raises(UsageError, match=rf"^{year}: the library holidays .* only of 1946 to \d+: copy"):
        proposed(year)


def test_who_has_not_installed_the_library_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(UsageError, match=r"pip install 'mailgate\[holidays\]'"):
        proposed(2027)
