"""Is a person writing, or a machine?"""

import re
from collections.abc import Iterable
from itertools import chain

from mailgate.message.headers import Headers, first
from mailgate.message.message import Automatic, AutomaticKind
from mailgate.message.mime import Part
from mailgate.message.phrases import ABSENT, ANSWER_SUBJECT, ANSWER_SUBJECT_END, MEANWHILE, SAYS_SO
from mailgate.message.text import line, words

_RESPONSE, _NOTICE, _BULK = AutomaticKind.RESPONSE, AutomaticKind.NOTICE, AutomaticKind.BULK
_SUSPECTED = AutomaticKind.SUSPECTED

_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)")
_MAX_COMMENT_DEPTH = 5
_LIST_FIELDS = (
    "list-id", "list-help", "list-subscribe", "list-unsubscribe", "list-post", "list-owner", "list-archive",
    "mailing-list", "x-mailing-list",
)  # RFC 5230, section 4.6; ezmlm and majordomo  # fmt: skip
_PRECEDENCES = frozenset({"bulk", "junk", "list"})
_PRECEDENCE_FIELDS = ("precedence", "x-precedence", "preference")
_REPORTS = {
    "message/delivery-status": "a delivery status notification",
    "message/global-delivery-status": "a delivery status notification",
    "message/disposition-notification": "a read receipt",
    "message/global-disposition-notification": "a read receipt",
}
# Fields by which answering programs and robots tell each other what they are.
_RESPONDERS = (
    "x-autoreply", "x-auto-reply", "x-autorespond", "x-autoresponder", "x-autoreply-from", "x-mail-autoreply",
    "x-vacation",
)  # fmt: skip
_ROBOTS = (
    "x-otrs-loop", "x-otobo-loop", "x-znuny-loop", "x-loop", "x-fc-machinegenerated", "x-cron-env",
    "x-ms-exchange-generated-message-source",
)  # fmt: skip
_SAID_BY_VALUE = {
    "x-apple-action": "vacation",
    "x-freescout-mail-type": "auto.reply",
    "delivered-to": "autoresponder",
    "x-post-messageclass": "9",  # "9; Autoresponder" of 1&1
}
_MAX_ABSENCE_NOTICE = 1_500
"""Characters: who writes more wants something."""

_DAEMON = re.compile(r"(?:mailer-daemon|mdaemon|mail-daemon)(?:[-+=].*)?", re.IGNORECASE)
_LIST_ROBOT = re.compile(
    r"owner-.+|.+-owner|.+-request|.+-bounces?(?:[-+=].*)?|majordomo|listserv", re.IGNORECASE
)
_NOBODY = re.compile(
    r"(?:.+[-_.+])?(?:no[-_.]?reply|do[-_.]?not[-_.]?reply|tidak[-_.]?membalas|jangan[-_.]?(?:di)?balas)(?:[-_.+=].*)?"
    r"|bounces?(?:[-_.+=].*)?",
    re.IGNORECASE,
)


def automatic(
    root: Part,
    authors: Iterable[str],
    return_path: str | None,
    own_words: str,
    *,
    bounced: bool = False,
    complained: bool = False,
) -> Automatic | None:
    """Why a mail is taken for a machine's; None when, as far as one can tell, a person wrote.

    `authors`: the addresses of From. `bounced`, `complained`: it was read as a delivery or an abuse report.
    The marks are asked in the order of what they prove: an answer before a notice before bulk, words last.
    """
    authors, headers = tuple(authors), root.headers
    answers = bool(headers.get("in-reply-to") or headers.get("references"))
    found = (
        _report(root)
        or (Automatic(_RESPONSE, "it reports on a delivery") if bounced else None)
        or _auto_submitted(headers, answers)
        or _answering_program(headers)
        or (Automatic(_NOTICE, "it is an abuse report") if complained else None)
        or _daemon(authors, return_path)
        or _bulk(headers)
        or _suppress(headers, answers)
        or _robot(authors, return_path)
        or _null_return_path(return_path, answers)
    )
    return found or _postmaster(authors) or _suspected(headers, own_words, answers)


def _report(root: Part) -> Automatic | None:
    """What calls itself a report. Parts of one inside another mail were forwarded by somebody."""
    for report in (root, *root.children):
        if report.type == "multipart/report":
            kind = report.parameters.get("report-type", "").lower()
            # RFC 5965: an abuse report is nobody's answer, it asks for work.
            answer = kind not in ("feedback-report", "feedback", "tlsrpt")
            return Automatic(_RESPONSE if answer else _NOTICE, f"multipart/report; report-type={kind[:40]}")
    if root.type in _REPORTS:
        return Automatic(_RESPONSE, f"it is {_REPORTS[root.type]}")
    for part in root.leaves:
        if part.type == "text/calendar" and part.parameters.get("method", "").lower() == "reply":
            return Automatic(_RESPONSE, "text/calendar; method=REPLY")
    return None


