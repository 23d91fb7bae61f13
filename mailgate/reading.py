"""What does mailgate read in raw mail? One record a mail, for machines and for people."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from mailgate.logs import printable
from mailgate.message.message import Attachment, Dsn, Feedback, Message, Unreadable
from mailgate.message.worker import Reader
from mailgate.sources import Source

Json = dict[str, Any]


def records(reader: Reader, sources: Iterable[Source]) -> Iterator[Json]:
    """One record a mail, in their order; never stops at one mail."""
    held: list[Source] = []

    def raws() -> Iterator[bytes]:
        for source in sources:
            held.append(source)
            yield source.raw

    for answer in reader.read_all(raws()):
        yield record(held.pop(0), answer)


def record(source: Source, found: Message | Unreadable) -> Json:
    """The fields of section 9 of the design; `error` says why the mail would be set aside."""
    if isinstance(found, Unreadable):
        return {"path": source.path, **_EMPTY, "error": source.fault or found.reason}
    return {
        "path": source.path,
        "message_id": found.message_id,
        "subject": found.subject,
        "author": ", ".join(map(str, found.authors)) or None,
        "to": [str(one) for one in found.to],
        "date": _iso(found.date),
        "text": found.text,
        "reply_text": "" if found.only_quoted else found.reply_text,
        "attachments": [_attachment(one) for one in found.attachments],
        "automatic": found.automatic.reason if found.automatic else None,
        "dsn": _dsn(found.dsn),
        "feedback": _feedback(found.feedback),
        "charset_guessed": found.charset_guessed,
        "defects": list(found.defects),
        "error": source.fault,
    }


_EMPTY: Json = {
    "message_id": None,
    "subject": "",
    "author": None,
    "to": [],
    "date": None,
    "text": "",
    "reply_text": "",
    "attachments": [],
    "automatic": None,
    "dsn": None,
    "feedback": None,
    "charset_guessed": False,
    "defects": [],
}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _attachment(one: Attachment) -> Json:
    return {"name": one.name, "type": one.type, "size": one.size}


def _dsn(found: Dsn | None) -> Json | None:
    if found is None:
        return None
    return {
        "action": found.action,
        "recipients": [one.address for one in found.recipients],
        "original_message_id": found.original_message_id,
    }


def _feedback(found: Feedback | None) -> Json | None:
    return {"type": found.type, "source_ip": found.source_ip} if found else None


_LABELS = ("author", "to", "date", "subject", "message_id", "automatic", "error")


def readable(row: Json) -> str:
    """A record for a person at a terminal: nothing in it moves the cursor."""
    head = [f"{row['path']}", *(f"  {label:11} {_words(row[label])}" for label in _LABELS if row[label])]
    files = [
        f"  attachment  {one['name'] or '-'} ({one['type']}, {one['size']})" for one in row["attachments"]
    ]
    more = [f"  {label:11} {row[label]}" for label in ("dsn", "feedback") if row[label]]
    notes = [f"  note        {one}" for one in row["defects"]]
    text = [f"  | {one}" for one in row["reply_text"].split("\n")] if row["reply_text"] else []
    return "\n".join(map(printable, [*head, *more, *files, *notes, *text, ""]))


def _words(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
