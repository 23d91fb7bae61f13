"""Do the walls stand? The import rule of ARCHITECTURE.md, read from the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mailgate

ROOT = Path(mailgate.__file__).parent
SOURCES = {
    ".".join(("mailgate", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
    if "shipped" not in path.parts
}

# What thinks: values in, values out.
PURE = {
    "mailgate.message": "a whole package …",
    "mailgate.desk": "",
    "mailgate.compose": "",
    "mailgate.report.figures": "",
    "mailgate.intake.cursor": "",
    "mailgate.outbox.allowance": "",
    "mailgate.outbox.retry": "",
}
IMPURE_AMONG_THEM = {"mailgate.message.worker": "… but for the process that reads"}

# What touches the world. An edge knows the core's values and never another edge.
EDGES = {
    "mailgate.store": "store",
    "mailgate.intake.imap": "intake",
    "mailgate.outbox.smtp": "outbox",
    "mailgate.message.worker": "worker",
    "mailgate.sources": "sources",
    "mailgate.oauth": "oauth",
    "mailgate.alarm": "alarm",
}
STATIONS = ("mailgate.errors", "mailgate.settings", "mailgate.message", "mailgate.desk", "mailgate.compose")
"""The mail's way: each may import those before it."""

KNOW_SEVERAL = frozenset(
    f"mailgate.{name}"
    for name in ("gateway", "service", "cli", "check", "authorizing", "views", "reading", "metrics")
)
PACKAGES = frozenset(
    f"mailgate.{name}"
    for name in ("gateway", "intake", "message", "desk", "compose", "oauth", "outbox", "store", "report")
)

OWNERS = {
    "sqlalchemy": "mailgate.store",
    "alembic": "mailgate.store",
    "psycopg": "mailgate.store",
    "sqlite3": "mailgate.store",
    "imapclient": "mailgate.intake",
    "imaplib": "mailgate.intake",
    "aiosmtplib": "mailgate.outbox",
    "smtplib": "mailgate.outbox",
    "jinja2": "mailgate.compose",
    "mailparser": "mailgate.message",
    "inscriptis": "mailgate.message",
    "typer": "mailgate.cli",
    "pydantic": "mailgate.settings",
    "holidays": "mailgate.holiday_file",
    "prometheus_client": "mailgate.metrics",
}
# fmt: off
THE_WORLD = frozenset((
    "aiosmtplib", "alembic", "asyncio", "concurrent", "fcntl", "http", "imapclient", "imaplib", "io",
    "logging", "multiprocessing", "os", "pathlib", "prometheus_client", "psycopg", "random", "requests",
    "resource", "secrets", "select", "shutil", "signal", "smtplib", "socket", "sqlalchemy", "sqlite3",
    "ssl", "subprocess", "sys", "tempfile", "threading", "time", "typer", "urllib.request", "uuid",
))
# fmt: on
CLOCKS = frozenset({"now", "utcnow", "today", "localtime", "time_ns", "monotonic", "perf_counter"})
DOORS = frozenset({"open", "print", "input", "exec", "eval"})


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def is_pure(module: str) -> bool:
    return any(is_in(module, one) for one in PURE) and module not in IMPURE_AMONG_THEM


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in it, also inside functions; not for types alone."""
    for node in _run(tree):
        match node:
            case ast.Import(names):
                yield from (one.name for one in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                # `from mailgate.store import mails` names a module, `from mailgate.errors import X` does not
                whole = [f"{module}.{one.name}" for one in names]
                yield from (one if one in SOURCES else module for one in whole)
            case ast.ImportFrom(level=level) if level:
                yield "relative"


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING:`, which never run."""
    for child in ast.iter_child_nodes(tree):
        match child:
            case ast.If(test=ast.Name("TYPE_CHECKING")):
                yield from (node for other in child.orelse for node in _run(other))
            case _:
                yield child
                yield from _run(child)


def faults(module: str, source: str) -> list[str]:
    """What a module does that the rule forbids, one line each."""
    tree = ast.parse(source)
    found = list(dict.fromkeys(imports(tree)))
    return [
        *(f"{module}: relative import" for one in found if one == "relative"),
        *(f"{module} imports {one}" for one in found if _against_the_way(module, one)),
        *(f"{module} (an edge) imports {one} (another)" for one in found if _another_edge(module, one)),
        *(f"{module} imports {one}, which {_owner(one)} owns" for one in found if _owned(module, one)),
        *(f"{module} knows the package of {one}" for one in found if _reaches_out(module, one)),
        *(_impurities(module, tree, found) if is_pure(module) else ()),
    ]


def _against_the_way(module: str, imported: str) -> bool:
    def station(name: str) -> int | None:
        return next((at for at, one in enumerate(STATIONS) if is_in(name, one)), None)

    here, there = station(module), station(imported)
    return here is not None and there is not None and there > here


