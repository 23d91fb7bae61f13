"""Does a desk without a password keep its mailbox, through renewals, refusals, kills and broken providers?"""

import asyncio
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from http.client import HTTPMessage
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from city import ADMIN, RINA, WIB, City, tables
from daemon import COMMAND
from indoors import indoors
from servers.dovecot import Dovecot
from servers.fake_imap import CAPABILITIES, FakeImap, Line
from servers.private import Certificate
from servers.required import skipped_when_missing
from servers.sink import Sink
from servers.token_server import (
    CLIENT_ID,
    CLIENT_SECRET,
    TokenServer,
    Visit,
    hanging_up,
    saying,
    sending,
    waiting_for,
)

from mailgate import gateway
from mailgate import service as serving
from mailgate import settings as shape
from mailgate.authorizing import Terminal, authorized
from mailgate.check import Finding, Verdict, findings
from mailgate.compose.render import Templates
from mailgate.errors import AuthorizationRefusedError, SettingsError, TemporaryError, UsageError
from mailgate.gateway import Office
from mailgate.intake.imap import Account, Mailbox
from mailgate.oauth import consent, endpoint
from mailgate.oauth import tokens as keeping
from mailgate.oauth.endpoint import Client
from mailgate.oauth.tokens import Tokens
from mailgate.outbox.smtp import Envelope, Server, Session
from mailgate.service import Pause, Service

REMEDY = "run `mailgate authorize kominfo`"
SECRETS = ("-secret", CLIENT_SECRET)
"""Of every token and code of the token server."""


@pytest.fixture
def provider() -> Iterator[TokenServer]:
    with TokenServer("desk@desk.test") as server:
        yield server


@pytest.fixture
def tokens(tmp_path: Path, provider: TokenServer) -> Tokens:
    """Somebody consented already."""
    found = Tokens("kominfo", keeping.path(tmp_path, "kominfo"))
    keeping.store(found, provider.consent())
    return found


def who(provider: TokenServer) -> Client:
    return endpoint.client(shape.Oauth.model_validate(provider.settings()), CLIENT_SECRET)


def kept(tokens: Tokens) -> str:
    return str(json.loads(tokens.file.read_text())["refresh_token"])


# --- tokens -----------------------------------------------------------------------------------------------


def test_a_token_is_used_until_a_minute_before_its_end(tokens: Tokens, provider: TokenServer) -> None:
    now = 1000.0
    tokens.monotonic = lambda: now
    first = tokens.asked(who(provider)).result()
    now += 3539
    assert tokens.asked(who(provider)).result() == first
    now += 1
    assert tokens.asked(who(provider)).result() != first
    assert len(provider.forms) == 2


@pytest.mark.parametrize(
    ("said", "lives"), [("120", 120), (None, 600), ("soon", 600), (10**9, 86400), (-5, 0)]
)
def test_a_life_that_is_told_oddly_is_believed_within_bounds(
    tokens: Tokens, provider: TokenServer, said: object, lives: int
) -> None:
    provider.seconds = said
    assert endpoint.renewed(who(provider), kept(tokens)).seconds == lives


def test_a_token_that_the_mail_server_refused_is_given_to_nobody_again(
    tokens: Tokens, provider: TokenServer
) -> None:
    refused = tokens.asked(who(provider)).result()
    renewed = tokens.asked(who(provider), refused).result()
    assert renewed != refused
    assert tokens.asked(who(provider), refused).result() == renewed  # of another connection, refused as well
    assert len(provider.forms) == 2


def test_connections_that_need_a_token_at_once_renew_it_once(tokens: Tokens, provider: TokenServer) -> None:
    held = threading.Event()
    provider.then(waiting_for(held, lambda visit: visit.answer(200, provider._given())))
    first, second = tokens.asked(who(provider)), tokens.asked(who(provider))
    assert first is second
    assert not first.cancel()  # who leaves must not end it for the other
    held.set()
    assert first.result(60) in provider.valid
    assert len(provider.forms) == 1


