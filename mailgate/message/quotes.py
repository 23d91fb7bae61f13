"""Which part of HTML did the mail program put there, and not the author?

Quotes are marked by how the known programs build them, before HTML becomes text: there the structure is gone.
What they leave (attribution lines, header blocks) is text and cut as text.
"""

import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from mailgate.message.body import QUOTE_MARK, introduces
from mailgate.message.wording import FORWARD

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MAX_ELEMENTS = 50_000
_MAX_LOOKS = 200
"""Looks into the text of an element: each walks its subtree."""
_OPENING = 400
"""Characters at the start of an element: an attribution or a forward marker stands there."""

# Enough to be worth a look; most HTML has none.
_WORTH = re.compile(
    r"<blockquote|_quote|yahoo_quoted|divRplyFwdMsg|appendonsend|OutlookMessageHeader|zwchr|OLK_SRC_BODY|stopSpelling"
    r"|moz-cite|reply-intro|reference-message|messageReplySection|isReplyContent|signature|border-top|zmail_extra"
    r"|airmail_on|<cite|separatorline|mail-quote|replybody|hs_reply|lineBreakAtBeginningOfMessage",
    re.IGNORECASE,
)

# Class, id, name and data-marker are read together. Outlook puts "x_" before the names of others,
# Hotmail "ecx", AOL "aolmail_", Yahoo "ydp" and a number.
_REST = re.compile(
    r"divRplyFwdMsg|appendonsend|OutlookMessageHeader|zwchr|__DIVIDER__|stopSpelling|isReplyContent|replysplit"
    r"|ms-outlook-mobile-body-separator-line|mail-editor-reference-message|messageReplySection|OLK_SRC_BODY_SECTION"
)
"""Here the answered mail begins, and it ends the mail."""
_WHOLE = re.compile(
    r"yahoo_quoted|protonmail_quote|tutanota_quote|zmail_extra|nylas-quote-container|mail-quote-collapse|front-blockquote"
    r"|hs_reply|includetail|mailmate-quote|fairemail_quote|gmail_extra_quote|composer_quoted|moz-forward-none"
)
"""A quote with its attribution, and nothing of the author."""
_ATTRIBUTION = re.compile(
    r"gmail_attr|moz-cite-prefix|reply-intro|airmail_on|mozcite|quote-header|clean_bq_header"
)
_SIGNATURE = re.compile(
    r"gmail_signature|moz-signature|ms-outlook-mobile-signature|protonmail_signature|AppleMailSignature|yahoo-signature"
    r"|bloop_sign|__SIG_P(?:RE|OST)__|tutanota-signature|\bsignature\b|(?:^|[\s_])Signature\b|zmail_signature"
)
_QUOTED = re.compile(r"quote|cite|clean_bq|replied|mailru")
_OUTLOOK_RULE = re.compile(
    r"border:\s?none;\s?border-top:\s?solid #(?:E1E1E1|B5C4DF) 1\.0pt"
    r"|border-top-style:\s?solid.{0,80}padding-top: ?5px"
    r"|border-color:\s?rgb\(229, 229, 229\).{0,60}border-top|border-top-color:\s?rgb\(229, 229, 229\)",
    re.IGNORECASE | re.DOTALL,
)
_LEFT_BAR = re.compile(r"border-left(?:-width)?:(?!\s*(?:none|0))", re.IGNORECASE)


def worth_a_look(markup: str) -> bool:
    """Whether HTML may carry what `mark` knows."""
    return _WORTH.search(markup) is not None


