"""How is a stranger's mail read without harm to the service?

A warm child process reads; this side asks. The child may use so much CPU time for one mail, and so much
memory. When it dies the mail is answered with the reason, and a new child reads the next one.

    parent → child   length, raw mail
    child → parent   length, Answer as msgpack; in the order of the questions
"""

import contextlib
import fcntl
import importlib
import logging
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

import msgspec

from mailgate.message.limits import DEFAULT, MEBIBYTE, ReadLimits
from mailgate.message.message import Message, Unreadable

if TYPE_CHECKING:
    from mailgate.settings import Limits

MAX_IN_FLIGHT = 2
"""One that is read and one that waits behind it."""

_OUT_OF_MEMORY = 79
"""The child's exit status when it ran into its limit."""

_LIMITS = (-signal.SIGPROF, _OUT_OF_MEMORY)
_READER = "mailgate.message.parse:read"
_LENGTH = struct.Struct(">Q")
_CHUNK = 1 << 20
_PIPE_BYTES = 1 << 20  # most mails fit in whole: the child never waits for the parent to write on


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the two is there; msgpack cannot tell two dataclasses apart by itself."""

    message: Message | None
    unreadable: Unreadable | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode


def reader(limits: "Limits") -> "Reader":
    """One that keeps to the settings."""
    return Reader(
        limits.read_seconds,
        limits.read_mib,
        limits=ReadLimits(
            header_bytes=limits.header_kib * 1024,
            header_fields=limits.header_fields,
            encoded_words=limits.encoded_words,
            addresses=limits.addresses,
            segments=limits.parameter_segments,
            parts=limits.parts,
            depth=limits.depth,
            decoded_bytes=limits.decoded_mib * MEBIBYTE,
        ),
    )


class Reader:
    """Reads mail in a process of its own. For one thread; close it, or use it with `with`."""

    def __init__(
        self,
        cpu_seconds: float,
        memory_mib: int,
        *,
        wall_seconds: float | None = None,
        limits: ReadLimits = DEFAULT,
        reader: str = _READER,
    ) -> None:
        """`cpu_seconds` for one mail; `memory_mib` above what the warm child needs anyway.

        `wall_seconds`: the backstop for a child that waits for something. `reader`: "module:function", what
        the child reads with.
        """
        self._cpu_seconds = cpu_seconds
        self._memory_mib = memory_mib
        self._wall_seconds = 10 * cpu_seconds + 20 if wall_seconds is None else wall_seconds
        bounds = msgspec.json.encode(limits).decode()
        self._arguments = [reader, str(cpu_seconds), str(memory_mib), bounds]
        self._child: _Child | None = None
        self._asked: deque[bytes] = deque()
        self._tried_again = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Of the child; None while there is none."""
        return self._child.pid if self._child else None

    def read(self, raw: bytes) -> Message | Unreadable:
        """What the mail says, or why it cannot be read; never raises on any mail."""
        (answer,) = self.read_all((raw,))
        return answer

    def read_all(self, raws: Iterable[bytes]) -> Iterator[Message | Unreadable]:
        """One answer for each mail, in their order; the next mail is read while the caller thinks."""
        if self._asked:
            raise RuntimeError("the mails asked for before have to be taken first")
        try:
            for raw in raws:
                self._ask(raw)
                if len(self._asked) >= MAX_IN_FLIGHT:
                    yield self._answer()
            while self._asked:
                yield self._answer()
        finally:
            if self._asked:  # the caller left: what is on its way answers nobody
                self.close()

    def close(self) -> None:
        """End the child; a later `read` starts another."""
        self._asked.clear()
        if self._child is not None:
            self._child.end()
            self._child = None

    def _ask(self, raw: bytes) -> None:
        child = self._living_child()
        self._asked.append(raw)
        child.send(raw)

    def _living_child(self) -> "_Child":
        """The child; a new one is asked whatever has no answer yet."""
        if self._child is None:
            self._child = _Child(self._arguments)
            for raw in self._asked:
                self._child.send(raw)
        return self._child

    def _answer(self) -> Message | Unreadable:
        """The answer to the oldest question."""
        child = self._living_child()
        try:
            frame = child.receive(time.monotonic() + self._wall_seconds)
        except TimeoutError:
            child.end()
            return self._give_up(f"reading took more than {self._wall_seconds:g} s")
        if frame is None:
            return self._after_death(child.end())
        self._take()
        answer = _decode(frame)
        return answer.message or answer.unreadable or Unreadable("the reading worker answered nothing")

    def _after_death(self, status: int) -> Message | Unreadable:
        """A limit is the mail's own fault; any other death may be an accident: it is tried once more."""
        if status in _LIMITS or self._tried_again:
            return self._give_up(self._cause_of_death(status))
        self._child, self._tried_again = None, True
        return self._answer()

    def _take(self) -> None:
        """The oldest mail has its answer."""
        self._asked.popleft()
        self._tried_again = False

    def _give_up(self, reason: str) -> Unreadable:
        """Set the oldest mail aside; the next child is asked for the mails behind it."""
        self._child = None
        self._take()
        if self._asked:
            self._living_child()
        return Unreadable(reason)

    def _cause_of_death(self, status: int) -> str:
        if status == -signal.SIGPROF:
            return f"reading took more than {self._cpu_seconds:g} s of CPU time"
        if status == _OUT_OF_MEMORY:
            return _memory_reason(self._memory_mib)
        return f"the reading worker died: {f'signal {-status}' if status < 0 else f'exit status {status}'}"


