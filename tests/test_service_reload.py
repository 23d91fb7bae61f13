"""Does SIGHUP bring the new settings, or leave all as it was, and never lose a mail?"""

import shutil
import signal
from pathlib import Path

import pytest
from city import ADMIN, ADMIN_TWO, LPSE, RINA, City, body
from daemon import Daemon, becomes_healthy, get, mailgate
from evidence import states
from servers import private

import mailgate as package
from mailgate import gateway, settings
from mailgate.errors import SettingsError

ANSWERS_TO_ONE_MAIL = 2
ACKNOWLEDGEMENT = Path("id/acknowledgement.body.txt")


@pytest.fixture
def templates(quick_city: City) -> Path:
    """The office's own folder, with one file in it."""
    shipped = next(
        path
        for path in (Path(package.__file__).parents[1], Path(package.__file__).parent / "shipped")
        if (path / "templates" / ACKNOWLEDGEMENT).exists()
    )
    own = quick_city.base / "templates"
    (own / "id").mkdir(parents=True)
    shutil.copy(shipped / "templates" / ACKNOWLEDGEMENT, own / ACKNOWLEDGEMENT)
    quick_city.tables["service"]["templates"] = "templates"
    return own


def reload(city: City, daemon: Daemon, says: str, times: int = 1) -> str:
    assert city.settings_file.exists()  # written as the tables are now
    daemon.process.send_signal(signal.SIGHUP)
    return daemon.says(says, times)


def test_other_words_other_staff_and_another_desk_count_without_a_restart(
    quick_city: City, templates: Path
) -> None:
    city, port = quick_city, private.free_port()
    city.tables["service"]["metrics"] = f"127.0.0.1:{port}"
    lpse = city.tables["desks"].pop("lpse")
    with Daemon(city.settings_file) as daemon:
        daemon.says("mailbox kominfo: connected")
        city.receive(city.mail())
        city.sink.wait_for(ANSWERS_TO_ONE_MAIL)
        with (templates / ACKNOWLEDGEMENT).open("a") as file:
            file.write("\nKantor pindah ke Jalan Baru.\n")
        city.tables["desks"]["kominfo"]["staff"].append(
            {"name": "Admin Dua", "address": "admin2@pyk.example.go.id", "roles": ["admin"]}
        )
        city.tables["desks"]["lpse"] = lpse
        line = reload(city, daemon, "reloaded: ")
        assert "desk lpse added; desk kominfo: staff; templates: id/acknowledgement.body.txt" in line
        city.receive(city.mail(text="Surel kami mati.", subject="Surel mati"))
        city.receive(city.mail(subject="Tender", to=LPSE), "lpse")
        city.sink.wait_for(ANSWERS_TO_ONE_MAIL + 3 + ANSWERS_TO_ONE_MAIL)
        assert becomes_healthy(port)
        del city.tables["desks"]["lpse"]
        assert "desk lpse removed" in reload(city, daemon, "reloaded: ", 2)
        assert "lpse" not in get(port, "/healthz")[1]
        city.tables["desks"]["lpse"] = lpse
        reload(city, daemon, "reloaded: ", 3)
        city.receive(city.mail(text="Lelang macet.", subject="Lelang", to=LPSE), "lpse")
        city.sink.wait_for(3 * ANSWERS_TO_ONE_MAIL + 3)
        assert daemon.stop() == 0
    assert not daemon.lines("unexpected")
    first, *later = [body(mail) for mail in city.sent(RINA)]
    assert "Jalan Baru" not in first
    assert all("Jalan Baru" in text for text in later)
    assert (len(city.sent(ADMIN_TWO)), len(city.sent(ADMIN))) == (1, 2)


def test_what_is_wrong_in_the_new_ones_is_said_once_and_the_old_ones_go_on(quick_city: City) -> None:
    city = quick_city
    with Daemon(city.settings_file) as daemon:
        for desk in city.users:
            daemon.says(f"mailbox {desk}: connected")
        good = city.settings_file.read_text()
        (city.base / "settings.toml").write_text(good.replace('prefix = "KOM"', 'prefix = "K M"'))
        daemon.process.send_signal(signal.SIGHUP)
        line = daemon.says("not reloaded, all stays as it was: ")
        checked = mailgate(city.base / "settings.toml", "check", "--offline")
        assert "desks.kominfo.prefix" in line
        assert line.partition("as it was: ")[2] == checked.stderr.splitlines()[0]
        (city.base / "settings.toml").write_text(good.replace("mailgate.db", "another.db"))
        daemon.process.send_signal(signal.SIGHUP)
        line = daemon.says("not reloaded, all stays as it was: ", 2)
        assert "service.database cannot change in a running service: restart it" in line
        (city.base / "settings.toml").write_text(good)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.says("reloaded: nothing is different")
        city.receive(city.mail())
        city.sink.wait_for(ANSWERS_TO_ONE_MAIL)
        assert daemon.stop() == 0
    assert not daemon.lines("Traceback")
    assert len(city.sent(RINA)) == 1


def test_systemd_hears_when_it_reads_them_and_when_it_has(quick_city: City) -> None:
    with Daemon(quick_city.settings_file) as daemon:
        daemon.hears("READY=1")
        for _ in range(2):
            daemon.process.send_signal(signal.SIGHUP)
            daemon.hears("READY=1")
        assert daemon.stop() == 0
    assert any(said.startswith("RELOADING=1\nMONOTONIC_USEC=") for said in daemon._heard)


def test_asked_again_and_again_in_the_middle_of_its_work_it_loses_and_doubles_nothing(
    quick_city: City,
) -> None:
    city = quick_city
    people = [f"warga{n}@example.go.id" for n in range(60)]
    city.tables["limits"] = {"batch_mails": 5, "automatic_per_desk_per_hour": 10_000}
    mails = [city.mail(f"Warga <{address}>", f"Laporan {address}\n") for address in people]
    city.dovecot.append_all(city.users["kominfo"], mails)
    with Daemon(city.settings_file) as daemon:
        for count in range(5, 60, 15):
            city.sink.wait_for(count)
            city.tables["limits"]["batch_mails"] += 1
            reload(city, daemon, "reloaded: limits: batch_mails", 1 + (count - 5) // 15)
        city.sink.wait_for(ANSWERS_TO_ONE_MAIL * len(people))
        assert daemon.stop() == 0
    assert not daemon.lines("Traceback")
    assert states(city) == ["decided"] * len(people)
    assert sorted(one.rcpt_to[0] for one in city.sink.received if "warga" in one.rcpt_to[0]) == sorted(people)
    assert len(city.sent(ADMIN)) == len(people)


def test_a_desk_whose_new_password_is_nowhere_keeps_the_one_that_works(quick_city: City) -> None:
    before = quick_city.office()
    quick_city.tables["desks"]["lpse"]["imap"]["password"] = "env:NOWHERE_TO_BE_FOUND"

    def read() -> gateway.Office:
        return gateway.office(settings.validate(quick_city.tables, quick_city.base), quick_city.base)

    with pytest.raises(SettingsError, match="NOWHERE_TO_BE_FOUND"):
        gateway.reloaded(before, read)
