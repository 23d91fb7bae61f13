"""How does the service speak to its admin? One line for each mail and attempt, on stderr, for journald."""

import logging
import os
import re
import sys

_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Without terminal escapes, control characters and bidi overrides: mail may hold anything."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def escaped(text: str) -> str:
    """The same for JSON, which by itself leaves DEL, C1 and bidi characters as they are."""
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


class _Line(logging.Formatter):
    """A record on one line; a traceback follows as lines of its own with the same priority."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__("%(message)s" if journal else "%(asctime)s %(levelname)s %(message)s")
        self._journal = journal

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        """Words of a mail or a server begin no line of their own: it would look like one of ours."""
        return printable(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        text = "\n".join(printable(line) for line in super().format(record).splitlines())
        if not self._journal:
            return text
        mark = f"<{_PRIORITIES.get(record.levelno, 6)}>"  # sd-daemon(3)
        return "\n".join(mark + line for line in text.splitlines())


def start(level: str = "INFO") -> None:
    """Send everything to stderr; under systemd each line carries its priority."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(journal="JOURNAL_STREAM" in os.environ))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for chatty in ("imapclient", "aiosmtplib", "alembic", "mailparser", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
