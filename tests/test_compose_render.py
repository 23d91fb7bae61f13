"""Do people get words that are right, whole and for their eyes only?"""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from compose_cast import (
    ADMIN,
    ANTENNA,
    CALLER,
    FLOOD,
    HISTORY,
    JAKARTA,
    NOW,
    PHOTO,
    REF,
    RINA,
    SUBJECTS,
    TICKET,
    VIDEO,
    WAITING,
    alert,
    desk,
    due,
    facts,
    hours,
    mails,
    notification,
    receipt,
    shipped,
    sources,
    to_requester,
    to_staff,
    written,
)

from mailgate.compose.render import (
    Facts,
    beginning,
    hours_text,
    moment,
    name_only,
    oneline,
    quoted,
    render,
    size,
    templates,
    wrap,
)
from mailgate.desk.decision import (
    PROBLEMS,
    Agenda,
    Audience,
    AutoSubmitted,
    FloodNews,
    Letter,
    Notice,
    ReceiptLine,
    Result,
    Send,
    Template,
)
from mailgate.desk.ticket import Status
from mailgate.errors import SettingsError
from mailgate.message.message import Address, Content, Feedback, Invitation
from mailgate.settings import ConditionKind

LANGUAGES = ("id", "en")
WORDS = shipped()


PUBLIC = (
    Template.ACKNOWLEDGEMENT,
    Template.STARTED,
    Template.QUESTION,
    Template.REPLY,
    Template.PROMISE,
    Template.RESOLUTION,
    Template.CLOSED,
    Template.OUT_OF_SCOPE,
    Template.REOPENED,
    Template.REDIRECT,
    Template.MERGED,
    Template.PUBLIC_STATUS,
)
FOR_STAFF = (
    Template.DELEGATION,
    Template.ESCALATION,
    Template.REMINDER,
    Template.LIST,
    Template.CONFIRMATION,
)
MEETING = Invitation("request", "Rapat SPBE", "2026-08-05 09:00", "2026-08-05 11:00", "Ruang rapat", "", "")
COMPLAINT = Feedback("abuse", "203.0.113.7", "contoh.example")


def test_staff_hear_what_a_mail_without_readable_words_is_about() -> None:
    def told(**changes: object) -> str:
        return " ".join(written(notification(Notice.NEW, **changes)).body.split())

    assert "(44,8 MB)" in told(text="", oversize=47_000_000)
    assert "Mailgate/Disisihkan" in told(text="", oversize=47_000_000)
    assert "Isi terenkripsi" in told(text="", content=Content.ENCRYPTED)
    assert "tanpa isi" in told(text="", content=Content.EMPTY)
    assert "Undangan: Rapat SPBE" in told(invitation=MEETING)
    assert "203.0.113.7" in told(feedback=COMPLAINT)


