"""What is in a winmail.dat?

Outlook packs attachments, and at times the text, into one part of type application/ms-tnef (MS-OXTNEF). Only
the few attributes that hold files and words are read; a file that is cut off gives what came before.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

_SIGNATURE = 0x223E9F78
_RECORD = struct.Struct("<BII")
_U32 = struct.Struct("<I")
_MAX_RECORDS, _MAX_PROPERTIES = 2_000, 2_000


class _Attribute(IntEnum):
    """MS-OXTNEF, section 2.1.3.2."""

    BODY = 0x800C
    CODE_PAGE = 0x9007
    MESSAGE_PROPERTIES = 0x9003
    NEW_FILE = 0x9002
    FILE_TITLE = 0x8010
    FILE_DATA = 0x800F
    FILE_PROPERTIES = 0x9005


class _Property(IntEnum):
    """MS-OXPROPS."""

    BODY = 0x1000
    HTML = 0x1013
    FILE_DATA = 0x3701
    FILE_NAME = 0x3704
    LONG_FILE_NAME = 0x3707
    MIME_TYPE = 0x370E


_STRING8, _UNICODE, _OBJECT, _BINARY = 0x1E, 0x1F, 0x0D, 0x102
_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
"""Bytes of the property types that have always the same size, padded to four."""


@dataclass(slots=True)
class TnefFile:
    """One packed file; filled while its attributes are read."""

    name: str = ""
    type: str = ""
    data: bytes = b""


@dataclass(slots=True)
class Tnef:
    """What was packed."""

    files: list[TnefFile] = field(default_factory=list)
    plain: bytes = b""
    html: bytes = b""
    charset: str = "windows-1252"
    """Of `plain` and `html`."""


def unpack(data: bytes) -> Tnef | None:
    """None when it is no TNEF."""
    if len(data) < 6 or _U32.unpack_from(data)[0] != _SIGNATURE:
        return None
    found = Tnef()
    for kind, value in _records(data):
        _take(found, kind & 0xFFFF, value)
    found.files = [one for one in found.files if one.data]
    return found


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 6  # behind the signature and the key
    for _ in range(_MAX_RECORDS):
        if position + _RECORD.size > len(data):
            return
        _, kind, size = _RECORD.unpack_from(data, position)
        position += _RECORD.size
        yield kind, data[position : position + size]
        position += size + 2  # a checksum that nobody checks


def _take(found: Tnef, kind: int, value: bytes) -> None:
    match kind:
        case _Attribute.CODE_PAGE if len(value) >= 4:
            found.charset = _charset(_U32.unpack_from(value)[0])
        case _Attribute.BODY:
            found.plain = found.plain or value.rstrip(b"\0")
        case _Attribute.MESSAGE_PROPERTIES:
            _take_message(found, value)
        case _Attribute.NEW_FILE:
            found.files.append(TnefFile())
        case _Attribute.FILE_TITLE | _Attribute.FILE_DATA | _Attribute.FILE_PROPERTIES if found.files:
            _take_file(found.files[-1], kind, value, found.charset)


def _charset(code_page: int) -> str:
    return {65001: "utf-8", 20127: "us-ascii", 28591: "iso-8859-1"}.get(code_page, f"cp{code_page}")


def _take_message(found: Tnef, value: bytes) -> None:
    for name, kind, content in _properties(value):
        if name == _Property.BODY:
            text = content.decode("utf-16-le", "replace").encode() if kind == _UNICODE else content
            found.plain = text.rstrip(b"\0")
            found.charset = "utf-8" if kind == _UNICODE else found.charset
        elif name == _Property.HTML:
            found.html = content


def _take_file(file: TnefFile, kind: int, value: bytes, charset: str) -> None:
    match kind:
        case _Attribute.FILE_TITLE:
            file.name = file.name or _text(value, charset)
        case _Attribute.FILE_DATA:
            file.data = value
        case _:
            for name, form, content in _properties(value):
                _take_property(file, name, content, "utf-16-le" if form == _UNICODE else charset)


def _take_property(file: TnefFile, name: int, content: bytes, charset: str) -> None:
    match name:
        case _Property.LONG_FILE_NAME:
            file.name = _text(content, charset) or file.name
        case _Property.FILE_NAME:
            file.name = file.name or _text(content, charset)
        case _Property.MIME_TYPE:
            file.type = _text(content, charset)
        case _Property.FILE_DATA if not file.data:
            file.data = content


def _text(value: bytes, charset: str) -> str:
    try:
        return value.decode(charset, "replace").partition("\0")[0]
    except LookupError:
        return value.decode("cp1252", "replace").partition("\0")[0]


def _properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Name, type and value of each MAPI property (MS-OXTNEF, section 2.1.3.4)."""
    if len(data) < 4:
        return
    position = 4
    for _ in range(min(_U32.unpack_from(data)[0], _MAX_PROPERTIES)):
        if position + 4 > len(data):
            return
        kind, name = struct.unpack_from("<HH", data, position)
        position = _after_name(data, position + 4, name)
        content, position = _value(data, position, kind)
        if position < 0:
            return
        yield name, kind & 0xFFF, content


def _after_name(data: bytes, position: int, name: int) -> int:
    """Named properties carry a GUID, and a number or a text."""
    if name < 0x8000 or position + 24 > len(data):
        return position
    if _U32.unpack_from(data, position + 16)[0] == 0:
        return position + 24
    return position + 24 + _padded(_U32.unpack_from(data, position + 20)[0])


def _value(data: bytes, position: int, kind: int) -> tuple[bytes, int]:
    """The value (the first of several) and where the next property begins; -1 when that is unknown."""
    several, form = bool(kind & 0x1000), kind & 0xFFF
    if form in _FIXED:
        count, position = _count(data, position) if several else (1, position)
        return data[position : position + _FIXED[form]], position + count * _FIXED[form]
    if form not in (_STRING8, _UNICODE, _OBJECT, _BINARY):
        return b"", -1
    count, position = _count(data, position)
    first = b""
    for number in range(min(count, _MAX_PROPERTIES)):
        size, position = _count(data, position)
        if number == 0:
            first = data[position : position + size]
        position += _padded(size)
        if position > len(data):
            break
    # An object begins with the identifier of its interface.
    return first[16:] if form == _OBJECT else first, position


def _count(data: bytes, position: int) -> tuple[int, int]:
    if position + 4 > len(data):
        return 0, len(data)
    found: int = _U32.unpack_from(data, position)[0]
    return found, position + 4


def _padded(size: int) -> int:
    return (size + 3) & ~3
