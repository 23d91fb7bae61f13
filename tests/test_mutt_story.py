"""Can a requester and an admin go through a whole complaint with nothing but mutt?

Real everything: mutt writes and shows the mails, Postfix carries them, Dovecot keeps them.
"""

from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from city import City, body, parsed, tables
from servers import private
from servers.dovecot import Dovecot
from servers.mutt import FOLDERS, MISSING, Mutt
from servers.postfix import Postfix
from servers.required import skipped_when_missing
from servers.sink import Sink

from mailgate.desk.ticket import Ticket
from mailgate.store import tickets


class Town:
    """A desk, a requester, the admin and a technician, each with a mailbox and a mutt."""

    def __init__(self, base: Path, dovecot: Dovecot, postfix: Postfix, world: Sink) -> None:
        self.desk = dovecot.new_user()
        self.rina = Mutt("Rina Marlina", dovecot.new_user(), base / "rina", dovecot, postfix)
        self.admin = Mutt("Admin Satu", dovecot.new_user(), base / "admin", dovecot, postfix)
        self.doni = Mutt("Doni", dovecot.new_user(), base / "doni", dovecot, postfix)
        settings = tables(base, f"sqlite:///{base / 'mailgate.db'}")
        kominfo = settings["desks"]["kominfo"]
        kominfo |= {"address": self.desk, "smtp": {"host": postfix.host, "port": postfix.port}}
        kominfo["staff"][0] |= {"address": self.admin.address, "aliases": []}
        kominfo["staff"][1] |= {"address": self.doni.address}
        del settings["desks"]["lpse"]
        self.city = City(base, settings, dovecot, world, {"kominfo": self.desk})

    def deliver(self, *receivers: Mutt) -> list[EmailMessage]:
        """A mail has come to the desk; returns what each of these got for it. Nobody else got any."""
        self.city.dovecot.wait_for(self.desk, 1)
        people = (self.rina, self.admin, self.doni)
        self.city.now += timedelta(minutes=10)
        before = {one.address: len(one.mailbox()) for one in people}
        assert self.city.run() == 0
        wanted = {one.address: before[one.address] + (one in receivers) for one in people}
        for one in people:
            self.city.dovecot.wait_for(one.address, wanted[one.address])
        found = {one.address: one.mailbox() for one in people}
        assert {address: len(mails) for address, mails in found.items()} == wanted
        return [parsed(found[one.address][-1]) for one in receivers]

    def ticket(self) -> Ticket:
        with self.city.store() as store, store.reading() as look:
            found = tickets.get(look, "KOM-2026-000001")
        assert found is not None
        return found


@pytest.fixture
def town(tmp_path: Path, dovecot: Dovecot, postfix: Postfix, world: Sink) -> Town:
    with skipped_when_missing():
        private.program("mutt", FOLDERS, MISSING)
    return Town(tmp_path, dovecot, postfix, world)


def test_a_complaint_goes_its_whole_way_in_mutt(town: Town) -> None:
    rina, admin = town.rina, town.admin

    rina.send(town.desk, "Jaringan mati di Bidang Paud", "Jaringan kami mati sejak pagi.\n\nSalam,\nRina\n")
    acknowledgement, notification = town.deliver(rina, admin)
    assert "[KOM-2026-000001]" in acknowledgement["Subject"]
    assert "KOM-2026-000001" in rina.read()
    shown = admin.read()
    assert "Balasan Anda dikirim ke pelapor." in shown
    assert "> Jaringan kami mati sejak pagi." in shown
    assert f"Rina Marlina <{rina.address}>" in shown
    assert "=\n" not in shown  # nothing of the transfer encoding is left

    admin.reply("#ambil")
    (receipt,) = town.deliver(admin)
    assert receipt["In-Reply-To"] != notification["Message-ID"]  # it answers the admin's own mail
    assert "Pelapor tidak dikirimi apa pun." in admin.read()
    assert (town.ticket().holder, town.ticket().status) == (admin.address, "open")

    admin.reply("Teknisi kami sedang ke sana.\n\n-- \nAdmin Satu\n0812 3456 789", "first-entry")
    (reply,) = town.deliver(rina)
    assert town.ticket().first_response_at == town.city.now
    assert "Teknisi kami sedang ke sana." in rina.read()
    assert_nothing_of_the_office(reply, town)
    assert str(request_of(town)["Message-ID"]) in reply["References"]

    admin.reply("#selesai\nKabel di lantai dua sudah kami ganti.", "first-entry")
    resolution, receipt = town.deliver(rina, admin)
    assert town.ticket().status == "resolved"
    assert "Kabel di lantai dua sudah kami ganti." in rina.read()
    assert "#selesai" in body(receipt)
    assert_nothing_of_the_office(resolution, town)

    rina.reply("terima kasih")
    (courtesy,) = town.deliver(admin)
    assert "terima kasih" in body(courtesy)
    assert (town.ticket().status, town.ticket().reopened) == ("resolved", 0)

    rina.reply("masih belum bisa")
    reopened, notification = town.deliver(rina, admin)
    assert (town.ticket().status, town.ticket().reopened) == ("open", 1)
    assert "masih belum bisa" in admin.read()
    assert_nothing_of_the_office(reopened, town)

    admin.reply("#selesai\nPort switch rusak, sudah dipindah.")
    town.deliver(rina, admin)
    assert town.ticket().status == "resolved"
    assert "Port switch rusak, sudah dipindah." in rina.read()
    for one in (rina, admin):
        assert len(one.thread()) == len(one.mailbox()) >= 5, "a reader lost the thread"


def test_what_a_requester_wrote_once_is_shown_to_the_admin_once(town: Town) -> None:
    """mutt quotes the whole mail below; the admin should not read their own words again."""
    town.rina.send(town.desk, "Printer", "Printer tidak mencetak.\n")
    town.deliver(town.rina, town.admin)
    town.admin.reply("Printer yang mana?")
    town.deliver(town.rina)
    town.rina.reply("Yang di ruang rapat, Bu.")
    town.deliver(town.admin)
    words = [one for one in town.admin.read().splitlines() if one.startswith(">")]
    assert words == ["> Yang di ruang rapat, Bu."]


def test_a_colleague_with_a_notification_that_was_bounced_to_them_is_asked_before_anything_is_done(
    town: Town,
) -> None:
    """mutt's bounce leaves every header as it was: the id in it still belongs to the admin."""
    town.rina.send(town.desk, "Printer", "Printer tidak mencetak.\n")
    (_, notification) = town.deliver(town.rina, town.admin)
    town.admin.bounce(town.doni.address)
    (bounced,) = (parsed(raw) for raw in town.city.dovecot.wait_for(town.doni.address, 1))
    assert bounced["Message-ID"] == notification["Message-ID"]
    town.doni.reply("#tutup")
    (question,) = town.deliver(town.doni)
    assert "TIDAK dijalankan" in body(question)
    assert town.ticket().status == "new"
    town.doni.reply("ya")
    receipt, line = town.deliver(town.doni, town.admin)
    assert "#tutup" in body(receipt)
    assert town.doni.name in body(line)
    assert town.ticket().status == "closed"


def request_of(town: Town) -> EmailMessage:
    """Rina's first mail, where mailgate put it."""
    return parsed(town.city.dovecot.messages(town.desk, "Mailgate/Diproses")[0])


def assert_nothing_of_the_office(mail: EmailMessage, town: Town) -> None:
    raw = mail.as_string()
    assert [
        one for one in (town.admin.address, "0812 3456", "Ref:", "#ambil", "#selesai") if one in raw
    ] == []
