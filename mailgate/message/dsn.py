"""Which mail of ours could not be delivered, to whom, and why?

The standard report first (RFC 3464, RFC 6533); what other mail servers write is read in `bounces`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from mailgate.errors import UnreadableMessageError
from mailgate.message import bounces
from mailgate.message.bounces import Sender
from mailgate.message.headers import Headers, first, of_mail, split
from mailgate.message.ids import message_id, message_ids
from mailgate.message.message import Address, Dsn, DsnRecipient
from mailgate.message.mime import Part, content, tree
from mailgate.message.phrases import REFUSED_BY_RECEIPT
from mailgate.message.text import line, words
from mailgate.message.wire import unquoted

_STATUS_TYPES = frozenset(
    {
        "message/delivery-status",
        "message/global-delivery-status",
        "message/x-delivery-status",
        "message/xdelivery-status",  # XWall
    }
)
_RETURNED_TYPES = frozenset(
    {
        "message/global",
        "message/global-headers",
        "message/partial",
        "message/rfc822",
        "message/rfc822-headers",
        "text/rfc822",
        "text/rfc822-header",
        "text/rfc822-headers",
    }
)
_WORST_FIRST = ("failed", "delayed", "delivered", "relayed", "expanded")
_ACTIONS = {
    "fail": "failed",
    "error": "failed",  # OpenSMTPD
    "expired": "failed",
    "undeliver": "failed",
    "delay": "delayed",
    "deferred": "delayed",
    "deliver": "delivered",
    "relay": "relayed",
    "expand": "expanded",
}
_BY_STATUS_CLASS = {"5": "failed", "4": "delayed", "2": "delivered"}
_MAX_GROUPS = 100
_MAX_RETURNED = 20
_MAX_BYTES = 400_000
_MAX_SEARCHED = 100_000

_BLANK_LINES = re.compile(rb"\n(?:[ \t\r]*\n)+")
_GROUP_FIELD = re.compile(
    rb"^(?:(?:final|original)-recipient|action|status)[ \t]*:", re.IGNORECASE | re.MULTILINE
)
# At most a hundred characters: RFC 3461, section 4.4.
_ENVELOPE_ID = re.compile(
    rb"^original-envelope-id[ \t]*:[ \t]*<?([!-;=?-~]{1,100})>?[ \t\r]*$", re.IGNORECASE | re.MULTILINE
)
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{1,5})\}")
_ID_FIELD = re.compile(
    r"^[>|* \t]{0,20}(?:original-|x-original-)?message-id[ \t]{0,8}:\s{0,20}<([^<>\s]{1,998})>",
    re.IGNORECASE | re.MULTILINE,
)
_ID_IN_JSON = re.compile(r'"name": ?"Message-ID", ?"value": ?"<([^<>"\s]{1,998})>', re.IGNORECASE)


def dsn(root: Part, authors: Sequence[Address], return_path: str | None, text: str) -> Dsn | None:
    """What a delivery report says; None when the mail is none.

    `text`: the words of the mail. Only what calls itself a report, or what no person sent, is one: whoever
    forwards a bounce and asks what it means waits for an answer.
    """
    sender = bounces.sender(root.headers, authors, return_path)
    report = _reports_delivery(root)
    if (sender is None and not report) or _is_receipt(root, text) or _is_complaint(root):
        return None
    notice, leaves = bounces.above_copy(text), _leaves(root)
    returned = [leaf for leaf in leaves if leaf.type in _RETURNED_TYPES][:_MAX_RETURNED]
    told = tuple(_told(leaves))
    if not told and (report or sender is not Sender.DOUBTFUL):
        told = tuple(islice(_groups(notice.encode("utf-8", "replace")), _MAX_GROUPS))
    if told and bounces.asks_for_confirmation(notice, told):
        return None
    copied = len(notice) < min(len(text), bounces.MAX_NOTICE)
    headers = tuple(of_mail(beginning(one))[0] for one in returned)
    found = told or bounces.recipients(bounces.Letter(root.headers, sender, report, notice, copied, headers))
    if found is None:
        return None
    actions = {recipient.action for recipient in found} or {"failed"}
    worst = next(action for action in _WORST_FIRST if action in actions)
    original = _original_id(root.headers, leaves, headers, text)
    return Dsn(worst, _each_once(found), original, _envelope_id(leaves))


def reports(root: Part) -> Iterator[Part]:
    """What calls itself a report (RFC 6522), be it under a footer that a list has added."""
    return (part for part in (root, *root.children) if part.type == "multipart/report")


def _report_types(root: Part) -> set[str]:
    return {part.parameters.get("report-type", "").lower() for part in reports(root)}


def _reports_delivery(root: Part) -> bool:
    """Some forget to say of what they report."""
    return any(not kind or kind.startswith("delivery") for kind in _report_types(root))


def _is_complaint(root: Part) -> bool:
    return "feedback-report" in _report_types(root)


def _is_receipt(root: Part, text: str) -> bool:
    """A disposition notification tells what became of a mail that did arrive."""
    return "disposition-notification" in _report_types(root) and not REFUSED_BY_RECEIPT.search(text[:2000])


def _leaves(root: Part) -> list[Part]:
    """The parts of a report; of one that a gateway has wrapped into a mail of its own, what is inside."""
    leaves = list(root.leaves)
    if any(leaf.type in _STATUS_TYPES for leaf in leaves):
        return leaves
    wrapped = (_wrapped(leaf) for leaf in leaves[:_MAX_RETURNED] if leaf.type == "message/rfc822")
    return next(filter(None, wrapped), leaves)


def _wrapped(leaf: Part) -> list[Part]:
    inside = beginning(leaf)
    if "multipart/report" not in first(of_mail(inside)[0], "content-type").lower():
        return []
    try:
        return list(tree(inside).leaves)
    except UnreadableMessageError:
        return []


def beginning(part: Part) -> bytes:
    """As much of a part as is looked into: a whole film may have come back."""
    return content(replace(part, body=part.body[:_MAX_BYTES]))


# --- RFC 3464 ---------------------------------------------------------------------------------------------


def _told(leaves: Iterable[Part]) -> Iterator[DsnRecipient]:
    for leaf in leaves:
        if leaf.type in _STATUS_TYPES:
            yield from islice(_groups(beginning(leaf)), _MAX_GROUPS)


def _groups(data: bytes) -> Iterator[DsnRecipient]:
    """Section 2.1: groups of fields with a blank line between them; the first is about the whole message."""
    for group in _BLANK_LINES.split(data, 4 * _MAX_GROUPS):
        if begins := _GROUP_FIELD.search(group):
            # In prose the fields stand below words; a field above them is about nobody.
            yield from _recipients(split(group, begins.start())[0])


def _recipients(headers: Headers) -> Iterator[DsnRecipient]:
    """Mostly one; some servers forget the blank line between two."""
    finals = headers.get("final-recipient") or headers.get("original-recipient") or ()
    for number, final in enumerate(finals[:_MAX_GROUPS]):
        status = line(_nth(headers, "status", number)).partition(" ")[0]
        said = line(words(_after_type(_nth(headers, "diagnostic-code", number))))[: bounces.MAX_DIAGNOSTIC]
        action = _action(_nth(headers, "action", number), status)
        if address := _address(_nth(headers, "original-recipient", number), final):
            yield DsnRecipient(address, action, status[:20], said)


def _nth(headers: Headers, name: str, number: int) -> str:
    values = headers.get(name, [""])
    return values[min(number, len(values) - 1)]


def _address(original: str, final: str) -> str:
    """Section 2.3.1: the original one is what we wrote to; behind an alias the final one is somebody else."""
    named = [_after_type(value).strip("<>' ") for value in (original, final)]
    whole = [one for one in named if bounces.MAILBOX.fullmatch(one)]
    inside = [found[0] for one in named if (found := bounces.MAILBOX.search(one))]
    return next(iter((*whole, *inside, *filter(None, reversed(named)))), "")


def _action(said: str, status: str) -> str:
    """Section 2.3.3: the action decides; a status of class 4 with "failed" is given up nevertheless."""
    word = line(said).lower()
    known = (action for start, action in _ACTIONS.items() if word.startswith(start))
    return next(known, _BY_STATUS_CLASS.get(status[:1], "failed"))


def _after_type(value: str) -> str:
    """ "rfc822; a@example.com" without the type, which some write twice and some not at all."""
    value = line(value)[:2000]
    kind, _, rest = value.partition(";")
    rest = rest.strip().removeprefix(f"{kind};").strip() or value
    return line(_ESCAPED.sub(lambda found: chr(int(found[1], 16)), rest))


def _each_once(found: Iterable[DsnRecipient]) -> tuple[DsnRecipient, ...]:
    """One recipient, one row: the worst that was said."""
    worst_first = sorted(found, key=lambda one: _WORST_FIRST.index(one.action))
    rows: dict[str, DsnRecipient] = {}
    for row in worst_first:
        rows.setdefault(row.address.casefold(), row)
    return tuple(rows.values())[:_MAX_GROUPS]


# --- which mail? ------------------------------------------------------------------------------------------


def _envelope_id(leaves: Iterable[Part]) -> str | None:
    """RFC 3464, section 2.2.1: what we called the envelope, decoded or still in xtext."""
    for leaf in leaves:
        if leaf.type in _STATUS_TYPES and (found := _ENVELOPE_ID.search(beginning(leaf))):
            return line(unquoted(found[1].decode("ascii")))
    return None


def _original_id(
    headers: Headers, leaves: Iterable[Part], returned: Iterable[Headers], text: str
) -> str | None:
    """The Message-ID of the mail that came back, wherever it hides: the surest place first."""
    if found := next(filter(None, map(message_id, returned)), None):
        return found
    readable = (leaf for leaf in leaves if leaf.type.startswith(("text/", "message/")))
    pieces = (beginning(leaf).decode("utf-8", "replace") for leaf in islice(readable, _MAX_RETURNED))
    for piece in (text, *pieces):
        ids = (field.search(piece, 0, _MAX_SEARCHED) for field in (_ID_FIELD, _ID_IN_JSON))
        if inside := next(filter(None, ids), None):
            return next(iter(message_ids(f"<{inside[1]}>")), None)
    # Gmail and Exchange answer the mail that they return.
    answered = message_ids(" ".join((*headers.get("references", ()), *headers.get("in-reply-to", ()))))
    return answered[-1] if answered else None
