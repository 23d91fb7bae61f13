"""How much may a mail cost its reader?

The defaults are far above what letters have; what goes beyond is no letter.
"""

from dataclasses import dataclass

from mailgate.message.headers import MAX_HEADER_BYTES

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Set aside beyond: header_bytes, header_fields, parts, depth, decoded_bytes. Cut: the others."""

    header_bytes: int = MAX_HEADER_BYTES
    """Of the mail, and of each of its parts."""
    header_fields: int = 2_000
    """Of the mail, and of each of its parts."""
    encoded_words: int = 2_000
    """Decoded in one field; the rest stays as it is written."""
    addresses: int = 500
    """Read in one field; one costs 30 microseconds."""
    segments: int = 100
    """Of one parameter (RFC 2231, section 3)."""
    parts: int = 500
    depth: int = 50
    """Multiparts within each other: letters reach about six."""
    decoded_bytes: int = 60 * MEBIBYTE
    """Of all parts together."""


DEFAULT = ReadLimits()
