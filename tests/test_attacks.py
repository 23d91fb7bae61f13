"""An attacker knows every address, every ticket number, and can forge every header. What do they get?

Nothing done, nothing told, and the log says why. "Peers" in a docstring are help desks, mail programs and
papers where just this worked.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from city import (
    ADMIN,
    ADMIN_PRIVATE,
    ALERTS,
    HEAD,
    KOMINFO,
    LPSE,
    RINA,
    TECHNICIAN,
    City,
    address,
    body,
    furnish,
    parsed,
)
from evidence import bounce, rows, why
from indoors import Indoors, indoors

from mailgate.store import blocks

NUMBER = "KOM-2026-000001"
TAG = f"Re: [{NUMBER}] Rapor"
MALLORY = "Mallory <mallory@luar.example>"
ACCOMPLICE = "komplotan@luar.example"
SERVER = "mx.pyk.example.go.id"
STAFF = (ADMIN, ADMIN_PRIVATE, TECHNICIAN, HEAD)
SUBJECT, REQUEST, NOTE, ANSWER = (
    "SUBJEK-RAHASIA-31",
    "NIK-1376-0101",
    "CATATAN-INTERN-77",
    "JAWABAN-UNTUK-RINA-55",
)
SECRETS = (
    *(SUBJECT, REQUEST, NOTE, ANSWER, "Rina", address(RINA)),
    *(part for one in STAFF for part in (address(one), one.partition(" <")[0]) if part != "Satu"),
)
"""What nobody outside may read who did not write or receive it."""
HEADERS = frozenset(
    {
        *("from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted"),
        *("x-auto-response-suppress", "mime-version", "content-type", "content-transfer-encoding"),
    }
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail that an attack caused."""

    to: str
    template: str
    number: str | None
    mail: EmailMessage


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What became of one mail."""

    handling: str
    reason: str
    sent: tuple[Outgoing, ...]

    def to(self, mailbox: str) -> list[Outgoing]:
        return [one for one in self.sent if one.to == address(mailbox)]

    @property
    def outside(self) -> list[Outgoing]:
        inside = {*map(address, STAFF), ALERTS, "petugas@lpse.example.go.id"}
        return [one for one in self.sent if one.to not in inside]


@dataclass(frozen=True, slots=True)
class Scene:
    """Rina has told a secret, staff have noted another and answered her."""

    city: City
    notification: EmailMessage
    """To the admin."""
    acknowledgement: EmailMessage
    """To Rina, and so is `answer`."""
    answer: EmailMessage
    hers: str
    """The Message-ID of her own mail."""


def play(city: City) -> Scene:
    hers = "<asli@client.example>"
    notification = city.new_ticket(
        text=f"Nomor saya {REQUEST}.\n", subject=f"Rapor {SUBJECT}", message_id=hers
    )
    city.receive(city.answer(notification, ADMIN, f"#catatan\n{NOTE}"))
    city.receive(city.answer(notification, ADMIN, f"Baik, {ANSWER}."))
    assert city.run() == 0
    first, second = city.sent(RINA)
    return Scene(city, notification, first, second, hers)


@pytest.fixture
def inside() -> Iterator[Indoors]:
    with indoors() as city:
        yield city


@pytest.fixture
def scene(inside: Indoors) -> Scene:
    return play(inside)


@pytest.fixture
def real_scene(city: City) -> Scene:
    """On real servers and both databases."""
    return play(city)


def readable(mail: EmailMessage) -> str:
    """All that a recipient can read of it, headers and attachments decoded."""
    parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    words = [one.decode("utf-8", "replace") for one in parts if isinstance(one, bytes)]
    return "\n".join([*(f"{name}: {value}" for name, value in mail.items()), *words])


def standing(city: City, number: str = NUMBER) -> list[Any]:
    """The ticket and all that was said on it."""
    ticket = rows(city, "SELECT * FROM ticket WHERE number = :number", number=number)
    said = rows(city, "SELECT kind, text FROM message WHERE number = :number ORDER BY id", number=number)
    return [*ticket, *said]


def status(city: City, number: str = NUMBER) -> str:
    (row,) = rows(city, "SELECT status FROM ticket WHERE number = :number", number=number)
    return str(row.status)


def people(city: City, number: str = NUMBER) -> list[str]:
    """The addresses of the participants."""
    (row,) = rows(city, "SELECT participants FROM ticket WHERE number = :number", number=number)
    return [one["address"] for one in json.loads(row.participants or "null") or ()]


def struck(city: City, raw: bytes, desk: str = "kominfo") -> Aftermath:
    (before,) = rows(city, "SELECT coalesce(max(seq), 0) AS seq FROM outbox")
    city.receive(raw, desk)
    assert city.run() == 0
    sent = rows(
        city,
        "SELECT recipient, template, number, raw FROM outbox WHERE seq > :seq ORDER BY seq",
        seq=before.seq,
    )
    (mail,) = rows(city, "SELECT state, handling, reason FROM mail ORDER BY id DESC LIMIT 1")
    assert mail.state == "decided", mail.reason
    outgoing = (Outgoing(one.recipient, one.template, one.number, parsed(bytes(one.raw))) for one in sent)
    return Aftermath(mail.handling, mail.reason, tuple(outgoing))


def answered_by(city: City, sent: EmailMessage, author: str, text: str, **headers: str) -> bytes:
    """The same under a subject of the author's own: whatever the acknowledgement says was not read there."""
    raw = city.answer(sent, author, text, **headers)
    return re.sub(rb"\r\nSubject: [^\r\n]*", b"\r\nSubject: Halo", raw, count=1)


def futile(city: City, raw: bytes, why: str, known: str = "") -> Aftermath:
    """Nothing done, nothing told but what the author wrote themselves (`known`), and the log says why."""
    before = standing(city)
    result = struck(city, raw)
    assert standing(city) == before
    assert why in result.reason
    _nothing_told(result, known)
    return result


def _nothing_told(result: Aftermath, known: str) -> None:
    """Outside nobody hears more than the acknowledgement of a ticket of their own, with nothing in it."""
    assert {one.template for one in result.outside} <= {"acknowledgement"}
    assert NUMBER not in {one.number for one in result.outside}
    for one in result.outside:
        words = readable(one.mail)
        assert [secret for secret in (NUMBER, *SECRETS) if secret in words and secret not in known] == []


def asked_back(result: Aftermath, person: str = ADMIN) -> EmailMessage:
    """The real person, and nobody else, was asked."""
    (question,) = result.sent
    assert (question.to, question.template) == (address(person), "confirmation")
    return question.mail


