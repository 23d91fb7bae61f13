"""Who writes to whom in the tests of what leaves?"""

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from mailgate.compose.render import Facts, Templates, hours_text, templates
from mailgate.desk.decision import (
    Audience,
    AutoSubmitted,
    HistoryLine,
    Letter,
    MessageKind,
    Notice,
    ReceiptLine,
    Result,
    Send,
    Template,
    Waiting,
)
from mailgate.desk.ticket import Status, Ticket
from mailgate.message.message import Address, Attachment
from mailgate.settings import Desk, Hours

ROOT = Path(__file__).parent.parent
JAKARTA = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 8, 3, 9, 12, tzinfo=JAKARTA)
REF = "k3v7q2m5x4n6b1c8z9d0f2g4h6"
MESSAGE_ID = f"{REF}@payakumbuhkota.go.id"

RINA = Address("Rina Marlina", "rina@disdik.example.go.id")
ADMIN = Address("Admin Satu", "admin1@payakumbuhkota.go.id")
DONI = Address("Doni", "doni@payakumbuhkota.go.id")
HEAD = Address("Bu Kadis", "kadis@payakumbuhkota.go.id")
RINA_WROTE = "CAF5n=Rina1@mail.disdik.example.go.id"

QUESTION = (
    "Assalamualaikum, saya tidak bisa masuk ke aplikasi e-Office sejak tadi pagi.\n"
    "Muncul tulisan “kata sandi salah”, padahal tidak saya ubah.\n\nTerima kasih"
)
ANSWER = "Kata sandi e-Office Ibu sudah kami atur ulang.\nSilakan masuk memakai tautan di layar masuk."

KOMINFO = {
    "name": "Help Desk Dinas Kominfo Kota Payakumbuh",
    "address": "abuse.kominfo@payakumbuhkota.go.id",
    "prefix": "KOM",
    "language": "id",
    "message_id_domain": "payakumbuhkota.go.id",
    "contact": "Dinas Kominfo Kota Payakumbuh",
    "fee": "Tidak dipungut biaya",
    "show_staff_names": False,
    "reopen_within": "30 calendar days",
    "imap": {"host": "localhost", "user": "kominfo", "password": "env:KOMINFO"},
    "smtp": {"host": "localhost"},
    "levels": [{"name": "Admin help desk", "role": "admin"}],
    "staff": [{"name": ADMIN.name, "address": ADMIN.address, "roles": ["admin"]}],
}
TICKET = Ticket(
    number="KOM-2026-000123",
    desk="kominfo",
    status=Status.NEW,
    level=0,
    holder=None,
    outcome=None,
    channel="mail",
    subject="Tidak bisa masuk e-Office",
    requester_name=RINA.name,
    requester_address=RINA.address,
    category=None,
    work="PWD",
    priority=3,
    confidential=False,
    received_at=NOW.astimezone(UTC),
    notified_at=None,
    first_response_at=None,
    promised_due_at=None,
    due_at=datetime(2026, 8, 3, 2, 42, tzinfo=UTC),
    resolved_at=None,
    closed_at=None,
    reopened=0,
    silent=False,
)
HISTORY = (
    HistoryLine(
        datetime(2026, 8, 3, 1, 40, tzinfo=UTC),
        "Rina Marlina <rina@disdik.example.go.id>",
        MessageKind.REQUEST,
        "Assalamualaikum, saya tidak bisa masuk ke aplikasi e-Office sejak tadi pagi. Muncul tulisan",
    ),
    HistoryLine(
        datetime(2026, 8, 3, 1, 55, tzinfo=UTC),
        "Doni <doni@payakumbuhkota.go.id>",
        MessageKind.NOTE,
        "Akun terkunci karena salah ketik lima kali.",
    ),
)
PHOTO = Attachment("tangkapan layar.png", "image/png", 18, b"\x89PNG\r\n\x1a\n" + bytes(10))
VIDEO = Attachment("rekaman.mp4", "video/mp4", 26_500_000, b"")
DONE = (
    ReceiptLine("#selesai", Result.RESOLVED),
    ReceiptLine("", Result.REPLIED),
)


def desk(**changes: object) -> Desk:
    return Desk.model_validate(KOMINFO | changes)


def sources() -> dict[str, str]:
    folder = ROOT / "templates"
    files = [path for path in folder.glob("*/*") if path.suffix in (".txt", ".toml")]
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in files}


@cache
def shipped() -> Templates:
    return templates(sources())


def hours(**changes: object) -> Hours:
    week = {day: ["07:30-16:00"] for day in ("monday", "tuesday", "wednesday", "thursday")}
    ramadan = {"from": date(2027, 2, 9), "to": date(2027, 3, 10), "monday": ["08:00-12:00", "12:30-15:00"]}
    shipped_hours = week | {"friday": ["07:30-16:30"], "exceptions": [ramadan]}
    return Hours.model_validate(shipped_hours | changes)


