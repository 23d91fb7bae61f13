"""How is an address written where it leaves: in an envelope and in a header?"""

import re

import idna

MOST = 254
"""Octets of an address: RFC 5321, section 4.5.3.1.3."""

_ATOMS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+"
_DOMAIN = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
_ADDRESS = re.compile(rf"""(?:{_ATOMS}|"[ !#-\[\]-~]+")@(?:{_DOMAIN}|\[[A-Za-z0-9.:]+\])""")
_INTERNATIONAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\U0010ffff-]+")
_NO_XCHAR = re.compile(r"[^!-*,-<>-~]")
_NO_QCHAR = re.compile(r"[^!-*,-<>-\[\]-~]")
_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")
_MOST_ORIGINAL = 500  # RFC 3461, section 4.2: characters of ORCPT


def on_the_wire(address: str) -> str | None:
    """The address with its domain in A-labels (RFC 5890, section 2.3.2.1); None when it is no plain mailbox.

    A local part is its own host's and stays as it is: beyond ASCII, every server on the way must speak
    SMTPUTF8 (RFC 6531, section 3.2). A domain beyond ASCII needs nobody's help.
    """
    if len(address) > MOST:
        return None
    local, _, domain = address.rpartition("@")
    written = address if domain.isascii() else f"{local}@{_a_labels(domain)}"
    if not _is_plain(written, local):
        return None
    if not local.startswith('"') and "" in local.split("."):
        # "x.@y" of a telephone is no dot-atom (RFC 5322, section 3.2.3)
        written = f'"{local}"@{written.rpartition("@")[2]}'
    return written if len(written.encode()) <= MOST else None


def _is_plain(written: str, local: str) -> bool:
    if "=?" in local:  # RFC 2047, section 5: read as an encoded word in a header, it is another's address
        return False
    if local.isascii():
        return _ADDRESS.fullmatch(written) is not None
    # RFC 6531, section 3.3, allows every character beyond ASCII; nobody can see, copy or answer those that
    # are not printable. Half a character has no UTF-8.
    visible = _INTERNATIONAL.fullmatch(local) is not None and local.isprintable()
    return visible and _ADDRESS.fullmatch(f"a@{written.rpartition('@')[2]}") is not None


def _a_labels(domain: str) -> str:
    """ "" when DNS has no such name. IDNA 2008: that of 2003 makes another's domain of one with a "ß"."""
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError:
        return ""


def is_international(address: str) -> bool:
    """Whether its local part is beyond ASCII."""
    return not address.rpartition("@")[0].isascii()


def same_mailbox(reported: str, ours: str) -> bool:
    """Whether a report speaks of an address of ours, which it may have kept as it stood in ORCPT."""
    wanted = (on_the_wire(ours) or ours).casefold()
    return any((on_the_wire(one) or one).casefold() == wanted for one in (reported, unquoted(reported)))


def original_recipient(address: str) -> str | None:
    """The value of ORCPT (RFC 3461, section 4.2; RFC 6533, section 3); None when it would be too long."""
    if is_international(address):
        value = "utf-8;" + _NO_QCHAR.sub(lambda found: f"\\x{{{ord(found[0]):02X}}}", address)
    else:
        value = "rfc822;" + _NO_XCHAR.sub(lambda found: f"+{ord(found[0]):02X}", address)
    return value if len(value) <= _MOST_ORIGINAL else None


def unquoted(xtext: str) -> str:
    """What xtext stands for (RFC 3461, section 4)."""
    return _HEXCHAR.sub(lambda found: chr(int(found[1], 16)), xtext)
