"""How does an admin see what mailgate knows? Rows for --json, cells for a terminal of 80 columns."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from textwrap import fill
from typing import Any
from zoneinfo import ZoneInfo

from mailgate.desk import rules, sla
from mailgate.desk.calendar import Calendar
from mailgate.desk.situation import Counter
from mailgate.desk.staffmail import CONFIRMED_WITHIN
from mailgate.desk.ticket import Status, Ticket
from mailgate.logs import printable
from mailgate.message.message import Address, Message, Unreadable
from mailgate.outbox.allowance import Allowance, Facts, Hold, allowance
from mailgate.settings import Desk, Rule, Settings, Work
from mailgate.sources import Source
from mailgate.store import (
    blocks,
    canaries,
    confirmations,
    instances,
    mails,
    outbox,
    submission,
    tickets,
    unreachable,
)
from mailgate.store.canaries import Canary
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
        "undeliverable": _undeliverable(look, ticket, zone),
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


def _undeliverable(look: Connection, ticket: Ticket, zone: ZoneInfo) -> list[Json]:
    """The addresses on a ticket to which mail comes back."""
    on_it = {one.key for one in (ticket.requester, *ticket.participants)}
    return [
        {"address": row.address, "since": iso(row.at, zone), "detail": row.detail}
        for row in unreachable.listed(look, ticket.desk)
        if row.address_key in on_it
    ]


def counted(look: Connection, number: str, counters: Mapping[str, Counter], now: datetime) -> Json:
    """The clock of a ticket that is there, piece by piece, so that a figure can be checked by hand."""
    ticket = tickets.get(look, number)
    counter = counters.get(ticket.desk) if ticket else None
    if ticket is None or counter is None:
        return _CLOCK | _SERVED  # its desk has left the settings, and its calendar with it
    work = counter.desk.work_of(ticket.work)
    return _counted_clock(ticket, work, counter.calendar, now) | {
        "response_seconds": _served(ticket.received_at, ticket.first_response_at, counter.calendar),
        "started_seconds": _served(ticket.received_at, ticket.notified_at, counter.calendar),
    }


_CLOCK: Json = {
    "clock_starts": None,
    "clock_within": None,
    "clock_unit": None,
    "clock_from": None,
    "clock_until": None,
    "clock_intervals": [],
    "clock_counted_seconds": None,
}
_SERVED: Json = {"response_seconds": None, "started_seconds": None}


def _counted_clock(ticket: Ticket, work: Work | None, calendar: Calendar, now: datetime) -> Json:
    if work is None:
        return _CLOCK
    unit = {
        "clock_starts": work.starts,
        "clock_within": str(work.within),
        "clock_unit": work.within.unit.value,
    }
    start = ticket.received_at if work.starts == "received" else ticket.notified_at
    if start is None:
        return _CLOCK | unit
    end = _whole(ticket.resolved_at or ticket.closed_at or now)
    found = calendar.intervals(_whole(start), end)
    return unit | {
        "clock_from": iso(start, calendar.zone),
        "clock_until": iso(end, calendar.zone),
        "clock_intervals": [{"from": iso(a, calendar.zone), "to": iso(b, calendar.zone)} for a, b in found],
        "clock_counted_seconds": _seconds(sum((b - a for a, b in found), timedelta())),
    }


def _served(since: datetime, until: datetime | None, calendar: Calendar) -> int | None:
    """Service seconds from one moment to another; None while there is no other."""
    return None if until is None else _seconds(calendar.between(_whole(since), _whole(until)))


def _whole(moment: datetime) -> datetime:
    """As it is shown: what is shown has to add up."""
    return moment.replace(microsecond=0)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


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


HELD, PAUSED = "held", "paused"
OUTBOX_STATES = (*outbox.UNFINISHED, outbox.FAILED, outbox.CANCELLED, outbox.SENT, HELD, PAUSED)


def outbox_rows(
    look: Connection, settings: Settings, desk: str | None, state: str | None, now: datetime
) -> list[Json]:
    """What waits or failed, or what is in one state; `kept_back` says what a limit or a pause keeps."""
    states: tuple[str, ...] = (*outbox.UNFINISHED, outbox.FAILED)
    if state is not None:
        states = outbox.CLAIMABLE if state in (HELD, PAUSED) else (state,)
    zone, may = ZoneInfo(settings.service.timezone), _allowances(look, settings, now)
    rows = [
        outgoing_row(row, zone)
        | {"priority": row.priority, "kept_back": _kept_back(row, may.get(row.desk), now)}
        for row in outbox.unfinished(look, desk, states)
    ]
    return [row for row in rows if state not in (HELD, PAUSED) or row["kept_back"] == state]


def _allowances(look: Connection, settings: Settings, now: datetime) -> dict[str, Allowance]:
    """Whether one more mail of each desk might leave now."""
    return {key: allowance(_spent(look, settings, key, now), 1) for key in settings.desks}


def _spent(look: Connection, settings: Settings, desk: str, now: datetime) -> Facts:
    most = submission.Limits(settings.desks[desk].smtp.per_day, settings.limits.automatic_per_desk_per_hour)
    return submission.facts(look, desk, submission.standing(look, desk), most, now)


def _kept_back(row: Any, may: Allowance | None, now: datetime) -> str | None:
    if may is None or row.state not in outbox.CLAIMABLE or row.next_at > now:
        return None
    if may.hold is Hold.PAUSED:
        return PAUSED
    return None if (may.automatic if row.priority else may.mails) else HELD


def brakes(look: Connection, settings: Settings, now: datetime) -> list[Json]:
    """What keeps the mail of each desk back, and how much of its limits is used."""
    return [_brakes(look, settings, key, now) for key in settings.desks]


def _brakes(look: Connection, settings: Settings, desk: str, now: datetime) -> Json:
    facts, known = _spent(look, settings, desk, now), submission.standing(look, desk)
    may, zone = allowance(facts, 1), ZoneInfo(settings.service.timezone)
    waits = submission.automatic_waits(look, desk, now) if not may.automatic else 0
    paused = may.hold is Hold.PAUSED
    held = may.hold if not paused and waits else None
    return {
        "desk": desk,
        "paused_until": iso(known.paused_until, zone),
        "paused_since": iso(known.at, zone),
        "pause_reason": known.reason,
        "paused": submission.waits(look, desk, now) if paused else 0,
        "held": waits if held else 0,
        "held_by": held.value if held else None,
        "budget": facts.per_day,
        "budget_used": facts.day_used if facts.per_day else None,
        "automatic_per_hour": facts.per_hour,
        "automatic_used": facts.hour_used,
    }


def brake_lines(one: Json) -> Iterator[tuple[str, str]]:
    """Name and words of what keeps mail back, and of a budget."""
    if one["paused_until"]:
        until, waiting = _short(one["paused_until"]), one["paused"]
        yield "paused", f"until {until}, then one is tried: {one['pause_reason']} ({waiting} waiting)"
    if one["held_by"]:
        spent = f"{one['automatic_used']}/{one['automatic_per_hour']} automatic ones left within the hour"
        if one["held_by"] == Hold.DAY:
            spent = "the rest of the day's budget is kept for words of people"
        yield "held", f"{one['held']} automatic mails: {spent}"
    if one["budget"]:
        yield "budget", f"{one['budget_used']}/{one['budget']} used"


def print_brakes(rows: list[Json]) -> None:
    """Before the list of what waits."""
    for row in rows:
        for name, words in brake_lines(row):
            _print(f"{row['desk']} {name}: {words}")


def outbox_table(rows: list[Json]) -> tuple[list[str], list[list[str]]]:
    cells = [
        [
            row["state"] if row["state"] == outbox.UNCERTAIN else row["kept_back"] or row["state"],
            str(row["priority"]),
            row["ticket"] or "-",
            str(row["attempts"]),
            _short(row["next_at"]) or "-",
            block(row["message_id"].partition("@")[0], row["to"], row["last_error"]),
        ]
        for row in rows
    ]
    return ["state", "prio", "ticket", "tries", "next", "id, to, last error"], cells


def aside_rows(look: Connection, desk: str | None, zone: ZoneInfo) -> list[Json]:
    return [
        {
            "id": one.mail_id,
            "desk": one.desk,
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
    """Silenced senders and addresses to which mail comes back, oldest first."""
    silenced = [
        (row, {"ticket": row.number, "by": row.by, "why": f"silenced by {row.by}"})
        for row in blocks.listed(look, desk)
    ]
    dead = [
        (row, {"ticket": row.number, "by": None, "why": f"mail comes back: {row.detail}"})
        for row in unreachable.listed(look, desk)
    ]
    return [
        {"desk": row.desk, "address": row.address} | facts | {"at": iso(row.at, zone)}
        for row, facts in sorted([*silenced, *dead], key=lambda one: one[0].at)
    ]


def blocked_table(rows: list[Json]) -> tuple[list[str], list[list[str]]]:
    cells = [
        [row["desk"], _short(row["at"]), row["ticket"] or "-", block(row["address"], row["why"])]
        for row in rows
    ]
    return ["desk", "since", "ticket", "address, why"], cells


def status_rows(look: Connection, settings: Settings, now: datetime) -> list[Json]:
    """What waits at each desk of the settings."""
    came, leaves = mails.counts(look), outbox.counts(look)
    asked = confirmations.counts(look, now - CONFIRMED_WITHIN)
    held = instances.holders(look, settings.desks)
    flown = _canaries(look, settings, now)
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
            "unreachable": len(unreachable.listed(look, desk)),
            **_brakes(look, settings, desk, now),
            **flown[desk],
            "mailbox_holder": held.get(desk),
        }
        for desk in settings.desks
    ]


def _canaries(look: Connection, settings: Settings, now: datetime) -> dict[str, Json]:
    """Of each desk when one last came back, and which is overdue; all None where none is sent."""
    zone, every = ZoneInfo(settings.service.timezone), settings.service.canary_every_minutes
    back = canaries.last_returns(look)
    lost = {one.desk: one for one in canaries.lost(look, now)} if every else {}
    return {desk: _flown(back.get(desk), lost.get(desk), every, now, zone) for desk in settings.desks}


def _flown(back: datetime | None, lost: Canary | None, every: int, now: datetime, zone: ZoneInfo) -> Json:
    """None was written for so long that two are missing: nobody lets time pass, which is worth a look too."""
    silent = back is not None and every > 0 and now - back > timedelta(minutes=2 * every)
    return {
        "canary_every_minutes": every,
        "canary_returned_at": iso(back, zone),
        "canary_overdue": lost is not None or silent,
        "canary_overdue_since": iso(lost.due_at, zone) if lost else None,
        "canary_overdue_id": lost.message_id if lost else None,
    }


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
    """What needs somebody is marked, with the command that tells more; what is not there is not said."""
    _print(row["desk"])
    for needed, name, words in _standing(row):
        print(fill(printable(block(words)), 78, initial_indent=f"{_mark(needed)} {name:<15}", **_BELOW))


def _mark(needed: bool) -> str:
    return "!" if needed else " "


_BELOW: Any = {"subsequent_indent": " " * 17, "break_on_hyphens": False}


def _standing(row: Json) -> Iterator[tuple[bool, str, str]]:
    """Of each line whether it needs somebody, its name and its words."""
    yield False, "tickets", f"{row['new']} new, {row['open']} open, {row['pending']} pending"
    if row["overdue"]:
        yield True, "overdue", f"{row['overdue']}: mailgate tickets --overdue"
    yield False, "mail in", f"{row['undecided']} not yet decided"
    if row["set_aside"]:
        yield True, "set aside", f"{row['set_aside']}: mailgate aside list"
    yield False, "mail out", f"{row['to_leave']} to leave"
    if row["failed"]:
        yield True, "failed", f"{row['failed']}: mailgate outbox list --state failed"
    for name, words in brake_lines(row):
        yield name != "budget", name, words
    yield from _canary_line(row)
    yield from _people_lines(row)
    if row["mailbox_holder"]:  # known on PostgreSQL only
        yield False, "mailbox", f"held by {row['mailbox_holder']}"


def _canary_line(row: Json) -> Iterator[tuple[bool, str, str]]:
    back = f"last back {_short(row['canary_returned_at'])}" if row["canary_returned_at"] else "none back yet"
    if row["canary_overdue_id"]:
        since, which = _short(row["canary_overdue_since"]), row["canary_overdue_id"]
        yield True, "canary", f"overdue since {since}, {back}: {which}"
    elif row["canary_overdue"]:
        yield True, "canary", f"{back}, and none was written since: does mailgate run?"
    elif row["canary_returned_at"] or row["canary_every_minutes"]:
        yield False, "canary", back


def _people_lines(row: Json) -> Iterator[tuple[bool, str, str]]:
    if row["confirmations"]:
        yield False, "confirmations", f"{row['confirmations']} unanswered"
    if row["blocked"]:
        yield False, "senders", f"{row['blocked']} blocked"
    if row["unreachable"]:
        yield False, "unreachable", f"{_addresses(row['unreachable'])}: mailgate blocked list"


def _addresses(count: int) -> str:
    return (
        f"{count} address, mail to it comes back"
        if count == 1
        else f"{count} addresses, mail to them comes back"
    )


def canary_row(one: Canary, zone: ZoneInfo) -> Json:
    """A marked mail to ourselves; `seconds` is None while it is not back."""
    took = (one.returned_at - one.sent_at).total_seconds() if one.returned_at else None
    return {
        "desk": one.desk,
        "message_id": one.message_id,
        "sent_at": iso(one.sent_at, zone),
        "returned_at": iso(one.returned_at, zone),
        "seconds": took,
        "state": one.state,
        "last_error": one.last_error,
    }


def print_canary(row: Json) -> None:
    if row["returned_at"]:
        _print(f"{row['desk']}: back after {row['seconds']:.1f} s")
    else:
        error = f", {row['last_error']}" if row["last_error"] else ""
        _print(f"{row['desk']}: not back; {row['message_id']} is {row['state']}{error}")


def print_ticket(full: Json) -> None:
    """One ticket on a terminal."""
    requester = full["requester"]
    _print(f"{full['number']}  {full['subject']}")
    _print(f"{full['status']}, level {full['level']}, holder {full['holder'] or '-'}, clock {full['clock']}")
    address = f"<{requester['address']}>" if requester["address"] else "(no mail address)"
    _print(f"requester  {requester['name']} {address}")
    for name, value in _facts(full):
        _print(f"{name:<18} {block(value)}")
    for one in full["undeliverable"]:
        words = f"mail to {one['address']} comes back since {one['since'][:16]}: {one['detail']}"
        _print(f"{'undeliverable':<18} {block(words)}")
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
    _print("\nclock")
    for line in _clock_lines(full):
        _print(f"   {line}")


def _clock_lines(full: Json) -> Iterator[str]:
    """What was promised, each piece of service time that was counted, and how soon somebody answered."""
    if full["clock_within"] is None:
        yield "no target for this work"
    else:
        yield f"{full['clock_within']} from {_STARTS[full['clock_starts']]}"
        yield from _counted_lines(full) if full["clock_from"] else ("which was not sent: nothing is counted",)
    for name, what in (("response_seconds", "first response"), ("started_seconds", "repair announced")):
        if full[name] is not None:
            yield f"{what:<34} {_span(full[name]):>9} after it was received"


_STARTS = {"received": "when it was received", "notified": "the notice that the repair begins"}


def _counted_lines(full: Json) -> Iterator[str]:
    ended = "first resolution" if full["resolved_at"] else "closing" if full["closed_at"] else "now"
    yield f"from {_second(full['clock_from'])} until {_second(full['clock_until'])} ({ended})"
    if not full["clock_unit"].startswith("service"):
        yield f"due is counted in {full['clock_unit']}; this is the service time that went by:"
    for one in full["clock_intervals"]:
        span = datetime.fromisoformat(one["to"]) - datetime.fromisoformat(one["from"])
        yield f"{_second(one['from'])} to {one['to'][11:19]:<11} {_span(_seconds(span)):>9}"
    yield f"{'service time in all':<34} {_span(full['clock_counted_seconds']):>9}"


def _second(moment: str) -> str:
    return moment[:19].replace("T", " ")


def _span(seconds: int) -> str:
    """Hours, which may be many, minutes and seconds."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


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


