"""What does a real IMAP server do? A private Dovecot 2.3.

The name of a user is a mail address, as in the mailbox's settings. Everybody may log in with PASSWORD and
has an empty mailbox at the first login; `users` adds passwords of their own. LMTP takes mail for anybody.
"""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY
from types import TracebackType
from typing import Self

from imapclient import IMAPClient, imap_utf7

from servers import private

HOST = "127.0.0.1"
PASSWORD = "rahasia"
FOLDERS = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin")
MISSING = "Dovecot is not installed: apt-get install dovecot-imapd dovecot-lmtpd"

# auth_failure_delay and anvil-auth-penalty: else every login after a wrong password takes 2 to 4 s.
CONFIGURATION = """\
base_dir = {root}/run
state_dir = {root}/state
instance_name = {root.name}
log_path = {root}/log
protocols = imap lmtp
listen = 127.0.0.1
mail_home = {root}/home/%u
mail_location = maildir:~/Maildir
mail_fsync = never
default_internal_user = {account.name}
default_internal_group = {account.group}
default_login_user = {account.name}
first_valid_uid = {account.uid}
first_valid_gid = {account.gid}
recipient_delimiter = +
auth_username_format = %Lu
auth_mechanisms = plain login
auth_failure_delay = 0
disable_plaintext_auth = no
ssl = yes
ssl_cert = <{root}/cert.pem
ssl_key = <{root}/key.pem
mail_max_userip_connections = 200
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    special_use = \\Sent
    auto = subscribe
  }}
  mailbox Junk {{
    special_use = \\Junk
    auto = subscribe
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%Lu {root}/users
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = allow_all_users=yes uid={account.uid} gid={account.gid} home={root}/home/%u
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service lmtp {{
  chroot =
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""

WITH_TOKENS = """\
auth_mechanisms = plain login xoauth2
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {root}/oauth2.conf.ext
}}
"""
OAUTH2 = """\
introspection_mode = post
introspection_url = {url}
username_attribute = username
active_attribute = active
active_value = true
timeout_msecs = 60000
"""


class Dovecot:
    """A server with its own folder and ports; starts on entering, is gone with all mail on leaving."""

    host = HOST
    password = PASSWORD

    def __init__(
        self, users: Mapping[str, str] | None = None, *, introspection_url: str | None = None
    ) -> None:
        """`users`: passwords by address, for users who need another one than PASSWORD.

        `introspection_url`: who says to whom an access token belongs; given, XOAUTH2 is offered.
        """
        self._dovecot = private.program("dovecot", FOLDERS, MISSING)
        self._doveadm = private.program("doveadm", FOLDERS, MISSING)
        for plugin in ("imap", "lmtp"):
            private.program(plugin, ("/usr/lib/dovecot", "/usr/libexec/dovecot"), MISSING)
        self._account = private.unprivileged()
        self._root = private.new_folder("dovecot")
        self._users = dict(users or {})
        self._introspection_url = introspection_url
        self._names = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.port = private.free_port()
        """IMAP in the clear, with STARTTLS."""
        self.tls_port = private.free_port()
        """IMAP in TLS."""
        self.lmtp_port = private.free_port()
        self.cert = self._root / "cert.pem"
        """For a client to trust."""
        self._furnish()

    def _furnish(self) -> None:
        for name in ("run", "state", "home"):
            (self._root / name).mkdir()
        private.make_certificate(self._root)
        lines = (f"{user.lower()}:{{PLAIN}}{password}::::::\n" for user, password in self._users.items())
        (self._root / "users").write_text("".join(lines))
        (self._root / "dovecot.conf").write_text(
            CONFIGURATION.format(
                root=self._root,
                account=self._account,
                password=PASSWORD,
                port=self.port,
                tls_port=self.tls_port,
                lmtp_port=self.lmtp_port,
            )
        )
        if self._introspection_url:
            self._accept_tokens(self._introspection_url)
        private.give_to(self._account, self._root)

    def _accept_tokens(self, url: str) -> None:
        (self._root / "oauth2.conf.ext").write_text(OAUTH2.format(url=url))
        with (self._root / "dovecot.conf").open("a") as file:
            file.write(WITH_TOKENS.format(root=self._root))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            private.kill_group(self._process)
            self._process = None
        shutil.rmtree(self._root, ignore_errors=True)

    def start(self) -> None:
        command = [self._dovecot, "-F", "-c", str(self._root / "dovecot.conf")]
        self._process = private.spawn(command, self._root / "output", self._account)
        private.wait_until_up(self._process, lambda: private.greets(self.port, b"* OK"), self.log)

    def stop(self) -> None:
        """Every connection is cut; the mail stays for `start`."""
        if self._process is not None:
            private.end(self._process)
            self._process = None

    def kill(self) -> None:
        """As a power cut ends it, every process of it at once; the mail stays for `start`."""
        if self._process is not None:
            private.kill_group(self._process)
            self._process = None

    def restart(self) -> None:
        """On the same ports, with the same mail."""
        self.stop()
        self.start()

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def log(self) -> str:
        files = (self._root / "output", self._root / "log")
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def new_user(self) -> str:
        """An address in desk.test that nobody had before; its password is PASSWORD."""
        self._names += 1
        return f"kotak{self._names}@desk.test"

    @contextmanager
    def session(self, user: str) -> Iterator[IMAPClient]:
        """A logged-in client, for what the methods below do not do."""
        with IMAPClient(HOST, self.port, ssl=False, timeout=private.PATIENCE) as client:
            # A command is written in two pieces: with Nagle's algorithm each append takes 44 ms.
            client.socket().setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            client.login(user, self._users.get(user, PASSWORD))
            yield client

    def append(self, user: str, raw: bytes, folder: str = "INBOX", when: datetime | None = None) -> int:
        """Put a mail into a folder, made when missing; `when` becomes its INTERNALDATE. Gives its UID."""
        with self.session(user) as client:
            _see_to_folder(client, folder)
            answer = client.append(folder, raw, msg_time=when)
        found = re.search(rb"APPENDUID \d+ (\d+)", answer)
        if found is None:
            raise RuntimeError(f"APPEND without APPENDUID: {answer!r}")
        return int(found[1])

    def append_all(self, user: str, mails: Sequence[bytes], folder: str = "INBOX") -> None:
        """Many mails at once."""
        with self.session(user) as client:
            _see_to_folder(client, folder)
            for start in range(0, len(mails), 100):
                client.multiappend(folder, list(mails[start : start + 100]))

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """The mails in a folder by UID, with CRLF; none when there is no such folder. Sets no flag."""
        with self.session(user) as client:
            if not client.folder_exists(folder):
                return []
            client.select_folder(folder, readonly=True)
            uids = client.search("ALL")
            mails = client.fetch(uids, ["BODY.PEEK[]"]) if uids else {}
            return [mails[uid][b"BODY[]"] for uid in uids]

    def wait_for(
        self, user: str, count: int, folder: str = "INBOX", seconds: float = private.PATIENCE
    ) -> list[bytes]:
        """The mails in a folder as soon as there are `count` of them; TimeoutError says how many came."""
        deadline = time.monotonic() + seconds
        while len(found := self.messages(user, folder)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found)} of {count} mails in {folder} of {user} after {seconds} s")
            time.sleep(0.05)
        return found

    def waiting(self, user: str) -> int:
        """How many mails are in the INBOX, without asking the server."""
        home = self._root / "home" / user.lower() / "Maildir"
        return sum(1 for name in ("new", "cur") for _ in _files(home / name))

    def folders(self, user: str) -> list[str]:
        """Sorted; Dovecot itself makes INBOX, Junk and Sent."""
        with self.session(user) as client:
            return sorted(name for _, _, name in client.list_folders())

    def bump_uidvalidity(self, user: str, folder: str = "INBOX", *, renumber: bool = True) -> int:
        """What a restore or a move to another server does: a higher UIDVALIDITY, which is returned.

        With `renumber` the mails get new UIDs from 1 on, so that an old UID may name another mail. Whoever
        has the folder selected is disconnected.
        """
        new = self.uidvalidity(user, folder) + 1
        if renumber:
            self._forget_uids(user, folder)
        self.set_uidvalidity(user, folder, new)
        return new

    def uidvalidity(self, user: str, folder: str = "INBOX") -> int:
        with self.session(user) as client:
            return int(client.folder_status(folder, ["UIDVALIDITY"])[b"UIDVALIDITY"])

    def set_uidvalidity(self, user: str, folder: str, value: int) -> None:
        """Not lower than it is; whoever has the folder selected is disconnected."""
        self._admin("mailbox", "update", "--uid-validity", str(value), "-u", user, folder)

    def _forget_uids(self, user: str, folder: str) -> None:
        home = self._root / "home" / user.lower() / "Maildir"
        below = "" if folder.upper() == "INBOX" else f".{imap_utf7.encode(folder).decode().replace('/', '.')}"
        for path in (home / below).glob("dovecot*"):
            if path.name.startswith(("dovecot-uidlist", "dovecot.index")):
                path.unlink()

    def _admin(self, *arguments: str) -> None:
        done = subprocess.run(
            [self._doveadm, "-c", str(self._root / "dovecot.conf"), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **private.run_as(self._account),
        )
        if done.returncode:
            raise RuntimeError(f"doveadm {' '.join(arguments)}: {done.stderr}")


def _files(folder: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):  # nobody has logged in yet
        yield from folder.iterdir()


def _see_to_folder(client: IMAPClient, folder: str) -> None:
    if not client.folder_exists(folder):
        client.create_folder(folder)