def _auto_submitted(headers: Headers, answers: bool) -> Automatic | None:
    """RFC 3834, section 5; several fields are not allowed and seen: any that is not "no" counts."""
    for value in headers.get("auto-submitted", ()):
        match keyword(value):
            case "no" | "":
                continue
            case "auto-replied":
                return Automatic(_RESPONSE, "Auto-Submitted: auto-replied")
            case other:
                # Exchange writes auto-generated on absence notices, against section 5.2.
                kind = _RESPONSE if answers and _is_answer(headers) else _NOTICE
                return Automatic(kind, f"Auto-Submitted: {other[:40]}")
    return None


def keyword(value: str) -> str:
    """The first word of a structured field, lower case, without comments and parameters."""
    value = value[:998]
    for _ in range(_MAX_COMMENT_DEPTH):
        value = _COMMENT.sub(" ", value)
    return value.partition(";")[0].strip().lower()


def _answering_program(headers: Headers) -> Automatic | None:
    for name in _RESPONDERS:
        if any(keyword(value) not in ("", "no", "false") for value in headers.get(name, ())):
            return Automatic(_RESPONSE, name)
    for name, said in _SAID_BY_VALUE.items():
        if said in map(keyword, headers.get(name, ())):
            return Automatic(_RESPONSE, f"{name}: {said}")
    if generated := keyword(first(headers, "x-autogenerated")):
        return Automatic(_RESPONSE if generated == "reply" else _NOTICE, f"x-autogenerated: {generated[:40]}")
    for name in _PRECEDENCE_FIELDS:
        if keyword(first(headers, name)) in ("auto_reply", "auto-reply", "autoreply"):
            return Automatic(_RESPONSE, f"{name}: auto_reply")
    for name in _ROBOTS:
        if keyword(first(headers, name)) not in ("", "no", "false"):
            return Automatic(_NOTICE, name)
    return None


def _daemon(authors: Iterable[str], return_path: str | None) -> Automatic | None:
    for address in _addresses(authors, return_path):
        if _DAEMON.fullmatch(_local(address)):
            return Automatic(_RESPONSE, f"a mail server wrote: {address}")
    return None


def _bulk(headers: Headers) -> Automatic | None:
    for name in _LIST_FIELDS:
        if name in headers:
            return Automatic(_BULK, f"it carries {name.title()}")
    for name in _PRECEDENCE_FIELDS:
        for value in headers.get(name, ()):
            if keyword(value) in _PRECEDENCES:
                return Automatic(_BULK, f"{name.title()}: {keyword(value)}")
    return None


def _suppress(headers: Headers, answers: bool) -> Automatic | None:
    """OOF alone is written by people's programs too: it only asks for no absence notice."""
    asked = {
        one.strip().lower()
        for value in headers.get("x-auto-response-suppress", ())
        for one in value.split(",")
    }
    if found := sorted(asked & {"all", "autoreply"}):
        kind = _RESPONSE if answers and _is_answer(headers) else _NOTICE
        return Automatic(kind, f"X-Auto-Response-Suppress: {found[0]}")
    return None


def _robot(authors: Iterable[str], return_path: str | None) -> Automatic | None:
    for address in _addresses(authors, return_path):
        local = _local(address)
        if _LIST_ROBOT.fullmatch(local):
            return Automatic(_BULK, f"a list's address: {address}")
        if _NOBODY.fullmatch(local):
            return Automatic(_NOTICE, f"nobody reads there: {address}")
    return None


def _null_return_path(return_path: str | None, answers: bool) -> Automatic | None:
    if return_path != "":
        return None
    return Automatic(_RESPONSE if answers else _NOTICE, "Return-Path: <>")


def _postmaster(authors: Iterable[str]) -> Automatic | None:
    """Usually a person (RFC 5230, section 4.6), yet never answered: a ticket, and no acknowledgement."""
    for address in authors:
        if _local(address).lower() == "postmaster":
            return Automatic(_NOTICE, f"a postmaster wrote: {address}")
    return None


def _suspected(headers: Headers, own_words: str, answers: bool) -> Automatic | None:
    """By words alone: such a mail keeps its ticket, and is only not answered by a machine of ours."""
    notice = own_words if len(own_words) <= _MAX_ABSENCE_NOTICE else ""
    absent = bool(ABSENT.search(notice)) and bool(MEANWHILE.search(notice))
    if SAYS_SO.search(notice):
        return Automatic(_SUSPECTED, "its words say that a machine wrote them")
    if absent or (_is_answer(headers) and (answers or ABSENT.search(notice))):
        return Automatic(_SUSPECTED, "it reads like an absence notice")
    return None


def _is_answer(headers: Headers) -> bool:
    """Whether the subject is what answering programs write. Proves nothing alone: people write such words."""
    subject = line(words(first(headers, "subject")))[:300]
    return bool(ANSWER_SUBJECT.match(subject) or ANSWER_SUBJECT_END.search(subject))


def nobody_reads(address: str) -> bool:
    """Whether an address says of itself that it is not read: noreply@, bounces@, mailer-daemon@."""
    local = _local(address)
    return any(pattern.fullmatch(local) for pattern in (_NOBODY, _DAEMON, _LIST_ROBOT))


def _addresses(authors: Iterable[str], return_path: str | None) -> Iterable[str]:
    return chain(authors, (return_path,) if return_path else ())


def _local(address: str) -> str:
    return address.rpartition("@")[0][:320] or address[:320]
