"""Does a complaint get from its writer to staff and back?"""

from city import ADMIN, RINA, City, body


def test_a_requester_hears_the_number_and_staff_hear_of_the_complaint(city: City) -> None:
    notification = city.new_ticket()
    (acknowledgement,) = city.sent(RINA)
    assert "KOM-2026-000001" in acknowledgement["Subject"]
    assert acknowledgement["Auto-Submitted"] == "auto-replied"
    assert "mati sejak pagi" not in body(acknowledgement)
    assert "mati sejak pagi" in body(notification)
    assert [
        len(city.dovecot.messages(city.users["kominfo"], name)) for name in ("INBOX", "Mailgate/Diproses")
    ] == [
        0,
        1,
    ]


def test_a_complaint_is_answered_followed_up_resolved_and_opened_again_by_plain_mail(city: City) -> None:
    notification = city.new_ticket()
    city.receive(city.answer(notification, ADMIN, "Mohon sebutkan ruangannya."))
    assert city.run() == 0
    question = city.sent(RINA)[-1]
    assert "Mohon sebutkan ruangannya." in body(question)
    assert question["Auto-Submitted"] is None

    city.receive(city.answer(question, RINA, "Ruang rapat lantai dua."))
    assert city.run() == 0
    told = city.sent(ADMIN)[-1]
    assert "Ruang rapat lantai dua." in body(told)

    city.receive(city.answer(told, ADMIN, "#selesai\nKabel sudah kami ganti."))
    assert city.run() == 0
    resolution = city.sent(RINA)[-1]
    assert "Kabel sudah kami ganti." in body(resolution)
    assert "#selesai" not in body(resolution)
    assert "#selesai" in body(city.sent(ADMIN)[-1])

    city.receive(city.answer(resolution, RINA, "Maaf, masih belum bisa."))
    assert city.run() == 0
    assert "kami buka kembali" in " ".join(body(city.sent(RINA)[-1]).split())
    assert "masih belum bisa" in body(city.sent(ADMIN)[-1])
