"""What would go wrong before it goes wrong?"""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import partial

from mailgate import alarm, gateway
from mailgate.desk.calendar import missing_years
from mailgate.errors import MailgateError, TemporaryError
from mailgate.gateway import Office
from mailgate.gateway.round_trip import Patience, round_trip
from mailgate.intake.imap import Mailbox, Refusal
from mailgate.outbox.smtp import Session
from mailgate.settings import Desk
from mailgate.store.database import HEAD, Store, version

PATIENT_SECONDS = 30


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    verdict: Verdict
    what: str
    text: str


def findings(
    office: Office, *, offline: bool, today: date, send_test: Patience | None = None
) -> Iterator[Finding]:
    """Look at everything in the order in which it would fail; what was read to get here is fine.

    `send_test`: each desk whose servers let us in also writes to itself, and that mail is waited for.
    """
    yield Finding(
        Verdict.OK, "settings", f"{len(office.settings.desks)} desks, templates and hours can be read"
    )
    yield _tried("database", lambda: _database(office))
    if command := office.settings.service.alert_command:
        yield _alert_command(command, office)
    for key, desk in office.settings.desks.items():
        yield _holidays(office, key, desk, today)
        yield from _people(key, desk)
        yield from _trust(key, desk)
        yield _tried(f"{key} secrets", partial(_secrets, office, key))
        if key in office.tokens:
            yield _tried(f"{key} oauth", partial(_token, office, key, offline))
        if not offline:
            found = list(logins(office, key))
            yield from found
            if send_test and all(one.verdict is not Verdict.FAIL for one in found):
                yield _tried(f"{key} send-test", partial(_send_test, office, key, send_test))


def logins(office: Office, key: str) -> Iterator[Finding]:
    """Whether a desk's two servers let us in."""
    yield _tried(f"{key} imap", partial(_imap, office, key))
    yield _tried(f"{key} smtp", partial(_smtp, office, key))


def _alert_command(command: str, office: Office) -> Finding:
    """Its arguments are not shown: a secret may stand there."""
    what, name = "alert_command", shlex.split(command)[:1]
    if alarm.program(command, office.base) is None:
        text = (
            f"{' '.join(name) or 'nothing'}: no program that can be run, so nobody hears when mail is broken"
        )
        return Finding(Verdict.WARN, what, text)
    return Finding(Verdict.OK, what, f"{name[0]} can be run")


def _tried(what: str, look: Callable[[], Finding | str]) -> Finding:
    try:
        found = look()
    except MailgateError as error:
        return Finding(Verdict.FAIL, what, str(error))
    return found if isinstance(found, Finding) else Finding(Verdict.OK, what, found)


def _holidays(office: Office, key: str, desk: Desk, today: date) -> Finding:
    """A day that is missing is counted as work, and due moments lie too early."""
    what, file = f"{key} holidays", office.settings.hours_of(desk).holidays
    if not file:
        text = f"no holidays file: all of them count as work; `mailgate holidays {today.year}` proposes one"
        return Finding(Verdict.WARN, what, text)
    missing = missing_years(office.counters[key].calendar.holidays, today)
    if not missing:
        return Finding(Verdict.OK, what, f"{file} has the days that are needed now")
    commands = ", ".join(f"`mailgate holidays {year}`" for year in missing)
    text = f"{file} has no day of {' and '.join(map(str, missing))}: all count as work; see {commands}"
    return Finding(Verdict.WARN, what, text)


def _database(office: Office) -> Finding | str:
    store = Store(office.settings.service.database)
    try:
        found = version(store) if store.is_there() else None
    finally:
        store.close()
    if found is None:
        return "not there yet: `mailgate run` creates it"
    if found != HEAD:
        return Finding(Verdict.FAIL, "database", f"schema {found}, needs {HEAD}: `mailgate db upgrade`")
    return f"schema {found}"


def _people(key: str, desk: Desk) -> Iterator[Finding]:
    """Whom a ticket would not reach on its way up."""
    for index, level in enumerate(desk.levels):
        people = desk.level_staff(index)
        if not people and not level.external:
            text = f"nobody has the role {level.role}: what is escalated to {level.name} reaches nobody"
            yield Finding(Verdict.WARN, f"{key} staff", text)
        chosen = {category for person in people for category in person.categories}
        if missing := [one for one in desk.categories if chosen and one not in chosen]:
            text = f"at {level.name} nobody has the category {', '.join(missing)}: everybody there is told"
            yield Finding(Verdict.WARN, f"{key} staff", text)


