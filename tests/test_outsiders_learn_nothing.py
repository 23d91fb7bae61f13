"""Whatever outsiders write and staff do: what reaches an outsider is theirs to read.

Every text carries a marker that stands nowhere else, so that a leak names itself. The examples are few in an
ordinary run; MAILGATE_EXAMPLES sets how many, such as 5000.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from itertools import count
from typing import Any

from city import ADMIN, ADMIN_PRIVATE, ALERTS, HEAD, KOMINFO, RINA, TECHNICIAN, address, body, parsed
from evidence import rows
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from indoors import Indoors, indoors

from mailgate.message.ids import is_outbox_id

BUDI = "Budi Utomo <budi@dinkes.example.go.id>"
SITI = "Siti <siti@disdik.example.go.id>"
MALLORY = "Mallory <mallory@luar.example>"
OUTSIDERS = (RINA, BUDI, SITI, MALLORY)
STAFF = (ADMIN, TECHNICIAN, HEAD)
INSIDE = {*map(address, STAFF), ALERTS}
PERSON = {address(one): address(one) for one in (*OUTSIDERS, *STAFF)} | {
    address(ADMIN_PRIVATE): address(ADMIN)
}
"""Whose mailbox it is, aliases included."""
OURS = (*map(address, (*STAFF, ADMIN_PRIVATE)), "Admin Satu", "Doni", "Bu Kadis")
"""What no outsider is told of staff: addresses and, with `show_staff_names` off, names."""
MARKER = re.compile(r"(?:KATA|SUBJEK)\d+X")
ID = re.compile(r"(?<![a-z2-7])[a-z2-7]{26}(?![a-z2-7])")
COMMAND = re.compile(r"[#＃]\s*[A-Za-z]")
IN_COPY = (*OUTSIDERS, ADMIN_PRIVATE, KOMINFO)

# What people write; {} is the marker.
SAID = ("Masih mati, {}.", "STATUS", "1", "4", "Terima kasih", "masih belum bisa {}", "#tutup\n{}", "#spam")
DONE = (
    *("#catatan\n{}", "#eskalasi {}", "#rahasia\n{}", "#slesai\n{}", "#selesai\n#catatan\n{}", "#tutup\n{}"),
    *("#ambil", "#kembalikan\n{}", "#kategori aplikasi", "#tugas Doni", "#buka\n{}", "#bantuan", "#daftar"),
    *("#gabung KOM-2026-000001", "#gabung KOM-2026-000002", "#gabung KOM-2026-000003", "#terima", "#tolak"),
    *("#kait KOM-2026-000001\n{}", "#pisah", "#lampiran", "#status KOM-2026-000001", "#laporan", "#lkpp {}"),
    *("#cc budi@dinkes.example.go.id\n{}", "#cc mallory@luar.example", "#diberitahukan\n{}", "#spam\n{}"),
)
"""Nothing of it is for anybody outside."""
PLAIN = (
    *("{}", "{} Hubungi admin1@pyk.example.go.id atau Admin.Satu@mail.example.", "{}\n\n-- \nAdmin Satu"),
    "#ambil\n{}",
)
"""For the requester and whoever belongs to the ticket; from the head a note."""
TOLD = ("#selesai\n{}", "#tanya\n{}", "#mulai\n{}", "#tenggat 31/8 14.00 {}", "#selesai {}")
"""For them, whoever writes it."""


@dataclass(frozen=True, slots=True)
class Writes:
    """An outsider writes; whoever knows a mail of ours may cite it, and under any outsider's name."""

    author: str
    words: str
    cites: int | None
    """Which of all the mails that there are; of those to outsiders where the name is one of the staff."""
    own: bool
    """Rather one that was sent to that name."""
    quotes: bool
    by_ref: bool
    """The id of a mail of ours stands in the text alone."""
    tag: int | None
    cc: tuple[str, ...]
    reply_to: str | None


