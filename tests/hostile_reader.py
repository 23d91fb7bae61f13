"""What the worker's child reads with in test_worker: it does what the subject of the mail says."""

import os
import signal
import time

from mailgate.message.limits import ReadLimits
from mailgate.message.message import Message, Unreadable
from mailgate.message.parse import read


def obey(raw: bytes, limits: ReadLimits) -> Message | Unreadable:
    message = read(raw, limits)
    match message.subject if isinstance(message, Message) else "":
        case "loop":
            while True:
                pass
        case "loop in C":
            sum(range(10**12))
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "raise":
            raise ZeroDivisionError
        case "exit":
            os._exit(3)
        case "sleep":
            time.sleep(3600)
        case "eat":
            return Unreadable(str(len(bytearray(1 << 40))))
        case "print":
            print("not an answer")
    return message
