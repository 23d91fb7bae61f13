"""Who could not be reached, when a report follows no standard?

qmail, Exim, Exchange, Domino, Gmail and a hundred gateways write prose. It counts only when a mail server, or
somebody whom nobody can answer, wrote it: whoever asks what a bounce means is a person.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message as StdlibMessage
from enum import StrEnum
from itertools import islice

from mailgate.message.headers import Headers, first
from mailgate.message.message import Address, DsnRecipient
from mailgate.message.phrases import AWAY, CONFIRMATION, DELAY, FAILURE, GIVEN_UP, HELP, TROUBLE
from mailgate.message.text import line, words

MAX_RECIPIENTS = 100
MAX_DIAGNOSTIC = 500

MAX_NOTICE = 12_000  # characters; the longest of Exchange have half of it above the returned mail
_MAX_SQUEEZED = 4_000
_MAX_LINES, _MAX_LINE = 200, 300
_FLUFL_LINES, _FLUFL_LINE = 150, 200  # its expressions are quadratic in a line, and it reads each forty times

_ATOM = r"[^\s<>()\[\]{}:;,\"'`|\\@*]{1,64}"
_MAILBOX = rf"(?:{_ATOM}|\"[^\"\s]{{1,64}}\")@\w(?:[\w.-]{{0,252}}\w)?"
MAILBOX = re.compile(_MAILBOX)


class Sender(StrEnum):
    """How sure it is that no person wrote."""

    SERVER = "server"
    """A mail server, by its own name."""
    NOBODY = "nobody"
    """A gateway, no return path, or no From at all: nobody who waits for an answer."""
    DOUBTFUL = "doubtful"
    """A postmaster or a no-reply address: people use the one, and robots of all sorts the other."""


_SERVER = re.compile(
    r"\b(?:mailer?[-_ ]?daemon|mdaemon|mail[-._ ]?delivery[-._ ]?(?:sub)?(?:system|service)"
    r"|mail[-._ ]?(?:sub)?system|microsoftexchange[0-9a-f]{8,40})\b",
    re.IGNORECASE,
)
_GATEWAY = re.compile(r"anti-?virus|mail-?(?:gateway|scanner|guard|sweeper|marshal)", re.IGNORECASE)
_DOUBTFUL = re.compile(
    r"postmaster|bounces?|[nm]dr|(?:.{0,60}[-_.])?(?:no|do[-_.]?not|jangan|tidak)[-_.]?(?:reply|membalas|balas)"
    r"|.{1,60}-(?:owner|request|bounces)",
    re.IGNORECASE,
)


# Where the returned mail begins.
_COPY = re.compile(
    r"^(?:[-=*_# ]{2,40}.{0,60}\b(?:original|returned|unsent|copy|bounced|headers?|below)\b.{0,80}"
    r"|.{0,40}\b(?:original (?:message|mail|headers?)|message (?:headers?|text)|returned mail|old message)"
    r".{0,12}\b(?:follows?|attached)\b.{0,20}|.{0,60}\bcopy of (?:the|your|this)\b.{0,60}"
    r"|.{0,20}\boriginal (?:message|header|mail)\w?\b.{0,12}:[ ]*|bounced e-?mail:"
    r"|.{0,30}ниже этой линии.{0,60}"
    r"|(?:return-path|received|dkim-signature|x-received|mime-version|message-id)[ ]?:.{1,900})$",
    re.IGNORECASE | re.MULTILINE,
)
_LISTED = re.compile(
    rf"[\s>*•|-]{{0,12}}[\"'<(\[]{{0,2}}(?:mailto:|smtp:)?({_MAILBOX})[\"'>)\]]{{0,2}}(?=[\s.,;:<(]|$)",
    re.IGNORECASE,
)
_RCPT = re.compile(rf"rcpt to:[ ]?<?({_MAILBOX})", re.IGNORECASE)
_ANSWERED = re.compile(rf"(?<![\d.])[45]\d\d[- ](?:[45]\.\d{{1,3}}\.\d{{1,3}} )?<({_MAILBOX})>")
_NAMED = re.compile(
    r"\b(?:to|recipients?|address(?:es)?|user(?:id)?|mailbox|account|for|attempts|list|penerima|kepada|ke|alamat)"
    rf"\W{{1,8}}(?:mailto:|smtp:)?({_MAILBOX})",
    re.IGNORECASE,
)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_SAID = re.compile(r"(?<![\d.])(?:[45]\d\d[- ]|[245]\.\d{1,3}\.\d{1,3}(?![\d.]))")
_AMAZON = re.compile(r"\s*\{\s*\"(?:notificationType|eventType)\"\s*:\s*\"Bounce\"")
_AMAZON_RECIPIENT = re.compile(rf"\"emailAddress\"\s*:\s*\"({_MAILBOX})\"")


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that may be a bounce."""

    headers: Headers
    sender: Sender | None
    is_report: bool
    """It is a multipart/report: whatever it is, no person made it."""
    notice: str
    """The words above the returned mail."""
    copied: bool
    """The returned mail stands in its words."""
    returned: tuple[Headers, ...]
    """Of the mails that came back with it."""


