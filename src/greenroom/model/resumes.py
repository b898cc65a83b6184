"""Resumes: the accepted types, recognised by content, and the waits between attempts. No I/O."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

#: bytes of a resume at most
LARGEST = 5 * 1024 * 1024
#: how long an ATS's link works
LINK_LASTS = timedelta(days=7)
#: waits after the first attempts; the last one is repeated until the link ends
WAITS = (
    timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6),
)  # fmt: skip
#: accepted media types with the ending of the file's name
ENDINGS = {
    "application/pdf": "pdf",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/rtf": "rtf",
    "text/plain": "txt",
}
_STARTS = {b"%PDF-": "application/pdf", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "application/msword",
           b"{\\rtf": "application/rtf"}  # fmt: skip


def sniff(content: bytes) -> str | None:
    """Returns the media type of an accepted file by its content alone, or None."""
    for start, media_type in _STARTS.items():
        if content.startswith(start):
            return media_type
    if content.startswith(b"PK\x03\x04"):
        return _sniff_archive(content)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    is_markup = text.lstrip("\ufeff \t\r\n").startswith("<")
    is_plain = all(sign.isprintable() or sign in "\t\r\n\f\ufeff" for sign in text)
    return "text/plain" if text.strip() and is_plain and not is_markup else None


def _sniff_archive(content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return None
    if "word/document.xml" in names:
        return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    is_odt = b"mimetypeapplication/vnd.oasis.opendocument.text" in content[:200]
    return "application/vnd.oasis.opendocument.text" if is_odt else None


def next_wait(attempts: int, age: timedelta) -> timedelta | None:
    """Returns the wait after so many failed attempts, or None if the link ends before."""
    wait = WAITS[min(attempts, len(WAITS)) - 1]
    return wait if age + wait < LINK_LASTS else None
