"""How do the mail programs of a city answer?

Each style builds what its program builds: the headers, the parts, the line that introduces the quote, and
the answered mail below, line by line. Nothing here knows how mailgate reads.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr, parseaddr
from enum import StrEnum
from hashlib import md5
from html import escape, unescape
from textwrap import fill, wrap
from typing import assert_never
from uuid import NAMESPACE_URL, uuid5

_DAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
_MONTHS = (
    *("Januari", "Februari", "Maret", "April", "Mei", "Juni"),
    *("Juli", "Agustus", "September", "Oktober", "November", "Desember"),
)
_GMAIL_WIDTH = 78
_FLOWED_WIDTH = 72
_ZIMBRA_WIDTH = 80
_LINE_ENDS = re.compile(r"<br\b[^>]*>|</(?:p|div|li|tr)>", re.IGNORECASE)
_INVISIBLE = re.compile(r"<(head|style)\b.*?</\1>", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


class Style(StrEnum):
    """A program as its users have it."""

    GMAIL_ID = "gmail_id"
    OUTLOOK_ID = "outlook_id"
    ZIMBRA = "zimbra"
    ROUNDCUBE_ID = "roundcube_id"
    APPLE_MAIL = "apple_mail"
    THUNDERBIRD = "thunderbird"


class Habit(StrEnum):
    """What some owners have set otherwise; a style that does not know a habit answers as usual."""

    USUAL = "usual"
    HEADERS = "headers"
    """Zimbra: a header block above the answered mail, which is not marked by ">"."""
    ENGLISH = "english"
    """Thunderbird, Apple Mail: an English program."""
    GERMAN = "german"
    """Thunderbird: a German one."""


IPHONE = "Dikirim dari iPhone saya"
"""The signature of an iPhone in Indonesian: `reply(Style.APPLE_MAIL, …, signature=IPHONE)`."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What every program starts from."""

    text: Sequence[str]
    """The lines that were typed."""
    signature: Sequence[str]
    quoted: Sequence[str]
    """The lines of the answered mail."""
    name: str
    """Of who wrote the answered mail; the address where no name is known."""
    address: str
    at: datetime
    """When the answered mail was written."""
    to: str
    """Its recipient, as its header says."""
    subject: str
    habit: Habit


@dataclass(frozen=True, slots=True)
class _Body:
    """What a program makes of it; None: it does not write this part."""

    plain: str | None
    html: str | None = None
    charset: str = "utf-8"
    encoding: str = "quoted-printable"
    flowed: bool = False


def reply(
    style: Style,
    sent: EmailMessage,
    author: str,
    text: str,
    *,
    message_id: str,
    date: datetime,
    signature: str = "",
    attachments: Sequence[tuple[str, str, bytes]] = (),
    habit: Habit = Habit.USUAL,
) -> bytes:
    """The bytes of an answer to `sent`, as the desk's server has them; the same for the same arguments.

    `author`: "Nama <addr>". `message_id`: a whole id, or a word that `id_of` dresses up as the program does.
    `attachments`: name, media type, bytes.
    """
    own_id = id_of(style, message_id, author)
    content = _content(_body(style, _answer(sent, text, signature, habit)), attachments)
    for depth, part in enumerate(one for one in content.walk() if one.is_multipart()):
        part.set_boundary(f"----=_Part_{depth}_{md5(own_id.encode()).hexdigest()}")
    return "\r\n".join([*_head(style, sent, author, own_id, date), ""]).encode() + content.as_bytes()


def id_of(style: Style, word: str, author: str) -> str:
    """The Message-ID, in angle brackets, that a program makes; the same for the same `word`."""
    if "@" in word:
        return f"<{word.strip('<> ')}>"
    domain = parseaddr(author)[1].rpartition("@")[2]
    uuid = uuid5(NAMESPACE_URL, word)
    match style:
        case Style.GMAIL_ID:
            return f"<CA+{word}_{uuid.hex[:20]}@mail.gmail.com>"
        case Style.OUTLOOK_ID:
            return f"<SG2PR04MB{word}{uuid.hex[:20].upper()}@SG2PR04MB4321.apcprd04.prod.outlook.com>"
        case Style.ZIMBRA:
            number = uuid.int % 10**10
            return f"<{number}.{len(word)}.{number * 7 % 10**13}.JavaMail.zimbra@{domain}>"
        case Style.ROUNDCUBE_ID:
            return f"<{md5(word.encode()).hexdigest()}@{domain}>"
        case Style.APPLE_MAIL:
            return f"<{str(uuid).upper()}@{domain}>"
        case Style.THUNDERBIRD:
            return f"<{uuid}@{domain}>"
        case _:
            assert_never(style)


