"""What was signed, when the words are inside the signature? (RFC 8551, section 3.5.2)

Outlook can send the whole text within application/pkcs7-mime; smime-type=signed-data. Nothing is verified
here: the envelope is only opened.
"""

from collections.abc import Iterator

# id-signedData and id-data as they stand in DER and BER.
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_DATA = bytes.fromhex("06092a864886f70d010701")
_OCTETS, _OCTETS_IN_PIECES = 0x04, 0x24
_MAX_PIECES = 100_000


def signed_content(data: bytes) -> bytes | None:
    """The MIME entity that was signed; None when it is none, or encrypted."""
    if _SIGNED_DATA not in data[:64]:
        return None
    at = data.find(_DATA, 0, 4096)
    if at < 0 or data[at + len(_DATA) : at + len(_DATA) + 1] != b"\xa0":
        return None
    inner = _header(data, at + len(_DATA))
    found = _header(data, inner[1]) if inner else None
    if found is None:
        return None
    tag, start, size = found
    end = len(data) if size is None else start + size
    if tag == _OCTETS:
        return data[start:end]
    return b"".join(_pieces(data, start, end)) if tag == _OCTETS_IN_PIECES else None


def _pieces(data: bytes, position: int, end: int) -> Iterator[bytes]:
    for _ in range(_MAX_PIECES):
        found = _header(data, position)
        if position >= end or found is None:
            return
        tag, start, size = found
        if tag != _OCTETS or size is None:
            return
        yield data[start : start + size]
        position = start + size


def _header(data: bytes, position: int) -> tuple[int, int, int | None] | None:
    """Tag, where its content begins, and its length; None for a length that is left open."""
    if position + 2 > len(data):
        return None
    tag, length = data[position], data[position + 1]
    start = position + 2
    if length == 0x80:
        return tag, start, None
    if length < 0x80:
        return tag, start, length
    after = start + (length & 0x7F)
    return tag, after, int.from_bytes(data[start:after][:8], "big")