# --- staff, forged ----------------------------------------------------------------------------------------

Forgery = Callable[[Scene], bytes]
ORDER = "#tutup\nPalsu."
UNPROVEN = "nothing proves it"


def _cut(mail: EmailMessage, *, start: int = 0, end: int = 26) -> str:
    local, _, domain = str(mail["Message-ID"]).strip("<>").partition("@")
    return f"<{local[start:end]}@{domain}>"


FORGED: dict[str, Forgery] = {
    "From alone": lambda s: s.city.mail(ADMIN, ORDER, TAG),
    "From of a listed alias": lambda s: s.city.mail(ADMIN_PRIVATE, ORDER, TAG),
    "the acknowledgement that the requester has": lambda s: s.city.answer(s.acknowledgement, ADMIN, ORDER),
    "the answer that the requester has": lambda s: s.city.answer(s.answer, ADMIN, ORDER),
    "the Message-ID of the requester's own mail": lambda s: s.city.mail(
        ADMIN, ORDER, TAG, in_reply_to=s.hers, references=s.hers
    ),
    "every id that the requester ever saw": lambda s: s.city.mail(
        ADMIN,
        ORDER,
        TAG,
        references=" ".join([s.hers, str(s.acknowledgement["Message-ID"]), str(s.answer["Message-ID"])]),
    ),
    "an id of the requester in a Ref line": lambda s: s.city.mail(
        ADMIN, f"{ORDER}\n\n> Ref: {_cut(s.answer).strip('<>').partition('@')[0]}", TAG
    ),
    "an id without its first character": lambda s: s.city.mail(
        ADMIN, ORDER, TAG, in_reply_to=_cut(s.notification, start=1)
    ),
    "an id without its last character": lambda s: s.city.mail(
        ADMIN, ORDER, TAG, in_reply_to=_cut(s.notification, end=25)
    ),
    "an id in upper case": lambda s: s.city.mail(ADMIN, ORDER, TAG, in_reply_to=_cut(s.notification).upper()),
    "headers that look like ours": lambda s: s.city.mail(
        ADMIN,
        ORDER,
        TAG,
        x_mailgate_proof="id",
        x_mailgate_person=address(ADMIN),
        x_mailgate_ticket=NUMBER,
        x_mailgate_confirmed="yes",
    ),
}


@pytest.mark.parametrize("forgery", FORGED.values(), ids=FORGED)
def test_whoever_forges_staff_closes_no_ticket(scene: Scene, forgery: Forgery) -> None:
    """Peers: the Debian bug tracker does what any From says; iTop's mail-to-ticket automation could be had by
    Message-IDs that are easy to guess (its issue 95); alga-psa by forged References (its issue 3241).
    """
    raw = forgery(scene)
    question = asked_back(futile(scene.city, raw, UNPROVEN))
    assert "#tutup" in body(question)
    assert (question["In-Reply-To"], question["References"]) == (None, None)


@pytest.mark.parametrize("name", ["From alone", "the answer that the requester has"])
def test_whoever_forges_staff_closes_no_ticket_on_either_database(real_scene: Scene, name: str) -> None:
    asked_back(futile(real_scene.city, FORGED[name](real_scene), UNPROVEN))


def test_why_says_what_was_missing(quick_city: City) -> None:
    play(quick_city)
    struck(quick_city, quick_city.mail(ADMIN, ORDER, TAG, message_id="<palsu@luar.example>"))
    (told,) = why(quick_city, "palsu@luar.example")
    assert "answers no mail that was sent to that person" in str(told)


@pytest.mark.parametrize("person", [TECHNICIAN, HEAD], ids=["a technician", "the head"])
def test_one_persons_id_gives_no_other_person_a_hand(scene: Scene, person: str) -> None:
    """Whoever sees a colleague's mailbox, or is forwarded its mail, does not become that colleague."""
    raw = scene.city.answer(scene.notification, person, ORDER)
    asked_back(futile(scene.city, raw, UNPROVEN), person)


def test_an_id_opens_the_ticket_that_it_was_made_for_whatever_the_subject_says(scene: Scene) -> None:
    """Peers: Zammad follows the number in the subject (its issue 5064)."""
    city = scene.city
    other = city.new_ticket(author="Budi <budi@example.go.id>", subject="Printer", text="Macet.\n")
    before = standing(city)
    struck(city, city.mail(ADMIN, "#tutup", TAG, in_reply_to=str(other["Message-ID"])))
    assert standing(city) == before
    assert status(city, "KOM-2026-000002") == "closed"


def test_the_mail_of_one_desk_opens_no_ticket_of_another(inside: Indoors) -> None:
    """Somebody of both desks: what LPSE sent them is no key at KOMINFO."""
    both = {"name": "Admin Satu", "address": address(ADMIN), "roles": ["admin"]}
    inside.tables["desks"]["lpse"]["staff"].append(both)
    play(inside)
    inside.receive(inside.mail("Toko <toko@mail.example>", "Tender.\n", "Tender", LPSE), "lpse")
    assert inside.run() == 0
    theirs = inside.sent(ADMIN)[-1]
    assert theirs["From"].addresses[0].addr_spec == LPSE
    raw = inside.mail(ADMIN, ORDER, TAG, in_reply_to=str(theirs["Message-ID"]))
    asked_back(futile(inside, raw, UNPROVEN))


@pytest.mark.parametrize(("days", "opened"), [(30, True), (31, False)])
def test_an_old_mailbox_that_leaks_opens_nothing_any_more(scene: Scene, days: int, opened: bool) -> None:
    city = scene.city
    city.receive(city.answer(scene.notification, ADMIN, "#tutup"))
    assert city.run() == 0
    city.now += timedelta(days=days)
    result = struck(city, city.answer(scene.notification, ADMIN, "#buka"))
    assert (status(city) == "open") is opened
    assert (UNPROVEN in result.reason) is not opened


def test_somebody_who_was_taken_off_the_list_commands_nothing(scene: Scene) -> None:
    city = scene.city
    staff = city.tables["desks"]["kominfo"]["staff"]
    staff[0] = staff[0] | {"name": "Pengganti", "address": "pengganti@pyk.example.go.id", "aliases": []}
    raw = city.answer(scene.notification, ADMIN, ORDER)
    before = standing(city)
    result = struck(city, raw)
    assert standing(city)[1:] == before[1:]
    assert status(city) == "open"
    assert "is not of it" in result.reason
    (acknowledgement,) = result.to(ADMIN)
    assert NOTE not in readable(acknowledgement.mail)