def plain_of(mail: EmailMessage) -> str:
    """What a program shows of a mail; HTML as plain text where nothing else is."""
    part = mail.get_body(("plain", "html"))
    if part is None:
        return ""
    content = str(part.get_content())
    if part.get_content_type() == "text/plain":
        return content
    rows = _LINE_ENDS.sub("\n", " ".join(_INVISIBLE.sub("", content).split()))
    return "\n".join(row.strip() for row in unescape(_TAG.sub("", rows)).split("\n"))


def _answer(sent: EmailMessage, text: str, signature: str, habit: Habit) -> _Answer:
    name, address = parseaddr(str(sent["From"]))
    return _Answer(
        text=text.strip("\n").split("\n"),
        signature=signature.split("\n") if signature else (),
        quoted=plain_of(sent).rstrip().splitlines(),
        name=name or address,
        address=address,
        at=sent["Date"].datetime,
        to=str(sent["To"]),
        subject=str(sent["Subject"]),
        habit=habit,
    )


def _body(style: Style, answer: _Answer) -> _Body:
    match style:
        case Style.GMAIL_ID:
            return _gmail(answer)
        case Style.OUTLOOK_ID:
            return _outlook(answer)
        case Style.ZIMBRA:
            return _zimbra(answer)
        case Style.ROUNDCUBE_ID:
            return _roundcube(answer)
        case Style.APPLE_MAIL:
            return _apple_mail(answer)
        case Style.THUNDERBIRD:
            return _thunderbird(answer)
        case _:
            assert_never(style)


# --- the header ---


_PROGRAM = {
    Style.GMAIL_ID: (),
    Style.OUTLOOK_ID: ("Accept-Language: id-ID, en-US", "Content-Language: id-ID", "X-MS-Has-Attach:"),
    Style.ZIMBRA: ("X-Mailer: Zimbra 8.8.15_GA_4562 (ZimbraWebClient - GC139 (Win)/8.8.15_GA_4562)",),
    Style.ROUNDCUBE_ID: ("User-Agent: Roundcube Webmail/1.6.9",),
    Style.APPLE_MAIL: ("X-Mailer: Apple Mail (2.3826.700.81)",),
    Style.THUNDERBIRD: ("User-Agent: Mozilla Thunderbird", "Content-Language: id"),
}


def _head(style: Style, sent: EmailMessage, author: str, message_id: str, date: datetime) -> list[str]:
    parent = " ".join(str(sent["Message-ID"]).split())
    way = " ".join([*str(sent["References"] or sent["In-Reply-To"] or "").split(), parent])
    return [
        f"Return-Path: <{parseaddr(author)[1]}>",
        f"From: {_mailbox(author)}",
        f"To: {_mailbox(str(sent['Reply-To'] or sent['From']))}",
        f"Subject: {_encoded(_subject(style, str(sent['Subject'])))}",
        # Exchange stamps in UTC.
        f"Date: {format_datetime(date.astimezone(UTC) if style is Style.OUTLOOK_ID else date)}",
        f"Message-ID: {message_id}",
        f"In-Reply-To: {parent}",
        "References: " + "\r\n ".join(way.split()),
        *_PROGRAM[style],
    ]


def _subject(style: Style, subject: str) -> str:
    prefix = "RE: " if style is Style.OUTLOOK_ID else "Re: "
    return subject if subject.lower().startswith("re:") else prefix + subject


def _mailbox(mailbox: str) -> str:
    return formataddr(parseaddr(mailbox))


def _encoded(value: str) -> str:
    return value if value.isascii() else Header(value, "utf-8").encode(linesep="\r\n")


# --- the parts ---


