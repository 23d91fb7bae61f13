"""What does an admin get from `mailgate read`?"""

import io
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailgate import cli, sources
from mailgate.errors import UsageError

MAIL = Path(__file__).parent / "mail"
SEPARATOR = b"From sari@example.com Mon Aug  3 09:12:00 2026\n"
FIELDS = {
    "path", "message_id", "subject", "author", "to", "date", "text", "reply_text", "attachments", "automatic",
    "dsn", "feedback", "charset_guessed", "defects", "error",
}  # fmt: skip


def letter(subject: str, body: str = "Isi.") -> bytes:
    return f"From: Sari <sari@example.com>\nSubject: {subject}\n\n{body}\n".encode()


def subjects(source: Path | str, most: int = 1 << 20) -> list[str]:
    found = sources.mails(sources.files(str(source)), most)
    return [one.raw.partition(b"Subject: ")[2].partition(b"\n")[0].decode() for one in found]


def read(*arguments: str, stdin: bytes = b"") -> tuple[int, list[dict[str, object]]]:
    result = CliRunner().invoke(cli.app, ["read", *arguments, "--json"], input=stdin)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def test_every_field_of_the_design_is_there() -> None:
    code, (row,) = read(str(MAIL / "plain.eml"))
    assert code == 0
    assert set(row) == FIELDS
    assert row["author"] == "Sari Dewi <sari@dinkes.example.go.id>"
    assert row["date"] == "2026-08-03T02:12:00+00:00"


def test_a_bounce_names_its_recipients() -> None:
    _, (row,) = read(str(MAIL / "postfix-bounce-failed.eml"))
    assert row["dsn"] == {
        "action": "failed",
        "recipients": ["sari@dinkes.example.go.id"],
        "original_message_id": "abcdefghijklmnopqrstuvwx23@example.go.id",
    }


def test_one_mail_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "1.eml").write_bytes(letter("satu"))
    (tmp_path / "2.eml").write_bytes(b"Subject: " + b"x" * 300_000)
    (tmp_path / "3.eml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "4.eml").write_bytes(letter("empat"))
    code, rows = read(str(tmp_path))
    assert code == 1
    assert [row["subject"] for row in rows] == ["satu", "", "empat"]
    assert rows[1]["error"] == "more than 256 kB of header"


def test_standard_input_is_one_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(letter("lewat pipa")))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert subjects("-") == ["lewat pipa"]


def test_a_folder_is_searched_to_its_depths_and_only_mail_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x.EML").write_bytes(letter("dalam"))
    (tmp_path / "a" / "daftar.xlsx").write_bytes(b"PK")
    assert subjects(tmp_path) == ["dalam"]


def test_a_maildir_is_read_without_what_is_still_being_delivered(tmp_path: Path) -> None:
    for name in ("cur", "new", "tmp", ".Sent/cur", ".Sent/tmp"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "cur" / "1:2,S").write_bytes(letter("dibaca"))
    (tmp_path / "new" / "2").write_bytes(letter("baru"))
    (tmp_path / "tmp" / "3").write_bytes(letter("setengah"))
    (tmp_path / ".Sent" / "cur" / "4:2,").write_bytes(letter("terkirim"))
    assert sorted(subjects(tmp_path)) == ["baru", "dibaca", "terkirim"]


def test_an_mbox_is_not_split_at_words_that_look_like_its_separator(tmp_path: Path) -> None:
    box = tmp_path / "Arsip"
    box.write_bytes(
        SEPARATOR + letter("satu", "Isi.\n\nFrom Padang kami menulis.\n\n>From itu biasa.\n") + b"\n"
        + SEPARATOR + letter("dua")
    )  # fmt: skip
    found = list(sources.mails(sources.files(str(box)), 1 << 20))
    assert [one.path for one in found] == [f"{box}#1", f"{box}#2"]
    assert b"From Padang" in found[0].raw
    assert b"\nFrom itu biasa" in found[0].raw


def test_an_eml_that_begins_like_an_mbox_is_one_mail(tmp_path: Path) -> None:
    one = tmp_path / "x.eml"
    one.write_bytes(SEPARATOR + letter("satu", "Isi.\n\n" + SEPARATOR.decode() + "kutipan"))
    assert subjects(one) == ["satu"]


def test_a_mail_that_is_too_large_says_so_and_who_wrote_it(tmp_path: Path) -> None:
    (tmp_path / "x.eml").write_bytes(letter("besar", "x" * 2_000_000))
    (tmp_path / "y.mbox").write_bytes(
        SEPARATOR + letter("besar juga", "kata\n" * 400_000) + b"\n" + SEPARATOR + letter("kecil")
    )
    found = list(sources.mails(sources.files(str(tmp_path)), 1 << 20))
    assert [one.fault for one in found] == ["it is larger than 1 MiB", "it is larger than 1 MiB", None]
    assert all(len(one.raw) <= sources.HEADER_BYTES and b"sari@" in one.raw for one in found)


def test_a_file_nobody_may_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.eml"
    path.write_bytes(b"")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert [one.fault for one in sources.mails([path], 1)] == ["the file cannot be read: Permission denied"]


def test_a_name_mistyped_is_told() -> None:
    with pytest.raises(UsageError, match="no such file"):
        sources.files("tidak-ada.eml")


def test_a_terminal_is_not_moved_by_a_mail() -> None:
    result = CliRunner().invoke(cli.app, ["read", str(MAIL / "nul-and-control-characters.eml")])
    assert result.exit_code == 0
    assert "merah" in result.stdout
    assert not set(result.stdout) & set("\x1b\x00\r")
