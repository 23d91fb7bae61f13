"""How does an admin see what the store knows? Rows for --json, cells for a terminal of 80 columns."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from mailgate.desk import sla
from mailgate.desk.staffmail import CONFIRMED_WITHIN
from mailgate.desk.ticket import Status, Ticket
from mailgate.logs import printable
from mailgate.message.message import Address
from mailgate.settings import Desk, Settings
from mailgate.store import blocks, confirmations, mails, outbox, tickets
from mailgate.store.database import Connection

Json = dict[str, Any]

_SHOWN = (
    "received_at", "notified_at", "first_response_at", "promised_due_at", "due_at", "resolved_at",
    "closed_at", "outcome", "category", "work", "external_number", "survey", "merged_into", "stranger_of",
)  # fmt: skip
"""Of a ticket, where it is known."""


def iso(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """ISO 8601 with the offset of the service's time zone."""
    return moment.astimezone(zone).isoformat(timespec="seconds") if moment else None


def last_moment(look: Connection) -> datetime | None:
    """The newest recorded moment."""
    found = (mails.last_moment(look), outbox.last_moment(look), tickets.last_moment(look))
    return max((moment for moment in found if moment), default=None)


def _clock(ticket: Ticket, desk: Desk | None, now: datetime) -> str:
    work = desk.work_of(ticket.work) if desk else None
    return sla.clock(ticket, work, now, pausing=bool(desk and desk.pause_while_pending)).value


def ticket_row(ticket: Ticket, settings: Settings, now: datetime) -> Json:
    zone = ZoneInfo(settings.service.timezone)
    return {
        "number": ticket.number,
        "desk": ticket.desk,
        "status": ticket.status.value,
        "level": ticket.level,
        "holder": ticket.holder,
        "subject": ticket.subject,
        "requester": ticket.requester_address,
        "work": ticket.work,
        "priority": ticket.priority,
        "received_at": iso(ticket.received_at, zone),
        "due_at": iso(ticket.due_at, zone),
        "clock": _clock(ticket, settings.desks.get(ticket.desk), now),
    }


def ticket_table(rows: list[Json]) -> tuple[list[str], list[list[str]]]:
    """Columns and cells; the subject is last, because it is cut so that a line stays a line."""
    cells = [
        [
            row["number"],
            row["status"],
            _cut((row["holder"] or "-").partition("@")[0], 14),
            _short(row["received_at"]),
            _short(row["due_at"]) or "-",
            block(row["subject"]),
        ]
        for row in rows
    ]
    return ["number", "status", "holder", "received", "due", "subject"], cells


def _short(moment: str | None) -> str:
    return moment[5:16].replace("T", " ") if moment else ""


def block(*lines: str | None) -> str:
    """Each on a line of its own and nothing else; what is empty is left out."""
    return "\n".join(" ".join(line.split()) for line in lines if line)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def ticket_full(look: Connection, number: str, settings: Settings, now: datetime) -> Json | None:
    """Everything about one ticket; None when there is none."""
    ticket = tickets.get(look, number)
    if ticket is None:
        return None
    zone = ZoneInfo(settings.service.timezone)
    moments = (
        "received_at", "notified_at", "first_response_at", "promised_due_at", "due_at", "resolved_at",
        "closed_at",
    )  # fmt: skip
    return {
        **ticket_row(ticket, settings, now),
        **{name: iso(getattr(ticket, name), zone) for name in moments},
        "outcome": ticket.outcome.value if ticket.outcome else None,
        "confidential": ticket.confidential,
        "channel": ticket.channel,
        "requester": {
            "name": ticket.requester_name,
            "address": ticket.requester_address,
            "phone": ticket.requester_phone or None,
            "organisation": ticket.requester_organisation or None,
            "street": ticket.requester_street or None,
        },
        "participants": [_person(one) for one in ticket.participants],
        "proposed": _person(ticket.proposed) if ticket.proposed else None,
        "contact_form": ticket.form,
        "category": ticket.category,
        "reopened": ticket.reopened,
        "started": ticket.started,
        "notified_by": ticket.notified_by,
        "external_number": ticket.external_number,
        "survey": ticket.survey,
        "merged_into": ticket.merged_into,
        "stranger_of": ticket.stranger_of,
        "links": tickets.links(look, number),
        "messages": [_message(said, zone) for said in tickets.messages(look, number)],
        "events": [_event(happened, zone) for happened in tickets.events(look, number)],
        "outgoing": [outgoing_row(row, zone) for row in outbox.outgoing(look, number)],
    }