def _content(body: _Body, attachments: Iterable[tuple[str, str, bytes]]) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    if body.plain is not None:
        flowed = {"format": "flowed"} if body.flowed else {}
        mail.set_content(body.plain, charset=body.charset, cte=body.encoding, params=flowed)
    if body.html is not None:
        add = mail.set_content if body.plain is None else mail.add_alternative
        add(body.html, subtype="html", charset=body.charset, cte=body.encoding)
    for name, kind, data in attachments:
        main, _, sub = kind.partition("/")
        mail.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return mail


def _joined(rows: Iterable[str]) -> str:
    return "\n".join(rows) + "\n"


def _wrapped(row: str, width: int) -> list[str]:
    """In lines of at most `width` where spaces allow it, the blanks at its start and inside kept."""
    if len(row) <= width:
        return [row]
    return wrap(row, width, break_long_words=False, break_on_hyphens=False, drop_whitespace=True) or [""]


def _marked(rows: Iterable[str], *, blank: str = ">") -> list[str]:
    return [f"> {row}" if row else blank for row in rows]


def _html(row: str) -> str:
    """A line as an editor writes it: two blanks would be one."""
    return escape(row, quote=False).replace("  ", "&nbsp; ")


def _linked(row: str) -> str:
    """The same of a plain mail that is answered: addresses in it have become links."""
    return _ADDRESS.sub(lambda found: f'<a href="mailto:{found[0]}">{found[0]}</a>', _html(row))


def _divs(rows: Iterable[str]) -> str:
    return "".join(f"<div>{_html(row) or '<br>'}</div>" for row in rows)


def _date(at: datetime, *, long: bool = False) -> str:
    """ "3 Agu 2026", or "3 Agustus 2026"."""
    month = _MONTHS[at.month - 1]
    return f"{at.day} {month if long else month[:3]} {at.year}"


# --- Gmail ---


def _gmail(answer: _Answer) -> _Body:
    """Its plain text is made of the HTML, in lines of at most 78; the signature stands at the very end."""
    day = _DAYS[answer.at.weekday()][:3]
    who = f"Pada {day}, {_date(answer.at)} pukul {answer.at:%H.%M} {answer.name} <{answer.address}> menulis:"
    # The address is a link: a line may end before it, which leaves "<" behind.
    introduced = fill(who.replace("<", "< "), _GMAIL_WIDTH, break_on_hyphens=False).replace("< ", "<")
    plain = [
        *(line for row in answer.text for line in _wrapped(row, _GMAIL_WIDTH)),
        *("", introduced, ""),
        *_marked(line for row in answer.quoted for line in _wrapped(row, _GMAIL_WIDTH - 2)),
        *(("", "", "-- ", *answer.signature) if answer.signature else ()),
    ]
    return _Body(_joined(plain), _gmail_html(answer, _linked(who)))


def _gmail_html(answer: _Answer, who: str) -> str:
    first, *others = answer.text
    signed = (
        '<br clear="all"><div><br></div><span class="gmail_signature_prefix">-- </span><br>'
        '<div dir="ltr" class="gmail_signature" data-smartmail="gmail_signature"><div dir="ltr">'
        f"{_divs(answer.signature)}</div></div>"
    )
    return (
        f'<div dir="ltr">{_html(first) or "<br>"}{_divs(others)}</div><br>\n'
        '<div class="gmail_quote gmail_quote_container">'
        f'<div dir="ltr" class="gmail_attr">{who}<br></div>'
        '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;'
        'border-left:1px solid rgb(204,204,204);padding-left:1ex">'
        + "<br>\n".join(map(_linked, answer.quoted))
        + f"<br>\n</blockquote></div>{signed if answer.signature else ''}\n"
    )


# --- Outlook ---

_WORD_HEAD = """\
<html xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" \
xmlns:w="urn:schemas-microsoft-com:office:word" xmlns="http://www.w3.org/TR/REC-html40">
<head>
<meta http-equiv="Content-Type" content="text/html; charset={charset}">
<meta name="Generator" content="Microsoft Word 15 (filtered medium)">
<style><!--
/* Style Definitions */
p.MsoNormal, li.MsoNormal, div.MsoNormal
\t{{margin:0cm;
\tfont-size:11.0pt;
\tfont-family:"Calibri",sans-serif;}}
div.WordSection1
\t{{page:WordSection1;}}
--></style>
</head>
<body lang="IN" link="#0563C1" vlink="#954F72" style="word-wrap:break-word">
"""


