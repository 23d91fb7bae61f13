"""How does an admin let mailgate into a mailbox? In a browser, whose answer comes back here.

The authorization code flow for programs on a machine (RFC 8252) with PKCE (RFC 7636). The answer arrives at a
listener on loopback, or is pasted: the browser may run on another machine than mailgate.
"""

import base64
import hashlib
import os
import queue
import secrets
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlencode, urlsplit

from mailgate.errors import UsageError
from mailgate.oauth.endpoint import Client

PATIENCE_SECONDS = 600.0
"""For somebody who has to find a password and a telephone first."""
MOST_OCTETS = 64 * 1024
"""Of what is pasted."""
NOBODY_LISTENS = 8817
"""The port in the redirect when only a pasted answer counts; the browser then shows that nothing is there."""
_RECEIVED = b"mailgate has received the answer. Go back to its terminal; this page can be closed.\n"


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the provider; nothing of it is used twice."""

    redirect_uri: str
    state: str = field(repr=False)
    """RFC 6749, section 10.12: only the answer to this very question carries it."""
    verifier: str = field(repr=False)


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answers: "queue.SimpleQueue[str]") -> None:
        self.answers = answers
        super().__init__(("127.0.0.1", 0), _Visit)


class _Visit(BaseHTTPRequestHandler):
    """The browser comes back; it may ask for more than we have, such as an icon."""

    server: _Listener
    timeout = 20

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        found = "code" in query or "error" in query
        body = _RECEIVED if found else b"nothing here\n"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)
        if found:
            self.server.answers.put(self.path)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """In silence: the line would hold the code."""


def request(port: int, who: Client) -> Request:
    """A fresh one, answered at `port` of this machine."""
    # RFC 7636, section 4.1: 43 to 128 characters; these are 64.
    return Request(f"http://{who.redirect_host}:{port}", secrets.token_urlsafe(24), secrets.token_urlsafe(48))


def url(asked: Request, who: Client, user: str) -> str:
    """Where the admin consents (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(asked.verifier.encode()).digest()).rstrip(b"=")
    fields = {
        "response_type": "code",
        "client_id": who.id,
        "redirect_uri": asked.redirect_uri,
        "scope": " ".join(who.scopes),
        "state": asked.state,
        "code_challenge": challenge.decode(),
        "code_challenge_method": "S256",
        "login_hint": user,  # OpenID Connect Core, section 3.1.2.1; both big providers know it
        **who.asked_with,
    }
    return f"{who.authorize_url}{'&' if urlsplit(who.authorize_url).query else '?'}{urlencode(fields)}"


def code(answer: str, asked: Request) -> str:
    """The code in the address that the browser came back to. Raises UsageError when there is none for us."""
    try:
        fields = parse_qs(urlsplit(answer.strip()).query)
    except ValueError:
        fields = {}
    if "code" not in fields and "error" not in fields:
        raise UsageError(
            "that is not the address the browser ended at: it begins with "
            f"{asked.redirect_uri} and holds code=…; nothing is kept, start again"
        )
    if not secrets.compare_digest(fields.get("state", [""])[0].encode(), asked.state.encode()):
        raise UsageError(
            "the answer is not to this question (its state differs): perhaps an older browser tab; "
            "nothing is kept, start again and use the newest address"
        )
    if "error" in fields:
        words = " ".join(f"{fields['error'][0]} {fields.get('error_description', [''])[0]}".split())[:300]
        raise UsageError(f"the provider did not consent: {words}; nothing is kept")
    return fields["code"][0]


@contextmanager
def listener(answers: "queue.SimpleQueue[str]") -> Iterator[int]:
    """Take the browser's answer on loopback; yields the port."""
    with _Listener(answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def pasted(handle: int, answers: "queue.SimpleQueue[str]") -> None:
    """Take what is typed or pasted, line by line; "" is the end of it."""

    def read() -> None:
        # Not sys.stdin: a thread that waits in it must not be left behind when the interpreter ends.
        held = b""
        while len(held) < MOST_OCTETS and (more := os.read(handle, 4096)):
            *lines, held = (held + more).split(b"\n")
            for line in filter(bytes.strip, lines):
                answers.put(line.decode("utf-8", "replace"))
        answers.put(held.decode("utf-8", "replace").strip())

    threading.Thread(target=read, daemon=True).start()


def awaited(answers: "queue.SimpleQueue[str]", *, listening: bool, seconds: float = PATIENCE_SECONDS) -> str:
    """The first answer. Raises UsageError when there is none in time, or none can come any more."""
    try:
        found = answers.get(timeout=seconds)
        while not found and listening:  # stdin is at its end, the browser may still come
            found = answers.get(timeout=seconds)
    except queue.Empty:
        raise UsageError(
            f"nobody answered within {round(seconds / 60)} minutes: nothing is kept, start again"
        ) from None
    if not found:
        raise UsageError(
            "no answer was pasted, and nobody listens: paste the address, or leave out --no-listen"
        )
    return found
