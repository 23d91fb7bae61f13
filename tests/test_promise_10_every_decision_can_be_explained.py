"""Promise 10: whatever became of a mail, `mailgate why` says why."""

import json

import pytest
from city import ADMIN, KOMINFO, LPSE, RINA, City
from evidence import bounce, mailgate, rows, tickets, why

from mailgate import views

STRANGER = "Orang Lain <lain@luar.example>"


def eventful(city: City) -> City:
    """One mail of every kind."""
    city.tables["limits"] = {"message_mib": 1}
    notification = city.new_ticket(message_id="<satu@client.example>")
    (acknowledgement,) = city.sent(RINA)
    first = city.dovecot.messages(city.users["kominfo"], "Mailgate/Diproses")[0]
    both = city.mail("<dua@warga.example>", to=f"{LPSE}, {KOMINFO}", message_id="<keduanya@client.example>")
    for raw in (
        b"Received: from lain.example by sini.example\r\n" + first,
        city.mail(STRANGER, subject="[KOM-2026-000001] ?", message_id="<asing@client.example>"),
        city.mail(ADMIN, "#selesai\nPalsu.\n", "[KOM-2026-000001] x", message_id="<palsu@client.example>"),
        city.answer(
            acknowledgement, RINA, "Cuti.", auto_submitted="auto-replied", message_id="<cuti@x.example>"
        ),
        city.mail("noreply@toko.example", message_id="<robot@client.example>"),
        city.answer(acknowledgement, RINA, "Ruang 2.", message_id="<lanjut@client.example>"),
        city.answer(notification, ADMIN, "#selesaikan", message_id="<salah@client.example>"),
        city.answer(notification, ADMIN, "#selesai\nSudah.", message_id="<selesai@client.example>"),
        bounce(acknowledgement, "rina@disdik.example.go.id"),
        city.sink.received[0].data,
        city.mail(text=("y" * 70 + "\n") * 16_000, message_id="<besar@client.example>"),
        b"Message-ID: <racun@client.example>\r\nContent-Type: multipart/mixed; boundary=x0\r\n\r\n"
        + b"".join(
            b"--x%d\r\nContent-Type: multipart/mixed; boundary=x%d\r\n\r\n" % (n, n + 1) for n in range(3000)
        ),
        both,
    ):
        city.receive(raw)
    city.receive(both, "lpse")
    assert city.run() == 0
    return city


EXPECTED = {
    "satu@client.example": [("opened", "new matter"), (None, "the same mail as")],
    "asing@client.example": [("opened", "cites KOM-2026-000001")],
    "palsu@client.example": [("refused", "nothing done")],
    "cuti@x.example": [("filed", "auto-replied")],
    "robot@client.example": [("opened", "nobody reads there")],
    "lanjut@client.example": [("appended", "answers our mail")],
    "salah@client.example": [("commanded", "nothing done")],
    "selesai@client.example": [("commanded", "proven by")],
    "racun@client.example": [(None, "within each other")],
    "keduanya@client.example": [("opened", "desk lpse is named first"), ("opened", "new matter")],
}


def test_the_reason_for_every_mail_is_stored_and_fits_what_was_done(city: City) -> None:
    eventful(city)
    office = city.office()
    with city.store() as store, store.reading() as look:
        found = {wanted: views.decisions(look, f"<{wanted}>", office.timezone) for wanted in EXPECTED}
    said = {
        wanted: sorted(
            ((one["handling"], one["reason"]) for one in decided), key=lambda pair: str(pair[0] or "~")
        )
        for wanted, decided in found.items()
    }
    for wanted, expected in EXPECTED.items():
        assert len(said[wanted]) == len(expected), said[wanted]
        for handling, words in expected:
            assert any(h == handling and words in reason for h, reason in said[wanted]), (
                wanted,
                said[wanted],
            )
    unexplained = rows(city, "SELECT id FROM mail WHERE reason IS NULL OR reason = '' OR state = 'kept'")
    assert unexplained == []
    (own,) = rows(city, "SELECT reason FROM mail WHERE reason LIKE 'our own%'")
    assert own.reason == "our own mail came back"
    assert rows(city, "SELECT id FROM mail WHERE reason LIKE '%undeliverable%5.1.1%'")
    assert rows(city, "SELECT id FROM mail WHERE reason LIKE '%message_mib%'")


def test_every_event_of_every_ticket_has_a_reason_and_a_cause_and_so_has_every_mail_that_left(
    quick_city: City,
) -> None:
    eventful(quick_city)
    events = [event for ticket in tickets(quick_city) for event in ticket["events"]]
    assert len(events) > 10
    assert [event for event in events if not event["reason"] or not event["actor"]] == []
    causes = {row.message_id for row in rows(quick_city, "SELECT message_id FROM mail")}
    assert {event["message_id"] for event in events} <= causes
    assert rows(quick_city, "SELECT seq FROM outbox WHERE mail_id IS NULL AND template <> 'alert'") == []


def test_why_explains_by_message_id_and_by_number_with_and_without_json(
    quick_city: City,
) -> None:
    eventful(quick_city)
    first, duplicate = why(quick_city, "<satu@client.example>")
    assert (first["handling"], first["ticket"]) == ("opened", "KOM-2026-000001")
    assert [one["template"] for one in first["outgoing"]] == ["acknowledgement", "notification"]
    assert duplicate["state"] == "duplicate"
    assert duplicate["duplicate_of"] == first["id"]
    assert str(first["id"]) in duplicate["reason"]

    (same,) = why(quick_city, str(first["id"]))
    assert same == first
    (poisoned,) = why(quick_city, "racun@client.example")
    assert (poisoned["state"], poisoned["ticket"]) == ("aside", None)

    plain = mailgate(quick_city, "why", "palsu@client.example")
    assert plain.returncode == 0
    assert plain.stdout.startswith("refused: From says admin1@pyk.example.go.id")


@pytest.mark.parametrize("wanted", ["tidak.ada@client.example", "9" * 40, "<>", "", "%", "-1"])
def test_why_says_so_when_no_such_mail_came_in(quick_city: City, wanted: str) -> None:
    assert quick_city.run() == 0
    done = mailgate(quick_city, "why", "--json", "--", wanted)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no mail with this id" in done.stderr
    assert "Traceback" not in done.stderr


def test_why_never_sends_a_strangers_control_characters_to_the_terminal(quick_city: City) -> None:
    quick_city.receive(
        quick_city.mail(
            "=?utf-8?q?=1B]0;judul=07Rina?= <rina@disdik.example.go.id>",
            subject="=?utf-8?q?=1B[2J=E2=80=AE?=",
        )
    )
    assert quick_city.run() == 0
    for command in (("why", "1"), ("show", "KOM-2026-000001"), ("tickets",), ("why", "1", "--json")):
        done = mailgate(quick_city, *command)
        assert done.returncode == 0
        assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)


def test_why_before_the_first_run_is_no_traceback(quick_city: City) -> None:
    done = mailgate(quick_city, "why", "1", "--json")
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    assert json.dumps(done.stdout) == '""'
