"""Promise 8: what cannot be read is set aside with its reason, somebody hears, and the next is taken."""

import json
from datetime import timedelta

import pytest
from city import ADMIN, ALERTS, KOMINFO, RINA, City, body
from evidence import folders, mailgate, rows, states, tickets
from servers.fake_imap import FakeImap

from mailgate import service
from mailgate.gateway import Office
from mailgate.message.worker import Reader
from mailgate.service import EX_TEMPFAIL

HEAD = f"From: Rina <rina@disdik.example.go.id>\r\nTo: {KOMINFO}\r\nMIME-Version: 1.0\r\n".encode()
LEVELS = b"".join(
    b"--x%d\r\nContent-Type: multipart/mixed; boundary=x%d\r\n\r\n" % (n, n + 1) for n in range(3000)
)
POISON = {
    "3,000 levels": b"Content-Type: multipart/mixed; boundary=x0\r\n\r\n" + LEVELS,
    "100,000 encoded words": b"Subject: " + b"=?utf-8?q?a?=\r\n " * 100_000 + b"\r\n\r\nisi\r\n",
    "100,000 parts": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\na\r\n" * 100_000,
    "100,000 recipients": b"Cc: " + b"a@b.example,\r\n " * 100_000 + b"x@y.example\r\n\r\nisi\r\n",
}
ODD = {
    "inner multipart without its boundary": (
        b"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed\r\n\r\nisi\r\n"
    ),
    "nothing but a header": b"Subject: ada\r\n",
    "NUL bytes": b"Subject: a\0b\r\n\r\nisi\0isi\r\n",
    "lone surrogates": b"Subject: =?utf-7?q?+2AA-?=\r\n\r\n\xed\xa0\x80\r\n",
    "charset nobody knows": b"Content-Type: text/plain; charset=x-\xff\r\n\r\nisi \xff\r\n",
    "endless quoted-printable": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 50_000,
    "broken base64": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"!" * 5_000,
    "20,000 blank lines": b"\r\n" + b"\r\n" * 20_000 + b"isi\r\n",
    "a template in the subject": b"Subject: {{ desk.imap.password }}{% raw %}\r\n\r\n{{ 1/0 }}\r\n",
    "a number that is none": b"Subject: [KOM-2026-999999999] x\r\n\r\nisi\r\n",
    "a subject of a megabyte less one": b"Subject: " + b"x" * 60_000 + b"\r\n\r\nisi\r\n",
}


DIGITS = str.maketrans("0123456789", "abcdefghij")


def _nobody_was_held_up(city: City) -> None:
    assert len(city.sent("sesudah@warga.example")) == 1


def _next_in_line(city: City) -> None:
    city.receive(city.mail("Sesudah <sesudah@warga.example>", subject="sesudah"))


def test_every_poison_is_set_aside_with_its_reason_and_the_next_mail_is_answered(city: City) -> None:
    for poison in POISON.values():
        city.receive(HEAD + poison)
    _next_in_line(city)
    assert city.run() == 0
    _nobody_was_held_up(city)
    assert folders(city)[0] == 0
    found = rows(city, "SELECT state, reason FROM mail ORDER BY id")
    assert found[0].state == "aside"
    assert all(row.reason for row in found if row.state == "aside")
    assert sum(folders(city)) == len(POISON) + 1


def test_a_mail_that_is_only_odd_still_opens_a_ticket(city: City) -> None:
    for n, odd in enumerate(ODD.values()):
        city.receive(HEAD.replace(b"rina@", b"r%d@" % n) + odd)
    _next_in_line(city)
    assert city.run() == 0
    _nobody_was_held_up(city)
    assert dict(zip([*ODD, "the next"], states(city), strict=True)) == dict.fromkeys(
        [*ODD, "the next"], "decided"
    )
    assert folders(city) == [0, len(ODD) + 1, 0]
    assert city.dovecot.password not in "".join(mail.as_string() for mail in city.sent())


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's child does what the subject of a mail says: crash, loop, eat."""

    def reader(office: Office) -> Reader:
        limits = office.settings.limits
        return Reader(limits.read_seconds, limits.read_mib, reader="hostile_reader:obey")

    monkeypatch.setattr(service, "reader", reader)


def test_a_mail_that_kills_loops_or_eats_the_reader_is_set_aside_alone(
    hostile: None, quick_city: City
) -> None:
    quick_city.tables["limits"] = {"read_seconds": 1}
    for subject in ("crash", "baik 1", "loop", "baik 2", "eat", "exit", "raise", "baik 3"):
        quick_city.receive(quick_city.mail(subject=subject))
    _next_in_line(quick_city)
    assert quick_city.run() == 0
    _nobody_was_held_up(quick_city)
    assert [ticket["subject"] for ticket in tickets(quick_city)] == ["baik 1", "baik 2", "baik 3", "sesudah"]
    reasons = [row.reason for row in rows(quick_city, "SELECT reason FROM mail WHERE state = 'aside'")]
    assert len(reasons) == 5
    assert "signal 11" in reasons[0]
    assert "CPU time" in reasons[1]
    assert "memory" in reasons[2]
    assert folders(quick_city) == [0, 4, 5]


