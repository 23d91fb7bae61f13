"""How does `mailgate authorize` get from a consent to two logins?"""

import queue
import sys
from collections.abc import Iterator
from contextlib import ExitStack

from mailgate import check, gateway
from mailgate.check import Finding, Verdict
from mailgate.errors import TemporaryError, UsageError
from mailgate.gateway import Office
from mailgate.oauth import consent, endpoint, tokens
from mailgate.oauth.endpoint import Client
from mailgate.settings import Desk


def authorized(office: Office, key: str, *, listen: bool) -> Iterator[Finding]:
    """Ask for consent, keep the refresh token, and prove it. Raises UsageError, TemporaryError."""
    desk = office.settings.desks[key]
    if key not in office.tokens:
        raise UsageError(
            f'{key} logs in by password: write auth = "xoauth2" in [desks.{key}.imap] and [desks.{key}.smtp],'
            f" and who we are to the provider in [desks.{key}.oauth]"
        )
    refresh_token = _consented(gateway.client(office, key), _user(desk), listen=listen)
    tokens.store(office.tokens[key], refresh_token)
    yield Finding(Verdict.OK, f"{key} oauth", f"the refresh token is in {office.tokens[key].file}")
    yield from check.logins(office, key)


def _user(desk: Desk) -> str:
    return desk.imap.user if desk.imap.auth == "xoauth2" else desk.smtp.user


def _consented(who: Client, user: str, *, listen: bool) -> str:
    """The refresh token."""
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    with ExitStack() as stack:
        port = stack.enter_context(consent.listener(answers)) if listen else consent.NOBODY_LISTENS
        asked = consent.request(port, who)
        _explain(consent.url(asked, who, user), user, asked.redirect_uri, listen=listen)
        consent.pasted(sys.stdin.fileno(), answers)
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


def _explain(url: str, user: str, redirect_uri: str, *, listen: bool) -> None:
    there = (
        "If that browser runs on another machine it ends at a page that cannot be opened"
        if listen
        else "The browser ends at a page that cannot be opened"
    )
    print(f"Open this address in a browser, sign in as {user}, and consent:\n\n{url}\n")
    print(f"{there}: its address begins with {redirect_uri}; paste that here.", flush=True)
