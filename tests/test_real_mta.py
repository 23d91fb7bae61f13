"""Does it hold with a real MTA between everybody: Postfix, its queue, its own bounces?"""

import smtplib
from email.message import EmailMessage

import pytest
from city import ADMIN, RINA, City, address, body, parsed
from evidence import rows
from servers.postfix import Postfix
from servers.sink import Sink


def submit(town: City, postfix: Postfix, raw: bytes, author: str) -> None:
    waiting = len(town.dovecot.messages(town.users["kominfo"], "INBOX"))
    with smtplib.SMTP(postfix.host, postfix.port, timeout=60) as client:
        client.sendmail(address(author), [town.users["kominfo"]], raw)
    town.dovecot.wait_for(town.users["kominfo"], waiting + 1)


def test_a_complaint_through_postfix_is_acknowledged_and_answered_through_postfix(
    town: City, postfix: Postfix
) -> None:
    submit(town, postfix, town.mail(to=town.users["kominfo"], return_path=""), RINA)
    assert town.run() == 0
    town.sink.wait_for(2)
    (acknowledgement,) = town.sent(RINA)
    (notification,) = town.sent(ADMIN)
    assert "KOM-2026-000001" in acknowledgement["Subject"]

    submit(town, postfix, town.answer(notification, ADMIN, "#selesai\nSudah.", return_path=""), ADMIN)
    assert town.run() == 0
    town.sink.wait_for(4)
    assert "Sudah." in body(town.sent(RINA)[-1])


def reports(town: City) -> list[EmailMessage]:
    """What waits in INBOX, as soon as something does."""
    return [parsed(raw) for raw in town.dovecot.wait_for(town.users["kominfo"], 1)]


def wait_for_admin(town: City, mails: int) -> None:
    """Postfix brings them in its own time."""
    town.sink.wait_for(lambda received: sum(address(ADMIN) in one.rcpt_to for one in received) == mails)


def test_a_dead_requester_address_is_told_to_staff_once_and_starts_no_loop(
    town: City, postfix: Postfix
) -> None:
    """Of the acknowledgement nobody reports (NOTIFY=NEVER); of words of staff Postfix does."""
    gone = {"code": 550, "text": "5.1.1 no such user", "recipient": address(RINA)}
    refused = town.sink.rule("rcpt", times=1, **gone)
    submit(town, postfix, town.mail(to=town.users["kominfo"], return_path=""), RINA)
    assert town.run() == 0
    town.sink.wait_for_hit(refused)
    town.sink.wait_for(1)
    (notification,) = town.sent(ADMIN)
    submit(town, postfix, town.answer(notification, ADMIN, "#selesai\nSudah.", return_path=""), ADMIN)
    refused = town.sink.rule("rcpt", hang=True, **gone)  # so that the report comes after the run
    assert town.run() == 0
    refused.release()
    wait_for_admin(town, 2)
    (bounce,) = reports(town)
    assert bounce["Return-Path"] == "<>"
    (resolution,) = rows(town, "SELECT token FROM outbox WHERE template = 'resolution'")
    assert f"Original-Envelope-Id: {resolution.token}" in bounce.as_string()
    assert f"Original-Recipient: rfc822;{address(RINA)}" in bounce.as_string()
    assert "Sudah." not in bounce.as_string()  # RET=HDRS
    assert town.run() == 0
    wait_for_admin(town, 3)
    told = body(town.sent(ADMIN)[-1])
    assert address(RINA) in told
    assert "5.1.1" in told
    assert town.run() == 0
    assert town.sent(RINA) == []
    assert len(town.sent(ADMIN)) == 3
    bounced = rows(town, "SELECT template FROM outbox WHERE bounced_at IS NOT NULL")
    assert [row.template for row in bounced] == ["resolution"]


def test_an_address_beyond_ascii_is_reached_where_all_can_and_told_to_staff_where_one_cannot(
    town: City, postfix: Postfix, world: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 6531: Postfix takes it; it is the server behind Postfix that decides."""
    author = "Rína <rína@dísdik.example>"
    on_the_wire = "rína@xn--dsdik-zsa.example"
    monkeypatch.setattr(world, "smtputf8", True)
    submit(town, postfix, town.mail(author, to=town.users["kominfo"], return_path=""), RINA)
    assert town.run() == 0
    world.wait_for(2)
    (acknowledgement,) = (one for one in world.received if one.rcpt_to == (on_the_wire,))
    assert f"<{on_the_wire}>\r\n".encode() in acknowledgement.data
    assert "SMTPUTF8" in acknowledgement.mail_options

    monkeypatch.setattr(world, "smtputf8", False)
    (notification,) = town.sent(ADMIN)
    submit(town, postfix, town.answer(notification, ADMIN, "#selesai\nSudah.", return_path=""), ADMIN)
    silent = world.rule("helo", hang=True)  # so that the report comes after the run
    assert town.run() == 0
    silent.release()
    wait_for_admin(town, 2)
    reports(town)
    assert town.run() == 0
    wait_for_admin(town, 3)
    told = body(town.sent(ADMIN)[-1])
    assert "rína@dísdik.example" in told
    assert "5.6.7" in told
