"""What did a caller report?

Staff type `#lapor` with labelled lines, on a phone, while somebody talks to them. No word is lost: what no
label claims is complaint, and so is a value that its label cannot mean.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum, auto
from itertools import islice

from mailgate.message.message import writable
from mailgate.message.text import line, lines

MAX_NAME = 120
MAX_STREET = 300
MAX_PHONE = 40
MAX_EMAIL = 320
"""Above what is writable: one that is too long is told as wrong, and never cut to another's."""
MAX_TIME = 80
MAX_ORGANISATION = 120
MAX_COMPLAINT = 20_000
"""The whole text stays in the mail."""

_MAX_LABEL = 40
_MAX_LABELLED_ROWS = 200
"""Below them nothing is a label: each look for a near miss costs up to a millisecond."""
_MAX_SEARCHED = 1_000
"""Characters of a line in which a second label is looked for."""
_MAX_UNKNOWN = 10
_LEAST_DIGITS = 5


class Channel(StrEnum):
    """How a report reached the desk."""

    MAIL = "mail"
    PHONE = "phone"
    WHATSAPP = "whatsapp"
    WALK_IN = "walk_in"


class Field(StrEnum):
    """What may be asked for again."""

    NAME = "name"
    PHONE = "phone"
    STREET = "street"
    EMAIL = "email"
    COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class ReportForm:
    """A report as it was typed; every field but the complaint is one line, and "" when it is not said."""

    name: str = ""
    street: str = ""
    phone: str = ""
    """As written, of digits, + - ( ) and spaces alone."""
    email: str = ""
    """As written: see `wrong`."""
    channel: Channel | None = None
    """None when it is not said; when it is said and not understood, `unknown` has its label."""
    time: str = ""
    """When the report came in, in the words that were typed: "tadi jam 10"."""
    organisation: str = ""
    complaint: str = ""
    """May have several lines."""
    channel_unclear: bool = False
    """A channel is said, and not understood."""
    unknown: tuple[str, ...] = ()
    """The labels, as typed, that were not understood; their lines stand in the complaint."""


class _Part(StrEnum):
    """What a label asks for."""

    NAME = auto()
    STREET = auto()
    PHONE = auto()
    WHATSAPP = auto()
    """A telephone number that also tells the channel."""
    EMAIL = auto()
    CHANNEL = auto()
    TIME = auto()
    ORGANISATION = auto()
    COMPLAINT = auto()


# Without blanks, dots and hyphens: "No. HP" is "nohp".
_LABELS = {
    _Part.NAME: (
        "nama namapelapor namalengkap namapenelepon namapemohon namawarga pelapor penelepon pemohon"
        " name fullname yourname caller callername reporter reportedby"
    ),
    _Part.STREET: (
        "alamat alamatkantor alamatrumah alamatlengkap alamatpelapor alamatinstansi almt domisili lokasi"
        " address officeaddress streetaddress street location"
    ),
    _Part.PHONE: (
        "telepon telpon telp tlp tlpn telepun teleponpelapor nomor nomortelepon nomortelpon nomortelp"
        " notelepon notelpon notelp notlp hp nohp nomorhp handphone nohandphone nomorhandphone ponsel"
        " noponsel nomorponsel kontak nokontak nomorkontak telp/hp hp/telp hp/wa wa/hp telp/wa nohp/wa"
        " notelp/hp notelp/wa nomorhp/wa telephone telephonenumber phone phonenumber phoneno mobile"
        " mobilephone cell tel contact contactnumber"
    ),
    _Part.WHATSAPP: "wa nowa nomorwa whatsapp nowhatsapp nomorwhatsapp whatsappnumber",
    _Part.EMAIL: (
        "email surel imel emel posel mail alamatemail alamatsurel emailpelapor emailaddress mailaddress"
    ),
    _Part.CHANNEL: "saluran saluranlaporan saluranpengaduan kanal via melalui lewat channel",
    _Part.TIME: (
        "waktu waktulapor waktulaporan waktumasuk waktuditerima jam pukul tanggal tgl tanggallaporan"
        " tanggaljam tanggal/jam tgl/jam haritanggal hari/tanggal hari/tgl"
        " time date datetime date/time reportedat"
    ),
    _Part.ORGANISATION: (
        "instansi namainstansi asalinstansi badanusaha namabadanusaha perusahaan namaperusahaan"
        " opd skpd opd/skpd skpd/opd unitkerja satker satuankerja organisasi lembaga penyedia"
        " organisation organization company institution agency"
    ),
    _Part.COMPLAINT: (
        "keluhan isi isilaporan isikeluhan isiaduan isipengaduan masalah kendala pengaduan aduan"
        " permasalahan keterangan gangguan laporan uraian deskripsi rincian perihal"
        " complaint problem issue description report details"
    ),
}
_PARTS = {word: part for part, words in _LABELS.items() for word in words.split()}

