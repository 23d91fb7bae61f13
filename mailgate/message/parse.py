"""What does a mail say?

`read` turns a stranger's bytes into plain data. It is pure and total: every mail becomes a Message or the
reason why it is set aside.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice

from mailparser.dates import parse_mail_date
from mailparser.utils import get_addresses

from mailgate.errors import UnreadableMessageError
from mailgate.message import ids, mime
from mailgate.message.attached import attachments
from mailgate.message.automatic import automatic
from mailgate.message.body import is_forward, trimmed, written
from mailgate.message.dsn import dsn
from mailgate.message.feedback import feedback
from mailgate.message.forwarded import forwarded
from mailgate.message.headers import Headers, first, with_line_feeds
from mailgate.message.limits import DEFAULT, ReadLimits
from mailgate.message.message import (
    Address,
    Attachment,
    AttachmentKind,
    AutomaticKind,
    Content,
    Forwarded,
    Message,
    Unreadable,
    writable,
)
from mailgate.message.shown import MAX_BYTES, Shown, shown
from mailgate.message.text import line, words

_MAX_AUTHENTICATION_RESULTS = 20
_MAX_DEFECTS = 20
_MAX_NAME = 998

# One mailbox of the form that nearly all have: it needs no grammar, and the grammar takes its time.
_SIMPLE = re.compile(
    r"(?:([A-Za-z0-9 =?_/+-]{0,300}?) ?<)?([A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@"
    r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)(?(1)>|)"
)
_BETWEEN_ADDRESSES = re.compile("[,;]")
_BRACKETED = re.compile(r"<([^<>\s,;\"]{1,64}@[^<>\s,;\"@]{1,255})>")
# One word, alone, quoted, or with a comment behind: "MAILER-DAEMON (Mail Delivery System)".
_BARE = re.compile(r"[\"'<]{0,2}(?!=\?)([^\s<>(),;:\"'\[\]]{1,320})[\"'>]{0,2}[ \t]*(?:\(([^()]{0,200})\))?")


def read(raw: bytes, limits: ReadLimits = DEFAULT) -> Message | Unreadable:
    """What the mail says; never raises."""
    try:
        return _message(mime.tree(with_line_feeds(raw), limits), limits)
    except UnreadableMessageError as reason:
        return Unreadable(str(reason))


def _message(root: mime.Part, limits: ReadLimits) -> Message:
    headers, defects = root.headers, list[str]()
    fields = _Fields(headers, limits, defects)
    authors, return_path = fields.addresses("from"), _return_path(headers)
    told = is_forward(words(first(headers, "subject")))
    seen = shown(root, tuple(root.leaves), forwarded=told)
    new = written(seen.text, marked=seen.marked, forwarded=told)
    carried = attachments(seen, limits)
    bounce, complaint = dsn(root, authors, return_path, seen.text), feedback(root)
    machine = automatic(
        root, [author.address for author in authors], return_path, new.own,
        bounced=bounce is not None, complained=complaint is not None,
    )  # fmt: skip
    inner = None if bounce or complaint else _inner(carried, limits)
    passed_on = inner.text if inner and seen.content is Content.EMPTY and len(carried) == 1 else ""
    others = None
    if machine is None or machine.kind is AutomaticKind.SUSPECTED:
        others = forwarded(seen.text, new, told=told) or (inner.forwarded(limits) if inner else None)
    defects.extend(_losses(root, seen))
    return Message(
        message_id=ids.message_id(headers),
        authors=authors,
        reply_to=fields.addresses("reply-to"),
        to=fields.addresses("to"),
        cc=fields.addresses("cc"),
        resent_to=fields.addresses("resent-to", "resent-cc"),
        subject=_subject(headers, limits),
        date=_date(headers, defects),
        in_reply_to=ids.message_ids(" ".join(headers.get("in-reply-to", ()))),
        references=ids.message_ids(" ".join(headers.get("references", ()))),
        return_path=return_path,
        received_count=len(headers.get("received", ())),
        text=passed_on or seen.text,
        reply_text=passed_on or new.shown,
        own_words=new.own,
        only_quoted=new.only_quoted,
        attachments=carried,
        automatic=machine,
        dsn=bounce,
        feedback=complaint,
        authentication_results=_authentication_results(headers),
        charset_guessed=seen.guessed,
        defects=tuple(map(line, defects[:_MAX_DEFECTS])),
        content=Content.FORWARDED if passed_on else seen.content,
        invitation=seen.invitation,
        forwarded=others,
    )


def _losses(root: mime.Part, seen: Shown) -> Iterator[str]:
    """What of the mail is not there to be read."""
    if not _whole(root):
        yield "it was cut off, or its boundary was lost"
    if seen.cut:
        yield f"only the first {MAX_BYTES // 1_000_000} MB of the text were read"


def _whole(part: mime.Part) -> bool:
    return part.whole and all(map(_whole, part.children))


@dataclass(frozen=True, slots=True)
class _Inner:
    """A mail that another one carries."""

    headers: Headers
    text: str

    def forwarded(self, limits: ReadLimits) -> Forwarded | None:
        """None when it has not one author who can be written to."""
        authors = _Fields(self.headers, limits, []).addresses("from")
        if len(authors) != 1 or not writable(authors[0].address):
            return None
        return Forwarded(authors[0], _subject(self.headers, limits), trimmed(self.text.split("\n")))


def _inner(carried: tuple[Attachment, ...], limits: ReadLimits) -> _Inner | None:
    """The one message that a mail carries; None where there is none or several, or it cannot be read.

    Its words are shown and never obeyed: `own_words` has none of them. What it carries itself is not opened.
    """
    messages = [one for one in carried if one.kind is AttachmentKind.MESSAGE]
    if len(messages) != 1:
        return None
    try:
        root = mime.tree(with_line_feeds(messages[0].data), limits)
    except UnreadableMessageError:
        return None
    return _Inner(root.headers, shown(root, tuple(root.leaves), forwarded=False).text)


def _subject(headers: Headers, limits: ReadLimits) -> str:
    return line(words(first(headers, "subject"), limits.encoded_words))


@dataclass(frozen=True, slots=True)
class _Fields:
    """The address fields of a mail."""

    headers: Headers
    limits: ReadLimits
    defects: list[str]
    """What is wrong with them is put here."""

    def addresses(self, *names: str) -> tuple[Address, ...]:
        """The mailboxes of all fields of these names.

        A second From is not allowed (RFC 5322, section 3.6) and its mailboxes count: then nobody is proven.
        """
        values = list(chain.from_iterable(self.headers.get(name, ()) for name in names))
        if len(values) > len(names):
            self.defects.append(f"{names[0]} stands {len(values)} times")
        return tuple(chain.from_iterable(self._mailboxes(value, names[0]) for value in values))

    def _mailboxes(self, value: str, field: str) -> Iterator[Address]:
        if simple := _SIMPLE.fullmatch(value):
            yield Address(line(words(simple[1] or "", self.limits.encoded_words))[:_MAX_NAME], simple[2])
            return
        most = self.limits.addresses
        ends = list(islice(_BETWEEN_ADDRESSES.finditer(value), most))
        if len(ends) >= most:
            self.defects.append(f"only the first {most} addresses of {field} were read")
            value = value[: ends[-1].start()]
        found: list[dict[str, str]] = []
        # Structure before words (RFC 2047, section 5): no encoded word with a comma or <> forges anybody.
        pairs = [(name, address) for name, address in get_addresses(value, defects=found) if address]
        for name, address in pairs or _recovered(value):
            if line(address) == address:
                yield Address(line(words(name, self.limits.encoded_words))[:_MAX_NAME], address)
        self.defects.extend(f"{field}: {one['reason']}" for one in found)


def _recovered(value: str) -> Iterator[tuple[str, str]]:
    """What a reader takes for an address where no grammar does: of daemons without a domain, of spammers."""
    if bracketed := _BRACKETED.findall(value[:_MAX_NAME]):
        yield from (("", one) for one in bracketed)
    elif found := _BARE.fullmatch(value[:_MAX_NAME].strip()):
        yield found[2] or "", found[1]


def _date(headers: Headers, defects: list[str]) -> datetime | None:
    result = parse_mail_date(first(headers, "date") or None)
    defects.extend(f"date: {reason}" for reason in result.reasons)
    found: datetime | None = result.value
    return found


def _return_path(headers: Headers) -> str | None:
    """The topmost one is that of the last delivery."""
    values = headers.get("return-path")
    return line(values[0]).strip("<> ") if values else None


def _authentication_results(headers: Headers) -> tuple[str, ...]:
    return tuple(map(line, headers.get("authentication-results", ())[:_MAX_AUTHENTICATION_RESULTS]))
