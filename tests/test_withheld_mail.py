"""Does a mail that its server cannot give stop the others, and is it told?"""

from collections.abc import Iterator
from datetime import UTC

import pytest
from city import RINA
from evidence import rows
from indoors import Here, Indoors, indoors
from servers.fake_imap import FakeImap, Line, Script, _uids
from test_intake_mailbox import account

from mailgate.errors import TemporaryError
from mailgate.gateway import collecting
from mailgate.intake.imap import MOST_WITHHELD, Mailbox, RefusedError
from mailgate.store.database import Store

BROKEN = 3
HOW = {
    "no": "NO [SERVERBUG] Internal error occurred",
    "bad": "BAD Server Unavailable. 15",
    "nil": "* 3 FETCH (UID 3 BODY[] NIL RFC822.SIZE NIL)",
    "nothing": "",
}


@pytest.fixture
def city() -> Iterator[Indoors]:
    with indoors() as city:
        city.tables["desks"]["kominfo"]["imap"] |= {"start": "all"}
        yield city


def breaks(server: FakeImap, items: str, said: str, times: int = 60) -> None:
    """What the server says to whoever wants `items` of the broken mail."""

    def script(line: Line, command: str) -> bool:
        wanted = _uids(command.split()[2])
        if items not in command or BROKEN not in wanted:
            return False
        if said.startswith(("NO", "BAD")):
            line.done(said)
            return True
        for number, mail in enumerate(server.inbox.mails, start=1):
            if mail.uid in wanted and mail.uid != BROKEN:
                line.send(line.fetched(number, mail, command))
        if said:
            line.say(said)
        line.done()
        return True

    server.on("UID FETCH", *[script] * times)


def says(answer: str) -> Script:
    def script(line: Line, _: str) -> bool:
        line.done(answer)
        return True

    return script


def collected(city: Indoors, server: FakeImap, store: Store) -> None:
    mailbox = Mailbox(account(server.port))
    try:
        collecting.collect(city.office(), store, mailbox, Here(), "kominfo", lambda: city.now.astimezone(UTC))
    finally:
        mailbox.close()


@pytest.mark.parametrize("items", ["RFC822.SIZE", "BODY.PEEK[]"])
@pytest.mark.parametrize("how", HOW)
def test_a_mail_that_the_server_cannot_give_stops_no_other_and_is_told(
    city: Indoors, items: str, how: str
) -> None:
    with FakeImap() as server, city.store() as store:
        for number in range(1, 6):
            server.inbox.add(city.mail(text=f"Jaringan {number} mati.\n"))
        breaks(server, items, HOW[how])
        with pytest.raises(RefusedError, match=f"UID {BROKEN} of INBOX"):
            collected(city, server, store)
        assert [row.uid for row in rows(city, "SELECT uid FROM mail ORDER BY uid")] == [1, 2, 4, 5]
        assert len(city.sent(RINA)) >= 1
        assert [mail.uid for mail in server.inbox.mails] == [BROKEN]
        server._scripts.clear()
        collected(city, server, store)
        assert [mail.uid for mail in server.inbox.mails] == []
        assert len(rows(city, "SELECT uid FROM mail WHERE state = 'decided'")) == 5


def test_a_mail_that_comes_at_the_second_asking_is_no_trouble(city: Indoors) -> None:
    with FakeImap() as server, city.store() as store:
        for number in range(1, 6):
            server.inbox.add(city.mail(text=f"Jaringan {number} mati.\n"))
        breaks(server, "BODY.PEEK[]", "", times=2)
        collected(city, server, store)
        assert len(rows(city, "SELECT uid FROM mail WHERE state = 'decided'")) == 5


def test_a_server_that_gives_no_mail_at_all_is_not_asked_for_each_of_thousands(city: Indoors) -> None:
    with FakeImap() as server, city.store() as store:
        for _ in range(500):
            server.inbox.add(city.mail())
        server.on("UID FETCH", *[says("NO [SERVERBUG] x")] * 2000)
        with pytest.raises(TemporaryError):
            collected(city, server, store)
        assert len(server.asked("UID FETCH")) < 10 * MOST_WITHHELD


def test_a_server_that_is_busy_is_asked_once(city: Indoors) -> None:
    with FakeImap() as server, city.store() as store:
        server.inbox.add(city.mail())
        server.inbox.add(city.mail(text="dua"))
        server.on("UID FETCH", says("NO [UNAVAILABLE] later"))
        with pytest.raises(TemporaryError, match="UNAVAILABLE"):
            collected(city, server, store)
        assert len(server.asked("UID FETCH")) == 1
