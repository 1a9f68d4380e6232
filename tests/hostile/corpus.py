"""Small sound files of every type that is read, and seeded ways to spoil them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from random import Random

import pikepdf
from PIL import Image, ImageDraw

Spoil = Callable[[Random, bytes], bytes]

_TOKENS: tuple[bytes, ...] = (
    *(b"/Length 0", b"/Length 99999999", b"/Length -1", b"/Kids [1 0 R 1 0 R]", b"/Count 999999"),
    *(b"/MediaBox [0 0 1e9 1e9]", b"/Filter [/FlateDecode /FlateDecode]", b"/Encrypt 1 0 R"),
    *(b"<< /Type /Page /Parent 1 0 R >>", b"endobj", b"startxref\n0\n%%EOF", b"/Root 9999 0 R"),
    *(b"\xff\xd8\xff\xe0", b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff", b"\xff\xda", b"\xff\xd9"),
    *(b"IHDR\x7f\xff\xff\xff\x7f\xff\xff\xff", b"IDAT", b"acTL", b"iCCP", b"IEND\xaeB`\x82"),
    *(b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"RIFF\xff\xff\xff\xffWEBPVP8X", b"ALPH", b"ANMF"),
    *(b"\0\0\0\x1cftypavif", b"meta", b"iloc", b"ispe\0\0\0\0\xff\xff\xff\xff", b"GIF89a\xff\xff"),
    *(b"\0" * 64, b"\xff" * 64, b"(" * 300, b"[" * 300, b"<<" * 300),
)
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def sound_files() -> Mapping[str, bytes]:
    """Gives a file of each kind by name; the part before the dash is the type."""
    picture = Image.new("RGB", (96, 48), "white")
    ImageDraw.Draw(picture).text((8, 16), "hostile", fill="black")
    plain = _saved(picture, "PDF", frames=3)
    return {
        "png-rgb": _saved(picture, "PNG"),
        "png-palette": _saved(picture.convert("P"), "PNG", optimize=True),
        "jpeg-baseline": _saved(picture, "JPEG"),
        "jpeg-progressive": _saved(picture.convert("L"), "JPEG", progressive=True),
        "webp-lossy": _saved(picture, "WEBP"),
        "webp-animated": _saved(picture, "WEBP", frames=3),
        "tiff-frames": _saved(picture, "TIFF", frames=3),
        "tiff-lzw": _saved(picture, "TIFF", compression="tiff_lzw"),
        "tiff-fax": _saved(picture.convert("1"), "TIFF", compression="group4"),
        "gif-animated": _saved(picture.convert("P"), "GIF", frames=3),
        "bmp-rgb": _saved(picture, "BMP"),
        "avif-rgb": _saved(picture, "AVIF"),
        "pdf-scanned": plain,
        "pdf-drawn": _drawn_pdf(),
        "pdf-packed": _packed(plain, object_stream_mode=pikepdf.ObjectStreamMode.generate),
        "pdf-encrypted": _packed(plain, encryption=pikepdf.Encryption(owner="o", user="u")),
    }


def spoiled(random: Random, files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Gives a file with one to four faults, and what it was."""
    name = random.choice(sorted(files))
    data = files[name]
    for _ in range(random.choice((1, 1, 2, 4))):
        if random.random() < 0.1:
            data = _spliced(random, data, files[random.choice(sorted(files))])
        else:
            data = random.choice(_SPOILS)(random, data)
    return name, data


def _saved(picture: Image.Image, file_format: str, *, frames: int = 1, **options: object) -> bytes:
    target = io.BytesIO()
    first, *rest = [picture.rotate(90 * number) for number in range(frames)]
    if rest:
        options |= {"save_all": True, "append_images": rest}
    first.save(target, file_format, **options)
    return target.getvalue()


def _drawn_pdf() -> bytes:
    made, target = pikepdf.new(), io.BytesIO()
    for number in range(3):
        made.add_blank_page(page_size=(200, 100))
        font = pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
        )
        made.pages[number].Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
        drawing = b"BT /F 20 Tf 10 40 Td (page %d) Tj ET 10 10 50 20 re f" % number
        made.pages[number].Contents = pikepdf.Stream(made, drawing)
    made.save(target)
    return target.getvalue()


def _packed(data: bytes, **options: object) -> bytes:
    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as opened:
        opened.save(target, **options)  # type: ignore[arg-type]  # of several types
    return target.getvalue()


def _flip_bits(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 2, 8, 64))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _insert_token(random: Random, data: bytes) -> bytes:
    place = random.randrange(len(data) + 1)
    return data[:place] + random.choice(_TOKENS) + data[place:]


def _overwrite_with_token(random: Random, data: bytes) -> bytes:
    place, token = random.randrange(len(data) + 1), random.choice(_TOKENS)
    return data[:place] + token + data[place + len(token) :]


def _edit_number(random: Random, data: bytes) -> bytes:
    """Overwrites two or four bytes, most often near the head, where sizes and lengths stand."""
    width, order = random.choice((2, 4)), random.choice(("big", "little"))
    reach = len(data) if random.random() < 0.4 else min(len(data), 128)
    place = random.randrange(reach + 1)
    value = random.choice(_INTERESTING) % (1 << 8 * width)
    number = value.to_bytes(width, "big" if order == "big" else "little")
    return data[:place] + number + data[place + width :]


def _edit_decimal(random: Random, data: bytes) -> bytes:
    """Replaces one of the numbers that a PDF is full of."""
    places = [at for at in range(len(data)) if data[at : at + 1].isdigit()]
    if not places:
        return data
    at = random.choice(places)
    number = random.choice((b"0", b"-1", b"99999999999", b"2147483648", b"1e308"))
    return data[:at] + number + data[at + 1 :]


def _repeat(random: Random, data: bytes) -> bytes:
    begin = random.randrange(len(data) + 1)
    part = data[begin : begin + random.choice((4, 64, 1024))]
    return data[:begin] + part * random.choice((2, 20)) + data[begin:]


def _remove(random: Random, data: bytes) -> bytes:
    begin = random.randrange(len(data) + 1)
    return data[:begin] + data[begin + random.choice((1, 4, 64)) :]


def _swap_head(random: Random, data: bytes) -> bytes:
    heads = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"%PDF-1.7\n")
    head = random.choice(heads)
    return head + data[len(head) :]


def _spliced(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


_SPOILS: tuple[Spoil, ...] = (
    *(_flip_bits, _cut, _insert_token, _overwrite_with_token, _edit_number, _edit_decimal),
    *(_repeat, _remove, _swap_head),
)
