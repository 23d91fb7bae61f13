"""Does only the server that we trust prove anybody?"""

import pytest

from mailgate.message.authentication import Dmarc, Result, Results, results, trusted

PASS, FAIL, NONE = Dmarc.PASS, Dmarc.FAIL, Dmarc.NONE
SARI = ["sari@example.go.id"]
GOOGLE = (
    "mx.google.com; dkim=pass header.i=@example.go.id header.s=s1 header.b=AbC;"
    " spf=pass (google.com: domain of sari@example.go.id designates 192.0.2.1 as permitted sender)"
    " smtp.mailfrom=sari@example.go.id; dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.go.id;"
    " dara=pass header.i=@example.com"
)
MICROSOFT = (
    "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.go.id; dkim=pass (signature was verified)"
    " header.d=example.go.id;dmarc=pass action=none header.from=example.go.id;compauth=pass reason=100"
)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (GOOGLE, PASS),
        ("MX.Google.com 1; dmarc=pass header.from=Example.GO.ID.", PASS),
        ('"mx.google.com"; dmarc=pass (ok) header.from="example.go.id"', PASS),
        ("mx.google.com (x (nested; dmarc=fail)) ; dmarc = pass header . from = example.go.id", PASS),
        ("mx.google.com; dmarc/1=pass header.from=example.go.id", PASS),
        ("mx.google.com; dmarc=fail (p=NONE) header.from=example.go.id", FAIL),
        ("mx.google.com; dmarc=pass header.from=example.go.id; dmarc=fail header.from=x.example", FAIL),
        ("mx.google.com; dmarc=pass header.from=example.com", NONE),
        ("mx.google.com; dmarc=pass header.from=mail.example.go.id", NONE),
        ("mx.google.com; dmarc=pass", NONE),
        ("mx.google.com; dmarc=bestguesspass header.from=example.go.id", NONE),
        ("mx.google.com; dmarc=temperror header.from=example.go.id", NONE),
        ("mx.google.com; dkim=pass header.d=example.go.id; spf=pass smtp.mailfrom=example.go.id", NONE),
        ("mx.google.com; dkim=pass (dmarc=pass header.from=example.go.id)", NONE),
        ('mx.google.com; spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.go.id"@e.example', NONE),
        ("mx.google.com; x-dmarc=pass header.from=example.go.id", NONE),
        ("mx.google.com; dmarc/2=pass header.from=example.go.id", NONE),
        ("mx.google.com; dmarc=pass x-header.from=example.go.id", NONE),
        ("mx.google.com 2; dmarc=pass header.from=example.go.id", NONE),
        ("mx.google.com; none", NONE),
        ("mx.google.com; dmarc=pass header.from=example.go.id (never ends", NONE),
        ('mx.google.com; dmarc=pass header.from="example.go.id', NONE),
        ("evil.example; dmarc=pass header.from=example.go.id", NONE),
        ("mx.google.com.evil.example; dmarc=pass header.from=example.go.id", NONE),
        (MICROSOFT, NONE),
        ("", NONE),
    ],
)
def test_staff_are_proven_by_dmarc_of_a_trusted_server_alone(field: str, expected: Dmarc) -> None:
    verdict = trusted([field], ["mx.google.com"], SARI)
    assert verdict.dmarc is expected
    assert verdict.reason


def test_without_a_trusted_server_nobody_is_proven() -> None:
    assert trusted([GOOGLE], [], SARI).dmarc is NONE


def test_what_stands_below_the_topmost_field_of_the_server_proves_nothing() -> None:
    forged = "mx.google.com; dmarc=pass header.from=example.go.id"
    assert (
        trusted(
            ["mx.google.com; dmarc=none header.from=example.go.id", forged], ["mx.google.com"], SARI
        ).dmarc
        is NONE
    )
    assert (
        trusted(
            ["mx.google.com; dmarc=fail header.from=example.go.id", forged], ["mx.google.com"], SARI
        ).dmarc
        is FAIL
    )
    assert trusted(["relay.example; none", forged], ["mx.google.com"], SARI).dmarc is PASS


@pytest.mark.parametrize("authors", [[], ["sari@example.go.id", "budi@example.go.id"], ["sari"], ["@"]])
def test_several_authors_or_none_are_never_proven(authors: list[str]) -> None:
    assert trusted([GOOGLE], ["mx.google.com"], authors).dmarc is NONE


def test_the_field_without_an_id_counts_only_for_who_asked_for_it() -> None:
    assert trusted([MICROSOFT], [""], SARI).dmarc is PASS


def test_a_name_beyond_ascii_is_the_same_in_both_its_forms() -> None:
    field = "mx.example; dmarc=pass header.from=xn--bcher-kva.example"
    assert trusted([field], ["mx.example"], ["a@bücher.example"]).dmarc is PASS


def test_the_grammar_of_the_standard_is_read() -> None:
    field = (  # RFC 8601, appendix B.7
        "foo.example.net (foobar) 1 (baz); dkim (Because I like it) / 1 (One yay) = (wait for it) fail policy"
        " (A dot can go here) . (like that) expired (this surprised me) = (as I wasn't expecting it)"
        " 1362471462"
    )
    assert results(field) == Results(
        "foo.example.net", (Result("dkim", "fail", (("policy.expired", "1362471462"),)),)
    )


@pytest.mark.parametrize(
    "piece", ["(", '"', "\\", "a=b ", "a=b;", "dmarc=pass header.", "a.", ";", "()", "x\t"]
)
def test_a_hostile_field_proves_nobody(piece: str) -> None:
    assert trusted(["mx.google.com; " + piece * 100_000], ["mx.google.com"], SARI).dmarc is NONE
    assert (
        trusted(["mx.google.com; " + piece * (16_000 // len(piece))], ["mx.google.com"], SARI).dmarc is NONE
    )
