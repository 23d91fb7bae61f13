"""What is known about one incoming mail, gathered inside the transaction that will decide it?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from types import MappingProxyType

from sqlalchemy import Connection

from mailgate.desk import arguments, brakes
from mailgate.desk.commands import Wanted, wanted
from mailgate.desk.followup import survivor
from mailgate.desk.situation import CitedMail, Counter, SentMail, Situation
from mailgate.desk.ticket import Ticket
from mailgate.message.ids import ref_ids, ticket_numbers, token_of
from mailgate.message.message import Attachment, Message
from mailgate.settings import Staff
from mailgate.store import alerts, confirmations, mails, outbox, senders, tickets
from mailgate.store.lately import lately
from mailgate.store.mails import Kept
from mailgate.store.senders import Sender

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SURVEYED_AGAIN = timedelta(days=30)
HISTORY_LINES = 5
MOST_CITED = 60  # the first and the last ones of a References field that may hold thousands
MOST_ASKED_FOR = 5  # tickets that one mail cites and whose attachments it may mean
NO_FILES: Mapping[str, tuple[Attachment, ...]] = MappingProxyType({})
MOST_IDS = 20  # of one person and ticket: what a client needs for its thread


@dataclass(frozen=True, slots=True)
class _Cited:
    """What a mail cites, and which mails of ours it is, or reports on."""

    own: SentMail | None
    reported: SentMail | None
    sent: tuple[SentMail, ...]
    others: tuple[CitedMail, ...]
    tagged: tuple[str, ...]

    @property
    def numbers(self) -> list[str]:
        """The tickets of the mails cited."""
        return [one.number for one in self.sent if one.number] + [one.number for one in self.others]


@dataclass(frozen=True, slots=True)
class _Reach:
    """The tickets that a mail leads to, locked."""

    tickets: Mapping[str, Ticket]
    """This desk's."""
    elsewhere: frozenset[str]
    """Of other desks."""
    told_of: AbstractSet[str]
    """Those of `tickets` about which somebody may be written to."""
    strangers: tuple[Ticket, ...]
    touched: frozenset[str]


def gather(
    connection: Connection,
    message: Message,
    kept: Kept,
    counter: Counter,
    now: datetime,
    attachments: Mapping[str, tuple[Attachment, ...]] = NO_FILES,
) -> Situation:
    """Look up what the mail leads to; every ticket in it is locked.

    `attachments`: what #lampiran asks for, read before the transaction: see `wanted_mails`.
    """
    author = message.author
    staff = counter.desk.staff_by_address(author.address) if author else None
    asked = wanted(message.own_words) if staff else Wanted()
    cited = _cited(connection, message, counter)
    sender = senders.known(connection, message, kept, counter, now)
    reach = _reach(connection, cited, asked, sender, kept, counter, now)
    situation = _with_sender(_found(connection, message, kept, counter, now, cited, reach), sender)
    if reach.told_of:
        situation = _with_history(connection, situation, reach.told_of, counter)
    if staff or situation.reported or (author and brakes.full(author.address, situation, counter)):
        situation = _told_lately(connection, situation, counter)
    if staff is None:
        return situation
    return _for_staff(connection, replace(situation, attachments=attachments), staff, asked, counter)


def _reach(
    connection: Connection,
    cited: _Cited,
    asked: Wanted,
    sender: Sender,
    kept: Kept,
    counter: Counter,
    now: datetime,
) -> _Reach:
    named = _named(asked, counter, now.astimezone(counter.calendar.zone).year)
    strangers = _strangers(connection, [*cited.numbers, *named], counter) if asked.strangers else []
    about = [*cited.numbers, *cited.tagged, *named, *strangers]
    every = _tickets(connection, [*about, *_numbers(cited.reported, sender.same_subject, sender.flood)])
    every |= tickets.locked(connection, minute := senders.together(sender, kept, counter))
    found = {number: ticket for number, ticket in every.items() if ticket.desk == counter.key}
    return _Reach(
        tickets=found,
        elsewhere=frozenset(every.keys() - found.keys()),
        told_of=found.keys() - _only_holding(sender, about, found),
        strangers=tuple(found[number] for number in strangers if number in found),
        touched=_touched(connection, minute, counter),
    )


def _found(
    connection: Connection,
    message: Message,
    kept: Kept,
    counter: Counter,
    now: datetime,
    cited: _Cited,
    reach: _Reach,
) -> Situation:
    return Situation(
        now=now,
        received_at=kept.received_at,
        number=_next_number(connection, kept.received_at.astimezone(counter.calendar.zone).year, counter),
        own=cited.own,
        reported=cited.reported,
        sent=cited.sent,
        cited=cited.others,
        tagged=tuple(number for number in cited.tagged if number in reach.tickets),
        tickets=reach.tickets,
        strangers=reach.strangers,
        elsewhere=reach.elsewhere,
        sibling=_sibling(connection, message, kept, counter),
        silent=kept.silent,
        confirmed=kept.confirmed,
        by_hand=kept.folder == counter.desk.imap.sent,
        kept_at=kept.kept_at,
        touched=reach.touched,
    )