def _outlook(answer: _Answer) -> _Body:
    """HTML and nothing else."""
    charset = _charset([*answer.text, *answer.signature, *answer.quoted, answer.name, answer.subject])
    at = answer.at
    labels = {
        "Dari": f"{answer.name} <{answer.address}>",
        "Dikirim": f"{_DAYS[at.weekday()]}, {_date(at, long=True)} {at:%H.%M}",
        "Kepada": answer.to,
        "Subjek": answer.subject,
    }
    html = (
        _WORD_HEAD.format(charset=charset)
        + '<div class="WordSection1">\n'
        + "".join(map(_mso_normal, map(_html, (*answer.text, "", *answer.signature))))
        + '<div>\n<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">\n'
        + '<p class="MsoNormal">'
        + "<br>\n".join(f"<b>{label}:</b> {_html(value)}" for label, value in labels.items())
        + "<o:p></o:p></p>\n</div>\n</div>\n"
        + _mso_normal("")
        + "".join(map(_mso_normal, map(_linked, answer.quoted)))
        + "</div>\n</body>\n</html>\n"
    )
    return _Body(None, html, charset, "base64" if charset == "utf-8" else "quoted-printable")


def _charset(texts: Iterable[str]) -> str:
    """Windows-1252 as long as it can say it."""
    try:
        "".join(texts).encode("cp1252")
    except UnicodeEncodeError:
        return "utf-8"
    return "windows-1252"


def _mso_normal(row: str) -> str:
    return (
        f'<p class="MsoNormal">{row}<o:p></o:p></p>\n'
        if row
        else ('<p class="MsoNormal"><o:p>&nbsp;</o:p></p>\n')
    )


# --- Zimbra ---


def _zimbra(answer: _Answer) -> _Body:
    """Of what it quotes, lines of at most 80; what was typed stays as it is. "--" marks no signature."""
    own = [*answer.text, "", *((*answer.signature, "") if answer.signature else ())]
    if answer.habit is Habit.HEADERS:
        labels = _zimbra_labels(answer)
        block = [f"{label}: {value}" for label, value in labels.items()]
        below = ["----- Pesan Asli -----", *block, "", *answer.quoted]
        return _Body(_joined([*own, *below]), _zimbra_html(answer, _labelled(labels)))
    at = f"{_date(answer.at)}, jam {answer.at:%H:%M}"
    who = f"Pada {at}, {answer.name} {answer.address} menulis:"
    quoted = [line for row in answer.quoted for line in _wrapped(row, _ZIMBRA_WIDTH - 2)]
    plain = _joined([*own, f"----- {who}", "", *_marked(quoted, blank="> ")])
    return _Body(plain, _zimbra_html(answer, _html(who)))


def _zimbra_labels(answer: _Answer) -> dict[str, str]:
    at = answer.at
    return {
        "Dari": f'"{answer.name}" <{answer.address}>',
        "Ke": answer.to,
        "Terkirim": f"{_DAYS[at.weekday()]}, {_date(at, long=True)} {at.hour}:{at:%M:%S}",
        "Subjek": answer.subject,
    }


def _labelled(labels: dict[str, str]) -> str:
    return "".join(f"<b>{label}: </b>{_html(value)}<br>" for label, value in labels.items())


def _zimbra_html(answer: _Answer, header: str) -> str:
    signed = f'<div data-marker="__SIG_PRE__">{_divs(answer.signature)}</div>' if answer.signature else ""
    quoted = "<br>".join(map(_linked, answer.quoted))
    if answer.habit is not Habit.HEADERS:
        bar = "border-left:2px solid #1010FF;margin-left:5px;padding-left:5px;color:#000"
        quoted = f'<blockquote style="{bar}">{quoted}</blockquote>'
    return (
        '<html><body><div style="font-family: arial, helvetica, sans-serif; font-size: 12pt; color: #000000">'
        f"{_divs(answer.text)}<div><br></div>{signed}"
        f'<hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__">{header}</div>'
        f'<div data-marker="__QUOTED_TEXT__">{quoted}<br></div></div></body></html>\n'
    )


# --- Roundcube and Thunderbird: plain, format=flowed ---


