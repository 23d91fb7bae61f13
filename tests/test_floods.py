"""Promise 5: can many mails, of one sender or of machines that hide, make us send without bound?"""

import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from city import ADMIN, ALERTS, KOMINFO, RINA, City, body
from evidence import rows, tickets
from indoors import Indoors, indoors

ROBOT = "Pemantau <pantau@disdik.example.go.id>"


@pytest.fixture
def town() -> Iterator[Indoors]:
    with indoors() as city:
        yield city


def numbered(city: City, author: str = RINA, **headers: str) -> Iterator[bytes]:
    """Mail after mail, no two alike."""
    n = 0
    while True:
        n += 1
        yield city.mail(author, f"Ini laporan yang ke-{n}.\n", f"laporan {n}", **headers)


def survivors(city: City) -> list[dict[str, Any]]:
    return [one for one in tickets(city) if one["outcome"] != "merged"]


def reasons(city: City) -> list[str]:
    return [row.reason for row in rows(city, "SELECT reason FROM mail ORDER BY id")]


def templates_to(city: City, who: str) -> list[str]:
    key = who.rpartition("<")[2].rstrip(">").casefold()
    found = rows(city, "SELECT template FROM outbox WHERE recipient_key = :key ORDER BY seq", key=key)
    return [row.template for row in found]


def notices(city: City, what: str) -> list[EmailMessage]:
    return [mail for mail in city.sent(ADMIN) if what in str(mail["Subject"])]


# --- floods -----------------------------------------------------------------------------------------------


def flood(city: Indoors, portion: int, mails: int = 300) -> None:
    """So many mails of Rina within a minute, fetched in portions of so many."""
    city.tables["limits"] = {"batch_mails": 300}
    source = numbered(city)
    for start in range(0, mails, portion):
        for n in range(start, min(mails, start + portion)):
            city.receive(next(source), when=city.now + timedelta(seconds=n * 59 / mails))
        city.run()


@pytest.mark.parametrize("portion", [1, 7, 50, 300])
def test_many_mails_in_a_minute_are_one_ticket_however_they_are_fetched(portion: int) -> None:
    with indoors() as city:
        flood(city, portion, 60)
        (one,) = survivors(city)
        assert one["number"] == "KOM-2026-000001"
        assert len(one["messages"]) == 60
        assert len({message["text"] for message in one["messages"]}) == 60
        assert len(tickets(city)) == 10
        assert templates_to(city, RINA) == ["acknowledgement"] * 4
        assert len(notices(city, "Laporan baru")) == 10
        assert len(notices(city, "Banjir surel")) == 1
        assert len(city.sent(ADMIN)) == 11


def test_three_hundred_mails_in_a_minute_are_one_ticket(town: Indoors) -> None:
    flood(town, 50)
    (one,) = survivors(town)
    assert len({message["text"] for message in one["messages"]}) == 300
    assert templates_to(town, RINA) == ["acknowledgement"] * 4


def test_after_a_flood_staff_read_once_how_much_it_was(town: Indoors) -> None:
    flood(town, 50, 120)
    town.now += timedelta(minutes=11)
    town.run()
    town.run()
    began, over = notices(town, "Banjir surel")
    assert "Lebih dari 10 surel" in body(began)
    words = " ".join(body(over).split())
    assert "120 surel dari Rina Marlina" in words
    assert "#spam" in words
    subjects = [line for line in body(over).splitlines() if line.startswith("- laporan")]
    assert subjects == [f"- laporan {n}" for n in range(1, 6)]
    town.now += timedelta(days=2)
    town.run()
    assert len(notices(town, "Banjir surel")) == 2
    assert rows(town, "SELECT * FROM flood") == []


