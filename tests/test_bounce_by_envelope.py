"""Does a bounce find the mail that came back when all it kept is what the envelope was called?"""

import pytest
from city import ADMIN, RINA, address, body
from evidence import rows
from indoors import Indoors, indoors

STRANGER = "orang@lain.example"


def report(city: Indoors, envelope: str, recipient: str) -> bytes:
    """Of a server that returns no copy of the mail."""
    fields = f"Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\n"
    parts = (
        f"--b\n\nMaaf.\n--b\nContent-Type: message/delivery-status\n\nOriginal-Envelope-Id: {envelope}\n\n"
    )
    return city.mail(
        "MAILER-DAEMON@mx.example",
        f"{parts}{fields}--b--\n",
        "Undelivered",
        return_path="<>",
        mime_version="1.0",
        content_type='multipart/report; report-type=delivery-status; boundary="b"',
    )


def answered(city: Indoors) -> str:
    """Staff answer Rina; the outbox id of that answer."""
    city.receive(city.answer(city.new_ticket(), ADMIN, "#selesai\nSudah."))
    city.run()
    (resolution,) = rows(city, "SELECT token FROM outbox WHERE template = 'resolution'")
    return str(resolution.token)


def bounced(city: Indoors) -> list[str]:
    return [row.template for row in rows(city, "SELECT template FROM outbox WHERE bounced_at IS NOT NULL")]


def test_staff_hear_of_a_dead_address_also_where_the_report_lost_the_message_id() -> None:
    with indoors() as city:
        city.receive(report(city, answered(city), address(RINA)))
        before = len(city.sent(ADMIN))
        city.run()
        assert bounced(city) == ["resolution"]
        (told,) = city.sent(ADMIN)[before:]
        assert address(RINA) in body(told)


@pytest.mark.parametrize(
    ("envelope", "recipient"),
    [(None, STRANGER), ("aaaaaaaaaaaaaaaaaaaaaaaaaa", address(RINA)), ("x", address(RINA))],
    ids=["to somebody else", "of no mail of ours", "of no form of ours"],
)
def test_a_forged_envelope_changes_nothing(envelope: str | None, recipient: str) -> None:
    with indoors() as city:
        token = answered(city)
        city.receive(report(city, envelope or token, recipient))
        before = len(city.sent())
        city.run()
        assert (bounced(city), len(city.sent())) == ([], before)
