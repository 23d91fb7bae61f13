"""What if the submission server takes its time, refuses for a while, and breaks off now and then?"""

import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from servers.sink import Received, Rule, Sink, Stage

LONGEST = 0.03
"""Seconds for an answer to the final dot: so long a mail is neither sent nor unsent."""
# What goes wrong at a stage, and how often beside the other troubles. None of it is a 5yz: that is a
# word about the mail, which then rightly never leaves.
MISHAPS: dict[Stage, dict[str, float]] = {
    Stage.CONNECT: {"turned away": 0.1, "hung up on": 0.1},
    Stage.MAIL: {"sender deferred": 0.1, "dropped before MAIL": 0.05},
    Stage.RCPT: {"recipient deferred": 0.1, "dropped before RCPT": 0.05},
    Stage.DATA: {"DATA deferred": 0.1, "dropped before DATA": 0.1},
    Stage.BODY: {"dropped in the body": 0.5},
    Stage.DOT: {"dropped before it counted": 0.25, "dropped after it counted": 0.25, "mail deferred": 0.1},
}
ANSWERS = {"turned away": 421, "sender deferred": 451, "recipient deferred": 450, "DATA deferred": 451,
           "mail deferred": 452}  # fmt: skip


class CarelessSink(Sink):
    """Something goes wrong at random, at any stage."""

    def __init__(self, out: Path, seed: int, share: float) -> None:
        """`share`: of the mails whose connection breaks off; set it to 0 to let it behave."""
        super().__init__(out=out)
        self.share = share
        self.mishaps: Counter[str] = Counter()
        self._accepted: list[Received] = []
        self._chance = random.Random(seed)

    def record(self, mail: Received) -> None:
        super().record(mail)
        self._accepted.append(mail)

    def mails(self, start: int = 0) -> list[Received]:
        """What it accepted, oldest first, without the first `start`."""
        return self._accepted[start:]

    def hit(self, stage: Stage, recipients: Sequence[str] = ()) -> Rule | None:
        if stage is Stage.DOT:
            time.sleep(self._chance.uniform(0, LONGEST))
        found = self._mishap(stage)
        if found is None:
            return super().hit(stage, recipients)
        self.mishaps[found] += 1
        code = ANSWERS.get(found)
        recorded = found == "dropped after it counted"
        return Rule(stage, None, code, "", drop=code is None, hang=False, recorded=recorded, times=None)

    def _mishap(self, stage: Stage) -> str | None:
        lot = self._chance.random()
        for what, weight in MISHAPS.get(stage, {}).items():
            lot -= weight * self.share
            if lot < 0:
                return what
        return None
