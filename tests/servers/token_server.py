"""What does an OAuth2 provider do? A small one: consent, codes, tokens, and whatever goes wrong with them.

`/authorize` consents for USER at once and redirects back; `/token` gives and renews tokens, and rotates the
refresh token each time; `/introspect` tells a mail server whose an access token is.
"""

import base64
import hashlib
import itertools
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from servers import private

HOST = "127.0.0.1"
CLIENT_ID = "mailgate-test"
CLIENT_SECRET = "client-secret-0123456789"


@dataclass(slots=True)
class Code:
    """What somebody consented to."""

    challenge: str
    redirect_uri: str


class TokenServer:
    """Listens on entering. `user` is whose mailbox the tokens open."""

    def __init__(self, user: str, certificate: private.Certificate | None = None) -> None:
        self.user = user
        self.seconds: object = 3600
        """`expires_in` of what it gives."""
        self.gives_refresh_token = True
        self.denies = False
        self.refresh_token = ""
        """The only one that is valid; "" for none."""
        self.valid: set[str] = set()
        """Access tokens."""
        self.forms: list[dict[str, str]] = []
        """What `/token` was asked, the oldest first."""
        self.asked = threading.Condition()
        self._codes: dict[str, Code] = {}
        self._numbers = itertools.count(1)
        self._next: list[Callable[[Visit], None]] = []
        self._server = _Server((HOST, 0), Visit)
        self._server.owner = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.cert, certificate.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reset(self, user: str) -> None:
        """As new, on the same port."""
        self.user, self.seconds, self.refresh_token = user, 3600, ""
        self.gives_refresh_token, self.denies = True, False
        self.valid.clear()
        self.forms.clear()
        self._next.clear()

    def settings(self) -> dict[str, object]:
        """A table [desks.X.oauth], without the secret."""
        return {
            "provider": "",
            "client_id": CLIENT_ID,
            "authorize_url": f"{self.url}/authorize",
            "token_url": f"{self.url}/token",
            "scopes": ["mail", "offline_access"],
        }

    def consent(self) -> str:
        """As if somebody had consented before: the refresh token."""
        self.refresh_token = f"refresh-{next(self._numbers)}-secret"
        return self.refresh_token

    def knows(self, user: str, token: str) -> bool:
        return user == self.user and token in self.valid

    def then(self, *answers: "Callable[[Visit], None]") -> None:
        """The next questions to `/token` are answered by these, one each."""
        self._next.extend(answers)

    # for the visits

    def token(self, visit: "Visit", form: dict[str, str]) -> None:
        with self.asked:
            self.forms.append(form)
            self.asked.notify_all()
            act = self._next.pop(0) if self._next else None
        if act is not None:
            act(visit)
        elif form.get("client_id") != CLIENT_ID or form.get("client_secret", CLIENT_SECRET) != CLIENT_SECRET:
            visit.answer(401, {"error": "invalid_client"})
        elif self._is_good(form):
            visit.answer(200, self._given())
        else:
            visit.answer(400, {"error": "invalid_grant", "error_description": "Token has been revoked."})

    def _is_good(self, form: dict[str, str]) -> bool:
        if form.get("grant_type") == "refresh_token":
            return form.get("refresh_token") == self.refresh_token != ""
        code = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        verifies = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return code == Code(verifies, form.get("redirect_uri", ""))

    def _given(self) -> dict[str, object]:
        access = f"access-{next(self._numbers)}-secret"
        self.valid.add(access)
        given: dict[str, object] = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.seconds,
        }
        if self.gives_refresh_token:
            given["refresh_token"] = self.consent()
        return given

    def authorize(self, visit: "Visit", query: dict[str, str]) -> None:
        assert query["code_challenge_method"] == "S256"
        answer = {"state": query["state"]}
        if self.denies:
            answer |= {"error": "access_denied", "error_description": "The user said no."}
        else:
            code = f"code-{next(self._numbers)}-secret"
            self._codes[code] = Code(query["code_challenge"], query["redirect_uri"])
            answer["code"] = code
        visit.send_response(302)
        visit.send_header("Location", f"{query['redirect_uri']}/?{urlencode(answer)}")
        visit.send_header("Content-Length", "0")
        visit.end_headers()

    def introspect(self, visit: "Visit", form: dict[str, str]) -> None:
        known = form.get("token") in self.valid
        visit.answer(
            200 if known else 401,
            {"active": True, "username": self.user} if known else {"active": False},
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: TokenServer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or does not trust our certificate, is its own business."""


class Visit(BaseHTTPRequestHandler):
    """One question."""

    server: _Server
    timeout = private.PATIENCE

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.owner.authorize(self, dict(parse_qsl(parts.query)))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        form = dict(parse_qsl(self.rfile.read(length).decode()))
        if self.path == "/introspect":
            self.server.owner.introspect(self, form)
        else:
            self.server.owner.token(self, form)

    def answer(self, status: int, body: object) -> None:
        self.raw(status, json.dumps(body).encode())

    def raw(self, status: int, octets: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """In silence."""


# What may go wrong, for `TokenServer.then`


def saying(status: int, body: object) -> Callable[[Visit], None]:
    return lambda visit: visit.answer(status, body)


def sending(status: int, octets: bytes, **headers: str) -> Callable[[Visit], None]:
    return lambda visit: visit.raw(status, octets, **headers)


def hanging_up(visit: Visit) -> None:
    visit.close_connection = True


def waiting_for(event: threading.Event, then: Callable[[Visit], None]) -> Callable[[Visit], None]:
    def act(visit: Visit) -> None:
        event.wait(private.PATIENCE)
        then(visit)

    return act