def _person(one: Address) -> Json:
    return {"name": one.name, "address": one.address}


def _message(said: tickets.Said, zone: ZoneInfo) -> Json:
    return {
        "direction": "in" if said.incoming else "out",
        "kind": said.kind.value,
        "author": str(Address(said.author_name, said.author_address)),
        "subject": said.subject,
        "text": said.text,
        "at": iso(said.at, zone),
        "attachments": list(said.attachments),
        "message_id": said.message_id,
    }


def _event(happened: tickets.Happened, zone: ZoneInfo) -> Json:
    return {
        "at": iso(happened.at, zone),
        "actor": happened.actor,
        "what": happened.what,
        "reason": happened.reason,
        "message_id": happened.message_id,
    }


def outgoing_row(row: Any, zone: ZoneInfo) -> Json:
    return {
        "to": row.recipient,
        "template": row.template,
        "message_id": row.message_id,
        "state": row.state,
        "attempts": row.attempts,
        "last_error": row.last_error,
        "sent_at": iso(row.sent_at, zone),
        "desk": row.desk,
        "ticket": row.number,
        "created_at": iso(row.created_at, zone),
        "next_at": iso(row.next_at, zone),
    }


def outbox_table(rows: list[Json]) -> tuple[list[str], list[list[str]]]:
    cells = [
        [
            row["state"],
            row["ticket"] or "-",
            str(row["attempts"]),
            _short(row["next_at"]) or "-",
            block(row["message_id"].partition("@")[0], row["to"], row["last_error"]),
        ]
        for row in rows
    ]
    return ["state", "ticket", "tries", "next", "id, to, last error"], cells


def aside_rows(look: Connection, desk: str | None, zone: ZoneInfo) -> list[Json]:
    return [
        {
            "id": one.mail_id,
            "author": one.author,
            "subject": one.subject,
            "reason": one.reason,
            "received_at": iso(one.received_at, zone),
        }
        for one in mails.aside(look, desk)
    ]


def decisions(look: Connection, wanted: str, zone: ZoneInfo) -> list[Json]:
    """What became of a mail, and why; several where one Message-ID came in more than once."""
    return [
        {
            "id": row.id,
            "desk": row.desk,
            "message_id": row.message_id,
            "author": row.author,
            "subject": row.subject,
            "received_at": iso(row.received_at, zone),
            "state": row.state,
            "duplicate_of": row.duplicate_of,
            "handling": row.handling,
            "reason": row.reason,
            "ticket": row.number,
            "decided_at": iso(row.decided_at, zone),
            "acknowledged_at": iso(row.acknowledged_at, zone),
            "confirmation": _confirmation(look, row.id, zone),
            "events": [_event(one, zone) for one in tickets.events_by_mail(look, row.id)],
            "outgoing": [outgoing_row(one, zone) for one in outbox.caused_by(look, row.id)],
        }
        for row in mails.find(look, wanted)
    ]


def _confirmation(look: Connection, mail_id: int, zone: ZoneInfo) -> Json | None:
    """What became of the question to the person in whose name it came; None when nobody was asked."""
    row = confirmations.about(look, mail_id)
    if row is None:
        return None
    return {
        "person": row.person_key,
        "state": _answer(row),
        "asked_at": iso(row.asked_at, zone),
        "until": iso(row.asked_at + CONFIRMED_WITHIN, zone),
        "settled_at": iso(row.settled_at, zone),
    }


def _answer(row: Any) -> str:
    if row.settled_at is None:
        return "unanswered"
    return "confirmed" if row.confirmed else "discarded"


def print_decision(one: Json) -> None:
    """The reason first: it is what was asked for."""
    _print(f"{one['handling'] or one['state']}: {one['reason'] or 'not decided yet'}")
    for name in ("id", "desk", "ticket", "author", "subject", "received_at", "decided_at", "acknowledged_at"):
        _print(f"  {name:<16} {one[name] if one[name] is not None else '-'}")
    if one["confirmation"]:
        _print(f"  confirmation     {_asked(one['confirmation'])}")
    for event in one["events"]:
        _print(f"  did              {event['what']} ({event['reason']})")
    for mail in one["outgoing"]:
        _print(f"  sent             {mail['template']} to {mail['to']}: {mail['state']}")


def _asked(one: Json) -> str:
    if one["state"] == "unanswered":
        return f"unanswered by {one['person']}, whose yes counts until {one['until']}"
    return f"{one['state']} by {one['person']} at {one['settled_at']}"


