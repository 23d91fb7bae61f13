"""Which mail of ours could not be delivered, to whom, and why?"""

from collections.abc import Iterator

from mailgate.message.headers import Headers, first, split
from mailgate.message.ids import message_id
from mailgate.message.message import Dsn, DsnRecipient
from mailgate.message.mime import Part, content
from mailgate.message.text import line, words

_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED_TYPES = frozenset(
    {
        "message/rfc822",
        "text/rfc822-headers",
        "message/global",
        "message/global-headers",
        "message/rfc822-headers",
    }
)
_WORST_FIRST = ("failed", "delayed", "delivered", "relayed", "expanded")
_BY_STATUS_CLASS = {"5": "failed", "4": "delayed", "2": "delivered"}
_MAX_RECIPIENTS = 100
_MAX_DIAGNOSTIC = 500


def dsn(root: Part) -> Dsn | None:
    """What a standard delivery status notification says (RFC 3464, RFC 6533); None when the mail is none."""
    status = next((part for part in root.children if part.type in _STATUS_TYPES), None)
    if status is None:
        return None
    recipients = tuple(_recipients(content(status)))
    if not recipients:
        return None
    actions = {recipient.action for recipient in recipients}
    worst = next(action for action in _WORST_FIRST if action in actions)
    return Dsn(worst, recipients, _returned_id(root))


def _recipients(data: bytes) -> Iterator[DsnRecipient]:
    """Section 2.1: groups of fields with a blank line between them; the first is about the whole message."""
    position = 0
    for _ in range(_MAX_RECIPIENTS):
        headers, after = split(data, position)
        if after >= len(data) and not headers:
            return
        position = max(after, position + 1)
        if recipient := _recipient(headers):
            yield recipient


def _recipient(headers: Headers) -> DsnRecipient | None:
    address = _after_type(first(headers, "final-recipient")) or _after_type(
        first(headers, "original-recipient")
    )
    if not address:
        return None
    status = line(first(headers, "status")).partition(" ")[0]
    said = line(words(_after_type(first(headers, "diagnostic-code"))))[:_MAX_DIAGNOSTIC]
    return DsnRecipient(address.strip("<> "), _action(first(headers, "action"), status), status[:20], said)


def _action(said: str, status: str) -> str:
    """Section 2.3.3: the action decides; a status of class 4 with "failed" is given up nevertheless."""
    word = line(said).partition(" ")[0].lower()
    return word if word in _WORST_FIRST else _BY_STATUS_CLASS.get(status[:1], "failed")


def _after_type(value: str) -> str:
    """ "rfc822; a@example.com" without the type; some write none."""
    return line(value.partition(";")[2] if ";" in value else value)


def _returned_id(root: Part) -> str | None:
    """The Message-ID of the returned message or of its header."""
    for part in root.children:
        if part.type in _RETURNED_TYPES:
            return message_id(split(content(part))[0])
    return None
