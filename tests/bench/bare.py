"""The least that any gateway does with a mail: fetch, parse, write down. mailgate is measured against it.

One IMAP connection, 50 mails in one FETCH, the standard library's parser, one SQLite transaction a mail that
is on the disk when it returns. Knows nothing of mailgate. Usage: bare.py HOST PORT USER PASSWORD DATABASE
"""

import sqlite3
import sys
from email import message_from_bytes, policy

from imapclient import IMAPClient

BATCH = 50
TABLE = "CREATE TABLE mail (uid INTEGER PRIMARY KEY, author TEXT, subject TEXT, text TEXT, raw BLOB)"


def main(host: str, port: str, user: str, password: str, path: str) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(TABLE)
    with IMAPClient(host, int(port), ssl=False) as client:
        client._imap.debug = 0
        client.login(user, password)
        client.select_folder("INBOX")
        uids = client.search("ALL")
        for start in range(0, len(uids), BATCH):
            answer = client.fetch(uids[start : start + BATCH], ["BODY.PEEK[]"])
            for uid in sorted(answer):
                keep(database, uid, answer[uid][b"BODY[]"])


def keep(database: sqlite3.Connection, uid: int, raw: bytes) -> None:
    mail = message_from_bytes(raw, policy=policy.default)
    part = mail.get_body(("plain", "html"))
    row = (uid, str(mail["From"]), str(mail["Subject"]), part.get_content() if part else "", raw)
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO mail VALUES (?, ?, ?, ?, ?)", row)
    database.execute("COMMIT")


if __name__ == "__main__":
    main(*sys.argv[1:])