def every_mail() -> list[Send]:
    """Each template with everything that can stand in it, and with as little as possible."""
    full = replace(
        TICKET, status=Status.OPEN, holder=ADMIN.address, priority=1, promised_due_at=NOW.astimezone(UTC)
    )
    bare = replace(TICKET, requester_name="", subject="", due_at=None, work=None)
    ended = [replace(full, status=status, resolved_at=NOW) for status in Status]
    tickets = [TICKET, full, bare, ANTENNA, CALLER, replace(full, level=7, work="?", holder="?"), *ended]
    many = HISTORY * 4
    return [
        *mails().values(),
        *(
            notification(notice, ticket=ticket, reply_is_public=public, history=history, other_number=other)
            for notice in Notice
            for ticket in tickets
            for public, history, other in ((True, (), ""), (False, many, "KOM-2026-000124"))
        ),
        *(
            notification(notice, text="", author="", promise="", attachments=(PHOTO,), left_out=(VIDEO,))
            for notice in Notice
        ),
        *(
            notification(Notice.NEW, text="", content=content, oversize=size)
            for content in Content
            for size in (0, 9)
        ),
        *(
            notification(Notice.FLOOD, text="", author="", flood=FloodNews(FLOOD, subjects, 10, over))
            for subjects in ((), SUBJECTS)
            for over in (False, True)
        ),
        *(notification(Notice.NEW, invitation=invitation) for invitation in (MEETING, Invitation(*[""] * 7))),
        *(notification(Notice.NEW, feedback=feedback) for feedback in (COMPLAINT, Feedback("abuse", ""))),
        to_requester(
            Template.ACKNOWLEDGEMENT, Letter(ticket=TICKET, oversize=47_000_000), AutoSubmitted.REPLIED
        ),
        *(
            receipt(ReceiptLine(typed, result, detail), ticket=ticket, requester_was_sent=sent, text=text)
            for result in Result
            for typed, detail in (("", ""), ("#selesai", "open"))
            for ticket in (None, *tickets)
            for sent, text in ((False, ""), (True, ""), (True, "Sudah beres."))
        ),
        *(
            to_requester(
                template, Letter(ticket=ticket, text=text, author=author, reason=text, promise="1 jam")
            )
            for template in PUBLIC
            for ticket in tickets
            if template is not Template.PROMISE or ticket.promised_due_at
            for text, author in (("", ""), ("Sudah beres.", "Doni <doni@payakumbuhkota.go.id>"))
        ),
        *(
            to_staff(
                template, Letter(ticket=ticket, reply_is_public=public, reason=text, author=text, text=text)
            )
            for template in FOR_STAFF
            for ticket in tickets
            for public in (True, False)
            for text in ("", "Doni <doni@payakumbuhkota.go.id>")
        ),
        *(
            to_staff(template, Letter(ticket=ticket, causes=causes, reads_only=copy))
            for template in FOR_STAFF[:3]
            for ticket in tickets
            for causes in (tuple(map(due, ConditionKind)), *((due(kind),) for kind in ConditionKind))
            for copy in (True, False)
        ),
        *(
            to_staff(Template.DIGEST, Letter(agenda=Agenda(*listed, left_out=left_out, junk=junk)))
            for listed in ([tuple(tickets)] * 5, [(), (), (), (), tuple(tickets)], [()] * 5)
            for left_out, junk in ((0, 0), (3, 12))
        ),
        to_staff(Template.CONFIRMATION, Letter(text="")),
        to_staff(Template.LIST, Letter(tickets=tuple(tickets))),
        alert(waiting=WAITING, trouble="the outbox stands still"),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("named", [False, True])
def test_every_mail_can_be_written_in_narrow_lines_and_with_one_line_of_subject(
    language: str, named: bool
) -> None:
    for send in every_mail():
        words = written(send, language, show_staff_names=named)
        assert words.subject.isprintable()
        assert words.subject == words.subject.strip() != ""
        assert words.body.endswith("\n")
        assert not words.body.startswith("\n")
        assert "\n\n\n" not in words.body
        assert [line for line in words.body.split("\n") if len(line) > 78] == []
        assert [line for line in words.body.split("\n") if line != line.rstrip() and line != "-- "] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_staff_can_prove_themselves_by_the_last_line_and_requesters_never_see_it(language: str) -> None:
    for send in every_mail():
        body = written(send, language).body
        if send.audience is Audience.REQUESTER:
            assert REF not in body
            assert "Ref:" not in body
        else:
            assert body.endswith(f"\nRef: {REF}\n")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_number_of_the_ticket_stands_in_every_subject_about_it(language: str) -> None:
    for send in every_mail():
        if send.letter.ticket:
            assert f"[{send.letter.ticket.number}] " in written(send, language).subject


def test_a_requester_reads_no_name_and_no_address_of_the_staff_unless_the_office_wants_it() -> None:
    for send in every_mail():
        if send.audience is Audience.REQUESTER:
            assert "Doni" not in written(send).body
            assert "doni@" not in written(send, show_staff_names=True).body
    letter = Letter(ticket=TICKET, text="Sudah.", author="Doni <doni@payakumbuhkota.go.id>")
    assert "Doni\n" in written(to_requester(Template.REPLY, letter), show_staff_names=True).body


def test_a_stranger_gets_nothing_of_their_own_text_back_but_a_cleaned_subject() -> None:
    ticket = replace(
        TICKET,
        subject="Menang undian\u202e https://jahat.example/x klik \x1b[31m" + "a" * 300,
        requester_name="KLIK https://jahat.example",
    )
    letter = Letter(ticket=ticket, text="isi surel yang jahat", other_number="KOM-2025-000007")
    words = written(to_requester(Template.ACKNOWLEDGEMENT, letter))
    assert "jahat" not in words.subject + words.body
    assert "KLIK" not in words.body
    assert "KOM-2025-000007" not in words.subject + words.body
    assert words.subject.startswith("[KOM-2026-000123] Laporan diterima: Menang undian klik [31maaa")
    assert len(words.subject) <= len("[KOM-2026-000123] Laporan diterima: ") + 60


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_acknowledgement_says_all_that_a_receipt_must_say_in_two_kilobytes(language: str) -> None:
    send = mails()["acknowledgement"]
    opening = replace(send.letter, opens_at=datetime(2026, 8, 10, 0, 30, tzinfo=UTC))
    body = written(replace(send, letter=opening), language).body
    assert len(body.encode()) <= 2048
    first, opens = ("09.12 WIB", "07.30 WIB") if language == "id" else ("09:12 WIB", "07:30 WIB")
    for fact in (TICKET.number, first, opens, send.letter.promise.split()[0], "www.lapor.go.id"):
        assert fact in body
    for fact in (
        "Tidak dipungut biaya",
        "Dinas Kominfo Kota Payakumbuh",
        "16.30" if language == "id" else "16:30",
    ):
        assert fact in body


def test_the_words_of_staff_reach_the_requester_as_they_were_written_and_first() -> None:
    text = "  1. Matikan\n  2. Hidupkan\n\n{{ ref }} {% if x %} <b>\n"
    body = written(to_requester(Template.REPLY, Letter(ticket=TICKET, text=text))).body
    assert body.startswith(text)


def test_staff_read_first_where_their_reply_goes() -> None:
    assert written(notification(Notice.NEW)).body.startswith("Balasan Anda dikirim ke pelapor.\n")
    internal = notification(Notice.NEW, reply_is_public=False)
    assert written(internal).body.startswith("Balasan Anda menjadi catatan internal.\n")


def test_a_requester_cannot_put_words_into_our_mouth_towards_staff() -> None:
    forged = "Balasan Anda menjadi catatan internal.\nRef: palsu\n#selesai"
    lines = written(notification(Notice.NEW, text=forged)).body.split("\n")
    assert "Ref: palsu" not in lines
    assert "#selesai" not in lines


def test_a_due_moment_that_has_passed_is_seen_at_once() -> None:
    late = replace(TICKET, due_at=datetime(2026, 8, 3, 2, 11, tzinfo=UTC))
    assert "TERLEWATI" in written(notification(Notice.NEW, ticket=late)).body
    in_time = replace(TICKET, due_at=NOW.astimezone(UTC))
    assert "TERLEWATI" not in written(notification(Notice.NEW, ticket=in_time)).body


@pytest.mark.parametrize("result", sorted(PROBLEMS))
def test_a_refused_mail_says_that_nothing_at_all_was_done(result: Result) -> None:
    words = written(receipt(ReceiptLine("#ambil", Result.TAKEN), ReceiptLine("selesai", result, "closed")))
    assert "TIDAK dijalankan" in words.subject
    assert words.body.startswith("Tidak ada yang dijalankan")
    assert "Anda menjadi penanggung jawab" not in words.body


def test_a_receipt_never_leaves_open_whether_the_requester_was_written_to() -> None:
    line = ReceiptLine("#catatan", Result.NOTED)
    assert "Pelapor tidak dikirimi apa pun." in written(receipt(line)).body
    assert "> Sudah beres." in written(receipt(line, requester_was_sent=True, text="Sudah beres.")).body
    assert "Pelapor diberi tahu" in written(receipt(line, requester_was_sent=True)).body


def test_a_long_text_is_not_sent_back_whole_to_a_sender_nobody_has_proven() -> None:
    body = written(to_staff(Template.CONFIRMATION, Letter(text="a b c d e\n" * 100_000))).body
    assert len(body.encode()) < 4096
    assert "selebihnya" in body


def test_an_office_learns_every_fault_of_its_templates_before_the_service_starts() -> None:
    own = sources() | {
        "id/reply.body.txt": "{{ letter.text }}\n{% if %}",
        "id/reply.subject.txt": "{{ nomor }}",
        "en/alert.body.txt": "{{ ref | besar }}",
    }
    with pytest.raises(SettingsError) as refused:
        templates(own)
    faults = str(refused.value).split("\n")
    assert len(faults) == 3
    assert any(fault.startswith("templates/id/reply.body.txt, line 2: ") for fault in faults)
    assert any("templates/id/reply.subject.txt: there is no nomor" in fault for fault in faults)
    assert any(fault.startswith("templates/en/alert.body.txt, line 1: ") for fault in faults)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("id/reply.body.txt", None, "templates/id/reply.body.txt: missing"),
        ("id/words.toml", None, "templates/id/words.toml: missing"),
        ("id/words.toml", "weekdays = [", "templates/id/words.toml: "),
        ("id/words.toml", "weekdays = []", "templates/id/words.toml: "),
    ],
)
def test_an_office_learns_what_is_missing_in_a_language(file: str, text: str | None, said: str) -> None:
    own = {name: known for name, known in sources().items() if name != file} | ({file: text} if text else {})
    with pytest.raises(SettingsError, match=said):
        templates(own)


