"""What does HTML say to a person who reads it?"""

import re
from functools import cache
from html import unescape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inscriptis.model.config import ParserConfig

MAX_CHARACTERS = 1_000_000
"""Beyond it lies no letter, and every character costs time."""

_TAG = re.compile(r"<[^<>]*>")


@cache
def _look() -> "ParserConfig":
    from inscriptis.css_profiles import CSS_PROFILES  # noqa: PLC0415 (40 ms that plain mail need not pay)
    from inscriptis.model.config import ParserConfig  # noqa: PLC0415

    return ParserConfig(css=CSS_PROFILES["strict"], display_links=False)


def text_of(markup: str) -> str:
    """The text of HTML: hidden elements left out, tables and lists laid out, no addresses of links."""
    from inscriptis import get_text  # noqa: PLC0415
    from lxml.etree import LxmlError  # type: ignore[import-untyped]  # noqa: PLC0415

    markup = markup[:MAX_CHARACTERS]
    try:
        return str(get_text(markup, _look()))
    except (LxmlError, RecursionError, ValueError, TypeError, AttributeError, LookupError):
        return unescape(_TAG.sub(" ", markup))
