"""What happens to a test whose server is not installed?"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from servers.private import MissingServerError

SWITCH = "MAILGATE_REQUIRE_SERVERS"


def servers_are_required() -> bool:
    """On a developer's machine a missing server is a visible skip; with the switch, as in CI, a failure."""
    return os.environ.get(SWITCH, "") not in {"", "0"}


@contextmanager
def skipped_when_missing() -> Iterator[None]:
    try:
        yield
    except MissingServerError as missing:
        if servers_are_required():
            pytest.fail(f"{missing} ({SWITCH} is set)", pytrace=False)
        pytest.skip(str(missing))