def test_staff_hear_every_hour_how_a_flood_goes_on(town: Indoors) -> None:
    source = numbered(town)
    for moment in range(15):
        for _ in range(11 if moment == 0 else 1):
            town.receive(next(source))
        town.run()
        town.now += timedelta(minutes=9)
    assert len(survivors(town)) == 1
    told = [" ".join(body(one).split()) for one in notices(town, "Banjir surel")]
    assert len(told) == 3
    assert "masih berdatangan" in told[-1]


def test_ten_mails_in_a_minute_are_ten_tickets_and_eleven_are_one(town: Indoors) -> None:
    source = numbered(town)
    for _ in range(10):
        town.receive(next(source))
    town.run()
    assert len(survivors(town)) == 10
    town.now += timedelta(seconds=60)
    town.receive(next(source))
    town.run()
    assert len(survivors(town)) == 11
    town.receive(next(source), when=town.now - timedelta(seconds=1))
    town.run()
    assert len(survivors(town)) == 2


@pytest.mark.parametrize("backwards", [False, True])
def test_a_flood_is_one_whatever_the_order_in_which_the_mailbox_gives_it(
    town: Indoors, backwards: bool
) -> None:
    seconds = range(40, 0, -1) if backwards else range(40)
    for second, raw in zip(seconds, numbered(town), strict=False):
        town.receive(raw, when=town.now - timedelta(minutes=1) + timedelta(seconds=second))
    town.run()
    assert len(survivors(town)) == 1


def test_tags_and_dots_do_not_hide_a_flood(town: Indoors) -> None:
    for n in range(40):
        writer = f"r.i.n.a+{n}@gmail.com" if n % 2 else f"RINA+{n}@googlemail.com"
        town.receive(town.mail(writer, f"laporan ke-{n}", f"soal {n}"))
    town.run()
    assert len(survivors(town)) == 1
    assert (
        len([one for one in town.sent() if "gmail.com" in str(one["To"]) or "googlemail" in str(one["To"])])
        <= 4
    )


def test_whoever_is_silenced_is_so_with_every_tag(town: Indoors) -> None:
    town.receive(town.mail("rina+1@warga.example"))
    town.run()
    (told,) = town.sent(ADMIN)
    town.receive(town.answer(told, ADMIN, "#spam"))
    town.run()
    town.receive(town.mail("Rina+2@warga.example", subject="lagi"))
    town.run()
    assert "silenced" in reasons(town)[-1]


def test_what_staff_have_touched_stays_a_ticket_of_its_own_and_nobody_is_mailed_of_merging(
    town: Indoors,
) -> None:
    source = numbered(town)
    for _ in range(5):
        town.receive(next(source))
    town.run()
    town.receive(town.answer(town.sent(ADMIN)[1], ADMIN, "#catatan\nSudah saya telepon."))
    town.receive(town.answer(town.sent(ADMIN)[2], ADMIN, "#ambil"))
    town.receive(town.answer(town.sent(ADMIN)[3], ADMIN, "#rahasia"))
    town.run()
    before = town.sent()
    for _ in range(20):
        town.receive(next(source))
    town.run()
    kept = [one["number"][-1] for one in survivors(town)]
    assert kept == ["1", "2", "3", "4"]
    assert {one.get("Subject", "")[:17] for one in town.sent()[len(before) :]} >= {"[KOM-2026-000001]"}
    assert "merged" not in {row.template for row in rows(town, "SELECT template FROM outbox")}
    assert [one["outcome"] for one in tickets(town) if one["number"].endswith("5")] == ["merged"]


def test_a_reply_in_a_flood_goes_to_its_own_ticket_and_is_told_to_nobody(town: Indoors) -> None:
    town.receive(town.mail(text="Yang lama.", subject="lama"))
    town.run()
    (acknowledgement,) = town.sent(RINA)
    town.now += timedelta(hours=2)
    flood(town, 50, 30)
    told = len(town.sent(ADMIN))
    town.receive(town.answer(acknowledgement, RINA, "Bagaimana dengan yang lama?"))
    town.run()
    assert len(town.sent(ADMIN)) == told
    old, new = survivors(town)
    assert old["messages"][-1]["text"].strip() == "Bagaimana dengan yang lama?"
    assert len(new["messages"]) == 30


