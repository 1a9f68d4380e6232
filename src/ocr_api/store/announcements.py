"""News from the queue: of jobs, pages that became ready, deliveries, and models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress

import anyio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ocr_api.store import keys
from ocr_api.store.commands import Message, Subscription, subscription
from ocr_api.store.texts import TextSoFar, decode_text

_IDLE_S = 15.0
"""After so long without news the connection is tried; one more such time without an answer and
it is given up."""

_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0
_ANY_PAGE = ""
_ALWAYS = (keys.JOB_NEWS, keys.PAGE_NEWS, keys.DELIVERY_NEWS, keys.STOP_NEWS, keys.MODEL_NEWS)


class Watch:
    """A place where news is left; news that comes between two waits is not lost."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def notify(self) -> None:
        """Wakes the waiter, or the next one."""
        self._event.set()

    async def changed(self, timeout_s: float) -> bool:
        """Waits for news; False = the time is over without any.

        News may be false (after a reconnection everything may have changed): read again.
        """
        with anyio.move_on_after(timeout_s):
            await self._event.wait()
        had_news = self._event.is_set()
        if had_news:
            self._event = anyio.Event()
        return had_news


class Announcements:
    """One subscription for a process, which comes back by itself when the server does.

    Args:
        listener: A client whose reads may block for ever (`connect_listener`); its owner closes
            it after `run` has ended.
    """

    def __init__(self, listener: Redis) -> None:
        self._listener = listener
        self._watches: dict[str, list[Watch]] = {}
        self._texts: dict[str, Callable[[TextSoFar], None]] = {}
        self._news: Subscription | None = None
        self._is_up = False

    @contextmanager
    def watching_stops(self, job_id: str, watch: Watch) -> Generator[None]:
        """Has a watch of the caller's woken when the work on a job is to stop.

        The same watch may be given several times for one job, once for each of its pages.
        """
        with self._registered(f"{keys.STOP_NEWS}:{job_id}", watch):
            yield

    @contextmanager
    def watching(self, job_id: str) -> Generator[Watch]:
        """Watches a job. Read the job *inside*, then wait: so no change falls between."""
        with self._registered(f"{keys.JOB_NEWS}:{job_id}") as watch:
            yield watch

    @contextmanager
    def watching_work(self) -> Generator[Watch]:
        """Watches for pages that become ready, in any lane. Try to claim *inside*, then wait."""
        with self._registered(f"{keys.PAGE_NEWS}:{_ANY_PAGE}") as watch:
            yield watch

    @contextmanager
    def watching_deliveries(self) -> Generator[Watch]:
        """Watches for deliveries that are queued. Try to claim *inside*, then wait."""
        with self._registered(f"{keys.DELIVERY_NEWS}:{_ANY_PAGE}") as watch:
            yield watch

    @contextmanager
    def watching_orders(self) -> Generator[Watch]:
        """Watches for switches and wishes about models. Look at them *inside*, then wait."""
        with self._registered(f"{keys.MODEL_NEWS}:orders") as watch:
            yield watch

    @contextmanager
    def watching_models(self) -> Generator[Watch]:
        """Watches for such orders, and for what workers tell of their models."""
        reports = f"{keys.MODEL_NEWS}:reports"
        with self.watching_orders() as watch, self._registered(reports, watch):
            yield watch

    @asynccontextmanager
    async def hearing_texts(
        self, job_id: str, take: Callable[[TextSoFar], None]
    ) -> AsyncGenerator[None]:
        """Passes on what is generated for a job; of several for one job, the latest hears it."""
        channel = keys.text_channel(job_id)
        self._texts[channel] = take
        await self._send(lambda news: news.subscribe(channel))
        try:
            yield
        finally:
            if self._texts.get(channel) is take:
                del self._texts[channel]
                with anyio.CancelScope(shield=True):
                    await self._send(lambda news: news.unsubscribe(channel))

    async def run(self) -> None:
        """Listens until cancelled, through every outage of the server."""
        wait_s = _FIRST_WAIT_S
        while True:
            self._is_up = False
            with suppress(RedisError, OSError):
                await self._listen()
            wait_s = _FIRST_WAIT_S if self._is_up else min(2 * wait_s, _LONGEST_WAIT_S)
            await anyio.sleep(wait_s)

    async def _listen(self) -> None:
        """Passes news on until the connection breaks."""
        news = subscription(self._listener)
        try:
            await news.subscribe(*_ALWAYS)
            self._news = news
            if self._texts:
                await news.subscribe(*self._texts)
            await self._pass_on(news)
        finally:
            self._news = None
            with anyio.CancelScope(shield=True):
                await news.aclose()

    async def _send(self, act: Callable[[Subscription], Awaitable[None]]) -> None:
        """Changes the subscription; where there is none now, the next one is made complete."""
        if self._news is not None:
            with suppress(RedisError, OSError):
                await act(self._news)

    async def _pass_on(self, news: Subscription) -> None:
        is_doubtful = False
        while True:
            message = await news.get_message(timeout=_IDLE_S)
            if message is not None:
                is_doubtful = False
                self._take(message)
            elif is_doubtful:
                return
            else:
                is_doubtful = True
                await news.ping()

    def _take(self, message: Message) -> None:
        if message["type"] == "subscribe":
            self._take_up(message)
            return
        if message["type"] != "message":
            return
        channel = (message["channel"] or b"").decode()
        if channel.startswith(keys.TEXT_NEWS):
            if channel in self._texts:
                self._texts[channel](decode_text(message["data"]))
            return
        subject = _ANY_PAGE if channel == keys.PAGE_NEWS else message["data"].decode()
        for watch in self._watches.get(f"{channel}:{subject}", ()):
            watch.notify()

    def _take_up(self, message: Message) -> None:
        if not (message["channel"] or b"").startswith(keys.TEXT_NEWS.encode()):
            self._is_up = True
            self._notify_all()

    def _notify_all(self) -> None:
        """Wakes everybody: what happened while nobody listened is unknown."""
        for watches in self._watches.values():
            for watch in watches:
                watch.notify()

    @contextmanager
    def _registered(self, subject: str, watch: Watch | None = None) -> Generator[Watch]:
        watch = watch or Watch()
        self._watches.setdefault(subject, []).append(watch)
        try:
            yield watch
        finally:
            self._watches[subject].remove(watch)
            if not self._watches[subject]:
                del self._watches[subject]