def blocked_rows(look: Connection, desk: str | None, zone: ZoneInfo) -> list[Json]:
    return [
        {
            "desk": row.desk,
            "address": row.address,
            "ticket": row.number,
            "by": row.by,
            "at": iso(row.at, zone),
        }
        for row in blocks.listed(look, desk)
    ]


def blocked_table(rows: list[Json]) -> tuple[list[str], list[list[str]]]:
    cells = [
        [row["desk"], _short(row["at"]), row["ticket"], block(row["address"], row["by"])] for row in rows
    ]
    return ["desk", "since", "ticket", "address, who said so"], cells


def status_rows(look: Connection, settings: Settings, now: datetime) -> list[Json]:
    """What waits at each desk of the settings."""
    came, leaves = mails.counts(look), outbox.counts(look)
    asked = confirmations.counts(look, now - CONFIRMED_WITHIN)
    return [
        {
            "desk": desk,
            **_unfinished(look, desk, now),
            "undecided": came.get((desk, mails.KEPT), 0),
            "set_aside": came.get((desk, mails.ASIDE), 0),
            "to_leave": sum(leaves.get((desk, state), 0) for state in outbox.UNFINISHED),
            "failed": leaves.get((desk, outbox.FAILED), 0),
            "confirmations": asked.get(desk, 0),
            "blocked": len(blocks.listed(look, desk)),
        }
        for desk in settings.desks
    ]


def _unfinished(look: Connection, desk: str, now: datetime) -> Json:
    found = tickets.unfinished(look, desk)
    late = [one for one in found if one.due_at and one.due_at < now and one.resolved_at is None]
    return {
        **{
            status.value: len([one for one in found if one.status is status])
            for status in (Status.NEW, Status.OPEN, Status.PENDING)
        },
        "overdue": len(late),
    }


def print_status(row: Json) -> None:
    _print(row["desk"])
    _print(f"  tickets        {row['new']} new, {row['open']} open, {row['pending']} pending")
    _print(f"  overdue        {row['overdue']}")
    _print(f"  mail in        {row['undecided']} not yet decided, {row['set_aside']} set aside")
    _print(f"  mail out       {row['to_leave']} to leave, {row['failed']} failed")
    _print(f"  confirmations  {row['confirmations']} unanswered")
    _print(f"  senders        {row['blocked']} blocked")


def print_ticket(full: Json) -> None:
    """One ticket on a terminal."""
    requester = full["requester"]
    _print(f"{full['number']}  {full['subject']}")
    _print(f"{full['status']}, level {full['level']}, holder {full['holder'] or '-'}, clock {full['clock']}")
    address = f"<{requester['address']}>" if requester["address"] else "(no mail address)"
    _print(f"requester  {requester['name']} {address}")
    for name, value in _facts(full):
        _print(f"{name:<18} {block(value)}")
    for message in full["messages"]:
        arrow = "->" if message["direction"] == "out" else "<-"
        _print(f"\n{arrow} {message['at'][:16]} {message['kind']} by {message['author']}")
        for line in message["text"].splitlines():
            _print(f"   {line}")
        for attached in message["attachments"]:
            _print(f"   [{attached['name'] or attached['type']}, {attached['size']} bytes]")
    _print("\nhistory")
    for event in full["events"]:
        _print(f"   {event['at'][:16]} {event['what']} by {event['actor']}: {event['reason']}")
    _print("\nmails out")
    for mail in full["outgoing"]:
        error = f" ({mail['last_error']})" if mail["last_error"] else ""
        _print(f"   {mail['created_at'][:16]} {mail['template']} to {mail['to']}: {mail['state']}{error}")


def _facts(full: Json) -> Iterator[tuple[str, str]]:
    """What is known of a ticket, each a line; what is ordinary or unknown is left out."""
    requester = full["requester"]
    yield from ((name, requester[name]) for name in ("organisation", "phone", "street") if requester[name])
    yield from (("participant", str(Address(**one))) for one in full["participants"])
    if full["proposed"]:
        yield "perhaps from", str(Address(**full["proposed"]))
    if full["channel"] != "mail":
        yield "channel", full["channel"]
    yield from ((name, "yes") for name in ("confidential", "contact_form", "started") if full[name])
    yield from ((name, str(full[name])) for name in _SHOWN if full[name] is not None)
    if full["links"]:
        yield "links", ", ".join(full["links"])


def _print(text: str) -> None:
    print("\n".join(printable(line) for line in text.split("\n")))
