"""The document child: real processes, real limits, each hit by a file."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

from ocr_api.child.channel import Channel, ParentGoneError
from ocr_api.child.pixels import mapped_page
from ocr_api.errors import DamagedDocumentError, DocumentError, DocumentLimitError
from ocr_api.jobs import MediaType
from ocr_api.messages import (
    DocumentOpened,
    Failed,
    Message,
    OpenDocument,
    PageRendered,
    Ready,
    RenderPage,
)

pytestmark = pytest.mark.processes

REQUEST = RenderPage(MediaType.PNG, page_number=1, max_pixels=100_000_000)
CATALOGUE = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>")


@dataclass(frozen=True)
class Child:
    """A running document child and our end of its socket."""

    process: subprocess.Popen[bytes]
    channel: Channel

    def ask(
        self, data: bytes, request: RenderPage | OpenDocument = REQUEST, at: int = 0
    ) -> Message:
        """Sends a document and gives the answer; closes the pixels."""
        answer, files = self.ask_for_pixels(data, request, at)
        for descriptor in files:
            os.close(descriptor)
        return answer

    def ask_for_pixels(
        self, data: bytes, request: RenderPage | OpenDocument = REQUEST, at: int = 0
    ) -> tuple[Message, list[int]]:
        """Sends a document whose descriptor stands at that offset."""
        with tempfile.TemporaryFile() as document:
            document.write(data)
            document.seek(at)
            self.channel.send(request, [document.fileno()])
            return self.channel.receive()

    def ends(self) -> int:
        """Waits for the end and gives the exit status."""
        return self.process.wait(timeout=10)


@contextmanager
def started(*options: str) -> Iterator[Child]:
    """Starts a child as the worker does: a fresh interpreter, an empty environment."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "ocr_api.child.document_process"]
    with theirs:
        process = subprocess.Popen(
            [*command, str(theirs.fileno()), str(os.getpid()), *options],
            pass_fds=[theirs.fileno()],
            env={},
            cwd="/",
            stderr=subprocess.DEVNULL,
        )
    with Channel(ours) as channel, process:
        assert channel.receive() == (Ready(), [])
        yield Child(process, channel)
        channel.close()
        process.kill()


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    """One child with the default limits, for files that do not kill it."""
    with started() as running:
        yield running


def a_png(side: int, mode: str = "L") -> bytes:
    """A white square."""
    target = io.BytesIO()
    Image.new(mode, (side, side), "white").save(target, "PNG", compress_level=1)
    return target.getvalue()


def a_pdf(*objects: bytes) -> bytes:
    """Numbered objects behind a catalogue of one page, whose object is the first given."""
    numbered = enumerate((*CATALOGUE, *objects), 1)
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % item for item in numbered)
    return b"%PDF-1.7\n" + body + b"trailer<</Root 1 0 R>>\n%%EOF"