def sender(headers: Headers, authors: Iterable[Address], return_path: str | None) -> Sender | None:
    """Who wrote; None: somebody who can be answered."""
    named = " ".join(line(words(value)) for value in headers.get("from", ())[:2])[:1000]
    if "x-failed-recipients" in headers or _SERVER.search(f"{named} {(return_path or '')[:320]}"):
        return Sender.SERVER
    local_parts = [one.address.rpartition("@")[0][:320] for one in authors]
    if return_path == "" or named == "<>" or any(map(_GATEWAY.search, local_parts)):
        return Sender.NOBODY
    return Sender.DOUBTFUL if any(map(_DOUBTFUL.fullmatch, local_parts)) else None


def above_copy(text: str) -> str:
    """The words above the returned mail, at most so many as a notice has."""
    text = text[:MAX_NOTICE]
    copy = _COPY.search(text)
    return text[: copy.start()] if copy else text


def asks_for_confirmation(notice: str, recipients: Iterable[DsnRecipient]) -> bool:
    """A filter that lets a mail pass once its sender has clicked: the address is alive."""
    said = (recipient.diagnostic for recipient in recipients)
    return any(CONFIRMATION.search(one) for one in (*said, " ".join(notice.split())[:_MAX_SQUEEZED]))


def recipients(letter: Letter) -> tuple[DsnRecipient, ...] | None:
    """Who was not reached; () when it does not say; None when the mail is no bounce."""
    subject = line(words(first(letter.headers, "subject")))[:500]
    prose = " ".join(letter.notice.split())[:_MAX_SQUEEZED]
    if not _complains(letter, subject, prose):
        return None
    action = "delayed" if _is_delay(subject, prose) else "failed"
    addresses = tuple(islice(_failed_addresses(letter), MAX_RECIPIENTS))
    if not addresses and not letter.returned and not FAILURE.search(subject):
        return None
    if letter.sender is not Sender.SERVER and not letter.is_report and not (addresses or letter.returned):
        return None
    return tuple(DsnRecipient(one, action, _status(letter), _diagnostic(letter)) for one in addresses)


def _complains(letter: Letter, subject: str, prose: str) -> bool:
    if _AMAZON.match(letter.notice):
        return True
    if letter.sender is not Sender.SERVER and (AWAY.search(subject) or CONFIRMATION.search(prose)):
        return False
    if letter.sender is Sender.DOUBTFUL and not letter.is_report and not _shows_the_mail(letter):
        return False
    needed = TROUBLE if letter.sender is Sender.SERVER or letter.is_report else FAILURE
    return any(needed.search(one) for one in (subject, prose)) or "x-failed-recipients" in letter.headers


def _shows_the_mail(letter: Letter) -> bool:
    """A postmaster who writes of trouble quotes no transcript, and does not return a mail."""
    return letter.copied or bool(letter.returned) or bool(_SAID.search(letter.notice))


def _is_delay(subject: str, prose: str) -> bool:
    if DELAY.search(subject):
        return True
    return bool(DELAY.search(prose)) and not GIVEN_UP.search(f"{subject} {prose}")


def _status(letter: Letter) -> str:
    found = _STATUS.search(letter.notice)
    return found[1] if found else ""


