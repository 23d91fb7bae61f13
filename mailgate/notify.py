"""What does systemd hear? (sd_notify(3); the package of that name was last released in 2017)"""

import contextlib
import os
import socket

PATIENCE = 1.0
"""Seconds: a systemd that does not read, such as one that replaces itself, must not stop the mail either."""
_KIND = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC


def tell(state: str) -> None:
    """ "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=…"; nothing happens outside a unit."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    # A word that does not reach systemd must not stop the mail.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, _KIND) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(address)
        sock.sendall(state.encode())


def watchdog_seconds() -> float | None:
    """How often systemd wants to hear WATCHDOG=1, halved; None when it does not ask."""
    microseconds = os.environ.get("WATCHDOG_USEC")
    pid = os.environ.get("WATCHDOG_PID")
    if not microseconds or (pid and int(pid) != os.getpid()):
        return None
    return int(microseconds) / 2_000_000
