"""Recognizes a file by its first bytes, and says what to do with one that cannot be read."""

import io
import re
import zipfile

READABLE = (
    "What can be read is CSV, JSON, JSON Lines and Excel workbooks (.xlsx): export the list as one of these"
)
SAVE_AS = "Save it as an Excel workbook (.xlsx) or as CSV"
ZIP = b"PK\x03\x04"

_COMPRESSED = "a compressed file ({}). Unpack it and choose the file inside"
_SIGNATURES = (
    (b"%PDF", f"a PDF. {READABLE}"),
    (b"\x1f\x8b", _COMPRESSED.format("gzip")),
    (b"BZh", _COMPRESSED.format("bzip2")),
    (b"\xfd7zXZ", _COMPRESSED.format("xz")),
    (b"\x28\xb5\x2f\xfd", _COMPRESSED.format("zstd")),
    (b"7z\xbc\xaf\x27\x1c", _COMPRESSED.format("7z")),
    (b"Rar!", _COMPRESSED.format("RAR")),
    (b"PK\x05\x06", "an empty compressed file (zip)"),
    (b"\xd0\xcf\x11\xe0", f"a file of an older Office (.xls, .doc) or one with a password. {SAVE_AS}"),
    (b"{\\rtf", f"rich text. {READABLE}"),
    (b"\x89PNG", f"a picture. {READABLE}"),
    (b"\xff\xd8\xff", f"a picture. {READABLE}"),
    (b"GIF8", f"a picture. {READABLE}"),
    (b"SQLite format 3", f"a database. {READABLE}"),
    (b"PAR1", f"a Parquet file. {READABLE}"),
)
# Where several people edit a workbook, Excel numbers the part.
_WORKBOOK = re.compile(r"xl/workbook\d*\.xml")
# What a zip file holds tells what it is.
_PACKED = (
    ("xl/workbook.bin", f"a binary Excel workbook (.xlsb). {SAVE_AS}"),
    ("word/document.xml", f"a Word document. {READABLE}"),
    ("ppt/presentation.xml", f"a presentation. {READABLE}"),
    ("Index/Document.iwa", f"an Apple Numbers or Pages file. {SAVE_AS}"),
    ("content.xml", f"an OpenDocument file (.ods, .odt). {SAVE_AS}"),
)
_WEB_PAGE = re.compile(r"<(!doctype html|html|head|body|table|meta|style|div)\b", re.IGNORECASE)
_LOOKED_AT = 4_096


def is_workbook(content: bytes) -> bool:
    """Whether it is an Excel workbook (.xlsx): a zip file with a workbook in it."""
    return content.startswith(ZIP) and any(map(_WORKBOOK.fullmatch, _names(content)))


def refusal(content: bytes) -> str:
    """What the file is and what to do, if no reader takes it; empty if it may be text."""
    if content.startswith(ZIP):
        names = _names(content)
        return next((said for name, said in _PACKED if name in names), _COMPRESSED.format("zip"))
    if content[257:262] == b"ustar":
        return _COMPRESSED.format("tar")
    return next((said for signature, said in _SIGNATURES if content.startswith(signature)), "")


def refusal_of_text(text: str) -> str:
    """What the text is and what to do, if it is no list; empty if it may be one."""
    start = text[:_LOOKED_AT].lstrip()
    if not start.startswith("<"):
        return ""
    return f"a web page. {READABLE}" if _WEB_PAGE.search(start) else f"XML. {READABLE}"


def _names(content: bytes) -> set[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return set(packed.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return set()
