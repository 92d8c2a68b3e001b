"""Small files of the kinds that browsers show, made here."""

import math
import struct

_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def wav(seconds: int, *, rate: int = 8000) -> bytes:
    """Return a tone."""
    turn = 2 * math.pi * 440 / rate
    samples = [int(8000 * math.sin(turn * number)) for number in range(rate)]
    data = struct.pack(f"<{rate}h", *samples) * seconds
    head = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
    body = b"WAVEfmt " + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def pdf(pages: int) -> bytes:
    """Return pages with a line of text, a green rectangle and a scan (CCITT G4)."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", _FONT, _scan()]
    for number in range(1, pages + 1):
        drawing = (
            f"BT /F 36 Tf 72 700 Td (Page {number}) Tj ET"
            " 0 .5 .3 rg 72 400 300 200 re f q 200 0 0 200 72 100 cm /I Do Q"
        ).encode()
        objects.append(_stream(b"", drawing))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources"
            b" << /Font << /F 3 0 R >> /XObject << /I 4 0 R >> >>"
            b" /Contents %d 0 R >>" % len(objects)
        )
    kids = b" ".join(b"%d 0 R" % (6 + 2 * number) for number in range(pages))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%b] >>" % (pages, kids)
    return _file(objects)


def japanese_pdf() -> bytes:
    """Return a page with two large characters, in a font that the file has not."""
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1 /Kids [6 0 R] >>",
            (
                b"<< /Type /Font /Subtype /Type0 /BaseFont /HeiseiMin-W3"
                b" /Encoding /UniJIS-UTF16-H /DescendantFonts [4 0 R] >>"
            ),
            (
                b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HeiseiMin-W3"
                b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1)"
                b" /Supplement 2 >> /FontDescriptor 7 0 R >>"
            ),
            _stream(b"", b"BT /F 200 Tf 72 400 Td <65E5672C> Tj ET"),
            (
                b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792]"
                b" /Resources << /Font << /F 3 0 R >> >> /Contents 5 0 R >>"
            ),
            (
                b"<< /Type /FontDescriptor /FontName /HeiseiMin-W3 /Flags 4"
                b" /FontBBox [-123 -257 1001 910] /ItalicAngle 0 /Ascent 709"
                b" /Descent -241 /CapHeight 709 /StemV 69 >>"
            ),
        ]
    )


def _scan() -> bytes:
    """32 white lines of 32 pixels, each like the one before, and the end (T.6)."""
    image = bytes([255] * 4) + bytes.fromhex("001001")
    return _stream(
        b"/Type /XObject /Subtype /Image /Width 32 /Height 32 /BitsPerComponent 1"
        b" /ColorSpace /DeviceGray /Filter /CCITTFaxDecode"
        b" /DecodeParms << /K -1 /Columns 32 /Rows 32 /BlackIs1 true >>",
        image,
    )


def _stream(described: bytes, content: bytes) -> bytes:
    length = len(content)
    return b"<< %b /Length %d >>\nstream\n%b\nendstream" % (described, length, content)


def _file(objects: list[bytes]) -> bytes:
    out, places = b"%PDF-1.4\n", []
    for number, written in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, written)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n" % count
    tail = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF"
    return out + head + table + tail % (count, len(out))