def test_staff_of_another_desk_are_strangers_here(scene: Scene) -> None:
    raw = answered_by(scene.city, scene.notification, "Petugas LPSE <petugas@lpse.example.go.id>", ORDER)
    result = futile(scene.city, raw, "is not of it")
    assert [one.template for one in result.to("petugas@lpse.example.go.id")] == ["acknowledgement"]


def test_a_flood_in_the_name_of_staff_is_five_questions_and_one_alert(scene: Scene) -> None:
    """Peers: osTicket answered an out-of-office without end (its issue 1041); whoever forges must not be able
    to bury the real person in our own questions.
    """
    results = [struck(scene.city, scene.city.mail(ADMIN, f"#tutup\nPalsu {n}.", TAG)) for n in range(12)]
    sent = [(one.to, one.template) for result in results for one in result.sent]
    assert sent == [(address(ADMIN), "confirmation")] * 5 + [(ALERTS, "alert")]
    assert status(scene.city) == "open"


# --- a forwarded notification -----------------------------------------------------------------------------


def _with_attached(city: City, author: str, text: str, inner: bytes, **headers: str) -> bytes:
    wall = "batas"
    whole = (
        f"--{wall}\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
        f"--{wall}\nContent-Type: message/rfc822\n\n{inner.decode()}\n--{wall}--\n"
    )
    return city.mail(
        author,
        whole.replace("\r\n", "\n"),
        **({"mime_version": "1.0", "content_type": f"multipart/mixed; boundary={wall}"} | headers),
    )


def test_whoever_is_forwarded_a_notification_can_answer_it_and_nothing_happens(real_scene: Scene) -> None:
    """An id alone is no key: it is one in the hand of the person to whom it was sent."""
    futile(
        real_scene.city, answered_by(real_scene.city, real_scene.notification, MALLORY, ORDER), "is not of it"
    )


def test_a_ref_line_in_an_attachment_is_nobodys_key(scene: Scene) -> None:
    raw = _with_attached(scene.city, MALLORY, ORDER, scene.notification.as_bytes(), subject="Halo")
    futile(scene.city, raw, "a new matter")


def test_a_mail_of_staff_in_an_attachment_is_not_staff_writing(scene: Scene) -> None:
    """The owner of a stolen answer of staff attaches it, id and all."""
    inner = scene.city.answer(scene.notification, ADMIN, ORDER)
    futile(scene.city, _with_attached(scene.city, MALLORY, "Lihat.", inner, subject="Halo"), "a new matter")


# --- Authentication-Results -------------------------------------------------------------------------------

PASS = f"{SERVER}; dmarc=pass header.from=pyk.example.go.id"


def _trusting(city: City, proof: str = "id or dmarc") -> None:
    city.tables["desks"]["kominfo"] |= {"trusted_authserv_ids": [SERVER], "staff_proof": proof}


def test_the_desks_own_server_proves_staff(scene: Scene) -> None:
    """What all attacks below pretend: without it they would prove nothing."""
    _trusting(scene.city)
    struck(scene.city, scene.city.mail(ADMIN, "#tutup", TAG, authentication_results=PASS))
    assert status(scene.city) == "closed"


def test_as_long_as_no_server_is_trusted_none_proves_anything(scene: Scene) -> None:
    """RFC 8601, section 7.1: the list of trusted servers starts empty."""
    raw = scene.city.mail(ADMIN, ORDER, TAG, authentication_results=PASS)
    asked_back(futile(scene.city, raw, UNPROVEN))


RESULTS: dict[str, list[str]] = {
    "an untrusted server": ["Authentication-Results: luar.example; dmarc=pass header.from=pyk.example.go.id"],
    "a second one lower down": [
        f"Authentication-Results: {SERVER}; dmarc=none header.from=pyk.example.go.id",
        f"Authentication-Results: {PASS}",
    ],
    "ARC": [
        f"ARC-Authentication-Results: i=1; {PASS}",
        f"X-Original-Authentication-Results: {PASS}",
        f"Authentication-Results-Original: {PASS}",
        f"X-Authentication-Results: {PASS}",
        "Received-SPF: pass",
    ],
    "a comment": [
        (
            f"Authentication-Results: {SERVER} (dmarc=pass header.from=pyk.example.go.id); dmarc=none "
            "(dmarc=pass) header.from=pyk.example.go.id"
        )
    ],
    "the server's id in a comment": [
        f"Authentication-Results: luar.example ({SERVER}); dmarc=pass header.from=pyk.example.go.id"
    ],
    "the result in another one's reason": [
        f'Authentication-Results: {SERVER}; spf=fail reason="x; dmarc=pass header.from=pyk.example.go.id"'
    ],
    "the result in a property": [
        f"Authentication-Results: {SERVER}; spf=pass smtp.mailfrom=dmarc=pass header.from=pyk.example.go.id"
    ],
    "a pass for another domain": [f"Authentication-Results: {SERVER}; dmarc=pass header.from=luar.example"],
    "a pass for a domain below": [
        f"Authentication-Results: {SERVER}; dmarc=pass header.from=x.pyk.example.go.id"
    ],
    "a pass for two domains": [
        f"Authentication-Results: {SERVER}; dmarc=pass header.from=luar.example header.from=pyk.example.go.id"
    ],
    "a pass and a failure": [
        (
            f"Authentication-Results: {SERVER}; dmarc=fail header.from=pyk.example.go.id; "
            "dmarc=pass header.from=pyk.example.go.id"
        )
    ],
    "a pass for nobody": [f"Authentication-Results: {SERVER}; dmarc=pass"],
    "SPF and DKIM alone": [
        (
            f"Authentication-Results: {SERVER}; spf=pass smtp.mailfrom=pyk.example.go.id; "
            "dkim=pass header.d=pyk.example.go.id"
        )
    ],
    "an id that begins like ours": [
        f"Authentication-Results: {SERVER}.luar.example; dmarc=pass header.from=pyk.example.go.id"
    ],
    "a comment that never ends": [
        f"Authentication-Results: {SERVER}; ( dmarc=pass header.from=pyk.example.go.id"
    ],
}


@pytest.mark.parametrize("fields", RESULTS.values(), ids=RESULTS)
def test_nobody_writes_our_servers_verdict_in_its_place(scene: Scene, fields: list[str]) -> None:
    """Peers: Chen, Paxson and Jiang, "Composition Kills" (USENIX Security 2020): what one program wrote into
    Authentication-Results the next one read otherwise, at ten mail services and nineteen mail programs.
    """
    _trusting(scene.city)
    raw = "\r\n".join([*fields, ""]).encode() + scene.city.mail(ADMIN, ORDER, TAG)
    asked_back(futile(scene.city, raw, UNPROVEN))


