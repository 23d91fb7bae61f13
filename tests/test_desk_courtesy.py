"""Is a thank-you left in peace, and is no complaint ever taken for one?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.desk.courtesy import Answer, Meaning, meaning

THANKS = [
    # Indonesian
    "Terima kasih",
    "TERIMA KASIH",
    "terima kasih.",
    "Terimakasih pak",
    "Terima kasih banyak",
    "Terima kasih banyak atas bantuannya 🙏",
    "Terima kasih banyak, Pak Budi.",
    "Terima kasih Bu Sri Wahyuni atas bantuan dan kerja samanya",
    "Makasih ya mas",
    "makasiiiih banyaaak kakkk",
    "Makasih min",
    "makasih pak ya",
    "Trims",
    "trims pak/bu",
    "mksh",
    "mksh pak",
    "trmksh",
    "trm ksh bu",
    "Tq",
    "tks pak",
    "Thx",
    "Ok pak",
    "Okeee",
    "ok, siap 👍",
    "Baik bu",
    "Baik, terima kasih banyak",
    "Baiklah",
    "Siap",
    "siaaap",
    "Sip",
    "Mantap!",
    "Mantap, terima kasih Kominfo",
    "Sudah bisa",
    "Siap, sudah bisa 🙏",
    "sdh bs pak, mksh",
    "sudah bisa login, terima kasih",
    "Sudah bisa dibuka kembali pak",
    "Sudah normal kembali",
    "Sudah normal lagi, terima kasih admin",
    "Alhamdulillah sudah jalan",
    "Alhamdulillah, sekarang sudah lancar. Terima kasih tim Kominfo.",
    "Alhamdulillah 🤲",
    "Sudah kami terima dengan baik, terima kasih",
    "Semoga sehat selalu",
    "Terima kasih, semoga sehat selalu, sukses terus",
    "Assalamualaikum Wr. Wb.\n\nTerima kasih banyak atas bantuannya.\n\nWassalamu'alaikum wr. wb.",
    "Wa'alaikumsalam, terima kasih pak",
    "Selamat pagi Pak Hendra, terima kasih atas respon cepatnya.\nHormat kami",
    "Dengan hormat,\nkami ucapkan terima kasih atas perhatian dan kerja samanya.\nSalam",
    "Atas perhatian dan kerja sama Bapak/Ibu kami ucapkan terima kasih.",
    "Demikian disampaikan, diucapkan terima kasih.",
    "Fast respon, pelayanannya memuaskan. Terima kasih",
    "Sama-sama pak",
    "Terima kasih Pak Mulyadi dan Bu Ani",
    "Terima kasih kepada tim Kominfo",
    "Oke pak makasih infonya",
    "Terimakasih banyak atas respon dan bantuannya yang cepat",
    "Sudah saya coba dan berhasil, terima kasih",
    "Maaf merepotkan, terima kasih",
    "Sekali lagi terima kasih",
    "Wassalam",
    "Terima kasih Pak\nSalam hormat",
    "Siap Pak Terima kasih",
    "_Terima kasih_",
    "*Terima kasih* :)",
    "terima\u00a0kasih\u200b",
    "𝐓𝐞𝐫𝐢𝐦𝐚 𝐤𝐚𝐬𝐢𝐡",
    # English
    "Thanks!",
    "Thank you",
    "Thank you very much for your help",
    "Thanks a lot, all good",
    "It works now, thank you",
    "Many thanks. Best regards",
    "Problem solved, thanks",
    "You're welcome",
    "Great, thanks <3",
    # Minang
    "Tarimo kasih",
    "tarimo kasih banyak uda",
    "makasih banyak da",
    "Makasih banyak uni 🙏🏽",
    "lah bisa",
    "Lah bisa da, tarimo kasih",
    "Alah elok",
    "onde rancak",
    "Onde mande, rancak bana. Makasih Uni Yeni",
    "Alah bisa baliak pak",
    "samo-samo",
    # emoji only
    "🙏",
    "🙏🏻🙏🏽🙏🏿",
    "👍👍",
    "👨‍👩‍👧 ❤️",
    "🇮🇩",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "😊👌💯",
]
UNSOLVED = [
    "masih belum bisa",
    "Masih belum bisa, Pak.",
    "blm bs",
    "msh blm bs pak",
    "Belum bisa juga",
    "belum juga",
    "Masih sama",
    "masih sama saja",
    "Sama saja pak",
    "Belum beres",
    "Tetap error",
    "tetap tidak bisa login",
    "Kok mati lagi?",
    "kok masih mati",
    "Mati lagi",
    "Internet kantor kami mati lagi sejak pagi",
    "Errorrr lagi pak 😭",
    "Tidak bisa",
    "gak bisa",
    "ga bs mas",
    "nggak bisaaa",
    "ga bisa2 pak",
    "blm jg",
    "sampai saat ini belum ada perbaikan",
    "tdk bisa dibuka",
    "masih lemot",
    "Tetap seperti semula",
    "tidak ada perubahan",
    "Terima kasih, tapi masih belum bisa",
    "Terima kasih atas bantuannya. Namun sampai sekarang belum bisa.",
    "Kemarin sudah bisa, sekarang tidak bisa lagi",
    "Assalamualaikum, maaf pak masih error",
    "Sudah dicoba, tetap gagal",
    "4, tapi masih belum bisa",
    "1, belum beres",
    "STATUS\nmasih belum bisa",
    "alun bisa juo",
    "Alun juo da",
    "indak bisa",
    "Ndak biso do",
    "masih alun bisa",
    "tatap samo",
    "still not working",
    "Thanks, but it still doesn't work",
    "It is not working",
    "Same problem here",
    "We still cannot log in",
    "The server is down again",
]
STATUS = [
    "STATUS",
    "status",
    "Status?",
    "status.",
    "CEK STATUS",
    "cek status",
    "status laporan",
    "Status tiket?",
    "status laporan saya",
    "STATUS KOM-2026-000123",
    "Status tiket LPSE-2026-45",
    "status [KOM-2026-000123]",
    "s\u200btatus\ufeff",
    "ＳＴＡＴＵＳ",
    "*STATUS*",
    "\n\n  Status \n\nTerima kasih, Pak Budi\nSalam",
    "status\r\n🙏",
]
SURVEY = [
    ("4", 4),
    ("1", 1),
    ("4.", 4),
    ("4!!", 4),
    (" 3 \n", 3),
    ("4/4", 4),
    ("3 / 4", 3),
    ("4️⃣", 4),
    ("３", 3),
    ("④", 4),
    ("nilai 4", 4),
    ("Nilai: 4", 4),
    ("nilai saya 4 pak", 4),
    ("skor 3", 3),
    ("4 (sangat puas)", 4),
    ("3 (puas)", 3),
    ("2 - kurang puas", 2),
    ("1, tidak puas", 1),
    ("4 = sangat puas, terima kasih banyak Bu Rina", 4),
    ("4 👍🏽", 4),
    ("4\n\nTerima kasih.\nHormat kami", 4),
    ("4, makasih banyak da", 4),
]
WORDS = [
    "",
    "   ",
    "...",
    "\u200b\ufeff",
    # questions and requests dressed as courtesy
    "Sudah bisa?",
    "Sudah beres pak ya",
    "sudah beres belum pak",
    "apakah sudah bisa",
    "Ok pak, kapan?",
    "Baik, mohon ditindaklanjuti",
    "Terima kasih, tolong dicek",
    "Terima kasih sebelumnya",
    "Terima kasih pak ditunggu",
    "Terima kasih Pak Ditunggu",
    "Siap pak, nanti saya coba",
    "semoga cepat selesai",
    "semoga bisa normal kembali",
    "Sudah pak",
    "Ya pak",
    "bisa",
    "sudah",
    "kasih bantuan pak",
    "Terima apa adanya",
    "❓",
    "👎",
    "😡😡",
    "Terima kasih :(",
    "Mantap 🙄",
    "Sama",
    # only a beginning
    "Pak",
    "Pak Budi",
    "Halo admin",
    "Assalamualaikum Wr. Wb.",
    "Selamat pagi Bu Ani",
    # content, with and without a full stop
    "Printer rusak",
    "Terima kasih. Server mati.",
    "Terima kasih Pak\nServer mati",
    "Terima kasih Pak Server Mati",
    "Terima kasih Pak Internet Lambat",
    "TERIMA KASIH PAK BUDI SERVER MATI",
    "Terima kasih pak, printer sebelah rusak",
    "terima kasih pak budi santoso dari dinas pendidikan",
    "Terima kasih Pak Budi Santoso Wijaya Kusuma",
    "Terima kasih Bukan",
    "Ok Pak. Budi",
    "Terima kasih, tapi lambat",
    "Terima kasih namun",
    "Tidak, terima kasih",
    "Bukan itu pak",
    "Not good",
    "Don't close it, thanks",
    "thanks but",
    "Alhamdulillah sudah tidak error lagi",
    "Kemarin belum bisa, sekarang sudah bisa",
    "Kalau masih belum bisa nanti saya hubungi",
    "Terima kasih https://example.com",
    "terima kasih " * 25,
    # numbers that score nothing
    "5",
    "0",
    "44",
    "14",
    "-",
    "4 komputer kami mati",
    "1. printer rusak",
    "4/5",
    "4/4/2026",
    "3.5",
    "4?",
    "4 kali",
    "4x",
    "4 (tidak puas)",
    "nilai 5",
    "puas",
    "empat",
    "1 😡",
    "1. Terima kasih\n2. Printer",
    "4 3",
    "nilai",
    # the word in a sentence
    "Bagaimana status laporan saya?",
    "status laporan saya bagaimana",
    "Status server kami merah",
    "statusnya",
    "Terima kasih\nSTATUS",
    "status\nprinter rusak",
    "STATUS\nkapan?",
    "STATUS\nOk?",
]


@pytest.mark.parametrize("phrase", THANKS)
def test_a_thank_you_leaves_the_ticket_resolved(phrase: str) -> None:
    assert meaning(phrase) == Answer(Meaning.THANKS)


@pytest.mark.parametrize("phrase", UNSOLVED)
def test_who_says_that_it_does_not_work_is_heard(phrase: str) -> None:
    assert meaning(phrase) == Answer(Meaning.UNSOLVED)


@pytest.mark.parametrize("phrase", STATUS)
def test_who_asks_for_the_status_in_a_word_is_told(phrase: str) -> None:
    assert meaning(phrase) == Answer(Meaning.STATUS)


@pytest.mark.parametrize(("phrase", "score"), SURVEY)
def test_a_score_counts_however_it_is_typed(phrase: str, score: int) -> None:
    assert meaning(phrase) == Answer(Meaning.SURVEY, score)


@pytest.mark.parametrize("phrase", WORDS)
def test_a_person_reads_whatever_is_in_doubt(phrase: str) -> None:
    assert meaning(phrase) == Answer(Meaning.WORDS)


@pytest.mark.parametrize("polite", ["terima kasih", "4", "STATUS"])
def test_a_complaint_far_below_a_polite_beginning_is_not_lost(polite: str) -> None:
    assert meaning(f"{polite}{chr(10) * 3000}Printer rusak").meaning is Meaning.WORDS


COURTEOUS = THANKS + STATUS + [phrase for phrase, _ in SURVEY]
GLUE = st.sampled_from([" ", ", ", ". ", "\n", "\n\n", " - ", "! ", " 🙏 "])
THINGS = [
    "printer",
    "server",
    "jaringan",
    "website",
    "surat",
    "kabel",
    "router",
    "akun",
    "absensi",
    "ruangan",
]
CONTENT = st.lists(
    st.sampled_from([*THINGS, "kantor", "kami", "di", "lantai", "dua", "terbakar", "sudah", "bisa", "pak"]),
    max_size=6,
)


@given(st.sampled_from(COURTEOUS), GLUE, st.sampled_from(UNSOLVED))
def test_thanks_before_a_complaint_never_hide_it(polite: str, glue: str, complaint: str) -> None:
    assert meaning(polite + glue + complaint).meaning in {Meaning.UNSOLVED, Meaning.WORDS}


@given(st.sampled_from(UNSOLVED), GLUE, st.sampled_from(THANKS))
def test_thanks_after_a_complaint_never_hide_it(complaint: str, glue: str, polite: str) -> None:
    assert meaning(complaint + glue + polite).meaning in {Meaning.UNSOLVED, Meaning.WORDS}


@given(st.sampled_from(COURTEOUS), GLUE, st.sampled_from(THINGS), CONTENT, st.booleans())
def test_thanks_beside_a_new_matter_never_hide_it(
    polite: str, glue: str, thing: str, content: list[str], first: bool
) -> None:
    sentence = " ".join([thing, *content])
    judged = meaning(polite + glue + sentence if first else sentence.capitalize() + glue + polite)
    assert judged.meaning in {Meaning.UNSOLVED, Meaning.WORDS}


@given(st.lists(st.sampled_from(THANKS), min_size=1, max_size=3))
def test_politeness_in_several_lines_is_still_politeness(phrases: list[str]) -> None:
    text = "\n".join(phrases)
    assert meaning(text).meaning is Meaning.THANKS or len(text.split()) > 40


@given(
    st.text() | st.lists(st.sampled_from([*THANKS, *UNSOLVED, *STATUS, "4", "\0", "\ud800"])).map(" ".join)
)
def test_no_text_stops_the_desk(text: str) -> None:
    judged = meaning(text)
    assert judged == meaning(text)
    assert (judged.score in {1, 2, 3, 4}) is (judged.meaning is Meaning.SURVEY)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        "pak Budi ",
        "terima kasih ",
        "atas bantuan dan ",
        "masih ",
        "a\u0300",
        "ﷺ",
        "4/",
        ":-",
        " ",
        "sudah bisa ",
    ],
)
def test_a_hostile_answer_holds_nobody_up(piece: str) -> None:
    for _ in range(20):
        meaning(f"terima kasih {piece * 100_000}x")
