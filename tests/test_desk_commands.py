"""Is every command understood as it was meant, and never taken for words to the requester?"""

from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.desk.commands import (
    DESTINATIONS,
    TAKES_ARGUMENT,
    WORDS,
    Command,
    Destination,
    Line,
    Wanted,
    confirms,
    is_command_mail,
    order,
    wanted,
)
from mailgate.desk.decision import ReceiptLine, Result

PUBLIC, INTERNAL = Destination.PUBLIC, Destination.INTERNAL

# The table of design 7: Indonesian word, English alias.
TABLE = """
catatan note · ambil take · tugas assign · kategori category · jenis work · prioritas priority
mulai start · tanya ask · eskalasi escalate · kembalikan return · selesai resolve · tutup close
buka reopen · tenggat due · lkpp external · alihkan redirect · gabung merge · pisah split
kait link · cc cc · terima accept · tolak reject · spam spam · rahasia confidential
luar outofscope · setuju agree
lampiran attachments · lapor report · diberitahukan told · daftar list · status show
laporan figures · bantuan help
"""
PAIRS = [tuple(pair.split()) for pair in TABLE.replace("\n", " · ").strip(" ·").split(" · ")]


def problems(text: str) -> list[Result]:
    return [problem.result for problem in order(text).problems]


def commands(text: str) -> list[Command]:
    return [line.command for line in order(text).lines]


@pytest.mark.parametrize(("indonesian", "english"), PAIRS)
def test_each_command_of_the_design_can_be_typed_in_both_languages(indonesian: str, english: str) -> None:
    assert commands(f"#{indonesian}\nKata.") == commands(f"#{english}\nKata.") == [Command(english)]


def test_no_command_can_be_typed_that_nobody_documented() -> None:
    assert set(WORDS) == {word for pair in PAIRS for word in pair}
    assert set(WORDS.values()) == set(Command)


@pytest.mark.parametrize(
    "typed",
    [
        "#selesai", "#Selesai", "#SELESAI", "# selesai", "##selesai", "#selesai.", "#selesai:", "#selesai,",
        "＃selesai", "﹟selesai", "\u200b#selesai", "#\u200bsele\u00adsai", "\ufeff#selesai\u200e",
        "\u00a0#\u00a0selesai\u00a0", "\u202f#selesai", "*#selesai*", "**#selesai**", "#*selesai*",
        "_#selesai_",
        '"#selesai"', "“#selesai”", "‘#selesai’", "`#selesai`", "- #selesai", "• #selesai", "(#selesai)",
        "#️⃣selesai", "\t#selesai\t", "#selesai .",
    ],
)  # fmt: skip
def test_the_dress_of_a_command_line_does_not_matter(typed: str) -> None:
    asked = order(f"{typed}\nSudah diperbaiki.")
    assert [line.command for line in asked.lines] == [Command.RESOLVE]
    assert (asked.text, asked.problems) == ("Sudah diperbaiki.", ())


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("#selesai sudah diperbaiki", "sudah diperbaiki"),
        ("#selesai: sudah diperbaiki.", "sudah diperbaiki."),
        ("#selesai - sudah (oleh tim)", "sudah (oleh tim)"),
        ('#selesai katanya "beres"', 'katanya "beres"'),
        ("*#selesai sudah diperbaiki*", "sudah diperbaiki"),
        ("#selesai\n\nSudah.\n\nSalam\n#ambil", "Sudah.\n\nSalam"),
        ("#tanya\nApakah lampu #1 menyala?", "Apakah lampu #1 menyala?"),
        ("Halo bu\n#selesai\nsudah", "Halo bu\nsudah"),
    ],
)
def test_free_text_reaches_the_requester_as_it_was_written(written: str, text: str) -> None:
    assert (order(written).text, order(written).problems) == (text, ())


