"""How does `mailgate authorize` get from a consent to two logins?"""

import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from mailgate import check, gateway
from mailgate.check import Finding, Verdict
from mailgate.errors import TemporaryError, UsageError
from mailgate.gateway import Office
from mailgate.oauth import consent, endpoint, tokens
from mailgate.oauth.endpoint import Client
from mailgate.settings import Desk


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where the admin sits."""

    say: Callable[[str], object]
    typed: int
    """The descriptor of what they type."""


def authorized(office: Office, key: str, terminal: Terminal, *, listen: bool) -> Iterator[Finding]:
    """Ask for consent, keep the refresh token, and prove it. Raises UsageError, TemporaryError."""
    if key not in office.settings.desks:
        raise UsageError(f"{key}: no such desk; the settings have {', '.join(office.settings.desks)}")
    if key not in office.tokens:
        raise UsageError(
            f'{key} logs in by password: write auth = "xoauth2" in [desks.{key}.imap] and [desks.{key}.smtp],'
            f" and who we are to the provider in [desks.{key}.oauth]"
        )
    refresh_token = _consented(
        gateway.client(office, key), _user(office.settings.desks[key]), terminal, listen=listen
    )
    tokens.store(office.tokens[key], refresh_token)
    yield Finding(Verdict.OK, f"{key} oauth", f"the refresh token is in {office.tokens[key].file}")
    yield from check.logins(office, key)


def _user(desk: Desk) -> str:
    return desk.imap.user if desk.imap.auth == "xoauth2" else desk.smtp.user


def _consented(who: Client, user: str, terminal: Terminal, *, listen: bool) -> str:
    """The refresh token."""
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    with ExitStack() as stack:
        port = stack.enter_context(consent.listener(answers)) if listen else consent.NOBODY_LISTENS
        asked = consent.request(port, who)
        address = consent.url(asked, who, user)
        terminal.say(f"Open this address in a browser, sign in as {user}, and consent:\n\n{address}\n")
        terminal.say(_where_it_ends(asked.redirect_uri, listen=listen))
        consent.pasted(terminal.typed, answers)
        answer = consent.awaited(answers, listening=listen)
    try:
        grant = endpoint.exchanged(who, consent.code(answer, asked), asked.verifier, asked.redirect_uri)
    except TemporaryError as error:  # a code is good for one exchange: what helps is a new one
        raise TemporaryError(
            f"the consent could not be used, nothing is kept: {error}; start again"
        ) from None
    if not grant.refresh_token:
        raise UsageError(
            "the provider gave no refresh token, nothing is kept: with a provider of your own, its scopes "
            "must ask for one (often offline_access)"
        )
    return grant.refresh_token


def _where_it_ends(redirect_uri: str, *, listen: bool) -> str:
    there = (
        "If that browser runs on another machine it ends at a page that cannot be opened"
        if listen
        else "The browser ends at a page that cannot be opened"
    )
    return f"{there}: its address begins with {redirect_uri}; paste that here."
