"""What happens to a complaint? Played through real servers, every step verified as its readers see it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

from mailgate import views
from mailgate.demo.people import Client, Person, body, cited
from mailgate.demo.screen import Screen
from mailgate.desk.ticket import Ticket
from mailgate.gateway import Office
from mailgate.settings import Desk
from mailgate.store import outbox, tickets
from mailgate.store.database import Store

DESK = "kominfo"
RINA = Person("Rina Marlina", "rina.marlina@smpn1.example")
PATIENCE_SECONDS = 30.0
"""For one mail. It takes a fraction of a second; this is for a machine that is busy with other things."""
LOOK_SECONDS = 0.02

SUBJECT = "Internet sekolah mati"
COMPLAINT = """\
Selamat pagi,

sejak pukul 07.30 internet di sekolah kami mati, padahal siang ini
ada ujian daring. Mohon bantuannya.

Terima kasih,
Rina Marlina
SMP Negeri 1
"""
QUESTION = "Selamat pagi Bu Rina, apakah lampu LOS di modem menyala merah?"
ANSWER = "Ya, lampunya merah terus sejak tadi pagi."
SOLUTION = "Kabel optik yang putus di depan sekolah sudah disambung kembali."


class WrongError(Exception):
    """The story did not go as it must; the text says what was expected and what came."""


class Clock:
    """The demo's time: it runs as ours does, and leaps between the scenes."""

    def __init__(self, start: datetime, real: Callable[[], datetime]) -> None:
        self._real = real
        self._ahead = start - real()

    def __call__(self) -> datetime:
        return self._real() + self._ahead

    def leap(self, to: datetime) -> None:
        """Forward only: what happened stays in the past."""
        self._ahead = max(self._ahead, to - self._real())


@dataclass(slots=True)
class Stage:
    """Everything that the story is played on."""

    office: Office
    store: Store
    clock: Clock
    screen: Screen
    clients: Mapping[str, Client]
    """Of every person, by address in small letters."""
    desks: Mapping[str, Client]
    """Looking into the mailbox of each desk."""
    ports: tuple[int, int]
    """IMAP and SMTP."""
    alive: Callable[[], None]
    """Raises what ended the service, when something did."""
    _mail: dict[str, list[EmailMessage]] = field(default_factory=dict)

    @property
    def desk(self) -> Desk:
        return self.office.settings.desks[DESK]

    def client(self, address: str) -> Client:
        return self.clients[address.casefold()]

    def scene(self, title: str, text: str, *, later: timedelta = timedelta()) -> None:
        """Let time pass, once nothing is under way any more, and begin."""
        self.quiet()
        self.clock.leap(self.clock() + later)
        self.screen.scene(title, self.clock().astimezone(self.office.timezone), text)

    def next_mail(self, address: str, what: str) -> EmailMessage:
        """The next mail that somebody receives, in the order of arrival."""
        waiting = self._mail.setdefault(address.casefold(), [])
        self.until(f"{what} to {address}", lambda: bool(waiting or self._fetch(address)))
        return waiting.pop(0)

    def unexpected(self) -> list[str]:
        """What people received that nobody asked for."""
        for address in self.clients:
            self._fetch(address)
        return [
            f"{address} also received: {mail['Subject']}"
            for address, mails in self._mail.items()
            for mail in mails
        ]

    def _fetch(self, address: str) -> list[EmailMessage]:
        found = self.client(address).new()
        self._mail.setdefault(address.casefold(), []).extend(found)
        return found

    def ticket(self, number: str) -> Ticket:
        with self.store.reading() as look:
            found = tickets.get(look, number)
        if found is None:
            raise WrongError(f"there is no ticket {number}")
        return found

    def quiet(self) -> None:
        """Wait until every mail was taken in and answered: a leap must not outlive a claim on one."""
        self.until("empty mailboxes", lambda: not any(self.waiting().values()))
        self.until("an empty outbox", lambda: not self._unsent())

    def waiting(self) -> dict[str, int]:
        """How many mails each desk has not acknowledged yet."""
        return {key: client.count("INBOX") for key, client in self.desks.items()}

    def _unsent(self) -> list[Any]:
        with self.store.reading() as look:
            return outbox.unfinished(look, None, outbox.UNFINISHED)

    def until(self, what: str, happened: Callable[[], bool]) -> None:
        """Look again and again, for so long as patience lasts."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            self.alive()
            if time.monotonic() > end:
                raise WrongError(f"expected {what}; nothing came for {PATIENCE_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a mail must be. Texts are looked for in its subject and words, whatever the line breaks."""

    to: Person
    number: str
    """The ticket whose tag stands in its subject."""
    has: Sequence[str]
    lacks: Sequence[str] = ()
    """Not even in a header field."""
    automatic: str | None = None
    """Its Auto-Submitted; None: it carries none."""


def play(stage: Stage) -> str:
    """The whole story; returns the ticket's number. WrongError tells what went wrong."""
    admin, *colleagues = (Person(one.name, one.address) for one in stage.desk.level_staff(0))
    _rina_complains(stage)
    number = _acknowledged(stage)
    notification = _admin_is_told(stage, number, admin, colleagues)
    question = _admin_answers(stage, number, (admin, *colleagues), notification)
    answer = _rina_answers(stage, number, admin, question)
    _admin_resolves(stage, number, admin, answer)
    _time_passes(stage, number)
    return number


