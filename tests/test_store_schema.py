"""Does every database get the schema that the code speaks, and no other one?"""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError

from mailgate.errors import SettingsError, TemporaryError
from mailgate.store import mails, schema, tickets
from mailgate.store.database import HEAD, MIGRATIONS, Store, require_current, upgrade, version

HOUSEKEEPING = "alembic_version"


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    yield store
    store.close()


def alembic(store: Store, action: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with store.writing() as connection:
        config.attributes["connection"] = connection
        getattr(command, action)(config, revision)


def set_version(store: Store, revision: str) -> None:
    with store.writing() as write:
        write.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": revision})


def test_an_upgraded_database_has_exactly_the_columns_that_the_code_asks_for(store: Store) -> None:
    assert version(store) is None
    upgrade(store)
    with store.reading() as look:
        context = MigrationContext.configure(
            look, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, schema.metadata) == []
    assert version(store) == HEAD


def test_a_difference_to_the_code_would_be_seen(store: Store) -> None:
    upgrade(store)
    with store.writing() as write:
        write.execute(text("ALTER TABLE ticket ADD COLUMN mood TEXT"))
    with store.reading() as look:
        assert compare_metadata(MigrationContext.configure(look), schema.metadata)


def test_a_second_upgrade_changes_nothing(store: Store) -> None:
    upgrade(store)
    upgrade(store)
    require_current(store)
    assert version(store) == HEAD


def test_nobody_has_to_guess_what_a_column_means() -> None:
    silent = [str(c) for table in schema.metadata.tables.values() for c in table.columns if not c.comment]
    assert silent == []
    assert [table.name for table in schema.metadata.tables.values() if not table.comment] == []


def test_the_newest_migration_is_the_schema_that_the_code_speaks() -> None:
    newest = max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert newest.startswith(f"{HEAD}_")


def test_the_first_migration_can_be_taken_back(store: Store) -> None:
    upgrade(store)
    alembic(store, "downgrade", "base")
    with store.reading() as look:
        assert inspect(look).get_table_names() == [HOUSEKEEPING]
    alembic(store, "upgrade", "head")
    require_current(store)


def test_mail_that_was_refused_before_an_upgrade_waits_on_after_it(store: Store) -> None:
    """0005 stood on main: whoever installed it then must come here, too."""
    alembic(store, "upgrade", "0005")
    moment = datetime(2026, 8, 3, 2, tzinfo=UTC)
    row = {
        "token": "t", "desk": "kominfo", "template": "reply", "audience": "requester", "automatic": False,
        "recipient": "a@b.id", "recipient_key": "a@b.id", "person_key": "", "message_id": "t@b.id",
        "raw": b"", "state": "deferred", "in_doubt": False, "attempts": 1,
        "created_at": moment, "first_at": moment,
    }  # fmt: skip
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    with store.writing() as write:
        write.execute(text(f"INSERT INTO outbox ({names}) VALUES ({values})"), row)  # our own names
    upgrade(store)
    with store.reading() as look:
        found = look.execute(select(schema.outbox.c.tried_at, schema.outbox.c.waited)).one()
    assert found == (moment, 0)


def test_a_database_that_was_made_while_0005_held_all_of_0006_is_taken_over(store: Store) -> None:
    upgrade(store)
    set_version(store, "0005")
    upgrade(store)
    require_current(store)


def test_a_database_of_an_older_mailgate_is_not_touched_and_the_way_on_is_told(store: Store) -> None:
    upgrade(store)
    set_version(store, "0000")
    with pytest.raises(SettingsError, match=r"at schema 0000.*speaks \d+.*backup.*mailgate db upgrade"):
        require_current(store)
    assert version(store) == "0000"


@pytest.mark.parametrize("action", [require_current, upgrade])
def test_a_database_of_a_newer_mailgate_is_not_touched_by_an_older_one(store: Store, action: object) -> None:
    upgrade(store)
    set_version(store, "9999")
    with pytest.raises(SettingsError, match=r"at schema 9999.*newer mailgate wrote it"):
        action(store)  # type: ignore[operator]  # one of two callables
    assert version(store) == "9999"


def test_moments_come_back_as_utc_whatever_zone_they_were_written_in(store: Store) -> None:
    upgrade(store)
    wib = timezone(timedelta(hours=7))
    written = datetime(2026, 8, 3, 9, 12, 13, 456789, tzinfo=wib)
    with store.writing() as write:
        write.execute(insert(schema.alert).values(desk="kominfo", kind="x", sent_at=written))
    with store.reading() as look:
        found = look.scalar(select(schema.alert.c.sent_at))
        earlier = look.scalar(select(schema.alert.c.desk).where(schema.alert.c.sent_at < written))
        later = look.scalar(
            select(schema.alert.c.desk).where(schema.alert.c.sent_at < written + timedelta(microseconds=1))
        )
    assert found == written
    assert found.tzinfo is UTC
    assert (earlier, later) == (None, "kominfo")


def test_a_moment_without_a_zone_is_refused_and_not_guessed(store: Store) -> None:
    upgrade(store)
    naive = datetime(2026, 8, 3, 9, 12)  # noqa: DTZ001  # naive on purpose
    with pytest.raises(StatementError, match="without a time zone"), store.writing() as write:
        write.execute(insert(schema.alert).values(desk="kominfo", kind="x", sent_at=naive))


def test_a_transaction_that_fails_leaves_nothing_behind(store: Store) -> None:
    upgrade(store)
    row = {"desk": "kominfo", "kind": "x", "sent_at": datetime(2026, 8, 3, tzinfo=UTC)}

    def fail() -> None:
        with store.writing() as write:
            write.execute(insert(schema.alert), row)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.reading() as look:
        assert look.execute(select(schema.alert)).all() == []


def test_only_one_service_may_run_on_an_sqlite_file_and_the_next_after_it(tmp_path) -> None:
    store, other = (Store(f"sqlite:///{tmp_path}/mailgate.db") for _ in range(2))
    try:
        upgrade(store)
        assert store.claim_service()
        assert not other.claim_service()
        store.close()
        assert other.claim_service()
    finally:
        other.close()


def test_a_database_that_cannot_be_reached_says_so_and_is_tried_again(tmp_path) -> None:
    (tmp_path / "file").touch()
    store = Store(f"sqlite:///{tmp_path}/file/mailgate.db")
    for action in (require_current, upgrade, lambda store: store.claim_service()):
        with pytest.raises(TemporaryError, match=r"database: .*file"):
            action(store)
    store.close()


def test_mail_survives_a_power_cut(tmp_path) -> None:
    store = Store(f"sqlite:///{tmp_path}/mailgate.db")
    with store.reading() as look:
        pragmas = {
            name: look.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    store.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_what_was_asked_wrong_is_no_database_in_trouble(database_url: str) -> None:
    """Otherwise one mail that the database cannot take would be waited for, and all behind it."""
    store = Store(database_url)
    try:
        for statement in (
            "SELECT nothing FROM nowhere",
            f"CREATE INDEX i ON event (({'reason || ' * 9}reason), x)",
        ):
            with pytest.raises(DBAPIError), store.writing() as write:
                write.exec_driver_sql(statement)
        if not store.is_sqlite:
            with store.writing() as write:
                write.exec_driver_sql("CREATE TABLE k (a text PRIMARY KEY)")
            long_key = "INSERT INTO k SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) n"
            with pytest.raises(OperationalError), store.writing() as write:
                write.exec_driver_sql(long_key)
    finally:
        store.close()


OLD_ROWS = """
INSERT INTO mailbox (desk, folder, uidvalidity, first_uid, start_at, contacted_at, reconciled)
    VALUES ('kominfo', 'Kotak', 7, 1, NULL, :at, TRUE);
INSERT INTO ticket (number, desk, status, level, holder, outcome, channel, subject, requester_name,
    requester_address, requester_key, category, work, priority, confidential, silent, received_at, opened_at,
    reopened) VALUES ('KOM-2026-000001', 'kominfo', 'open', 0, 'admin1@pyk.example.go.id', NULL, 'mail',
    'Jaringan mati', 'Rina', 'rina@disdik.example.go.id', 'rina@disdik.example.go.id', NULL, NULL, 3, FALSE,
    FALSE, :at, :at, 0);
INSERT INTO mail (id, desk, uidvalidity, uid, content, message_id, size, oversize, received_at, kept_at,
    silent, state, number) VALUES (1, 'kominfo', 7, 4, 'c1', 'a@b', 10, FALSE, :at, :at, FALSE, 'decided',
    'KOM-2026-000001');
INSERT INTO raw (mail_id, deflated) VALUES (1, :raw);
INSERT INTO reference (mail_id, position, message_id) VALUES (1, 0, 'x@y');
INSERT INTO message (number, mail_id, incoming, kind, author_name, author_address, subject, text, at,
    attachments) VALUES ('KOM-2026-000001', 1, TRUE, 'request', 'Rina', 'rina@disdik.example.go.id', 's', 't',
    :at, '[]');
INSERT INTO alert (desk, kind, sent_at) VALUES ('kominfo', 'set_aside', :at)
"""


def test_what_an_older_mailgate_wrote_is_all_there_after_the_upgrade(store: Store) -> None:
    store.make_room()
    alembic(store, "upgrade", "0001")
    at = datetime(2026, 8, 3, 2, 0, tzinfo=UTC)
    naive = at.replace(tzinfo=None) if store.engine.dialect.name == "sqlite" else at
    with store.writing() as write:
        for statement in OLD_ROWS.split(";"):
            wanted = {"at": naive, "raw": zlib.compress(b"Subject: x")}
            named = {name: value for name, value in wanted.items() if f":{name}" in statement}
            write.execute(text(statement), named)
    upgrade(store)
    with store.reading() as look:
        ticket = tickets.get(look, "KOM-2026-000001")
        kept = mails.one(look, 1)
        assert look.scalar(select(schema.mail.c.folder)) == "Kotak"
        assert look.scalar(select(schema.reference.c.message_id)) == "x@y"
        assert tickets.due(look, ["kominfo"], at, 5) == ["KOM-2026-000001"]
        assert [said.text for said in tickets.messages(look, "KOM-2026-000001")] == ["t"]
    assert ticket is not None
    assert (ticket.holder, ticket.received_at, ticket.participants) == ("admin1@pyk.example.go.id", at, ())
    assert kept is not None
    assert (kept.raw, kept.confirmed) == (b"Subject: x", False)
