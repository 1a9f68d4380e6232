"""What no HTTP library sends: slow heads, bodies of two lengths, endless chunks, half requests."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from itertools import product

import pytest

from tests.service import Service, eventually, running, small_png

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

HOST = b"Host: localhost\r\n"
HEAD_S = 2.0
MAX_BYTES = 200_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with little patience, which is well after all tests and keeps nothing of them."""
    environment = {"REQUEST_HEAD_TIMEOUT": str(HEAD_S), "MAX_UPLOAD_BYTES": str(MAX_BYTES)}
    data_dir = tmp_path_factory.mktemp("raw") / "data"
    program = "tests.hostile.serve_untold"
    with running(data_dir, environment, processes=1, program=program) as started:
        yield started
        job = started.ended(started.submit(small_png(), model="scripted"))
        assert job["status"] == "completed"
        eventually(
            lambda: not [name for name in started.blobs() if not name.startswith("results/")],
            20,
            started.blobs,
        )
    assert "Traceback" not in started.log.read_text()


@pytest.fixture(scope="module")
def job_id(service: Service) -> str:
    """A job that is completed."""
    found = service.submit(small_png(), model="scripted")
    assert service.ended(found)["status"] == "completed"
    return found


def exchange(service: Service, *pieces: bytes, ends: bool = False, wait_s: float = 5.0) -> bytes:
    """Sends pieces over a connection of its own; gives what comes until the other side closes."""
    heard = bytearray()
    with contextlib.closing(connect(service, wait_s)) as sock:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                sock.sendall(piece)
            if ends:
                sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while piece := sock.recv(65536):
                heard += piece
    return bytes(heard)


def connect(service: Service, wait_s: float = 5.0) -> socket.socket:
    """A connection; what it does not hear in time fails the test."""
    return socket.create_connection(("127.0.0.1", service.port), timeout=wait_s)


def head(method: str, path: str, *lines: bytes) -> bytes:
    """The head of a request."""
    return b"%s %s HTTP/1.1\r\n%s%s\r\n" % (
        *(method.encode(), path.encode(), HOST),
        b"".join(line + b"\r\n" for line in lines),
    )


def problem(answer: bytes) -> dict[str, object]:
    """The problem details in an answer."""
    headers, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in headers.lower(), answer
    return dict(json.loads(body))


def test_head_that_never_ends_is_cut_off(service: Service) -> None:
    with contextlib.closing(connect(service, HEAD_S + 10)) as sock:
        sock.sendall(b"GET /livez HTTP/1.1\r\n" + HOST)
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < HEAD_S + 10:
                sock.sendall(b"X: y\r\n")
                time.sleep(0.2)
        assert time.monotonic() - began < HEAD_S + 8


def test_connection_that_says_nothing_is_closed(service: Service) -> None:
    assert exchange(service, wait_s=HEAD_S + 10) == b""


def test_second_head_on_a_connection_has_its_time_too(service: Service) -> None:
    request = head("GET", "/livez")
    answer = exchange(service, request, b"GET /livez HT", wait_s=HEAD_S + 10)
    assert answer.count(b"HTTP/1.1 200 OK") == 1


def test_slow_body_outlives_the_time_for_heads(service: Service) -> None:
    data = small_png()
    length = b"Content-Length: %d" % len(data)
    with contextlib.closing(connect(service, 20)) as sock:
        sock.sendall(head("POST", "/ocr?model=scripted", length) + data[:20])
        time.sleep(HEAD_S + 0.5)
        sock.sendall(data[20:])
        assert sock.recv(65536).startswith(b"HTTP/1.1 202 ")


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00" + bytes(100),
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
        b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /livez HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 66_000,
        b"POST /ocr HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n",
        b"POST /ocr HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /ocr HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n",
        b"POST /ocr HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
def test_what_is_no_http_is_answered_with_a_problem(service: Service, request_: bytes) -> None:
    answer = exchange(service, request_)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert problem(answer)["code"] == "malformed_request"


def test_body_with_two_lengths_is_refused_and_the_connection_closed(service: Service) -> None:
    lines = (b"Content-Length: 5", b"Transfer-Encoding: chunked")
    smuggled = head("GET", "/livez")
    answer = exchange(service, head("POST", "/ocr", *lines), b"0\r\n\r\n", smuggled)
    assert problem(answer)["code"] == "malformed_request"
    assert answer.count(b"HTTP/1.1 ") == 1


def test_chunks_that_break_after_the_answer_make_no_noise(service: Service) -> None:
    start = head("POST", "/ocr", b"Transfer-Encoding: chunked") + b"7d0\r\n<html>" + b"x" * 1994
    answer = exchange(service, start, b"\r\nZZZ\r\n")
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 415 "))


