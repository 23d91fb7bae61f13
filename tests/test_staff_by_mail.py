"""Can staff do everything by replying, and is nothing done that was not meant?"""

import json

import pytest
from city import ADMIN, ADMIN_PRIVATE, ALERTS, HEAD, KOMINFO, RINA, TECHNICIAN, City, address, body

from mailgate.store import tickets
from mailgate.store.tickets import Wanted


def ticket(city: City, number: str = "KOM-2026-000001") -> tickets.Ticket:
    with city.store() as store, store.reading() as look:
        found = tickets.get(look, number)
    assert found is not None
    return found


def order(city: City, text: str, author: str = ADMIN) -> str:
    """The admin replies to the last notification; returns the receipt, "" when none came."""
    notification = [mail for mail in city.sent(ADMIN) if "Ref:" in body(mail)][-1]
    before = len(city.sent(ADMIN))
    city.receive(city.answer(notification, author, text))
    assert city.run() == 0
    receipts = city.sent(ADMIN)[before:]
    return body(receipts[-1]) if receipts else ""


def test_a_plain_reply_reaches_the_requester_from_the_desk_and_takes_the_ticket(quick_city: City) -> None:
    quick_city.new_ticket()
    assert order(quick_city, "Petugas kami sedang ke sana.") == ""
    reply = quick_city.sent(RINA)[-1]
    assert address(str(reply["From"])) == KOMINFO
    assert "admin1@" not in reply.as_string()
    assert reply["Auto-Submitted"] is None
    assert ticket(quick_city).holder == address(ADMIN)
    assert ticket(quick_city).first_response_at == quick_city.now


def test_a_reply_from_a_listed_alias_counts_as_the_same_person(quick_city: City) -> None:
    quick_city.new_ticket()
    order(quick_city, "Kami proses.", author=ADMIN_PRIVATE)
    assert "Kami proses." in body(quick_city.sent(RINA)[-1])
    assert "admin.satu@mail.example" not in quick_city.sent(RINA)[-1].as_string()


def test_a_note_stays_inside(quick_city: City) -> None:
    quick_city.new_ticket()
    receipt = order(quick_city, "#catatan\nPelapor ini sering salah colok kabel.")
    assert "#catatan" in receipt
    assert "Pelapor tidak dikirimi apa pun" in receipt
    assert len(quick_city.sent(RINA)) == 1
    assert ticket(quick_city).status == "new"


def test_taking_a_ticket_sends_later_mail_to_its_holder_only(quick_city: City) -> None:
    quick_city.tables["desks"]["kominfo"]["staff"].append(
        {"name": "Admin Dua", "address": "admin2@pyk.example.go.id", "roles": ["admin"]}
    )
    quick_city.new_ticket()
    order(quick_city, "#ambil")
    before = len(quick_city.sent("admin2@pyk.example.go.id"))
    quick_city.receive(quick_city.answer(quick_city.sent(RINA)[0], RINA, "Sudah menyala lagi sebentar."))
    assert quick_city.run() == 0
    assert "menyala lagi" in body(quick_city.sent(ADMIN)[-1])
    assert len(quick_city.sent("admin2@pyk.example.go.id")) == before


def test_closing_is_silent_and_reopening_is_possible(quick_city: City) -> None:
    quick_city.new_ticket()
    order(quick_city, "#tutup")
    assert ticket(quick_city).status == "closed"
    order(quick_city, "#buka")
    assert (ticket(quick_city).status, ticket(quick_city).reopened) == ("open", 1)
    assert len(quick_city.sent(RINA)) == 1


def test_help_lists_the_commands_and_does_nothing(quick_city: City) -> None:
    quick_city.new_ticket()
    receipt = order(quick_city, "#bantuan")
    assert all(word in receipt for word in ("#selesai", "#catatan", "#ambil", "#tutup", "#buka"))
    assert ticket(quick_city).status == "new"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("#slesai\nSudah diperbaiki.", "#selesai"),
        ("#selesai", "memerlukan teks"),
        ("#selesai\n#catatan\nSudah.", "satu tujuan teks"),
        ("Selesai.", "Apakah ini perintah?"),
        ("#buka\n#ambil", "Tidak dapat dijalankan karena status"),
        ("#ambil\n#tenggatt besok", "tidak dikenal"),
        ("", "Tidak ada tulisan"),
    ],
)
def test_one_wrong_line_and_nothing_of_the_mail_is_done_or_relayed(
    quick_city: City, text: str, told: str
) -> None:
    quick_city.new_ticket()
    before = ticket(quick_city)
    receipt = order(quick_city, text)
    assert told in " ".join(receipt.split())
    assert "Tidak ada yang dijalankan" in receipt
    assert ticket(quick_city) == before
    assert len(quick_city.sent(RINA)) == 1


def test_our_own_internal_mail_is_never_relayed_even_when_its_quote_has_no_mark(quick_city: City) -> None:
    notification = quick_city.new_ticket()
    order(quick_city, "#catatan\nRAHASIA KANTOR")
    bare_quote = f"Kami proses ya bu.\n\n{body(notification)}"
    raw = quick_city.mail(ADMIN, bare_quote, "Re: x", in_reply_to=str(notification["Message-ID"]))
    quick_city.receive(raw)
    assert quick_city.run() == 0
    assert len(quick_city.sent(RINA)) == 1
    assert "Kutipan surel internal" in body(quick_city.sent(ADMIN)[-1])


