"""Does an admin learn before the first complaint whether a desk's mail arrives, and with its Message-ID?"""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from city import RINA, City, parsed
from cli_cast import only_levels_with_staff, write_holidays
from evidence import folders, mailgate, rows, tickets, why
from servers import private
from servers.sink import Received, Stage
from test_alarm import running

from mailgate.check import findings
from mailgate.gateway.round_trip import Patience
from mailgate.store.database import require_current

Verdict = tuple[str, str]
"""With the words."""
QUICK = 0.3
"""Seconds that are waited for a mail that does not come."""
ALIEN = "<rewritten.77@relay.example>"


def checked(city: City, seconds: float = private.PATIENCE) -> Verdict | None:
    """What was found of KOMINFO's test mail; None where none was sent."""
    patience = Patience(seconds, lambda _: None)
    for one in findings(city.office(), offline=False, today=city.now.date(), send_test=patience):
        if one.what == "kominfo send-test":
            return one.verdict.value, one.text
    return None


def asked(city: City, *options: str) -> tuple[int, dict[str, Verdict]]:
    """The same by the command, of each desk, with its exit status."""
    done: subprocess.CompletedProcess[str] = mailgate(city, "check", "--send-test", "--json", *options)
    found = {row["what"]: (row["verdict"], row["text"]) for row in json.loads(done.stdout)}
    return done.returncode, {what: one for what, one in found.items() if what.endswith("send-test")}


def ready(city: City) -> City:
    """Settings of which `check` has nothing to say, and a database."""
    write_holidays(city.base)
    only_levels_with_staff(city.tables)
    with city.store() as store:
        require_current(store)
    return city


@pytest.fixture
def one_desk(quick_city: City) -> City:
    """Its mail goes to the sink, which brings it where a test says."""
    city = ready(quick_city)
    del city.tables["desks"]["lpse"]
    return city


@contextmanager
def relay(city: City, carry: Callable[[Received], None]) -> Iterator[None]:
    """Carries the first mail that comes to the sink, before it says yes: then whoever waits begins to."""
    yes = city.sink.rule(Stage.DOT, hang=True, recorded=True, times=1)

    def work() -> None:
        try:
            carry(city.sink.wait_for(1)[0])
        finally:
            yes.release()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def into(city: City, folder: str = "INBOX", message_id: str | None = None) -> Callable[[Received], None]:
    def carry(one: Received) -> None:
        mail = parsed(one.data)
        if message_id is not None:
            mail.replace_header("Message-ID", message_id)
        city.dovecot.append(city.users["kominfo"], mail.as_bytes(), folder)

    return carry


def nothing_came_of_it(city: City) -> None:
    """No ticket, nobody written to, nothing left in the INBOX or set aside."""
    assert city.run() == 0
    assert tickets(city) == []
    assert [row.template for row in rows(city, "SELECT template FROM outbox")] == ["canary"] * len(city.users)
    for desk in city.tables["desks"]:
        assert folders(city, desk) == [0, 1, 0]


def test_both_desks_hear_that_their_mail_comes_back_as_it_left_and_other_mail_stays_where_it_is(
    town: City,
) -> None:
    ready(town).receive(town.mail(RINA))
    status, found = asked(town)
    assert status == 0
    assert list(found) == ["kominfo send-test", "lpse send-test"]
    for verdict, text in found.values():
        assert verdict == "ok"
        assert text.endswith("with our Message-ID")
    assert folders(town) == [1, 1, 0]
    assert town.sink.received == []


def test_a_service_that_runs_meanwhile_files_the_mail_and_nobody_is_disturbed(town: City) -> None:
    with ready(town).store() as store, running(town, store):
        status, found = asked(town)
    assert (status, {verdict for verdict, _ in found.values()}) == (0, {"ok"})
    nothing_came_of_it(town)


def test_a_mail_that_the_service_has_moved_already_is_found_all_the_same(one_desk: City) -> None:
    with relay(one_desk, into(one_desk, "Mailgate/Diproses")):
        found = checked(one_desk)
    assert found is not None
    assert found[0] == "ok"


