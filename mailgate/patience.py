"""How does a talk with a server end that always says a little, and never enough?"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cut_after(seconds: float, sock: socket.socket) -> Iterator[None]:
    """Shut the line where what is done inside takes longer: whoever reads there finds its end.

    A time-out of the socket counts from octet to octet only.
    """
    timer = threading.Timer(seconds, _cut, [sock])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it was over already
        # Of the plain class: that of TLS would take its machinery away under the thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