def test_a_verdict_inside_an_attached_mail_is_not_ours(scene: Scene) -> None:
    """RFC 8601, section 4.1."""
    _trusting(scene.city)
    inner = f"Authentication-Results: {PASS}\r\n".encode() + scene.city.mail(ADMIN, ORDER, TAG)
    asked_back(futile(scene.city, _with_attached(scene.city, ADMIN, ORDER, inner, subject=TAG), UNPROVEN))


def test_a_stolen_id_is_void_where_our_server_says_forged(scene: Scene) -> None:
    _trusting(scene.city)
    failed = f"{SERVER}; dmarc=fail header.from=pyk.example.go.id"
    raw = scene.city.answer(scene.notification, ADMIN, ORDER, authentication_results=failed)
    asked_back(futile(scene.city, raw, "its id is void"))


@pytest.mark.parametrize(
    ("proof", "with_id", "with_dmarc", "done"),
    [
        *(("id", one, two, one) for one in (False, True) for two in (False, True)),
        *(("id or dmarc", one, two, one or two) for one in (False, True) for two in (False, True)),
        *(("id and dmarc", one, two, one and two) for one in (False, True) for two in (False, True)),
    ],
)
def test_a_desk_gets_just_the_proof_that_it_demands(
    scene: Scene, proof: str, with_id: bool, with_dmarc: bool, done: bool
) -> None:
    city = scene.city
    _trusting(city, proof)
    headers = {"authentication_results": PASS} if with_dmarc else {}
    cites = {"in_reply_to": str(scene.notification["Message-ID"])} if with_id else {}
    result = struck(city, city.mail(ADMIN, ORDER, TAG, **headers, **cites))
    assert (status(city) == "closed") is done
    assert (UNPROVEN in result.reason) is not done


# --- who is the author? -----------------------------------------------------------------------------------

_AT = "admin1@pyk.example.go.id"
AUTHORS: dict[str, str] = {
    "two addresses": f"{_AT}, mallory@luar.example",
    "two addresses, ours last": f"mallory@luar.example, {_AT}",
    "a name that is an address": f'"{_AT}" <mallory@luar.example>',
    "an encoded name that is an address": f"=?utf-8?q?{_AT.replace('@', '=40')}?= <mallory@luar.example>",
    "an encoded name that closes itself": (
        f"=?utf-8?b?{base64.b64encode(f'Admin <{_AT}>'.encode()).decode()}?= <mallory@luar.example>"
    ),
    "an encoded name with NUL behind it": (
        f"=?utf-8?b?{base64.b64encode(_AT.encode()).decode()}?==?utf-8?q?=00?= <mallory@luar.example>"
    ),
    "an encoded name with a line end behind it": (
        f"=?utf-8?q?{_AT.replace('@', '=40')}=0D=0AX:_x?= <mallory@luar.example>"
    ),
    "an address before the brackets": f"{_AT} <mallory@luar.example>",
    "two pairs of brackets": f"<{_AT}> <mallory@luar.example>",
    "two pairs of brackets, ours last": f"<mallory@luar.example> <{_AT}>",
    "a comment": f"mallory@luar.example ({_AT})",
    "a comment in front": f"({_AT}) mallory@luar.example",
    "a route": f"<@{_AT.partition('@')[2]}:mallory@luar.example>",
    "a quoted local part": f'"{_AT}"@luar.example',
    "an address inside an address": f"<{_AT}@luar.example>",
    "a letter that looks alike": "\u0430dmin1@pyk.example.go.id",
    "a domain that looks alike": "admin1@p\u0443k.example.go.id",
    "the same domain with more behind": f"{_AT}.luar.example",
    "a letter that folds to ours": "\u212aadis@pyk.example.go.id",
    "full width letters": "\uff41dmin1@pyk.example.go.id",
    "a zero-width space": "admin1\u200b@pyk.example.go.id",
    "a group with somebody else": f"Petugas: {_AT}, mallory@luar.example;",
    "an empty group": "Petugas:;",
    "nobody": "",
}


@pytest.mark.parametrize("author", AUTHORS.values(), ids=AUTHORS)
def test_nobody_passes_for_staff_by_how_from_is_written(scene: Scene, author: str) -> None:
    """Even with a stolen id, and with our server's word for the domain from which it really came.

    Peers: Mailsploit (2017), where more than thirty mail programs showed the encoded name and lost the
    address behind NUL; "Composition Kills", where of two authors one was checked and the other shown.
    """
    _trusting(scene.city)
    signed = f"{SERVER}; dmarc=pass header.from=luar.example"
    raw = answered_by(scene.city, scene.notification, "@@", ORDER, authentication_results=signed)
    result = futile(
        scene.city, raw.replace(b"From: @@", f"From: {author}".encode()), "", known=f"{author} {_AT}"
    )
    assert result.handling == "opened"
    assert all(one.template != "receipt" for one in result.sent)


def test_a_domain_that_only_folds_to_ours_is_not_ours(scene: Scene) -> None:
    """For casefold() and IDNA 2003 an eszett is "ss"; for IDNA 2008 and the registries another domain."""
    city = scene.city
    _trusting(city)
    city.tables["desks"]["kominfo"]["staff"][0]["aliases"].append("admin@strasse.example")
    signed = f"{SERVER}; dmarc=pass header.from=stra\u00dfe.example"
    raw = city.mail("admin@stra\u00dfe.example", ORDER, TAG, authentication_results=signed)
    futile(city, raw, "is not of it", TAG)


def test_two_from_fields_are_nobody(scene: Scene) -> None:
    """RFC 5322, section 3.6, allows one. Peers: "Composition Kills": one was checked, another shown."""
    raw = scene.city.answer(scene.notification, ADMIN, ORDER)
    futile(scene.city, f"From: {MALLORY}\r\n".encode() + raw, "no single author")
    twice = scene.city.answer(scene.notification, ADMIN, ORDER)
    futile(
        scene.city, twice.replace(b"Subject:", f"From: {MALLORY}\r\nSubject:".encode(), 1), "no single author"
    )


@pytest.mark.parametrize("field", ["sender", "reply_to", "return_path", "resent_from", "x_original_from"])
def test_only_from_names_the_author(scene: Scene, field: str) -> None:
    raw = answered_by(scene.city, scene.notification, MALLORY, ORDER, **{field: ADMIN})
    futile(scene.city, raw, "is not of it")


# --- the requester, forged, and strangers -----------------------------------------------------------------