@pytest.mark.parametrize(
    ("written", "argument"),
    [
        ("#tugas Budi Santoso", "Budi Santoso"),
        ("#tugas: *Budi*.", "Budi"),
        ("#tugas “Budi”", "Budi"),
        ("#tugas\u00a0Bu\u200bdi", "Budi"),
        ("#tugas <budi@pyk.example.go.id>", "<budi@pyk.example.go.id>"),
        ("#prioritas1", "1"),
        ("#prioritas = 1", "1"),
        ("#kategori", ""),
        ("#gabung #KOM-2026-000123", "#KOM-2026-000123"),
        ("#gabung KOM-2026-123.", "KOM-2026-123"),
        ("#tenggat 31/8 14.00 menunggu suku cadang", "31/8 14.00 menunggu suku cadang"),
        ("*#jenis PWD*", "PWD"),
    ],
)
def test_the_rest_of_the_line_belongs_to_a_command_that_takes_an_argument(
    written: str, argument: str
) -> None:
    asked = order(written)
    assert [line.argument for line in asked.lines] == [argument]
    assert (asked.text, asked.problems) == ("", ())


@pytest.mark.parametrize("command", sorted(TAKES_ARGUMENT))
def test_no_argument_is_ever_relayed_as_words(command: Command) -> None:
    assert order(f"#{command} pelapor ini rewel").text == ""


def test_the_receipt_shows_a_line_as_it_was_typed_but_short() -> None:
    asked = order("  #Tugas   Pak  Budi  \n#Selesai sudah beres\n#catatan " + "x" * 500)
    assert [line.typed for line in asked.lines[:2]] == ["#Tugas   Pak  Budi", "#Selesai sudah beres"]
    assert len(asked.lines[2].typed) == 120
    assert order("#Slesai sudah").problems[0].typed == "#Slesai sudah"


@pytest.mark.parametrize(
    ("written", "lines", "text"),
    [
        ("#ambil #selesai sudah", (("#ambil", ""), ("#selesai sudah", "")), "sudah"),
        ("#tugas #prioritas 1", (("#tugas", ""), ("#prioritas 1", "1")), ""),
        ("#ambil (#selesai sudah)", (("#ambil", ""), ("#selesai sudah)", "")), "sudah)"),
        ("#tugas #budi", (("#tugas #budi", "#budi"),), ""),
        ("#selesai sudah #beres", (("#selesai sudah #beres", ""),), "sudah #beres"),
    ],
)
def test_a_second_command_on_the_line_is_not_taken_for_words(
    written: str, lines: tuple[tuple[str, str], ...], text: str
) -> None:
    asked = order(written)
    assert tuple((line.typed, line.argument) for line in asked.lines) == lines
    assert (asked.text, asked.problems) == (text, ())


def test_a_misspelt_second_command_stops_the_mail_too() -> None:
    assert problems("#ambil #slesai sudah") == [Result.UNKNOWN_COMMAND]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("#slesai", "#selesai"), ("#selesei", "#selesai"), ("#seleasi", "#selesai"), ("#SELESAII",
        "#selesai"),
        ("#catat", "#catatan"), ("#resolved", "#resolve"), ("#tenggatt besok", "#tenggat"), ("#ambl",
        "#ambil"),
        ("#prioitas 1", "#prioritas"), ("#eskalsi", "#eskalasi"), ("#lapran", "#laporan"),
        ("#printer", ""), ("#xyz", ""), ("#ya", ""), ("#" + "selesai" * 50, ""),
    ],
)  # fmt: skip
def test_a_misspelt_command_is_refused_with_the_one_that_was_meant(typed: str, meant: str) -> None:
    (problem,) = order(typed).problems
    assert (problem.result, problem.detail) == (Result.UNKNOWN_COMMAND, meant)


@pytest.mark.parametrize(
    "words",
    [
        "#1 printer rusak", "#2", "#KOM-2026-000123 sudah kami cek", "# 3 unit", "Baik, #selesai nanti",
        "Nomor #LPSE-2026-000045", "C# dan F#", "#", "###",
    ],
)  # fmt: skip
def test_words_that_only_look_like_a_command_are_sent(words: str) -> None:
    asked = order(words)
    assert (asked.lines, asked.problems, asked.text) == ((), (), words)
    assert not is_command_mail(words)


@pytest.mark.parametrize(
    "line", ["#beres", "# Langkah", "#ѕelesai", "#lapora-2026-08", "#kaitKOM-2026-000123"]
)
def test_a_line_that_may_be_a_command_is_never_relayed(line: str) -> None:
    assert problems(f"{line}\nKata.") == [Result.UNKNOWN_COMMAND]
    assert is_command_mail(line)


