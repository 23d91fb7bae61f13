"""How many 4 KB mails are read in a second, against mail-parser alone and the standard library?

    python tests/bench/reading.py

All three read the same mails in one run, in turns: what counts is the ratio, not the machine. mailgate does
more with each (the words written this time, machines, bounces, complaints), the others only parse.
"""

import email
import email.policy
import time
from collections.abc import Callable

import mailparser

from mailgate.message.parse import read

HEADER = """\
Return-Path: <sari@dinkes.example.go.id>
Delivered-To: desk@example.go.id
Received: from mx.example.go.id (mx.example.go.id [192.0.2.10])
\tby mail.example.go.id (Postfix) with ESMTPS id 4F2A1
\tfor <desk@example.go.id>; Mon, 3 Aug 2026 09:12:03 +0700 (WIB)
Received: from zimbra.dinkes.example.go.id (localhost [127.0.0.1])
\tby mx.example.go.id (Postfix) with ESMTPS id 9D3B4
\tfor <desk@example.go.id>; Mon, 3 Aug 2026 09:12:01 +0700 (WIB)
Authentication-Results: mx.example.go.id; dkim=pass header.d=dinkes.example.go.id;
\tspf=pass smtp.mailfrom=dinkes.example.go.id; dmarc=pass header.from=dinkes.example.go.id
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=dinkes.example.go.id; s=m1;
\th=From:To:Subject:Date:Message-ID; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;
\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR
Date: Mon, 3 Aug 2026 09:12:00 +0700 (WIB)
From: =?utf-8?q?Sari_Dewi?= <sari@dinkes.example.go.id>
To: Help Desk <desk@example.go.id>
Cc: "Kepala Bidang, Dinas Kesehatan" <kabid@dinkes.example.go.id>
Message-ID: <NUMBER@dinkes.example.go.id>
In-Reply-To: <earlier@example.go.id>
References: <first@example.go.id> <earlier@example.go.id>
Subject: =?utf-8?q?Re=3A_Tidak_bisa_masuk_=E2=80=93_SIMPEG?=
X-Mailer: Zimbra 8.8.15_GA_4304
MIME-Version: 1.0
"""
SENTENCE = "Sejak pagi kami tidak bisa masuk ke aplikasi, mohon bantuannya.\n"
PLAIN = "Content-Type: text/plain; charset=utf-8\n\n" + SENTENCE * 38
ALTERNATIVE = f"""\
Content-Type: multipart/alternative; boundary="=_b1"

--=_b1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

{SENTENCE * 17}
--=_b1
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<html><body>{"".join(f"<p>{SENTENCE.strip()}</p>" for _ in range(18))}</body></html>
--=_b1--
"""
ROUNDS, MAILS = 7, 100


def mails() -> list[bytes]:
    """Different ones of 4 KB, half of them with HTML: nothing is read twice."""
    return [
        (HEADER.replace("NUMBER", str(number)) + (PLAIN, ALTERNATIVE)[number % 2])
        .replace("\n", "\r\n")
        .encode()
        for number in range(MAILS)
    ]


def by_mail_parser(raw: bytes) -> object:
    found = mailparser.parse_from_bytes(raw)
    return found.subject, found.from_, found.to, found.date, found.text_plain, found.attachments


def by_standard_library(raw: bytes) -> object:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    body = found.get_body(("plain", "html"))
    names = [one.get_filename() for one in found.iter_attachments()]
    return found["subject"], found["from"], found["to"], found["date"], body and body.get_content(), names


READERS: dict[str, Callable[[bytes], object]] = {
    "mailgate": read,
    "mail-parser": by_mail_parser,
    "standard library": by_standard_library,
}


def seconds(reader: Callable[[bytes], object], raws: list[bytes]) -> float:
    """CPU time for all of them."""
    began = time.process_time()
    for raw in raws:
        reader(raw)
    return time.process_time() - began


def main() -> None:
    raws = mails()
    best = dict.fromkeys(READERS, float("inf"))
    for _ in range(ROUNDS):
        for name, reader in READERS.items():
            best[name] = min(best[name], seconds(reader, raws))
    for name, took in best.items():
        speed, ratio = len(raws) / took, took / best["mailgate"]
        print(f"{name:17} {speed:8.0f} mails a second   {ratio:5.2f} x the time of mailgate")


if __name__ == "__main__":
    main()