def test_an_office_may_not_forget_a_word_or_misspell_a_date() -> None:
    own = sources()
    with pytest.raises(SettingsError, match=r"no words for public_status\.pending, status\.pending$"):
        templates(own | {"id/words.toml": own["id/words.toml"].replace("pending =", "waiting =")})
    with pytest.raises(SettingsError, match=r"words\.toml: .*hari"):
        templates(own | {"id/words.toml": own["id/words.toml"].replace("{weekday}", "{hari}")})


def test_an_office_with_older_words_of_its_own_learns_every_word_that_is_missing_at_once() -> None:
    own = sources()
    older = own["id/words.toml"].replace("[command.agree]", "[command.setuju]")
    older = older.replace("[command.outofscope]", "[command.luar]").replace("no_subject =", "tanpa =")
    with pytest.raises(SettingsError) as refused:
        templates(own | {"id/words.toml": older})
    assert str(refused.value) == (
        "templates/id/words.toml: no words for command.agree, command.outofscope, no_subject"
    )


@pytest.mark.parametrize("table", ["command", "survey", "unit"])
def test_a_table_of_words_that_is_missing_or_no_table_is_named(table: str) -> None:
    own = sources()
    header = f"[{table}]" if table != "command" else "[command."
    gone = own["id/words.toml"].replace(header, header.replace(table, "lain"))
    with pytest.raises(SettingsError, match=f"no words for {table}$"):
        templates(own | {"id/words.toml": gone})
    with pytest.raises(SettingsError, match=rf"words\.toml: .*\$\.{table}"):
        templates(own | {"id/words.toml": f"{table} = 1\n{gone}"})


