"""Blobs are whole and on the disk, or not there at all."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from ocr_api.errors import (
    BlobMissingError,
    StorageFullError,
    StoreUnavailableError,
    UploadTooLargeError,
)
from ocr_api.store import Blobs, open_blobs, result_key, upload_key
from ocr_api.store.failures import explain_blob
from ocr_api.store.names import job_id_of

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.fixture(params=["local", "memory"])
async def any_blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return await open_blobs(tmp_path / "blobs" if request.param == "local" else "memory:///")


async def read_descriptor(descriptor: int) -> bytes:
    try:
        return await anyio.to_thread.run_sync(os.read, descriptor, 100)
    finally:
        os.close(descriptor)


async def test_upload_comes_back(any_blobs: Blobs) -> None:
    assert await any_blobs.put_upload("uploads/a", chunks(b"one ", b"", b"two")) == 7
    assert await any_blobs.get("uploads/a") == b"one two"
    assert await read_descriptor(await any_blobs.open_file("uploads/a")) == b"one two"


async def test_large_and_empty_uploads_come_back(any_blobs: Blobs) -> None:
    parts = [bytes([number]) * MIB for number in range(12)]
    assert await any_blobs.put_upload("uploads/a", chunks(*parts)) == 12 * MIB
    assert await any_blobs.get("uploads/a") == b"".join(parts)
    assert await any_blobs.put_upload("uploads/b", chunks()) == 0
    assert await any_blobs.get("uploads/b") == b""


async def test_missing_blob_is_told(any_blobs: Blobs) -> None:
    with pytest.raises(BlobMissingError):
        await any_blobs.get("uploads/a")
    with pytest.raises(BlobMissingError):
        await any_blobs.open_file("uploads/a")


async def test_deleting_twice_is_fine(any_blobs: Blobs) -> None:
    await any_blobs.put("results/a", b"1")
    await any_blobs.delete("results/a")
    await any_blobs.delete("results/a")
    with pytest.raises(BlobMissingError):
        await any_blobs.get("results/a")


async def test_list_gives_the_blobs_of_a_folder(any_blobs: Blobs) -> None:
    for number in range(120):
        await any_blobs.put(f"results/{number}", b"123")
    await any_blobs.put("uploads/a", b"1")
    found = [blob async for blob in any_blobs.list("results")]
    assert sorted(blob.key for blob in found) == sorted(f"results/{n}" for n in range(120))
    assert {blob.size for blob in found} == {3}
    assert [blob async for blob in any_blobs.list("nothing")] == []


@pytest.mark.parametrize("mebibytes", [0, 1, 11])
async def test_upload_that_raises_leaves_nothing(
    blobs: Blobs, tmp_path: Path, mebibytes: int
) -> None:
    async def too_large() -> AsyncIterator[bytes]:
        for _ in range(mebibytes):
            yield bytes(MIB)
        raise UploadTooLargeError("too large")

    with pytest.raises(UploadTooLargeError):
        await blobs.put_upload("uploads/a", too_large())
    assert files_below(tmp_path) == []


async def test_os_error_of_the_sender_is_not_blamed_on_the_store(blobs: Blobs) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.put_upload("uploads/a", broken())


async def test_cancelled_upload_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    reached = anyio.Event()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(7):
            yield bytes(MIB)
        reached.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(blobs.put_upload, "uploads/a", endless())
        await reached.wait()
        await anyio.sleep(0.05)
        assert files_below(tmp_path) == ["blobs/uploads/a#1"]
        assert [blob.key for blob in await blobs.list_staged()] == ["uploads/a#1"]
        group.cancel_scope.cancel()
    assert files_below(tmp_path) == []


async def test_write_returns_when_file_and_folder_are_synced(tmp_path: Path) -> None:
    synced: list[tuple[str, bytes]] = []

    def record(path: Path) -> None:
        synced.append((path.name, path.read_bytes() if path.is_file() else b""))

    blobs = await open_blobs(tmp_path / "blobs", sync=record)
    assert synced == [("blobs", b"")]
    synced.clear()
    await blobs.put_upload("uploads/a", chunks(b"whole"))
    assert synced == [("a", b"whole"), ("uploads", b"")]
    synced.clear()
    await blobs.put("results/b", b"data")
    assert synced == [("b", b"data"), ("results", b"")]


async def test_upload_that_cannot_be_synced_is_not_kept(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        if path.name == "a":
            raise OSError(28, "No space left on device")

    blobs = await open_blobs(tmp_path, sync=fail)
    with pytest.raises(StorageFullError):
        await blobs.put_upload("uploads/a", chunks(b"x"))
    assert files_below(tmp_path) == []


async def test_folders_are_private(blobs: Blobs, tmp_path: Path) -> None:
    await blobs.put("uploads/a", b"x")
    for folder in ("blobs", "blobs/uploads", "blobs/results"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700


async def test_key_that_leaves_the_folder_is_refused(blobs: Blobs) -> None:
    for key in ("../x", "/etc/passwd", "uploads/../../x"):
        with pytest.raises(ValueError, match="not a key"):
            await blobs.open_file(key)


async def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError):
        await open_blobs(tmp_path / "file" / "blobs")


def test_full_disk_is_told_from_the_object_stores_text() -> None:
    error = Exception("Unable to copy data: No space left on device (os error 28)")
    assert type(explain_blob(error, "k")) is StorageFullError
    assert type(explain_blob(OSError(5, "Input/output error"), "k")) is StoreUnavailableError


@pytest.mark.parametrize("job_id", ["", "../x", "a/b", "a.b", "a b", "é", "x" * 129, "a\n"])
def test_keys_are_built_from_safe_ids_only(job_id: str) -> None:
    with pytest.raises(ValueError, match="job id"):
        upload_key(job_id)
    with pytest.raises(ValueError, match="job id"):
        result_key(job_id, 1, 1)


def test_keys_tell_their_job() -> None:
    assert job_id_of(upload_key("a_b-1")) == "a_b-1"
    assert job_id_of(upload_key("a_b-1") + "#12") == "a_b-1"
    assert job_id_of(result_key("a_b-1", 12, 3)) == "a_b-1"
    assert job_id_of("elsewhere/a") is None
    assert result_key("a", 1, 1) != result_key("a", 1, 2)


@pytest.mark.anyio
async def test_upload_is_refused_while_there_is_still_room_for_results(tmp_path: Path) -> None:
    async def one() -> AsyncIterator[bytes]:
        yield b"page"

    blobs = await open_blobs(tmp_path / "blobs", reserve_bytes=1 << 60)
    with pytest.raises(StorageFullError, match="nearly full"):
        await blobs.put_upload("uploads/x", one())
    await blobs.put("results/x", b"text")
    assert await blobs.get("results/x") == b"text"
