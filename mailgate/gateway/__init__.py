"""The whole service on one page: collect() brings mail in, tick() lets time act, deliver() lets mail leave.

Each pass may be killed at any instruction. The order of its steps is what makes that safe:
keep the raw mail (commit 1), think, record the decision with its answers (commit 2), acknowledge.
"""

from mailgate.gateway.collecting import collect
from mailgate.gateway.delivering import Unwritten, deliver
from mailgate.gateway.loaded import Clock, Office, account, client, counters, office, submission_server
from mailgate.gateway.reloading import reloaded
from mailgate.gateway.thinking import Reads, think
from mailgate.gateway.ticking import STORM_FROM, tick

__all__ = [
    "STORM_FROM",
    "Clock",
    "Office",
    "Reads",
    "Unwritten",
    "account",
    "client",
    "collect",
    "counters",
    "deliver",
    "office",
    "reloaded",
    "submission_server",
    "think",
    "tick",
]