def test_a_relay_that_writes_its_own_message_id_is_found_before_an_answer_goes_astray(one_desk: City) -> None:
    with relay(one_desk, into(one_desk, message_id=ALIEN)):
        status, found = asked(one_desk)
    verdict, text = found["kominfo send-test"]
    assert (status, verdict) == (0, "warn")  # it works, after all
    assert ALIEN.strip("<>") in text
    assert "Ref line" in text
    assert folders(one_desk) == [0, 1, 0]


@pytest.mark.parametrize("message_id", [None, ALIEN])
def test_one_that_comes_when_nobody_waits_any_more_opens_no_ticket(
    one_desk: City, message_id: str | None
) -> None:
    found = checked(one_desk, QUICK)
    assert found is not None
    assert found[0] == "FAIL"
    (late,) = one_desk.sink.received
    assert str(parsed(late.data)["Message-ID"]).strip("<>") in found[1]
    into(one_desk, message_id=message_id)(late)
    assert one_desk.run() == 0
    (filed,) = why(one_desk, "1")
    assert (filed["handling"], filed["reason"], filed["outgoing"]) == ("filed", "the canary came back", [])
    assert tickets(one_desk) == []
    assert folders(one_desk) == [0, 1, 0]


def test_one_that_is_taken_for_junk_is_found_there(one_desk: City) -> None:
    one_desk.tables["desks"]["kominfo"]["imap"]["junk"] = "Junk"
    with relay(one_desk, into(one_desk, "Junk")):
        found = checked(one_desk, QUICK)
    assert found is not None
    assert found[0] == "FAIL"
    assert "it went to Junk" in found[1]


def test_a_copy_of_what_was_sent_is_no_proof_that_mail_arrives(one_desk: City) -> None:
    with relay(one_desk, into(one_desk, "Sent")):
        found = checked(one_desk, QUICK)
    assert found is not None
    assert found[0] == "FAIL"


def test_a_stranger_who_copies_it_is_not_taken_for_it(one_desk: City) -> None:
    def forged(one: Received) -> None:
        mail = parsed(one.data)
        mail.replace_header("From", RINA)
        one_desk.dovecot.append(one_desk.users["kominfo"], mail.as_bytes())

    with relay(one_desk, forged):
        found = checked(one_desk, QUICK)
    assert found is not None
    assert found[0] == "FAIL"
    assert folders(one_desk) == [1, 0, 0]


def test_a_refusal_is_told_in_the_words_of_the_server_and_not_waited_for(one_desk: City) -> None:
    one_desk.sink.rule(Stage.RCPT, code=550, text="5.7.1 not from you")
    status, found = asked(one_desk, "--wait", "3600")
    assert status == 1
    assert "550 5.7.1 not from you" in found["kominfo send-test"][1]
    assert [row.state for row in rows(one_desk, "SELECT state FROM outbox")] == ["cancelled"]
    assert one_desk.run() == 0
    assert one_desk.sink.received == []


def test_before_the_first_run_it_works_without_a_database_and_makes_none(one_desk: City) -> None:
    (one_desk.base / "mailgate.db").unlink()
    with relay(one_desk, into(one_desk)):
        found = checked(one_desk)
    assert found is not None
    assert found[0] == "ok"
    assert not (one_desk.base / "mailgate.db").exists()
    assert folders(one_desk) == [0, 1, 0]  # else the first run would open a ticket for it


def test_where_a_login_fails_nothing_is_sent(one_desk: City) -> None:
    (one_desk.base / "secret").write_text("tebakan")
    assert checked(one_desk) is None
    assert one_desk.sink.received == []


def test_offline_nothing_can_be_sent(one_desk: City) -> None:
    done = mailgate(one_desk, "check", "--offline", "--send-test")
    assert done.returncode == 2
    assert "--send-test" in done.stderr