def _edge(module: str) -> str | None:
    return next((name for package, name in EDGES.items() if is_in(module, package)), None)


def _another_edge(module: str, imported: str) -> bool:
    mine, other = _edge(module), _edge(imported)
    return mine is not None and other is not None and mine != other


def is_demo(module: str) -> bool:
    """The demo plays the world around mailgate: its people have mail clients of their own."""
    return is_in(module, "mailgate.demo")


def _owner(imported: str) -> str | None:
    return next((owner for library, owner in OWNERS.items() if is_in(imported, library)), None)


def _owned(module: str, imported: str) -> bool:
    owner = _owner(imported)
    return owner is not None and not is_in(module, owner) and not is_demo(module)


def _package(module: str) -> str | None:
    return next((one for one in PACKAGES if is_in(module, one)), None)


def _reaches_out(module: str, imported: str) -> bool:
    """Neither a gateway, nor a package along the mail's way, nor an edge that knows the core's values."""
    there = _package(imported)
    if is_demo(imported):
        return not is_demo(module) and module != "mailgate.cli"
    if is_demo(module):
        return False
    if there is None or there == _package(module) or any(is_in(module, one) for one in KNOW_SEVERAL):
        return False
    if _edge(module) is not None:
        return not is_pure(imported)
    return not any(is_in(module, one) for one in STATIONS) or there not in STATIONS


def _impurities(module: str, tree: ast.AST, found: list[str]) -> Iterator[str]:
    for one in found:
        if any(is_in(one, world) for world in THE_WORLD):
            yield f"{module} thinks, and imports {one}"
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
                yield f"{module}:{node.lineno} thinks, and asks the clock: {name}()"
            case ast.Call(func=ast.Name(name)) if name in DOORS:
                yield f"{module}:{node.lineno} thinks, and calls {name}()"


@pytest.mark.parametrize("module", SOURCES)
def test_a_part_cannot_be_changed_or_tested_alone_once_it_reaches_through_a_wall(module: str) -> None:
    assert faults(module, SOURCES[module].read_text(encoding="utf-8")) == []


def test_every_package_of_the_house_is_looked_at() -> None:
    assert {f"mailgate.{path.name}" for path in ROOT.iterdir() if (path / "__init__.py").exists()} <= {
        *PACKAGES,
        "mailgate.demo",
    }
    assert len(SOURCES) > 30


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("mailgate.desk.x", "from mailgate.compose import render", "imports mailgate.compose.render"),
        ("mailgate.message.x", "from mailgate.desk import ticket", "imports mailgate.desk.ticket"),
        ("mailgate.settings", "import mailgate.message.message", "imports mailgate.message.message"),
        ("mailgate.desk.x", "def f():\n    from mailgate.store import mails", "knows the package of"),
        ("mailgate.gateway", "import mailgate.demo", "knows the package of mailgate.demo"),
        ("mailgate.notify", "from mailgate.store import mails", "knows the package of"),
        ("mailgate.store.x", "from mailgate.intake import imap", "(an edge) imports"),
        ("mailgate.intake.x", "from mailgate.outbox.smtp import Session", "knows the package of"),
        ("mailgate.outbox.smtp", "from mailgate.store.database import Store", "(an edge) imports"),
        ("mailgate.gateway", "import sqlalchemy.exc", "which mailgate.store owns"),
        ("mailgate.service", "import imaplib", "which mailgate.intake owns"),
        ("mailgate.check", "import typer", "which mailgate.cli owns"),
        ("mailgate.desk.x", "import random", "thinks, and imports random"),
        ("mailgate.outbox.retry", "import asyncio.locks", "thinks, and imports asyncio.locks"),
        ("mailgate.compose.x", "from pathlib import Path", "thinks, and imports pathlib"),
        ("mailgate.desk.x", "moment = datetime.now(UTC)", "asks the clock"),
        ("mailgate.intake.cursor", "day = date.today()", "asks the clock"),
        ("mailgate.message.x", "text = open('x').read()", "calls open()"),
        ("mailgate.desk.x", "from . import ticket", "relative import"),
    ],
)
def test_a_hole_in_a_wall_is_seen(module: str, source: str, fault: str) -> None:
    assert any(fault in one for one in faults(module, source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("mailgate.gateway", "from mailgate.store import mails\nfrom mailgate.intake.imap import Mailbox"),
        (
            "mailgate.store.x",
            "import mailgate.desk.ticket\nfrom mailgate.intake.cursor import Folder",
        ),
        ("mailgate.compose.x", "from mailgate.desk.ticket import Ticket\nimport jinja2"),
        ("mailgate.message.worker", "import subprocess, os, time"),
        ("mailgate.desk.x", "if TYPE_CHECKING:\n    import asyncio"),
        ("mailgate.desk.x", "from urllib.parse import quote"),
    ],
)
def test_what_the_rule_allows_is_no_fault(module: str, source: str) -> None:
    assert faults(module, source) == []