def test_a_flood_of_replies_alone_is_told_as_one(town: Indoors) -> None:
    town.receive(town.mail())
    town.run()
    (acknowledgement,) = town.sent(RINA)
    for n in range(60):
        town.receive(town.answer(acknowledgement, RINA, f"Tambahan {n}."))
    town.run()
    (one,) = tickets(town)
    assert len(one["messages"]) == 61
    assert len(notices(town, "Banjir surel")) == 1
    assert len(notices(town, "Balasan")) <= 10


def test_a_complaint_in_a_flood_is_read_by_nobody_who_may_not(town: Indoors) -> None:
    town.tables["desks"]["kominfo"]["rules"] = [
        {"when": {"words": ["pungli"]}, "set": {"confidential": True}}
    ]
    source = numbered(town)
    for _ in range(12):
        town.receive(next(source))
    town.receive(town.mail(text="Ada pungli oleh petugas."))
    town.run()
    (one,) = survivors(town)
    assert one["confidential"]


def test_neither_staff_nor_a_contact_form_is_a_flood(town: Indoors) -> None:
    for n in range(15):
        town.receive(town.mail(ADMIN, f"Dari loket {n}", f"loket {n}"))
        form = town.mail(
            "noreply@situs.example", f"Formulir {n}", f"formulir {n}", reply_to=f"warga{n}@warga.example"
        )
        town.receive(form)
    town.run()
    assert len(survivors(town)) == 30


def test_a_second_flood_on_the_same_day_is_another_ticket(town: Indoors) -> None:
    flood(town, 50, 20)
    town.now += timedelta(minutes=30)
    town.run()
    flood(town, 50, 20)
    town.now += timedelta(minutes=30)
    town.run()
    assert [len(one["messages"]) for one in survivors(town)] == [20, 20]
    assert len(notices(town, "Banjir surel")) == 4


def test_a_flood_on_a_real_mailbox_is_one_ticket_and_loses_no_word(quick_city: City) -> None:
    source = numbered(quick_city)
    quick_city.receive_all([next(source) for _ in range(300)])
    assert quick_city.run() == 0
    (one,) = survivors(quick_city)
    assert len({message["text"] for message in one["messages"]}) == 300
    assert len(quick_city.sent(RINA)) <= 4
    assert len(quick_city.sent(ADMIN)) == 11
    quick_city.now += timedelta(minutes=11)
    assert quick_city.run() == 0
    assert "300 surel" in body(quick_city.sent(ADMIN)[-1])
    assert len(quick_city.dovecot.messages(quick_city.users["kominfo"], "Mailgate/Diproses")) == 300


# --- brakes -----------------------------------------------------------------------------------------------


def test_one_sender_is_acknowledged_ten_times_a_day_and_the_operator_is_told_once(town: Indoors) -> None:
    source = numbered(town)
    for _ in range(8):
        for _ in range(3):
            town.receive(next(source))
        town.run()
        town.now += timedelta(minutes=61)
    assert len(town.sent(RINA)) == 10
    assert len(survivors(town)) == 24
    assert "enough automatic mail for a day" in reasons(town)[-1]
    (told,) = town.sent(ALERTS)
    assert "rina@disdik.example.go.id" in body(told)
    town.now += timedelta(days=1)
    town.receive(next(source))
    town.run()
    assert len(town.sent(RINA)) == 11


def test_tags_do_not_buy_a_sender_more_acknowledgements(town: Indoors) -> None:
    for n in range(8):
        town.receive(town.mail(f"rina+{n}@warga.example", f"laporan ke-{n}", f"soal {n}"))
    town.run()
    assert len([mail for mail in town.sent() if "warga.example" in str(mail["To"])]) == 4
    assert len(survivors(town)) == 8