class _Child:
    """The process and its two pipes. Both are polled at once: two 30 MB frames never wait for each other."""

    def __init__(self, arguments: list[str]) -> None:
        child_reads, self._to = os.pipe()
        self._from, child_writes = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own interpreter, our own module)
                [sys.executable, "-m", "mailgate.message.worker", *arguments],
                stdin=child_reads,
                stdout=child_writes,
                # Whoever takes this process over by a mail finds no secret in it.
                env={
                    "LC_ALL": "C.UTF-8",
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                },
                process_group=0,  # Ctrl-C is for the parent to decide
            )
        except OSError:  # no process or no memory is left just now: it is tried again and again
            os.close(self._to)
            os.close(self._from)
            raise
        finally:
            os.close(child_reads)
            os.close(child_writes)
        for pipe in (self._to, self._from):
            os.set_blocking(pipe, False)
            with contextlib.suppress(OSError):  # the system's limit for all pipes of a user may be reached
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._unsent: deque[memoryview] = deque()
        self._received = bytearray()

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, raw: bytes) -> None:
        """Queue one mail; writes what the pipe takes now."""
        self._unsent += (memoryview(_LENGTH.pack(len(raw))), memoryview(raw))
        self._write()

    def receive(self, deadline: float) -> bytes | None:
        """The next frame, None when the process is gone before that; TimeoutError at the deadline."""
        while (size := self._frame_size()) is None or len(self._received) < _LENGTH.size + size:
            if not self._pump(deadline):
                return None
        end = _LENGTH.size + size
        frame = bytes(memoryview(self._received)[_LENGTH.size : end])
        del self._received[:end]
        return frame

    def end(self) -> int:
        """Kill what is left of it; the exit status, negative for a signal."""
        self._process.kill()  # does nothing to a process that is gone, whose own status stays
        os.close(self._to)
        os.close(self._from)
        return self._process.wait()

    def _frame_size(self) -> int | None:
        if len(self._received) < _LENGTH.size:
            return None
        size: int = _LENGTH.unpack_from(self._received)[0]
        return size

    def _pump(self, deadline: float) -> bool:
        """Move bytes in both directions; False when the process closed its end."""
        poll = select.poll()
        poll.register(self._from, select.POLLIN)
        if self._unsent:
            poll.register(self._to, select.POLLOUT)
        events = dict(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
        if not events:
            raise TimeoutError
        if self._to in events:
            self._write()
        return self._from not in events or self._read()

    def _read(self) -> bool:
        try:
            chunk = os.read(self._from, _CHUNK)
        except BlockingIOError:
            return True
        self._received += chunk
        return bool(chunk)

    def _write(self) -> None:
        while self._unsent:
            try:
                sent = os.write(self._to, self._unsent[0][:_CHUNK])
            except BlockingIOError:
                return
            except BrokenPipeError:
                self._unsent.clear()  # it is gone: the end of its answers will say so
                return
            rest = self._unsent[0][sent:]
            if rest:
                self._unsent[0] = rest
            else:
                self._unsent.popleft()


# What follows runs in the child.

ReadFunction = Callable[[bytes, ReadLimits], Message | Unreadable]


def _memory_reason(memory_mib: int) -> str:
    return f"reading took more than {memory_mib} MiB of memory"


def _serve(
    source: BinaryIO, target: BinaryIO, read: Callable[[bytes], Message | Unreadable], cpu_seconds: float
) -> None:
    """Answer until the parent closes its end."""
    while (raw := _next_mail(source)) is not None:
        # The default action of SIGPROF kills, also in the middle of C code that holds the interpreter.
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        frame = _encode(_read_one(read, raw))
        signal.setitimer(signal.ITIMER_PROF, 0)
        target.write(_LENGTH.pack(len(frame)))
        target.write(frame)
        target.flush()
        del raw, frame


def _next_mail(source: BinaryIO) -> bytes | None:
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    size: int = _LENGTH.unpack(head)[0]
    raw = source.read(size)
    return raw if len(raw) == size else None


def _read_one(read: Callable[[bytes], Message | Unreadable], raw: bytes) -> Answer:
    try:
        found = read(raw)
    except MemoryError:
        raise
    except Exception as error:  # a fault of ours sets one mail aside and does not stop the service
        found = Unreadable(f"reading failed: {type(error).__name__}")
    return Answer(found, None) if isinstance(found, Message) else Answer(None, found)


def _limit_memory(memory_mib: int) -> None:
    """So much more than the process has mapped now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + memory_mib * (1 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(arguments: list[str]) -> None:
    """The child: reader function, CPU seconds, MiB, limits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable()  # libraries tell of every oddity they meet; what matters is in the answer
    module, _, function = arguments[0].partition(":")
    read: ReadFunction = getattr(importlib.import_module(module), function)
    limits = msgspec.json.decode(arguments[3], type=ReadLimits)
    source = os.fdopen(os.dup(0), "rb")
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not look like an answer
    _limit_memory(int(arguments[2]))
    try:
        _serve(source, target, lambda raw: read(raw, limits), float(arguments[1]))
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)  # the parent says so and starts another: this one may be short of everything
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