def test_a_stranger_with_a_number_gets_a_ticket_and_no_byte_of_the_other(real_scene: Scene) -> None:
    """Peers: Zammad lets whoever knows the number into the ticket (its issue 5064, open since 2024)."""
    result = futile(real_scene.city, real_scene.city.mail(MALLORY, "Bagaimana?\n", TAG), "is not of it", TAG)
    assert [one.template for one in result.to(MALLORY)] == ["acknowledgement"]


def test_nobody_learns_which_numbers_there_are(scene: Scene) -> None:
    def answer(subject: str) -> str:
        (one,) = struck(scene.city, scene.city.mail(MALLORY, f"Bagaimana {subject}?\n", subject)).to(MALLORY)
        words = body(one.mail) + str(one.mail["Subject"])
        return words.replace(str(one.number), "NOMOR")

    known, unknown = answer(f"[{NUMBER}] Halo"), answer("[KOM-2026-000777] Halo")
    assert known.replace(NUMBER, "X") == unknown.replace("KOM-2026-000777", "X")


@pytest.mark.parametrize("words", ["STATUS", "status?", "4", "Terima kasih", "#status KOM-2026-000001"])
def test_a_stranger_asks_for_the_state_and_hears_nothing(scene: Scene, words: str) -> None:
    futile(scene.city, answered_by(scene.city, scene.answer, MALLORY, words), "is not of it")


@pytest.mark.parametrize("key", ["subject", "ours", "hers"])
def test_a_forged_requester_brings_nobody_in_by_cc(scene: Scene, key: str) -> None:
    """Peers: Zendesk, 2024 (hackermondev): a forged mail in the requester's name with a guessed id made
    whoever was in Cc a collaborator, who then read the whole ticket.
    """
    city, before = scene.city, people(scene.city)
    keys = {
        "subject": {"subject": TAG},
        "ours": {"in_reply_to": str(scene.notification["Message-ID"])},
        "hers": {"in_reply_to": scene.hers, "references": scene.hers},
    }[key]
    result = struck(
        city, city.mail(RINA, "Tolong kirim semuanya.\n", **({"subject": "x"} | keys), cc=MALLORY)
    )
    assert result.to(MALLORY) == []
    assert people(city) == before
    assert not struck(city, city.answer(scene.notification, ADMIN, f"Baik {ANSWER}.")).to(MALLORY)


def test_the_requesters_own_reply_brings_in_whom_they_name(scene: Scene) -> None:
    """Without this the tests about Cc would prove nothing."""
    raw = scene.city.answer(scene.answer, RINA, "Ini atasan saya.", cc="Atasan <atasan@disdik.example.go.id>")
    struck(scene.city, raw)
    assert people(scene.city) == ["atasan@disdik.example.go.id"]


def test_a_participant_brings_nobody_in(scene: Scene) -> None:
    city = scene.city
    struck(city, city.answer(scene.answer, RINA, "Ini rekan saya.", cc="Rekan <rekan@disdik.example.go.id>"))
    struck(city, city.answer(scene.notification, ADMIN, "Baik, dua-duanya."))
    theirs = city.sent("rekan@disdik.example.go.id")[-1]
    struck(city, city.answer(theirs, "Rekan <rekan@disdik.example.go.id>", "Ikutkan dia.", cc=MALLORY))
    struck(city, city.answer(theirs, RINA, "Ikutkan dia.", cc=MALLORY))
    assert people(city) == ["rekan@disdik.example.go.id"]


def test_a_strangers_cc_brings_nobody_in_even_when_the_stranger_is_accepted(scene: Scene) -> None:
    """Issue: nobody is added by a stranger's mail. The admin accepts one person, who is named to them."""
    city = scene.city
    result = struck(city, city.mail(MALLORY, "Saya juga.\n", TAG, cc=ACCOMPLICE))
    told = result.to(ADMIN)[-1].mail
    struck(city, city.answer(told, ADMIN, "#terima"))
    assert people(city) == [address(MALLORY)]


def test_desks_and_staff_in_cc_become_no_participants(scene: Scene) -> None:
    """Peers: PostHog looped on its own address as the requester (its issue 92017)."""
    everybody = ", ".join([KOMINFO, LPSE, *STAFF, KOMINFO.replace("@", "+x@")])
    struck(scene.city, scene.city.answer(scene.answer, RINA, "Semua.", cc=everybody))
    assert people(scene.city) == []


def test_reply_to_sends_no_acknowledgement_elsewhere(inside: Indoors) -> None:
    result = struck(inside, inside.mail(RINA, reply_to=MALLORY))
    assert [one.to for one in result.outside] == [address(RINA)]


def test_a_contact_form_sends_nothing_to_whom_it_names_until_staff_did(inside: Indoors) -> None:
    """Peers: the "Ticket Trick" (Inti De Ceukelaire, 2017): what a service mailed to a help desk, such as the
    link that opens the company's Slack, was read by whoever had claimed that service's noreply address there.
    """
    result = struck(inside, inside.mail("noreply@masuk.example", "Kode Anda 1234.\n", reply_to=MALLORY))
    assert result.outside == []


def test_reply_to_on_a_later_mail_changes_no_address(scene: Scene) -> None:
    city = scene.city
    struck(city, city.answer(scene.answer, RINA, "Masih.", reply_to=MALLORY))
    result = struck(city, city.answer(scene.notification, ADMIN, f"Sudah {ANSWER}.", reply_to=MALLORY))
    assert [one.to for one in result.outside] == [address(RINA)]


def test_subject_and_from_answer_no_survey_and_close_nothing(scene: Scene) -> None:
    city = scene.city
    struck(city, city.answer(scene.notification, ADMIN, "#selesai\nSudah."))
    for words in ("1", "1\n\n#tutup", "#spam"):
        struck(city, city.mail(RINA, words, TAG))
    (row,) = rows(city, "SELECT survey, status FROM ticket WHERE number = :number", number=NUMBER)
    assert row.survey is None
    assert row.status != "closed"


# --- staff who are requesters -----------------------------------------------------------------------------


def _own_complaint(city: City, words: str = "Printer saya rusak.\n") -> tuple[EmailMessage, str]:
    """The technician's; their acknowledgement, and the ticket."""
    result = struck(city, city.mail(TECHNICIAN, words, "Printer"))
    (mine,) = result.to(TECHNICIAN)
    assert mine.number is not None
    return mine.mail, mine.number


