"""What does a real mail server do with what we send? A private Postfix.

Mail for the desk domains goes to Dovecot's LMTP, whatever its local part; all other mail goes to the sink.
What the sink refuses for good comes back to its sender as a real DSN.
"""

import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from servers import private
from servers.dovecot import Dovecot
from servers.sink import Sink

HOST = "127.0.0.1"
FOLDERS = ("/usr/sbin",)
DAEMONS = Path("/usr/lib/postfix/sbin")
MISSING = "Postfix is not installed: apt-get install postfix"
NOT_ROOT = "Postfix needs root: its daemons become other users"

QUEUES = ("maildrop", "incoming", "active", "deferred")

MAIN = """\
compatibility_level = 3.6
queue_directory = {root}/spool
data_directory = {root}/data
daemon_directory = {daemons}
meta_directory = {root}/etc
mail_owner = postfix
setgid_group = postdrop
maillog_file = {root}/maillog
maillog_file_prefixes = {root}
myhostname = mx.desk.test
mydestination =
alias_maps =
local_recipient_maps =
local_header_rewrite_clients =
append_dot_mydomain = no
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtp_host_lookup = native
lmtp_host_lookup = native
virtual_mailbox_domains = {domains}
virtual_mailbox_maps = static:all
virtual_transport = lmtp:inet:127.0.0.1:{lmtp_port}
relayhost = [127.0.0.1]:{relay_port}
recipient_delimiter = +
message_size_limit = 31457280
notify_classes =
smtp_tls_security_level = none
smtp_connection_cache_on_demand = no
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
maximal_queue_lifetime = 1h
bounce_queue_lifetime = 1h
"""

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 5 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A server with its own configuration, queue and port; /etc/postfix is left alone. Needs root.

    The one server that stays when the tests are ended by kill -9: by changing user it loses its guard.
    """

    host = HOST

    def __init__(self, dovecot: Dovecot, sink: Sink, domains: Sequence[str] = ("desk.test",)) -> None:
        self._postfix = private.program("postfix", FOLDERS, MISSING)
        self._postsuper = private.program("postsuper", FOLDERS, MISSING)
        if not private.is_root():
            raise private.MissingServerError(NOT_ROOT)
        self._root = private.new_folder("postfix")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = private.free_port()
        self._furnish(dovecot.lmtp_port, sink.port, domains)

    def _furnish(self, lmtp_port: int, relay_port: int, domains: Sequence[str]) -> None:
        # Its daemons, who are not root, must be able to pass.
        self._root.chmod(0o755)
        for name in ("etc", "spool", "data"):
            (self._root / name).mkdir()
        shutil.chown(self._root / "data", "postfix")
        etc = self._root / "etc"
        for name in ("postfix-files", "dynamicmaps.cf"):
            shutil.copy(Path("/etc/postfix") / name, etc)
        main = MAIN.format(
            root=self._root,
            daemons=DAEMONS,
            domains=", ".join(domains),
            lmtp_port=lmtp_port,
            relay_port=relay_port,
        )
        (etc / "main.cf").write_text(main)
        (etc / "master.cf").write_text(MASTER.format(port=self.port))

    def __enter__(self) -> Self:
        self._run("check")  # makes the queue folders
        # Not `postfix start`, nor start-fg: their master is no child of ours and outlives us.
        command = [str(DAEMONS / "master"), "-c", str(self._root / "etc"), "-s"]
        self._process = private.spawn(command, self._root / "output")
        private.wait_until_up(self._process, lambda: private.greets(self.port, b"220 "), self.log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            private.end(self._process)
            self._process = None
        shutil.rmtree(self._root, ignore_errors=True)

    def log(self) -> str:
        files = (self._root / "output", self._root / "maillog")
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def empty(self) -> None:
        """Until nothing is on its way any more; what was deferred is given up."""
        until = time.monotonic() + private.PATIENCE
        while waiting := [path for name in QUEUES for path in self._files(name)]:
            if time.monotonic() > until:
                raise RuntimeError(f"the queue does not get empty: {waiting}\n{self.log()}")
            command = [self._postsuper, "-c", str(self._root / "etc"), "-d", "ALL", "deferred"]
            subprocess.run(command, capture_output=True, check=True)
            time.sleep(0.02)

    def _files(self, queue: str) -> list[Path]:
        with suppress(FileNotFoundError):  # a mail goes from one folder to the next while we look
            return [path for path in (self._root / "spool" / queue).rglob("*") if path.is_file()]
        return [self._root / "spool" / queue]

    def flush(self) -> None:
        """Try the deferred mails now; by itself Postfix does within 2 s."""
        self._run("flush")

    def _run(self, word: str) -> None:
        command = [self._postfix, "-c", str(self._root / "etc"), word]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"postfix {word}: {done.stdout}{done.stderr}{self.log()}")
