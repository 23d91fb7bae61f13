"""What does somebody see who watches the demo, or who only wants to know whether it works?"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from typing import Protocol

from rich.console import Console, Group
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from mailgate.demo.people import body
from mailgate.logs import printable

WIDTH = 80
PAUSE_SECONDS = 1.2


class Screen(Protocol):
    """Who is told of the story."""

    def scene(self, title: str, at: datetime, text: str) -> None:
        """The next scene begins; `at` is local."""

    def mail(self, caption: str, mail: EmailMessage) -> None:
        """Somebody sent or received this."""

    def proven(self, facts: Sequence[str]) -> None:
        """The scene came out as it should."""


@dataclass(slots=True)
class Watched:
    """For people: every mail as its reader sees it, and why it came."""

    console: Console
    _number: int = 0

    def scene(self, title: str, at: datetime, text: str) -> None:
        if self._number and self.console.is_terminal:
            time.sleep(PAUSE_SECONDS)  # for the reader; nothing waits for anything here
        self._number += 1
        self.console.print()
        heading = Text(f"{self._number}  {title} · {at:%a %d %b, %H.%M}", style="bold")
        self.console.print(Rule(heading, align="left", characters="─", style="cyan"))
        self.console.print(Text(text))

    def mail(self, caption: str, mail: EmailMessage) -> None:
        head = Table.grid(padding=(0, 1))
        for name in ("From", "To", "Subject"):
            text = Text(printable(str(mail[name])), style="bold" if name == "Subject" else "")
            head.add_row(Text(f"{name:<7}", style="dim"), text)
        words = Text("\n").join(_styled(line) for line in ("", *_shortened(body(mail))))
        width = min(WIDTH, self.console.width)
        self.console.print(Panel(Group(head, words), title=Text(caption), title_align="left", width=width))

    def proven(self, facts: Sequence[str]) -> None:
        for fact in facts:
            self.console.print(Text("✓ ", style="green") + Text(fact, style="dim"))


@dataclass(slots=True)
class Checked:
    """For machines: a line for each scene."""

    _title: str = ""
    _began: float = field(default_factory=time.monotonic)

    def scene(self, title: str, at: datetime, text: str) -> None:  # noqa: ARG002  # told by others
        self._title = title

    def mail(self, caption: str, mail: EmailMessage) -> None:
        pass

    def proven(self, facts: Sequence[str]) -> None:
        took = time.monotonic() - self._began
        self._began = time.monotonic()
        print(f"ok  {took:4.1f} s  {self._title}: {'; '.join(facts)}", flush=True)


def _shortened(text: str) -> Iterator[str]:
    """A quoted mail below somebody's words, in a line."""
    lines = text.strip("\n").split("\n")
    quoted = next((at for at, line in enumerate(lines) if line.endswith(" menulis:")), len(lines))
    yield from map(printable, lines[:quoted])
    if quoted < len(lines):
        yield f"> [{len(lines) - quoted} more lines: the mail being answered, quoted by the mail client]"


def _styled(line: str) -> Text:
    if line.startswith(">"):
        return Text(line, style="dim")
    return Text(line, style="bold magenta" if line.startswith("#") else "")