@pytest.mark.parametrize(
    "order", ["#selesai\nSudah.", "#tutup", "#prioritas 1", "#mulai", "#cc x@luar.example"]
)
def test_staff_work_on_no_complaint_of_their_own_by_its_acknowledgement(inside: Indoors, order: str) -> None:
    """It was sent to them as a requester: it proves who they are, and is no key to the ticket."""
    acknowledgement, number = _own_complaint(inside)
    before = standing(inside, number)
    result = struck(inside, inside.answer(acknowledgement, TECHNICIAN, order))
    assert standing(inside, number) == before
    assert [one.template for one in result.sent] == ["receipt"]
    assert "no_ticket" in result.reason


def test_who_complains_reads_no_note_about_the_complaint(inside: Indoors) -> None:
    acknowledgement, number = _own_complaint(inside)
    told = inside.sent(ADMIN)[-1]
    results = [
        struck(inside, inside.answer(told, ADMIN, f"#catatan\n{NOTE}")),
        struck(inside, inside.answer(told, ADMIN, "#rahasia")),
        struck(inside, inside.answer(acknowledgement, TECHNICIAN, "STATUS")),
        struck(inside, inside.answer(acknowledgement, TECHNICIAN, f"#status {number}")),
        struck(inside, inside.answer(acknowledgement, TECHNICIAN, "#daftar")),
    ]
    assert "no_such_ticket" in results[3].reason
    for one in (one for result in results for one in result.to(TECHNICIAN)):
        assert NOTE not in readable(one.mail)
        assert one.template != "list" or number not in readable(one.mail)


# --- confirmations ----------------------------------------------------------------------------------------


def _question(scene: Scene) -> EmailMessage:
    return asked_back(struck(scene.city, scene.city.mail(ADMIN, ORDER, TAG)))


def test_a_yes_of_the_real_person_does_it_once(scene: Scene) -> None:
    city, question = scene.city, _question(scene)
    struck(city, city.answer(question, ADMIN, "ya"))
    assert status(city) == "closed"
    struck(city, city.answer(scene.notification, ADMIN, "#buka"))
    result = struck(city, city.answer(question, ADMIN, "ya"))
    assert status(city) == "open"
    assert "answered this question before" in result.reason


def unsettled(scene: Scene, raw: bytes) -> None:
    """The question still waits for the real person, and nothing was done."""
    result = struck(scene.city, raw)
    assert status(scene.city) == "open"
    assert result.handling != "commanded"
    assert rows(scene.city, "SELECT 1 FROM confirmation WHERE settled_at IS NULL")


@pytest.mark.parametrize("thief", [MALLORY, RINA, TECHNICIAN, HEAD])
def test_a_stolen_question_is_not_answered_by_its_thief(scene: Scene, thief: str) -> None:
    unsettled(scene, scene.city.answer(_question(scene), thief, "ya"))


NO_YES = {
    "a machine": ("ya", {"auto_submitted": "auto-replied"}),
    "an absence notice that begins with yes": (
        "Ya, terima kasih atas surel Anda. Saya sedang cuti sampai 10 Agustus. Pesan otomatis.",
        {"precedence": "auto_reply", "x_autoreply": "yes"},
    ),
    "a program": ("ya", {"auto_submitted": "auto-generated"}),
}


@pytest.mark.parametrize(("text", "headers"), NO_YES.values(), ids=NO_YES)
def test_a_machine_never_says_yes(scene: Scene, text: str, headers: dict[str, str]) -> None:
    question = _question(scene)
    result = struck(scene.city, scene.city.answer(question, ADMIN, text, **headers))
    assert (status(scene.city), result.handling) == ("open", "filed")


@pytest.mark.parametrize(
    "text", ["", "Bukan saya!", "bukan\nya", "Maksudnya?\n\n> ya", "yakin bukan", "tidak, ya"]
)
def test_anything_but_a_yes_discards_it_and_the_admins_hear(scene: Scene, text: str) -> None:
    city, question = scene.city, _question(scene)
    result = struck(city, city.answer(question, ADMIN, text))
    assert status(city) == "open"
    assert [one.to for one in result.sent] == [ALERTS]
    later = struck(city, city.answer(question, ADMIN, "ya"))
    assert status(city) == "open"
    assert "answered this question before" in later.reason


def test_a_yes_after_a_day_comes_too_late(scene: Scene) -> None:
    city, question = scene.city, _question(scene)
    city.now += timedelta(hours=24, seconds=1)
    result = struck(city, city.answer(question, ADMIN, "ya"))
    assert status(city) == "open"
    assert "more than a day ago" in result.reason


def test_a_yes_within_the_day_is_in_time(scene: Scene) -> None:
    city, question = scene.city, _question(scene)
    city.now += timedelta(hours=24)
    struck(city, city.answer(question, ADMIN, "ya"))
    assert status(city) == "closed"


def test_a_forged_yes_without_the_questions_id_is_none(scene: Scene) -> None:
    _question(scene)
    unsettled(scene, scene.city.mail(ADMIN, "ya", "Re: Konfirmasi"))
    unsettled(scene, scene.city.answer(scene.answer, ADMIN, "ya"))


# --- commands where nobody sees them ----------------------------------------------------------------------


def _answer_html(scene: Scene, html: str) -> bytes:
    return scene.city.mail(
        ADMIN,
        f"<html><body>{html}</body></html>\n",
        TAG,
        in_reply_to=str(scene.notification["Message-ID"]),
        mime_version="1.0",
        content_type="text/html; charset=utf-8",
    )


HIDDEN = {
    "no size": '<p>Baik.</p><div style="font-size:0">#tutup SELUNDUPAN</div>',
    "display none": '<p>Baik.</p><div style="display:none">#tutup SELUNDUPAN</div>',
    "display none, otherwise": '<p>Baik.</p><div style="color:red; DISPLAY : NONE">#tutup SELUNDUPAN</div>',
    "invisible": '<p>Baik.</p><div style="visibility: hidden">#tutup SELUNDUPAN</div>',
    "the attribute": "<p>Baik.</p><div hidden>#tutup SELUNDUPAN</div>",
    "transparent": '<p>Baik.</p><div style="opacity:0">#tutup SELUNDUPAN</div>',
    "a comment": "<p>Baik.</p><!-- <div>#tutup SELUNDUPAN</div> -->",
    "a script": "<p>Baik.</p><script>'#tutup SELUNDUPAN'</script>",
    "a title": "<head><title>#tutup SELUNDUPAN</title></head><p>Baik.</p>",
    "an attribute": '<p title="#tutup SELUNDUPAN">Baik.</p>',
}