def _rina_complains(stage: Stage) -> None:
    stage.scene(
        "A complaint arrives",
        "Rina's school has no internet. She needs no account and no form: she writes\n"
        "an ordinary mail to the help desk, from her ordinary mail program.",
    )
    sent = stage.client(RINA.address).write(stage.desk.address, SUBJECT, COMPLAINT)
    stage.screen.mail("Rina writes to the desk", sent)
    stage.screen.proven([f"sent to {stage.desk.address}"])


def _acknowledged(stage: Stage) -> str:
    stage.scene(
        "She is acknowledged at once",
        "mailgate keeps the raw mail, opens a ticket and answers. Nobody had to read\nanything yet.",
    )
    mail = stage.next_mail(RINA.address, "the acknowledgement")
    number = _number(stage)
    lacks = ("ujian", "Ref:", *_staff_addresses(stage))
    _verify(
        stage, mail, Expected(RINA, number, ("telah kami terima", stage.desk.name), lacks, "auto-replied")
    )
    stage.screen.mail("Rina receives", mail)
    stage.screen.proven(
        [
            f"her ticket is {number}: any answer with this tag finds it again",
            "marked as automatic (no vacation reply comes back); echoes none of her text",
        ]
    )
    return number


def _admin_is_told(stage: Stage, number: str, admin: Person, colleagues: Sequence[Person]) -> EmailMessage:
    stage.scene(
        "The admins are notified",
        "Everybody at the front line gets a mail of their own. Each carries a secret id;\n"
        "an answer to just this mail is how mailgate knows that it is them. The first\n"
        "line says where a plain reply goes: here, to the requester.",
    )
    words = ("internet di sekolah kami mati", "#selesai", "#catatan", "Ref:", RINA.address)
    mails = [stage.next_mail(one.address, "the notification") for one in (admin, *colleagues)]
    for one, mail in zip((admin, *colleagues), mails, strict=True):
        _verify(stage, mail, Expected(one, number, words, (), "auto-generated"))
    refs = {line for mail in mails for line in body(mail).splitlines() if line.startswith("Ref:")}
    _require(len(refs) == len(mails), "two people were sent the same secret id")
    _require_silence(stage)
    stage.screen.mail(f"{admin.name} receives", mails[0])
    told = [f"{one.name} received the same, with another Ref" for one in colleagues]
    stage.screen.proven([*told, "nobody else was written to"])
    return mails[0]


def _admin_answers(
    stage: Stage, number: str, admins: Sequence[Person], notification: EmailMessage
) -> EmailMessage:
    admin, *colleagues = admins
    stage.scene(
        "The admin simply replies",
        f"{admin.name} answers the notification. No command: the words go to Rina.",
        later=timedelta(minutes=12),
    )
    stage.screen.mail(f"{admin.name} replies", stage.client(admin.address).answer(notification, QUESTION))
    mail = stage.next_mail(RINA.address, "the relayed reply")
    _verify(stage, mail, Expected(RINA, number, (QUESTION,), _internal(stage)))
    stage.screen.mail("Rina receives", mail)
    ticket = stage.ticket(number)
    _require(ticket.holder == admin.address, f"the holder is {ticket.holder}, not {admin.address}")
    for one in colleagues:
        told = stage.next_mail(one.address, "the line that a colleague was quicker")
        _verify(stage, told, Expected(one, number, (admin.name, "sudah menjawab"), (), "auto-generated"))
    stage.screen.proven(
        [
            "it comes from the desk: no private address, no quoted notification, no Ref",
            f"the ticket is open now, and {admin.name} holds it",
            *(f"{one.name} hears in one line that {admin.name} was quicker" for one in colleagues),
        ]
    )
    return mail


def _rina_answers(stage: Stage, number: str, admin: Person, question: EmailMessage) -> EmailMessage:
    stage.scene(
        "Rina follows up",
        "She answers by plain mail too. It joins her ticket and reaches its holder only.",
        later=timedelta(minutes=8),
    )
    stage.screen.mail("Rina replies", stage.client(RINA.address).answer(question, ANSWER))
    mail = stage.next_mail(admin.address, "the follow-up")
    _verify(stage, mail, Expected(admin, number, (ANSWER, "#selesai", "Ref:"), (), "auto-generated"))
    stage.screen.mail(f"{admin.name} receives", mail)
    _require_silence(stage)
    stage.screen.proven(["the same ticket; the colleagues are spared; Rina is not acknowledged twice"])
    return mail