def _roundcube(answer: _Answer) -> _Body:
    """It flows what it quotes as well, and answers in US-ASCII where that is enough."""
    rows = [
        *(line for row in answer.text for line in _flowed(row)),
        *(("", "-- ", *answer.signature) if answer.signature else ()),
        *("", f"Pada {answer.at:%Y-%m-%d %H:%M}, {answer.name} menulis:"),
        *(line for row in answer.quoted for line in _flowed_quote(row)),
    ]
    plain = _joined(rows)
    charset, encoding = ("us-ascii", "7bit") if plain.isascii() else ("utf-8", "8bit")
    return _Body(plain, None, charset, encoding, flowed=True)


_INTRODUCTIONS = {
    Habit.ENGLISH: "On {0:%d/%m/%y} {0:%H}:{0:%M}, {1} wrote:",
    Habit.GERMAN: "Am {0:%d.%m.%y} um {0:%H}:{0:%M} schrieb {1}:",
}


def _thunderbird(answer: _Answer) -> _Body:
    """It leaves the lines that it quotes as they are."""
    introduction = _INTRODUCTIONS.get(answer.habit, "Pada {0:%d/%m/%y} {0:%H}.{0:%M}, {1} menulis:")
    rows = [
        *(line for row in answer.text for line in _flowed(row)),
        *("", introduction.format(answer.at, answer.name)),
        *(_deeper(row.rstrip()) for row in answer.quoted),
        *(("", "-- ", *answer.signature) if answer.signature else ()),
    ]
    return _Body(_joined(rows), None, "utf-8", "8bit", flowed=True)


def _flowed(row: str) -> list[str]:
    """RFC 3676: a line that goes on ends in a space, and three openings are stuffed with one."""
    lines = _wrapped(row.rstrip(), _FLOWED_WIDTH)
    stuffed = [f" {line}" if line.startswith((" ", ">", "From ")) else line for line in lines]
    return [*(f"{line} " for line in stuffed[:-1]), stuffed[-1]]


def _flowed_quote(row: str) -> list[str]:
    mark = _deeper(row)[: len(row) - len(row.lstrip(">")) + 1]
    first, *others = _wrapped(row.lstrip(">").strip(), _FLOWED_WIDTH - len(mark) - 1)
    lines = [f"{mark} {first}".rstrip(), *(f"{mark} {line}" for line in others)]
    return [*(f"{line} " for line in lines[:-1]), lines[-1]]


def _deeper(row: str) -> str:
    """One ">" more; a space stands only behind the last."""
    return f">{row}" if row.startswith(">") or not row else f"> {row}"


# --- Apple Mail ---


def _apple_mail(answer: _Answer) -> _Body:
    """On Mac and iPhone: it quotes its own line as well, and puts narrow spaces where people see spaces."""
    at = answer.at
    if answer.habit is Habit.ENGLISH:
        # English month names, whatever the locale of the machine that runs the tests.
        month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[
            at.month - 1
        ]
        clock = f"{at.hour % 12 or 12}:{at:%M}\u202f{'AM' if at.hour < 12 else 'PM'}"
        who = f"On {at.day} {month} {at.year}, at {clock}, {answer.name} <{answer.address}> wrote:"
    else:
        who = f"Pada {_date(at)}, pukul\u202f{at:%H.%M},\xa0{answer.name} <{answer.address}> menulis:"
    own = [*answer.text, "", *((*answer.signature, "") if answer.signature else ())]
    first, *others = answer.quoted or [""]
    quoted = [who, "", f"\ufeff{first}" if answer.signature == [IPHONE] else first, *others]
    return _Body(_joined([*own, *_marked(quoted, blank="> ")]), _apple_html(answer, _linked(who)))


def _apple_html(answer: _Answer, who: str) -> str:
    first, *others = answer.text
    signed = (
        '<div><br id="lineBreakAtBeginningOfSignature"><div dir="ltr">'
        + "<br>".join(map(_html, answer.signature))
        + "</div></div>"
    )
    return (
        '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head>'
        '<body style="overflow-wrap: break-word; -webkit-nbsp-mode: space; line-break: after-white-space;">'
        f"{_html(first) or '<br>'}{_divs(others)}{signed if answer.signature else ''}"
        '<div><br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite">'
        f'<div>{who}</div><br class="Apple-interchange-newline"><div><div>'
        + "<br>".join(map(_linked, answer.quoted))
        + "</div></div></blockquote></div><br></div></body></html>\n"
    )