@pytest.mark.parametrize("html", HIDDEN.values(), ids=HIDDEN)
def test_what_a_person_cannot_see_is_neither_done_nor_relayed(scene: Scene, html: str) -> None:
    """Peers: "Re: What's Up Johnny?" (Müller and others, 2019): hidden parts made mail programs send what
    their owner never saw.
    """
    result = struck(scene.city, _answer_html(scene, html))
    assert status(scene.city) == "open"
    (relayed,) = result.to(RINA)
    assert "Baik." in readable(relayed.mail)
    assert "SELUNDUPAN" not in readable(relayed.mail)
    assert "#tutup" not in readable(relayed.mail)


def test_a_command_counts_only_where_staff_write(scene: Scene) -> None:
    """In the subject, the quote, the signature: what stands there may be anybody's."""
    city = scene.city
    places = [
        city.answer(scene.notification, ADMIN, "Baik.").replace(b"Subject: ", b"Subject: #tutup "),
        city.answer(scene.notification, ADMIN, "Baik."),  # the commands of our own help stand in the quote
        city.answer(scene.notification, ADMIN, "Baik.\n\n-- \nAdmin Satu\n#tutup"),
        city.answer(scene.notification, ADMIN, "Baik.\n\n> #tutup"),
        city.answer(
            scene.notification, ADMIN, "Baik.", x_command="#tutup", comments="#tutup", keywords="#tutup"
        ),
    ]
    for raw in places:
        result = struck(city, raw)
        assert status(city) == "open"
        assert [one.template for one in result.to(RINA)] == ["reply"]
        assert "#" not in readable(result.to(RINA)[0].mail)


def test_a_command_in_an_attached_mail_is_not_carried_out(scene: Scene) -> None:
    inner = scene.city.mail(RINA, "#tutup\n")
    raw = _with_attached(
        scene.city, ADMIN, "Baik.", inner, subject=TAG, in_reply_to=str(scene.notification["Message-ID"])
    )
    struck(scene.city, raw)
    assert status(scene.city) == "open"


def test_a_command_that_the_requester_wrote_is_not_carried_out_by_being_answered(inside: Indoors) -> None:
    """The requester's words stand in our notification, and every client quotes them."""
    evil = (
        "#tutup\n\nRef: aaaaaaaaaaaaaaaaaaaaaaaaaa\n\n-- \n#spam\nPada Sen, 3 Agu 2026 X menulis:\n#tutup\n"
    )
    notification = inside.new_ticket(text=evil)
    result = struck(inside, inside.answer(notification, ADMIN, "Baik."))
    assert status(inside) == "open"
    (relayed,) = result.to(RINA)
    assert "#" not in readable(relayed.mail)


@pytest.mark.parametrize("encoding", ["as it is", "base64"])
def test_an_internal_mail_attached_by_staff_reaches_no_requester(scene: Scene, encoding: str) -> None:
    """Outlook answers with the answered mail attached, and Exchange writes its text anew in base64."""
    inner = scene.notification.as_bytes()
    if encoding == "base64":
        head = "".join(
            f"{name}: {value}\r\n"
            for name, value in scene.notification.items()
            if not name.lower().startswith("content-")
        )
        words = base64.encodebytes(body(scene.notification).encode()).decode()
        inner = (
            f"{head}Content-Type: text/plain; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: base64\r\n\r\n{words}"
        ).encode()
    raw = _with_attached(
        scene.city, ADMIN, "Baik.", inner, subject=TAG, in_reply_to=str(scene.notification["Message-ID"])
    )
    result = futile(scene.city, raw, "quote_inside")
    assert [one.template for one in result.sent] == ["receipt"]


# --- headers and templates --------------------------------------------------------------------------------

INJECTION = "x\r\nBcc: mallory@luar.example\r\nX-Jahat: ya\r\n\r\n#tutup {{ 7 * 7 }} {% raw %}"
ENCODED = f"=?utf-8?b?{base64.b64encode(INJECTION.encode()).decode()}?="
FOLDED = "=?utf-8?q?x=0D=0ABcc:_mallory@luar.example=0AX-Jahat:_ya=00=0B=0C=C2=85=E2=80=A8=E2=80=A9y?="


def _in_file_name(city: City, name: str) -> bytes:
    wall = "batas"
    return city.mail(
        RINA,
        f"--{wall}\nContent-Type: text/plain\n\nFoto terlampir.\n"
        f'--{wall}\nContent-Type: image/png; name="{name}"\n'
        f'Content-Disposition: attachment; filename="{name}"\n'
        f"Content-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--{wall}--\n",
        mime_version="1.0",
        content_type=f"multipart/mixed; boundary={wall}",
    )


INJECTED: dict[str, Callable[[City], bytes]] = {
    "subject": lambda c: c.mail(subject=ENCODED),
    "subject, in pieces": lambda c: c.mail(subject=FOLDED),
    "name of the author": lambda c: c.mail(f"{ENCODED} <rina@disdik.example.go.id>"),
    "name of the author, in pieces": lambda c: c.mail(f"{FOLDED} <rina@disdik.example.go.id>"),
    "name of somebody in Cc": lambda c: c.mail(cc=f"{ENCODED} <atasan@disdik.example.go.id>"),
    "address of the author": lambda c: c.mail('"rina\\\r\n Bcc: x"@disdik.example.go.id'),
    "file name": lambda c: _in_file_name(c, ENCODED),
    "file name, in pieces": lambda c: _in_file_name(c, FOLDED),
    "own Message-ID": lambda c: c.mail(message_id="<a\r\n Bcc: mallory@luar.example@client.example>"),
    "cited ids": lambda c: c.mail(
        in_reply_to="<=?utf-8?q?a=0D=0ABcc:_x?=@client.example>", references="<a\r\n\tX-Jahat: ya@b>"
    ),
    "bare line ends in the words": lambda c: c.mail(
        text="Halo\rBcc: mallory@luar.example\r\r.\r\nX-Jahat: ya\n"
    ),
    "forwarded subject and author": lambda c: c.mail(
        TECHNICIAN,
        f"---------- Forwarded message ---------\nDari: {ENCODED} <budi@luar.example>\n"
        f"Date: Sen, 3 Agu 2026 08.00\nSubject: {ENCODED}\nTo: <doni@pyk.example.go.id>\n\nTolong.\n",
        f"Fwd: {ENCODED}",
    ),
}


def _well_formed(city: City) -> None:
    """Every mail that was composed has our headers, each once, and one recipient."""
    for row in rows(city, "SELECT recipient, raw FROM outbox"):
        raw = bytes(row.raw)
        head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
        names = [
            line.partition(":")[0].lower() for line in head.split("\r\n") if not line.startswith((" ", "\t"))
        ]
        assert set(names) <= HEADERS
        assert len(names) == len(set(names))
        assert "\r" not in head.replace("\r\n", "")
        assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")
        assert [one.addr_spec for one in parsed(raw)["To"].addresses] == [row.recipient]


