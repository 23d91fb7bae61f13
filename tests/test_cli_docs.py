"""Does the manual tell of everything that an admin can type?"""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from test_cli_settings import COMMANDS

from mailgate import settings

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(DOCS.parent.glob("*.md")) + sorted(DOCS.glob("*.md"))
TABLES: tuple[type[BaseModel], ...] = (
    settings.Service,
    settings.Limits,
    settings.Desk,
    settings.Imap,
    settings.Smtp,
    settings.Oauth,
    settings.Level,
    settings.Staff,
    settings.Work,
    settings.Hours,
    settings.RuleWhen,
    settings.RuleSet,
    settings.Escalation,
)


def told() -> str:
    return (DOCS / "operating.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_key_of_the_settings_is_in_the_manual(table: type[BaseModel]) -> None:
    days = {"tuesday", "wednesday", "thursday", "friday", "saturday"}  # `monday` … `sunday`
    inner = {
        "hours",
        "imap",
        "smtp",
        "oauth",
        "levels",
        "staff",
        "work",
        "rules",
        "escalations",
        "exceptions",
    }
    named = set(re.findall(r"`([a-z_]+)`", told()))
    assert set(table.model_fields) - days - inner - named == set()


def test_every_default_in_the_manual_is_the_one_that_counts() -> None:
    defaults: dict[str, set[str]] = {}
    for table in TABLES:
        for key, about in table.model_fields.items():
            defaults.setdefault(key, set()).add(_written(about.default))
    tables = told().partition("\n## Settings")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?: · )?)+) \| ([^|]+?) \|", tables, re.MULTILINE)
    compared = 0
    for names, values in rows:
        keys, said = re.findall(r"`([a-z_]+)`", names), values.replace("`", "").split(" · ")
        if len(keys) == len(said) and keys[0] in defaults:
            compared += len(keys)
            assert [
                (key, value) for key, value in zip(keys, said, strict=True) if value not in defaults[key]
            ] == []
    assert compared > 40


def _written(default: object) -> str:
    """As TOML has it, text without its marks."""
    empty = {"": '""', "()": "[]"}
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return empty.get(text, text)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_no_row_of_a_table_is_cut_off_from_it(page: Path) -> None:
    lines = ["", *page.read_text(encoding="utf-8").splitlines(), ""]
    begins = [
        at for at, line in enumerate(lines) if line.startswith("|") and not lines[at - 1].startswith("|")
    ]
    assert [lines[at] for at in begins if not lines[at + 1].startswith("|--")] == []


def test_every_module_has_its_place_in_the_plan_of_the_house() -> None:
    plan = (DOCS.parent / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## The house")[2]
    named = set(re.findall(r"\b([a-z0-9_]+\.py)", plan.partition("\n`*`")[0]))
    parts = [
        path
        for path in (DOCS.parent / "mailgate").rglob("*.py")
        if not {"migrations", "demo"} & set(path.parts)
    ]
    assert {path.name for path in parts} - {"__init__.py"} == named


@pytest.mark.parametrize(
    "name", ["imap", "smtp", "oauth", "levels", "staff", "work", "rules", "escalations", "hours"]
)
def test_every_table_of_a_desk_is_in_the_manual(name: str) -> None:
    assert re.search(rf"\[desks\.X\.{name}\]", told())


@pytest.mark.parametrize(
    "command",
    [one for one in COMMANDS if one not in {(), ("aside",), ("outbox",), ("blocked",), ("db",), ("rules",)}],
)
def test_every_command_is_in_the_manual(command: tuple[str]) -> None:
    assert re.search(rf"`{' '.join(command)}[ `]", told())


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_no_page_points_to_a_place_that_is_not_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        file, _, heading = target.partition("#")
        if file.startswith("http"):
            continue
        place = page.parent / file if file else page
        assert place.exists(), target
        if heading:
            lines = place.read_text(encoding="utf-8").splitlines()
            titles = [line.lstrip("# ") for line in lines if line.startswith("#")]
            assert heading in {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in titles}, (
                target
            )
