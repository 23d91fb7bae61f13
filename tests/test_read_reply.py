"""Are only the words written this time taken, and all of them?"""

import pytest

from mailgate.message.body import reply_text


@pytest.mark.parametrize(
    "below",
    [
        "Pada tanggal Sab, 31 Okt 2020 pukul 22.12 Budi <budi@example.com> menulis:\n> lama",
        "Pada Sab, 15 Jun 2024 pukul\n14.59 Budi Santoso <budi@example.com>\nmenulis:\n\nlama",
        "Pada\xa03 Agu 2026, pukul\u202f10.12, Budi <budi@example.com> menulis:\n\n> lama",
        "----- Pada 5 Agu 2026, jam 10:12, Budi Santoso budi@example.com menulis:\nlama",
        "Pada Tanggal 3 Agustus 2026 10.15 WIB, Budi <budi@example.com> tulis:\n\nlama",
        "Budi Santoso menulis:\n> lama",
        "On Mon, Aug 3, 2026 at 9:12 AM Budi <budi@example.com> wrote:\n\n> lama",
        "-----Pesan Asli-----\nDari: Budi\nlama",
        "-------- Pesan Orisinal --------\nlama",
        "Dari: Budi <budi@example.com>\nDikirim: Senin, 3 Agustus 2026\nKepada: Sari\nSubjek: x\n\nlama",
        "*From:* Budi <budi@example.com>\n*Sent:* Monday, August 3, 2026 10:12 AM\n*To:* Sari\n\nlama",
        "-- \nSari Dewi\nNIP 1985",
        "--\nSari Dewi",
        "Dikirim dari iPhone saya",
        "Dapatkan Outlook untuk Android",
        "Am Mo., 3. Aug. 2026 um 09:12 Uhr schrieb Budi <budi@example.com>:\n\nlama",
        "Von: Budi\nGesendet: Montag\nAn: Sari\nBetreff: x\n\nlama",
    ],
)
def test_what_the_program_added_below_is_not_relayed(below: str) -> None:
    assert reply_text(f"Masih belum bisa.\n\n{below}") == "Masih belum bisa."


@pytest.mark.parametrize(
    "text",
    [
        "Pada hari Senin, 3 Agustus, atasan saya menulis:\nakun diblokir.",
        "Kami sudah menulis: mohon bantuan.\nPada prinsipnya setuju.",
        "Berikut pesannya:\n- satu\n- dua",
        "Kepada: Kadis\nDari: Camat\nTanggal: 3 Agustus\nPerihal: Akun\n\nMohon akun.",
        "Yth. Bapak,\n\nDari: Camat\nKepada: Kadis\nTanggal: 3 Agustus 2026\nPerihal: Akun\n\nMohon akun.",
        "Log:\nFrom: server1\nTo: server2\nmacet",
        "Langkah:\n--\n" + "baris\n" * 30 + "selesai",
        "    #mulai dari tepi",
        "> semua hanya kutipan\n> dan tidak lebih",
        "Pada Sen, 3 Agu 2026 pukul 14.59 Budi <budi@example.com> menulis:\n> hanya kutipan",
    ],
)
def test_no_word_of_a_person_is_lost(text: str) -> None:
    assert reply_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 200_000,
        " " * 200_000,
        "--\n" * 66_000,
        "\n--\n\n" * 40_000,
        "> \n" * 66_000,
        "Pada a\n" * 28_000,
        "menulis:\n" * 20_000,
        "Dari: a\n" * 25_000,
        "On " * 66_000 + "wrote:",
        "schrieb:\n" + " \n" * 90_000,
        "schrieb:\n" + "Am 1. " * 30_000,
        "Von: a\n" * 25_000,
    ],
    ids=range(12),
)
@pytest.mark.timeout(20)
def test_a_text_made_to_be_slow_does_not_hold_up_the_desk(text: str) -> None:
    reply_text(text)