@dataclass(frozen=True, slots=True)
class Acts:
    """One of the staff answers a mail that they have."""

    staff: str
    words: str
    answers: int
    bare: bool
    """Their mail program does not mark what it quotes."""

    @property
    def is_public(self) -> bool:
        return self.words in TOLD or (self.words in PLAIN and self.staff != HEAD)


writes = st.builds(
    Writes,
    author=st.sampled_from([*OUTSIDERS, *OUTSIDERS, ADMIN, TECHNICIAN]),
    words=st.sampled_from(SAID),
    cites=st.integers(0, 9) | st.integers(0, 40) | st.none(),
    own=st.sampled_from([True, True, False]),
    quotes=st.booleans(),
    by_ref=st.booleans(),
    tag=st.none() | st.integers(1, 4),
    cc=st.lists(st.sampled_from(IN_COPY), max_size=2, unique=True).map(tuple),
    reply_to=st.none() | st.sampled_from(OUTSIDERS),
)
acts = st.builds(
    Acts,
    staff=st.sampled_from([ADMIN, ADMIN, ADMIN, TECHNICIAN, HEAD]),
    words=st.sampled_from(DONE) | st.sampled_from([*PLAIN, *TOLD]),
    answers=st.integers(0, 20),
    bare=st.sampled_from([False, False, False, True]),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One mail of ours."""

    token: str
    to: str
    staff: bool
    mail: EmailMessage

    @property
    def message_id(self) -> str:
        return str(self.mail["Message-ID"])


@dataclass
class World:
    """What happened, and who may know what of it. It learns of tickets from what people did, and of nothing
    that mailgate decided but on which ticket a mail went.
    """

    city: Indoors
    numbers: Iterator[int] = field(default_factory=count)
    sent: list[Sent] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)
    """Message-ID -> address of its author."""
    people: dict[str, set[str]] = field(default_factory=dict)
    """Ticket -> who belongs to it."""
    owner: dict[str, str] = field(default_factory=dict)
    """Ticket -> its requester."""
    subjects: dict[str, str] = field(default_factory=dict)
    """Marker -> author; a ticket's subject is also for whoever belongs to the ticket."""
    merged: dict[str, str] = field(default_factory=dict)

    # --- what happens ---

    def step(self, one: Writes | Acts) -> None:
        self.city.now += timedelta(minutes=1)
        match one:
            case Writes():
                self._written(one)
            case Acts():
                self._acted(one)

    def opens(self, author: str, cc: tuple[str, ...] = ()) -> None:
        self.step(Writes(author, SAID[0], None, False, False, False, None, cc, None))

    def _written(self, one: Writes) -> None:
        marker, subject = self._marker("KATA"), self._marker("SUBJEK")
        cited = self._cited(one)
        text = one.words.format(marker)
        headers = {"cc": ", ".join(one.cc), "reply_to": one.reply_to or ""}
        if cited is not None and one.by_ref:
            text += f"\n\nRef: {cited.strip('<>').partition('@')[0]}"
        elif cited is not None:
            headers |= {"in_reply_to": cited}
        if one.quotes and (mail := next((m for m in self.sent if m.message_id == cited), None)):
            text += "\n\nPada Sen, 3 Agu 2026 pukul 09.12 Meja <m@x.example> menulis:\n" + _quoted(mail.mail)
        tag = f"Re: [KOM-2026-{one.tag:06}] " if one.tag else ""
        leads = tag[5:20] in self.people or self._leads_to_a_ticket(cited, one)
        number, handling = self._received(one.author, text, tag + subject, headers)
        author = self.subjects[subject] = address(one.author)
        if handling == "opened" and number is not None:
            self.owner[number], self.people[number] = author, {author}
            if not leads:
                self.people[number] |= set(map(address, one.cc))
        elif number in self.people and author == self.owner[number] and self._was_sent_to(cited, author):
            self.people[number] |= set(map(address, one.cc))
        self._look(public=None, readers=set())

    def _acted(self, one: Acts) -> None:
        theirs = [mail for mail in self.sent if mail.to == address(one.staff)]
        if not theirs:
            return
        mail = theirs[-1 - one.answers % len(theirs)]
        marker = self._marker("KATA")
        text = one.words.format(marker)
        quote = body(mail.mail) if one.bare else _quoted(mail.mail)
        introduced = "" if one.bare else "Pada Sen, 3 Agu 2026 pukul 09.12 Meja <m@x.example> menulis:\n"
        number, _ = self._received(
            one.staff,
            f"{text}\n\n{introduced}{quote}",
            f"Re: {mail.mail['Subject']}",
            {"in_reply_to": mail.message_id},
        )
        self._note_merged()
        for joined in re.findall(r"^#cc (\S+)", one.words, re.MULTILINE):
            if number is not None:
                self.people[self._survivor(number)].add(joined)
        readers = self.people[self._survivor(number)] if number is not None else set()
        self._look(public=marker if one.is_public else None, readers=readers)

    def _received(
        self, author: str, text: str, subject: str, headers: dict[str, str]
    ) -> tuple[str | None, str]:
        message_id = f"<surat{next(self.numbers)}@client.example>"
        self.written[message_id] = PERSON[address(author)]
        self.city.receive(
            self.city.mail(
                author,
                text + "\n",
                " ".join(subject.split()),
                message_id=message_id,
                return_path="",
                **headers,
            )
        )
        self.city.run()
        (row,) = rows(self.city, "SELECT state, reason, number, handling FROM mail ORDER BY id DESC LIMIT 1")
        assert row.state == "decided", row.reason
        return row.number, row.handling

    def _marker(self, kind: str) -> str:
        return f"{kind}{next(self.numbers)}X"

    def _cited(self, one: Writes) -> str | None:
        if one.cites is None:
            return None
        forged = address(one.author) in INSIDE
        known = [
            *(mail.message_id for mail in self.sent if not (forged and mail.staff)),
            *(key for key, author in self.written.items() if author not in INSIDE),
        ]
        own = [mail.message_id for mail in self.sent if mail.to == address(one.author)]
        chosen = own if own and one.own and not forged else known
        return chosen[-1 - one.cites % len(chosen)]

    def _leads_to_a_ticket(self, cited: str | None, one: Writes) -> bool:
        found = rows(
            self.city,
            "SELECT message_id FROM outbox WHERE number IS NOT NULL AND message_id = :cited "
            "UNION SELECT message_id FROM mail "
            "WHERE number IS NOT NULL AND message_id = :cited AND NOT :by_ref",
            cited=(cited or "").strip("<>"),
            by_ref=one.by_ref,
        )
        return bool(found)

    def _was_sent_to(self, cited: str | None, person: str) -> bool:
        return any(mail.message_id == cited and mail.to == person for mail in self.sent)

    def _note_merged(self) -> None:
        found = rows(self.city, "SELECT number, merged_into FROM ticket WHERE merged_into IS NOT NULL")
        for row in found:
            if self.merged.get(row.number) != row.merged_into:
                self.people[row.merged_into] |= self.people[row.number]
        self.merged = {row.number: row.merged_into for row in found}
        for row in rows(self.city, "SELECT number, requester_address FROM ticket"):
            if row.number not in self.people:  # split from another
                self.owner[row.number] = row.requester_address
                self.people[row.number] = {row.requester_address}

    def _survivor(self, number: str) -> str:
        while number in self.merged:
            number = self.merged[number]
        return number

    # --- what must be true ---

    def _look(self, public: str | None, readers: set[str]) -> None:
        found = rows(
            self.city,
            "SELECT token, recipient, audience, raw FROM outbox WHERE seq > :seen ORDER BY seq",
            seen=len(self.sent),
        )
        new = [
            Sent(row.token, row.recipient, row.audience != "requester", parsed(bytes(row.raw)))
            for row in found
        ]
        self.sent += new
        assert len({mail.token for mail in self.sent}) == len(self.sent)
        for mail in new:
            self._is_on_their_own_thread(mail)
            if mail.to not in INSIDE:
                self._is_theirs_to_read(mail, public, readers)
        self._nobody_else_belongs_to_a_ticket()

    def _is_on_their_own_thread(self, sent: Sent) -> None:
        assert [one.addr_spec for one in sent.mail["To"].addresses] == [sent.to]
        assert sent.mail["Cc"] is None
        assert sent.mail["Bcc"] is None
        known = {mail.message_id for mail in self.sent if mail.to == sent.to}
        known |= {key for key, author in self.written.items() if author == sent.to}
        cited = f"{sent.mail['In-Reply-To'] or ''} {sent.mail['References'] or ''}".split()
        assert [one for one in cited if one not in known] == []

    def _is_theirs_to_read(self, sent: Sent, public: str | None, readers: set[str]) -> None:
        words = _readable(sent.mail)
        for marker in MARKER.findall(words):
            if marker in self.subjects:
                assert sent.to in {self.subjects[marker], *self._readers_of_subject(marker)}, marker
            else:
                assert marker == public, f"{marker} was told to {sent.to}"
                assert sent.to in readers, f"{marker} is not for {sent.to}"
        assert [one for one in OURS if one.casefold() in words.casefold()] == []
        assert COMMAND.search(words) is None
        theirs = {mail.token for mail in self.sent if mail.to == sent.to}
        every = {mail.token for mail in self.sent}
        assert [one for one in ID.findall(words) if one in every and one not in theirs] == []

    def _readers_of_subject(self, marker: str) -> set[str]:
        tickets = rows(self.city, "SELECT number FROM ticket WHERE subject LIKE :some", some=f"%{marker}%")
        return {one for row in tickets for one in self.people[row.number]}

    def _nobody_else_belongs_to_a_ticket(self) -> None:
        for row in rows(self.city, "SELECT number, requester_address, participants FROM ticket"):
            belong = re.findall(r'"address": "([^"]+)"', str(row.participants))
            assert {row.requester_address, *belong} <= self.people[row.number], row.number


def _quoted(mail: EmailMessage) -> str:
    return "".join(f"> {line}\n" for line in body(mail).splitlines())


def _readable(mail: EmailMessage) -> str:
    """All that a recipient can read of it, headers and attachments decoded."""
    parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    words = [one.decode("utf-8", "replace") for one in parts if isinstance(one, bytes)]
    return "\n".join([*(f"{name}: {value}" for name, value in mail.items()), *words])


LIMITS: dict[str, Any] = {
    "acks_per_sender_per_hour": 1000,
    "notices_per_sender_per_hour": 1000,
    "automatic_per_desk_per_hour": 10_000,
    "same_subject_per_hour": 1000,
}
"""No brake hides a leak."""


@settings(
    max_examples=int(os.environ.get("MAILGATE_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.reuse, Phase.generate, Phase.shrink],  # to explain a failure takes minutes
)
@given(st.lists(writes | writes | acts, min_size=4, max_size=12))
def test_no_outsider_reads_what_is_not_theirs(steps: list[Writes | Acts]) -> None:
    with indoors() as city:
        city.tables["limits"] |= LIMITS
        world = World(city)
        world.opens(RINA, (SITI,))
        world.opens(BUDI)
        world.step(Acts(ADMIN, "{}", answers=1, bare=False))
        for one in steps:
            world.step(one)


def test_the_ids_that_are_looked_for_are_those_that_are_written() -> None:
    with indoors() as city:
        city.new_ticket()
        (row, *_) = rows(city, "SELECT token FROM outbox")
        assert ID.fullmatch(row.token)
        assert is_outbox_id(row.token)