# A second label in one line. Words that also stand in addresses and sentences are left out: "No: 12", "isi:".
_INLINE = re.compile(
    r"(?<=[\s,;|/:=])[*_]{0,2}(?:"
    r"nama(?: (?:pelapor|lengkap|instansi|perusahaan))?|pelapor|name"
    r"|alamat(?: (?:kantor|rumah|e-?mail|surel))?|address"
    r"|(?:no(?:mor)?[. ]{0,2})?(?:telepon|telpon|telp|tlp|hp/wa|hp|handphone|ponsel|wa|whatsapp)|phone"
    r"|e-?mail|surel|imel|saluran|channel|via|melalui|waktu|tanggal|jam|time"
    r"|instansi|badan usaha|perusahaan|opd|skpd|organisation"
    r"|keluhan|isi (?:laporan|keluhan|aduan|pengaduan)|masalah|kendala|pengaduan|aduan|permasalahan"
    r"|complaint|problem"
    r")\.?[*_]{0,2} ?[:=]",
    re.IGNORECASE,
)

_CHANNELS = {
    Channel.MAIL: "email mail surel imel emel posel",
    Channel.PHONE: "telepon telpon telp tlp phone telephone call hp handphone ponsel ditelepon menelepon",
    Channel.WHATSAPP: "wa whatsapp whatsap wasap wapri",
    Channel.WALK_IN: "datang langsung walkin walk tatapmuka tatap loket kantor tamu person visit",
}
_CHANNEL = {word: channel for channel, words in _CHANNELS.items() for word in words.split()}

_UNSEEN = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff]")
"""Besides what `lines` takes away; the joiners stay, of which emoji are made."""
_BULLET = re.compile(r"[\s>•·‣▪◦●○*+#_`~–—-]*(?:\d{1,2}[.)]\s*|[A-Za-z][.)]\s)?[*_]{0,2}")
_COLON = re.compile("[:=]")
_GAP = re.compile(r"\s[-–—]\s*|[-–—]\s|\t| {2}")
"""In place of a colon, behind a label that is spelt right."""
_NONE = re.compile(
    r"(?:(?:tidak|tdk|tak|belum|nggak|gak) (?:ada|punya|diisi|tahu)|kosong|nihil|none|n/?a)", re.IGNORECASE
)
_DRESSING = " \t*_`~"
_NOT_PHONE = re.compile(r"[^0-9+() -]+")
_EMPTY_BRACKETS = re.compile(r"\([ -]*\)")
_WORD = re.compile(r"[^\W\d_]+")
_PLAIN_LABEL = re.compile(r"[^\W\d_][^\W\d_./-]*(?: [^\W\d_./-]+){0,2}")

# What may follow a label without a colon: there a sentence may begin with the same word.
_ALONE = {
    _Part.PHONE: re.compile(r"[+(]?\d[\d\s()+./-]{4,40}"),
    _Part.WHATSAPP: re.compile(r"[+(]?\d[\d\s()+./-]{4,40}"),
    _Part.EMAIL: re.compile(r"<?[^\s<>@]{1,64}@[^\s<>@]{1,255}>?"),
    _Part.TIME: re.compile(r"\d[\d\s.:/-]{0,20}(?:wib|wita|wit)?\.?", re.IGNORECASE),
    _Part.STREET: re.compile(
        r"(?:jl|jln|jalan|gg|gang|kel|kelurahan|kec|kecamatan|rt|perum|komp|kompleks|desa|nagari|jorong)\b.*",
        re.IGNORECASE,
    ),
}
_TITLED = frozenset({"nama", "namapelapor", "namalengkap", "name", "instansi", "opd", "skpd"})


