"""What do people and machines write to a help desk? Sessions of a few mails, to be played and damaged.

A mail may answer what mailgate sent before: marks in its bytes stand for what is known only then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from city import ADMIN, ADMIN_PRIVATE, HEAD, KOMINFO, LPSE, LPSE_ADMIN, RINA, TECHNICIAN
from hypothesis import strategies as st

from fuzz.mutate import mutated
from mailgate.desk.commands import WORDS

SAMPLES = tuple(path.read_bytes() for path in sorted((Path(__file__).parents[1] / "mail").glob("*.eml")))
# Marks, replaced by facts of the mail that is answered.
CITED, REFERENCES, TO, SUBJECT, REF, QUOTED = (
    "@@CITED@@",
    "@@REFS@@",
    "@@TO@@",
    "@@SUBJECT@@",
    "@@REF@@",
    "@@QUOTED@@",
)
DESKS = {"kominfo": KOMINFO, "lpse": LPSE}
PEOPLE = (RINA, "Budi Utomo <budi@dinkes.example.go.id>", "x@y.example", '"Warga, Si" <warga@rumah.example>')
STAFF = (ADMIN, ADMIN_PRIVATE, TECHNICIAN, HEAD, LPSE_ADMIN)
WORDS_OF_PEOPLE = (
    "Jaringan di kantor kami mati sejak pagi.", "STATUS", "1", "4", "Terima kasih", "masih belum bisa",
    "ya", "#ya", "", "#selesai\nSudah.", "Mohon dibantu, KOM-2026-000001.", "Tutup saja, sudah beres.",
    "Saya sedang cuti sampai 9/9.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One mail that comes in."""

    desk: str
    raw: bytes
    """With marks."""
    cites: int = 0
    """Which of the mails sent so far its marks speak of, counted modulo."""
    to_staff: bool = False
    """Of those that went to staff alone."""
    orders: str = ""
    """The address of the staff member who orders something, and must hear what came of it; "" for nobody."""


Session = tuple[Step, ...]


# --- by chance, and damaged -------------------------------------------------------------------------------


def session(chance: Random) -> Session:
    """A complaint as it should be, and then whatever comes."""
    desk = chance.choice(("kominfo", "kominfo", "lpse"))
    first = Step(desk, letter(desk, chance.choice(PEOPLE), "Jaringan mati", "Sejak pagi.", 0))
    kinds = chance.choices(list(_KINDS), list(_KINDS.values()), k=chance.randint(2, 7))
    return (first, *(kind(desk, chance, number) for number, kind in enumerate(kinds, start=1)))


def _sample(desk: str, chance: Random, number: int) -> Step:
    return Step(desk, mutated(chance.choice(SAMPLES), chance, SAMPLES))


def _complaint(desk: str, chance: Random, number: int) -> Step:
    raw = letter(desk, chance.choice(PEOPLE), "Jaringan mati", chance.choice(WORDS_OF_PEOPLE), number)
    return Step(desk, mutated(raw, chance, SAMPLES))


def _answer(desk: str, chance: Random, number: int) -> Step:
    """Of whoever got a mail of ours."""
    raw = reply(desk, TO, chance.choice(WORDS_OF_PEOPLE), number)
    return Step(desk, mutated(raw, chance, SAMPLES), chance.randrange(1000))


def _order(desk: str, chance: Random, number: int) -> Step:
    lines = [
        f"#{chance.choice(list(WORDS))} {chance.choice(ARGUMENTS)}"
        for _ in range(chance.choice((1, 1, 2, 3)))
    ]
    text = "\n".join([*lines, chance.choice(WORDS_OF_PEOPLE)])
    author = chance.choice((TO, TO, TO, *STAFF))
    raw = mutated(reply(desk, author, text, number), chance, SAMPLES)
    return Step(desk, raw, chance.randrange(1000), to_staff=True)


def _report(desk: str, chance: Random, number: int) -> Step:
    raw = mutated(_bounce(desk, number), chance, SAMPLES)
    return Step(desk, raw, chance.randrange(1000), to_staff=chance.random() < 0.3)


_KINDS: dict[Callable[[str, Random, int], Step], int] = {
    _sample: 35,
    _complaint: 10,
    _answer: 20,
    _order: 25,
    _report: 10,
}


# --- by a grammar -----------------------------------------------------------------------------------------

