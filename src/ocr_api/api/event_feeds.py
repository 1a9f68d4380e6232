"""What happened to jobs, read once for each job however many callers listen."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import anyio
from anyio.abc import TaskGroup

from ocr_api.errors import StoreError
from ocr_api.observability import get_logger
from ocr_api.store import Announcements, JobStore, TextSoFar, Watch

_log = get_logger(__name__)
_LOOK_AGAIN_S = 10.0
"""A job is read at least this often, should an announcement be lost."""
_STORE_PATIENCE_S = 1.0
_TEXTS_KEPT = 64
"""Pages whose text is kept for listeners that are slow or new; more than are read at a time."""


class Feed:
    """What is known of one job; grows while somebody listens.

    Attributes:
        events: As stored; the first one has the number 1.
        texts: Of the pages that are being read, or were lately, as they came.
        changes: Counts what was added.
        listeners: How many callers follow.
    """

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.texts: dict[int, TextSoFar] = {}
        self.changes = 0
        self.listeners = 0
        self.scope = anyio.CancelScope()
        self._news = anyio.Event()

    def add(self, events: list[bytes]) -> None:
        """Appends events and wakes all listeners."""
        self.events += events
        self._tell()

    def take_text(self, text: TextSoFar) -> None:
        """Keeps what was generated for a page so far, in place of what was known of it."""
        self.texts.pop(text.page_number, None)
        self.texts[text.page_number] = text
        if len(self.texts) > _TEXTS_KEPT:
            del self.texts[next(iter(self.texts))]
        self._tell()

    async def beyond(self, changes: int) -> None:
        """Returns when there were more than so many changes."""
        while self.changes <= changes:
            await self._news.wait()

    def _tell(self) -> None:
        self.changes += 1
        self._news.set()
        self._news = anyio.Event()


class EventFeeds:
    """One reader a job, and one subscription for all of them.

    Args:
        store: Where events are read.
        announcements: Tell when there are new ones.
    """

    def __init__(self, store: JobStore, announcements: Announcements) -> None:
        self._store = store
        self._announcements = announcements
        self._feeds: dict[str, Feed] = {}
        self._tasks: TaskGroup | None = None

    @property
    def open_count(self) -> int:
        """Jobs that somebody follows."""
        return len(self._feeds)

    async def run(self) -> None:
        """Reads for the listeners until cancelled."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            await anyio.sleep_forever()

    @contextmanager
    def following(self, job_id: str) -> Generator[Feed]:
        """Gives the feed of a job; its reader ends with its last listener.

        Raises:
            RuntimeError: `run` does not run.
        """
        feed = self._feeds.get(job_id) or self._open(job_id)
        feed.listeners += 1
        try:
            yield feed
        finally:
            feed.listeners -= 1
            if feed.listeners == 0:
                del self._feeds[job_id]
                feed.scope.cancel()

    def _open(self, job_id: str) -> Feed:
        if self._tasks is None:
            raise RuntimeError("the feeds are not run")
        feed = self._feeds[job_id] = Feed()
        self._tasks.start_soon(self._read, job_id, feed)
        return feed

    async def _read(self, job_id: str, feed: Feed) -> None:
        with feed.scope, self._announcements.watching(job_id) as watch:
            async with self._announcements.hearing_texts(job_id, feed.take_text):
                while True:
                    await self._read_more(job_id, feed, watch)

    async def _read_more(self, job_id: str, feed: Feed, watch: Watch) -> None:
        try:
            events = await self._store.events(job_id, len(feed.events))
        except StoreError as exc:
            _log.warning("events_not_read", code=exc.code, detail=exc.detail)
            await anyio.sleep(_STORE_PATIENCE_S)
            return
        if events:
            feed.add(list(events))
        else:
            await watch.changed(_LOOK_AGAIN_S)