def _trust(key: str, desk: Desk) -> Iterator[Finding]:
    """RFC 8601, section 5: a field with the server's own id that came from outside has to be removed."""
    if desk.trusted_authserv_ids:
        text = (
            f"make sure that {desk.imap.host} removes Authentication-Results of "
            f"{', '.join(desk.trusted_authserv_ids)} from mail that comes in: else anybody can write one"
        )
        yield Finding(Verdict.WARN, f"{key} dmarc", text)


def _secrets(office: Office, key: str) -> str:
    gateway.account(office, key)
    gateway.submission_server(office, key)
    return "can be read"


def _token(office: Office, key: str, offline: bool) -> str:
    kept = office.tokens[key]
    kept.look()
    if offline:
        return f"a refresh token is in {kept.file}"
    kept.asked(gateway.client(office, key)).result()
    return f"the refresh token in {kept.file} gives access tokens"


def _imap(office: Office, key: str) -> Finding | str:
    desk, mailbox = office.settings.desks[key], Mailbox(gateway.account(office, key))
    try:
        offered = mailbox.capabilities()
        missing = _sent_folder(mailbox, desk.imap.sent)
    finally:
        mailbox.close()
    what = f"{desk.imap.user} at {desk.imap.host}"
    if not offered & {b"MOVE", b"UIDPLUS"}:
        return Finding(Verdict.FAIL, what, "the server offers neither MOVE nor UIDPLUS: mail cannot be moved")
    if b"IDLE" not in offered:
        return Finding(Verdict.WARN, what, f"no IDLE: mail is noticed every {desk.imap.poll_seconds} s only")
    if missing:
        return Finding(Verdict.FAIL, what, missing)
    return f"{what}: login, folders, IDLE and MOVE work"


def _sent_folder(mailbox: Mailbox, name: str) -> str | None:
    """Why answers that are written in webmail will not count; None when they will, or are not to."""
    if not name:
        return None
    with mailbox.visiting(name) as there:
        if not isinstance(there, Refusal):
            return None
    meant = mailbox.folder_of_sent_mail()
    hint = f'; the server has it as "{meant}"' if meant and meant != name else ""
    return f'sent = "{name}" cannot be watched: {there.reason}{hint}'


def _send_test(office: Office, key: str, patience: Patience) -> Finding | str:
    with _usable_store(office) as store:
        trip = round_trip(office, key, store, datetime.now(UTC), patience)
    desk, what = office.settings.desks[key], f"{key} send-test"
    if trip.folder is None:
        text = (
            f"{trip.message_id} left by {desk.smtp.host} and is not in {desk.imap.folder} after"
            f" {trip.seconds:.0f} s: its way is in the logs of that server; --wait SECONDS waits longer"
        )
        return Finding(Verdict.FAIL, what, text)
    if trip.folder != desk.imap.folder:
        text = f"it went to {trip.folder}: teach the server that mail of {desk.address} is no junk"
        return Finding(Verdict.FAIL, what, text)
    back = f"back in {trip.folder} after {trip.seconds:.1f} s"
    if trip.arrived_as == trip.message_id:
        return f"{back}, with our Message-ID"
    fate = f"replaced by {trip.arrived_as}" if trip.arrived_as else "taken away"
    text = (
        f"{back}, but our Message-ID was {fate}: answers of requesters are still threaded by the number"
        f" in the subject, those of staff by their Ref line, and by nothing else. Ask whoever runs"
        f" {desk.smtp.host} to let it stand"
    )
    return Finding(Verdict.WARN, what, text)


@contextmanager
def _usable_store(office: Office) -> Iterator[Store | None]:
    """None where there is none of this schema: that was found before, and a mail can leave all the same."""
    store = Store(office.settings.service.database)
    try:
        yield store if _is_current(store) else None
    finally:
        store.close()


def _is_current(store: Store) -> bool:
    try:
        return store.is_there() and version(store) == HEAD
    except TemporaryError:
        return False


def _smtp(office: Office, key: str) -> str:
    import asyncio

    async def knock() -> None:
        # Somebody waits for this; and a server that wants TLS from the first byte would never greet.
        server = gateway.submission_server(office, key)
        async with Session(replace(server, timeout=min(server.timeout, PATIENT_SECONDS))):
            pass

    asyncio.run(knock())
    smtp = office.settings.desks[key].smtp
    return f"{smtp.host}:{smtp.port}: connection and login work"