@pytest.mark.parametrize("attack", INJECTED.values(), ids=INJECTED)
def test_no_field_of_a_mail_writes_a_header_of_ours(inside: Indoors, attack: Callable[[City], bytes]) -> None:
    """An encoded line end is one again where it is decoded. Peers: Mailsploit."""
    city = inside
    struck(city, attack(city))
    told = city.sent(ADMIN)[-1]
    for order in (f"Baik {ENCODED}.", "#mulai", "#tanya\nKapan?", "#selesai\nSudah.", "#lampiran", "#status"):
        struck(city, city.answer(told, ADMIN, order))
    for mail in city.sent():
        assert "49" not in str(mail["Subject"])
    _well_formed(city)


LINES = "x\x0bBcc: mallory@luar.example\x85X-Jahat: ya\u2028y\x00z {{ 7 * 7 }}"


@pytest.mark.parametrize(
    "order",
    [
        f"#kategori {LINES}",
        f"#jenis {LINES}",
        f"#tugas {LINES}",
        f"#cc {LINES}@luar.example",
        f"#lkpp {LINES}",
        f"#gabung {LINES}",
        f"#status {LINES}",
        f"#tenggat besok 10.00 {LINES}",
        f"#{LINES}",
        f"#lapor\nNama: {LINES}\nTelepon: 08123456789\nAlamat: {LINES}\nEmail: x@a.example\nKeluhan: {LINES}",
        f"#lapor\nNama: Budi\nTelepon: 08123456789\nAlamat: Jl. A\nEmail: x@luar.example{LINES}\nKeluhan: A",
    ],
)
def test_no_argument_of_a_command_writes_a_header_of_ours(scene: Scene, order: str) -> None:
    struck(scene.city, scene.city.answer(scene.notification, ADMIN, order))
    struck(scene.city, scene.city.answer(scene.notification, ADMIN, "#daftar"))
    _well_formed(scene.city)


def test_one_of_our_own_ids_with_a_line_end_is_no_id(scene: Scene) -> None:
    token = _cut(scene.notification).strip("<>").partition("@")[0]
    for cited in (
        f"<{token[:13]}\r\n {token[13:]}@pyk.example.go.id>",
        f"<{token}\r\n\tBcc: x@luar.example>",
    ):
        struck(scene.city, scene.city.mail(MALLORY, "Halo.\n", "Halo", in_reply_to=cited))
    _well_formed(scene.city)
    assert status(scene.city) == "open"


# --- machines, forged -------------------------------------------------------------------------------------


def test_a_forged_bounce_tells_nobody_that_the_holder_is_gone(scene: Scene) -> None:
    """The id of a mail to the requester, and the holder as the recipient who does not exist."""
    for mail in (scene.acknowledgement, scene.answer):
        result = futile(scene.city, bounce(mail, address(ADMIN)), "a delivery report on nothing that we sent")
        assert result.sent == ()


def test_a_forged_bounce_on_a_guessed_id_does_nothing(scene: Scene) -> None:
    raw = bounce(scene.notification, address(ADMIN)).replace(
        str(scene.notification["Message-ID"]).encode(), b"<aaaaaaaaaaaaaaaaaaaaaaaaaa@pyk.example.go.id>"
    )
    assert futile(scene.city, raw, "a delivery report on nothing that we sent").sent == ()


def test_a_forged_bounce_stops_no_clock(quick_city: City) -> None:
    """Whoever knows another mail of the ticket cannot void the notice that the repair begins."""
    furnish(quick_city.tables["desks"])
    scene = play(quick_city)
    struck(quick_city, quick_city.answer(scene.notification, ADMIN, "#jenis ANT\n#mulai"))
    (before,) = rows(quick_city, "SELECT notified_at, due_at FROM ticket")
    assert before.due_at is not None
    result = struck(quick_city, bounce(scene.answer, "rekan@disdik.example.go.id"))
    (after,) = rows(quick_city, "SELECT notified_at, due_at FROM ticket")
    assert after == before
    assert "on nothing that we sent" in result.reason


def test_a_forged_absence_of_the_holder_is_told_to_nobody(scene: Scene) -> None:
    raw = scene.city.mail(ADMIN, "Saya sedang cuti.", "Automatic reply", auto_submitted="auto-replied")
    result = futile(scene.city, raw, "a machine answered")
    assert result.sent == ()


# --- silenced and added people ----------------------------------------------------------------------------


def test_nobody_silences_staff_or_a_desk(inside: Indoors) -> None:
    """A forged ticket in their name is junk, and their own mail must arrive all the same."""
    for author in (TECHNICIAN, LPSE, KOMINFO):
        struck(inside, inside.mail(author, "Beli obat murah!\n", f"Obat {author}"))
        told = inside.sent(ADMIN)[-1]
        result = struck(inside, inside.answer(told, ADMIN, "#spam"))
        assert "not_blockable" in result.reason
    with inside.store() as store, store.reading() as look:
        assert blocks.listed(look, None) == []


def test_a_silenced_sender_reaches_nobody_and_hears_nothing(inside: Indoors) -> None:
    struck(inside, inside.mail(MALLORY, "Beli obat murah!\n", "Obat"))
    told = inside.sent(ADMIN)[-1]
    struck(inside, inside.answer(told, ADMIN, "#spam"))
    for subject in ("Obat lagi", TAG):
        result = struck(inside, inside.mail(MALLORY.upper(), "Beli!\n", subject))
        assert result.sent == ()
        assert "silenced" in result.reason


@pytest.mark.parametrize(
    "who", [*map(address, STAFF), KOMINFO, LPSE, KOMINFO.upper(), KOMINFO.replace("@", "+a@")]
)
def test_staff_and_desks_are_made_no_participants(scene: Scene, who: str) -> None:
    result = struck(scene.city, scene.city.answer(scene.notification, ADMIN, f"#cc {who}"))
    assert "not_an_address" in result.reason
    assert people(scene.city) == []


@pytest.mark.parametrize(
    "order", ["#spam", "#gabung KOM-2026-000002", "#rahasia", "#pisah", "#laporan 2026-08"]
)
def test_a_technician_does_nothing_that_is_for_admin_and_head(scene: Scene, order: str) -> None:
    city = scene.city
    struck(city, city.answer(scene.notification, ADMIN, "#tugas doni"))
    theirs = city.sent(TECHNICIAN)[-1]
    before = standing(city)
    result = struck(city, city.answer(theirs, TECHNICIAN, order))
    assert standing(city) == before
    assert "not_allowed" in result.reason