# --- what the rules make of a mail ------------------------------------------------------------------------

_COUNTABLE = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
"""A Date may say anything, and calendars end."""


def judged_rows(
    source: Source,
    found: Message | Unreadable,
    counters: Mapping[str, Counter],
    desk: str | None,
    now: datetime,
) -> list[Json]:
    """One for each desk whose rules are asked: the one wanted, else those it is addressed to, else all."""
    if isinstance(found, Unreadable):
        return [{"path": source.path, **_UNREAD, "desk": desk, "error": source.fault or found.reason}]
    wanted = [desk] if desk else _addressed(found, counters) or list(counters)
    return [_judged(source, found, counters[key], now) for key in wanted]


_UNREAD: Json = {
    "message_id": None,
    "subject": "",
    "moment": None,
    "moment_is": None,
    "outside_hours": None,
    "matched": None,
    "rules": [],
}


def _addressed(message: Message, counters: Mapping[str, Counter]) -> list[str]:
    readers = [one.address for one in chain(message.to, message.cc, message.resent_to)]
    return [key for key, one in counters.items() if any(map(one.desk.is_own_address, readers))]


def _judged(source: Source, message: Message, counter: Counter, now: datetime) -> Json:
    date, (first, last) = message.date, _COUNTABLE
    by_date = date if date is not None and first <= date < last else None
    outside_hours = not counter.calendar.is_open(by_date or now)
    judged = rules.judged(counter.desk.rules, message, outside_hours=outside_hours)
    return {
        "path": source.path,
        "message_id": message.message_id,
        "subject": message.subject,
        "desk": counter.key,
        "moment": iso(by_date or now, counter.calendar.zone),
        "moment_is": "date" if by_date else "now",
        "outside_hours": outside_hours,
        "matched": next((one.number for one in judged if one.matched), None),
        "rules": [_rule(rule, one) for rule, one in zip(counter.desk.rules, judged, strict=True)],
        "error": source.fault,
    }


