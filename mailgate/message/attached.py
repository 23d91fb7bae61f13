"""Which files came with a mail, and what may they be called?"""

from collections.abc import Iterator

from mailparser.utils import _safe_attachment_filename

from mailgate.errors import UnreadableMessageError
from mailgate.message import mime
from mailgate.message.headers import first
from mailgate.message.limits import MEBIBYTE, ReadLimits
from mailgate.message.message import Attachment, AttachmentKind
from mailgate.message.mime import Part
from mailgate.message.shown import Shown
from mailgate.message.text import decode, line, words

_KINDS = {
    "application/ics": AttachmentKind.CALENDAR,
    "application/pgp-encrypted": AttachmentKind.ENCRYPTED,
    "application/pgp-signature": AttachmentKind.SIGNATURE,
    "application/pkcs7-mime": AttachmentKind.ENCRYPTED,
    "application/pkcs7-signature": AttachmentKind.SIGNATURE,
    "application/x-pkcs7-mime": AttachmentKind.ENCRYPTED,
    "application/x-pkcs7-signature": AttachmentKind.SIGNATURE,
    "message/global": AttachmentKind.MESSAGE,
    "message/rfc822": AttachmentKind.MESSAGE,
    "text/calendar": AttachmentKind.CALENDAR,
    "text/x-vcalendar": AttachmentKind.CALENDAR,
}


def attachments(shown: Shown, limits: ReadLimits) -> tuple[Attachment, ...]:
    """Those that are parts, then those that stood in the text.

    Raises UnreadableMessageError when they are larger than any letter's.
    """
    found = tuple(_each(shown, limits.segments))
    if sum(one.size for one in found) > limits.decoded_bytes:
        raise UnreadableMessageError(f"more than {limits.decoded_bytes // MEBIBYTE} MiB of attachments")
    return found


def _each(shown: Shown, segments: int) -> Iterator[Attachment]:
    for part in shown.others:
        data = mime.content(part)
        yield Attachment(name_of(part, segments), line(part.type), len(data), data, _kind(part))
    for file in shown.files:
        name = safe_name(decode(file.name, "")[0])
        yield Attachment(name, "application/octet-stream", len(file.data), file.data)


def name_of(part: Part, segments: int) -> str:
    """What the sender calls a part, as it may be shown and saved; "" when not at all."""
    disposition = mime.parameters(first(part.headers, "content-disposition"), segments)
    return safe_name(
        disposition.get("filename") or part.parameters.get("name") or disposition.get("name") or ""
    )


def safe_name(given: str) -> str:
    """RFC 2183, section 2.3: no path is followed."""
    try:
        return line(_safe_attachment_filename(line(words(given))))
    except ValueError:  # nothing of it remains: "..", "/"
        return ""


def _kind(part: Part) -> AttachmentKind:
    if (known := _KINDS.get(part.type)) is not None:
        return known
    disposition = first(part.headers, "content-disposition").partition(";")[0].strip().lower()
    inline = disposition == "inline" or (disposition != "attachment" and "content-id" in part.headers)
    return AttachmentKind.INLINE if inline and part.type.startswith("image/") else AttachmentKind.FILE