def _admin_resolves(stage: Stage, number: str, admin: Person, answer: EmailMessage) -> None:
    stage.scene(
        "#selesai: the ticket is resolved",
        "One command on top of a reply; the text below it goes to Rina.",
        later=timedelta(minutes=95),
    )
    sent = stage.client(admin.address).answer(answer, f"#selesai\n{SOLUTION}")
    stage.screen.mail(f"{admin.name} replies", sent)
    mail = stage.next_mail(RINA.address, "the resolution")
    _verify(stage, mail, Expected(RINA, number, (SOLUTION, "telah selesai ditangani"), _internal(stage)))
    stage.screen.mail("Rina receives", mail)
    receipt = stage.next_mail(admin.address, "the receipt")
    words = ("Sudah dijalankan", "#selesai", SOLUTION, RINA.address)
    _verify(stage, receipt, Expected(admin, number, words, (), "auto-replied"))
    stage.screen.mail(f"{admin.name} receives a receipt", receipt)
    _require_state(stage, number, status="resolved", outcome="solved")
    stage.screen.proven(["Rina reads the words and not the command; the receipt repeats what she got"])


def _time_passes(stage: Stage, number: str) -> None:
    stage.scene(
        f"{stage.desk.close_after} of silence",
        'Had Rina written "masih belum bisa", the ticket would be open again. She is\n'
        "content, nobody writes, and the clock leaps ahead.",
        later=_silence(stage, number),
    )
    stage.until("the ticket to close by itself", lambda: stage.ticket(number).closed_at is not None)
    _require_state(stage, number, status="closed", outcome="solved", reopened=0)
    _require_silence(stage)
    sent = _require_all_sent_once(stage, number)
    imap = stage.desk.imap
    taken = {one: stage.desks[DESK].count(one) for one in (imap.folder, imap.processed, imap.set_aside)}
    _require(list(taken.values()) == [0, 4, 0], f"the desk's four mails lie in {taken}")
    stage.screen.proven(
        [
            f"{number} is closed, outcome solved, without another mail",
            f"{sent} mails left, each once and to one person",
            f"the four that came in lie in the desk's folder {imap.processed}",
        ]
    )


def _silence(stage: Stage, number: str) -> timedelta:
    """Until just after the ticket may close."""
    close_at = stage.ticket(number).close_at
    if close_at is None:
        raise WrongError(f"{number} is resolved and would never close")
    return close_at + timedelta(minutes=1) - stage.clock()


# --- what must be true ------------------------------------------------------------------------------------


def _verify(stage: Stage, mail: EmailMessage, expected: Expected) -> None:
    client = stage.client(expected.to.address)
    words = _flat(f"{mail['Subject']} {body(mail)}")
    everything = _flat(" ".join(f"{name}: {value}" for name, value in mail.items()) + " " + body(mail))
    wrong = [f"it lacks {one!r}" for one in expected.has if _flat(one) not in words]
    wrong += [f"it must not hold {one!r}" for one in expected.lacks if one in everything]
    wrong += [
        f"it cites {one}, which {expected.to.name} never saw" for one in cited(mail) if one not in client.ids
    ]
    for name, right in (("To", str(expected.to)), ("Auto-Submitted", expected.automatic)):
        if mail[name] != right:
            wrong.append(f"{name} is {mail[name]}, not {right}")
    if f"[{expected.number}]" not in str(mail["Subject"]):
        wrong.append(f"its subject lacks [{expected.number}]")
    if f"<{stage.desk.address}>" not in str(mail["From"]):
        wrong.append(f"From is {mail['From']}")
    _require(not wrong, f"the mail {str(mail['Subject'])!r} to {expected.to.name}: {'; '.join(wrong)}")


def _flat(text: str) -> str:
    return " ".join(text.replace("\n> ", "\n").split())


def _require(good: bool, otherwise: str) -> None:
    if not good:
        raise WrongError(otherwise)


def _require_silence(stage: Stage) -> None:
    stage.quiet()
    unexpected = stage.unexpected()
    _require(not unexpected, "; ".join(unexpected))


def _require_state(stage: Stage, number: str, **wanted: object) -> None:
    ticket = stage.ticket(number)
    wrong = [
        f"{name} is {getattr(ticket, name)}, not {right}"
        for name, right in wanted.items()
        if getattr(ticket, name) != right
    ]
    _require(not wrong, f"{number}: {'; '.join(wrong)}")


def _require_all_sent_once(stage: Stage, number: str) -> int:
    with stage.store.reading() as look:
        full = views.ticket_full(look, number, stage.office.settings, stage.clock()) or {}
    rows = full.get("outgoing", [])
    wrong = [
        f"{row['template']} to {row['to']}: {row['state']}, {row['attempts']} attempts"
        for row in rows
        if row["state"] != outbox.SENT or row["attempts"] != 1
    ]
    _require(not wrong, "; ".join(wrong))
    return len(rows)


def _number(stage: Stage) -> str:
    with stage.store.reading() as look:
        found = tickets.listed(look, tickets.Wanted())
    _require(len(found) == 1, f"expected one ticket, there are {[one.number for one in found]}")
    return found[0].number


def _staff_addresses(stage: Stage) -> tuple[str, ...]:
    return tuple(address for one in stage.desk.staff for address in (one.address, *one.aliases))


def _internal(stage: Stage) -> tuple[str, ...]:
    """What no requester may ever read."""
    return ("#", "Ref:", "Laporan baru dari", "Penanggung jawab", *_staff_addresses(stage))