def mark(root: "Element", *, forwarded: bool) -> None:
    """Replace what programs quoted by QUOTE_MARK, and take their signatures out. Changes the tree.

    What is passed on stays; `forwarded`: the subject says that this whole mail is.
    """
    looks = iter(range(_MAX_LOOKS))
    for element in _walk(root):
        names = _names(element)
        if _passed_on(element, names, looks):
            return
        if _REST.search(names) or (element.tag == "div" and _OUTLOOK_RULE.search(element.get("style", ""))):
            if not forwarded:
                _take_rest(element)
                return
        elif _WHOLE.search(names) or _is_quote(element, names, looks):
            _replace(element, QUOTE_MARK)
        elif _is_signature(element, names) or (_ATTRIBUTION.search(names) and _quote_follows(element, looks)):
            _replace(element, "")


def _walk(root: "Element") -> "Iterator[Element]":
    """Elements in document order; what is taken out while walking is not entered."""
    seen = 0
    stack: list[Element] = [root]
    while stack and seen < _MAX_ELEMENTS:
        element = stack.pop()
        seen += 1
        if not isinstance(element.tag, str):
            continue
        yield element
        stack.extend(reversed(element))


def _names(element: "Element") -> str:
    return " ".join(filter(None, map(element.get, ("class", "id", "name", "data-marker"))))[:500]


def _opening(element: "Element", looks: Iterator[int]) -> str:
    """The first words of an element; "" when too many were looked at."""
    if next(looks, None) is None:
        return ""
    return "\n".join(islice((piece.strip() for piece in element.itertext() if piece.strip()), 12))[:_OPENING]


def _passed_on(element: "Element", names: str, looks: Iterator[int]) -> bool:
    """Whether a forwarded mail begins in this element."""
    if element.tag != "blockquote" and "quote" not in names and not _ATTRIBUTION.search(names):
        return False
    lines = _opening(element, looks).split("\n")[:3]
    return any(FORWARD.fullmatch(" ".join(line.split())) for line in lines)


def _is_quote(element: "Element", names: str, looks: Iterator[int]) -> bool:
    """A blockquote that a program made; authors use it to indent."""
    if element.tag == "div" and "gmail_quote" in names:
        return element.find(".//blockquote") is None
    if element.tag != "blockquote":
        return False
    if element.get("type") == "cite" or element.get("cite") or _QUOTED.search(names):
        return True
    if _LEFT_BAR.search(element.get("style", "")):
        return True
    lines = [*_before(element), *_opening(element, looks).split("\n")[:3]]
    return any(introduces(" ".join(line.split())) for line in lines) or introduces(" ".join(lines[-3:]))


def _is_signature(element: "Element", names: str) -> bool:
    return element.tag == "signature" or _SIGNATURE.search(names) is not None


def _before(element: "Element") -> list[str]:
    """The words right above an element: of its neighbours, or of its parent."""
    pieces: list[str] = []
    parent, node = element.getparent(), element.getprevious()
    for _ in range(6):
        if node is None:
            break
        pieces.append(node.tail or "")
        pieces.append(" ".join(deque(islice(node.itertext(), 2000), maxlen=10)))
        node = node.getprevious()
    if node is None and parent is not None:
        pieces.append(parent.text or "")
    joined = " ".join("".join(reversed(pieces)).split())
    return [joined[-200:]] if joined else []


def _quote_follows(element: "Element", looks: Iterator[int]) -> bool:
    """An attribution goes with its quote; alone it is words."""
    if next(looks, None) is None:
        return False
    following = list(islice(element.itersiblings(), 4))
    parent = element.getparent()
    if parent is not None:
        following += islice(parent.itersiblings(), 2)
    return any(one.tag == "blockquote" or one.find(".//blockquote") is not None for one in following)


def _replace(element: "Element", text: str) -> None:
    """An empty block in place of an element; what follows it stays."""
    tail = element.tail
    element.clear()
    element.tag, element.text, element.tail = "div", text, tail


def _take_rest(element: "Element") -> None:
    """QUOTE_MARK in place of an element and of everything below it."""
    node: Element | None = element
    while node is not None:
        parent = node.getparent()
        for below in list(node.itersiblings()):
            parent.remove(below)
        node.tail = None
        node = parent
    _replace(element, QUOTE_MARK)
