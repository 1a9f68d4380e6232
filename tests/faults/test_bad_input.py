"""Bad input gets the right answer at once, or a failed job that helps; nothing stays behind."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import pikepdf
import pytest
from PIL import Image

from tests.service import Service, eventually, running, small_png

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

MAX_BYTES = 200_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a low limit on uploads."""
    environment = {
        "MAX_UPLOAD_BYTES": str(MAX_BYTES),
        "MAX_PIXELS": "4000000",
        "MAX_PAGES": "8",
        "DOCUMENT_TIMEOUT": "6",
        "DOCUMENT_CPU_SECONDS": "3",
    }
    with running(tmp_path_factory.mktemp("bad") / "data", environment) as started:
        yield started


@pytest.fixture(autouse=True)
def nothing_is_left_behind(service: Service) -> Iterator[None]:
    """After each test the service still reads, and no upload lies in the object store."""
    yield
    job_id = service.submit(small_png(), model="scripted")
    assert service.ended(job_id)["status"] == "completed"
    eventually(
        lambda: not [name for name in service.blobs() if not name.startswith("results/")],
        10,
        service.blobs,
    )


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be large, and compresses to little."""
    chunk = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    parts = [(b"IHDR", chunk), (b"IDAT", rows), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + body


def pdf(pages: int = 1, *, key: str | None = None) -> bytes:
    """A PDF of blank pages."""
    made, out = pikepdf.new(), io.BytesIO()
    for _ in range(pages):
        made.add_blank_page(page_size=(200, 200))
    encryption = None if key is None else pikepdf.Encryption(owner=key, user=key)
    made.save(out, encryption=encryption or False)
    return out.getvalue()


def jpeg() -> bytes:
    """A JPEG with something on it."""
    out = io.BytesIO()
    Image.effect_noise((300, 200), 80).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "empty_upload"),
        (b"<!DOCTYPE html><title>not a picture</title>", 415, "unsupported_type"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", 415, "unsupported_type"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), 415, "unsupported_type"),
        (small_png() + bytes(MAX_BYTES), 413, "upload_too_large"),
    ],
)
def test_refused_at_once(service: Service, data: bytes, status: int, code: str) -> None:
    answer = service.client.post("/ocr", files={"file": ("page.png", data)})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert len(answer.json()["detail"]) > 10


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (small_png()[:-30], "document_damaged"),
        (jpeg()[:2000], "document_damaged"),
        (png_header(60_000, 60_000), "too_many_pixels"),
        (pdf(key="secret"), "document_encrypted"),
        (pdf(pages=9), "too_many_pages"),
        (b"%PDF-1.7\n" + bytes(500), "document_damaged"),
        (b"BM" + bytes(200), "document_damaged"),
    ],
)
def test_accepted_then_failed_with_a_sentence(service: Service, data: bytes, code: str) -> None:
    job = service.ended(service.submit(data), timeout_s=15)
    assert job["status"] == "failed"
    assert job["error_detail"]["code"] == code
    assert job["error_detail"]["detail"] == job["error"]
    assert len(job["error"]) > 20
    assert job["result"] is None


@pytest.mark.parametrize(
    "name",
    ["../../../../etc/passwd", "a\r\nX-Evil: 1.png", "\u202egnp.exe", "n" * 5000, "/abs.png"],
)
def test_name_is_only_ever_shown(service: Service, name: str) -> None:
    raw = (
        b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nscripted\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="'
        + name.replace("\r\n", "%0D%0A").encode()
        + b'"\r\n\r\n'
        + small_png()
        + b"\r\n--B--\r\n"
    )
    answer = service.client.post(
        "/ocr", content=raw, headers={"content-type": "multipart/form-data; boundary=B"}
    )
    assert answer.status_code in {202, 400}, answer.text
    if answer.status_code == 202:
        shown = service.ended(answer.json()["job_id"])["filename"]
        assert "/" not in shown
        assert len(shown) <= 255
        assert not any(ord(sign) < 32 or sign == "\u202e" for sign in shown)


def test_file_that_kills_its_decoder_fails_with_a_code(service: Service) -> None:
    content = b"q " * 40_000 + b"/F Do "
    form = b"/F Do " * 50_000
    made, out = pikepdf.new(), io.BytesIO()
    made.add_blank_page(page_size=(200, 200))
    stream = pikepdf.Stream(made, form)
    stream.Type, stream.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
    stream.BBox = [0, 0, 200, 200]
    kept = made.make_indirect(stream)
    kept.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=kept))
    made.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=kept))
    made.pages[0].Contents = pikepdf.Stream(made, content)
    made.save(out)
    job = service.ended(service.submit(out.getvalue()), timeout_s=60)
    assert job["status"] == "failed"
    assert job["error_detail"]["code"] in {"document_limit_exceeded", "document_crashed"}