def a_stream(content: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (entries, len(content), content)


def a_page(entries: bytes = b"") -> bytes:
    """A page whose content is object 4."""
    return b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R%b>>" % entries


def a_drawing_that_contains_itself() -> bytes:
    names = b"/Resources<</XObject<</F 5 0 R>>>>"
    form = a_stream(b"/F Do /F Do", b"/Subtype/Form/BBox[0 0 200 100]" + names)
    return a_pdf(a_page(names), a_stream(b"/F Do"), form)


def drawings_in_drawings(depth: int = 8, width: int = 10) -> bytes:
    """Ten drawings that each draw ten drawings that …: 100 million at the last level."""
    calls = b"/F Do " * width
    forms = [
        a_stream(calls, b"/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F %d 0 R>>>>" % number)
        for number in range(6, 5 + depth)
    ]
    last = a_stream(b"0 0 1 1 re f", b"/Subtype/Form/BBox[0 0 9 9]")
    names = b"/Resources<</XObject<</F 5 0 R>>>>"
    return a_pdf(a_page(names), a_stream(calls), *forms, last)


def content_that_unpacks_to_gigabytes() -> bytes:
    """3 GB of spaces, packed twice: 5 KB."""
    packer = zlib.compressobj(9)
    megabyte = b" " * 1024 * 1024
    once = b"".join(packer.compress(megabyte) for _ in range(700)) + packer.flush()
    return a_pdf(a_page(), a_stream(zlib.compress(once, 9), b"/Filter[/FlateDecode/FlateDecode]"))


def content_that_paints_for_minutes() -> bytes:
    fills = zlib.compress(b"0 0 200 100 re f\n" * 100_000, 9)
    return a_pdf(a_page(), a_stream(fills, b"/Filter/FlateDecode"))


def test_page_comes_back_as_pixels(child: Child) -> None:
    answer, files = child.ask_for_pixels(a_png(50), at=33)
    assert isinstance(answer, PageRendered)
    with mapped_page(answer.image, files[0]) as page:
        assert (page.width_px, page.height_px, page.mode) == (50, 50, "L")
        assert bytes(page.pixels) == b"\xff" * 2500


@pytest.mark.parametrize("media_type", set(MediaType) - {MediaType.HEIC})
def test_every_type_is_decoded_under_the_limits(media_type: MediaType, child: Child) -> None:
    target = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(target, media_type.name)
    answer = child.ask(target.getvalue(), replace(REQUEST, media_type=media_type))
    assert isinstance(answer, PageRendered)


def test_text_in_a_font_that_is_not_embedded_is_drawn(child: Child) -> None:
    font = b"/Resources<</Font<</F<</Type/Font/Subtype/TrueType/BaseFont/Arial>>>>>>"
    data = a_pdf(a_page(font), a_stream(b"BT /F 30 Tf 20 40 Td (Text) Tj ET"))
    answer, files = child.ask_for_pixels(data, replace(REQUEST, media_type=MediaType.PDF))
    assert isinstance(answer, PageRendered)
    with mapped_page(answer.image, files[0]) as page:
        assert min(bytes(page.pixels)) < 50


def pdf_of(pages: int) -> bytes:
    """Pages that grow in width, from 73 points."""
    kids = b" ".join(b"%d 0 R" % (number + 3) for number in range(pages))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, pages),
    ]
    objects += [
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d 72]>>" % (73 + number)
        for number in range(pages)
    ]
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % item for item in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer<</Root 1 0 R>>\n%%EOF"


def page_of(number: int, document: str = "") -> RenderPage:
    return RenderPage(MediaType.PDF, number, 10**6, dpi=72, document=document)


def test_opening_counts_the_pages_and_checks_the_limit(child: Child) -> None:
    request = OpenDocument(MediaType.PDF, max_pages=3)
    assert child.ask(pdf_of(3), request) == DocumentOpened(3)
    refused = child.ask(pdf_of(4), request)
    assert isinstance(refused, Failed)
    assert (refused.code, refused.facts) == ("too_many_pages", {"pages_total": 4, "max_pages": 3})


def test_named_document_stays_open_for_its_pages_and_no_longer(child: Child) -> None:
    opening = OpenDocument(MediaType.PDF, max_pages=9, document="job")
    assert child.ask(pdf_of(3), opening) == DocumentOpened(3)
    for number in (2, 1, 3):
        answer = child.ask(b"no longer read", page_of(number, "job"))
        assert isinstance(answer, PageRendered)
        assert answer.image.width_px == 72 + number
    # With its last page it is forgotten; others never took its place.
    assert isinstance(child.ask(b"not a pdf", page_of(1, "job")), Failed)
    assert child.ask(pdf_of(3), opening) == DocumentOpened(3)
    assert isinstance(child.ask(b"not a pdf", page_of(1, "another")), Failed)
    assert isinstance(child.ask(b"not a pdf", page_of(1)), Failed)