def test_made_up_senders_at_one_domain_get_no_more_than_the_domain_may(town: Indoors) -> None:
    town.tables["limits"] = {"automatic_per_domain_per_hour": 5}
    for n in range(12):
        town.receive(town.mail(f"karangan{n}@korban.example", f"laporan ke-{n}", f"soal {n}"))
    town.receive(town.mail("warga@lain.example", "laporan lain", "soal lain"))
    town.run()
    assert len([mail for mail in town.sent() if "korban.example" in str(mail["To"])]) == 5
    assert len(town.sent("warga@lain.example")) == 1
    assert "korban.example had 5 automatic mails within an hour" in reasons(town)[-2]
    (told,) = town.sent(ALERTS)
    assert "@korban.example" in body(told)
    assert [one["number"] for one in survivors(town)] == [f"KOM-2026-{n:06}" for n in range(1, 14)]


def test_one_ticket_sends_its_requester_no_more_than_it_may_and_words_of_staff_always(town: Indoors) -> None:
    town.tables["limits"] = {"automatic_per_ticket_per_hour": 2, "acks_per_sender_per_hour": 50}
    told = new_ticket(town)
    (acknowledgement,) = town.sent(RINA)
    for _ in range(4):
        town.receive(town.answer(acknowledgement, RINA, "STATUS"))
        town.run()
        town.now += timedelta(minutes=3)
    assert templates_to(town, RINA) == ["acknowledgement", "public_status"]
    for n in range(3):
        town.receive(town.answer(told, ADMIN, f"Kami periksa, langkah {n}."))
    town.run()
    assert templates_to(town, RINA).count("reply") == 3
    (one,) = tickets(town)
    assert [event["what"] for event in one["events"]].count("not_sent") == 3
    assert "not sent to rina@disdik.example.go.id" in " ".join(reasons(town))
    assert len(town.sent(ALERTS)) == 1


def new_ticket(city: City, **mail: str) -> EmailMessage:
    city.receive(city.mail(**mail))
    city.run()
    return city.sent(ADMIN)[-1]


def test_a_thousand_made_up_senders_make_no_storm_of_alerts(town: Indoors) -> None:
    town.tables["limits"] = {"acks_per_sender_per_hour": 1, "automatic_per_desk_per_hour": 10_000}
    for n in range(40):
        for k in range(2):
            town.receive(town.mail(f"w{n}@d{n}.example", f"isi {n} {k}", f"soal {n} {k}"))
    town.run()
    assert len(town.sent(ALERTS)) == 10


# --- machines that say nothing of it ----------------------------------------------------------------------


def _plays(city: Indoors, answers: Any, seconds: int, rounds: int = 12) -> list[EmailMessage]:
    """Whatever goes to Rina is answered so many seconds later, until nothing goes there; what went there."""
    played = 0
    for _ in range(rounds):
        new = city.sent(RINA)[played:]
        if not new:
            break
        played += len(new)
        city.now += timedelta(seconds=seconds)
        for mail in new:
            city.receive(answers(mail))
        city.run()
    return city.sent(RINA)


@pytest.mark.parametrize("seconds", [1, 30, 600, 4000])
@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize("subject", ["", "Tidak di kantor"])
def test_an_autoresponder_without_any_mark_is_acknowledged_once_at_the_most(
    town: Indoors, seconds: int, threaded: bool, subject: str
) -> None:
    new_ticket(town)

    def answers(mail: EmailMessage) -> bytes:
        cited = {"in_reply_to": str(mail["Message-ID"])} if threaded else {}
        words = "Terima kasih atas surel Anda. Kami akan membalas secepatnya pada hari kerja."
        return town.mail(RINA, words, subject or f"Re: {mail['Subject']}", return_path="", **cited)

    sent = _plays(town, answers, seconds)
    assert len(sent) - 1 <= (0 if threaded or seconds < 120 or not subject else 1)
    assert [one for one in rows(town, "SELECT state FROM mail") if one.state != "decided"] == []
    told = [mail for mail in town.sent(ADMIN) if "Terima kasih atas surel Anda" in body(mail)]
    assert told
    if len(survivors(town)) > 1:
        assert re.search("a machine's answer does|the same words", reasons(town)[-1])


