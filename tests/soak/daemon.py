"""The daemon with a clock that runs ahead: python -m soak.daemon SETTINGS SPEED STARTED.

All but its clock is as in `mailgate run`. What is measured in seconds of the machine stays so: time-outs,
IDLE, and the pause between two looks at time, which is shortened for that.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from city import MONDAY

from mailgate import gateway, logs
from mailgate.gateway import Office
from mailgate.service import TICK_SECONDS, Service
from mailgate.settings import load
from mailgate.store.database import Store

MOST_OFTEN = 0.5
"""Seconds between two looks at time, at the least."""


def clock(speed: float, started: float) -> Callable[[], datetime]:
    """Monday 09:00 WIB at `started` (of time.time()), and `speed` times as quick from there on."""
    return lambda: MONDAY.astimezone(UTC) + timedelta(seconds=(time.time() - started) * speed)


def serve(office: Office, speed: float, started: float) -> int:
    store = Store(office.settings.service.database)
    try:
        patience = max(TICK_SECONDS / speed, MOST_OFTEN)
        return Service(office, store, clock(speed, started), tick_seconds=patience).run()
    finally:
        store.close()


if __name__ == "__main__":
    logs.start()
    settings = Path(sys.argv[1])
    office = gateway.office(load(settings), settings.resolve().parent)
    sys.exit(serve(office, float(sys.argv[2]), float(sys.argv[3])))
