"""Promise 1: whatever breaks at whatever moment, a mail is in the mailbox or durably in the store."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
from city import ADMIN, MONDAY, RINA, City, body
from evidence import collect, flags, folders, move, open_mailbox, rows, states, templates_sent, tickets
from sqlalchemy import text

from mailgate.errors import TemporaryError
from mailgate.gateway import collecting
from mailgate.intake.cursor import Listed
from mailgate.intake.imap import Mailbox
from mailgate.service import EX_TEMPFAIL
from mailgate.store import mails


def _meanwhile(monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[], None], *, after: bool) -> None:
    """Let a person act once, right before or after a step of the mailbox."""
    original, acts = getattr(Mailbox, step), iter([act])

    def wrapped(self: Mailbox, *arguments: Any, **options: Any) -> Any:
        if not after:
            next(acts, lambda: None)()
        result = original(self, *arguments, **options)
        if after:
            next(acts, lambda: None)()
        return result

    monkeypatch.setattr(Mailbox, step, wrapped)


def _fails(*_arguments: object, **_options: object) -> None:
    raise TemporaryError("the test ends it here")


def _second_fails() -> Callable[..., int]:
    calls = count()

    def think(*_arguments: object) -> int:
        if next(calls):
            raise TemporaryError("the test ends it here")
        return 0

    return think


def _one_complaint_had_one_effect(city: City) -> None:
    assert [ticket["number"] for ticket in tickets(city)] == ["KOM-2026-000001"]
    assert len(city.sent(RINA)) == 1
    assert len(city.sent(ADMIN)) == 1
    assert folders(city) == [0, 1, 0]


def test_a_commit_outlives_a_power_cut(quick_city: City) -> None:
    quick_city.run()
    with quick_city.store() as store, store.writing() as write:
        assert write.scalar(text("PRAGMA synchronous")) == 2  # FULL: every commit waits for the disk
        assert write.scalar(text("PRAGMA journal_mode")) == "wal"


def test_a_mail_leaves_the_inbox_only_when_its_bytes_are_in_the_store(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = city.mail()
    city.receive(raw)
    in_store_at_the_move: list[bytes] = []
    move_for_real = Mailbox.move

    def move_observed(self: Mailbox, uids: Sequence[int], *, aside: bool) -> None:
        with city.store() as elsewhere, elsewhere.reading() as look:
            kept = mails.one(look, 1)
            in_store_at_the_move.append(kept.raw if kept else b"")
        move_for_real(self, uids, aside=aside)

    monkeypatch.setattr(Mailbox, "move", move_observed)
    assert city.run() == 0
    assert in_store_at_the_move == [raw]


@pytest.mark.parametrize(
    ("owner", "step", "in_store"),
    [
        (Mailbox, "bodies", []),
        (mails, "keep", []),
        (collecting, "think", ["kept"]),
        (Mailbox, "move", ["decided"]),
    ],
)
def test_a_run_that_ends_in_the_middle_is_finished_by_the_next_with_one_effect(
    city: City, monkeypatch: pytest.MonkeyPatch, owner: object, step: str, in_store: list[str]
) -> None:
    city.receive(city.mail())
    with monkeypatch.context() as trouble:
        if step == "think":  # the first one runs before anything was fetched
            trouble.setattr(owner, step, _second_fails())
        else:
            trouble.setattr(owner, step, _fails)
        with pytest.raises(TemporaryError):
            collect(city)
    assert folders(city) == [1, 0, 0]
    assert states(city) == in_store

    assert city.run() == 0
    _one_complaint_had_one_effect(city)
    assert city.run() == 0
    _one_complaint_had_one_effect(city)


def test_a_mailbox_that_fails_does_not_keep_what_was_taken_in_from_its_answer(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.receive(city.mail())
    with monkeypatch.context() as trouble:
        trouble.setattr(Mailbox, "move", _fails)
        assert city.run() == EX_TEMPFAIL
    assert len(city.sent(RINA)) == 1
    assert folders(city) == [1, 0, 0]
    assert city.run() == 0
    _one_complaint_had_one_effect(city)


def test_the_other_desk_is_served_while_one_cannot_be_reached(quick_city: City) -> None:
    quick_city.tables["desks"]["lpse"]["imap"]["password"] = f"file:{quick_city.base / 'wrong'}"
    (quick_city.base / "wrong").write_text("bukan ini")
    (quick_city.base / "wrong").chmod(0o600)
    quick_city.receive(quick_city.mail())
    assert quick_city.run() == EX_TEMPFAIL
    _one_complaint_had_one_effect(quick_city)


def test_nothing_is_deleted_and_what_a_person_has_read_stays_read(quick_city: City) -> None:
    read = quick_city.receive(quick_city.mail(subject="satu"))
    quick_city.receive(quick_city.mail(subject="dua"))
    quick_city.receive(b"From: \xff\r\n" + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + _deep(3000))
    quick_city.receive(quick_city.mail(subject="tiga", auto_submitted="auto-generated"))
    with quick_city.dovecot.session(quick_city.users["kominfo"]) as client:
        client.select_folder("INBOX")
        client.add_flags([read], [b"\\Seen", b"\\Flagged"])
    assert quick_city.run() == 0
    assert sum(folders(quick_city)) == 4
    assert folders(quick_city)[0] == 0
    found = flags(quick_city, "Mailgate/Diproses") + flags(quick_city, "Mailgate/Disisihkan")
    (seen,) = [one for one in found if b"\\Seen" in one]
    assert b"\\Flagged" in seen
    assert not any(b"\\Deleted" in one for one in found)


def _deep(levels: int) -> bytes:
    return b"".join(
        b"--x%d\r\nContent-Type: multipart/mixed; boundary=x%d\r\n\r\n" % (n, n + 1) for n in range(levels)
    )


def test_mail_from_before_the_start_is_neither_answered_nor_touched(quick_city: City) -> None:
    quick_city.tables["desks"]["kominfo"]["imap"]["start"] = "now"
    quick_city.receive(quick_city.mail(subject="lama"), when=MONDAY - timedelta(days=900))
    quick_city.receive(quick_city.mail(subject="barusan"), when=MONDAY)
    assert quick_city.run() == 0
    assert folders(quick_city) == [2, 0, 0]
    assert quick_city.sent() == []
    # A server whose clock is behind ours: what tells old from new is the UID.
    quick_city.receive(quick_city.mail(subject="baru"), when=MONDAY - timedelta(hours=2))
    assert quick_city.run() == 0
    assert folders(quick_city) == [2, 1, 0]
    assert [ticket["subject"] for ticket in tickets(quick_city)] == ["baru"]
    assert not any(b"\\Seen" in one for one in flags(quick_city, "INBOX"))


def test_a_start_date_counts_in_local_time_to_the_minute(quick_city: City) -> None:
    quick_city.tables["desks"]["kominfo"]["imap"]["start"] = date(2026, 8, 3)
    midnight = MONDAY.replace(hour=0)
    quick_city.receive(quick_city.mail(subject="sebelum"), when=midnight - timedelta(seconds=1))
    quick_city.receive(quick_city.mail(subject="tepat"), when=midnight)
    assert quick_city.run() == 0
    assert [ticket["subject"] for ticket in tickets(quick_city)] == ["tepat"]
    assert folders(quick_city) == [1, 1, 0]


def test_a_mail_moved_away_before_it_was_fetched_is_taken_when_it_comes_back(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = quick_city.receive(quick_city.mail(subject="dipindah"))
    quick_city.receive(quick_city.mail(subject="tinggal"))

    def a_person_moves_it() -> None:
        with quick_city.dovecot.session(quick_city.users["kominfo"]) as client:
            client.create_folder("Pribadi")
            client.select_folder("INBOX")
            client.move([uid], "Pribadi")

    with monkeypatch.context() as person:
        _meanwhile(person, "listed", a_person_moves_it, after=True)
        assert quick_city.run() == 0
    assert [ticket["subject"] for ticket in tickets(quick_city)] == ["tinggal"]

    move(quick_city, "Pribadi", "INBOX")
    assert quick_city.run() == 0
    assert [ticket["subject"] for ticket in tickets(quick_city)] == ["tinggal", "dipindah"]


def test_a_mail_that_a_person_read_meanwhile_is_taken_all_the_same(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_city.receive(quick_city.mail())

    def a_person_reads_it() -> None:
        with quick_city.dovecot.session(quick_city.users["kominfo"]) as client:
            client.select_folder("INBOX")
            client.fetch(client.search("ALL"), ["BODY[]"])

    _meanwhile(monkeypatch, "listed", a_person_reads_it, after=True)
    assert quick_city.run() == 0
    _one_complaint_had_one_effect(quick_city)
    assert b"\\Seen" in flags(quick_city, "Mailgate/Diproses")[0]


def test_a_mail_that_a_person_moved_before_it_could_be_acknowledged_is_answered_once(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_city.receive(quick_city.mail())
    quick_city.receive(quick_city.mail(subject="lain", author="Budi <budi@warga.example>"))
    _meanwhile(monkeypatch, "move", lambda: move(quick_city, "INBOX", "Mailgate/Disisihkan"), after=False)
    assert quick_city.run() == 0
    assert quick_city.run() == 0
    assert len(tickets(quick_city)) == 2
    assert len(quick_city.sent(RINA)) == 1
    assert sum(folders(quick_city)) == 2


def test_a_folder_that_was_removed_is_made_again_before_mail_is_moved(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_city.receive(quick_city.mail())

    def an_admin_tidies_up() -> None:
        with quick_city.dovecot.session(quick_city.users["kominfo"]) as client:
            client.delete_folder("Mailgate/Diproses")

    _meanwhile(monkeypatch, "move", an_admin_tidies_up, after=False)
    assert quick_city.run() == 0
    _one_complaint_had_one_effect(quick_city)


def test_mail_comes_in_by_batches_bounded_in_count_and_bytes_and_none_is_left_out(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_city.tables["limits"] = {"batch_mails": 3, "batch_mib": 1, "notices_per_sender_per_hour": 1}
    subjects = [f"laporan {n}" for n in range(7)]
    big = "x" * 70 + "\n"
    for n, subject in enumerate(subjects):
        quick_city.receive(quick_city.mail(f"<w{n}@warga.example>", big * (9000 if n == 4 else 1), subject))
    batches: list[list[int]] = []
    bodies_for_real = Mailbox.bodies

    def bodies_observed(self: Mailbox, uids: Sequence[int]) -> dict[int, bytes]:
        batches.append(list(uids))
        return bodies_for_real(self, uids)

    monkeypatch.setattr(Mailbox, "bodies", bodies_observed)
    assert quick_city.run() == 0
    assert sorted(ticket["subject"] for ticket in tickets(quick_city)) == subjects
    assert batches
    assert all(len(batch) <= 3 for batch in batches)


def test_what_is_kept_is_the_mail_byte_for_byte(city: City) -> None:
    nasty = (
        city.mail() + bytes(range(256)).replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"") + b"\r\n"
    )
    city.receive(nasty)
    assert city.run() == 0
    with city.store() as store, store.reading() as look:
        kept = mails.one(look, 1)
    assert kept is not None
    assert kept.raw == nasty == city.dovecot.messages(city.users["kominfo"], "Mailgate/Diproses")[0]


def test_a_server_that_lists_a_mail_it_no_longer_has_does_not_keep_the_others_waiting(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_city.receive(quick_city.mail())
    listed_for_real = Mailbox.listed
    ghost = Listed(4711, 900, MONDAY)
    monkeypatch.setattr(
        Mailbox, "listed", lambda self, uids: [*listed_for_real(self, uids), *([ghost] if uids else [])]
    )
    assert quick_city.run() == 0
    _one_complaint_had_one_effect(quick_city)
    assert rows(quick_city, "SELECT uid FROM mail WHERE uid = 4711") == []


def test_the_words_of_a_complaint_reach_staff_whatever_happened_on_the_way(
    quick_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_city.receive(quick_city.mail(text="Genset di RSUD mati.\n"))
    for step in ("bodies", "move"):
        with monkeypatch.context() as trouble:
            trouble.setattr(Mailbox, step, _fails)
            assert quick_city.run() == EX_TEMPFAIL
    assert quick_city.run() == 0
    assert [("Genset di RSUD mati." in body(mail)) for mail in quick_city.sent(ADMIN)] == [True]
    assert templates_sent(quick_city) == ["acknowledgement", "notification"]
    with open_mailbox(quick_city) as mailbox:
        assert mailbox.uids(1, None) == []