def report_form(text: str) -> ReportForm:
    """What the lines of a report say; `text` without its command line. Never fails."""
    form = _Form()
    rows = _UNSEEN.sub("", lines(text)).replace("：", ":").replace("＝", "=").strip().split("\n")
    for number, row in enumerate(rows):
        form.take(row, labels=number < _MAX_LABELLED_ROWS)
    return form.filled()


def missing(form: ReportForm, channel: Channel, street_required: bool) -> tuple[Field, ...]:
    """What has to be asked for before the report can be taken, in the order of Field.

    Whoever calls or comes is found again by name and telephone; whoever wrote, by the address.
    """
    by_mail = channel is Channel.MAIL
    asked = {
        Field.NAME: not by_mail and not form.name,
        Field.PHONE: not by_mail and not form.phone,
        Field.STREET: street_required and not form.street,
        Field.EMAIL: by_mail and not form.email,
        Field.COMPLAINT: not form.complaint,
    }
    return tuple(one for one in Field if asked[one])


def wrong(form: ReportForm) -> tuple[Field, ...]:
    """What is said and cannot be so, in the order of Field."""
    faults = {
        Field.PHONE: form.phone != "" and len(_digits(form.phone)) < _LEAST_DIGITS,
        Field.EMAIL: form.email != "" and not writable(form.email),
    }
    return tuple(one for one in Field if faults.get(one))


def _is_digit(character: str) -> bool:
    return character in "0123456789"


