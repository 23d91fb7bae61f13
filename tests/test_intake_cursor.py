"""Which mails are ours? Old mail is never answered, and no new one is ever left out."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from mailgate.intake.cursor import (
    Beginning,
    Folder,
    Listed,
    asked_since,
    first_contact,
    ours,
    portions,
    rebuilt,
)

WIB = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 8, 3, 2, 0, 0, 123456, tzinfo=UTC)
FOLDER = Folder(uidvalidity=7, uidnext=42)

mails = st.builds(
    Listed,
    st.integers(1, 100),
    st.integers(0, 5000),
    st.datetimes(datetime(2026, 8, 1), datetime(2026, 8, 5), timezones=st.just(UTC)),  # noqa: DTZ001  # naive
)
folders = st.lists(mails, max_size=30, unique_by=lambda mail: mail.uid)


def test_everything_is_ours_when_all_is_asked_for() -> None:
    assert first_contact("all", FOLDER, NOW, WIB) == Beginning(7, 1, None)


def test_from_now_on_means_from_the_next_uid_and_remembers_the_second() -> None:
    assert first_contact("now", FOLDER, NOW, WIB) == Beginning(7, 42, NOW.replace(microsecond=0))


def test_the_first_mail_of_a_new_mailbox_is_taken_however_slow_its_servers_clock_is() -> None:
    """Nothing was ever in it, so nothing in it is old."""
    beginning = first_contact("now", Folder(uidvalidity=7, uidnext=1), NOW, WIB)
    first = Listed(1, 100, NOW - timedelta(minutes=3))
    assert ours(beginning, [first]) == [first]
    assert ours(first_contact("now", Folder(7, 0), NOW, WIB), [first]) == []  # it may have been there before


def test_a_start_date_begins_at_local_midnight() -> None:
    found = first_contact(date(2026, 8, 3), FOLDER, NOW, WIB)
    assert found == Beginning(7, 1, datetime(2026, 8, 2, 17, 0, tzinfo=UTC))


def test_a_rebuilt_folder_keeps_the_moment_and_forgets_the_uids() -> None:
    assert rebuilt(first_contact("now", FOLDER, NOW, WIB), Folder(8, 3)) == Beginning(
        8, 1, NOW.replace(microsecond=0)
    )


@given(folders)
def test_where_the_uid_tells_a_wrong_clock_loses_no_mail(found: list[Listed]) -> None:
    beginning = first_contact("now", FOLDER, NOW, WIB)
    assert ours(beginning, found) == sorted((m for m in found if m.uid >= 42), key=lambda m: m.uid)


@given(folders)
def test_in_a_rebuilt_folder_the_moment_tells_to_the_second(found: list[Listed]) -> None:
    beginning = rebuilt(first_contact("now", FOLDER, NOW, WIB), Folder(8, 3))
    assert beginning.start_at is not None
    taken = {mail.uid for mail in ours(beginning, found)}
    assert taken == {mail.uid for mail in found if mail.received_at >= beginning.start_at}


def test_a_mail_that_arrived_in_the_very_second_of_the_start_is_ours() -> None:
    beginning = rebuilt(first_contact("now", FOLDER, NOW, WIB), Folder(8, 3))
    second = NOW.replace(microsecond=0)
    found = [Listed(1, 10, second - timedelta(seconds=1)), Listed(2, 10, second)]
    assert [mail.uid for mail in ours(beginning, found)] == [2]


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)), folders)  # noqa: DTZ001  # naive
def test_the_server_is_never_asked_for_less_than_what_is_ours(start: datetime, found: list[Listed]) -> None:
    """SINCE compares the server's own days (RFC 9051, section 6.4.4): the edge gives it one day of grace."""
    beginning = Beginning(7, 1, start)
    since = asked_since(beginning, WIB)
    assert since is not None
    for mail in ours(beginning, found):
        assert mail.received_at.astimezone(WIB).date() >= since


def test_where_the_uid_tells_no_day_is_asked_for() -> None:
    assert asked_since(Beginning(7, 42, NOW), WIB) is None
    assert asked_since(Beginning(7, 1, None), WIB) is None


@given(folders, st.integers(1, 10), st.integers(1, 9000))
def test_portions_keep_every_mail_in_order_and_within_both_bounds(
    found: list[Listed], most_mails: int, most_octets: int
) -> None:
    cut = list(portions(found, most_mails, most_octets))
    assert [mail for portion in cut for mail in portion] == found
    for portion in cut:
        assert 1 <= len(portion) <= most_mails
        assert len(portion) == 1 or sum(mail.size for mail in portion) <= most_octets
