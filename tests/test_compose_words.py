"""Does every mail say enough, and never too much?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from compose_cast import (
    ADMIN,
    AGENDA,
    ANT_PROMISE,
    ANTENNA,
    BUDI,
    CALLER,
    COMPLAINT,
    DONI,
    EARLIER,
    HISTORY,
    LATER,
    NOW,
    PHOTO,
    REF,
    ROOT,
    SEC_PROMISE,
    SUGGESTED,
    TICKET,
    VIDEO,
    desk,
    due,
    facts,
    mails,
    notification,
    receipt,
    shipped,
    to_requester,
    to_requesters,
    to_staff,
    written,
)
from time_cast import counter, situation

from mailgate.compose.likely import likely
from mailgate.compose.render import mailbox, render
from mailgate.desk.commands import WORDS, Command, order
from mailgate.desk.decision import (
    PROBLEMS,
    Agenda,
    Audience,
    Letter,
    Notice,
    ReceiptLine,
    Result,
    Send,
    Template,
)
from mailgate.desk.letters import News, notifications
from mailgate.desk.report_form import Channel, report_form
from mailgate.desk.ticket import Outcome, Status, Suggestion, Ticket
from mailgate.message.message import Address, Attachment, Feedback, Invitation
from mailgate.settings import ConditionKind, Desk, load

LANGUAGES = ("id", "en")
TEMPLATES = shipped()


def flat(send: Send, language: str = "id", **changes: object) -> str:
    return " ".join(written(send, language, **changes).body.split())


def sentence(result: Result | str, language: str, detail: str = "rinci") -> str:
    """What a receipt says of one line."""
    line = ReceiptLine("#x", result, detail)  # type: ignore[arg-type]  # a result that nobody has words for
    return flat(receipt(line, ticket=None), language).partition("#x ")[2].partition(" Ref:")[0]


# --- What became of a staff member's lines ---


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_result_has_words_of_its_own(language: str) -> None:
    said = {result: sentence(result, language) for result in Result}
    said[Result.ANSWERED_BEFORE] = flat(receipt(ReceiptLine("", Result.ANSWERED_BEFORE, "Doni")), language)
    unknown = sentence("no_such_result", language)
    assert unknown in {"Dijalankan.", "Done."}
    assert not [
        result for result, words in said.items() if words in {unknown, "Tidak dijalankan.", "Not done."}
    ]
    assert len(set(said.values())) == len(Result)
    assert all(words.strip() for words in said.values())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("ticket", [None, TICKET, CALLER])
def test_no_receipt_has_an_empty_line_about_a_command(language: str, ticket: Ticket | None) -> None:
    for result in Result:
        for detail, choices in (("", ()), ("rinci", ("satu", "dua"))):
            body = written(receipt(ReceiptLine("#x", result, detail, choices), ticket=ticket), language).body
            assert "None" not in body
            if result is not Result.ANSWERED_BEFORE:
                following = body.split("#x\n")[1].split("\n")[0]
                assert following.startswith("  ")
                assert len(following.strip()) > 8


DETAILED = [
    Result.ASSIGNED,
    Result.CATEGORY_SET,
    Result.WORK_SET,
    Result.PRIORITY_SET,
    Result.ESCALATED,
    Result.RETURNED,
    Result.EXTERNAL,
    Result.MERGED,
    Result.SPLIT,
    Result.LINKED,
    Result.JOINED,
    Result.ACCEPTED,
    Result.REJECTED,
    Result.SPAM,
    Result.ATTACHMENTS,
    Result.REPORTED,
    Result.REQUESTER_SET,
    Result.ANSWERED_BEFORE,
    Result.UNKNOWN_COMMAND,
    Result.NOT_TOGETHER,
    Result.BARE_WORD,
    Result.NOT_POSSIBLE,
    Result.ARGUMENT_UNCLEAR,
    Result.NO_SUCH_TICKET,
    Result.NOT_AN_ADDRESS,
    Result.TOO_MANY,
    Result.UNREACHABLE,
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("result", DETAILED)
def test_a_receipt_names_what_it_is_about(language: str, result: Result) -> None:
    assert "KHUSUS-7" in flat(receipt(ReceiptLine("#x", result, "KHUSUS-7")), language)


def test_a_receipt_says_the_promised_and_the_told_moment() -> None:
    ticket = replace(TICKET, promised_due_at=LATER, notified_at=NOW.astimezone(UTC))
    for result in (Result.PROMISED, Result.TOLD, Result.ALREADY_TOLD):
        moment = "12.30 WIB" if result is Result.PROMISED else "09.12 WIB"
        assert moment in written(receipt(ReceiptLine("#x", result), ticket=ticket)).body.split("\n\n")[1]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("result", sorted(PROBLEMS))
def test_choices_stand_one_on_a_line(language: str, result: Result) -> None:
    body = written(receipt(ReceiptLine("#tugas x", result, "", ("Doni", "Dona"))), language).body
    assert "\n  - Doni" in body
    assert "\n  - Dona" in body


def test_missing_fields_are_asked_for_by_the_labels_that_staff_type() -> None:
    line = ReceiptLine("#lapor", Result.FIELDS_MISSING, "", ("name", "phone", "street", "email", "complaint"))
    body = written(receipt(line)).body
    for label in ("Nama", "Telepon", "Alamat", "Email", "Keluhan"):
        assert f"\n  - {label}:\n" in body
    wrong = ReceiptLine("#lapor", Result.FIELDS_WRONG, "", ("time", "channel"))
    assert "\n  - Waktu:\n  - Saluran:\n" in written(receipt(wrong)).body


def test_a_refused_line_shows_how_it_is_written() -> None:
    assert "#tenggat 31/8 14.00" in flat(
        receipt(ReceiptLine("#tenggat besuk", Result.ARGUMENT_UNCLEAR, "besuk"))
    )
    assert "#due 31/8 14:00" in flat(receipt(ReceiptLine("#DUE x", Result.ARGUMENT_UNCLEAR, "x")), "en")
    assert "Contoh: #selesai Kabel" in flat(
        receipt(ReceiptLine("#slesai", Result.UNKNOWN_COMMAND, "#selesai"))
    )
    assert "Contoh" not in flat(receipt(ReceiptLine("#xyz", Result.UNKNOWN_COMMAND)))
    missing = ReceiptLine("#eskalasi", Result.CATEGORY_MISSING, "", ("aplikasi",))
    assert "Contoh: #kategori aplikasi #eskalasi perlu" in flat(receipt(missing))


def test_the_receipt_of_a_reply_names_everybody_whom_it_reached() -> None:
    words = written(
        receipt(
            ReceiptLine("", Result.REPLIED),
            text="Sudah.",
            requester_was_sent=True,
            reaches=("rina@disdik.example.go.id", "budi@gmail.example"),
        )
    ).body
    assert "rina@disdik.example.go.id, budi@gmail.example:" in words


def test_who_enters_a_report_learns_what_to_tell_the_caller_and_that_nothing_was_mailed() -> None:
    told = flat(
        receipt(ReceiptLine("#lapor", Result.REPORTED, "KOM-2026-000123"), ticket=CALLER, promise="30 menit")
    )
    assert "Sampaikan kepada pelapor: - Nomor laporan: KOM-2026-000123" in told
    assert "30 menit" in told
    assert "09.42 WIB" in told
    assert "Tidak dipungut biaya" in told
    assert "Pelapor tidak dikirimi apa pun, karena tidak punya alamat surel." in told
    assert (
        told.count("tidak punya alamat surel") == told.count("tidak dikirimi") == told.count("30 menit") == 1
    )
    assert "0812 3456 7890" in told
    by_mail = receipt(ReceiptLine("#lapor", Result.REPORTED, "x"), requester_was_sent=True)
    assert "tidak punya alamat surel" not in flat(by_mail)
    assert "rina@disdik.example.go.id" in flat(by_mail)


def test_the_figures_of_a_month_are_all_told() -> None:
    told = flat(mails()["receipt_figures"])
    assert "Agustus 2026 Masuk: 41 Dijawab petugas: 39 Berakhir: 36 Belum selesai: 5" in told
    assert "Nilai 4 (sangat puas): 12 Nilai 3 (puas): 5 Nilai 2 (kurang puas): 1" in told


@pytest.mark.parametrize("name", sorted(mails()))
def test_a_mail_speaks_one_language(name: str) -> None:
    send = mails()[name]
    indonesian, english = written(send, "id"), written(send, "en")
    assert indonesian.body != english.body
    alike = indonesian.subject == english.subject
    assert not alike or indonesian.subject.startswith(("Re: [", f"[{TICKET.number}] Status: "))


# --- The commands ---


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_help_lists_every_command_in_both_languages_in_two_short_lines(language: str) -> None:
    lines = written(mails()["receipt_help"], language).body.split("\n")
    typed = {
        word.strip("()").removeprefix("#") for line in lines if line.startswith("#") for word in line.split()
    }
    assert set(WORDS) - typed == set()
    assert max(map(len, lines)) <= 76
    for place, line in enumerate(lines[4:], start=4):
        if line.startswith("#"):
            assert lines[place + 1].startswith("  ")
            assert not lines[place + 2].startswith("  ")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("command", Command)
def test_what_staff_are_taught_is_understood(language: str, command: Command) -> None:
    usage = TEMPLATES.vocabularies[language].command[command]
    assert WORDS[usage.usage.split()[0].removeprefix("#")] is command
    assert WORDS[usage.alias.removeprefix("#")] is command
    taught = order(usage.example.strip())
    assert [line.command for line in taught.lines] == [command]
    assert taught.problems == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_that_staff_are_shown_can_be_read(language: str) -> None:
    example = TEMPLATES.vocabularies[language].command[Command.REPORT].example.strip()
    form = report_form(example.partition("\n")[2])
    assert form.name == "Rina Marlina"
    assert form.street == "Jalan Sudirman 1"
    assert form.phone == "0812 3456 7890"
    assert form.email == "rina@disdik.example.go.id"
    assert form.channel is Channel.PHONE
    assert "09" in form.time
    assert form.complaint
    assert form.unknown == ()


OUTSIDE: dict[str, object] = {
    "levels": [
        {"name": "Helpdesk LPSE", "role": "admin"},
        {"name": "Admin PPE", "role": "teknisi"},
        {"name": "Helpdesk LKPP-RI", "external": True},
        {"name": "Pimpinan", "role": "pimpinan"},
    ]
}
HELD = replace(TICKET, status=Status.OPEN, holder=ADMIN.address, category="aplikasi")


@pytest.mark.parametrize(
    ("ticket", "notice", "office", "public", "first"),
    [
        (TICKET, None, {}, True, ["resolve", "take", "category", "note"]),
        (TICKET, None, {"categories": {}}, True, ["resolve", "take", "escalate", "note"]),
        (HELD, None, {}, True, ["resolve", "escalate", "note"]),
        (ANTENNA, None, {}, True, ["start", "resolve", "escalate", "note"]),
        (replace(ANTENNA, notified_at=LATER), None, {}, True, ["resolve", "escalate", "note"]),
        (replace(ANTENNA, requester_address=""), None, {}, True, ["told", "resolve", "escalate", "note"]),
        (replace(HELD, level=1), None, OUTSIDE, True, ["resolve", "external", "redirect", "note"]),
        (replace(ANTENNA, level=2), None, {}, False, ["return", "assign", "resolve"]),
        (HELD, None, {}, False, ["assign", "resolve"]),
        (replace(HELD, status=Status.CLOSED), None, {}, False, ["reopen", "note"]),
        (replace(HELD, status=Status.RESOLVED), Notice.COURTESY, {}, True, ["reopen", "note"]),
        (HELD, Notice.STRANGER, {}, True, ["accept", "reject", "resolve", "note"]),
        (
            replace(HELD, stranger_of="KOM-2026-000007"),
            None,
            {},
            True,
            ["accept", "reject", "resolve", "note"],
        ),
        (replace(HELD, proposed=BUDI), Notice.NEW, {}, True, ["report", "resolve", "escalate", "note"]),
        (HELD, Notice.HOLDER_AWAY, {}, True, ["assign", "take", "resolve", "note"]),
        (HELD, Notice.ANSWERED, {}, True, ["note", "take", "resolve"]),
        (replace(HELD, level=9), None, {}, True, ["resolve", "note"]),
        (replace(HELD, level=1, category=None), None, {}, True, ["resolve", "escalate", "note"]),
        (SUGGESTED, Notice.NEW, {}, True, ["agree", "resolve", "take", "note"]),
        (SUGGESTED, None, {}, False, ["agree", "assign", "resolve"]),
        (replace(SUGGESTED, status=Status.CLOSED), None, {}, True, ["reopen", "note"]),
    ],
)
def test_the_commands_that_are_offered_are_the_next_steps(
    ticket: Ticket, notice: Notice | None, office: dict[str, object], public: bool, first: list[str]
) -> None:
    assert list(likely(ticket, desk(**office), notice, public=public)) == first


@pytest.mark.parametrize(
    ("cause", "public", "first"),
    [
        (ConditionKind.UNASSIGNED, True, ["take", "assign", "resolve", "note"]),
        (ConditionKind.OVERDUE, True, ["resolve", "due", "escalate", "note"]),
        (ConditionKind.DUE_IN, True, ["resolve", "due", "escalate", "note"]),
        (ConditionKind.STARTED_NOT_REPORTED, True, ["resolve", "due", "escalate", "note"]),
        (ConditionKind.UNANSWERED, True, ["resolve", "escalate", "note"]),
        (ConditionKind.OVERDUE, False, ["assign", "resolve"]),
    ],
)
def test_a_reminder_offers_what_would_settle_it(cause: ConditionKind, public: bool, first: list[str]) -> None:
    assert list(likely(HELD, desk(), None, [cause], public=public)) == first


# --- Notifications and other mail to staff ---


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_notice_has_a_subject_and_words_of_its_own(language: str) -> None:
    told = [written(notification(notice, other_number="KOM-2026-000124"), language) for notice in Notice]
    assert len({words.subject for words in told}) == len(Notice)
    assert len({words.body.split("\n\n")[1] for words in told}) == len(Notice)
    assert not [
        words.subject for words in told if "Pemberitahuan:" in words.subject or "Notice:" in words.subject
    ]
    assert all(len(words.body.split("\n\n")[1]) > 10 for words in told)


def to_staff_of_all_sorts(ticket: Ticket, *, public: bool) -> list[Send]:
    letter = Letter(ticket=ticket, reply_is_public=public)
    return [
        *(notification(notice, ticket=ticket, reply_is_public=public) for notice in Notice),
        *(
            to_staff(name, letter)
            for name in (Template.DELEGATION, Template.ESCALATION, Template.REMINDER, Template.LIST)
        ),
    ]


@pytest.mark.parametrize(
    ("ticket", "public", "first"),
    [
        (TICKET, True, "Balasan Anda dikirim ke pelapor."),
        (TICKET, False, "Balasan Anda menjadi catatan internal."),
        (CALLER, False, "Balasan Anda menjadi catatan internal."),
        (CALLER, True, "Pelapor tidak punya alamat surel: balasan Anda dicatat, tidak dikirim."),
    ],
)
def test_the_first_line_of_every_mail_to_staff_says_where_a_reply_goes(
    ticket: Ticket, public: bool, first: str
) -> None:
    for send in to_staff_of_all_sorts(ticket, public=public):
        assert written(send).body.startswith(first + "\n")


@pytest.mark.parametrize(
    ("ticket", "public", "said"),
    [
        (TICKET, True, "Balasan atas surel ini dikirim ke pelapor."),
        (TICKET, False, "Balasan atas surel ini menjadi catatan internal."),
        (CALLER, True, "Balasan atas surel ini dicatat, tidak dikirim."),
    ],
)
def test_where_the_next_reply_goes_is_not_taken_for_what_was_sent(
    ticket: Ticket, public: bool, said: str
) -> None:
    told = written(receipt(ReceiptLine("#x", Result.NOTED), ticket=ticket, reply_is_public=public)).body
    assert "Pelapor tidak dikirimi apa pun.\n\nStatus: " in told
    assert f"\n\n{said}\n\nPerintah, " in told
    assert "Balasan Anda" not in told


@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("Rina Marlina", "Yth. Bapak/Ibu Rina Marlina,"),
        ("Kepala Dinas Pendidikan", "Yth. Bapak/Ibu Kepala Dinas Pendidikan,"),
        ("Sdri. Rina", "Yth. Sdri. Rina,"),
        ("Ibunda Sari", "Yth. Bapak/Ibu Ibunda Sari,"),
        ("Dinas Pendidikan Kota Payakumbuh", "Yth. Dinas Pendidikan Kota Payakumbuh,"),
        ("PT. Maju Jaya", "Yth. PT. Maju Jaya,"),
        (".", "Yth. Bapak/Ibu .,"),
        ("", "Yth. Bapak/Ibu,"),
    ],
)
def test_nobody_is_greeted_by_two_forms_of_address_and_no_office_as_a_person(
    name: str, greeting: str
) -> None:
    send = to_requester(Template.REOPENED, Letter(ticket=TICKET))
    send = replace(send, to=replace(send.to, name=name))
    assert written(send).body.startswith(greeting + "\n")


@pytest.mark.parametrize(
    ("language", "subject"), [("id", "TIDAK dijalankan: #bantu"), ("en", "NOT done: #bantu")]
)
def test_a_receipt_without_a_report_names_the_command_in_its_subject(language: str, subject: str) -> None:
    send = receipt(ReceiptLine("#bantu", Result.UNKNOWN_COMMAND, "#bantuan"), ticket=None)
    assert written(send, language).subject == subject


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "notice",
    [Notice.ANSWERED, Notice.TAKEN, Notice.CLOSED, Notice.STRANGER, Notice.COURTESY, Notice.NOTE],
)
def test_what_needs_one_line_does_not_fill_a_telephone(language: str, notice: Notice) -> None:
    send = notification(notice, text="", author=str(DONI), history=HISTORY, other_number="KOM-2026-000124")
    assert len(written(send, language).body.split("\n")) <= 16


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("notice", Notice)
def test_an_ordinary_notification_is_read_without_much_scrolling(language: str, notice: Notice) -> None:
    send = notification(notice, ticket=ANTENNA, text="Satu baris.", history=HISTORY * 9, promise=ANT_PROMISE)
    assert len(written(send, language).body.split("\n")) <= 44


def test_a_stranger_is_told_of_with_the_two_commands() -> None:
    old = notification(Notice.STRANGER, text="", author=str(BUDI), other_number="KOM-2026-000124")
    new = notification(Notice.NEW, ticket=replace(TICKET, stranger_of="KOM-2026-000007"))
    for send in (old, new):
        assert "#terima - " in flat(send)
        assert "#tolak - " in flat(send)
    assert "KOM-2026-000007" in flat(new)
    assert "#terima mengikutsertakannya di sana" in flat(new)
    assert "Budi <budi@gmail.example>" in flat(old)


def test_a_forwarded_mail_proposes_its_author() -> None:
    told = flat(notification(Notice.NEW, ticket=replace(TICKET, proposed=BUDI)))
    assert "penulis aslinya mungkin Budi <budi@gmail.example>" in told
    assert "#lapor" in told


@pytest.mark.parametrize(
    ("channel", "told"),
    [("phone", "telepon"), ("whatsapp", "WhatsApp"), ("walk_in", "datang langsung"), ("fax", "fax")],
)
def test_staff_see_how_a_report_came_and_how_to_reach_its_requester(channel: str, told: str) -> None:
    body = flat(
        notification(
            Notice.NEW, ticket=replace(CALLER, channel=channel, requester_organisation="SD Negeri 5")
        )
    )
    assert f"Laporan baru melalui {told} dari Rina Marlina:" in body
    for fact in ("0812 3456 7890", "Jalan Sudirman 1", "SD Negeri 5"):
        assert fact in body


def test_attachments_that_were_left_out_are_named_with_the_way_to_get_them() -> None:
    for send in (
        notification(Notice.FOLLOW_UP, left_out=(VIDEO,)),
        to_staff(Template.DELEGATION, Letter(ticket=ANTENNA, left_out=(VIDEO,))),
        to_staff(Template.REMINDER, Letter(ticket=ANTENNA, left_out=(VIDEO,))),
        to_staff(Template.ESCALATION, Letter(ticket=ANTENNA, left_out=(VIDEO,))),
    ):
        assert "(tidak disertakan: balas dengan #lampiran): - rekaman.mp4 (25,3 MB)" in flat(send)


def test_a_confidential_ticket_says_so_wherever_staff_see_it() -> None:
    secret = replace(TICKET, confidential=True)
    for notice in (Notice.NEW, Notice.FOLLOW_UP, Notice.CONFIDENTIAL):
        assert "Rahasia: hanya admin dan pimpinan" in flat(notification(notice, ticket=secret))
    assert f"{TICKET.number} (rahasia)" in flat(to_staff(Template.LIST, Letter(tickets=(secret,))))
    assert "(rahasia)" not in flat(to_staff(Template.LIST, Letter(tickets=(TICKET,))))


def test_colleagues_hear_who_has_a_ticket_now() -> None:
    mine = notification(Notice.TAKEN, ticket=replace(HELD, holder=DONI.address), author=str(DONI), text="")
    assert "Doni menangani laporan ini." in flat(mine)
    given = notification(Notice.TAKEN, ticket=replace(HELD, holder=DONI.address), author=str(ADMIN), text="")
    assert "Admin Satu menyerahkan laporan ini kepada Doni." in flat(given)
    left = notification(
        Notice.TAKEN, ticket=replace(HELD, holder="pergi@x.example"), author=str(ADMIN), text=""
    )
    assert "kepada pergi@x.example." in flat(left)


def test_a_head_reads_why_who_and_what_before_anything_else() -> None:
    body = flat(mails()["escalation"])
    order_of_words = ["belum dapat diselesaikan oleh Doni", "> Tiang roboh.", "> Assalamualaikum", "Riwayat"]
    places = [body.index(words) for words in order_of_words]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, "Baru"),
        ({"status": Status.OPEN}, "Sedang ditangani"),
        ({"status": Status.OPEN, "started": True}, "Sedang dikerjakan"),
        ({"status": Status.OPEN, "level": 1}, "Dieskalasi ke Teknisi"),
        ({"status": Status.OPEN, "level": 1, "started": True}, "Sedang dikerjakan"),
        ({"status": Status.OPEN, "level": 2, "started": True}, "Dieskalasi ke Pimpinan"),
        ({"status": Status.OPEN, "level": 9}, "Sedang ditangani"),
        ({"status": Status.PENDING, "level": 1, "started": True}, "Menunggu keterangan pelapor"),
        ({"status": Status.RESOLVED, "outcome": Outcome.SOLVED}, "Selesai"),
        ({"status": Status.CLOSED, "outcome": Outcome.REDIRECTED}, "Ditutup (dialihkan)"),
        ({"status": Status.CLOSED, "outcome": Outcome.SPAM}, "Ditutup (bukan laporan)"),
    ],
)
def test_staff_read_where_a_ticket_stands(changes: dict[str, object], label: str) -> None:
    ticket = replace(TICKET, **changes)  # type: ignore[arg-type]  # the fields of a table row
    assert f"\nStatus: {label}\n" in written(to_staff(Template.LIST, Letter(ticket=ticket))).body


def test_an_overdue_ticket_stands_out_in_a_list() -> None:
    late = replace(TICKET, due_at=NOW.astimezone(UTC) - timedelta(minutes=1))
    assert "(TERLEWATI)" in flat(to_staff(Template.LIST, Letter(tickets=(late,))))
    assert "(TERLEWATI)" not in flat(to_staff(Template.LIST, Letter(tickets=(TICKET,))))


def test_a_clock_that_waits_for_the_notice_says_what_starts_it() -> None:
    assert "dihitung sejak #mulai" in flat(notification(Notice.NEW, ticket=ANTENNA))
    without_mail = replace(ANTENNA, requester_address="")
    assert "dihitung sejak #diberitahukan" in flat(notification(Notice.NEW, ticket=without_mail))


@pytest.mark.parametrize("automatic", [True, False])
def test_a_confirmation_says_what_came_what_would_be_done_and_how_to_say_yes(automatic: bool) -> None:
    letter = Letter(
        ticket=TICKET,
        text="#selesai\nPalsu.",
        author="admin1@payakumbuhkota.go.id",
        lines=(ReceiptLine("#selesai", Result.RESOLVED),),
        looks_automatic=automatic,
    )
    words = written(to_staff(Template.CONFIRMATION, letter))
    lines = words.body.split("\n")
    assert "belum dijalankan" in words.subject
    assert "    ya" in lines
    assert "> #selesai" in lines
    assert "Diterima dari: admin1@payakumbuhkota.go.id" in lines
    told = " ".join(words.body.split())
    assert "Berlaku 24 jam, satu kali." in told
    assert 'balas dengan kata "bukan".' in told
    assert "Yang akan dijalankan: #selesai Laporan dinyatakan selesai." in told
    assert ("jawaban otomatis" in told) is automatic
    plain = replace(letter, lines=())
    assert "Diteruskan kepada pelapor." in flat(to_staff(Template.CONFIRMATION, plain))
    inside = replace(plain, reply_is_public=False)
    assert "Disimpan sebagai catatan internal." in flat(to_staff(Template.CONFIRMATION, inside))


def test_a_confirmation_does_not_promise_what_cannot_be_done() -> None:
    letter = Letter(text="#selsai", lines=(ReceiptLine("#selsai", Result.UNKNOWN_COMMAND, "#selesai"),))
    told = flat(to_staff(Template.CONFIRMATION, letter))
    assert "tidak dapat dijalankan, karena: #selsai Perintah ini tidak dikenal." in told
    assert "Yang akan dijalankan" not in told


def test_a_forged_mail_full_of_commands_does_not_make_a_long_confirmation() -> None:
    lines = (ReceiptLine("#cc a@b.example", Result.JOINED, "a@b.example"),) * 5000
    body = written(to_staff(Template.CONFIRMATION, Letter(text="x", lines=lines))).body
    assert len(body) < 4000


# --- Mail to requesters ---


def test_merging_tells_neither_requester_a_word_or_the_name_of_the_other() -> None:
    letter = Letter(ticket=ANTENNA, text="kata orang lain", author=str(DONI), other_number="KOM-2026-000124")
    for language in LANGUAGES:
        words = written(to_requester(Template.MERGED, letter, to=BUDI), language)
        told = words.subject + words.body
        for secret in ("Rina", "disdik", "Jaringan", "0812", "SD Negeri", "kata orang lain", "Doni"):
            assert secret not in told
        assert "Budi" in words.body
        assert ANTENNA.number in words.body
        assert "KOM-2026-000124" in words.body


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(to_requesters()))
def test_no_mail_to_requesters_prints_where_somebody_can_be_reached(language: str, name: str) -> None:
    send = to_requesters()[name]
    ticket = replace(
        send.letter.ticket or TICKET,
        holder=DONI.address,
        requester_phone="0812 3456 7890",
        requester_street="Jalan Sudirman 1",
        requester_organisation="SD Negeri 5",
        participants=(BUDI,),
    )
    letter = replace(send.letter, ticket=ticket, history=HISTORY, author=str(DONI))
    told = flat(replace(send, letter=letter), language)
    for secret in ("0812", "Sudirman", "SD Negeri", "@", "Budi", "Doni", "Akun terkunci"):
        assert secret not in told


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(to_requesters()))
def test_every_mail_to_requesters_says_how_to_answer(language: str, name: str) -> None:
    told = flat(to_requesters()[name], language)
    assert any(
        words in told
        for words in ("balas surel ini", "membalas surel ini", "reply to this mail", "replying to this mail")
    )


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, "Diterima, akan ditelaah"),
        ({"status": Status.OPEN}, "Sedang ditangani"),
        ({"status": Status.OPEN, "started": True}, "Sedang dikerjakan"),
        ({"status": Status.OPEN, "level": 2, "holder": "kadis@payakumbuhkota.go.id"}, "Sedang ditangani"),
        ({"status": Status.PENDING, "started": True}, "Menunggu keterangan Bapak/Ibu"),
        ({"status": Status.RESOLVED, "started": True}, "Selesai"),
        ({"status": Status.CLOSED}, "Ditutup"),
    ],
)
def test_whoever_asks_for_the_status_learns_how_far_it_is_and_not_who_has_it(
    changes: dict[str, object], label: str
) -> None:
    ticket = replace(TICKET, **changes)  # type: ignore[arg-type]  # the fields of a table row
    body = written(to_requester(Template.PUBLIC_STATUS, Letter(ticket=ticket, history=HISTORY))).body
    assert f"{TICKET.number}: {label}.\n" in body
    assert "impinan" not in body
    assert "Kadis" not in body


def test_whoever_asks_for_the_status_of_a_late_report_is_told_the_truth() -> None:
    late = replace(TICKET, status=Status.OPEN, due_at=NOW.astimezone(UTC) - timedelta(hours=1))
    assert "melewati waktu yang kami targetkan" in flat(
        to_requester(Template.PUBLIC_STATUS, Letter(ticket=late))
    )
    promised = replace(late, promised_due_at=LATER)
    told = flat(to_requester(Template.PUBLIC_STATUS, Letter(ticket=promised)))
    assert "melewati waktu" not in told
    assert "12.30 WIB" in told


def test_the_start_of_a_repair_carries_the_standard_only_where_it_counts_from_that_notice() -> None:
    running = replace(ANTENNA, promised_due_at=LATER)
    told = flat(to_requester(Template.STARTED, Letter(ticket=running, promise=ANT_PROMISE)))
    assert ANT_PROMISE in told
    assert "selambat-lambatnya Senin, 3 Agustus 2026 pukul 12.30 WIB" in told
    received = flat(to_requester(Template.STARTED, Letter(ticket=TICKET, promise="maksimal 30 menit")))
    assert "maksimal 30 menit" not in received


def test_another_moment_is_promised_with_its_reason() -> None:
    letter = Letter(ticket=replace(TICKET, promised_due_at=LATER), reason="Menunggu suku cadang.")
    told = flat(to_requester(Template.PROMISE, letter))
    assert "pukul 12.30 WIB. Alasannya: Menunggu suku cadang." in told
    twice = replace(letter, text=letter.reason)
    assert flat(to_requester(Template.PROMISE, twice)).count("Menunggu suku cadang.") == 1


# --- What time has to say ---

BY_TIME = (Template.REMINDER, Template.DELEGATION, Template.ESCALATION)


def told_of(kind: ConditionKind, language: str, **changes: object) -> str:
    """The words of a reminder for one cause."""
    ticket = replace(HELD, confidential=True, **changes)  # type: ignore[arg-type]  # the fields of a table row
    body = written(to_staff(Template.REMINDER, Letter(ticket=ticket, causes=(due(kind),))), language).body
    return " ".join(body.split("\n\n")[2 if kind is ConditionKind.COMPLAINT else 1].split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cause_has_words_and_a_subject_of_its_own(language: str) -> None:
    told = {told_of(kind, language) for kind in ConditionKind}
    assert len(told) == len(ConditionKind)
    letters = [Letter(ticket=replace(HELD, due_at=None), causes=(due(kind),)) for kind in ConditionKind]
    subjects = {written(to_staff(Template.REMINDER, letter), language).subject for letter in letters}
    assert len(subjects) == len(ConditionKind)
    assert not any(": :" in subject or "Pengingat:" in subject for subject in subjects)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ConditionKind)
def test_a_cause_says_since_when_and_how_long(language: str, kind: ConditionKind) -> None:
    told = told_of(kind, language)
    assert ("31 Juli 2026 pukul 09.00 WIB" if language == "id" else "31 July 2026, 09:00 WIB") in told
    if kind not in {ConditionKind.DUE_IN, ConditionKind.REPEATED_CONTACT}:
        assert ("2 jam layanan" if language == "id" else "2 service hours") in told
    at_once = Letter(ticket=HELD, causes=(due(kind, "0 service minutes"),))
    told = flat(to_staff(Template.REMINDER, at_once), language)
    assert " 0 " not in told


def test_a_reminder_counts_every_mail_of_a_requester_who_waits() -> None:
    assert "sudah menulis 3 kali" in told_of(ConditionKind.REPEATED_CONTACT, "id", contacts=0)
    assert "sudah menulis 5 kali" in told_of(ConditionKind.REPEATED_CONTACT, "id", contacts=5)


def test_a_reminder_names_the_number_outside() -> None:
    assert "nomor 4711" in told_of(ConditionKind.EXTERNAL, "id", external_number="4711")


def test_a_reminder_that_comes_too_late_does_not_say_that_there_is_time() -> None:
    ahead = Letter(ticket=HELD, causes=(due(ConditionKind.DUE_IN, "30 service minutes", since=LATER),))
    words = written(to_staff(Template.REMINDER, replace(ahead, ticket=replace(HELD, due_at=LATER))))
    assert "kurang dari 30 menit layanan lagi" in " ".join(words.body.split())
    assert "segera jatuh tempo" in words.subject
    late = Letter(ticket=replace(HELD, due_at=EARLIER), causes=(due(ConditionKind.DUE_IN),))
    words = written(to_staff(Template.REMINDER, late))
    assert "sudah terlewati" in words.body
    assert "Pengingat, terlambat:" in words.subject


def test_a_reminder_of_several_causes_says_all_and_the_most_pressing_in_its_subject() -> None:
    letter = Letter(ticket=HELD, causes=tuple(due(kind) for kind in ConditionKind))
    words = written(to_staff(Template.REMINDER, letter))
    assert "Pengingat, aduan belum selesai:" in words.subject
    told = " ".join(words.body.split())
    assert all(told_of(kind, "id") in told for kind in ConditionKind)


def test_the_head_is_reminded_of_a_complaint_with_due_respect_and_no_legal_limit_is_invented() -> None:
    body = flat(mails()["reminder_complaint"])
    assert "Yth. Bu Kadis, Dengan hormat" in body
    assert "setelah 14 hari kalender" in body
    assert "Pasal" not in body


def test_a_reminder_says_all_that_is_needed_to_act_on_it() -> None:
    body = flat(mails()["reminder"])
    for fact in ("Jaringan mati di SD 5", "rina@disdik.example.go.id", "0812", "(TERLEWATI)", "Riwayat"):
        assert fact in body


@pytest.mark.parametrize("template", BY_TIME)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_time_hands_on_says_why_and_blames_nobody(template: Template, language: str) -> None:
    letter = Letter(ticket=ANTENNA, text="Mati.", causes=(due(ConditionKind.UNANSWERED),))
    told = flat(to_staff(template, letter), language)
    assert told_of(ConditionKind.UNANSWERED, language) in told
    for blame in ("dengan pesan", "dengan alasan", " oleh ", "for this reason", "and says", " by Doni"):
        assert blame not in told


def test_a_morning_list_shows_every_ticket_once_and_the_pressing_ones_first() -> None:
    words = written(mails()["digest"])
    assert words.subject == "Daftar tugas: 2 terlambat, 1 hari ini"
    numbers = ["000123", "000120", "000124", "000127", "000125", "000126"]
    found = [line[9:15] for line in words.body.split("\n") if line.startswith("KOM-2026-")]
    assert found == numbers
    assert "KOM-2026-000127 (rahasia), masuk 20 Jul 2026 09.00\n" in words.body
    assert "KOM-2026-000123, batas waktu 31 Jul 2026 12.00\n  Jaringan mati di SD 5\n" in words.body
    assert "KOM-2026-000126, sejak 31 Jul 2026 09.00\n" in words.body
    told = " ".join(words.body.split())
    assert "masih ada 3 laporan lagi" in told
    assert "berisi 12 surel" in told
    assert "balas surel pemberitahuannya" in told


@pytest.mark.parametrize(
    ("agenda", "subject"),
    [
        (Agenda(due_today=(TICKET,)), "Daftar tugas: 1 hari ini"),
        (Agenda(mine=(TICKET,), unheld=(COMPLAINT,)), "Daftar tugas: 2 laporan"),
        (Agenda(junk=4), "Daftar tugas: 4 surel di folder spam"),
    ],
)
def test_the_subject_of_a_morning_list_says_what_is_pressing(agenda: Agenda, subject: str) -> None:
    assert written(to_staff(Template.DIGEST, Letter(agenda=agenda))).subject == subject


def test_a_morning_list_says_nothing_of_what_there_is_not() -> None:
    body = flat(to_staff(Template.DIGEST, Letter(agenda=Agenda(mine=(TICKET,)))))
    for absent in ("TERLAMBAT", "JATUH TEMPO", "BELUM ADA", "MENUNGGU", "spam", "laporan lagi", "(0)"):
        assert absent not in body


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_full_morning_list_has_two_lines_a_ticket(language: str) -> None:
    full = replace(AGENDA, overdue=(replace(TICKET, subject="panjang " * 40),) * 36)
    lines = written(to_staff(Template.DIGEST, Letter(agenda=full)), language).body.split("\n")
    assert len(lines) <= 40 * 2 + 30


# --- What a rule suggests ---


@pytest.mark.parametrize(
    ("suggestion", "told"),
    [
        (Suggestion(1, work="PWD"), "jenis PWD (Penggantian password)"),
        (
            Suggestion(1, category="aplikasi", priority=1),
            "kategori Aplikasi, prioritas 1",
        ),
        (Suggestion(1, holder=DONI.address), "untuk Doni"),
        (Suggestion(1, role="teknisi"), "untuk Teknisi"),
        (Suggestion(1, role="tamu"), "untuk tamu"),
        (Suggestion(1, confidential=True), "rahasia (aduan tentang layanan ini sendiri)"),
    ],
)
def test_staff_read_what_a_rule_suggests_and_how_to_accept_it(suggestion: Suggestion, told: str) -> None:
    ticket = replace(TICKET, suggestion=suggestion)
    for send in (
        notification(Notice.NEW, ticket=ticket),
        to_staff(Template.REMINDER, Letter(ticket=ticket)),
        to_staff(Template.LIST, Letter(ticket=ticket)),
    ):
        assert f"Usulan aturan: {told}. Balas dengan #setuju untuk menerimanya." in flat(send)
        assert "#setuju - " in flat(send)


def test_nothing_is_said_of_a_suggestion_that_is_gone_or_that_the_settings_no_longer_know() -> None:
    for ticket in (
        TICKET,
        replace(SUGGESTED, status=Status.RESOLVED),
        replace(TICKET, suggestion=Suggestion(1, work="LAMA", category="lama", holder="pergi@x.example")),
    ):
        assert "Usulan" not in flat(notification(Notice.FOLLOW_UP, ticket=ticket))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(to_requesters()))
def test_no_requester_hears_of_a_suggestion(language: str, name: str) -> None:
    send = to_requesters()[name]
    ticket = replace(send.letter.ticket or TICKET, suggestion=Suggestion(1, confidential=True))
    with_it = replace(send, letter=replace(send.letter, ticket=ticket))
    assert written(with_it, language) == written(send, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_receipt_of_an_agreement_says_what_is_set_now(language: str) -> None:
    line = ReceiptLine("#setuju", Result.AGREED, "", ("Penggantian password", "2"))
    told = flat(receipt(line), language)
    assert f"Penggantian password, {'prioritas' if language == 'id' else 'priority'} 2." in told
    secret = flat(receipt(replace(line, choices=()), ticket=COMPLAINT), language)
    assert ("Rahasia: " if language == "id" else "Confidential: ") in secret.partition("Status")[0]


# --- Who only reads along ---


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "ticket", [COMPLAINT, replace(COMPLAINT, stranger_of="KOM-2026-000007", proposed=BUDI)]
)
def test_who_has_a_copy_is_told_first_to_read_only_and_is_taught_no_command(
    language: str, ticket: Ticket
) -> None:
    letter = Letter(ticket=ticket, reads_only=True, left_out=(PHOTO,), reply_is_public=False)
    causes = (due(ConditionKind.COMPLAINT),)
    first = {"id": "Tembusan, hanya untuk dibaca", "en": "A copy, only to be read"}[language]
    for send in (
        *(to_staff(Template.NOTIFICATION, replace(letter, notice=notice)) for notice in Notice),
        *(to_staff(name, replace(letter, causes=causes)) for name in BY_TIME),
        to_staff(Template.DELEGATION, replace(letter, author=str(ADMIN))),
    ):
        body = written(send, language).body
        assert body.startswith(first)
        words = body.replace("#mulai", "").replace("#start", "")  # what a clock waits for
        assert "#" not in words
        assert "Mohon arahan" not in words
        assert "kepada Anda" not in words


def test_only_who_is_none_of_the_staff_is_told_to_read_only() -> None:
    outsider = "kepala@luar.example.go.id"
    office = counter(desk="lpse", copy_complaints_to=(outsider, "kepala.lpse@payakumbuhkota.go.id"))
    secret = replace(COMPLAINT, desk="lpse")
    sends = notifications(secret, News(Notice.NEW, None), situation(secret, NOW), office)
    reads_only = {send.to.address: send.letter.reads_only for send in sends}
    assert reads_only == {
        "helpdesk1.lpse@payakumbuhkota.go.id": False,
        "kepala.lpse@payakumbuhkota.go.id": False,
        outsider: True,
    }


# --- What is promised, asked and asked again ---


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", ["kominfo", "lpse"])
def test_an_acknowledgement_promises_the_standards_own_words_and_nothing_else(
    language: str, key: str
) -> None:
    shipped_desk = load(ROOT / "settings.toml").desks[key].model_copy(update={"language": language})
    words = {"id": "Standar waktu", "en": "Service standard"}[language]
    for work in shipped_desk.work:
        letter = Letter(ticket=replace(TICKET, work=work.code), promise=work.promise)
        send = to_requester(Template.ACKNOWLEDGEMENT, letter)
        body = render(TEMPLATES, send, shipped_desk, facts(TEMPLATES, language), REF, NOW).body
        told = " ".join(body.split())
        assert f": {work.promise}. " in told
        assert told.count("hari") + told.count("jam ") + told.count("menit") == (
            work.promise.count("hari") + work.promise.count("jam ") + work.promise.count("menit")
        )
    nothing = to_requester(Template.ACKNOWLEDGEMENT, Letter(ticket=TICKET))
    assert words not in render(TEMPLATES, nothing, shipped_desk, facts(TEMPLATES, language), REF, NOW).body


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_reports_an_incident_is_asked_for_the_four_things_and_never_for_a_password(
    language: str,
) -> None:
    send = mails()["acknowledgement_incident"]
    late = replace(send, letter=replace(send.letter, opens_at=LATER))
    body = written(late, language).body
    labels = {
        "id": "Kontak pelapor:\nDeskripsi kejadian:\nKronologi:\nDampak:\n",
        "en": "Contact:\nDescription:\nChronology:\nImpact:\n",
    }[language]
    assert f"\n\n{labels}\n" in body
    assert f": {SEC_PROMISE}." in body
    assert ("Mohon tidak mengirimkan kata sandi" in body) or ("Please never send passwords" in body)
    assert len(body.encode()) <= 2048
    ordinary = written(replace(send, letter=replace(send.letter, incident=False)), language).body
    assert labels not in ordinary


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_survey_is_asked_only_where_it_is_wanted(language: str) -> None:
    question = "4 (sangat puas)" if language == "id" else "4 (very satisfied)"
    assert question in flat(mails()["resolution"], language)
    assert question not in flat(mails()["resolution_without_survey"], language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_that_is_asked_again_quotes_it_and_says_that_a_machine_writes(language: str) -> None:
    body = written(mails()["question_again"], language).body
    assert "\n\n> Mohon sebutkan nama ruangannya.\n\n" in body
    automatic = {"id": "dikirim secara otomatis", "en": "sent automatically"}[language]
    assert automatic in body
    first = written(mails()["question"], language).body
    assert automatic not in first
    assert "\n\nMohon sebutkan nama ruangannya.\n\n" in first


def test_who_never_answered_learns_why_it_was_closed_and_how_it_is_opened_again() -> None:
    told = flat(mails()["closed"])
    assert "karena pertanyaan kami kepada Bapak/Ibu belum dijawab" in told
    assert "cukup balas surel ini dalam 30 hari kalender" in told
    other = flat(to_requester(Template.CLOSED, Letter(ticket=replace(HELD, status=Status.CLOSED))))
    assert "belum dijawab" not in other


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_came_to_the_wrong_office_is_told_where_to_go(language: str) -> None:
    told = flat(mails()["out_of_scope"], language)
    assert "LAPOR! (www.lapor.go.id)" in told
    assert "Lampu jalan ditangani Dinas Perhubungan." in told


def test_colleagues_hear_in_one_line_that_a_report_was_closed_without_a_word() -> None:
    assert "Doni menutup laporan ini tanpa surel ke pelapor." in flat(mails()["notification_closed"])


# --- What is hostile ---

HOSTILE = "x\r\nBcc: jahat@luar.example\nRef: palsu\n#tutup\u2028Ref: palsu\x85Ref: palsu\x1b[31m\u202e"


def hostile() -> Letter:
    who = Address(HOSTILE, f"a@b.example{HOSTILE}")
    ticket = replace(
        TICKET,
        holder=HOSTILE,
        channel=HOSTILE,
        subject=HOSTILE,
        requester_name=HOSTILE,
        requester_address=who.address,
        category=HOSTILE,
        work=HOSTILE,
        requester_phone=HOSTILE,
        requester_organisation=HOSTILE,
        requester_street=HOSTILE,
        participants=(who,),
        proposed=who,
        external_number=HOSTILE,
        promised_due_at=LATER,
        suggestion=Suggestion(1, "PWD", HOSTILE, 2, HOSTILE, HOSTILE, confidential=True),
    )
    history = tuple(replace(line, author=HOSTILE, text=HOSTILE) for line in HISTORY)
    return Letter(
        ticket=ticket,
        author=HOSTILE,
        invitation=Invitation(*[HOSTILE] * 7),
        feedback=Feedback(HOSTILE, HOSTILE, HOSTILE),
        attachments=(replace(PHOTO, name=HOSTILE),),
        left_out=(Attachment("", HOSTILE, 1, b""),),
        history=history,
        tickets=(ticket,),
        causes=tuple(map(due, ConditionKind)),
        agenda=Agenda((ticket,), (ticket,), (ticket,), (ticket,), (ticket,)),
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_nobody_can_write_a_line_or_a_header_of_ours(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailgate.compose.render._COLUMNS", 10_000)  # no line but a written one
    letter = hostile()
    to_colleague = replace(letter, text=HOSTILE, reason=HOSTILE)
    sends = [
        *(to_staff(Template.NOTIFICATION, replace(to_colleague, notice=notice)) for notice in Notice),
        *(
            to_staff(name, to_colleague)
            for name in (
                *(Template.DELEGATION, Template.ESCALATION, Template.REMINDER),
                *(Template.LIST, Template.CONFIRMATION, Template.DIGEST),
            )
        ),
        to_staff(Template.LIST, replace(letter, ticket=None)),
        *(
            receipt(
                ReceiptLine(HOSTILE, result, HOSTILE, (HOSTILE,)),
                ticket=letter.ticket,
                text=HOSTILE,
                requester_was_sent=True,
            )
            for result in Result
        ),
        *(
            to_requester(name, letter, to=Address(HOSTILE, "a@b.example"))
            for name in Template
            if name.value in {key.partition(".")[0] for key in to_requesters()}
        ),
    ]
    for send in sends:
        words = written(send, language, show_staff_names=True)
        lines = words.body.splitlines()  # at every line end that Unicode knows
        assert words.subject.isprintable()
        assert [line for line in lines if line.startswith("Bcc") or line == "#tutup"] == []
        ours = [f"Ref: {REF}"] if send.audience is Audience.STAFF else []
        assert [line for line in lines if line.startswith("Ref:")] == ours


def test_an_address_without_a_name_and_a_name_without_an_address_are_shown_as_they_are() -> None:
    assert mailbox(Address("", "a@b.example")) == "a@b.example"
    assert mailbox(Address("Rina", "")) == "Rina"
    assert mailbox(Address("Rina\nRef: x", "a@b.example")) == "Rina Ref: x <a@b.example>"
    assert mailbox(Address("", "")) == ""


def test_a_desk_without_categories_work_and_upper_levels_can_write_every_mail() -> None:
    small: Desk = desk(categories={}, work=[], levels=[{"name": "Admin", "role": "admin"}])
    for send in mails().values():
        assert render(TEMPLATES, send, small, facts(TEMPLATES), REF, datetime(2027, 1, 1, tzinfo=UTC)).body