def test_page_of_a_document_that_is_not_open_is_rendered(child: Child) -> None:
    for document in ("", "fresh"):
        answer = child.ask(pdf_of(5), page_of(4, document))
        assert isinstance(answer, PageRendered)
        assert answer.image.width_px == 76


def test_damaged_file_is_told_and_the_next_one_works(child: Child) -> None:
    answer = child.ask(a_png(50)[:60])
    assert isinstance(answer, Failed)
    assert isinstance(answer.to_error(), DamagedDocumentError)
    assert isinstance(child.ask(a_png(50)), PageRendered)


def test_foreign_request_is_told_and_the_next_one_works(child: Child) -> None:
    child.channel.send(Ready())
    answer, _ = child.channel.receive()
    assert isinstance(answer, Failed)
    assert isinstance(answer.to_error(), DocumentError)
    assert isinstance(child.ask(a_png(50)), PageRendered)


def test_descriptors_do_not_pile_up(child: Child) -> None:
    for number in range(100):
        data = a_png(9) if number % 2 else b"\x89PNG\r\n\x1a\n damaged"
        assert isinstance(child.ask(data), PageRendered) == bool(number % 2)


def test_picture_beyond_the_memory_limit_is_told_and_the_next_one_works() -> None:
    with started("--memory-mib", "200") as child:
        answer = child.ask(a_png(6000, "RGB"))
        assert isinstance(answer, Failed)
        assert isinstance(answer.to_error(), DocumentLimitError)
        assert "memory" in answer.detail
        assert isinstance(child.ask(a_png(500, "RGB")), PageRendered)


def test_page_beyond_the_file_limit_is_told_and_the_next_one_works() -> None:
    with started("--file-mib", "1") as child:
        answer = child.ask(a_png(1100))
        assert isinstance(answer, Failed)
        assert isinstance(answer.to_error(), DocumentLimitError)
        assert isinstance(child.ask(a_png(1000)), PageRendered)


@pytest.mark.parametrize(
    ("make", "signals"),
    [
        (a_drawing_that_contains_itself, {signal.SIGABRT, signal.SIGTRAP, signal.SIGSEGV}),
        (drawings_in_drawings, {signal.SIGABRT, signal.SIGTRAP, signal.SIGSEGV}),
        (content_that_unpacks_to_gigabytes, {signal.SIGABRT, signal.SIGTRAP, signal.SIGSEGV}),
        (content_that_paints_for_minutes, {signal.SIGXCPU}),
    ],
)
def test_pdf_without_end_ends_the_child(
    make: Callable[[], bytes], signals: set[signal.Signals]
) -> None:
    request = replace(REQUEST, media_type=MediaType.PDF, dpi=600)
    with started("--memory-mib", "400", "--cpu-s", "2") as child:
        with pytest.raises(ParentGoneError):
            child.ask(make(), request)
        assert -child.ends() in signals | {signal.SIGXCPU}


def test_cpu_time_is_granted_anew_for_each_request() -> None:
    target = io.BytesIO()
    Image.effect_noise((2000, 2000), 50).save(target, "PNG")
    with started("--cpu-s", "1") as child:
        for _ in range(30):
            assert isinstance(child.ask(target.getvalue()), PageRendered)


def test_closed_socket_ends_the_child() -> None:
    with started() as child:
        child.channel.close()
        assert child.ends() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_limits_hold_in_the_process(child: Child) -> None:
    limits = Path(f"/proc/{child.process.pid}/limits").read_text()
    found = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()[1:]}
    assert found["Max core file size"] == ["0", "0"]
    assert found["Max open files"] == ["32", "32"]
    assert found["Max processes"] == ["0", "0"]
    assert found["Max address space"] == [str(1024**3)] * 2
    assert found["Max file size"] == [str(512 * 1024**2)] * 2
    status = Path(f"/proc/{child.process.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Threads:\t1\n" in status