ARGUMENTS = (
    "", "2", "9", "doni", "Doni", "admin2@pyk.example.go.id", "aplikasi", "PWD", "ANT", "KOM-2026-000001",
    "KOM-2026-000002", "LPSE-2026-000001", "2026-08", "31/8 14.00 menunggu suku cadang", "besok", "10.00",
    "teknisi", "-", "#", "\"", "{{ x }}", "budi@dinkes.example.go.id", "bukan alamat", "<a@b>, c@d",
    "9" * 300, "é\u202e\u200b", "x" * 2000, "%s %d", "\\", "＃",
)  # fmt: skip
REPORTED = (
    "Nama: Ibu Ani\nAlamat: Jl. Melati 4\nTelepon: 0812 3456 7890\nEmail: ani@rumah.example\nKeluhan: Mati."
)
HASH = st.sampled_from(("#", "#", "#", "＃", "# ", "\u200b#", "\xa0#", "﹟"))
WORD = st.sampled_from(sorted(WORDS)).flatmap(
    lambda word: st.sampled_from((word, word, word.upper(), word.title(), word[:-1], word + "."))
)
ARGUMENT = st.sampled_from(ARGUMENTS) | st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\r\n"), max_size=30
)
LINE = st.builds(lambda mark, word, rest: f"{mark}{word} {rest}".rstrip(), HASH, WORD, ARGUMENT)
BODY = st.sampled_from(
    ("", "Sudah kami periksa.", REPORTED, "-- \nAdmin", "> kutipan", "#", ".", "\x0c", "ya")
) | st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


@st.composite
def orders(draw: Any) -> Session:
    """Staff order things, rightly and wrongly written."""
    desk = draw(st.sampled_from(("kominfo", "kominfo", "lpse")))
    steps = [
        Step(desk, letter(desk, one, "Jaringan mati", "Sejak pagi.", 100 + n))
        for n, one in enumerate(PEOPLE[:2])
    ]
    for number in range(draw(st.integers(1, 4))):
        # The first line is one that no reader can take for anything else: it must be answered.
        first = f"#{draw(st.sampled_from(sorted(WORDS)))} {draw(ARGUMENT)}".rstrip()
        text = "\n".join([first, *draw(st.lists(LINE, max_size=2)), draw(BODY)])
        author = draw(st.sampled_from((TO, TO, ADMIN, TECHNICIAN, HEAD, LPSE_ADMIN)))
        raw = reply(desk, author, text, number)
        steps.append(Step(desk, raw, draw(st.integers(0, 20)), to_staff=True, orders=author))
    return tuple(steps)


# --- mails ------------------------------------------------------------------------------------------------


def letter(desk: str, author: str, subject: str, text: str, number: int, more: str = "") -> bytes:
    head = (
        f"From: {author}\nTo: {DESKS[desk]}\nSubject: {subject}\nDate: Mon, 03 Aug 2026 08:59:00 +0700\n"
        f"Message-ID: <surat{number}@client.example>\n{more}"
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
    )
    return f"{head}\n{text}\n".replace("\r\n", "\n").replace("\n", "\r\n").encode()


def reply(desk: str, author: str, text: str, number: int) -> bytes:
    thread = f"In-Reply-To: {CITED}\nReferences: {REFERENCES} {CITED}\n"
    quoted = f"\n\nPada Sen, 3 Agu 2026 pukul 09.12 Help Desk <{DESKS[desk]}> menulis:\n{QUOTED}"
    return letter(desk, author, f"Re: {SUBJECT}", text + quoted, number, thread)


def _bounce(desk: str, number: int) -> bytes:
    return (
        f"From: MAILER-DAEMON@relay.example\nTo: {DESKS[desk]}\nSubject: Undelivered Mail\nReturn-Path: <>\n"
        f"Date: Mon, 03 Aug 2026 09:01:00 +0700\nMessage-ID: <pulang{number}@relay.example>\n"
        "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nTidak dapat dikirim.\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n"
        f"Final-Recipient: rfc822; {TO}\nAction: failed\nStatus: 5.1.1\n\n"
        f"--b\nContent-Type: message/rfc822\n\nMessage-ID: {CITED}\nTo: {TO}\n\nRef: {REF}\n--b--\n"
    ).replace("\n", "\r\n").encode()  # fmt: skip