def test_chunks_without_end_are_cut_at_the_limit(service: Service) -> None:
    start = head("POST", "/ocr?model=scripted", b"Transfer-Encoding: chunked")
    piece = b"%x\r\n%s\r\n" % (20_000, small_png().ljust(20_000, b"\0"))
    with contextlib.closing(connect(service, 20)) as sock:
        sock.sendall(start)
        with contextlib.suppress(ConnectionError):
            for _ in range(3 * MAX_BYTES // 20_000):
                sock.sendall(piece)
        assert problem(sock.recv(65536))["code"] == "upload_too_large"


def test_uploads_given_up_midway_leave_nothing(service: Service) -> None:
    data = small_png() + bytes(50_000)
    form = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    kind = b"Content-Type: multipart/form-data; boundary=B"
    for start, number in product((b"", form), range(10)):
        length = b"Content-Length: %d" % (MAX_BYTES - 1)
        lines = (length, kind) if start else (length,)
        sent = (start + data)[: 3000 * number]
        assert exchange(service, head("POST", "/ocr", *lines) + sent, ends=True) == b""
    assert service.client.get("/ocr", params={"status": "pending"}).json()["jobs"] == []


def test_pipelined_requests_are_answered_in_order(service: Service) -> None:
    data = small_png()
    length = b"Content-Length: %d" % len(data)
    last = head("GET", "/livez", b"Connection: close")
    answer = exchange(
        service,
        head("POST", "/ocr?model=scripted", length) + data + head("GET", "/livez") * 50 + last,
    )
    assert answer.startswith(b"HTTP/1.1 202 ")
    assert answer.count(b"HTTP/1.1 200 OK") == 51


def test_http_1_0_is_answered_and_closed(service: Service) -> None:
    assert b" 200 OK" in exchange(service, b"GET /livez HTTP/1.0\r\n" + HOST + b"\r\n")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/ocr", "GET, HEAD, POST"),
        ("/ocr/x", "DELETE, GET, HEAD"),
        ("/ocr/x/events", "GET, HEAD"),
        ("/models/switch", "POST"),
        ("/ocr/x/webhooks/y/redeliver", "POST"),
        ("/livez", "GET, HEAD"),
        ("/docs", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "PROPFIND", "get"])
def test_other_methods_are_told_what_is_allowed(
    service: Service, method: str, path: str, allowed: str
) -> None:
    answer = exchange(service, head(method, path, b"Connection: close"))
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert f"allow: {allowed}\r\n".encode() in answer
    assert problem(answer)["code"] == "method_not_allowed"


def test_head_is_get_without_the_body(service: Service, job_id: str) -> None:
    paths = ("/", "/livez", "/docs", "/openapi.json", "/ocr", "/ocr/no", f"/ocr/{job_id}")
    for path in (*paths, f"/ocr/{job_id}/result", f"/ocr/{job_id}/events"):
        answers = {
            method: exchange(service, head(method, path, b"Connection: close"))
            for method in ("GET", "HEAD")
        }
        heads = {name: told.partition(b"\r\n\r\n")[0] for name, told in answers.items()}
        assert heads["HEAD"].split(b"\r\n")[0] == heads["GET"].split(b"\r\n")[0], path
        assert answers["HEAD"].endswith(b"\r\n\r\n"), path
        assert len(answers["GET"]) > len(heads["GET"]) + 4


@pytest.mark.parametrize("key", [b"a" * 60_000, "clé".encode(), b"", b"a\tb"])
def test_absurd_idempotency_keys_are_refused(service: Service, key: bytes) -> None:
    lines = (b"Idempotency-Key: " + key, b"Content-Length: 3", b"Connection: close")
    answer = exchange(service, head("POST", "/ocr", *lines) + b"abc")
    assert answer.startswith(b"HTTP/1.1 422 ")
    assert problem(answer)["option"] == "Idempotency-Key"


@pytest.mark.parametrize(
    "line",
    [
        b"If-None-Match: " + b'"a",' * 8000,
        b'If-None-Match: \xff\xfe,,,"',
        b"Range: bytes=9999-1",
        b"If-Modified-Since: junk",
        b"Last-Event-ID: \xff",
        b"Last-Event-ID: 99999999999999999999",
        b"Accept: " + b"a/b," * 9000,
        b"Accept: \xff;q=9",
        b"Prefer: " + b"wait=," * 5000,
        b"Prefer: wait=999999999",
        b"Connection: Upgrade\r\nUpgrade: websocket",
    ],
)
@pytest.mark.parametrize("path", ["", "/result", "/events", "/pages/1"])
def test_junk_in_headers_is_ignored_or_refused(
    service: Service, job_id: str, path: str, line: bytes
) -> None:
    answer = exchange(service, head("GET", f"/ocr/{job_id}{path}", line, b"Connection: close"))
    assert answer[9:12] in {b"200", b"406", b"422"}, answer[:200]


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ('{"a":' * 32 + "1" + "}" * 32, 202),
        ('{"a":' * 33 + "1" + "}" * 33, 422),
        ('{"a":' + "[" * 300 + "]" * 300 + "}", 422),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, 400),
        ('{"a": 1e999}', 422),
        ('{"a": [-1e999]}', 422),
        ('{"a": NaN}', 400),
        ('{"a": ' + "9" * 4000 + "}", 202),
        ('{"a": ' + "9" * 5000 + "}", 400),
    ],
)
def test_metadata_beyond_reason_is_refused(service: Service, metadata: str, status: int) -> None:
    file = base64.b64encode(small_png()).decode()
    body = f'{{"base64": "{file}", "model": "scripted", "metadata": {metadata}}}'
    answer = service.client.post("/ocr", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    if status == 202:
        job = service.ended(answer.json()["job_id"])
        assert job["metadata"] == json.loads(metadata)


@pytest.mark.parametrize("host", ["xn--a-ecp.ru", "xn--.com", "a" * 300 + ".com", "a..b", "%00"])
def test_webhook_to_a_name_that_is_none_is_refused(service: Service, host: str) -> None:
    options = {"webhook_url": f"http://{host}/"}
    answer = service.client.post("/ocr", files={"file": ("a", small_png())}, data=options)
    assert answer.status_code == 422, answer.text
    assert answer.json()["option"] == "webhook_url"
