"""Does every command of the table do what it says, and nothing else, whichever program it is typed in?

A row is one staff mail about a ticket of its own. All rows of a style are played together in one city; the
notification that is answered, its help text included, stands quoted below each of them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from city import (
    ADMIN,
    ADMIN_TWO,
    HEAD,
    LPSE_ADMIN,
    LPSE_HEAD,
    MONDAY,
    NETWORK_TECHNICIAN,
    PPE,
    SECURITY_TECHNICIAN,
    TECHNICIAN,
    WIB,
    City,
    address,
    body,
    furnish,
    parsed,
    tables,
)
from clients import Style, id_of, reply
from servers.dovecot import Dovecot
from servers.sink import Sink
from sqlalchemy import Connection, select

from mailgate.store import blocks, schema, tickets
from mailgate.store.tickets import Said, Ticket

NOW = MONDAY + timedelta(minutes=20)
"""When the last mail of every row arrives; the ticket is twenty minutes old."""
REQUESTER, NEIGHBOUR, STRANGER = "requester", "neighbour", "stranger"
INSIDE = "DAPUR"
"""Stands in all words that are for colleagues alone."""
PICTURE = bytes(range(256)) * 8
STAFF = (
    *(ADMIN, ADMIN_TWO, TECHNICIAN, NETWORK_TECHNICIAN, SECURITY_TECHNICIAN, HEAD),
    *(LPSE_ADMIN, PPE, LPSE_HEAD),
)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of ours, as the submission server got it."""

    template: str
    to: str
    mail: EmailMessage

    @property
    def text(self) -> str:
        """Its words without their line ends."""
        return " ".join(body(self.mail).split())


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one row."""

    row: "Row"
    place: int
    typed: str
    """As it was sent."""
    before: Ticket
    ticket: Ticket
    other: Ticket | None
    """The neighbour's ticket, or the stranger's."""
    new: Ticket | None
    """The one that the mail opened."""
    links: tuple[str, ...]
    said: tuple[Said, ...]
    mails: tuple[Mail, ...]
    """All that the last mail of the row caused."""
    blocked: bool

    @property
    def receipt(self) -> str:
        (one,) = [mail for mail in self.mails if mail.template == "receipt"]
        assert one.to == address(self.row.by)
        return one.text

    def to(self, whom: str) -> list[Mail]:
        """Beside receipts and lists."""
        wanted = address(_mailbox(whom, self.place))
        return [one for one in self.mails if one.to == wanted and one.template not in ("receipt", "list")]

    def only(self, whom: str) -> Mail:
        (one,) = self.to(whom)
        return one

    def told(self) -> set[str]:
        """Who got a mail, the receipt aside."""
        return {one.to for one in self.mails if one.template not in ("receipt", "list")}

    @property
    def outside(self) -> list[Mail]:
        return [one for one in self.mails if one.to not in map(address, STAFF)]


Check = Callable[[Seen], None]
Step = tuple[str, str]
"""Who writes, and what."""


@dataclass(frozen=True, slots=True)
class Row:
    """One staff mail, and what must come of it."""

    name: str
    typed: str
    """{other} is the neighbour's number, {serial} the end of it, {own} the ticket's."""
    check: Check
    by: str = ADMIN
    before: Sequence[Step] = ()
    desk: str = "kominfo"
    file: bool = False
    """The ticket came with a picture."""

    @property
    def has_neighbour(self) -> bool:
        return "{other}" in self.typed or "{serial}" in self.typed or self.name.startswith("undoing")


ROWS: list[Row] = []


def row(
    *typed: str, by: str = ADMIN, before: Sequence[Step] = (), desk: str = "kominfo", file: bool = False
) -> Callable[[Check], Check]:
    """The check holds for each of these mails: the Indonesian word, the alias, other spellings."""

    def added(check: Check) -> Check:
        for words in typed:  # one by one: each name depends on those before
            ROWS.append(Row(_name(check, words), words, check, by, before, desk, file))  # noqa: PERF401  # a loop
        return check

    return added


def _name(check: Check, typed: str) -> str:
    """The sentence that the check is, and where it holds for several mails, which."""
    wanted = check.__name__
    if check.__qualname__.startswith(_refused.__name__):
        wanted += "_by_" + re.sub(r"\W+", "_", typed).strip("_")[:40]
    taken = sum(one.name == wanted or one.name.startswith(f"{wanted}_also_") for one in ROWS)
    return f"{wanted}_also_{taken}" if taken else wanted


# --- The play ---------------------------------------------------------------------------------------------


def _mailbox(who: str, place: int) -> str:
    return {
        REQUESTER: f"Warga {place} <warga{place}@disdik.example.go.id>",
        NEIGHBOUR: f"Tetangga {place} <tetangga{place}@dinkes.example.go.id>",
        STRANGER: f"Orang {place} <orang{place}@luar.example>",
    }.get(who, who)


@dataclass
class Act:
    """One row under way."""

    row: Row
    place: int
    number: str = ""
    neighbour: str = ""
    last: str = ""
    """Message-ID of its last mail."""
    typed: str = ""
    before: Ticket | None = None


@dataclass
class Play:
    """All rows in one style."""

    city: City
    style: Style
    acts: list[Act] = field(default_factory=list)

    def run(self) -> dict[str, Seen]:
        self.acts = [Act(one, place) for place, one in enumerate(ROWS)]
        self._opened()
        for turn in range(max(len(one.row.before) for one in self.acts)):
            self.city.now = MONDAY + timedelta(minutes=3 * turn + 3)
            self._turn({act.place: act.row.before[turn] for act in self.acts if turn < len(act.row.before)})
        self.city.now = NOW
        for act in self.acts:
            act.before = self._ticket(act.number)
        self._turn({act.place: (act.row.by, act.row.typed) for act in self.acts}, last=True)
        return self._seen()

    def _opened(self) -> None:
        raws: dict[str, list[bytes]] = {"kominfo": [], "lpse": []}
        for act in self.acts:
            who = [REQUESTER, *([NEIGHBOUR] if act.row.has_neighbour else [])]
            raws[act.row.desk] += [_report(self.city, act, one) for one in who]
        self._run(raws)
        with self.city.store() as store, store.reading() as look:
            found = look.execute(select(schema.ticket.c.requester_address, schema.ticket.c.number)).all()
        numbers = {row.requester_address: row.number for row in found}
        for act in self.acts:
            act.number = numbers[address(_mailbox(REQUESTER, act.place))]
            act.neighbour = numbers.get(address(_mailbox(NEIGHBOUR, act.place)), "")

    def _turn(self, steps: dict[int, Step], *, last: bool = False) -> None:
        raws: dict[str, list[bytes]] = {"kominfo": [], "lpse": []}
        answered = self._latest()
        for place, (who, words) in steps.items():
            act = self.acts[place]
            act.typed = words.format(other=act.neighbour, serial=act.neighbour[-3:], own=act.number)
            raws[act.row.desk].append(self._written(act, who, answered, last=last))
        self._run(raws)

    def _written(
        self, act: Act, who: str, answered: dict[tuple[str, str], EmailMessage], *, last: bool
    ) -> bytes:
        author = _mailbox(who, act.place)
        if who == STRANGER:
            return self.city.mail(
                author,
                act.typed,
                f"Re: [{act.number}] perkara",
                self.city.tables["desks"]["kominfo"]["address"],
            )
        style = self.style if last else Style.ROUNDCUBE_ID
        word = f"baris{act.place}x{self.city.now:%H%M}"
        act.last = id_of(style, word, author).strip("<>")
        sent = answered[act.number, address(author)]
        assert who == REQUESTER or "#bantuan" in body(sent)  # the help text that is quoted below
        return reply(style, sent, author, act.typed, message_id=act.last, date=self.city.now)

    def _latest(self) -> dict[tuple[str, str], EmailMessage]:
        """(number, person): the newest mail about it."""
        with self.city.store() as store, store.reading() as look:
            rows = look.execute(select(schema.outbox).order_by(schema.outbox.c.seq)).all()
        return {(row.number, row.recipient): parsed(row.raw) for row in rows}

    def _run(self, raws: dict[str, list[bytes]]) -> None:
        for desk, mails in raws.items():
            self.city.receive_all(mails, desk)
        assert self.city.run() == 0

    def _ticket(self, number: str) -> Ticket:
        with self.city.store() as store, store.reading() as look:
            found = tickets.get(look, number)
        assert found is not None
        return found

    def _seen(self) -> dict[str, Seen]:
        arrived = {str(parsed(one.data)["Message-ID"]).strip("<>"): one for one in self.city.sink.received}
        with self.city.store() as store, store.reading() as look:
            query = select(
                schema.outbox.c["template", "recipient", "message_id", "number"], schema.mail.c.message_id
            )
            rows = look.execute(query.join(schema.mail, schema.mail.c.id == schema.outbox.c.mail_id)).all()
            opened = look.execute(
                select(schema.message.c.number, schema.mail.c.message_id)
                .join(schema.mail, schema.mail.c.id == schema.message.c.mail_id)
                .where(schema.message.c.kind == "request")
            ).all()
            caused: dict[str, list[Mail]] = {}
            for template, recipient, message_id, _, cause in rows:
                assert arrived[message_id].rcpt_to == (recipient,)
                caused.setdefault(cause, []).append(
                    Mail(template, recipient, parsed(arrived[message_id].data))
                )
            return {
                act.row.name: self._of(
                    look, act, caused.get(act.last, []), {row.message_id: row.number for row in opened}
                )
                for act in self.acts
            }

    def _of(self, look: Connection, act: Act, mails: list[Mail], opened: dict[str, str]) -> Seen:
        assert act.before is not None
        stranger = address(_mailbox(STRANGER, act.place))
        found = look.execute(
            select(schema.ticket.c.number).where(schema.ticket.c.requester_address == stranger)
        ).scalar()
        other = act.neighbour or found
        ticket = tickets.get(look, act.number)
        assert ticket is not None
        return Seen(
            act.row,
            act.place,
            act.typed,
            act.before,
            ticket,
            tickets.get(look, other) if other else None,
            tickets.get(look, opened[act.last]) if act.last in opened else None,
            tuple(tickets.links(look, act.number)),
            tuple(tickets.messages(look, act.number)),
            tuple(mails),
            blocks.contains(look, act.row.desk, address(_mailbox(REQUESTER, act.place))),
        )


def _report(city: City, act: Act, who: str) -> bytes:
    """What the requester wrote first; "perkara7x" stands in what belongs to row 7."""
    desk = city.tables["desks"][act.row.desk]["address"]
    text = f"Ada perkara{act.place}x di kantor kami."
    author = _mailbox(who, act.place)
    if not act.row.file:
        return city.mail(author, text, f"Soal perkara{act.place}x", desk, return_path=f"<{address(author)}>")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = author, desk, f"Soal perkara{act.place}x"
    mail["Message-ID"] = f"<gambar{act.place}@client.example>"
    mail.set_content(text)
    mail.add_attachment(PICTURE, maintype="image", subtype="png", filename="layar.png")
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))


@pytest.fixture(scope="module", params=list(Style))
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot
) -> Iterator[dict[str, Seen]]:
    base = tmp_path_factory.mktemp("rows")
    users = {"kominfo": dovecot.new_user(), "lpse": dovecot.new_user()}
    wanted = tables(base, f"sqlite:///{base / 'mailgate.db'}")
    furnish(wanted["desks"])
    wanted["limits"] = {"automatic_per_desk_per_hour": 100_000}
    with Sink() as sink:
        yield Play(City(base, wanted, dovecot, sink, users), request.param).run()


# --- What holds for every row -----------------------------------------------------------------------------


def _nothing_internal_got_out(seen: Seen) -> None:
    for one in seen.outside:
        shown = f"{one.mail['From']} {one.mail['Subject']} {one.mail['Reply-To']} {one.text}"
        assert "#" not in shown
        assert "Ref:" not in shown
        assert INSIDE not in shown
        assert "Balasan Anda" not in shown
        assert set(re.findall(r"perkara(\d+)x", shown)) <= {str(seen.place)}
        assert not [who for who in STAFF if address(who) in one.mail.as_string()]


def _every_line_stands_in_the_receipt(seen: Seen) -> None:
    if any(one.template == "receipt" for one in seen.mails):
        for line in seen.typed.splitlines():
            if line.startswith("#"):
                word, _, rest = line.partition(" ")
                assert word in seen.receipt
                assert " ".join(rest.split()) in seen.receipt


def _silent(seen: Seen) -> bool:
    """Nobody but the writer heard of it."""
    return not seen.told()


def _refused(*told: str) -> Check:
    """Nothing is done, nobody hears of it, and the receipt says why."""

    def nothing_is_done(seen: Seen) -> None:
        assert seen.ticket == seen.before
        assert seen.new is None
        assert _silent(seen)
        assert "Tidak ada yang dijalankan" in seen.receipt
        for one in told:
            assert one in seen.receipt

    return nothing_is_done


def _at(hour: int, minute: int, day: int = 3) -> datetime:
    return datetime(2026, 8, day, hour, minute, tzinfo=WIB)


def _promised(seen: Seen) -> Mail:
    """The requester was mailed the promised moment that the ticket has."""
    until = seen.ticket.promised_due_at
    assert until is not None
    one = seen.only(REQUESTER)
    assert f"{until.astimezone(WIB):%H.%M}" in one.text
    return one


WORDS = "Kabel di ruang server sudah kami ganti."
ESCALATED = ((ADMIN, "#kategori aplikasi\n#eskalasi"),)
AT_HEAD = (*ESCALATED, (TECHNICIAN, f"#eskalasi {INSIDE} perlu anggaran"))


# --- Words without a command ------------------------------------------------------------------------------


@row("Petugas kami segera ke sana.")
def a_plain_reply_reaches_the_requester_and_takes_the_ticket(seen: Seen) -> None:
    one = seen.only(REQUESTER)
    assert "Petugas kami segera ke sana." in one.text
    assert one.mail["Auto-Submitted"] is None
    assert (seen.ticket.holder, seen.ticket.status) == (address(ADMIN), "open")
    assert seen.ticket.first_response_at == NOW
    assert not [mail for mail in seen.mails if mail.to == address(ADMIN)]
    assert seen.only(ADMIN_TWO).template == "notification"


@row(f"Beli saja yang baru, {INSIDE} setuju.", by=HEAD, before=AT_HEAD)
def a_plain_reply_of_the_head_is_a_note_that_the_holder_gets(seen: Seen) -> None:
    assert seen.told() == {address(TECHNICIAN)}
    assert "Beli saja yang baru" in seen.only(TECHNICIAN).text
    assert seen.said[-1].kind == "note"
    assert seen.ticket.first_response_at is None


@row(f"#catatan\n{INSIDE}: pelapor sering salah colok.", f"#note {INSIDE}: pelapor sering salah colok.")
def a_note_is_kept_and_told_to_nobody(seen: Seen) -> None:
    assert _silent(seen)
    assert seen.ticket == seen.before
    assert (seen.said[-1].kind, "salah colok" in seen.said[-1].text) == ("note", True)


# --- Who works on it --------------------------------------------------------------------------------------


@row("#ambil", "#take")
def whoever_takes_it_has_it_and_the_colleague_gets_one_line(seen: Seen) -> None:
    assert (seen.ticket.holder, seen.ticket.status) == (address(ADMIN), "open")
    assert seen.told() == {address(ADMIN_TWO)}
    assert "Admin Satu" in seen.only(ADMIN_TWO).text


@row("#ambil\nKami cek dahulu, mohon ditunggu.")
def words_under_taking_it_go_to_the_requester(seen: Seen) -> None:
    assert "Kami cek dahulu" in seen.only(REQUESTER).text
    assert "Kami cek dahulu" in seen.receipt


@row("#tugas sari", "#assign Sari Dewi", "#tugas sari@pyk.example.go.id")
def the_technician_who_is_named_gets_the_ticket_with_the_requesters_words(seen: Seen) -> None:
    assert seen.ticket.holder == address(NETWORK_TECHNICIAN)
    one = seen.only(NETWORK_TECHNICIAN)
    assert one.template == "delegation"
    assert f"perkara{seen.place}x" in one.text
    assert seen.told() == {address(NETWORK_TECHNICIAN), address(ADMIN_TWO)}


@row("#kategori keamanan\n#tugas teknisi")
def a_role_means_the_technician_of_the_category(seen: Seen) -> None:
    assert seen.ticket.holder == address(SECURITY_TECHNICIAN)
    assert seen.only(SECURITY_TECHNICIAN).template == "delegation"


row("#tugas admin")(_refused("Admin Satu", "Admin Dua"))
row("#tugas Zainal")(_refused("Doni"))


# --- What it is -------------------------------------------------------------------------------------------


@row("#kategori Infrastruktur TIK", "#category infra")
def the_category_is_found_by_its_label(seen: Seen) -> None:
    assert seen.ticket.category == "infrastruktur"
    assert "Infrastruktur TIK" in seen.receipt
    assert _silent(seen)


@row("#jenis PWD", "#work penggantian password")
def the_kind_of_work_counts_from_the_report_however_late_it_is_set(seen: Seen) -> None:
    assert (seen.ticket.work, seen.ticket.due_at) == ("PWD", _at(9, 30))
    assert "09.30" in seen.receipt
    assert _silent(seen)


@row("#jenis ant")
def a_kind_of_work_that_waits_for_the_notice_has_no_due_moment_yet(seen: Seen) -> None:
    assert (seen.ticket.work, seen.ticket.due_at) == ("ANT", None)
    assert "#mulai" in seen.receipt


@row("#prioritas 1", "#priority mendesak")
def the_priority_is_set(seen: Seen) -> None:
    assert seen.ticket.priority == 1
    assert _silent(seen)


row("#prioritas 9")(_refused("1", "4"))
row("#jenis XYZ")(_refused("PWD", "ANT"))
row("#kategori dapur umum")(_refused("aplikasi", "infrastruktur", "keamanan"))


# --- What the requester hears -----------------------------------------------------------------------------


@row("#mulai", "#start", before=((ADMIN, "#jenis ANT"),))
def the_start_is_told_and_the_clock_runs_from_its_acceptance(seen: Seen) -> None:
    one = _promised(seen)
    assert (one.template, one.mail["Auto-Submitted"]) == ("started", "auto-generated")
    assert (seen.ticket.started, seen.ticket.notified_at) == (True, NOW)
    assert seen.ticket.promised_due_at == seen.ticket.due_at == _at(12, 20)
    assert f"{seen.row.typed} -" not in seen.receipt
    assert seen.ticket.holder == address(ADMIN)


@row("#mulai\nTeknisi kami sudah berangkat.")
def words_go_with_the_notice_of_the_start(seen: Seen) -> None:
    one = seen.only(REQUESTER)
    assert "Teknisi kami sudah berangkat." in one.text
    assert one.mail["Auto-Submitted"] is None
    assert (seen.ticket.started, seen.ticket.due_at) == (True, None)


@row("#tanya\nDi ruangan berapa?", "#ask Di ruangan berapa?")
def a_question_waits_for_its_answer(seen: Seen) -> None:
    assert seen.only(REQUESTER).template == "question"
    assert "Di ruangan berapa?" in seen.only(REQUESTER).text
    assert (seen.ticket.status, seen.ticket.holder) == ("pending", address(ADMIN))
    assert "Di ruangan berapa?" in seen.receipt


@row(f"#selesai\n{WORDS}", f"#resolve {WORDS}", f"#SELESAI.\n\n{WORDS}")
def the_resolution_is_told_with_its_words_and_the_survey(seen: Seen) -> None:
    one = seen.only(REQUESTER)
    assert (one.template, WORDS in one.text, "4 (" in one.text) == ("resolution", True, True)
    assert (seen.ticket.status, seen.ticket.outcome) == ("resolved", "solved")
    assert seen.ticket.resolved_at == NOW
    assert WORDS in seen.receipt


@row("#tutup", "#close")
def closing_is_silent(seen: Seen) -> None:
    assert (seen.ticket.status, seen.ticket.closed_at) == ("closed", NOW)
    assert seen.told() == {address(ADMIN_TWO)}  # who had it before them as well


@row("#buka", "#reopen", before=((ADMIN, "#tutup"),))
def reopening_is_counted_and_silent(seen: Seen) -> None:
    assert (seen.ticket.status, seen.ticket.reopened, seen.ticket.closed_at) == ("open", 1, None)
    assert _silent(seen)


@row(
    "#tenggat 31/8 14.00 menunggu suku cadang",
    "#due 31 Agustus 2026 14.00 menunggu suku cadang",
    "#tenggat 31-8-2026 jam 2 siang, menunggu suku cadang",
    "#tenggat Senin 31/8 pukul 14.00 WIB\nKami menunggu suku cadang.",
)
def another_moment_is_promised_with_its_reason(seen: Seen) -> None:
    assert seen.ticket.promised_due_at == _at(14, 0, 31)
    one = _promised(seen)
    assert (one.template, "menunggu suku cadang" in one.text) == ("promise", True)
    assert one.mail["Auto-Submitted"] is None
    assert seen.ticket.due_at is None
    assert "14.00" in seen.receipt


@row("#tenggat besok 10.00 teknisi sedang dinas luar", "#tenggat Selasa 10:00\nTeknisi sedang dinas luar.")
def a_promise_may_name_a_day_as_people_do(seen: Seen) -> None:
    assert seen.ticket.promised_due_at == _at(10, 0, 4)
    assert "eknisi sedang dinas luar" in _promised(seen).text


row("#tenggat besok 10.00")(_refused("alasan"))
row("#tenggat kemarin 10.00 lupa")(_refused())
row("#tenggat kapan-kapan ya")(_refused("besok 10.00"))


# --- Up and down ------------------------------------------------------------------------------------------

row("#eskalasi", "#escalate ke teknisi saja")(_refused("aplikasi", "infrastruktur", "keamanan"))


@row(
    f"#kategori infrastruktur\n#eskalasi {INSIDE} antena miring",
    f"#eskalasi {INSIDE} antena miring\n#kategori infrastruktur",
    f"#escalate\n#category infra\n{INSIDE} antena miring",
)
def the_technician_of_the_category_gets_it_in_either_order(seen: Seen) -> None:
    assert (seen.ticket.level, seen.ticket.holder) == (1, address(NETWORK_TECHNICIAN))
    one = seen.only(NETWORK_TECHNICIAN)
    assert (one.template, "antena miring" in one.text) == ("delegation", True)
    assert f"perkara{seen.place}x" in one.text
    assert seen.told() == {address(NETWORK_TECHNICIAN)}


row("#eskalasi", by=TECHNICIAN, before=ESCALATED)(_refused("alasan"))


@row(
    f"#eskalasi {INSIDE} perlu anggaran",
    f"#eskalasi\n{INSIDE} perlu anggaran",
    by=TECHNICIAN,
    before=ESCALATED,
)
def the_head_gets_it_with_the_reason_and_the_technician_keeps_it(seen: Seen) -> None:
    assert (seen.ticket.level, seen.ticket.holder) == (2, address(TECHNICIAN))
    one = seen.only(HEAD)
    assert (one.template, "perlu anggaran" in one.text) == ("escalation", True)
    assert seen.told() == {address(HEAD)}
    assert "Doni" not in seen.receipt.partition("Status:")[0]


row("#eskalasi lagi", by=TECHNICIAN, before=AT_HEAD)(_refused("tingkat"))


@row(
    f"#kembalikan\n{INSIDE} bukan bidang kami.",
    f"#return {INSIDE} bukan bidang kami.",
    by=TECHNICIAN,
    before=ESCALATED,
)
def what_is_given_back_is_the_front_lines_again(seen: Seen) -> None:
    assert (seen.ticket.level, seen.ticket.holder) == (0, None)
    assert seen.told() == {address(ADMIN), address(ADMIN_TWO)}
    assert "bukan bidang kami" in seen.only(ADMIN).text


GIVEN = ((ADMIN, "#tugas doni"),)


@row(f"#eskalasi {INSIDE} perlu anggaran", by=TECHNICIAN, before=GIVEN)
def who_got_it_by_name_asks_the_head_and_not_themselves(seen: Seen) -> None:
    assert (seen.ticket.level, seen.ticket.holder) == (2, address(TECHNICIAN))
    assert seen.told() == {address(HEAD)}


@row(f"#kembalikan\n{INSIDE} bukan bidang kami.", by=TECHNICIAN, before=GIVEN)
def who_got_it_by_name_can_give_it_back(seen: Seen) -> None:
    assert (seen.ticket.level, seen.ticket.holder) == (0, None)
    assert seen.told() == {address(ADMIN), address(ADMIN_TWO)}


row("#kembalikan")(_refused("tingkat"))


# --- LPSE -------------------------------------------------------------------------------------------------

TO_PPE = ((LPSE_ADMIN, "#eskalasi"),)


@row(f"#eskalasi {INSIDE} soal e-katalog", by=LPSE_ADMIN, desk="lpse")
def admin_ppe_gets_what_lpse_cannot_answer(seen: Seen) -> None:
    assert (seen.ticket.level, seen.ticket.holder) == (1, address(PPE))
    assert f"perkara{seen.place}x" in seen.only(PPE).text
    assert seen.told() == {address(PPE)}


row("#eskalasi ke pusat", by=PPE, desk="lpse", before=TO_PPE)(_refused("#lkpp"))
row("#lkpp", by=PPE, desk="lpse", before=TO_PPE)(_refused())
row("#lkpp 123")(_refused())


@row(
    f"#lkpp TIKET-88\n{INSIDE} dikirim lewat LPSE Support",
    "#external TIKET-88",
    by=PPE,
    desk="lpse",
    before=TO_PPE,
)
def the_number_outside_is_recorded(seen: Seen) -> None:
    assert (seen.ticket.external_number, seen.ticket.level) == ("TIKET-88", 2)
    assert seen.ticket.holder == address(PPE)
    assert not seen.outside


@row("#alihkan lpse-support", "#redirect", "#alihkan LPSE Support", by=LPSE_ADMIN, desk="lpse")
def the_requester_is_asked_to_use_lpse_support(seen: Seen) -> None:
    one = seen.only(REQUESTER)
    assert (one.template, "LPSE Support" in one.text) == ("redirect", True)
    assert (seen.ticket.outcome, seen.ticket.status) == ("redirected", "closed")


row("#alihkan ke Jakarta", by=LPSE_ADMIN, desk="lpse")(_refused("lpse-support"))


# --- Which tickets are one matter -------------------------------------------------------------------------


@row(f"#gabung {{other}}\n{INSIDE} sama saja", "#merge {serial}", "#gabung KOM-2026-{serial}")
def both_requesters_are_told_of_the_merge_and_no_number_is_lost(seen: Seen) -> None:
    assert seen.other is not None
    assert (seen.ticket.merged_into, seen.ticket.outcome) == (seen.other.number, "merged")
    assert seen.other.knows(seen.ticket.requester.key)
    for who in (REQUESTER, NEIGHBOUR):
        one = seen.only(who)
        assert one.template == "merged"
        assert seen.ticket.number in one.text
        assert seen.other.number in one.text
    assert f"perkara{seen.place}x" in seen.only(ADMIN_TWO).text


row("#gabung KOM-2026-999999")(_refused("KOM-2026-999999"))
row("#gabung {own}")(_refused())
row("#gabung {other}", by=TECHNICIAN, before=((ADMIN, "#tugas doni"),))(_refused("admin", "pimpinan"))


@row("#pisah", "#split", before=((ADMIN, "#ambil"), (REQUESTER, "Selain itu pencetak kami juga rusak.")))
def a_further_mail_becomes_a_ticket_of_its_own(seen: Seen) -> None:
    own = [one for one in seen.mails if one.template == "acknowledgement"]
    assert [one.to for one in own] == [address(_mailbox(REQUESTER, seen.place))]
    assert len(seen.links) == 1
    assert seen.links[0] in str(own[0].mail["Subject"])
    assert seen.ticket.number not in str(own[0].mail["Subject"])
    assert seen.links[0] in seen.receipt
    assert "pencetak" not in " ".join(one.text for one in seen.said)
    assert "pencetak kami juga rusak" in seen.only(ADMIN_TWO).text


row("#pisah")(_refused())


@row("#pisah", before=((ADMIN, "#gabung {other}"),))
def undoing_a_merge_gives_both_their_own_back(seen: Seen) -> None:
    assert seen.other is not None
    assert (seen.ticket.merged_into, seen.ticket.status) == (None, "open")
    assert not seen.other.knows(seen.ticket.requester.key)


@row("#kait {other}", "#link {serial}")
def a_link_stands_on_both_and_is_told_to_nobody(seen: Seen) -> None:
    assert seen.other is not None
    assert seen.links == (seen.other.number,)
    assert _silent(seen)


row("#kait KOM-2026-999999")(_refused("KOM-2026-999999"))


# --- Who belongs to it ------------------------------------------------------------------------------------


@row("#cc budi@dinkes.example.go.id\n#tanya\nDi ruangan berapa?")
def who_is_brought_in_gets_what_the_requester_gets(seen: Seen) -> None:
    assert [one.address for one in seen.ticket.participants] == ["budi@dinkes.example.go.id"]
    assert seen.told() == {
        "budi@dinkes.example.go.id", address(_mailbox(REQUESTER, seen.place)), address(ADMIN_TWO)
    }  # fmt: skip
    assert "Di ruangan berapa?" in seen.only("budi@dinkes.example.go.id").text
    assert "budi@dinkes.example.go.id" in seen.receipt


@row("#cc Budi <budi@dinkes.example.go.id>, camat@kec.example.go.id")
def bringing_somebody_in_sends_them_nothing_yet(seen: Seen) -> None:
    assert len(seen.ticket.participants) == 2
    assert _silent(seen)


row("#cc budi", "#cc admin2@pyk.example.go.id", "#cc lpse@mail.example")(_refused())

ASKED_BY_STRANGER = ((ADMIN, "#ambil"), (STRANGER, "Saya rekan pelapor, bagaimana kabarnya?"))


@row("#terima", "#accept", before=ASKED_BY_STRANGER)
def an_accepted_stranger_is_merged_and_joins(seen: Seen) -> None:
    assert seen.other is not None
    assert (seen.other.merged_into, seen.other.outcome) == (seen.ticket.number, "merged")
    assert seen.ticket.knows(seen.other.requester.key)
    assert seen.only(STRANGER).template == "merged"
    assert seen.other.number in seen.receipt


@row("#tolak", "#reject", before=ASKED_BY_STRANGER)
def a_rejected_stranger_goes_their_own_way(seen: Seen) -> None:
    assert seen.other is not None
    assert (seen.other.stranger_of, seen.other.merged_into, seen.other.status) == (None, None, "new")
    assert not seen.ticket.knows(seen.other.requester.key)
    assert seen.links == ()
    assert _silent(seen)


row("#terima", "#tolak")(_refused())


@row("#spam")
def junk_silences_its_sender_and_is_told_to_nobody(seen: Seen) -> None:
    assert (seen.ticket.status, seen.ticket.outcome, seen.blocked) == ("closed", "spam", True)
    assert _silent(seen)


row("#spam", "#rahasia", "#laporan", by=TECHNICIAN, before=((ADMIN, "#tugas doni"),))(
    _refused("admin", "pimpinan")
)


@row("#rahasia", "#confidential")
def a_complaint_about_the_service_is_for_admin_and_head_alone(seen: Seen) -> None:
    assert seen.ticket.confidential
    assert seen.told() == {address(ADMIN_TWO), address(HEAD)}
    assert f"perkara{seen.place}x" in seen.only(HEAD).text
    assert "Dari Warga" in seen.only(HEAD).text


@row("#rahasia", by=LPSE_ADMIN, desk="lpse")
def kepala_lpse_hears_of_a_complaint_about_the_service(seen: Seen) -> None:
    assert seen.told() == {address(LPSE_HEAD)}
    assert f"perkara{seen.place}x" in seen.only(LPSE_HEAD).text


# --- What is only asked -----------------------------------------------------------------------------------


@row("#lampiran", "#attachments", by=TECHNICIAN, before=((ADMIN, "#tugas doni"),), file=True)
def the_attachments_come_byte_for_byte(seen: Seen) -> None:
    (one,) = seen.mails
    assert one.to == address(TECHNICIAN)
    (file,) = one.mail.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("layar.png", PICTURE)


row("#lampiran")(_refused("lampiran"))


@row("#daftar", "#list")
def the_list_names_what_is_not_finished(seen: Seen) -> None:
    (one,) = seen.mails
    assert (one.template, one.to) == ("list", address(ADMIN))
    assert seen.ticket.number in one.text


@row("#daftar saya", before=((ADMIN, "#ambil"),))
def the_list_of_ones_own_leaves_others_out(seen: Seen) -> None:
    (one,) = seen.mails
    assert seen.ticket.number in one.text
    assert "belum ada penanggung jawab" not in one.text


row("#daftar semua-semua")(_refused("#daftar saya"))


@row("#status {own}", "#show")
def one_ticket_is_shown_with_what_was_written(seen: Seen) -> None:
    (one,) = seen.mails
    assert (one.template, seen.ticket.number in str(one.mail["Subject"])) == ("list", True)
    assert f"perkara{seen.place}x" in one.text


@row("#status {other}")
def another_ticket_is_shown_by_its_number(seen: Seen) -> None:
    assert seen.other is not None
    (one,) = seen.mails
    assert seen.other.number in str(one.mail["Subject"])


row("#status KOM-2026-999999")(_refused("KOM-2026-999999"))


@row("#laporan 2026-08", "#figures", "#laporan Agustus")
def the_figures_of_a_month_are_sent(seen: Seen) -> None:
    assert "Agustus 2026" in seen.receipt
    assert re.search(r"Masuk: \d+", seen.receipt)
    assert _silent(seen)


@row("#bantuan", "#help")
def the_help_names_every_command(seen: Seen) -> None:
    for word in ("#selesai", "#tugas", "#lapor", "#tenggat", "#gabung", "#diberitahukan", "#resolve"):
        assert word in seen.receipt
    assert seen.ticket == seen.before
    assert _silent(seen)


# --- Reports by telephone, WhatsApp, at the counter -------------------------------------------------------

FORM = "Nama: Bu Yusni\nTelepon: 0812-5550-1234\n"


@row(
    f"#lapor\n{FORM}Saluran: telepon\nWaktu: tadi 09.10\nKeluhan: Wifi mati di aula.",
    f"#report\nkeluhan: Wifi mati di aula.\nsaluran: telp\njam: 09.10\n{FORM}",
)
def a_call_becomes_a_ticket_and_no_mail_leaves(seen: Seen) -> None:
    assert seen.new is not None
    assert (seen.new.channel, seen.new.requester_name) == ("phone", "Bu Yusni")
    assert seen.new.requester_phone == "0812-5550-1234"
    assert seen.new.received_at == _at(9, 10)
    assert not seen.outside
    assert seen.new.number in seen.receipt
    assert "#diberitahukan" in seen.receipt
    assert seen.ticket == seen.before
    assert "Wifi mati di aula." in seen.only(ADMIN_TWO).text


@row(f"#lapor\n{FORM}Saluran: WA\n#jenis PWD\nEmail: yusni@aula.example\nKeluhan: Lupa kata sandi.")
def a_caller_with_an_address_gets_the_acknowledgement(seen: Seen) -> None:
    assert seen.new is not None
    assert (seen.new.channel, seen.new.work) == ("whatsapp", "PWD")
    one = seen.only("yusni@aula.example")
    assert (one.template, seen.new.number in str(one.mail["Subject"])) == ("acknowledgement", True)
    assert "Standar PWD" in one.text
    assert seen.told() == {"yusni@aula.example", address(ADMIN_TWO)}


row("#lapor\nNama: Bu Yusni\nKeluhan: Wifi mati.")(_refused("Telepon"))
row("#lapor")(_refused("Nama", "Telepon"))
row(f"#lapor\n{FORM}Waktu: besok 10.00\nKeluhan: Wifi mati.")(_refused())
row(f"#lapor\n{FORM}Waktu: 20/7 10.00\nKeluhan: Wifi mati.")(_refused())
row(f"#lapor\n{FORM}Waktu: entah kapan\nKeluhan: Wifi mati.")(_refused("Waktu"))
row(f"#lapor\n{FORM}#selesai\nKeluhan: Wifi mati.")(_refused("#lapor"))
row(f"#lapor\n{FORM}Saluran: datang langsung\nKeluhan: Tidak bisa menawar.", by=LPSE_ADMIN, desk="lpse")(
    _refused("Alamat")
)


@row(
    f"#lapor\n{FORM}Saluran: datang langsung\nAlamat: Jl. Sudirman 12\nKeluhan: Tidak bisa menawar.",
    by=LPSE_ADMIN,
    desk="lpse",
)
def a_visitor_of_lpse_gives_an_address(seen: Seen) -> None:
    assert seen.new is not None
    assert (seen.new.channel, seen.new.requester_street) == ("walk_in", "Jl. Sudirman 12")
    assert seen.new.due_at == _at(9, 20, 4)
    assert not seen.outside


@row("#diberitahukan 09.10", "#told jam 09.10", before=((ADMIN, "#jenis ANT"),))
def a_call_takes_the_place_of_the_notice(seen: Seen) -> None:
    assert (seen.ticket.notified_at, seen.ticket.due_at) == (_at(9, 10), _at(12, 10))
    assert "12.10" in seen.receipt
    assert not seen.outside


row("#diberitahukan 10.30", "#diberitahukan 08.00")(_refused())


# --- All or nothing ---------------------------------------------------------------------------------------


@row("#ambil\n#kategori aplikasi\n#jenis PWD\n#prioritas 2\n#tanya\nDi ruangan berapa?")
def several_commands_are_one_act(seen: Seen) -> None:
    ticket = seen.ticket
    assert (ticket.holder, ticket.category, ticket.work) == (address(ADMIN), "aplikasi", "PWD")
    assert (ticket.priority, ticket.status) == (2, "pending")
    assert "Di ruangan berapa?" in seen.only(REQUESTER).text


row(
    "#ambil\n#kategori aplikasi\n#jenis XYZ\n#tanya\nDi ruangan berapa?",
    "#ambil\n#gabung KOM-2026-999999",
    "#selesai\nSudah.\n#catatan",
    "#selesai",
    "#selesai\n#tanya\nSudah?",
    "#ambil\n#ambil",
    "Selesai.",
)(_refused())
row("#slesai\nSudah kami perbaiki.")(_refused("#selesai"))
row("#ambl")(_refused("#ambil"))
row("#buka")(_refused("status"))
row("#mulai", before=((ADMIN, "#tutup"),))(_refused("status"))


# --- The test ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ROWS, ids=lambda one: one.name)
def test_what_staff_type_is_done_and_nothing_internal_gets_out(played: dict[str, Seen], which: Row) -> None:
    seen = played[which.name]
    _nothing_internal_got_out(seen)
    _every_line_stands_in_the_receipt(seen)
    which.check(seen)
