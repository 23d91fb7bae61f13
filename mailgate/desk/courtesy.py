"""What does a requester mean by a short answer?

A misjudged complaint is worse than a misjudged thank-you: courtesy is what the tables cover from the first
word to the last, and everything else is words. Repeated letters are one letter in the tables and in what
people write ("makasiiih", "okeee"), and apostrophes are gone ("don't" is "dont").
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from unicodedata import category, normalize


class Meaning(StrEnum):
    """What a short answer says."""

    WORDS = "words"
    """Anything else, and every doubt."""
    THANKS = "thanks"
    UNSOLVED = "unsolved"
    STATUS = "status"
    SURVEY = "survey"


@dataclass(frozen=True, slots=True)
class Answer:
    """One short answer."""

    meaning: Meaning
    score: int | None = None
    """1 to 4 for SURVEY, None for everything else."""


_MAX_CHARACTERS = 2_000
_MAX_WORDS = 40  # nobody thanks at greater length without saying something

_REPEATED = re.compile(r"([^\W\d_])\1+", re.IGNORECASE)


def _any(*rows: str) -> str:
    """One group of all rows, in the spelling to which answers are brought as well."""
    row = _REPEATED.sub(r"\1", "|".join(rows))
    return f"(?:{row})"


# What works, what does not. Minang stands last in its table.
_NOT = _any(
    "belum|belom|blum|blm|tidak|tdk|tidk|tak|ga|gak|gk|nggak|ngga|enggak|engga|kagak",
    "alun|alum|indak|ndak",
)
_WORKS = _any(
    "bisa|bs|bsa|dapat|dpt|beres|berhasil|jalan|normal|nyala|hidup|berfungsi|selesai|teratasi|konek|connect",
    "terhubung|terbuka|kebuka|aktif|pulih|lancar|ok|oke",
    "biso|salasai|iduik",
)
_TROUBLE = _any(
    "error|eror|mati|rusak|gagal|lemot|lambat|lelet|lola|down|hang|ngadat|trouble|masalah|bermasalah",
    "putus|terputus|hilang|macet|offline|terkunci|terblokir|timeout|gangguan|broken|failing|slow",
    "rusuah",
)
_USES = "login|masuk|dibuka|diakses|akses|digunakan|dipakai|connect|online|print"
_DONE = (
    _any("sudah|sudh|sdh|udah|udh|dah|telah|lah|alah|already")
    + " (?:kembali |mulai )?"
    + _any(
        f"(?:bisa|bs|bsa|dapat|dpt|biso)(?: (?:{_USES}))?",
        "normal|jalan|lancar|beres|ok|oke|baik|berfungsi|berhasil|aman|selesai|teratasi|terselesaikan|bagus",
        "nyala|hidup|aktif|pulih|konek|connect|terhubung|solved|fixed|clear|elok|rancak|salasai|iduik",
    )
    + "(?: (?:kembali|lagi|semua|semuanya|sekarang|seperti (?:semula|biasa)|dengan (?:baik|lancar)"
    + "|baliak))?"
)

# To whom it is said, and what the thanks are for.
_PERSON = _any(
    "pak|bpk|bapak|bapak2|bu|buk|ibu|ibuk|ibu2|mas|mbak|mba|bang|bg|abang|kak|kakak|om|tante",
    "mr|mrs|ms|sir|madam",
    "uda|da|uni|ni|ajo|apak",
)
_OTHERS = _any(
    "min|admin|tim|team|kominfo|diskominfo|dinas kominfo|lpse|help ?desk|petugas|teknisi|yth",
    "rekan(?: rekan)?|rekan2|teman teman|teman2|kawan kawan",
    "semua|semuanya|sekalian|gan|sis|bro|guys|all|everyone",
    "sanak|dunsanak",
)
_FAVOUR = _any(
    "bantuan|respon|respons|response|perhatian|kerja ?sama|pelayanan|layanan|kecepatan|info|informasi",
    "dukungan|support|solusi|penjelasan|tindak lanjut|penanganan|perbaikan|kesabaran|waktu|bimbingan|arahan",
    "kesigapan",
)
_FAVOURS = rf"{_FAVOUR}(?:n?ya)?(?: (?:dan|serta|n) {_FAVOUR}(?:n?ya)?)*(?: (?:yang )?cepat(?:n?ya)?)?"

_THANKS = _any(
    "(?:terima|trima|trm) ?(?:kasih|kasi|ksh|ksih)|trmksh|trimks|trims|trim",
    "makasih|makasi|mkasih|mksih|mksh|mks|tks|thx|thanx|thnx|thanks|thank ?(?:you|u)|tengkyu|tengs|tx|tq|ty",
    "(?:hatur )?nuhun|(?:matur )?(?:nuwun|suwun)|syukron|jazakallahu?(?: khair(?:an)?)?(?: katsiran)?",
    "(?:tarimo|terimo) ?kasih?|mokasih?",
)
_MUCH = _any(
    "banyak|bnyk|byk|banyak2|sekali(?! lagi)|banget|bgt|ya|juga|(?:yang )?sebesar besarnya",
    "a lot|so much|very much|again",
    "bana|yo",
)
_THANKING = (
    "(?:(?:saya |kami |di)?(?:ucapkan|haturkan|sampaikan|mengucapkan) )?"
    rf"(?:sekali lagi |banyak |ribuan |many )?{_THANKS}(?: {_MUCH}){{0,2}}"
    rf"(?: {_FAVOUR}n?ya| {_PERSON} (?:ya|yo))?"
)
# A longer phrase stands before the shorter one that begins it.
_COURTESIES = _any(
    _THANKING,
    rf"atas (?:segala )?{_FAVOURS}|(?:untuk|utk|buat) (?:segala )?{_FAVOUR}n?ya",
    "for (?:your|the|all)(?: kind| quick| fast| great)? (?:help|support|assistance|response|reply|service)",
    # it works
    rf"(?:(?:sekarang|skrg|skrng|semua|semuanya) )?{_DONE}",
    "alhamdulillah (?:bisa|normal|lancar|jalan|aman|beres)",
    "(?:it|its|everything) (?:works|working|is working|solved|fixed|is fine)(?: now| fine| well| perfectly)?",
    "working now|all good|all is well|(?:problem |issue )?(?:solved|resolved|fixed)",
    "(?:sudah|sdh|telah) (?:(?:saya|kami) terima|diterima)(?: dengan baik)?",
    "(?:sudah|sdh) (?:(?:saya|kami) coba|dicoba)(?: dan)? (?:berhasil|bisa|normal|lancar)",
    # praise
    "sangat (?:membantu|terbantu)|very helpful|gercep|(?:good|great|nice) (?:job|work)|well done",
    "(?:fast|quick|cepat) (?:respon|respons|response)|(?:respon|respons)(?:n?ya)? cepat",
    "pelayanan(?:n?ya)? (?:sangat )?(?:bagus|baik|memuaskan|prima|mantap|cepat)",
    # wish, farewell
    "hormat(?: kami| saya)?|demikian(?: disampaikan)?|salam(?: hormat| sehat| sejahtera| hangat)?",
    "(?:best |kind )?regards|sincerely|cheers|wassalamu ?alaikum(?: wr wb| warahmatullahi wabarakatuh)?",
    "wassalam",
    "(?:semoga )?(?:sehat(?: sehat)?|sukses|berkah|semangat)(?: selalu| terus)?|tetap semangat",
    "alhamdulillah|puji tuhan|syukurlah|syukur|barakallah(?:u fiik(?:um)?)?|god bless(?: you)?",
    "amin(?: ya rabbal alamin| yra)?|sama sama|sama2|samo samo|you(?:r|re) welcome",
    "(?:mohon )?maaf (?:sudah |telah |ya )?merepotkan",
    # agreement
    "lancar jaya|aman terkendali|dimengerti|noted|ok|oke|okeh|okey|okay|okie|oky|sip|siap|baik|baiklah|bagus",
    "mantap|mantab|mantul|keren|top|jos|aman|lancar|beres|good|great|perfect|excellent|nice|awesome",
    "onde(?: mande)?|rancak(?: bana)?|elok(?: bana)?",
)
_GREETINGS = _any(
    "(?:selamat|slmt|met) (?:pagi|siang|sore|malam|sejahtera|bekerja|bertugas)|dengan hormat",
    "good (?:morning|afternoon|evening|day)|pagi|siang|sore|malam|halo|hallo|hai|hi|hello|dear",
    "assalamu ?alaikum(?: wr wb| warahmatullahi wabarakatuh)?|wa(?: a)?laikum ?salam(?: wr wb)?",
)
# After "Pak" a capital is a name, unless it is courtesy or one of these: people forget the full stop.
_NO_NAME = _any(
    rf"{_NOT}|{_TROUBLE}|bukan|not|no|still|again|lagi|tapi|tetapi|namun|but|cuma|hanya|masih|kok|kenapa",
    "mengapa|apa|apakah|bagaimana|gimana|kapan|mohon|tolong|minta|bisa|kalau|kalo|jika|saya|kami|ini|itu",
    "yang|dan|tetap|kembali|besok|nanti|segera|tunggu|ditunggu|menunggu|dicek|cek|coba|sudah|ada|akan",
    "harus|perlu|butuh|please|help|status|bantu|dibantu|urgent|penting|gawat|percuma|kecewa|payah|lama",
    "batal|bohong|aneh|parah|kena|internet|wifi|server|printer|komputer|laptop|email|website|web|aplikasi",
    "jaringan|password|akun|login|spse|data",
)
_NAME = (
    rf"(?! (?:{_COURTESIES}|{_GREETINGS}|{_NO_NAME}|{_PERSON}|{_OTHERS})(?:n?ya)?(?: |$)) (?-i:[A-Z][a-z]*)"
)
_ADDRESS = rf"(?:(?:kepada|kpd|buat|untuk|dan) )?(?:{_PERSON}(?:{_NAME}){{0,2}}|{_OTHERS})"

# Possessive: what one phrase took is never tried again, so that a long answer costs no more than its length.
_COURTESY = re.compile(rf"(?:(?:{_COURTESIES}|{_GREETINGS}|{_ADDRESS})(?: |$))*+", re.IGNORECASE)
# "Halo Pak Budi" is how something begins that was never written, not thanks.
_OPENING = re.compile(rf"(?:(?:{_GREETINGS}|{_ADDRESS})(?: |$))++", re.IGNORECASE)

_STATUS = re.compile(
    r"(?:(?:cek|check) )?status(?: (?:laporan|tiket|ticket|aduan|pengaduan|permohonan))?(?: (?:saya|kami))?"
    r"(?: [a-z0-9]+ 20\d\d \d{1,9})?",  # the ticket number without its hyphens
    re.IGNORECASE,
)
_SURVEY = re.compile(
    r"(?:(?:nilai|skor|score|rating|angka)(?: (?:saya|kami))? )?(?P<score>[1-4])"
    r"(?:(?<=4) sangat puas|(?<=3) puas|(?<=2) kurang puas|(?<=1) tidak puas)?(?: |$)(?P<rest>.*)",
    re.IGNORECASE,
)
_OUT_OF_FOUR = re.compile(r"(?<=[1-4])\s?/\s?4(?![\w/])")

_UNSOLVED = re.compile(
    rf"\b{_NOT} (?:juga |juo |mau |kunjung )?(?:{_WORKS}2?|juga|jg|juo|ada (?:perubahan|perbaikan)|berubah)\b"
    rf"|\b{_any('masih|msh|msih|tetap|tetep|ttp|kok|malah|tatap')} (?:saja |juga |tetap )?"
    rf"(?:{_NOT}|{_TROUBLE}|sama|samo|begitu|gitu|begini|seperti (?:itu|semula|kemarin|tadi))\b"
    r"|\b(?:sama saja|samo (?:se|juo))\b"
    rf"|\b{_TROUBLE} (?:lagi|terus|kembali|juga|baliak|juo|again)\b"
    rf"|\bstil (?:not|no|cant|canot|doesnt|isnt|wont|same|the same|having|{_TROUBLE})\b"
    r"|\b(?:not|isnt|doesnt|didnt|wont|hasnt ben) (?:yet )?(?:work|works|working|fixed|solved|resolved)\b"
    r"|\b(?:cant|canot|can not|unable to) (?:log in|login|open|aces|conect|print|send)\b"
    r"|\bsame (?:problem|isue|eror)\b",
    re.IGNORECASE,
)
_NO_TROUBLE = re.compile(rf"\b{_NOT} (?:ada |pernah )?{_TROUBLE}(?: lagi)?\b", re.IGNORECASE)
_SOLVED = re.compile(rf"\b{_DONE}\b", re.IGNORECASE)
_SUPPOSED = re.compile(r"\b(?:kalau|kalo|klo|jika|bila|apabila|seandainya|if)\b", re.IGNORECASE)

_APOSTROPHES = re.compile("['’‘ʼ`´]")
_SMILEYS = re.compile(r"(?<![\w:])(?:[:;=]-?[dp)]|<3|xd)(?!\w)", re.IGNORECASE)
_DISPLEASED = re.compile(
    r"[?¿؟‽❓❔👎😡😠🤬😤😒🙄😞😟😢😭😩😫😣😖☹🙁😕💔❌⛔🚫⚠🆘🤡🖕🤦]|[:;=]-?\(|:-?/(?!/)"
)
_PIECES = re.compile(r"[^\W_]+|[^ ]")
# Zero-width characters, joiners and styles of emoji, the box around a keycap.
_UNSEEN = frozenset({"Cf", "Mn", "Me"})


def meaning(own_words: str) -> Answer:
    """Judge what was written this time: quotes and signatures are gone already."""
    written = own_words.strip()
    text = _plain(written[:_MAX_CHARACTERS])
    words = _words(text)
    if _is_unsolved(words):
        return Answer(Meaning.UNSOLVED)
    if len(written) > _MAX_CHARACTERS or words.count(" ") >= _MAX_WORDS:
        return Answer(Meaning.WORDS)
    if _asks_for_status(text):
        return Answer(Meaning.STATUS)
    if _DISPLEASED.search(text):
        return Answer(Meaning.WORDS)
    if (survey := _SURVEY.fullmatch(words)) and _COURTESY.fullmatch(survey["rest"]):
        return Answer(Meaning.SURVEY, int(survey["score"]))
    if _is_thanks(text, words):
        return Answer(Meaning.THANKS)
    return Answer(Meaning.WORDS)


def _plain(written: str) -> str:
    """Full-width, styled and invisible characters, keycaps and smileys must not matter."""
    seen = "".join(c for c in normalize("NFKC", written) if category(c) not in _UNSEEN)
    return _OUT_OF_FOUR.sub("", _SMILEYS.sub("", _APOSTROPHES.sub("", seen))).strip()


def _words(text: str) -> str:
    """With one space between. A capital is kept only directly after a word, where it may be a name."""
    pieces = ["", *_PIECES.findall(text)]
    words = [
        word if before.isalnum() else word.lower() for before, word in pairwise(pieces) if word.isalnum()
    ]
    return _REPEATED.sub(r"\1", " ".join(words))


def _is_unsolved(words: str) -> bool:
    """Said, not supposed, and not taken back ("kemarin belum bisa, sekarang sudah bisa")."""
    said = _NO_TROUBLE.sub("", words)
    unsolved = max((match.end() for match in _UNSOLVED.finditer(said)), default=-1)
    solved = max((match.start() for match in _SOLVED.finditer(said)), default=-1)
    return unsolved > solved and not _SUPPOSED.search(said)


def _asks_for_status(text: str) -> bool:
    first, *others = text.splitlines() or [""]
    rest = "\n".join(others)
    if _STATUS.fullmatch(_words(first)) is None or _DISPLEASED.search(rest):
        return False
    return _COURTESY.fullmatch(_words(rest)) is not None


def _is_thanks(text: str, words: str) -> bool:
    if words:
        return _COURTESY.fullmatch(words) is not None and _OPENING.fullmatch(words) is None
    return any(category(c) == "So" for c in text)  # emoji, and nothing beside them