def _diagnostic(letter: Letter) -> str:
    """The line in which the remote server speaks."""
    rows = letter.notice.split("\n", _MAX_LINES)[:_MAX_LINES]
    return next((line(row)[:MAX_DIAGNOSTIC] for row in rows if _SAID.search(row[:_MAX_LINE])), "")


# --- whom? ------------------------------------------------------------------------------------------------


def _failed_addresses(letter: Letter) -> Iterator[str]:
    """Each once; by the first of these ways that finds any."""
    named = _mailboxes(letter.headers, "x-failed-recipients") or _amazon(letter)
    own = {one.casefold() for one in _mailboxes(letter.headers, "to", "from")}
    for way in (_flufl, _listed, _refused, _named, _addressees):
        if named:
            break
        named = [one for one in way(letter) if one.casefold() not in own]
    yield from {one.casefold(): line(one) for one in named}.values()


def _mailboxes(headers: Headers, *names: str) -> list[str]:
    """The addresses of these fields; Exim splits X-Failed-Recipients over several."""
    values = (value[:20_000] for name in names for value in headers.get(name, ())[:20])
    return [found for value in values for found in MAILBOX.findall(value)][:MAX_RECIPIENTS]


def _amazon(letter: Letter) -> list[str]:
    """SES tells by JSON; its words stand in a mail that people may read."""
    if not _AMAZON.match(letter.notice):
        return []
    bounced = letter.notice.partition('"bouncedRecipients"')[2].partition("]")[0]
    return _AMAZON_RECIPIENT.findall(bounced)


def _listed(letter: Letter) -> list[str]:
    """Addresses at the beginning of a line: "<sari@example.go.id>:"."""
    return [found[1] for row in _rows(letter) if (found := _LISTED.match(row))]


def _refused(letter: Letter) -> list[str]:
    """Addresses in what two servers said to each other."""
    return [found[1] for row in _rows(letter) if (found := _RCPT.search(row) or _ANSWERED.search(row))]


def _named(letter: Letter) -> list[str]:
    """Addresses after words such as "to"; those who had the mail sent to them, when it names more."""
    rows = (row for row in _rows(letter) if not HELP.search(row))
    found = [one for row in rows for one in _NAMED.findall(row)]
    wanted = {one.casefold() for one in _addressees(letter)}
    return [one for one in found if one.casefold() in wanted] or found


def _addressees(letter: Letter) -> list[str]:
    """To whom the returned mail was written."""
    return [one for headers in letter.returned for one in _mailboxes(headers, "to", "x-envelope-to")]


def _rows(letter: Letter) -> Iterator[str]:
    rows = letter.notice.split("\n", _MAX_LINES)[:_MAX_LINES]
    return (row[:_MAX_LINE] for row in rows)


# --- flufl.bounce -----------------------------------------------------------------------------------------


def _flufl(letter: Letter) -> list[str]:
    """What the experience of Mailman knows; on hostile mail it raises all sorts of things."""
    from flufl.bounce import all_failures

    try:
        temporary, permanent = all_failures(_as_stdlib(letter))
    except Exception:  # its detectors take apart what anybody may write
        return []
    found = (one.decode("ascii", "replace") for one in sorted(permanent or temporary))
    return [one for one in found if MAILBOX.fullmatch(one)]


def _as_stdlib(letter: Letter) -> StdlibMessage:
    """The same mail, decoded and shortened, in the form that its server gave it."""
    mail: StdlibMessage[str, str] = StdlibMessage()
    for name in ("from", "subject", "x-mailer"):
        if name in letter.headers:
            mail[name] = line(first(letter.headers, name))[:_MAX_LINE]
    if not letter.returned:
        return _plain(mail, letter.notice)
    mail["Content-Type"] = "multipart/report" if letter.is_report else "multipart/mixed"
    mail.attach(_plain(StdlibMessage(), letter.notice))
    return mail


def _plain(mail: StdlibMessage, text: str) -> StdlibMessage:
    mail["Content-Type"] = "text/plain"
    mail.set_payload(_shortened(text))
    return mail


def _shortened(text: str) -> str:
    rows = text.split("\n", _FLUFL_LINES)[:_FLUFL_LINES]
    return "".join(f"{row[:_FLUFL_LINE]}\n" for row in rows)