@pytest.mark.parametrize(
    ("bare", "meant"),
    [("selesai", "#selesai"), ("Ambil.", "#ambil"), ("*Tutup*", "#tutup"), ("“resolve”!", "#resolve")],
)
def test_a_bare_command_word_is_asked_about_and_not_relayed(bare: str, meant: str) -> None:
    assert order(bare).problems == (ReceiptLine(bare, Result.BARE_WORD, meant),)


@pytest.mark.parametrize("words", ["ya", "Baik.", "selesai ya bu", "Sudah selesai", "ok"])
def test_a_short_answer_is_relayed(words: str) -> None:
    assert order(words).problems == ()


@pytest.mark.parametrize(
    ("destination", "listed"),
    [
        (PUBLIC, "selesai tanya mulai tenggat alihkan"),
        (INTERNAL, "catatan eskalasi kembalikan lkpp gabung tutup spam rahasia"),
        (INTERNAL, "buka pisah kait cc terima tolak lampiran diberitahukan daftar status laporan bantuan"),
        (None, "ambil tugas kategori jenis prioritas"),
    ],
)
def test_nobody_reads_words_that_were_not_meant_for_them(
    destination: Destination | None, listed: str
) -> None:
    for word in listed.split():
        assert order(f"#{word}\nKata.").destination is destination, word
        assert order(f"#ambil\n#{word}\nKata.").destination is destination or word == "ambil"


def test_every_command_but_triage_says_where_words_go() -> None:
    undecided = {
        Command.TAKE,
        Command.ASSIGN,
        Command.CATEGORY,
        Command.WORK,
        Command.PRIORITY,
        Command.AGREE,
    }
    assert set(Command) - set(DESTINATIONS) == undecided | {Command.REPORT}


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("#tanya\n#cc kepala@dinkes.example.go.id\nSejak kapan?", PUBLIC),
        ("#kait KOM-2026-000002\n#selesai\nSudah.", PUBLIC),
        ("#diberitahukan 09.30\n#mulai\nKami datang.", PUBLIC),
        ("#lampiran\n#catatan\nLihat.", INTERNAL),
    ],
)
def test_a_command_without_words_of_its_own_does_not_hinder_one_with(
    text: str, destination: Destination
) -> None:
    assert (order(text).destination, order(text).problems) == (destination, ())


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("#selesai\n#catatan\nSudah.", [Result.TWO_DESTINATIONS] * 2),
        ("#mulai\n#ambil\n#eskalasi rumit\nSudah.", [Result.TWO_DESTINATIONS] * 2),
        ("#selesai", [Result.TEXT_MISSING]),
        ("#catatan\n#ambil", [Result.TEXT_MISSING]),
        ("#tanya.", [Result.TEXT_MISSING]),
        ("", [Result.EMPTY]),
        ("#slesai", [Result.UNKNOWN_COMMAND]),
        ("#slesai\n#ambill", [Result.UNKNOWN_COMMAND] * 2),
        ("#ambil\n#ambil", [Result.TWICE]),
        ("#prioritas 1\n#priority 2\n#prioritas 3", [Result.TWICE] * 2),
        ("#cc a@b.id\n#cc c@d.id", []),
        ("#selesai\n#tutup\nSudah.", [Result.NOT_TOGETHER] * 2),
        ("#selesai\n#tanya\nSudah?", [Result.NOT_TOGETHER] * 2),
        ("#buka\n#tanya\n#gabung 3\nSudah?", [Result.NOT_TOGETHER] * 3),
        ("#lapor\n#selesai\nNama: Budi", [Result.NOT_TOGETHER]),
        ("#lapor\n#cc a@b.id\n#tutup\nNama: Budi", [Result.NOT_TOGETHER] * 2),
        ("#mulai", []),
        ("#buka", []),
        ("Kutipan\nRef: abcdefghijklmnopqrstuvwxyz\n#selesai", [Result.QUOTE_INSIDE]),
    ],
)
def test_what_cannot_be_done_as_a_whole_is_not_begun(text: str, refused: list[Result]) -> None:
    assert problems(text) == refused


def test_the_receipt_names_the_other_line_of_a_contradiction() -> None:
    assert order("#selesai beres\n#tutup").problems == (
        ReceiptLine("#selesai beres", Result.NOT_TOGETHER, "#tutup"),
        ReceiptLine("#tutup", Result.NOT_TOGETHER, "#selesai beres"),
    )
    assert order("#prioritas 1\n#prioritas 2").problems == (
        ReceiptLine("#prioritas 2", Result.TWICE, "#prioritas 1"),
    )
    assert order("#lapor\nNama: Budi\n#mulai").problems == (
        ReceiptLine("#mulai", Result.NOT_TOGETHER, "#lapor"),
    )


