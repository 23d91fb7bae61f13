"""Mail that was set aside: nobody loses it, and whoever looks into the mailbox sees what the store says."""

import stat
from pathlib import Path

import pytest
from city import ADMIN, KOMINFO, RINA, City, tables
from evidence import FOLDERS, folders, mailgate, move, rows, states, why
from evidence import tickets as tickets_of
from servers.dovecot import Dovecot
from servers.sink import Sink

_, PROCESSED, ASIDE = FOLDERS


def breaks(city: City) -> Path:
    """From now on no acknowledgement can be rendered; returns the file whose removal mends it."""
    own = city.base / "templates" / "id"
    own.mkdir(parents=True, exist_ok=True)
    city.tables["service"]["templates"] = str(own.parent)
    (own / "acknowledgement.body.txt").write_text("{{ ticket.tidak_ada }}")
    return own / "acknowledgement.body.txt"


def raws(city: City, folder: str) -> list[bytes]:
    return city.dovecot.messages(city.users["kominfo"], folder)


def sets_aside(city: City, *mails: bytes) -> Path:
    broken = breaks(city)
    for raw in mails or (city.mail(),):
        city.receive(raw)
    assert city.run() == 0
    assert set(states(city)) == {"aside"}
    return broken


def test_a_replayed_mail_gives_the_ticket_that_it_would_have_given_at_once(
    tmp_path: Path, dovecot: Dovecot, sink: Sink
) -> None:
    found = []
    for name in ("at_once", "later"):
        base = tmp_path / name
        base.mkdir()
        users = {key: dovecot.new_user() for key in ("kominfo", "lpse")}
        city = City(base, tables(base, f"sqlite:///{base / 'mailgate.db'}"), dovecot, sink, users)
        sink.clear()
        request = city.mail(cc="Budi <budi@warga.example>")
        if name == "later":
            broken = sets_aside(city, request)
            broken.unlink()
            assert mailgate(city, "aside", "replay", "1").returncode == 0
        else:
            city.receive(request)
        assert city.run() == 0
        city.receive(city.answer(city.sent(ADMIN)[-1], ADMIN, "#selesai\nSudah."))
        assert city.run() == 0
        (ticket,) = tickets_of(city)
        for one in (*ticket["messages"], *ticket["outgoing"], *ticket["events"]):
            one.pop("message_id")
        found.append((ticket, [str(mail["Subject"]) for mail in city.sent(RINA)]))
    assert found[0] == found[1]


def test_the_folder_on_the_server_shows_what_is_set_aside_and_nothing_else(city: City) -> None:
    poison = [city.mail(subject=f"satu {n}") for n in range(3)]
    broken = sets_aside(city, *poison)
    assert sorted(raws(city, ASIDE)) == sorted(poison)
    broken.unlink()
    assert mailgate(city, "aside", "replay", "1").returncode == 0
    dropped = mailgate(city, "aside", "drop", "2", "--reason", "hanya  coba-coba")
    assert (dropped.returncode, dropped.stdout) == (0, "2: dropped\n")
    assert city.run() == 0
    assert states(city) == ["decided", "dropped", "aside"]
    assert raws(city, ASIDE) == [poison[2]]
    assert sorted(raws(city, PROCESSED)) == sorted(poison[:2])
    (said,) = why(city, "2")
    assert said["reason"].startswith(
        "dropped by the admin: hanya coba-coba; it was set aside: deciding failed"
    )
    assert (said["ticket"], said["outgoing"]) == (None, [])


def test_whoever_moves_it_back_into_the_inbox_has_it_read_once_more(city: City) -> None:
    """With a mail client, and no shell."""
    broken = sets_aside(city)
    move(city, ASIDE, "INBOX")
    assert city.run() == 0
    assert states(city) == ["aside", "duplicate"]
    assert folders(city) == [0, 0, 1]
    broken.unlink()
    move(city, ASIDE, "INBOX")
    assert city.run() == 0
    assert states(city) == ["decided", "duplicate", "duplicate"]
    assert folders(city) == [0, 1, 0]
    assert len(city.sent(RINA)) == len(tickets_of(city)) == 1


def test_a_mail_of_the_same_size_stays_where_it_is(quick_city: City) -> None:
    one, other = (quick_city.mail(subject=f"perkara {n}", message_id=f"<{n}@x.example>") for n in (1, 2))
    assert len(one) == len(other)
    sets_aside(quick_city, one, other)
    assert mailgate(quick_city, "aside", "drop", "1").returncode == 0
    assert quick_city.run() == 0
    assert raws(quick_city, ASIDE) == [other]


def test_a_mail_that_a_person_took_out_of_the_folder_is_not_looked_for_again(quick_city: City) -> None:
    sets_aside(quick_city)
    quick_city.dovecot.append(quick_city.users["kominfo"], b"Subject: lain\r\n\r\n", folder=ASIDE)
    with quick_city.dovecot.session(quick_city.users["kominfo"]) as client:
        client.create_folder("Arsip")
        client.select_folder(ASIDE)
        client.move(client.search(["SUBJECT", "Jaringan"]), "Arsip")
    assert mailgate(quick_city, "aside", "drop", "1").returncode == 0
    assert quick_city.run() == 0
    assert [row.mirrored for row in rows(quick_city, "SELECT mirrored FROM mail")] == [False]
    assert folders(quick_city) == [0, 0, 1]


def test_a_set_aside_folder_that_a_person_deleted_stops_nobody(quick_city: City) -> None:
    broken = sets_aside(quick_city)
    with quick_city.dovecot.session(quick_city.users["kominfo"]) as client:
        client.delete_folder(ASIDE)
    broken.unlink()
    assert mailgate(quick_city, "aside", "replay", "--all").returncode == 0
    quick_city.receive(quick_city.mail(subject="yang berikut"))
    assert quick_city.run() == 0
    assert states(quick_city) == ["decided", "decided"]


def test_what_is_exported_is_the_mail_as_received_and_nobody_else_may_read_it(quick_city: City) -> None:
    poison = quick_city.mail()
    sets_aside(quick_city, poison)
    out = quick_city.base / "keluar"
    done = mailgate(quick_city, "aside", "export", "--all", "--out", str(out))
    assert (done.returncode, done.stdout) == (0, f"1: {out / 'kominfo-1.eml'}\n")
    assert (out / "kominfo-1.eml").read_bytes() == poison
    assert stat.S_IMODE((out / "kominfo-1.eml").stat().st_mode) == 0o600
    again = mailgate(quick_city, "aside", "export", "1", "--out", str(out))
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert (out / "kominfo-1.eml").read_bytes() == poison
    other = mailgate(quick_city, "aside", "export", "7", "--out", str(out))
    assert (other.returncode, other.stdout) == (1, "7: is not set aside\n")


@pytest.mark.parametrize("word", ["drop", "replay", "export"])
def test_a_decided_mail_is_not_touched(quick_city: City, word: str) -> None:
    quick_city.receive(quick_city.mail(to=KOMINFO))
    assert quick_city.run() == 0
    done = mailgate(quick_city, "aside", word, "1")
    assert (done.returncode, done.stdout) == (1, "1: is not set aside\n")
    assert states(quick_city) == ["decided"]


def test_all_is_dropped_only_after_a_yes(quick_city: City) -> None:
    sets_aside(quick_city)
    assert mailgate(quick_city, "aside", "drop", "--all").returncode == 1
    assert states(quick_city) == ["aside"]
    assert mailgate(quick_city, "aside", "drop", "--all", "--yes").returncode == 0
    assert states(quick_city) == ["dropped"]
