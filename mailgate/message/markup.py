"""What does HTML say to a person who reads it?"""

import re
from functools import cache
from html import unescape
from typing import TYPE_CHECKING

from mailgate.message import quotes

if TYPE_CHECKING:
    from inscriptis.model.config import ParserConfig
    from lxml.html import HtmlElement

MAX_CHARACTERS = 300_000
"""Beyond it lies no letter, and every character costs time."""
_MAX_ELEMENTS = 20_000
"""Laying them out costs 20 microseconds each."""
_MAX_LINK = 200
"""Longer ones count clicks, and nobody reads them."""

_DECLARATION = re.compile(r"\A\s*<\?xml[^<>]{0,200}>")
"""lxml refuses text that names an encoding."""
# Inscriptis decodes once more what the parser has decoded: an "&lt;" that somebody typed would become "<".
_AMPERSAND = re.compile(r"&(?:amp|#0{0,5}38|#x0{0,5}26)\b;?", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
# None looks beyond the next that opens: thousands that never close would take minutes.
_DROPPED = re.compile(
    r"<(script|style|head|title)\b(?:(?!<(?:script|style|head|title)\b).)*?</\1\s*>",
    re.IGNORECASE | re.DOTALL,
)
_HIDDEN = re.compile(
    r"(?:^|;)(?:display:none|visibility:hidden|opacity:0(?:\.0+)?(?:;|$|!)|max-height:0(?:px)?(?:;|$|!))"
)
_NO_SIZE = re.compile(r"(?:^|;)font-size:0(?:\.0+)?(?:[a-z]{2}|%)?(?:;|$|!)")
# What newsletters put behind the words that are only for the list of mails.
_FILLER = re.compile("(?:[\u034f\u200b-\u200d\u2007\ufeff\u00ad][ \xa0]*){5,}")
_SPACE = re.compile(r"\s+")
# The style sheets of Word: "p.MsoNormal, li.MsoNormal, div.MsoNormal {margin:0cm; …".
_CLOSED_UP = re.compile(r"p\.MsoNormal[^{}]{0,200}\{\s{0,20}margin:\s{0,5}0", re.IGNORECASE)
_NO_MARGIN = re.compile(r"(?:^|;)margin(?:-bottom)?:0(?:[a-z]{2})?(?:;|$)")


@cache
def _look() -> "ParserConfig":
    from inscriptis.css_profiles import CSS_PROFILES
    from inscriptis.model.config import ParserConfig

    return ParserConfig(css=CSS_PROFILES["strict"], display_links=False)


def texts_of(markup: str, *, forwarded: bool) -> tuple[str, str | None]:
    """The text, and the same with QUOTE_MARK for what a program quoted; None where nothing shows that.

    Hidden elements are left out, tables and lists laid out, links told. `forwarded`: the subject says so.
    """
    from lxml.etree import LxmlError

    markup = markup[:MAX_CHARACTERS]
    try:
        tree = _tree(markup)
        text = _laid_out(tree)
        if not quotes.worth_a_look(markup):
            return text, None
        quotes.mark(tree, forwarded=forwarded)
        return text, _laid_out(tree)
    except (LxmlError, RecursionError, ValueError, TypeError, AttributeError, LookupError):
        return unescape(_TAG.sub(" ", _DROPPED.sub(" ", markup))), None


def _tree(markup: str) -> "HtmlElement":
    from lxml.html import fromstring

    tree = fromstring(_AMPERSAND.sub("&amp;amp;", _DECLARATION.sub("", markup, count=1)))
    elements = list(tree.iter())
    if len(elements) > _MAX_ELEMENTS:
        raise ValueError("more elements than any letter has")
    for element in elements:
        if element is not tree and _is_hidden(element):
            element.drop_tree()
        elif element.tag == "a":
            _tell_link(element)
    closed_up = _CLOSED_UP.search(markup) is not None
    for element in list(tree.iter("p")):
        _close_up(element, of_word=closed_up)
    return tree


def _laid_out(tree: "HtmlElement") -> str:
    from inscriptis import Inscriptis

    return _FILLER.sub("", str(Inscriptis(tree, _look()).get_text()))


def _is_hidden(element: "HtmlElement") -> bool:
    style = _style(element)
    if element.get("hidden") is not None or _HIDDEN.search(style):
        return True
    # Around columns newsletters write it too, and each column has a size again.
    return _NO_SIZE.search(style) is not None and not any(
        "font-size" in _style(inner) for inner in element.iterdescendants()
    )


def _style(element: "HtmlElement") -> str:
    return _SPACE.sub("", (element.get("style") or "")[:1000]).lower()


def _close_up(element: "HtmlElement", *, of_word: bool) -> None:
    """A paragraph without space around it is a line, an empty one a blank line: so Outlook writes.

    `of_word`: a style sheet says so of all that have a style of Word.
    """
    styled = of_word and (element.get("class") or "").startswith("Mso")
    if not (styled or _NO_MARGIN.search(_style(element))):
        return
    element.tag = "div"
    if not any(piece.strip() for piece in element.itertext()):
        element.clear(keep_tail=True)
        element.append(element.makeelement("br"))


def _tell_link(element: "HtmlElement") -> None:
    """The address behind its words, unless they are the address."""
    address = (element.get("href") or "").strip()
    if not address.lower().startswith(("http://", "https://")) or len(address) > _MAX_LINK:
        return
    words = "".join(element.itertext()).strip()
    if not words or _bare(words) in _bare(address) or _bare(address) in _bare(words):
        return
    last = element[-1] if len(element) else None
    if last is None:
        element.text = f"{element.text or ''} <{address}>"
    else:
        last.tail = f"{last.tail or ''} <{address}>"


def _bare(address: str) -> str:
    return address.lower().removeprefix("http://").removeprefix("https://").rstrip("/")
