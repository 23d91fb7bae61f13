"""What does a real mail client write? mutt, driven by its own keys.

What it sends has mutt's own attribution, quotation, References and Date; only the words are ours. It needs a
terminal, and gets a pseudo one that nobody looks at.
"""

import os
import pty
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from servers import private
from servers.dovecot import Dovecot
from servers.postfix import Postfix

FOLDERS = ("/usr/bin", "/usr/local/bin")
MISSING = "mutt is not installed: apt-get install mutt"
SECONDS = private.PATIENCE

SETTINGS = """\
set realname = "{name}"
set from = "{address}"
set use_envelope_from = yes
set folder = "imap://{imap}/"
set spoolfile = "+INBOX"
set imap_user = "{address}"
set imap_pass = "{password}"
set smtp_url = "smtp://{smtp}/"
set ssl_starttls = no
set ssl_force_tls = no
set charset = "utf-8"
set send_charset = "us-ascii:utf-8"
set tmpdir = "{home}"
set editor = "{home}/write"
set record = ""
set copy = no
set sort = mailbox-order
set include = yes
set fast_reply = yes
set abort_unmodified = no
set abort_nosubject = no
set bounce = yes
set quit = yes
set delete = yes
set mark_old = no
set move = no
set confirmappend = no
set wait_key = no
set pipe_decode = yes
ignore *
unignore from to date subject
set timeout = 1
"""
# What the person writes stands above what mutt quotes. The file gets a date from before mutt stamps it: where
# a second turns between the two, mutt holds it to be changed behind its back, and asks.
WRITE = """\
#!/bin/sh
cat "{home}/words" "$1" > "{home}/whole" && cat "{home}/whole" > "$1" && touch -r "{home}/words" "$1"
"""
LOOK = '#!/bin/sh\nexec cat > "{home}/seen"\n'


@dataclass(frozen=True, slots=True)
class Mutt:
    """One person with a mailbox on Dovecot, who sends through Postfix."""

    name: str
    address: str
    home: Path
    """A folder of their own, made here."""
    dovecot: Dovecot
    postfix: Postfix

    def __post_init__(self) -> None:
        self.home.mkdir()
        settings = SETTINGS.format(
            name=self.name,
            address=self.address,
            home=self.home,
            imap=f"{self.dovecot.host}:{self.dovecot.port}",
            password=self.dovecot.password,
            smtp=f"{self.postfix.host}:{self.postfix.port}",
        )
        (self.home / "muttrc").write_text(settings)
        for name, script in (("write", WRITE), ("look", LOOK)):
            (self.home / name).write_text(script.format(home=self.home))
            (self.home / name).chmod(0o700)

    def mailbox(self) -> list[bytes]:
        """Their INBOX, oldest first."""
        return self.dovecot.messages(self.address)

    def send(self, to: str, subject: str, text: str) -> None:
        """A new mail, in batch mode."""
        command = [*self._command(), "-s", subject, "--", to]
        done = subprocess.run(
            command,
            input=text.encode(),
            env=self._environment(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"mutt: {done.stdout!r} {done.stderr!r}")

    def read(self) -> str:
        """The newest mail as mutt shows it: important headers, decoded text."""
        self._press(f"<last-entry><pipe-message>{self.home}/look<enter><exit>")
        return (self.home / "seen").read_text(encoding="utf-8")

    def thread(self) -> list[str]:
        """Subjects of what mutt shows as one thread with the oldest mail, by References alone."""
        keys = "<enter-command>set sort=threads strict_threads<enter><first-entry><tag-thread>"
        self._press(f"{keys}<tag-prefix><pipe-message>{self.home}/look<enter><exit>")
        shown = (self.home / "seen").read_text(encoding="utf-8").splitlines()
        return [line.removeprefix("Subject: ") for line in shown if line.startswith("Subject: ")]

    def reply(self, text: str, which: str = "last-entry") -> None:
        """Answer the newest mail, or the one that this function of mutt's index goes to."""
        (self.home / "words").write_text(f"{text}\n\n", encoding="utf-8")
        self._press(f"<{which}><reply><send-message><exit>")

    def bounce(self, to: str) -> None:
        """Pass the newest mail on, its headers untouched (RFC 5322, section 3.6.6)."""
        self._press(f"<last-entry><bounce-message>{to}<enter><exit>")

    def _command(self) -> list[str]:
        mutt = private.program("mutt", FOLDERS, MISSING)
        return [mutt, "-n", "-F", str(self.home / "muttrc")]

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
            "TZ": "Asia/Jakarta",
        }

    def _press(self, keys: str) -> None:
        """Open the INBOX, press these keys, and wait until mutt has ended."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*self._command(), "-e", f'push "{keys}"'],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self._environment(),
            start_new_session=True,
        )
        os.close(theirs)
        try:
            screen = _until_it_ends(process, ours)
        finally:
            private.kill_group(process)
            os.close(ours)
        if process.returncode:
            raise RuntimeError(f"mutt ended with {process.returncode}: {screen[-2000:]!r}")


def _until_it_ends(process: subprocess.Popen[bytes], terminal: int) -> bytes:
    """What it drew; it is killed when it takes too long, as when it asks something nobody answers."""
    drawn, deadline = b"", time.monotonic() + SECONDS
    while process.poll() is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"mutt did not end within {SECONDS} s: {drawn[-2000:]!r}")
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                drawn += os.read(terminal, 65536)
            except OSError:  # Linux: nobody holds the other end any more
                process.wait(SECONDS)
    return drawn