def test_an_autoresponder_that_says_something_else_each_time_is_caught_by_its_haste(town: Indoors) -> None:
    new_ticket(town)
    words = iter(f"Kami di luar kantor, nomor antrean {n}." for n in range(99))
    assert len(_plays(town, lambda _: town.mail(RINA, next(words), "Otomatis"), 5)) == 1


def test_two_mails_that_a_person_had_written_before_our_answer_are_both_acknowledged(town: Indoors) -> None:
    town.receive(town.mail(text="Satu.", subject="satu"), when=town.now - timedelta(seconds=90))
    town.receive(town.mail(text="Dua.", subject="dua"), when=town.now - timedelta(seconds=10))
    town.run()
    assert len(town.sent(RINA)) == 2


def test_what_waited_while_we_were_away_is_no_machines_answer(town: Indoors) -> None:
    """The mail came before our answer left, and was fetched after it."""
    town.tables["limits"] = {"batch_mails": 1}
    town.receive(town.mail(text="Satu.", subject="satu"), when=town.now - timedelta(hours=2))
    town.run()
    town.now += timedelta(seconds=20)
    town.receive(town.mail(text="Dua.", subject="dua"), when=town.now - timedelta(hours=1))
    town.run()
    assert len(town.sent(RINA)) == 2


@pytest.mark.parametrize("stripped", [(), ("auto-submitted", "x-auto-response-suppress")])
@pytest.mark.parametrize("threaded", [False, True])
def test_two_mailgates_that_face_each_other_fall_silent_at_once(
    stripped: tuple[str, ...], threaded: bool
) -> None:
    """Each is a city of its own; a forged first mail makes one the requester of the other."""
    theirs = "layanan@kabupaten.example"
    lost = {*stripped, *(() if threaded else ("in-reply-to", "references"))}
    with indoors() as here, indoors({"address": theirs, "message_id_domain": "kabupaten.example"}) as there:
        here.receive(here.mail(theirs))
        here.run()
        taken = {KOMINFO: 0, theirs: 0}
        for _ in range(6):
            for source, to, target in ((here, theirs, there), (there, KOMINFO, here)):
                new = source.sent(to)[taken[to] :]
                taken[to] += len(new)
                for mail in new:
                    for name in lost:
                        del mail[name]
                    mail["Return-Path"] = f"<{mail['From'].addresses[0].addr_spec}>"
                    target.receive(mail.as_bytes())
                target.run()
                here.now = there.now = here.now + timedelta(seconds=3)
        assert taken == {theirs: 1, KOMINFO: 0}
        assert re.search("a machine|mailgate wrote", reasons(there)[0])


def test_the_limits_are_those_of_the_manual(town: Indoors) -> None:
    limits = town.office().settings.limits
    assert (limits.acks_per_sender_per_hour, limits.acks_per_sender_per_day) == (4, 10)
    assert (limits.automatic_per_domain_per_hour, limits.automatic_per_ticket_per_hour) == (100, 20)
    assert limits.flood_mails_per_minute == 10


def test_a_person_who_says_the_same_of_another_matter_gets_its_number(town: Indoors) -> None:
    """An office whose every mail says "mohon bantuannya", with the matter in the subject."""
    for subject in ("Printer", "Jaringan", "Surel"):
        town.receive(town.mail(text="Mohon bantuannya, terima kasih.", subject=subject))
        town.run()
        town.now += timedelta(minutes=20)
    assert len(town.sent(RINA)) == 3
