"""May these settings take the place of those in use, and what is different in them?"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from mailgate.errors import SettingsError, TemporaryError
from mailgate.gateway.loaded import Office, account, submission_server
from mailgate.oauth.tokens import Tokens
from mailgate.settings import Desk, Table

FIXED = ("database", "metrics")
"""Of [service]: a database and a port stay open for the life of a process."""


def reloaded(before: Office, read: Callable[[], Office]) -> tuple[Office, list[str]]:
    """The settings read anew, and what is different in words.

    SettingsError, with the lines that `mailgate check` prints, where those in use have to stay.
    """
    after = read()
    fixed = [key for key in _changed(before.settings.service, after.settings.service) if key in FIXED]
    if fixed:
        keys = " and ".join(f"service.{key}" for key in fixed)
        raise SettingsError(f"{keys} cannot change in a running service: restart it")
    for key, desk in after.settings.desks.items():
        _need_secrets(before.settings.desks.get(key), desk, after, key)
    tokens = {key: _tokens(before, after, key) for key in after.tokens}
    return replace(after, tokens=tokens), list(_differences(before, after))


def _tokens(before: Office, after: Office, key: str) -> Tokens:
    """Those in use stay: a full disk may not have taken a new refresh token, and the old one is void."""
    known, fresh = before.tokens.get(key), after.tokens[key]
    if known is None or known.file != fresh.file:
        return fresh
    same = before.settings.desks[key].oauth == after.settings.desks[key].oauth
    return known if same else fresh


def _need_secrets(known: Desk | None, desk: Desk, office: Office, key: str) -> None:
    """A desk whose new secret is not there would end up without its mailbox, and had one until now."""
    with suppress(TemporaryError):  # what is only away for now is tried again at each connection
        if known is None or (known.imap, known.oauth) != (desk.imap, desk.oauth):
            account(office, key)
        if known is None or (known.smtp, known.oauth) != (desk.smtp, desk.oauth):
            submission_server(office, key)


def _differences(before: Office, after: Office) -> Iterator[str]:
    old, new = before.settings, after.settings
    for key in new.desks.keys() - old.desks.keys():
        yield f"desk {key} added"
    for key in old.desks.keys() - new.desks.keys():
        yield f"desk {key} removed"
    for key in [key for key in new.desks if key in old.desks]:
        changed = list(_changed(old.desks[key], new.desks[key]))
        if before.counters[key].calendar.holidays != after.counters[key].calendar.holidays:
            changed.append("holidays")
        if changed:
            yield f"desk {key}: {', '.join(changed)}"
    for name in ("service", "hours", "limits"):
        if changed := list(_changed(getattr(old, name), getattr(new, name))):
            yield f"{name}: {', '.join(changed)}"
    was, now = before.templates.sources, after.templates.sources
    if others := sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name)):
        yield f"templates: {', '.join(others)}"


def _changed(before: Table, after: Table) -> Iterator[str]:
    """The keys with other values, as the file has them."""
    for name, field in type(after).model_fields.items():
        if getattr(before, name) != getattr(after, name):
            yield field.alias or name