def _digits(phone: str) -> str:
    return "".join(filter(_is_digit, phone))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A label and what stands behind it."""

    part: _Part
    label: str
    value: str
    typed: str
    """Both, as they stand: complaint when the label cannot mean the value."""

    @property
    def waits(self) -> bool:
        """Whether nothing stands behind the label: the value may be on the next line."""
        return self.typed.rstrip(_DRESSING).endswith((":", "="))


@dataclass(slots=True)
class _Form:
    """What has been read so far, line by line."""

    values: dict[_Part, str] = field(default_factory=dict)
    complaint: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    told: bool = False
    """A label began the complaint: only a label with a colon at the start of a line ends it."""
    channel_unclear: bool = False
    by_whatsapp: bool = False
    """The number stands behind a label that says so."""
    open: _Part | None = None
    """What the line above asked for, when this one may go on with it."""
    held: list[str] = field(default_factory=list)
    """Lines below an address: more of it when a label follows or the complaint has one, else complaint."""

    def take(self, row: str, *, labels: bool) -> None:
        pieces = _pieces(row, strict=self.told) if labels else []
        if pieces:
            self._settle(belongs=True)
            for piece in pieces:
                self._put(piece)
            return
        if labels and not self.told and len(self.unknown) < _MAX_UNKNOWN:
            self.unknown.extend(_unknown_label(row))
        self._go_on(row.rstrip())

    def filled(self) -> ReportForm:
        self._settle(belongs=self.told)
        return ReportForm(
            name=self._value(_Part.NAME, MAX_NAME),
            street=self._value(_Part.STREET, MAX_STREET),
            phone=_phone(self._value(_Part.PHONE)),
            email=_email(self._value(_Part.EMAIL))[:MAX_EMAIL],
            channel=self._channel(),
            channel_unclear=self.channel_unclear,
            time=self._value(_Part.TIME, MAX_TIME),
            organisation=self._value(_Part.ORGANISATION, MAX_ORGANISATION),
            complaint="\n".join(self.complaint).strip("\n")[:MAX_COMPLAINT].rstrip(),
            unknown=tuple(dict.fromkeys(self.unknown)),
        )

    def _put(self, piece: _Piece) -> None:
        """A label with its value; what is said twice or cannot be meant is complaint."""
        part = _Part.PHONE if piece.part is _Part.WHATSAPP else piece.part
        self.open = part
        if part is _Part.COMPLAINT:
            self.told = True
            self.complaint.extend(filter(None, [piece.value]))
        elif part is _Part.TIME and self.values.get(part):  # "Tanggal: 3/8" and "Jam: 10.00"
            self.values[part] += f" {piece.value}"
        elif self.values.get(part) or not _fits(part, piece.value, strict=self.told):
            self._say(piece.typed)
        elif piece.value or piece.waits:
            self._keep(part, piece)
        else:
            self.open = None  # "Email: tidak ada"

    def _keep(self, part: _Part, piece: _Piece) -> None:
        self.values[part] = piece.value
        if part is _Part.PHONE:
            self.by_whatsapp = piece.part is _Part.WHATSAPP
        if part is _Part.CHANNEL and piece.value and _channel(piece.value) is None:
            self.channel_unclear = True
            self.unknown.append(piece.label)
            self._say(piece.typed)

    def _say(self, words: str) -> None:
        self.complaint.append(words)
        self.open = None

    def _go_on(self, row: str) -> None:
        """A line without a label."""
        value, part = _bare(row), self.open
        if part is _Part.COMPLAINT:
            self.complaint.append(row)
        elif part is not None and row and not self.values.get(part) and _fits(part, value, strict=True):
            self.values[part], self.open = value, part if value else None
        elif part in _RUNS_ON and self.values.get(part) and not (value and self.held and not self.held[-1]):
            self.held.append(row)
        else:
            self._settle(belongs=self.told)
            self._say(row)

    def _settle(self, *, belongs: bool) -> None:
        """Decide on the lines below an address."""
        if belongs and self.open is not None:
            self.values[self.open] = line(" ".join([self._value(self.open), *map(_bare, self.held)]))
        else:
            self.complaint.extend(self.held)
        self.held.clear()

    def _value(self, part: _Part, most: int = _MAX_SEARCHED) -> str:
        return self.values.get(part, "")[:most].rstrip()

    def _channel(self) -> Channel | None:
        if said := self._value(_Part.CHANNEL):
            return _channel(said)
        return Channel.WHATSAPP if self.by_whatsapp and self._value(_Part.PHONE) else None


_RUNS_ON = frozenset({_Part.STREET, _Part.ORGANISATION})


def _fits(part: _Part, value: str, *, strict: bool) -> bool:
    """Whether a label can mean it: "Telepon: mati sejak pagi" is a complaint.

    Not `strict`: an address that is misspelt is told as wrong.
    """
    match part:
        case _Part.PHONE:
            return not value or any(map(str.isdigit, value))
        case _Part.EMAIL if strict:
            return not value or "@" in value
        case _Part.CHANNEL if strict:
            return not value or _channel(value) is not None
        case _:
            return True


def _phone(written: str) -> str:
    kept = _NOT_PHONE.sub(" ", unicodedata.normalize("NFKC", written))
    return line(_EMPTY_BRACKETS.sub(" ", kept)).strip(" -")[:MAX_PHONE].rstrip()


def _email(written: str) -> str:
    """Without what mail programs put around an address: "<budi@example.com>", "…"
    " <mailto:budi@example.com>"."""
    return written.partition("<mailto:")[0].strip("<>()., ").removeprefix("mailto:")


def _channel(value: str) -> Channel | None:
    """A call over WhatsApp is WhatsApp; any other two are a guess, and nobody guesses."""
    words = _WORD.findall(value[:MAX_TIME].casefold())
    found = {_CHANNEL[word] for word in words if word in _CHANNEL}
    if not found:
        found = {_CHANNEL[near] for word in words[:5] for near in get_close_matches(word, _CHANNEL, 1, 0.8)}
    if Channel.WHATSAPP in found:
        found -= {Channel.PHONE}
    return found.pop() if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class _Opening:
    """A label that begins at a place of a line."""

    part: _Part
    label: str
    value_at: int


def _pieces(row: str, *, strict: bool) -> list[_Piece]:
    """The labels of a line that begins with one, each with its value; none when it does not.

    `strict`: inside a complaint only a label that is spelt right, with a colon, counts.
    """
    opening = _exact(row, 0, ":") if strict else _exact(row, 0) or _near(row) or _without_colon(row)
    found: list[_Piece] = []
    begin = 0
    while opening is not None:
        end, following = _next_label(row, opening)
        value = _bare(row[opening.value_at : end])
        value = value if opening.part is _Part.COMPLAINT else value.strip(",;|/ ")
        found.append(_Piece(opening.part, opening.label, value, row[begin:end].rstrip(",;|/ ")))
        begin, opening = end, following
    return found


def _next_label(row: str, before: _Opening) -> tuple[int, _Opening | None]:
    """Where the value ends and which label stands there; a complaint takes the rest of its line."""
    if before.part is not _Part.COMPLAINT and (
        inner := _INLINE.search(row, before.value_at, before.value_at + _MAX_SEARCHED)
    ):
        return inner.start(), _exact(row, inner.start())
    return len(row), None


def _exact(row: str, at: int, colons: str = ":=") -> _Opening | None:
    """A label that is spelt right, with a colon."""
    label, value_at = _head(row, at, _COLON)
    if (part := _PARTS.get(_key(label))) is None or row[value_at - 1] not in colons:
        return None
    return _Opening(part, label, value_at)


def _near(row: str) -> _Opening | None:
    """A label that is nearly spelt right: "Nmaa:"."""
    label, value_at = _head(row, 0, _COLON)
    key = _key(label)
    if len(key) < 4:
        return None
    like = [word for word in _PARTS if word[0] == key[0] and abs(len(word) - len(key)) <= 1 and len(word) > 3]
    near = get_close_matches(key, like, 1, 0.75)
    return _Opening(_PARTS[near[0]], label, value_at) if near else None


def _without_colon(row: str) -> _Opening | None:
    """ "Nama - Budi", and "HP 0812 3456 789" where the value can be nothing else."""
    label, value_at = _head(row, 0, _GAP)
    if (part := _PARTS.get(_key(label))) and _bare(row[value_at:]):
        return _Opening(part, label, value_at)
    start = _bullet(row, 0)
    for value_at in _words_end(row, start):
        label = row[start:value_at].strip()
        opening = _Opening(_PARTS.get(_key(label), _Part.COMPLAINT), label, value_at)
        if _unmistakable(opening, _bare(row[value_at : _next_label(row, opening)[0]]).strip(",;|/ ")):
            return opening
    return None


def _words_end(row: str, start: int) -> list[int]:
    """Where the second word from there begins, and the third, the longer label first."""
    blanks = islice(re.finditer(" +", row[start : start + _MAX_LABEL]), 2)
    return [start + blank.end() for blank in blanks][::-1]


def _unmistakable(opening: _Opening, value: str) -> bool:
    if (form := _ALONE.get(opening.part)) is not None:
        return form.fullmatch(value) is not None
    if opening.part is _Part.CHANNEL:
        return value.casefold() in _CHANNEL
    words = value.split()
    return _key(opening.label) in _TITLED and 0 < len(words) <= 6 and all(map(_is_titled, words))


def _is_titled(word: str) -> bool:
    return word[0].isupper() and word.strip(".,'").isalpha()


def _unknown_label(row: str) -> Iterator[str]:
    label, value_at = _head(row, 0, _COLON)
    if _PLAIN_LABEL.fullmatch(label) and row[value_at - 1] == ":" and not row.startswith("//", value_at):
        yield label


def _head(row: str, at: int, separator: re.Pattern[str]) -> tuple[str, int]:
    """What stands before a separator, as typed, and where the value begins; "" when nothing can be a"
    " label."""
    start = _bullet(row, at)
    found = separator.search(row, start, start + _MAX_LABEL)
    return (row[start : found.start()].strip(_DRESSING), found.end()) if found else ("", 0)


def _bullet(row: str, at: int) -> int:
    """Where the words begin behind a bullet, a number or the stars of bold."""
    found = _BULLET.match(row, at, at + _MAX_LABEL)
    return found.end() if found else at


def _key(label: str) -> str:
    """Case, dots, hyphens and decoration must not matter; "Jam 10" of "Jam 10:15" is no label."""
    letters = unicodedata.normalize("NFKC", label).casefold()
    if any(map(str.isdigit, letters)):
        return ""
    return "".join(one for one in letters if one.isalpha() or one == "/")


def _bare(value: str) -> str:
    """A value in one line; "" for what people type where they have none."""
    words = line(value).strip(_DRESSING).lstrip(":= *_")
    return "" if not words.strip(" -–—.") or _NONE.fullmatch(words.strip(" -–—.")) else words