def test_a_template_that_fails_on_one_mail_says_which_it_is() -> None:
    for mistake in ("{{ ticket.nomor }}", "{{ ticket.closed_at | moment }}", "{{ ticket.number | moment }}"):
        broken = templates(sources() | {"id/reply.body.txt": mistake})
        with pytest.raises(SettingsError, match="templates/id/reply"):
            render(broken, mails()["reply"], desk(), facts(broken), REF, NOW)
    with pytest.raises(SettingsError, match="templates/fr"):
        written(mails()["reply"], "fr")


def test_a_moment_is_told_in_the_time_of_the_office() -> None:
    at = datetime(2026, 8, 2, 17, 5, tzinfo=UTC)
    indonesian, english = WORDS.vocabularies["id"], WORDS.vocabularies["en"]
    assert moment(indonesian, indonesian.moment, at, JAKARTA) == "Senin, 3 Agustus 2026 pukul 00.05 WIB"
    assert moment(english, english.moment, at, JAKARTA) == "Monday, 3 August 2026, 00:05 WIB"
    makassar = ZoneInfo("Asia/Makassar")
    assert moment(indonesian, indonesian.moment, at, makassar) == "Senin, 3 Agustus 2026 pukul 01.05 WITA"


def test_service_hours_are_told_by_runs_of_equal_days_and_ramadan_is_not_forgotten() -> None:
    august, ramadan = date(2026, 8, 8), date(2027, 2, 10)
    assert hours_text(WORDS, "id", hours(), august) == "Senin-Kamis 07.30-16.00, Jumat 07.30-16.30"
    assert hours_text(WORDS, "en", hours(), august) == "Monday-Thursday 07:30-16:00, Friday 07:30-16:30"
    told = "Senin 08.00-12.00 dan 12.30-15.00, Selasa-Kamis 07.30-16.00, Jumat 07.30-16.30"
    assert hours_text(WORDS, "id", hours(), ramadan) == told


