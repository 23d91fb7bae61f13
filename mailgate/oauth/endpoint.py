"""What does the provider's token endpoint say? One question, one answer, both kept short (RFC 6749)."""

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, TypeGuard
from urllib.parse import urlencode, urlsplit

from mailgate.errors import AuthorizationRefusedError, TemporaryError
from mailgate.patience import cut_after
from mailgate.settings import Oauth

STEP_SECONDS = 20.0
"""For connecting, and for each piece of the answer …"""
ANSWER_SECONDS = 40.0
"""… and for all of it: a server that answers a letter at a time must not hold a desk."""
MOST_OCTETS = 64 * 1024
"""Of an answer; Microsoft's have about 5 KiB."""
UNSAID_LIFE = 600
"""Seconds that an access token is taken to live when the server does not say (RFC 6749, section 5.1)."""
LONGEST_LIFE = 86_400

# RFC 6749, section 5.2, and RFC 8628, section 3.5; Microsoft says the first one with status 400.
_PASSES = frozenset({"temporarily_unavailable", "server_error", "slow_down"})


@dataclass(frozen=True, slots=True)
class Client:
    """Who we are to a provider, and where it is asked."""

    id: str
    secret: str = field(repr=False)
    """"" for a public client."""
    authorize_url: str
    token_url: str
    scopes: tuple[str, ...]
    asked_with: Mapping[str, str]
    """What the provider wants beside RFC 6749 when somebody consents."""
    redirect_host: str
    """How it calls this machine in the redirect: RFC 8252, section 7.3, wants 127.0.0.1."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What the provider gave."""

    access_token: str = field(repr=False)
    seconds: int
    """How long it lives."""
    refresh_token: str = field(repr=False)
    """"" when the one that we have stays valid."""


def client(oauth: Oauth, secret: str) -> Client:
    """What the settings say, with what is known of the big providers."""
    match oauth.provider:
        case "google":
            return Client(
                oauth.client_id,
                secret,
                "https://accounts.google.com/o/oauth2/v2/auth",
                "https://oauth2.googleapis.com/token",
                ("https://mail.google.com/",),
                # Without both it gives a refresh token at the very first consent only.
                {"access_type": "offline", "prompt": "consent"},
                "127.0.0.1",
            )
        case "microsoft":
            base = f"https://login.microsoftonline.com/{oauth.tenant}/oauth2/v2.0"
            office = "https://outlook.office.com"
            scopes = ("offline_access", f"{office}/IMAP.AccessAsUser.All", f"{office}/SMTP.Send")
            # Its portal takes no 127.0.0.1; of http://localhost it ignores the port.
            return Client(
                oauth.client_id, secret, f"{base}/authorize", f"{base}/token", scopes, {}, "localhost"
            )
        case _:
            return Client(
                oauth.client_id, secret, oauth.authorize_url, oauth.token_url, oauth.scopes, {}, "127.0.0.1"
            )


def renewed(who: Client, refresh_token: str) -> Grant:
    """RFC 6749, section 6. Raises TemporaryError; AuthorizationRefusedError where that does not pass."""
    return _granted(who, {"grant_type": "refresh_token", "refresh_token": refresh_token})


def exchanged(who: Client, code: str, verifier: str, redirect_uri: str) -> Grant:
    """RFC 6749, section 4.1.3, with the verifier of RFC 7636, section 4.5. Raises as `renewed`."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    return _granted(who, form)


def _granted(who: Client, question: Mapping[str, str]) -> Grant:
    form = {**question, "client_id": who.id} | ({"client_secret": who.secret} if who.secret else {})
    host = urlsplit(who.token_url).hostname or ""
    status, octets = _posted(who.token_url, urlencode(form).encode("ascii"))
    said = _table(octets)
    if status == 200 and said is not None:
        return _grant(host, said)
    error = said.get("error") if said is not None else None
    if 400 <= status < 500 and status not in (408, 429) and isinstance(error, str) and error not in _PASSES:
        words = _words(said or {}, form)
        raise AuthorizationRefusedError(f"{host} refuses: {words}")
    raise TemporaryError(f"{host} gives no token: status {status}{_hint(error)}; trying again")


def _grant(host: str, said: Mapping[str, Any]) -> Grant:
    access, refresh = said.get("access_token"), said.get("refresh_token") or ""
    if not _is_token(access) or not (refresh == "" or _is_token(refresh)):
        raise TemporaryError(f"{host} gives no token: its answer has none that can be used; trying again")
    return Grant(access, _seconds(said.get("expires_in")), refresh)


def _is_token(value: object) -> TypeGuard[str]:
    """RFC 6749, appendix A.12: VSCHAR; a control character would add words to the login command."""
    return isinstance(value, str) and re.fullmatch(r"[\x20-\x7e]{1,16384}", value) is not None


def _seconds(value: object) -> int:
    """Some servers write the number as a text."""
    try:
        return min(max(int(value), 0), LONGEST_LIFE) if isinstance(value, int | str) else UNSAID_LIFE
    except ValueError:
        return UNSAID_LIFE


def _table(octets: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _words(said: Mapping[str, Any], form: Mapping[str, str]) -> str:
    """The server's own, shortened; what it repeats of our secrets is taken out."""
    told = (said.get(key) for key in ("error", "error_description"))
    text = " ".join(" ".join(one.split()) for one in told if isinstance(one, str))
    for key in ("refresh_token", "client_secret", "code", "code_verifier"):
        if form.get(key):
            text = text.replace(form[key], "…")
    return "".join(one if one.isprintable() else "?" for one in text)[:300]


def _hint(error: object) -> str:
    return f", {error}" if isinstance(error, str) and error in _PASSES else ""


def _posted(url: str, body: bytes) -> tuple[int, bytes]:
    """Status and body. No redirect is followed: secrets go to this address and to no other."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        with _connected(parts.scheme, host, parts.port) as connection:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
            connection.request("POST", path, body, headers)
            with connection.getresponse() as answer:
                octets = answer.read(MOST_OCTETS + 1)
    except (OSError, HTTPException, ValueError) as error:
        words = " ".join(str(error).split())[:200] or type(error).__name__
        raise TemporaryError(f"{host} gives no token: {words}; trying again") from None
    if len(octets) > MOST_OCTETS:
        raise TemporaryError(f"{host} gives no token: its answer is longer than any; trying again")
    return answer.status, octets


@contextmanager
def _connected(scheme: str, host: str, port: int | None) -> Iterator[HTTPConnection]:
    """A connection that is cut when all of it takes too long."""
    connection = (
        HTTPSConnection(host, port, timeout=STEP_SECONDS, context=ssl.create_default_context())
        if scheme == "https"
        else HTTPConnection(host, port, timeout=STEP_SECONDS)
    )
    try:
        connection.connect()
        with cut_after(ANSWER_SECONDS, connection.sock):
            yield connection
    finally:
        connection.close()
