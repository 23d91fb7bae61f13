"""What if the submission server takes its time, and breaks off now and then?"""

import random
import time
from collections.abc import Sequence
from pathlib import Path

from servers.sink import Received, Rule, Sink, Stage, read_mails

LONGEST = 0.03
"""Seconds for an answer to the final dot: so long a mail is neither sent nor unsent."""


class CarelessSink(Sink):
    """Drops connections at random: in the body, before the mail counts, or after it does."""

    def __init__(self, out: Path, seed: int, share: float) -> None:
        """`share`: of the mails that are broken off; set it to 0 to let it behave."""
        super().__init__(out=out)
        self.share = share
        self.drops = {"in the body": 0, "before it counted": 0, "after it counted": 0}
        self._folder = out
        self._chance = random.Random(seed)

    def mails(self) -> list[Received]:
        """What it accepted, oldest first."""
        return read_mails(self._folder)

    def hit(self, stage: Stage, recipients: Sequence[str] = ()) -> Rule | None:
        if stage is Stage.DOT:
            time.sleep(self._chance.uniform(0, LONGEST))
        if stage not in {Stage.BODY, Stage.DOT} or self._chance.random() >= self.share / 2:
            return super().hit(stage, recipients)
        recorded = stage is Stage.DOT and self._chance.random() < 0.5
        where = (
            "in the body" if stage is Stage.BODY else "after it counted" if recorded else "before it counted"
        )
        self.drops[where] += 1
        return Rule(stage, None, None, "", drop=True, hang=False, recorded=recorded, times=None)
