"""A minimal PDF writer for the made-up résumés."""

from __future__ import annotations

MOST_LINES = 60


def render_page(text: str) -> bytes:
    """Returns a PDF with one A4 page in Helvetica.

    Characters beyond Western European ones become ``?``; lines beyond 60 are dropped.
    """
    shown = [line.encode("cp1252", "replace") for line in text.splitlines()[:MOST_LINES]]
    for mark in (b"\\", b"(", b")"):
        shown = [line.replace(mark, b"\\" + mark) for line in shown]
    drawing = b"BT /F1 11 Tf 50 780 Td 12 TL " + b" ".join(b"(%s) Tj T*" % line for line in shown) + b" ET"
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
        font,
    ]
    written, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(written))
    return written + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer
