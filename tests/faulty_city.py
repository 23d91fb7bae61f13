"""Is every mail accounted for, whatever broke on the way? One desk behind proxies, and its books.

One desk, one mailbox, one submission server for all tests of a module: each gets them empty.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest
from city import ADMIN, MONDAY, City, parsed, tables
from evidence import FOLDERS, rows
from indoors import Here, _empty
from servers.dovecot import Dovecot
from servers.proxy import Proxy, Speaks
from servers.sink import Sink

from mailgate import service

WAITS = timedelta(hours=5)
"""Longer than the longest pause before a deferred mail is tried again."""
USERS = {"desk": "rahasia"}


class HereReader(Here):
    def close(self) -> None:
        pass


@dataclass
class FaultyCity:
    """A City whose servers stand behind proxies."""

    city: City
    imap: Proxy
    smtp: Proxy
    renew: Callable[[], object]
    """Puts an empty database in the place of the one there is."""
    posted: list[str] = field(default_factory=list)
    """Authors, one mail each, in the order of arrival."""

    @property
    def user(self) -> str:
        return self.city.users["kominfo"]

    def empty(self) -> None:
        """As on the first day: no mail, no ticket, no fault."""
        self.posted.clear()
        self.city.now = MONDAY
        self.city.sink.clear()
        self.renew()
        self._empty_mailbox()
        self.imap.heal()
        self.smtp.heal()

    def _empty_mailbox(self) -> None:
        with self.city.dovecot.session(self.user) as client:
            client.select_folder("INBOX")
            client.delete_messages(client.search("ALL"))
            client.expunge()
            for name in FOLDERS[1:]:
                if client.folder_exists(name):
                    client.delete_folder(name)

    def post(self, *names: str) -> None:
        """A mail of each into the INBOX."""
        authors = [f"{name} <{name.lower()}@warga.example>" for name in names]
        self.posted += authors
        self.city.receive_all(
            [self.city.mail(author, f"Jaringan {author} mati.\n", f"laporan {author}") for author in authors]
        )

    def run(self) -> int:
        """`mailgate run --once`; its exit code."""
        return self.city.run()

    def settle(self) -> None:
        """The fault has passed, hours too, and the next mail comes: nothing may be left to do."""
        self.imap.heal()
        self.smtp.heal()
        self.city.now += WAITS
        self.post("Berikut")
        assert self.run() == 0

    # the books

    def assert_accounted(self, *, copies: int = 1, extra: int = 0) -> None:
        """Every mail is in one state, in one folder, on one ticket, and has one answer.

        `copies`: so often one and the same mail may have come out; `extra`: mails that tell of trouble.
        """
        authors = sorted(self.posted)
        assert self._decided() == [(author, "decided", True) for author in authors]
        assert self.folders() == [[], authors, []]
        found = rows(self.city, "SELECT requester_address, COUNT(*) FROM ticket GROUP BY 1 ORDER BY 1")
        assert [tuple(row) for row in found] == [(_bare(author), 1) for author in authors]
        states = Counter(row.state for row in rows(self.city, "SELECT state FROM outbox"))
        assert states == {"sent": 2 * len(authors) + extra}
        self._assert_answered(authors, copies, extra)

    def _decided(self) -> list[tuple[str, str, bool]]:
        found = rows(
            self.city,
            "SELECT author, state, acknowledged_at FROM mail JOIN raw ON mail_id = id ORDER BY author",
        )
        assert len(found) == len(rows(self.city, "SELECT id FROM mail"))
        return [(row.author, row.state, row.acknowledged_at is not None) for row in found]

    def folders(self) -> list[list[str]]:
        """Who wrote the mails in INBOX, among the processed ones, and among those set aside."""
        return [
            sorted(str(parsed(raw)["From"]) for raw in self.city.dovecot.messages(self.user, name))
            for name in FOLDERS
        ]

    def _assert_answered(self, authors: list[str], copies: int, extra: int) -> None:
        for author in authors:
            _assert_once(self.city.sent(author), copies)
        to_admin = self.city.sent(ADMIN)
        assert len({mail["Message-ID"] for mail in to_admin}) == len(authors) + extra
        assert max(Counter(mail["Message-ID"] for mail in to_admin).values()) <= copies


def _assert_once(mails: list[EmailMessage], copies: int) -> None:
    assert len({mail["Message-ID"] for mail in mails}) == 1
    assert 1 <= len(mails) <= copies


def _bare(author: str) -> str:
    return author.partition("<")[2].rstrip(">")


def empty_file(base: Path) -> None:
    for path in base.glob("mailgate.db*"):
        path.unlink()
    (base / "mailgate.db").write_bytes(_empty())


@contextmanager
def faulty_city(
    base: Path, dovecot: Dovecot, database: str = "", renew: Callable[[], object] | None = None
) -> Iterator[FaultyCity]:
    """Everything that takes long: once for a module. Without `database` on SQLite."""
    wanted = tables(base, database or f"sqlite:///{base / 'mailgate.db'}")
    del wanted["desks"]["lpse"]
    with (
        Sink(users=USERS) as sink,
        Proxy(dovecot.port, Speaks.IMAP) as imap,
        Proxy(sink.port, Speaks.SMTP) as smtp,
    ):
        secret = base / "smtp"
        secret.write_text(USERS["desk"])
        secret.chmod(0o600)
        wanted["desks"]["kominfo"]["imap"] = {"port": imap.port}
        wanted["desks"]["kominfo"]["smtp"] = {"port": smtp.port, "user": "desk", "password": f"file:{secret}"}
        city = City(base, wanted, dovecot, sink, {"kominfo": dovecot.new_user()})
        yield FaultyCity(city, imap, smtp, renew or partial(empty_file, base))


@contextmanager
def clear_lines(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No trouble of a server may look like a fault of ours: a line, never a traceback."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(service, "reader", lambda _office: HereReader())  # half a second for each run
        with caplog.at_level(logging.WARNING, "mailgate"):
            yield
    assert [one.getMessage() for one in caplog.records if one.exc_info] == []


def troubles(caplog: pytest.LogCaptureFixture) -> str:
    """What an admin finds in the journal."""
    return "\n".join(one.getMessage() for one in caplog.records)