def _rule(rule: Rule, judged: rules.Judged) -> Json:
    return {
        "rule": judged.number,
        "asked": judged.reached,
        "matched": judged.matched,
        "why": list(judged.why),
        "when": rule.when.model_dump(exclude_unset=True),
        "set": rule.set.model_dump(exclude_unset=True, exclude={"suggest"}),
        "suggest": rule.set.suggest,
    }


def judged_head(row: Json) -> list[list[str]]:
    """Which mail, at which desk, when, and the rule that decides: name and text of each line."""
    lines = [("mail", row["path"]), ("subject", row["subject"]), ("desk", row["desk"])]
    if row["moment"]:
        origin = "its Date" if row["moment_is"] == "date" else "now, for want of a Date that can be used"
        side = "outside" if row["outside_hours"] else "within"
        lines += [("moment", f"{_second(row['moment'])}, {origin}: {side} service hours")]
        lines += [("verdict", _verdict(row))]
    lines += [("error", row["error"])]
    return [[name, block(text)] for name, text in lines if text]


def _verdict(row: Json) -> str:
    winner = next((one for one in row["rules"] if one["matched"]), None)
    return f"rule {winner['rule']} matches and {_sets(winner)}" if winner else "no rule matches"


def judged_table(row: Json) -> tuple[list[str], list[list[str]]]:
    cells = [
        [
            str(one["rule"]),
            "MATCHES" if one["matched"] else "no" if one["asked"] else "not asked",
            block(_asks(one["when"]), _sets(one), *(one["why"] if one["asked"] else ())),
        ]
        for one in row["rules"]
    ]
    return ["rule", "", "when, what it does, why"], cells


def _asks(when: Json) -> str:
    return "when " + (", and ".join(f"{key} {_in_short(value)}" for key, value in when.items()) or "any mail")


def _sets(rule: Json) -> str:
    wanted = ", ".join(f"{key} {_in_short(value)}" for key, value in rule["set"].items())
    return f"{'suggests' if rule['suggest'] else 'sets'} {wanted}"


def _in_short(value: Any) -> str:
    """As the settings have it; of a long list the beginning."""
    match value:
        case bool():
            return str(value).lower()
        case list() | tuple():
            more = f" and {len(value) - 3} more" if len(value) > 3 else ""
            return ", ".join(f'"{one}"' for one in value[:3]) + more
        case _:
            return str(value)


def _print(text: str) -> None:
    print("\n".join(printable(line) for line in text.split("\n")))
