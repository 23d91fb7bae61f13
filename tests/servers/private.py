"""How does a real server run for a test: private, unprivileged, and gone afterwards?"""

import grp
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
PATIENCE = 60.0
"""Seconds for what takes one on an idle machine: a bound that is met costs nothing, and CI is busy."""


class MissingServerError(Exception):
    """A server program is not there; the text says what to install."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a server runs as."""

    name: str
    group: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """Self-made, for "localhost" and 127.0.0.1; a client that trusts `cert` trusts the server."""

    cert: Path
    key: Path


def is_root() -> bool:
    return os.geteuid() == 0


def unprivileged() -> Account:
    """Ourselves, or nobody when we are root: Dovecot and PostgreSQL refuse to run as root."""
    user = pwd.getpwnam("nobody") if is_root() else pwd.getpwuid(os.geteuid())
    return Account(user.pw_name, grp.getgrgid(user.pw_gid).gr_name, user.pw_uid, user.pw_gid)


def program(name: str, folders: Sequence[str], otherwise: str) -> str:
    """Full path of a server program; MissingServerError(otherwise) when it is not installed."""
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise MissingServerError(otherwise)
    return found


def new_folder(prefix: str) -> Path:
    """A private folder, right under /tmp: the path of a UNIX socket has at most 107 bytes."""
    return Path(tempfile.mkdtemp(prefix=f"mailgate-{prefix}-", dir="/tmp"))


def run_as(account: Account) -> dict[str, Any]:
    """The arguments of Popen for it: none but for root, who alone can become somebody else."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if is_root() else {}


def give_to(account: Account, folder: Path) -> None:
    if is_root():
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.uid, account.gid)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on, and that no other test gets while this process lives.

    Below the range that the kernel hands to outgoing connections, so that none of them takes the port
    between this check and the server's own bind.
    """
    for port in random.sample(range(20000, 32000), 2000):
        if _is_free(port) and _is_ours(port):
            return port
    raise RuntimeError("no free port between 20000 and 32000")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _is_ours(port: int) -> bool:
    """Other workers look for ports too: a name that the kernel gives to one process, and frees with it."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0mailgate-test-port-{port}")
    except OSError:
        claim.close()
        return False
    claim.detach()  # open until the process ends
    return True


def guarded(command: Sequence[str]) -> list[str]:
    """The command, told to stop when the thread that starts it ends, also by kill -9."""
    guard = ["setpriv", "--pdeathsig", "INT", "--"] if shutil.which("setpriv") else []
    return [*guard, *command]


def spawn(command: Sequence[str], output: Path, account: Account | None = None) -> subprocess.Popen[bytes]:
    """Start a server in a process group of its own, as `account` when we are root.

    It is `guarded`: call this from the main thread.
    """
    with output.open("ab") as sink:
        return subprocess.Popen(
            guarded(command),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            cwd="/",
            start_new_session=True,
            **(run_as(account) if account else {}),
        )


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """Ask a spawned server to stop, and see to it that nothing of its group is left."""
    if process.poll() is None:
        process.send_signal(how)
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """As a power cut ends it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until_up(
    process: subprocess.Popen[bytes],
    is_up: Callable[[], bool],
    log: Callable[[], str],
    seconds: float = PATIENCE,
) -> None:
    """Ask until the server answers; RuntimeError with its log when it dies or does not come up."""
    deadline = time.monotonic() + seconds
    while not is_up():
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}:\n{log()}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the server did not answer within {seconds:g} s:\n{log()}")
        time.sleep(0.01)


def greets(port: int, greeting: bytes) -> bool:
    """Whether a server on loopback opens the conversation with these bytes."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            return connection.recv(len(greeting)) == greeting
    except OSError:
        return False


def make_certificate(folder: Path, names: str = "DNS:localhost,IP:127.0.0.1") -> Certificate:
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    request = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost"
        f" -addext subjectAltName={names}"
        " -addext keyUsage=critical,digitalSignature,keyCertSign"
    )
    _openssl(folder, f"{request} -keyout {made.key.name} -out {made.cert.name}")
    return made


def make_expired_certificate(folder: Path) -> Certificate:
    """For the same names, valid on a day long ago: only `openssl ca` makes such a thing."""
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    (folder / "index").touch()
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca = own\n[own]\ndatabase = index\nrand_serial = yes\nnew_certs_dir = .\n"
        "default_md = sha256\npolicy = any\nx509_extensions = names\n[any]\ncommonName = supplied\n"
        "[names]\nsubjectAltName = DNS:localhost,IP:127.0.0.1\n"
        "keyUsage = critical,digitalSignature,keyCertSign\n"
    )
    key = made.key.name
    request = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost"
    _openssl(folder, f"{request} -keyout {key} -out csr.pem")
    _openssl(
        folder,
        f"ca -batch -notext -config ca.cnf -selfsign -keyfile {key} -in csr.pem -out {made.cert.name}"
        " -startdate 20200101000000Z -enddate 20200102000000Z",
    )
    return made


def _openssl(folder: Path, arguments: str) -> None:
    found = program("openssl", os.get_exec_path(), "openssl is not installed: apt-get install openssl")
    subprocess.run([found, *arguments.split()], check=True, capture_output=True, cwd=folder)