def _with_sender(situation: Situation, sender: Sender) -> Situation:
    hour_ago = situation.now - HOUR
    return replace(
        situation,
        mails_lately=sender.mails_lately,
        same_subject=sender.same_subject,
        automatic_lately=sum(written > hour_ago for written, _ in sender.automatic),
        automatic_today=len(sender.automatic),
        automatic_at=tuple(left for _, left in sender.automatic),
        repeated=sender.repeated,
        domain_full=sender.domain_full,
        blocked=sender.blocked,
        unreachable=sender.unreachable,
        flood=sender.flood,
        minute=sender.minute,
    )


def _with_history(
    connection: Connection, situation: Situation, numbers: AbstractSet[str], counter: Counter
) -> Situation:
    return replace(
        situation,
        threads=_threads(connection, numbers, counter),
        history={number: tickets.history(connection, number, HISTORY_LINES) for number in numbers},
    )


def _cited(connection: Connection, message: Message, counter: Counter) -> _Cited:
    cites = _cites(message)
    tokens = _tokens(message, cites)
    own = token_of(message.message_id) if message.message_id else None
    reported = _reported(message)
    sent = outbox.cited(connection, [one for one in (own, reported, *tokens) if one])
    others = mails.cited(connection, [one for one in cites if token_of(one) is None])
    return _Cited(
        own=sent.get(own or ""),
        reported=sent.get(reported or ""),
        sent=tuple(sent[one] for one in dict.fromkeys(tokens) if one in sent),
        others=tuple(sorted(others, key=lambda mail: cites.index(mail.message_id))),
        tagged=ticket_numbers(message.subject, [counter.desk.prefix])[:MOST_CITED],
    )


def _tickets(connection: Connection, numbers: Iterable[str]) -> dict[str, Ticket]:
    """These, and all that are one with them."""
    found = tickets.locked(connection, numbers)
    found |= _led_to(connection, found)
    return found | tickets.locked(connection, tickets.merged_into(connection, found))


def _only_holding(sender: Sender, about: Iterable[str], found: Mapping[str, Ticket]) -> set[str]:
    """A flood's ticket, where this mail leads to it by nothing else.

    Nobody is written to about it then; with each mail its history is longer.
    """
    if sender.flood is None:
        return set()
    return {number for number in found if number not in _tree(about, found)}


def _tree(about: Iterable[str], found: Mapping[str, Ticket]) -> set[str]:
    """These tickets, and those that they were merged into."""
    some = {number for number in about if number in found}
    return some | {survivor(number, found).number for number in some}


def _touched(connection: Connection, numbers: list[str], counter: Counter) -> frozenset[str]:
    """Those of the tickets to which somebody of the staff did something."""
    if not numbers:
        return frozenset()
    return frozenset(
        number
        for number, actors in tickets.actors(connection, numbers).items()
        if any(counter.desk.staff_by_address(one) for one in actors)
    )


# --- where it leads ---------------------------------------------------------------------------------------


def _tokens(message: Message, cites: list[str]) -> list[str]:
    return [token for one in cites if (token := token_of(one))] + list(ref_ids(message.text)[:MOST_CITED])


def wanted_mails(connection: Connection, message: Message, counter: Counter) -> dict[str, list[int]]:
    """By ticket, the mails whose attachments a member of the staff may ask for; none unless somebody does.

    Who asks, and about which of these tickets, is decided only later, inside the transaction.
    """
    author = message.author
    if author is None or counter.desk.staff_by_address(author.address) is None:
        return {}
    if not wanted(message.own_words).attachments:
        return {}
    tokens = _tokens(message, _cites(message))
    sent = outbox.cited(connection, tokens)
    tagged = ticket_numbers(message.subject, [counter.desk.prefix])[:1]
    numbers = [sent[one].number for one in tokens if one in sent and sent[one].desk == counter.key]
    cited = list(dict.fromkeys(one for one in (*numbers, *tagged) if one))[:MOST_ASKED_FOR]
    meant = dict.fromkeys(tickets.survivor_of(connection, one) for one in cited)
    return {number: tickets.mails_of(connection, number) for number in meant}


def _named(asked: Wanted, counter: Counter, year: int) -> list[str]:
    """The tickets that commands name."""
    prefixes = [desk.prefix for desk in counter.desks.values()]
    numbers = (arguments.number(one, counter.desk.prefix, prefixes, year) for one in asked.numbers)
    return [number for number in numbers if number]


def _strangers(connection: Connection, about: list[str], counter: Counter) -> list[str]:
    """Who waits: what they cited may have been merged into what the mail is about."""
    cited = [*about, *tickets.merged_into(connection, about)]
    return tickets.strangers(connection, counter.key, cited)


def _led_to(connection: Connection, found: Mapping[str, Ticket]) -> dict[str, Ticket]:
    """The tickets into which those were merged, and those that strangers cited."""
    more: dict[str, Ticket] = {}
    wanted_ones = _leads(found.values()) - found.keys()
    while wanted_ones:
        more |= tickets.locked(connection, wanted_ones)
        wanted_ones = _leads(more.values()) - more.keys() - found.keys()
    return more