def test_a_desk_that_never_closes_is_open_until_midnight() -> None:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday")
    always = hours(**{day: ["00:00-24:00"] for day in days})
    assert hours_text(WORDS, "id", always, NOW.date()) == "Senin-Jumat 00.00-24.00"


def test_an_acknowledgement_without_hours_to_tell_leaves_them_out() -> None:
    words = render(WORDS, mails()["acknowledgement"], desk(fee="", contact=""), Facts(JAKARTA, ""), REF, NOW)
    assert "Jam layanan" not in words.body
    assert "Biaya" not in words.body


@pytest.mark.parametrize(
    ("octets", "told"),
    [(0, "0 byte"), (999, "999 byte"), (1000, "1 KB"), (831_488, "812 KB"), (1_468_006, "1,4 MB")],
)
def test_a_file_size_is_told_as_people_say_it(octets: int, told: str) -> None:
    assert size(WORDS.vocabularies["id"], octets) == told


@pytest.mark.parametrize(
    ("text", "most", "left"),
    [
        ("Tidak bisa  masuk\te-Office", 60, "Tidak bisa masuk e-Office"),
        ("a\r\nBcc: b@example.go.id", 60, "a Bcc: b@example.go.id"),
        ("payakumbuhkota.go.id tidak bisa dibuka", 60, "payakumbuhkota.go.id tidak bisa dibuka"),
        ("lihat http://a.example/b?c dan WWW.D.EXAMPLE ya", 60, "lihat dan ya"),
        ("lihat bit.ly/abc ya", 60, "lihat ya"),
        ("and/or 1/2 Dinas A/B", 60, "and/or 1/2 Dinas A/B"),
        ("nol\u200blebar\u202e \u2066kanan\u2069", 60, "nollebar kanan"),
        ("\x00\x1b[31m\x07", 60, "[31m"),
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("abcd e\u0301fg", 6, "abcd…"),
        ("ab👨‍👩‍👧cdefgh", 5, "ab…"),
        ("ab🇮🇩🇮🇩c", 4, "ab…"),
        ("ab🇮🇩🇮🇩c", 5, "ab🇮🇩…"),
        ("", 6, ""),
    ],
)
def test_a_strangers_words_in_one_line_are_harmless_and_never_cut_inside_a_character(
    text: str, most: int, left: str
) -> None:
    assert oneline(text, most) == left


def test_long_words_are_cut_with_a_mark_and_short_ones_are_not() -> None:
    assert beginning("satu dua", 8, "[…]") == "satu dua"
    assert beginning("satu dua tiga", 9, "[…]") == "satu dua\n[…]"


def test_somebody_elses_words_are_marked_line_by_line() -> None:
    assert quoted("a\n\n> b\n") == "> a\n>\n> > b"


def test_prose_is_wrapped_and_a_long_address_stays_whole() -> None:
    assert max(map(len, wrap("kata " * 100).split("\n"))) <= 76
    assert wrap("kata " + "x" * 100, "  ") == "  kata\n  " + "x" * 100
    assert wrap("satu\ndua\n") == "satu dua\n"


def test_what_a_server_says_reaches_nobodys_terminal_as_an_escape() -> None:
    assert wrap("550 \x1b[31mno\x9b0m \u202e\x07ok\n", "  ") == "  550 [31mno 0m ok\n"


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("Doni <doni@example.go.id>", "Doni"),
        ("doni@example.go.id", ""),
        ("<doni@example.go.id>", ""),
        ("", ""),
    ],
)
def test_a_staff_address_is_never_taken_for_a_name(author: str, name: str) -> None:
    assert name_only(author) == name


def test_whoever_reads_a_mail_is_greeted_by_their_own_name_where_staff_have_answered() -> None:
    assert f"Yth. Bapak/Ibu {RINA.name},\n" in written(mails()["resolution"]).body
    nameless = Address("", RINA.address)
    body = written(to_requester(Template.RESOLUTION, Letter(ticket=TICKET, text="Sudah."), to=nameless)).body
    assert body.startswith("Yth. Bapak/Ibu,\n")
