"""Does it hold with a real MTA between everybody: Postfix, its queue, its own bounces?"""

import smtplib
from pathlib import Path

import pytest
from city import ADMIN, RINA, City, address, body, parsed, tables
from servers.dovecot import Dovecot
from servers.postfix import Postfix
from servers.sink import Sink


@pytest.fixture
def town(tmp_path: Path, dovecot: Dovecot, postfix: Postfix, world: Sink) -> City:
    """A city whose desk lives behind Postfix; everybody else's mail ends in `world`."""
    users = {"kominfo": dovecot.new_user(), "lpse": dovecot.new_user()}
    settings = tables(tmp_path, f"sqlite:///{tmp_path / 'mailgate.db'}")
    for key, user in users.items():
        settings["desks"][key]["address"] = user
        settings["desks"][key]["smtp"] = {"host": postfix.host, "port": postfix.port}
    return City(tmp_path, settings, dovecot, world, users)


def submit(town: City, postfix: Postfix, raw: bytes, author: str) -> None:
    waiting = len(town.dovecot.messages(town.users["kominfo"], "INBOX"))
    with smtplib.SMTP(postfix.host, postfix.port, timeout=20) as client:
        client.sendmail(address(author), [town.users["kominfo"]], raw)
    town.dovecot.wait_for(town.users["kominfo"], waiting + 1, "INBOX", 20)


def test_a_complaint_through_postfix_is_acknowledged_and_answered_through_postfix(
    town: City, postfix: Postfix
) -> None:
    submit(town, postfix, town.mail(to=town.users["kominfo"], return_path=""), RINA)
    assert town.run() == 0
    town.sink.wait_for(2, 20)
    (acknowledgement,) = town.sent(RINA)
    (notification,) = town.sent(ADMIN)
    assert "KOM-2026-000001" in acknowledgement["Subject"]

    submit(town, postfix, town.answer(notification, ADMIN, "#selesai\nSudah.", return_path=""), ADMIN)
    assert town.run() == 0
    town.sink.wait_for(4, 20)
    assert "Sudah." in body(town.sent(RINA)[-1])


def test_a_dead_requester_address_is_told_to_staff_once_and_starts_no_loop(
    town: City, postfix: Postfix
) -> None:
    town.sink.rule("rcpt", code=550, text="5.1.1 no such user", recipient=address(RINA))
    submit(town, postfix, town.mail(to=town.users["kominfo"], return_path=""), RINA)
    assert town.run() == 0
    town.dovecot.wait_for(town.users["kominfo"], 1, "INBOX", 30)  # Postfix's own DSN
    (bounce,) = (parsed(raw) for raw in town.dovecot.messages(town.users["kominfo"], "INBOX"))
    assert bounce["Return-Path"] == "<>"
    assert town.run() == 0
    town.sink.wait_for(
        lambda received: len([one for one in received if address(ADMIN) in one.rcpt_to]) == 2, 20
    )
    told = body(town.sent(ADMIN)[-1])
    assert address(RINA) in told
    assert "5.1.1" in told
    assert town.run() == 0
    assert town.sent(RINA) == []
    assert len(town.sent(ADMIN)) == 2