def test_a_report_takes_all_words_and_none_of_them_is_relayed() -> None:
    asked = order("#lapor\nNama: Budi\n#prioritas 2\n#rahasia\nKeluhan: wifi mati\n#ambil")
    assert asked.form == "Nama: Budi\nKeluhan: wifi mati"
    assert (asked.text, asked.destination, asked.problems) == ("", None, ())
    assert order("#lapor Nama: Budi, HP: 0812").form == "Nama: Budi, HP: 0812"
    assert order("#ambil\nKata.").form == ""


@pytest.mark.parametrize(
    "words",
    [
        "ya", "Ya", "YA", "#ya", "# ya", "＃Ya", "yes", "#YES", "ya.", "ya!", "Ya,", "ya..", "\u200bya",
        "\u00a0ya",
        "*ya*", "“Ya”", "ya silakan", "Ya, benar.\nTerima kasih", "\n\n  ya\n\nsalam", "- #ya",
    ],
)  # fmt: skip
def test_a_plain_yes_confirms(words: str) -> None:
    assert confirms(words)


@pytest.mark.parametrize(
    "words",
    [
        "", " ", "yaa", "ya?", "iya", "tidak", "yang benar", "ya/tidak", "ya-ya", "saya", "#yang",
        "Baik, ya", "y",
        "Halo\nya", "#", "# #ya", "ya:", "yess", "bukan saya\nya", "ya.tidak", "1", "yа",
    ],
)  # fmt: skip
def test_nothing_else_confirms(words: str) -> None:
    assert not confirms(words)


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("Kami cek.", Wanted()),
        ("#kait KOM-2026-2\n#lampiran", Wanted(("KOM-2026-2",), attachments=True)),
        ("#gabung 12", Wanted(("12",))),
        ("#status 7\n#daftar\n#laporan", Wanted(("7",), listing=True, month="")),
        ("#laporan 2026-08", Wanted(month="2026-08")),
        ("#terima", Wanted(strangers=True)),
        ("#tolak KOM-2026-9", Wanted(("KOM-2026-9",), strangers=True)),
        ("#kait KOM-2026-2\n#slesai", Wanted()),
        ("#kait 1\n" * 1000, Wanted()),
    ],
)
def test_only_what_an_order_needs_is_looked_up(text: str, needed: Wanted) -> None:
    assert wanted(text) == needed


SCRAPS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *WORDS,
                "#",
                "＃",
                "\n",
                " ",
                "*",
                "\u200b",
                "\u00a0",
                ".",
                "#1",
                "ya",
                "@",
                "<",
                "KOM-2026-000123",
            ]
        ),
        st.text(max_size=8),
    ),
    max_size=30,
).map("".join)


@given(SCRAPS)
def test_no_text_breaks_the_reading(text: str) -> None:
    asked = order(text)
    wanted(text)
    confirms(text)
    assert len(asked.problems) <= 20
    assert all(len(line.typed) <= 120 and "\n" not in line.typed for line in asked.lines)
    assert all(isinstance(line, Line) and line.typed.startswith("#") for line in asked.lines)
    assert not asked.lines or is_command_mail(text)


@given(SCRAPS, st.sampled_from(sorted(set(WORDS))), SCRAPS)
def test_no_command_line_is_ever_left_among_the_words(before: str, word: str, after: str) -> None:
    asked = order(f"{before}\n#{word}\n{after}")
    assert asked.problems or not is_command_mail(f"{asked.text}\n{asked.form}")


@pytest.mark.parametrize(
    "piece",
    [
        "#",
        "# ",
        "#a",
        "#ambil",
        "#ambil ",
        "#slesai\n",
        "#cc \n",
        "*",
        "*#",
        "\u200b",
        "#selesai#",
        "(",
        "#KOM-2026-",
        "_*",
    ],
)
def test_a_hostile_mail_is_read_as_fast_as_a_long_one(piece: str) -> None:
    begun = thread_time()
    text = piece * (200_000 // len(piece))
    order(text)
    confirms(text)
    wanted(text)
    assert thread_time() - begun < 10  # seconds of this thread alone; what is not linear takes minutes
