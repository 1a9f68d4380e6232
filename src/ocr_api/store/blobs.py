"""Uploads and results in an object store: a folder by default, any obstore URL otherwise."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from ocr_api.errors import BlobMissingError, StorageFullError, StoreError
from ocr_api.store.failures import explain_blob
from ocr_api.store.local_files import (
    BlobInfo,
    Sync,
    find_staged,
    fsync_path,
    make_folders,
    open_to_read,
    scratch_file,
    sync_file,
    unlink,
    unlink_staged,
    write_whole,
)

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PART_BYTES = 5 * 1024 * 1024
"""Size of the parts of a streamed upload (S3 takes no smaller ones)."""


async def open_blobs(
    location: str | Path, *, reserve_bytes: int = 0, sync: Sync = fsync_path
) -> Blobs:
    """Opens an object store.

    Args:
        reserve_bytes: Uploads are refused where less room is left on a local disk, so that queue
            and results can still be written.
        location: A folder, made when it is missing (mode 0700), or an obstore URL such as
            `s3://bucket/path`.
        sync: How files and folders are made to last.

    Raises:
        StorageFullError: There is no room for the folder.
        StoreUnavailableError: The folder cannot be made, or the URL is of no known kind.
    """
    text = str(location)
    if "://" in text and not text.startswith("file://"):
        with _failures(text):
            return Blobs(from_url(text), None, sync, reserve_bytes)
    root = Path(text.removeprefix("file://"))
    with _failures(text):
        await anyio.to_thread.run_sync(make_folders, root, sync)
        return Blobs(LocalStore(prefix=root), root, sync, reserve_bytes)


class Blobs:
    """Bytes under keys. obstore's local store never calls fsync, so this class does.

    A method that writes returns when the bytes would survive a power cut. Made by `open_blobs`;
    needs no closing.

    Args:
        store: Where the bytes lie.
        root: Its folder where it is a local one, else None.
        sync: How files and folders are made to last.
        reserve_bytes: Room that uploads leave on a local disk.
    """

    def __init__(
        self, store: ObjectStore, root: Path | None, sync: Sync, reserve_bytes: int
    ) -> None:
        self._reserve_bytes = reserve_bytes
        self._store = store
        self._root = root
        self._sync = sync

    async def put_upload(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Keeps a stream of bytes and gives their number; holds a few parts of it in memory.

        When `chunks` raises, or on cancellation, nothing is left behind and the error goes on.

        Raises:
            StorageFullError: There is no room.
            StoreUnavailableError: The object store failed otherwise.
        """
        await self._check_room()
        counted = _CountedChunks(chunks)
        async with self._whole_or_nothing(key):
            try:
                with _failures(key):
                    await obstore.put_async(
                        self._store, key, aiter(counted), chunk_size=_PART_BYTES
                    )
            except Exception:
                if counted.error is not None:
                    raise counted.error from None
                raise
            await self._make_last(key)
        return counted.size

    async def put(self, key: str, data: bytes) -> None:
        """Keeps some bytes; raises as `put_upload` does.

        A local file is written and synced in one visit to a worker thread, since a page's result
        waits for this.
        """
        async with self._whole_or_nothing(key):
            with _failures(key):
                if self._root is None:
                    await obstore.put_async(self._store, key, data)
                else:
                    path = self._path(self._root, key)
                    await anyio.to_thread.run_sync(write_whole, path, data, self._sync)

    async def get(self, key: str) -> bytes:
        """Gives the bytes of a blob.

        Raises:
            BlobMissingError: There is none under this key.
            StoreUnavailableError: The object store failed.
        """
        with _failures(key):
            found = await obstore.get_async(self._store, key)
            return bytes(await found.bytes_async())

    async def open_file(self, key: str) -> int:
        """Gives a read-only descriptor of a blob, at its start; the caller closes it.

        Of a local store it is the file itself, otherwise a copy in a file without a name.
        Raises as `get` does.
        """
        if self._root is not None:
            path = self._path(self._root, key)
            with _failures(key):
                return await anyio.to_thread.run_sync(open_to_read, path)
        data = await self.get(key)
        with _failures(key):
            return await anyio.to_thread.run_sync(scratch_file, data)

    async def delete(self, key: str) -> None:
        """Removes a blob; one that is missing already is fine."""
        try:
            with _failures(key):
                await obstore.delete_async(self._store, key)
        except BlobMissingError:
            return

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """Yields all blobs below a folder such as `uploads`, in no order."""
        with _failures(prefix):
            listing = obstore.list(self._store, prefix)  # pyright: ignore[reportUnknownMemberType]
            async for found in listing:
                for blob in found:
                    modified_at = blob["last_modified"].timestamp()
                    yield BlobInfo(blob["path"], blob["size"], modified_at)

    async def list_staged(self) -> Sequence[BlobInfo]:
        """Gives the parts of uploads that never ended, of a local store (a killed process's).

        Elsewhere they are invisible; buckets have rules of their own for them.
        """
        if self._root is None:
            return []
        with _failures("staged"):
            return await anyio.to_thread.run_sync(find_staged, self._root)

    async def delete_staged(self, key: str) -> None:
        """Removes what `list_staged` gave."""
        if self._root is not None:
            with _failures(key):
                await anyio.to_thread.run_sync(unlink, self._path(self._root, key))

    async def _check_room(self) -> None:
        """Refuses an upload while there is still room for everything else."""
        if self._root is None or not self._reserve_bytes:
            return
        with _failures(str(self._root)):
            usage = await anyio.to_thread.run_sync(shutil.disk_usage, self._root)
        if usage.free < self._reserve_bytes:
            msg = "The disk of this service is nearly full. Try again later, or make room."
            raise StorageFullError(msg, free=usage.free, reserve=self._reserve_bytes)

    async def _make_last(self, key: str) -> None:
        if self._root is None:
            return
        with _failures(key):
            await anyio.to_thread.run_sync(sync_file, self._path(self._root, key), self._sync)

    @asynccontextmanager
    async def _whole_or_nothing(self, key: str) -> AsyncGenerator[None]:
        """Leaves nothing behind of a write that failed or was cancelled."""
        try:
            yield
        except BaseException:
            with anyio.CancelScope(shield=True), suppress(StoreError):
                await self._discard(key)
            raise

    async def _discard(self, key: str) -> None:
        """Removes a blob and what writing it has staged so far."""
        await self.delete(key)
        if self._root is not None:
            with _failures(key):
                await anyio.to_thread.run_sync(unlink_staged, self._path(self._root, key))

    def _path(self, root: Path, key: str) -> Path:
        parts = PurePosixPath(key)
        if parts.is_absolute() or ".." in parts.parts:
            msg = f"not a key of this service: {key!r}"
            raise ValueError(msg)
        return root / parts


class _CountedChunks:
    """Passes chunks on, remembering their size and the error that they ended with."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self.size = 0
        self.error: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                self.size += len(chunk)
                yield chunk
        except Exception as exc:
            self.error = exc
            raise


@contextmanager
def _failures(key: str) -> Generator[None]:
    """Turns errors of obstore and of the file system into ours."""
    try:
        yield
    except FileNotFoundError as exc:
        msg = "The file of this job is gone from the object store."
        raise BlobMissingError(msg, key=key) from exc
    except (BaseError, OSError) as exc:
        raise explain_blob(exc, key) from exc
