"""Promise 6: a From header proves nothing, and a ticket number opens nothing."""

from datetime import timedelta

from city import ADMIN, ADMIN_PRIVATE, KOMINFO, RINA, City, body
from evidence import tickets

STRANGER = "Orang Lain <lain@luar.example>"
SECRET = "NIK 1376010101010001"


def _secret_ticket(city: City) -> None:
    notification = city.new_ticket(text=f"Data saya: {SECRET}.\n")
    city.receive(city.answer(notification, ADMIN, f"Kami catat {SECRET}."))
    assert city.run() == 0


def test_a_stranger_with_a_key_gets_a_ticket_of_their_own_and_no_byte_of_the_other(city: City) -> None:
    _secret_ticket(city)
    before, (first,) = len(city.sent(RINA)), tickets(city)
    ours = str(city.sent(RINA)[-1]["Message-ID"])
    theirs = f"<{first['messages'][0]['message_id']}>"
    stolen: dict[str, dict[str, str]] = {
        "number@luar.example": {"subject": f"[{first['number']}] bagaimana?"},
        "our-id@luar.example": {"in_reply_to": ours},
        "their-id@luar.example": {"in_reply_to": theirs, "references": theirs},
        "references@luar.example": {"references": f"{theirs} {ours}"},
    }
    for stranger, keys in stolen.items():
        city.receive(city.mail(stranger, f"Bagaimana kabar {stranger}?\n#selesai\n", **keys))
    assert city.run() == 0

    other, *own = tickets(city)
    assert [ticket["requester"]["address"] for ticket in own] == list(stolen)
    assert other["links"] == [ticket["number"] for ticket in own]
    assert (other["status"], len(other["messages"])) == ("open", 2)
    assert len(city.sent(RINA)) == before
    for stranger, ticket in zip(stolen, own, strict=True):
        (acknowledgement,) = city.sent(stranger)
        assert ticket["number"] in acknowledgement["Subject"]
        assert ticket["links"] == [other["number"]]
        assert SECRET not in acknowledgement.as_string()
        assert "Rina" not in acknowledgement.as_string()
        told = [body(mail) for mail in city.sent(ADMIN) if ticket["number"] in str(mail["Subject"])]
        assert len(told) == 1
        assert stranger in told[0]


def test_words_in_the_name_of_staff_do_nothing_and_the_real_person_hears(city: City) -> None:
    _secret_ticket(city)
    before = len(city.sent(RINA))
    city.receive(city.mail(ADMIN, "#selesai\nSudah ditutup.\n", "[KOM-2026-000001] Jaringan mati"))
    assert city.run() == 0
    assert len(city.sent(RINA)) == before
    assert tickets(city)[0]["status"] == "open"
    confirmation = city.sent(ADMIN)[-1]
    assert "#selesai" in body(confirmation)
    assert confirmation["In-Reply-To"] is None


def test_a_flood_in_the_name_of_staff_bothers_the_real_person_five_times_a_day(quick_city: City) -> None:
    _secret_ticket(quick_city)
    before = len(quick_city.sent(ADMIN))
    for n in range(9):
        quick_city.receive(quick_city.mail(ADMIN, f"#selesai\nPalsu {n}.\n", "[KOM-2026-000001] x"))
    assert quick_city.run() == 0
    assert len(quick_city.sent(ADMIN)) == before + 5
    quick_city.now += timedelta(hours=25)
    quick_city.receive(quick_city.mail(ADMIN, "#selesai\nPalsu lagi.\n", "[KOM-2026-000001] x"))
    assert quick_city.run() == 0
    assert len(quick_city.sent(ADMIN)) == before + 6


def test_an_id_sent_to_the_requester_proves_no_staff(quick_city: City) -> None:
    _secret_ticket(quick_city)
    before = len(quick_city.sent(RINA))
    forged = quick_city.answer(quick_city.sent(RINA)[-1], ADMIN, "#selesai\nPalsu.")
    quick_city.receive(forged)
    assert quick_city.run() == 0
    assert len(quick_city.sent(RINA)) == before
    assert tickets(quick_city)[0]["status"] == "open"


def test_staff_id_in_a_strangers_hand_proves_nothing(quick_city: City) -> None:
    notification = quick_city.new_ticket()
    before = len(quick_city.sent(RINA))
    quick_city.receive(quick_city.answer(notification, STRANGER, "#selesai\nPalsu."))
    assert quick_city.run() == 0
    assert len(quick_city.sent(RINA)) == before
    assert tickets(quick_city)[0]["status"] == "new"


def test_two_authors_in_one_from_are_nobody(quick_city: City) -> None:
    notification = quick_city.new_ticket()
    before = len(quick_city.sent(RINA))
    raw = quick_city.answer(notification, ADMIN, "#selesai\nPalsu.")
    quick_city.receive(raw.replace(b"From: ", b"From: " + STRANGER.encode() + b", ", 1))
    quick_city.receive(b"From: " + STRANGER.encode() + b"\r\n" + raw)
    assert quick_city.run() == 0
    assert len(quick_city.sent(RINA)) == before
    assert tickets(quick_city)[0]["status"] == "new"


def test_an_id_proves_until_thirty_days_after_closing(quick_city: City) -> None:
    notification = quick_city.new_ticket()
    quick_city.receive(quick_city.answer(notification, ADMIN, "#tutup"))
    assert quick_city.run() == 0
    quick_city.now += timedelta(days=31)
    quick_city.receive(quick_city.answer(notification, ADMIN, "#buka"))
    assert quick_city.run() == 0
    assert tickets(quick_city)[0]["status"] == "closed"


def test_an_attached_mail_of_staff_is_not_read_as_if_staff_wrote(quick_city: City) -> None:
    notification = quick_city.new_ticket()
    before = len(quick_city.sent(RINA))
    inner = quick_city.answer(notification, ADMIN, "#selesai\nPalsu.")
    quick_city.receive(
        quick_city.mail(
            STRANGER,
            "--x\nContent-Type: message/rfc822\n\n" + inner.decode().replace("\r\n", "\n") + "\n--x--\n",
            mime_version="1.0",
            content_type="multipart/mixed; boundary=x",
        )
    )
    assert quick_city.run() == 0
    assert len(quick_city.sent(RINA)) == before
    assert tickets(quick_city)[0]["status"] == "new"
    assert len(quick_city.sent(STRANGER)) == 1


def test_replies_go_to_the_address_on_the_ticket_and_never_to_reply_to(quick_city: City) -> None:
    notification = quick_city.new_ticket()
    reply = quick_city.answer(notification, ADMIN_PRIVATE, "Sudah.", reply_to="jahat@luar.example")
    quick_city.receive(reply)
    quick_city.receive(
        quick_city.answer(quick_city.sent(RINA)[0], RINA, "Halo.", reply_to="jahat@luar.example")
    )
    assert quick_city.run() == 0
    assert quick_city.sent("jahat@luar.example") == []
    assert {str(mail["From"].addresses[0].addr_spec) for mail in quick_city.sent(RINA)} == {KOMINFO}
