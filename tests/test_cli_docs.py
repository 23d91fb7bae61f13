"""Does the manual tell of everything that an admin can type?"""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from test_cli_settings import COMMANDS

from mailgate import settings

DOCS = Path(__file__).parent.parent / "docs"
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


@pytest.mark.parametrize(
    "page", sorted(DOCS.parent.glob("*.md")) + sorted(DOCS.glob("*.md")), ids=lambda p: p.name
)
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