def facts(words: Templates, language: str = "id") -> Facts:
    return Facts(JAKARTA, hours_text(words, language, hours(), NOW.date()))


def to_requester(template: Template, letter: Letter, automatic: AutoSubmitted | None = None) -> Send:
    return Send(
        template,
        Audience.REQUESTER,
        RINA,
        RINA.address,
        letter,
        automatic,
        in_reply_to=RINA_WROTE,
        references=(RINA_WROTE,),
    )


def to_staff(template: Template, letter: Letter, automatic: AutoSubmitted = AutoSubmitted.REPLIED) -> Send:
    return Send(template, Audience.STAFF, ADMIN, ADMIN.address, letter, automatic)


def notification(notice: Notice, **changes: object) -> Send:
    letter = Letter(
        ticket=TICKET,
        text=QUESTION,
        author=f"{RINA.name} <{RINA.address}>",
        notice=notice,
        promise="maksimal 30 (tiga puluh) menit setelah laporan diterima",
    )
    return to_staff(Template.NOTIFICATION, replace(letter, **changes), AutoSubmitted.GENERATED)


def receipt(*lines: ReceiptLine, **changes: object) -> Send:
    return to_staff(Template.RECEIPT, replace(Letter(ticket=TICKET, lines=lines), **changes))


def alert(**changes: object) -> Send:
    return Send(
        Template.ALERT,
        Audience.ADMIN,
        Address("", "admin@payakumbuhkota.go.id"),
        "admin@payakumbuhkota.go.id",
        Letter(**changes),
        AutoSubmitted.GENERATED,
    )


WAITING = (
    Waiting(
        12,
        "Rina Marlina <rina@disdik.example.go.id>",
        "Foto antena",
        "reading took more than 5 s of CPU time",
        datetime(2026, 8, 3, 2, 10, tzinfo=UTC),
    ),
    Waiting(13, "", "", "the mail has 5,000 parts, 1,000 are read", datetime(2026, 8, 3, 2, 11, tzinfo=UTC)),
)


def mails() -> dict[str, Send]:
    """One mail of every sort, by the name of its golden file."""
    held = replace(TICKET, status=Status.OPEN, holder=ADMIN.address)
    solved = replace(held, status=Status.RESOLVED, resolved_at=NOW.astimezone(UTC))
    from_admin = f"{ADMIN.name} <{ADMIN.address}>"
    answer = Letter(ticket=held, text=ANSWER, author=from_admin)
    return {
        "acknowledgement": to_requester(
            Template.ACKNOWLEDGEMENT,
            Letter(ticket=TICKET, promise="maksimal 30 (tiga puluh) menit setelah laporan diterima"),
            AutoSubmitted.REPLIED,
        ),
        "acknowledgement_outside_hours": to_requester(
            Template.ACKNOWLEDGEMENT,
            Letter(
                ticket=replace(TICKET, subject="Jaringan mati – lantai 2", work=None, due_at=None),
                opens_at=datetime(2026, 8, 10, 0, 30, tzinfo=UTC),
            ),
            AutoSubmitted.REPLIED,
        ),
        "reply": to_requester(Template.REPLY, answer),
        "resolution": to_requester(Template.RESOLUTION, replace(answer, ticket=solved)),
        "reopened": to_requester(Template.REOPENED, Letter(ticket=held), AutoSubmitted.REPLIED),
        "notification_new": notification(Notice.NEW, attachments=(PHOTO,), left_out=(VIDEO,)),
        "notification_follow_up": notification(
            Notice.FOLLOW_UP, ticket=held, text="Masih belum bisa, Pak.", history=HISTORY
        ),
        "notification_reopened": notification(
            Notice.REOPENED, ticket=replace(held, reopened=1), text="Masih belum bisa, Pak.", history=HISTORY
        ),
        "notification_stranger": notification(
            Notice.STRANGER,
            ticket=held,
            text="",
            author="Budi <budi@gmail.example>",
            other_number="KOM-2026-000124",
        ),
        "notification_undeliverable": notification(
            Notice.UNDELIVERABLE,
            ticket=held,
            text="550 5.1.1 <rina@disdik.example.go.id>: mailbox unavailable",
            author="",
            reply_is_public=False,
        ),
        "receipt_done": receipt(*DONE, ticket=solved, text=ANSWER, requester_was_sent=True),
        "receipt_nothing_done": receipt(
            ReceiptLine("#selsai", Result.UNKNOWN_COMMAND, "#selesai"), ReceiptLine("", Result.REPLIED)
        ),
        "receipt_help": receipt(ReceiptLine("#bantuan", Result.HELP), ticket=None),
        "confirmation": to_staff(Template.CONFIRMATION, Letter(ticket=held, text="#selesai\nSudah beres.")),
        "alert_waiting": alert(waiting=WAITING),
        "alert_trouble": alert(trouble="kominfo: no login at mail.payakumbuhkota.go.id:993 since 08:40"),
    }
