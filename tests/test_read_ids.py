"""Is a mail recognised when it comes twice, and are ours found in what people send back?"""

import pytest

from mailgate.message.ids import (
    domain_of,
    index,
    is_outbox_id,
    mailbox_group,
    message_ids,
    ref_ids,
    ticket_numbers,
    token_of,
)

ID = "abcdefghijklmnopqrstuvwx23"
RAW = (
    b"Received: by mx1.example.go.id\r\nFrom: Sari <sari@example.go.id>\r\n"
    b"Date: Mon, 3 Aug 2026 09:12:00 +0700\r\n"
    b"Subject: Jaringan\r\n mati\r\nMessage-ID: <a@example.go.id>\r\nIn-Reply-To: <p@example.go.id>\r\n"
    b"References: <o@example.go.id>\r\n <p@example.go.id>\r\n\r\nBaris satu\r\nBaris dua\r\n"
)


def test_a_mail_is_found_by_its_id_and_by_those_it_answers() -> None:
    found = index(RAW)
    assert found.message_id == "a@example.go.id"
    assert found.references == ("p@example.go.id", "o@example.go.id")


@pytest.mark.parametrize(
    "again",
    [
        RAW.replace(b"\r\n", b"\n"),
        RAW.replace(b"by mx1", b"by mx2\r\nDelivered-To: desk@example.go.id\r\nX-Spam: no"),
        RAW.replace(b"Subject:", b"SUBJECT :").replace(b"Jaringan\r\n mati", b"Jaringan mati"),
        RAW + b"\r\n",
        b"From sari@example.go.id Mon Aug  3 09:12:00 2026\n" + RAW,
    ],
)
def test_a_second_delivery_is_the_same_mail(again: bytes) -> None:
    assert index(again).content == index(RAW).content


@pytest.mark.parametrize(
    "other",
    [
        RAW.replace(b"dua", b"tiga"),
        RAW.replace(b"Jaringan", b"Printer"),
        RAW.replace(b"09:12", b"09:13"),
        RAW.replace(b"<a@", b"<b@"),
        RAW.replace(b"Sari <", b"Budi <"),
    ],
)
def test_another_mail_is_not_lost_as_a_second_delivery(other: bytes) -> None:
    assert index(other).content != index(RAW).content


def test_the_first_and_the_last_hundred_references_are_kept() -> None:
    found = message_ids(" ".join(f"<{i}@example.com>" for i in range(5000)))
    assert len(found) == 101
    assert found[0] == "0@example.com"
    assert found[-1] == "4999@example.com"


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("<a@b.example>", ("a@b.example",)),
        ("a@b.example", ("a@b.example",)),
        ("<a@b.example><c@d.example>", ("a@b.example", "c@d.example")),
        ('"Budi\'s message of Monday" <a@b.example>', ("a@b.example",)),
        ("<a@\tb.example>", ("a@b.example",)),
        ("tidak ada", ()),
        ("", ()),
    ],
)
def test_ids_are_read_as_people_and_programs_write_them(value: str, ids: tuple[str, ...]) -> None:
    assert message_ids(value) == ids


@pytest.mark.parametrize(
    "text",
    [
        f"Ref: {ID}",
        f"> > Ref: {ID}\n",
        f"baris\n| ref:\xa0{ID.upper()} \nbaris",
        f"*Ref:* {ID} Ref: {ID}".replace("*", ""),
    ],
)
def test_the_ref_line_survives_clients_that_lose_message_ids(text: str) -> None:
    assert ref_ids(text) == (ID,)


@pytest.mark.parametrize("text", [f"Ref: {ID}a", "Ref: pendek", f"Pref: {ID}", ID])
def test_what_is_no_ref_line_is_no_proof(text: str) -> None:
    assert ref_ids(text) == ()


def test_only_our_own_form_of_id_is_a_token() -> None:
    assert token_of(f"{ID}@example.go.id") == ID
    assert token_of("CAF-1@mail.example.com") is None
    assert not is_outbox_id(ID.upper())
    assert not is_outbox_id(ID + "\n")


@pytest.mark.parametrize(
    ("subject", "numbers"),
    [
        ("Re: [KOM-2026-000123] Jaringan", ("KOM-2026-000123",)),
        ("kom-2026-123", ("KOM-2026-000123",)),
        ("tiket KOM–2026–000123 dan LPSE-2026-000045", ("KOM-2026-000123", "LPSE-2026-000045")),
        ("TELKOM-2026-000123", ()),
        ("ABC-2026-000123 KOM-26-1", ()),
    ],
)
def test_a_ticket_number_in_the_subject_is_found_however_it_is_typed(
    subject: str, numbers: tuple[str, ...]
) -> None:
    assert ticket_numbers(subject, ["KOM", "LPSE"]) == numbers


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("Budi@Example.go.id", "budi@example.go.id"),
        ("budi+lpse@example.go.id", "budi@example.go.id"),
        ("b.u.d.i+1+2@GoogleMail.com", "budi@gmail.com"),
        ("budi@gmail.com.", "budi@gmail.com"),
        ("b.udi@example.go.id", "b.udi@example.go.id"),
        ("+@example.go.id", "+@example.go.id"),
        ("...@gmail.com", "...@gmail.com"),
        ('"a@b"@example.org', '"a@b"@example.org'),
        ("nobody", "nobody"),
        ("", ""),
    ],
)
def test_one_mailbox_cannot_pose_as_many(address: str, group: str) -> None:
    assert mailbox_group(address) == group


@pytest.mark.parametrize("address", ["a" * 5000 + "@example.org", "ß" * 5000, "@" * 5000, "\0+@\ud800"])
def test_an_address_of_any_length_has_a_group_that_an_index_takes(address: str) -> None:
    assert len(mailbox_group(address)) <= 320
    assert len(domain_of(address)) <= 320


def test_the_domain_of_an_address_is_what_stands_behind_its_last_at() -> None:
    assert domain_of("Budi@a@Example.ORG.") == "example.org"
    assert domain_of("nobody") == ""