def test_a_rotated_refresh_token_outlives_a_kill_before_its_first_use(
    tokens: Tokens, provider: TokenServer
) -> None:
    script = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from mailgate.oauth.endpoint import Client\nfrom mailgate.oauth.tokens import Tokens\n"
        f"who = Client({CLIENT_ID!r}, {CLIENT_SECRET!r}, '', sys.argv[1] + '/token', (), {{}}, '')\n"
        "Tokens('kominfo', Path(sys.argv[2])).asked(who).result()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    before = kept(tokens)
    done = subprocess.run([sys.executable, "-c", script, provider.url, str(tokens.file)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert kept(tokens) != before
    assert tokens.asked(who(provider)).result() in provider.valid


def test_a_token_file_is_for_its_owner_alone_and_nothing_else_is_left(tokens: Tokens) -> None:
    assert stat.S_IMODE(tokens.file.stat().st_mode) == 0o600
    assert {one.name for one in tokens.file.parent.iterdir()} == {"oauth-kominfo.json", "oauth-kominfo.lock"}


def full_disk(file: Path, octets: bytes) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_does_not_cost_the_rotated_token(
    tokens: Tokens, provider: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as disk:
        disk.setattr(keeping, "_replace", full_disk)
        for _ in range(2):  # the second one renews with what could not be written
            with pytest.raises(TemporaryError, match="No space left"):
                tokens.asked(who(provider)).result()
    assert tokens.asked(who(provider)).result() in provider.valid
    assert kept(tokens) == provider.refresh_token


def test_a_new_consent_wins_over_a_token_that_could_not_be_written(
    tokens: Tokens, provider: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as disk:
        disk.setattr(keeping, "_replace", full_disk)
        with pytest.raises(TemporaryError):
            tokens.asked(who(provider)).result()
    keeping.store(Tokens("kominfo", tokens.file), provider.consent())  # another process: `authorize`
    assert tokens.asked(who(provider)).result() in provider.valid


@pytest.mark.parametrize(
    "answer",
    [
        hanging_up,
        saying(500, {"error": "invalid_grant"}),
        saying(503, {}),
        saying(429, {"error": "invalid_grant"}),
        saying(400, {"error": "temporarily_unavailable"}),
        saying(400, {"error": ["invalid_grant"]}),
        saying(200, {"token_type": "Bearer"}),
        saying(200, {"access_token": 7}),
        saying(200, {"access_token": "a\1auth=Bearer b"}),
        saying(200, {"access_token": "a", "refresh_token": "b\r\nc"}),
        saying(200, ["access_token"]),
        sending(200, b"<html>Sign in to the wireless network</html>"),
        sending(404, b"<html>not here</html>"),
        sending(200, b"[" * 60_000),
        sending(200, b'{"access_token": "a"}' + b" " * 70_000),
        sending(200, b"\xff\xfe\x00"),
        sending(302, b"", Location="http://127.0.0.1:9/elsewhere"),
        sending(200, b"", **{"X": "y" * 70_000}),
    ],
    ids=map(str, range(18)),
)
def test_a_provider_in_trouble_is_asked_again_and_the_token_is_kept(
    tokens: Tokens, provider: TokenServer, answer: Callable[[Visit], None]
) -> None:
    before = kept(tokens)
    provider.then(answer)
    with pytest.raises(TemporaryError, match=r"127\.0\.0\.1 gives no token") as caught:
        tokens.asked(who(provider)).result()
    assert type(caught.value) is TemporaryError
    assert kept(tokens) == before
    assert tokens.asked(who(provider)).result() in provider.valid


def test_a_provider_that_answers_for_ever_is_cut_off(
    tokens: Tokens, provider: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "ANSWER_SECONDS", 0.1)
    held = threading.Event()
    provider.then(waiting_for(held, hanging_up))
    with pytest.raises(TemporaryError, match="gives no token"):
        tokens.asked(who(provider)).result(60)
    held.set()


def test_a_provider_that_nobody_vouches_for_hears_no_secret(certificate: Certificate, tmp_path: Path) -> None:
    with TokenServer("desk@desk.test", certificate) as impostor:
        with pytest.raises(TemporaryError, match=r"(?i)certificate"):
            endpoint.renewed(who(impostor), impostor.consent())
        assert impostor.forms == []


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "interaction_required"])
def test_a_refused_renewal_says_what_to_do_and_no_secret(
    tokens: Tokens, provider: TokenServer, error: str
) -> None:
    said = {
        "error": error,
        "error_description": f"Gone\x1b[31m: {kept(tokens)} {CLIENT_SECRET}\r\nsince today",
    }
    provider.then(saying(400, said))
    with pytest.raises(AuthorizationRefusedError) as caught:
        tokens.asked(who(provider)).result()
    text = str(caught.value)
    assert text == f"127.0.0.1 refuses: {error} Gone?[31m: … … since today: {REMEDY}"


def _absent(file: Path) -> None:
    file.unlink()


def _empty(file: Path) -> None:
    file.write_text("")


def _no_table(file: Path) -> None:
    file.write_text('["refresh_token"]')


@pytest.mark.parametrize("spoil", [_absent, _empty, _no_table])
def test_a_token_that_is_not_there_asks_for_a_consent(
    tokens: Tokens, provider: TokenServer, spoil: Callable[[Path], None]
) -> None:
    spoil(tokens.file)
    with pytest.raises(AuthorizationRefusedError, match=REMEDY):
        tokens.asked(who(provider)).result()
    assert provider.forms == []


def test_a_token_that_everybody_may_read_is_not_used(tokens: Tokens, provider: TokenServer) -> None:
    tokens.file.chmod(0o644)
    with pytest.raises(TemporaryError, match=f"chmod 600 {tokens.file}"):
        tokens.asked(who(provider)).result()
    assert provider.forms == []


def test_what_holds_secrets_does_not_print_them(tokens: Tokens, provider: TokenServer) -> None:
    tokens.asked(who(provider)).result()
    grant = endpoint.renewed(who(provider), kept(tokens))
    printed = f"{who(provider)} {tokens} {grant} {consent.request(1, who(provider))}"
    assert not any(secret in printed for secret in SECRETS)
    assert "state" not in printed


# --- logging in -------------------------------------------------------------------------------------------


class Bag:
    """In the place of Tokens: gives what it has, and writes down what was refused."""

    def __init__(self, *given: str) -> None:
        self.given = list(given)
        self.refused: list[str] = []

    def __call__(self, refused: str) -> str:
        self.refused.append(refused)
        return self.given.pop(0)

    def later(self, refused: str) -> "Future[str]":
        found: Future[str] = Future()
        found.set_result(self(refused))
        return found


def account(server: FakeImap | Dovecot, user: str, token: Callable[[str], str]) -> Account:
    return Account(
        host="127.0.0.1",
        port=server.port,
        security="none",
        user=user,
        password="",
        folder="INBOX",
        processed="Mailgate/Diproses",
        set_aside="Mailgate/Disisihkan",
        desk="kominfo",
        token=token,
    )


@contextmanager
def fake_imap(*answers: str) -> Iterator[FakeImap]:
    """One that takes tokens; it gives these answers, one to each AUTHENTICATE, and then OK."""

    def answering(answer: str) -> Callable[[Line, str], bool]:
        def act(line: Line, _: str) -> bool:
            line.say("+ ")
            line.read()
            if not answer:
                line.end()
            line.done(answer)
            return True

        return act

    with FakeImap([*CAPABILITIES, "AUTH=XOAUTH2"]) as server:
        server.on("AUTHENTICATE", *map(answering, (*answers, "OK welcome")))
        yield server


@pytest.fixture(scope="module")
def _mail_with_tokens() -> Iterator[tuple[TokenServer, Dovecot]]:
    with (
        skipped_when_missing(),
        TokenServer("") as provider,
        Dovecot(introspection_url=f"{provider.url}/introspect") as dovecot,
    ):
        yield provider, dovecot


@pytest.fixture
def mail(_mail_with_tokens: tuple[TokenServer, Dovecot]) -> tuple[TokenServer, Dovecot]:
    """A provider, and a real server that asks it whose a token is; a fresh mailbox."""
    provider, dovecot = _mail_with_tokens
    provider.reset(dovecot.new_user())
    return provider, dovecot


def test_a_real_mailbox_opens_with_a_token_also_when_the_first_one_is_stale(
    mail: tuple[TokenServer, Dovecot], tmp_path: Path
) -> None:
    provider, dovecot = mail
    bag = Bag("stale", "good")
    provider.valid.add("good")
    mailbox = Mailbox(account(dovecot, provider.user, bag))
    assert mailbox.folder.uidnext == 1
    mailbox.close()
    assert bag.refused == ["", "stale"]


def test_a_real_mailbox_that_refuses_a_new_token_too_asks_for_a_consent(
    mail: tuple[TokenServer, Dovecot],
) -> None:
    provider, dovecot = mail
    bag = Bag("stale", "of-somebody-else")
    with pytest.raises(AuthorizationRefusedError, match=REMEDY) as caught:
        Mailbox(account(dovecot, provider.user, bag))
    assert provider.user in str(caught.value)
    assert "of-somebody-else" not in str(caught.value)
    assert bag.refused == ["", "stale"]


@pytest.mark.parametrize(
    "answer", ["NO [UNAVAILABLE] later", "NO [LIMIT] too many connections", "BAD [SERVERBUG] oops", ""]
)
def test_a_mailbox_in_trouble_is_no_refusal_of_the_token(answer: str) -> None:
    bag = Bag("good")
    with fake_imap(answer) as server, pytest.raises(TemporaryError) as caught:
        Mailbox(account(server, "desk@desk.test", bag))
    assert type(caught.value) is TemporaryError
    assert bag.refused == [""]


def test_a_mailbox_that_explains_its_refusal_gets_an_empty_line_and_a_new_token() -> None:
    heard: list[str] = []

    def refuse(line: Line, _: str) -> bool:
        line.say("+ ")
        line.read()
        line.say("+ eyJzdGF0dXMiOiI0MDAifQ==")
        heard.append(line.read())
        line.done("NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)")
        return True

    with FakeImap([*CAPABILITIES, "AUTH=XOAUTH2"]) as server, fake_imap():
        server.on("AUTHENTICATE", refuse, refuse)
        with pytest.raises(AuthorizationRefusedError):
            Mailbox(account(server, "desk@desk.test", Bag("one", "two")))
    assert heard == ["", ""]


def test_a_refresh_token_that_could_not_be_written_is_not_lost_when_the_settings_are_read_anew() -> None:
    oauth = {"client_id": CLIENT_ID, "provider": "google"}
    with indoors({"oauth": oauth}) as city:
        city.tables["desks"]["kominfo"]["imap"]["auth"] = "xoauth2"
        before = gateway.office(shape.validate(city.tables, city.base), city.base)
        again, _ = gateway.reloaded(before, lambda: gateway.office(before.settings, city.base))
        assert again.tokens["kominfo"] is before.tokens["kominfo"]
        city.tables["desks"]["kominfo"]["oauth"] = oauth | {"client_id": f"other-{CLIENT_ID}"}
        others = shape.validate(city.tables, city.base)
        changed, _ = gateway.reloaded(before, lambda: gateway.office(others, city.base))
        assert changed.tokens["kominfo"] is not before.tokens["kominfo"], "of another client"


def test_a_mailbox_without_xoauth2_is_told_as_that() -> None:
    with FakeImap() as server, pytest.raises(TemporaryError, match="does not offer AUTH=XOAUTH2"):
        Mailbox(account(server, "desk@desk.test", Bag("good")))
    assert server.asked("AUTHENTICATE") == []


def submission(sink: Sink, bag: Bag) -> Server:
    return Server(
        host=sink.host,
        port=sink.port,
        security="none",
        user="desk@desk.test",
        password="",
        hello="desk.test",
        sender="desk@desk.test",
        timeout=60,
        data_timeout=60,
        desk="kominfo",
        token=bag.later,
    )


def sent(sink: Sink, bag: Bag) -> None:
    raw = b"Subject: satu\r\n\r\nisi\r\n"

    async def whole() -> None:
        async with Session(submission(sink, bag)) as session:
            assert await session.envelope(Envelope("rina@warga.example", raw)) is None
            await session.data(raw)

    asyncio.run(whole())


def test_mail_leaves_with_a_token_also_when_the_first_one_is_stale() -> None:
    with Sink(knows=lambda user, token: (user, token) == ("desk@desk.test", "good")) as sink:
        bag = Bag("stale", "good")
        sent(sink, bag)
        assert [one.user for one in sink.received] == ["desk@desk.test"]
    assert bag.refused == ["", "stale"]


def test_a_submission_server_that_refuses_a_new_token_too_asks_for_a_consent() -> None:
    with (
        Sink(knows=lambda user, token: False) as sink,
        pytest.raises(AuthorizationRefusedError, match=REMEDY) as caught,
    ):
        sent(sink, Bag("stale", "of-somebody-else"))
    assert "desk@desk.test at 127.0.0.1" in str(caught.value)
    assert "of-somebody-else" not in str(caught.value)


@pytest.mark.parametrize("how", [{"code": 454}, {"drop": True}, {"code": 454, "text": "4.7.0 no good"}])
def test_a_submission_server_in_trouble_is_no_refusal_of_the_token(how: dict[str, Any]) -> None:
    bag = Bag("good")
    with Sink(knows=lambda user, token: True) as sink:
        sink.rule("auth", **how)
        with pytest.raises(TemporaryError) as caught:
            sent(sink, bag)
    assert type(caught.value) is TemporaryError
    assert "good" not in str(caught.value)  # the log is no place for a token
    assert bag.refused == [""]


def test_a_session_that_ends_with_its_token_is_no_trouble_and_one_that_ends_at_once_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bye(line: Line, _: str) -> bool:
        line.say("* BYE Session expired, please login again.")
        line.end()
        return True

    caplog.set_level(logging.INFO, "mailgate")
    oauth = {"client_id": CLIENT_ID, "provider": "google"}
    with indoors({"oauth": oauth}) as city, city.store() as store, fake_imap("OK welcome") as server:
        city.tables["desks"]["kominfo"]["imap"] |= {"auth": "xoauth2", "port": server.port}
        served = Service(city.office(), store, lambda: city.now)
        monkeypatch.setattr(Tokens, "asked", lambda *_: Bag("good").later(""))
        served.pulse.expect("mailbox kominfo", 1)
        server.on("IDLE", bye, bye)
        office, loop = served.office, asyncio.new_event_loop()
        with closing(loop), closing(serving._new_serving()) as bells, serving.reader(office) as reads:
            with pytest.raises(TemporaryError):
                served._serve_mailbox("kominfo", bells, office, reads, Pause(), loop)
            monkeypatch.setattr(serving, "SESSION_SECONDS", 0.0)
            served._serve_mailbox("kominfo", bells, office, reads, Pause(), loop)
    assert [one.levelname for one in caplog.records if "connecting anew" in one.message] == ["INFO"]


# --- the whole way ----------------------------------------------------------------------------------------


@pytest.fixture
def plain_sink() -> Iterator[Sink]:
    with Sink() as server:
        yield server


@pytest.fixture
def tokened_city(tmp_path: Path, mail: tuple[TokenServer, Dovecot], plain_sink: Sink) -> Iterator[City]:
    """KOMINFO logs in by tokens everywhere, LPSE by password; nobody has consented yet."""
    provider, dovecot = mail
    (tmp_path / "client").write_text(CLIENT_SECRET)
    (tmp_path / "client").chmod(0o600)
    with Sink(knows=provider.knows) as sink:
        written = tables(tmp_path, f"sqlite:///{tmp_path / 'mailgate.db'}")
        kominfo, lpse = written["desks"]["kominfo"], written["desks"]["lpse"]
        kominfo["imap"] = {"auth": "xoauth2", "password": ""}
        kominfo["smtp"] = {"auth": "xoauth2", "user": provider.user}
        kominfo["oauth"] = provider.settings() | {"client_secret": f"file:{tmp_path / 'client'}"}
        lpse["smtp"] = {"port": plain_sink.port}
        users = {"kominfo": provider.user, "lpse": dovecot.new_user()}
        yield City(tmp_path, written, dovecot, sink, users)


def bare(city: City) -> Office:
    """A process that composes nothing: its templates take a second to load."""
    settings = shape.validate(city.tables, city.base)
    kept = {"kominfo": Tokens("kominfo", city.base / "state" / "oauth-kominfo.json")}
    counters = gateway.counters(settings, city.base)
    return Office(settings, city.base, cast("Templates", None), counters, WIB, kept)


def consented(city: City, provider: TokenServer) -> Tokens:
    found = Tokens("kominfo", city.base / "state" / "oauth-kominfo.json")
    keeping.store(found, provider.consent())
    return found


def test_a_complaint_comes_in_and_is_answered_without_any_password(
    tokened_city: City, mail: tuple[TokenServer, Dovecot]
) -> None:
    consented(tokened_city, mail[0])
    tokened_city.new_ticket()
    assert len(tokened_city.sent(RINA)) == len(tokened_city.sent(ADMIN)) == 1
    assert len(mail[0].forms) == 1  # one token for the mailbox and for all connections out
    mail[0].valid.clear()  # its user changed the password of the account
    mail[0].consent()
    keeping.store(
        Tokens("kominfo", tokened_city.base / "state" / "oauth-kominfo.json"), mail[0].refresh_token
    )
    tokened_city.receive(tokened_city.mail(text="Printer kami mati.", subject="Printer"))
    assert tokened_city.run() == 0
    assert len(tokened_city.sent(RINA)) == 2


def test_a_withdrawn_consent_stops_its_desk_alone_and_is_said_without_secrets(
    tokened_city: City,
    mail: tuple[TokenServer, Dovecot],
    plain_sink: Sink,
    caplog: pytest.LogCaptureFixture,
) -> None:
    consented(tokened_city, mail[0])
    mail[0].refresh_token = ""
    tokened_city.receive(tokened_city.mail())
    tokened_city.receive(tokened_city.mail(to="lpse@mail.example"), "lpse")
    caplog.set_level(logging.DEBUG)
    assert tokened_city.run() == 75
    assert len(plain_sink.received) == 2
    assert tokened_city.sent() == []
    assert any("invalid_grant" in one.message and REMEDY in one.message for one in caplog.records)
    assert not any(secret in caplog.text for secret in SECRETS)


# --- authorize and check ----------------------------------------------------------------------------------


class _Staying(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


def address_after_consent(url: str) -> str:
    """Where the browser of somebody who consents ends, on a machine without mailgate."""
    with pytest.raises(urllib.error.HTTPError) as redirect:
        urllib.request.build_opener(_Staying).open(url, timeout=60)
    with redirect.value as answer:
        return str(answer.headers["Location"])


def in_browser(url: str) -> str:
    """On this machine: the redirect finds its listener. Nothing is left to paste."""
    with urllib.request.urlopen(url, timeout=60) as page:
        assert b"Go back to its terminal" in page.read()
    return ""


def shell(city: City, answer: Callable[[str], str], *options: str) -> tuple[int, str, str]:
    """`mailgate authorize kominfo`; `answer` gets the address that it prints and gives what is typed."""
    with subprocess.Popen(
        [*COMMAND, "--settings", str(city.settings_file), "authorize", "kominfo", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(5)]
        typed = answer(next(line for line in said if line.startswith("http")).strip())
        out, err = process.communicate(typed, timeout=100)
        return process.returncode, "".join(said) + out, err


def authorize(city: City, answer: Callable[[str], str], *, listen: bool = False) -> list[Finding]:
    """The same without a process of its own."""
    typed, types = os.pipe()

    def say(text: str) -> None:
        for line in text.splitlines():
            if line.startswith("http"):
                os.write(types, answer(line).encode())
                os.close(types)

    try:
        return list(authorized(bare(city), "kominfo", Terminal(say, typed), listen=listen))
    finally:
        os.close(typed)


def verdicts(findings: list[Finding]) -> dict[str, str]:
    return {one.what.removeprefix("kominfo "): one.verdict.value for one in findings}


def test_a_consent_in_the_browser_of_this_machine_opens_the_mailbox(
    tokened_city: City, mail: tuple[TokenServer, Dovecot]
) -> None:
    status, out, err = shell(tokened_city, in_browser)
    assert (status, err) == (0, "")
    assert [line.split()[:3] for line in out.splitlines()[-3:]] == [
        ["ok", "kominfo", one] for one in ("oauth", "imap", "smtp")
    ]
    assert [form["grant_type"] for form in mail[0].forms] == ["authorization_code", "refresh_token"]
    assert not any(secret in out for secret in SECRETS)
    tokened_city.new_ticket()


def test_a_consent_in_a_browser_elsewhere_is_pasted(
    tokened_city: City, mail: tuple[TokenServer, Dovecot]
) -> None:
    status, out, err = shell(tokened_city, lambda url: f"\n  {address_after_consent(url)}\n", "--no-listen")
    assert (status, err) == (0, "")
    assert not any(secret in out for secret in SECRETS)
    found = authorize(tokened_city, address_after_consent, listen=True)
    assert verdicts(found) == {"oauth": "ok", "imap": "ok", "smtp": "ok"}


def test_a_consent_for_another_mailbox_is_found_out_at_once(
    tokened_city: City, mail: tuple[TokenServer, Dovecot]
) -> None:
    own, mail[0].user = mail[0].user, "somebody.else@desk.test"
    found = authorize(tokened_city, address_after_consent)
    assert verdicts(found) == {"oauth": "ok", "imap": "FAIL", "smtp": "FAIL"}
    assert all(f"signed in as {own}" in one.text for one in found[1:])


def _forged(url: str) -> str:
    return address_after_consent(url).replace("state=", "state=x")


def _guessed(url: str) -> str:
    return address_after_consent(url).partition("?")[0] + "?code=guessed"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (_forged, "its state differs"),
        (_guessed, "its state differs"),
        (lambda _: "yes", "not the address the browser ended at"),
        (lambda _: "http://[", "not the address the browser ended at"),
        (lambda _: "", "no answer was pasted"),
    ],
)
def test_an_answer_that_is_not_to_our_question_is_refused(
    tokened_city: City, mail: tuple[TokenServer, Dovecot], typed: Callable[[str], str], words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        authorize(tokened_city, typed)
    assert "\n" not in str(caught.value)
    assert mail[0].forms == []
    assert not (tokened_city.base / "state" / "oauth-kominfo.json").exists()


def test_a_consent_that_is_denied_or_gives_too_little_keeps_what_was_there(
    tokened_city: City, mail: tuple[TokenServer, Dovecot]
) -> None:
    before = consented(tokened_city, mail[0])
    mail[0].gives_refresh_token = False
    with pytest.raises(UsageError, match="no refresh token"):
        authorize(tokened_city, address_after_consent)
    mail[0].denies = True
    with pytest.raises(UsageError, match=r"access_denied The user said no\."):
        authorize(tokened_city, in_browser, listen=True)
    assert kept(before) == mail[0].refresh_token


def test_a_provider_that_fails_in_the_middle_of_it_is_told_as_that(
    tokened_city: City, mail: tuple[TokenServer, Dovecot]
) -> None:
    mail[0].then(hanging_up)
    with pytest.raises(TemporaryError, match=r"nothing is kept: .*; start again"):
        authorize(tokened_city, address_after_consent)


def test_nobody_is_waited_for_without_end() -> None:
    with pytest.raises(UsageError, match="nobody answered"):
        consent.awaited(SimpleQueue(), listening=True, seconds=0)


def test_a_browser_that_asks_for_an_icon_first_is_no_answer() -> None:
    answers: SimpleQueue[str] = SimpleQueue()
    with consent.listener(answers) as port:
        base = f"http://127.0.0.1:{port}"
        with pytest.raises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(f"{base}/favicon.ico", timeout=60)
        missing.value.close()
        with socket.create_connection(("127.0.0.1", port)):  # opened ahead and left alone
            in_browser(f"{base}/?code=a&state=b")
    assert consent.awaited(answers, listening=True, seconds=60) == "/?code=a&state=b"


@pytest.mark.parametrize(
    ("desk", "words"), [("lpse", 'write auth = "xoauth2"'), ("pajak", "the settings have kominfo, lpse")]
)
def test_a_desk_with_a_password_and_a_desk_that_is_none_are_told(
    tokened_city: City, desk: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        list(authorized(bare(tokened_city), desk, Terminal(print, 0), listen=False))


def checked(city: City, *, offline: bool = False) -> Finding:
    found = {one.what: one for one in findings(bare(city), offline=offline, today=city.now.date())}
    assert "lpse oauth" not in found
    assert not any(secret in one.text for secret in SECRETS for one in found.values())
    return found["kominfo oauth"]


def test_check_tells_whether_a_token_is_there_and_can_be_renewed(
    tokened_city: City, mail: tuple[TokenServer, Dovecot]
) -> None:
    missing = checked(tokened_city, offline=True)
    assert (missing.verdict, REMEDY in missing.text) == (Verdict.FAIL, True)
    consented(tokened_city, mail[0])
    assert checked(tokened_city, offline=True).verdict is Verdict.OK
    assert mail[0].forms == []
    assert checked(tokened_city).verdict is Verdict.OK
    mail[0].refresh_token = ""
    refused = checked(tokened_city)
    assert (refused.verdict, REMEDY in refused.text) == (Verdict.FAIL, True)


# --- what is asked of the big providers, and settings ----------------------------------------------------


def consent_at(**oauth: object) -> tuple[str, dict[str, list[str]]]:
    table = shape.Oauth.model_validate({"client_id": CLIENT_ID} | oauth)
    client = endpoint.client(table, "")
    address = consent.url(consent.request(4711, client), client, "desk@desk.test")
    return address.partition("?")[0], parse_qs(urlsplit(address).query)


def test_google_is_asked_for_a_token_that_lasts() -> None:
    address, asked = consent_at(provider="google")
    assert address == "https://accounts.google.com/o/oauth2/v2/auth"
    assert asked["scope"] == ["https://mail.google.com/"]
    assert (asked["access_type"], asked["prompt"]) == (["offline"], ["consent"])
    assert asked["redirect_uri"] == ["http://127.0.0.1:4711"]
    assert (asked["code_challenge_method"], len(asked["code_challenge"][0])) == (["S256"], 43)


def test_microsoft_is_asked_at_the_offices_own_directory() -> None:
    address, asked = consent_at(provider="microsoft", tenant="kota.go.id")
    assert address == "https://login.microsoftonline.com/kota.go.id/oauth2/v2.0/authorize"
    assert "offline_access" in asked["scope"][0].split()
    assert asked["redirect_uri"] == ["http://localhost:4711"]


OWN = {"authorize_url": "https://sso.kota.id/a", "token_url": "https://sso.kota.id/t", "scopes": ["mail"]}


@pytest.mark.parametrize(
    ("imap", "oauth", "line"),
    [
        ({}, None, 'imap.auth: "xoauth2" needs a table [desks.….oauth] with provider and client_id'),
        ({}, {"provider": "google"}, "oauth.client_id: is missing: the id of the OAuth client"),
        ({}, {"provider": "gogle"}, "oauth.provider: \"gogle\" is not known here: 'google', 'microsoft'"),
        ({}, {"provider": "google", "token_url": "https://a.id/"}, 'goes with provider = "" only'),
        ({}, {"token_url": ""}, "oauth.token_url: "),
        ({}, {"scopes": []}, "oauth.scopes: is missing"),
        ({}, OWN | {"token_url": "http://sso.kota.id/t"}, "token_url: \"http://sso.kota.id/t\" is"),
        ({}, OWN | {"token_url": "https://a:b@sso.kota.id/t"}, "is not an address for tokens"),
        ({}, OWN | {"token_url": "https://sso.kota.id:x/t"}, "is not an address for tokens"),
        ({}, {"provider": "microsoft", "tenant": "../x"}, 'oauth.tenant: "../x" is not a tenant'),
        ({}, OWN | {"client_secret": "hunter2-hunter2"}, "oauth.client_secret: must not be written here"),
    ],
)  # fmt: skip
def test_settings_without_what_a_token_needs_are_refused(
    tmp_path: Path, imap: dict[str, Any], oauth: dict[str, Any] | None, line: str
) -> None:
    with indoors() as city:
        desk = city.tables["desks"]["kominfo"]
        desk["imap"] |= {"auth": "xoauth2", "password": ""} | imap
        if oauth is not None:
            desk["oauth"] = ({} if oauth == {"provider": "google"} else {"client_id": "x"}) | oauth
        with pytest.raises(SettingsError) as refusal:
            shape.validate(city.tables, city.base)
    assert line in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_submission_server_with_tokens_needs_a_name_to_log_in_with() -> None:
    with indoors({"oauth": {"provider": "google", "client_id": "x"}}) as city:
        city.tables["desks"]["kominfo"]["smtp"] |= {"auth": "xoauth2", "user": ""}
        with pytest.raises(SettingsError, match=r"smtp\.user: is missing"):
            shape.validate(city.tables, city.base)