@pytest.mark.parametrize(
    "typed",
    [
        "#SELESAI",
        "# selesai",
        "＃selesai",
        "*#selesai*",
        "\u200b#selesai.",
        "\u00a0#selesai:",
        "#resolve",
        "“#selesai”",
    ],
)
def test_a_command_is_understood_however_a_phone_writes_it(quick_city: City, typed: str) -> None:
    quick_city.new_ticket()
    order(quick_city, f"{typed}\nKabel sudah diganti.")
    assert ticket(quick_city).status == "resolved"
    resolution = body(quick_city.sent(RINA)[-1])
    assert "Kabel sudah diganti." in resolution
    assert "selesai." not in resolution.split("Kabel")[0].casefold().replace("telah selesai ditangani.", "")


def test_a_command_in_the_quoted_help_text_is_not_carried_out(quick_city: City) -> None:
    quick_city.new_ticket()
    order(quick_city, "Mohon tunggu sebentar.")
    assert ticket(quick_city).status == "open"
    assert "#" not in body(quick_city.sent(RINA)[-1])


def test_words_in_the_name_of_staff_without_proof_do_nothing_and_the_real_person_hears(
    quick_city: City,
) -> None:
    quick_city.new_ticket()
    forged = quick_city.mail(ADMIN, "#tutup", "Re: [KOM-2026-000001] Jaringan mati")
    quick_city.receive(forged)
    assert quick_city.run() == 0
    assert ticket(quick_city).status == "new"
    assert len(quick_city.sent(RINA)) == 1
    told = quick_city.sent(ADMIN)[-1]
    assert "TIDAK dijalankan" in " ".join(body(told).split())
    quick_city.receive(quick_city.answer(told, ADMIN, "Itu bukan saya."))
    assert quick_city.run() == 0
    assert len(quick_city.sent(RINA)) == 1
    assert ticket(quick_city).status == "new"
    assert "did not say yes" in " ".join(body(quick_city.sent(ALERTS)[-1]).split())


def test_words_that_look_like_an_absence_notice_are_not_relayed_and_their_writer_hears_how(
    quick_city: City,
) -> None:
    quick_city.new_ticket()
    text = "Saya sedang cuti dan tidak berada di kantor. Pesan ini dikirim secara otomatis."
    told = " ".join(order(quick_city, text).split())
    assert len(quick_city.sent(RINA)) == 1
    assert "tampak seperti jawaban otomatis" in told
    quick_city.receive(quick_city.answer(quick_city.sent(ADMIN)[-1], ADMIN, "Ya."))
    assert quick_city.run() == 0
    assert text in " ".join(body(quick_city.sent(RINA)[-1]).split())


def test_the_id_of_a_colleagues_mail_proves_nothing(quick_city: City) -> None:
    notification = quick_city.new_ticket()
    quick_city.receive(quick_city.answer(notification, TECHNICIAN, "#tutup"))
    quick_city.receive(quick_city.answer(notification, HEAD, "Saya kepala dinas, tolong dibantu."))
    assert quick_city.run() == 0
    assert ticket(quick_city).status == "new"
    assert len(quick_city.sent(RINA)) == 1


def test_staff_with_a_complaint_of_their_own_are_requesters_like_everybody(quick_city: City) -> None:
    quick_city.receive(quick_city.mail(TECHNICIAN, "Printer saya rusak.", "Printer rusak"))
    assert quick_city.run() == 0
    assert "KOM-2026-000001" in quick_city.sent(TECHNICIAN)[0]["Subject"]
    assert "Printer saya rusak." in body(quick_city.sent(ADMIN)[0])


def test_nobody_can_be_written_to_at_an_address_no_server_takes_and_staff_hear_why(quick_city: City) -> None:
    quick_city.receive(quick_city.mail("Ruri <ruri@disdik@example.go.id>", "Halo"))
    assert quick_city.run() == 0
    numbers = json.dumps([one.subject for one in _all(quick_city)])
    assert "Jaringan mati" in numbers
    assert len(quick_city.sent(ADMIN)) == 1


def test_attachments_reach_the_front_line_and_the_requester_but_not_beyond_the_limit(
    quick_city: City,
) -> None:
    quick_city.tables["desks"]["kominfo"]["notify_attachments_mib"] = 1
    small, large = b"x" * 1000, b"y" * 1_100_000
    quick_city.receive(_with_attachments(quick_city, {"foto.png": small, "video.mp4": large}))
    assert quick_city.run() == 0
    notification = quick_city.sent(ADMIN)[0]
    assert [part.get_filename() for part in notification.iter_attachments()] == ["foto.png"]
    assert "video.mp4" in body(notification)


def _all(city: City) -> list[tickets.Ticket]:
    with city.store() as store, store.reading() as look:
        return tickets.listed(look, Wanted())


def _with_attachments(city: City, files: dict[str, bytes]) -> bytes:
    from email.message import EmailMessage

    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = RINA, KOMINFO, "Layar rusak"
    mail["Message-ID"] = "<lampiran@client.example>"
    mail.set_content("Fotonya terlampir.")
    for name, data in files.items():
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))
