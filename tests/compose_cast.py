"""Who writes to whom in the tests of what leaves?"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from desk_cast import ticket

from mailgate.compose.render import Facts, Templates, Words, hours_text, render, templates
from mailgate.desk.alarms import News, State
from mailgate.desk.decision import (
    Agenda,
    Audience,
    AutoSubmitted,
    Due,
    Flood,
    FloodNews,
    HistoryLine,
    Letter,
    MessageKind,
    Notice,
    PassedOn,
    ReceiptLine,
    Result,
    Send,
    Template,
    Waiting,
    Withdrawn,
)
from mailgate.desk.figures import Figures
from mailgate.desk.ticket import Outcome, Status, Suggestion
from mailgate.message.message import Address, Attachment
from mailgate.settings import ConditionKind, Desk, Hours, duration

ROOT = Path(__file__).parent.parent
JAKARTA = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 8, 3, 9, 12, tzinfo=JAKARTA)
REF = "k3v7q2m5x4n6b1c8z9d0f2g4h6"
MESSAGE_ID = f"{REF}@payakumbuhkota.go.id"

RINA = Address("Rina Marlina", "rina@disdik.example.go.id")
BUDI = Address("Budi", "budi@gmail.example")
ADMIN = Address("Admin Satu", "admin1@payakumbuhkota.go.id")
DONI = Address("Doni", "doni@payakumbuhkota.go.id")
HEAD = Address("Bu Kadis", "kadis@payakumbuhkota.go.id")
READER = Address("kepala@lpse.example.go.id", "kepala@lpse.example.go.id")
"""None of the staff: has a copy of every complaint."""
RINA_WROTE = "CAF5n=Rina1@mail.disdik.example.go.id"

QUESTION = (
    "Assalamualaikum, saya tidak bisa masuk ke aplikasi e-Office sejak tadi pagi.\n"
    "Muncul tulisan “kata sandi salah”, padahal tidak saya ubah.\n\nTerima kasih"
)
ANSWER = "Kata sandi e-Office Ibu sudah kami atur ulang.\nSilakan masuk memakai tautan di layar masuk."

PWD_PROMISE = "maksimal 30 (tiga puluh) menit setelah laporan diterima"
SEC_PROMISE = "minimal 1 (satu) hari setelah laporan diterima"
LYN_PROMISE = "1 (satu) hari, menyesuaikan dengan tingkat kesulitan permasalahan"
ANT_PROMISE = "3 (tiga) jam sejak diberitahukan akan melakukan perbaikan kepada pengguna layanan"

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
    "categories": {"aplikasi": "Aplikasi", "infrastruktur": "Infrastruktur TIK"},
    "levels": [
        {"name": "Admin help desk", "role": "admin"},
        {"name": "Teknisi", "role": "teknisi"},
        {"name": "Pimpinan", "role": "pimpinan", "replies": "internal"},
    ],
    "staff": [
        {"name": ADMIN.name, "address": ADMIN.address, "roles": ["admin"]},
        {"name": DONI.name, "address": DONI.address, "roles": ["teknisi"], "categories": ["infrastruktur"]},
        {"name": HEAD.name, "address": HEAD.address, "roles": ["pimpinan"]},
    ],
    "work": [
        {
            "code": "PWD",
            "name": "Penggantian password",
            "within": "30 service minutes",
            "starts": "received",
            "promise": PWD_PROMISE,
        },
        {
            "code": "ANT",
            "name": "Perbaikan pointing antena wireless",
            "within": "3 service hours",
            "starts": "notified",
            "promise": ANT_PROMISE,
        },
    ],
}
TICKET = ticket(
    "KOM-2026-000123",
    subject="Tidak bisa masuk e-Office",
    requester_name=RINA.name,
    requester_address=RINA.address,
    work="PWD",
    received_at=NOW.astimezone(UTC),
    due_at=datetime(2026, 8, 3, 2, 42, tzinfo=UTC),
)
LATER = datetime(2026, 8, 3, 5, 30, tzinfo=UTC)
ANTENNA = replace(
    TICKET,
    status=Status.OPEN,
    level=1,
    holder=DONI.address,
    subject="Jaringan mati di SD 5",
    category="infrastruktur",
    work="ANT",
    due_at=None,
    requester_phone="0812 3456 7890",
    requester_organisation="SD Negeri 5",
)
"""A technician has it; its clock waits for the notice."""
CALLER = replace(
    TICKET,
    channel="phone",
    requester_address="",
    requester_phone="0812 3456 7890",
    requester_street="Jalan Sudirman 1",
)
"""Reported by telephone by somebody without mail."""
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
EARLIER = datetime(2026, 7, 31, 2, 0, tzinfo=UTC)


def due(kind: ConditionKind, so_long: str = "2 service hours", since: datetime = EARLIER) -> Due:
    return Due(kind, duration(so_long), since, times=3 if kind is ConditionKind.REPEATED_CONTACT else 0)


SUGGESTED = replace(TICKET, work=None, due_at=None, suggestion=Suggestion(4, work="PWD"))
LATE = replace(ANTENNA, due_at=EARLIER + timedelta(hours=3), notified_at=EARLIER, started=True)
COMPLAINT = replace(
    TICKET,
    confidential=True,
    subject="Petugas tidak ramah",
    work=None,
    due_at=None,
    received_at=datetime(2026, 7, 20, 2, 0, tzinfo=UTC),
)
AUGUST = Figures(2026, 8, 41, 39, 36, 5, 30, 4, 2, 3, (0, 1, 5, 12))
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


def written(send: Send, language: str = "id", **changes: object) -> Words:
    """The words of a mail by the shipped templates."""
    words = shipped()
    return render(words, send, desk(language=language, **changes), facts(words, language), REF, NOW)


def to_requester(
    template: Template, letter: Letter, automatic: AutoSubmitted | None = None, to: Address = RINA
) -> Send:
    return Send(
        template,
        Audience.REQUESTER,
        to,
        to.address,
        letter,
        automatic,
        in_reply_to=RINA_WROTE,
        references=(RINA_WROTE,),
    )


def to_staff(
    template: Template,
    letter: Letter,
    automatic: AutoSubmitted = AutoSubmitted.REPLIED,
    to: Address = ADMIN,
) -> Send:
    return Send(template, Audience.STAFF, to, to.address, letter, automatic)


def notification(notice: Notice, **changes: object) -> Send:
    letter = Letter(
        ticket=TICKET,
        text=QUESTION,
        author=f"{RINA.name} <{RINA.address}>",
        notice=notice,
        promise=PWD_PROMISE,
        flood=FloodNews(FLOOD, per_minute=10) if notice is Notice.FLOOD else None,
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


AGENDA = Agenda(
    overdue=(LATE, replace(TICKET, number="KOM-2026-000120", due_at=EARLIER)),
    due_today=(replace(TICKET, number="KOM-2026-000124"),),
    mine=(replace(TICKET, number="KOM-2026-000125", due_at=None, work=None),),
    waiting=(replace(TICKET, number="KOM-2026-000126", status=Status.PENDING, pending_since=EARLIER),),
    unheld=(replace(COMPLAINT, number="KOM-2026-000127"),),
    left_out=3,
    junk=12,
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


ALARM = News(
    "submission kominfo",
    State.BEGIN,
    "mail.payakumbuhkota.go.id:465: [Errno 111] Connection refused",
    datetime(2026, 8, 3, 2, 5, tzinfo=UTC),
    "Help Desk Dinas Kominfo Kota Payakumbuh <abuse.kominfo@payakumbuhkota.go.id>",
)
CANARY = Send(
    Template.CANARY,
    Audience.ADMIN,
    Address("Help Desk", "abuse.kominfo@payakumbuhkota.go.id"),
    "abuse.kominfo@payakumbuhkota.go.id",
    Letter(),
    AutoSubmitted.GENERATED,
)


def mails() -> dict[str, Send]:
    """One mail of every sort, by the name of its golden file."""
    return to_requesters() | notifications() | to_colleagues() | receipts() | to_admins()


def to_requesters() -> dict[str, Send]:
    held = replace(TICKET, status=Status.OPEN, holder=ADMIN.address)
    solved = replace(held, status=Status.RESOLVED, resolved_at=NOW.astimezone(UTC))
    answer = Letter(ticket=held, text=ANSWER, author=str(ADMIN))
    running = replace(ANTENNA, started=True, promised_due_at=LATER)
    words = Letter(ticket=held, text="Mohon sebutkan nama ruangannya.", author=str(DONI))
    merged = Letter(ticket=held, other_number="KOM-2026-000124")
    return {
        "acknowledgement": to_requester(
            Template.ACKNOWLEDGEMENT, Letter(ticket=TICKET, promise=PWD_PROMISE), AutoSubmitted.REPLIED
        ),
        "acknowledgement_outside_hours": to_requester(
            Template.ACKNOWLEDGEMENT,
            Letter(
                ticket=replace(TICKET, subject="Jaringan mati – lantai 2", work=None, due_at=None),
                opens_at=datetime(2026, 8, 10, 0, 30, tzinfo=UTC),
            ),
            AutoSubmitted.REPLIED,
        ),
        "acknowledgement_incident": to_requester(
            Template.ACKNOWLEDGEMENT,
            Letter(
                ticket=replace(TICKET, subject="Situs kami diretas", category="keamanan", due_at=None),
                promise=SEC_PROMISE,
                incident=True,
            ),
            AutoSubmitted.REPLIED,
        ),
        "acknowledgement_lpse": to_requester(
            Template.ACKNOWLEDGEMENT,
            Letter(ticket=replace(TICKET, number="LPSE-2026-000045"), promise=LYN_PROMISE),
            AutoSubmitted.REPLIED,
        ),
        "started": to_requester(
            Template.STARTED,
            Letter(
                ticket=running, promise=ANT_PROMISE, text="Teknisi kami tiba pukul 10.00.", author=str(DONI)
            ),
        ),
        "started_poor": to_requester(
            Template.STARTED, Letter(ticket=replace(held, work=None, started=True)), AutoSubmitted.GENERATED
        ),
        "question": to_requester(Template.QUESTION, words),
        "question_again": to_requester(
            Template.QUESTION,
            Letter(ticket=held, text="Mohon sebutkan nama ruangannya.", again=True),
            AutoSubmitted.GENERATED,
        ),
        "reply": to_requester(Template.REPLY, answer),
        "promise": to_requester(
            Template.PROMISE,
            Letter(ticket=running, reason="Menunggu suku cadang dari Padang.", author=str(DONI)),
        ),
        "resolution": to_requester(Template.RESOLUTION, replace(answer, ticket=solved, survey=True)),
        "resolution_without_survey": to_requester(Template.RESOLUTION, replace(answer, ticket=solved)),
        "closed": to_requester(
            Template.CLOSED,
            Letter(ticket=replace(held, status=Status.CLOSED, outcome=Outcome.WITHDRAWN)),
            AutoSubmitted.GENERATED,
        ),
        "out_of_scope": to_requester(
            Template.OUT_OF_SCOPE, replace(words, text="Lampu jalan ditangani Dinas Perhubungan.")
        ),
        "out_of_scope_poor": to_requester(
            Template.OUT_OF_SCOPE, Letter(ticket=held), AutoSubmitted.GENERATED
        ),
        "reopened": to_requester(Template.REOPENED, Letter(ticket=held), AutoSubmitted.REPLIED),
        "redirect": to_requester(Template.REDIRECT, replace(words, text="Sertakan kode tendernya.")),
        "redirect_poor": to_requester(Template.REDIRECT, replace(words, text="")),
        "merged": to_requester(Template.MERGED, merged, AutoSubmitted.GENERATED),
        "public_status": to_requester(
            Template.PUBLIC_STATUS, Letter(ticket=running, promise=ANT_PROMISE), AutoSubmitted.REPLIED
        ),
        "public_status_poor": to_requester(
            Template.PUBLIC_STATUS,
            Letter(ticket=replace(TICKET, requester_name="", work=None, due_at=None)),
            AutoSubmitted.REPLIED,
        ),
    }


FLOOD = Flood(
    sender_group=RINA.address,
    number=TICKET.number,
    began_at=EARLIER,
    last_at=NOW,
    mails=11,
    told_mails=11,
    told_at=NOW,
)
SUBJECTS = ("Jaringan mati", "ALARM suhu ruang server 31 derajat", "\u202eterbalik " * 20)


def notifications() -> dict[str, Send]:
    held = replace(TICKET, status=Status.OPEN, holder=ADMIN.address)
    again = {"text": "Masih belum bisa, Pak.", "history": HISTORY}
    told = {"text": "", "author": str(DONI), "ticket": replace(held, holder=DONI.address)}
    bounce = "550 5.1.1 <rina@disdik.example.go.id>: mailbox unavailable"
    return {
        "notification_new": notification(Notice.NEW, attachments=(PHOTO,), left_out=(VIDEO,)),
        "notification_new_phone": notification(Notice.NEW, ticket=CALLER),
        "notification_new_forwarded": notification(Notice.NEW, ticket=replace(TICKET, proposed=BUDI)),
        "notification_new_stranger": notification(
            Notice.NEW, ticket=replace(TICKET, stranger_of="KOM-2026-000007")
        ),
        "notification_new_suggested": notification(Notice.NEW, ticket=SUGGESTED, promise=""),
        "notification_closed": notification(
            Notice.CLOSED, **(told | {"ticket": replace(held, status=Status.CLOSED)})
        ),
        "notification_copy": replace(
            notification(
                Notice.CONFIDENTIAL,
                ticket=COMPLAINT,
                promise="",
                reads_only=True,
                reply_is_public=False,
                left_out=(PHOTO,),
            ),
            to=READER,
            person=READER.address,
        ),
        "notification_follow_up": notification(Notice.FOLLOW_UP, ticket=held, **again),
        "notification_reopened": notification(Notice.REOPENED, ticket=replace(held, reopened=1), **again),
        "notification_stranger": notification(
            Notice.STRANGER, ticket=held, text="", author=str(BUDI), other_number="KOM-2026-000124"
        ),
        "notification_undeliverable": notification(
            Notice.UNDELIVERABLE, ticket=held, text=bounce, author="", reply_is_public=False
        ),
        "notification_cancelled": notification(
            Notice.CANCELLED,
            ticket=held,
            text="rina@disdik.example.go.id",
            author="",
            withdrawn=Withdrawn(Template.STARTED, perhaps=False),
        ),
        "notification_note": notification(Notice.NOTE, ticket=held, text="Akun terkunci.", author=str(DONI)),
        "notification_answered": notification(Notice.ANSWERED, **told),
        "notification_taken": notification(Notice.TAKEN, **(told | {"author": str(ADMIN)})),
        "notification_returned": notification(
            Notice.RETURNED,
            ticket=replace(ANTENNA, level=0, holder=None),
            author=str(DONI),
            reason="Bukan antena.",
        ),
        "notification_merged": notification(Notice.MERGED, ticket=held, other_number="KOM-2026-000124"),
        "notification_confidential": notification(
            Notice.CONFIDENTIAL, ticket=replace(TICKET, confidential=True, work=None, due_at=None), promise=""
        ),
        "notification_courtesy": notification(
            Notice.COURTESY, ticket=replace(held, status=Status.RESOLVED, survey=4), text="4, terima kasih!"
        ),
        "notification_holder_away": notification(
            Notice.HOLDER_AWAY, ticket=ANTENNA, text="Saya sedang cuti sampai Jumat.", author=str(DONI)
        ),
        "notification_holder_unreachable": notification(
            Notice.HOLDER_UNREACHABLE, ticket=ANTENNA, text="552 5.2.2 mailbox full", author=str(DONI)
        ),
        "notification_refused": notification(
            Notice.REFUSED,
            ticket=replace(held, subject="", requester_name=""),
            text="554 5.7.1",
            author="",
            left_out=(),
            history=(),
        ),
        "notification_flood": notification(Notice.FLOOD, text="", author="", promise=""),
        "notification_flood_over": notification(
            Notice.FLOOD,
            text="",
            author="",
            promise="",
            flood=FloodNews(replace(FLOOD, mails=300), SUBJECTS, per_minute=10, over=True),
        ),
    }


def to_colleagues() -> dict[str, Send]:
    given = Letter(
        ticket=ANTENNA,
        text=QUESTION,
        author=str(ADMIN),
        reason="Tolong dicek sebelum siang.",
        promise=ANT_PROMISE,
        left_out=(PHOTO,),
        history=HISTORY,
    )
    head = replace(ANTENNA, level=2, holder=HEAD.address)
    doubted = Letter(ticket=TICKET, text="#selesai\nSudah beres.", author=ADMIN.address, lines=DONE)
    listed = (TICKET, ANTENNA, replace(CALLER, confidential=True, due_at=NOW.astimezone(UTC)))
    return {
        "delegation": to_staff(Template.DELEGATION, given, AutoSubmitted.GENERATED, DONI),
        "delegation_poor": to_staff(
            Template.DELEGATION, Letter(ticket=replace(CALLER, level=1)), AutoSubmitted.GENERATED, DONI
        ),
        "escalation": to_staff(
            Template.ESCALATION,
            replace(given, ticket=head, author=str(DONI), reason="Tiang roboh.", reply_is_public=False),
            AutoSubmitted.GENERATED,
            HEAD,
        ),
        "escalation_poor": to_staff(
            Template.ESCALATION, Letter(ticket=head, reply_is_public=False), AutoSubmitted.GENERATED, HEAD
        ),
        "delegation_by_time": to_staff(
            Template.DELEGATION,
            replace(given, author="", reason="", causes=(due(ConditionKind.UNANSWERED),)),
            AutoSubmitted.GENERATED,
            DONI,
        ),
        "escalation_by_time": to_staff(
            Template.ESCALATION,
            replace(
                given,
                ticket=replace(LATE, level=2),
                author="",
                reason="",
                causes=(due(ConditionKind.OVERDUE, since=EARLIER + timedelta(hours=3)),),
                reply_is_public=False,
            ),
            AutoSubmitted.GENERATED,
            HEAD,
        ),
        "reminder": to_staff(
            Template.REMINDER,
            Letter(
                ticket=LATE,
                causes=(
                    due(ConditionKind.STARTED_NOT_REPORTED, "1 working day"),
                    due(ConditionKind.OVERDUE, since=EARLIER + timedelta(hours=3)),
                ),
                promise=ANT_PROMISE,
                history=HISTORY,
            ),
            AutoSubmitted.GENERATED,
            DONI,
        ),
        "reminder_complaint": to_staff(
            Template.REMINDER,
            Letter(
                ticket=COMPLAINT,
                causes=(due(ConditionKind.COMPLAINT, "14 calendar days", COMPLAINT.received_at),),
                history=HISTORY[:1],
                reply_is_public=False,
            ),
            AutoSubmitted.GENERATED,
            HEAD,
        ),
        "digest": to_staff(Template.DIGEST, Letter(agenda=AGENDA), AutoSubmitted.GENERATED),
        "digest_poor": to_staff(
            Template.DIGEST, Letter(agenda=Agenda(unheld=(COMPLAINT,))), AutoSubmitted.GENERATED
        ),
        "list": to_staff(Template.LIST, Letter(tickets=listed)),
        "list_empty": to_staff(Template.LIST, Letter()),
        "list_one": to_staff(
            Template.LIST,
            Letter(
                ticket=replace(
                    head,
                    status=Status.CLOSED,
                    outcome=Outcome.MERGED,
                    merged_into="KOM-2026-000007",
                    notified_at=NOW.astimezone(UTC),
                    first_response_at=NOW.astimezone(UTC),
                    resolved_at=LATER,
                    closed_at=LATER,
                    reopened=1,
                    survey=3,
                    priority=1,
                    participants=(BUDI,),
                ),
                history=HISTORY * 4,
                promise=ANT_PROMISE,
            ),
        ),
        "confirmation": to_staff(Template.CONFIRMATION, doubted),
        "confirmation_automatic": to_staff(
            Template.CONFIRMATION,
            Letter(ticket=TICKET, text="Saya sedang cuti.", author=ADMIN.address, looks_automatic=True),
        ),
    }


def receipts() -> dict[str, Send]:
    solved = replace(TICKET, status=Status.RESOLVED, holder=ADMIN.address, resolved_at=NOW.astimezone(UTC))
    open_again = replace(ANTENNA, promised_due_at=LATER)
    reaches = (RINA.address, BUDI.address)
    reported = ReceiptLine("#lapor", Result.REPORTED, CALLER.number)
    return {
        "receipt_done": receipt(
            *DONE, ticket=solved, text=ANSWER, requester_was_sent=True, reaches=reaches[:1]
        ),
        "receipt_several": receipt(
            ReceiptLine("", Result.ANSWERED_BEFORE, DONI.name),
            ReceiptLine("#kategori infra", Result.CATEGORY_SET, "Infrastruktur TIK"),
            ReceiptLine("#tenggat hari ini 12.30 menunggu suku cadang", Result.PROMISED),
            ticket=open_again,
            text="Menunggu suku cadang.",
            requester_was_sent=True,
            reaches=reaches,
            promise=ANT_PROMISE,
        ),
        "receipt_nothing_done": receipt(
            ReceiptLine("#selsai", Result.UNKNOWN_COMMAND, "#selesai"), ReceiptLine("", Result.REPLIED)
        ),
        "receipt_choices": receipt(
            ReceiptLine("#tugas budi", Result.ARGUMENT_UNCLEAR, "budi", (str(ADMIN), str(DONI))),
            ReceiptLine("#eskalasi", Result.CATEGORY_MISSING, "", ("aplikasi", "infrastruktur")),
            ReceiptLine("#lapor", Result.FIELDS_MISSING, "", ("name", "phone")),
        ),
        "receipt_agreed": receipt(
            ReceiptLine("#setuju", Result.AGREED, "", ("Penggantian password", "Aplikasi", "2")),
            ticket=replace(TICKET, category="aplikasi", priority=2),
        ),
        "receipt_reported": receipt(reported, ticket=CALLER, promise=PWD_PROMISE),
        "receipt_attachments": receipt(
            ReceiptLine("#lampiran", Result.ATTACHMENTS, "1"), attachments=(PHOTO,), left_out=(VIDEO,)
        ),
        "receipt_figures": receipt(
            ReceiptLine("#laporan 2026-08", Result.FIGURES), ticket=None, figures=AUGUST
        ),
        "receipt_help": receipt(ReceiptLine("#bantuan", Result.HELP), ticket=None),
    }


def to_admins() -> dict[str, Send]:
    return {
        "alert_waiting": alert(waiting=WAITING),
        "alert_alarm": alert(alarm=ALARM),
        "alert_alarm_over": alert(alarm=replace(ALARM, state=State.OVER)),
        "alert_passed_on": alert(
            passed_on=PassedOn(
                ALARM.who, "[mailgate] Gangguan: mailbox kominfo", "Baris satu.\n\nBaris dua.\n"
            )
        ),
        "canary": CANARY,
        "alert_trouble": alert(trouble="kominfo: no login at mail.payakumbuhkota.go.id:993 since 08:40"),
    }