def test_the_admin_hears_once_an_hour_what_waits_and_only_when_something_came(city: City) -> None:
    poison = [HEAD + b"Message-ID: <p%d@x.example>\r\n" % n + POISON["3,000 levels"] for n in range(4)]
    for raw in poison[:2]:
        city.receive(raw)
    assert city.run() == 0
    (first,) = city.sent(ALERTS)
    assert body(first).count("rina@disdik.example.go.id") == 2

    city.now += timedelta(minutes=30)
    city.receive(poison[2])
    assert city.run() == 0
    assert len(city.sent(ALERTS)) == 1

    city.now += timedelta(minutes=31)
    assert city.run() == 0
    assert len(city.sent(ALERTS)) == 2
    assert body(city.sent(ALERTS)[1]).count("rina@disdik.example.go.id") == 3

    city.now += timedelta(hours=5)
    assert city.run() == 0
    assert len(city.sent(ALERTS)) == 2


def test_a_mail_that_was_set_aside_is_shown_and_read_again_after_a_fix(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = quick_city.mail(subject="crash")
    quick_city.receive(raw)
    with monkeypatch.context() as broken:
        broken.setattr(service, "reader", lambda _: Reader(1, 400, reader="hostile_reader:obey"))
        assert quick_city.run() == 0
    (waiting,) = json.loads(mailgate(quick_city, "aside", "list", "--json").stdout)
    assert "signal 11" in waiting["reason"]
    shown = mailgate(quick_city, "aside", "show", str(waiting["id"]))
    assert shown.stdout.replace("\n", "\r\n").encode() == raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    assert mailgate(quick_city, "aside", "replay", str(waiting["id"])).returncode == 0
    assert quick_city.run() == 0
    assert [ticket["subject"] for ticket in tickets(quick_city)] == ["crash"]
    assert len(quick_city.sent(RINA)) == 1
    assert json.loads(mailgate(quick_city, "aside", "list", "--json").stdout) == []
    assert mailgate(quick_city, "aside", "replay", str(waiting["id"])).returncode == 1


def test_a_mail_over_the_limit_is_never_fetched_and_becomes_a_ticket_that_says_so(quick_city: City) -> None:
    quick_city.tables["limits"] = {"message_mib": 1}
    with FakeImap() as server:
        quick_city.tables["desks"]["kominfo"]["imap"]["port"] = server.port
        server.inbox.add(quick_city.mail(text=("y" * 70 + "\n") * 16_000))
        server.inbox.add(quick_city.mail("Sesudah <sesudah@warga.example>", subject="sesudah"))
        assert quick_city.run() == 0
        whole = [command for command in server.asked("UID FETCH") if "BODY.PEEK[]" in command]
        assert whole == ["UID FETCH 2 (BODY.PEEK[])"]
        assert len(server.folders["Mailgate/Disisihkan"].mails) == 1
    _nobody_was_held_up(quick_city)
    (acknowledgement,) = quick_city.sent(RINA)
    assert "tanpa lampiran yang besar" in " ".join(body(acknowledgement).split())
    told = next(mail for mail in quick_city.sent(ADMIN) if acknowledgement["Subject"][:17] in mail["Subject"])
    assert "Mailgate/Disisihkan" in body(told)
    assert "over message_mib" in rows(quick_city, "SELECT reason FROM mail ORDER BY id")[0].reason


def test_words_of_staff_that_were_too_large_to_be_read_do_nothing_and_they_hear_why(quick_city: City) -> None:
    quick_city.tables["limits"] = {"message_mib": 1}
    notification = quick_city.new_ticket()
    quick_city.receive(quick_city.answer(notification, ADMIN, "#tutup\n" + ("y" * 70 + "\n") * 16_000))
    assert quick_city.run() == 0
    assert "terlalu besar" in body(quick_city.sent(ADMIN)[-1])
    assert len(quick_city.sent(RINA)) == 1


def test_a_mail_over_the_limit_with_a_poisoned_header_stops_nobody(quick_city: City) -> None:
    quick_city.tables["limits"] = {"message_mib": 1}
    quick_city.receive(HEAD + b"Subject: " + b"=?utf-8?q?a?=\r\n " * 90_000 + b"\r\n\r\nisi\r\n")
    _next_in_line(quick_city)
    assert quick_city.run() == 0
    _nobody_was_held_up(quick_city)
    assert folders(quick_city) == [0, 1, 1]


def test_a_poisoned_mail_at_one_desk_does_not_reach_the_other(quick_city: City) -> None:
    quick_city.receive(HEAD + POISON["3,000 levels"], "lpse")
    quick_city.tables["desks"]["kominfo"]["imap"]["port"] = 1
    assert quick_city.run() == EX_TEMPFAIL
    assert folders(quick_city, "lpse") == [0, 0, 1]
    assert len(quick_city.sent(ALERTS)) == 1
    assert quick_city.sent(ADMIN) == []


@pytest.mark.parametrize(
    "mail",
    [
        {"text": "".join(f"Ref: {'abcdefgh'[n % 8]}{n:025}\n".translate(DIGITS) for n in range(40_000))},
        {"author": "Panjang <" + "".join(f"{n:x}" for n in range(3000)) + "@warga.example>"},
        {"message_id": "<" + "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(990)) + "@x>"},
        {"references": " ".join(f"<{'é' * 900}{n}@x>" for n in range(200))},
        {"subject": " ".join(f"[KOM-2026-{n:06}]" for n in range(9_000))},
    ],
    ids=["40,000 Ref lines", "an address of 10 kB", "a long id", "long references", "9,000 ticket numbers"],
)
def test_a_mail_that_asks_too_much_of_the_database_holds_up_nobody(city: City, mail: dict[str, str]) -> None:
    """Whoever takes the database's refusal of this one mail for a database in trouble waits for ever."""
    city.receive(city.mail(**mail))
    _next_in_line(city)
    assert city.run() == 0
    _nobody_was_held_up(city)