def _leads(some: Iterable[Ticket]) -> set[str]:
    return {number for one in some for number in (one.merged_into, one.stranger_of) if number}


def _told_lately(connection: Connection, situation: Situation, counter: Counter) -> Situation:
    told = alerts.told_lately(connection, counter.key, lately(situation.now, DAY))
    return replace(situation, told_lately=told)


def _for_staff(
    connection: Connection, situation: Situation, staff: Staff, asked: Wanted, counter: Counter
) -> Situation:
    """What nobody else needs: the words and files of a ticket, lists, and what a mail of ours told of."""
    told_of = [one.mail_id for one in situation.sent if one.mail_id is not None]
    since, until = _month(asked, situation, counter)
    return replace(
        situation,
        requests={number: tickets.request(connection, number) for number in situation.tickets},
        surveyed=tickets.surveyed(
            connection, situation.tickets.values(), lately(situation.now, SURVEYED_AGAIN)
        ),
        files={number: tickets.files(connection, number) for number in situation.tickets},
        spoken=tickets.spoken(connection, told_of),
        asked=confirmations.asked(connection, told_of),
        listing=tuple(tickets.unfinished(connection, counter.key)) if asked.listing else (),
        month=tuple(tickets.received_between(connection, counter.key, since, until)) if since < until else (),
        unanswered=confirmations.unanswered(
            connection, counter.key, staff.address, lately(situation.now, DAY)
        ),
    )


def _month(asked: Wanted, situation: Situation, counter: Counter) -> tuple[datetime, datetime]:
    """From when to when tickets are counted; nothing lies between the two where nobody asks."""
    zone = counter.calendar.zone
    today = situation.now.astimezone(zone).date()
    found = arguments.month(asked.month, today) if asked.month is not None else None
    if not isinstance(found, tuple):
        return situation.now, situation.now
    year, month = found
    first = datetime(year, month, 1, tzinfo=zone)
    return first, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)


def without_mail(connection: Connection, ticket: Ticket, counter: Counter, now: datetime) -> Situation:
    """The same where no mail came in: time acts, or our own server refused a mail of ours."""
    return Situation(
        now=now,
        received_at=now,
        number=ticket.number,
        tickets={ticket.number: ticket},
        threads=_threads(connection, [ticket.number], counter),
        told_lately=alerts.told_lately(connection, counter.key, lately(now, DAY)),
        requests={ticket.number: tickets.request(connection, ticket.number)},
        questions={ticket.number: tickets.question(connection, ticket.number)},
        files={ticket.number: tickets.files(connection, ticket.number)},
        history={ticket.number: tickets.history(connection, ticket.number, HISTORY_LINES)},
    )


def _cites(message: Message) -> list[str]:
    """Ids that the mail cites: what it answers first, then the newest of its thread."""
    thread = list(reversed(message.references))
    return list(dict.fromkeys([*message.in_reply_to[:MOST_CITED], *thread[:MOST_CITED]]))


def _reported(message: Message) -> str | None:
    """Our mail that a delivery report names: by Message-ID, else by ENVID (RFC 3461, section 4.4)."""
    if message.dsn is None:
        return None
    by_id = token_of(message.dsn.original_message_id) if message.dsn.original_message_id else None
    return by_id or (token_of(message.dsn.envelope_id) if message.dsn.envelope_id else None)


def _numbers(*found: object) -> list[str]:
    numbers = [one if isinstance(one, str) else getattr(one, "number", None) for one in found]
    return [number for number in numbers if number]


def _next_number(connection: Connection, year: int, counter: Counter) -> str:
    serial = tickets.next_serial(connection, counter.key, year)
    return f"{counter.desk.prefix}-{year}-{serial:06}"


def _threads(
    connection: Connection, numbers: Iterable[str], counter: Counter
) -> dict[tuple[str, str], tuple[str, ...]]:
    """For each ticket and person: only ids that this person wrote or received (design, section 6)."""
    threads: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    for number in numbers:
        for person, message_id, at in (
            *tickets.written(connection, number),
            *outbox.sent_about(connection, number),
            *tickets.sent_by_hand(connection, number, counter.desk.imap.sent),
        ):
            threads[number, person].append((at, message_id))
    return {
        key: tuple(dict.fromkeys(one for _, one in sorted(found, key=itemgetter(0))[-MOST_IDS:]))
        for key, found in threads.items()
    }


def _sibling(connection: Connection, message: Message, kept: Kept, counter: Counter) -> str | None:
    """Asked only where the mail names another desk as well: most do not."""
    named = (*message.to, *message.cc, *message.resent_to)
    others = [desk for key, desk in counter.desks.items() if key != counter.key]
    if not any(desk.is_own_address(one.address) for one in named for desk in others):
        return None
    return mails.sibling(connection, counter.key, kept.message_id, kept.content)
