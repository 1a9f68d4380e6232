"""Server-Sent Events of one job (HTML Living Standard, 9.2)."""

from __future__ import annotations

from functools import partial

import anyio
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from ocr_api.api.event_feeds import EventFeeds, Feed
from ocr_api.api.services import Services
from ocr_api.errors import InvalidOptionError
from ocr_api.wire import LoggedEvent, TextEventView, event_view

_HEARTBEAT = b": still here\n\n"
_GREETING = b"retry: 2000\n\n"
_MOST_DIGITS = 9


def read_last_event_id(request: Request) -> int:
    """Reads how many events a caller knows: `Last-Event-ID`, or `?last_event_id=`.

    Raises:
        InvalidOptionError: It is no number that was given out.
    """
    given = request.headers.get("last-event-id") or request.query_params.get("last_event_id") or "0"
    if not (given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS):
        msg = "`Last-Event-ID` must be the `id` of an event of this job."
        raise InvalidOptionError(msg, option="Last-Event-ID")
    return int(given)


class EventStream(Response):
    """Sends a job's events as they happen, and ends after the last one.

    Not a StreamingResponse: when the caller goes away in the middle of a chunk, that one leaves
    its generator open until somebody collects it.

    Args:
        services: For the heartbeat, and to end when the service stops.
        feeds: Where the events come from.
        job_id: Of a job that exists.
        known: How many events the caller has seen.
    """

    media_type = "text/event-stream"

    def __init__(self, services: Services, feeds: EventFeeds, job_id: str, known: int) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._services = services
        self._feeds = feeds
        self._job_id = job_id
        self._known = known

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_when_gone, receive, group.cancel_scope)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            with self._feeds.following(self._job_id) as feed:
                await self._send_events(feed, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            group.cancel_scope.cancel()

    async def _send_events(self, feed: Feed, send: Send) -> None:
        sent, texts, held = self._known, _SentTexts(), self._services.held
        await _send_piece(send, _GREETING)
        while not held.is_stopping:
            changes = feed.changes
            fresh = [
                event_view(number, text)
                for number, text in enumerate(feed.events[sent:], start=sent + 1)
            ]
            # The text of a page goes before the event that tells its end.
            pieces = [*map(_encoded_text, texts.fresh(feed)), *map(_encoded, fresh)]
            if pieces:
                await _send_piece(send, b"".join(pieces))
                sent += len(fresh)
            if fresh and fresh[-1].is_final and sent == len(feed.events):
                return
            if feed.changes == changes:
                await held.wait(self._services.limits.heartbeat_s, partial(feed.beyond, changes))
                if feed.changes == changes:
                    await _send_piece(send, _HEARTBEAT)


class _SentTexts:
    """How much of the text of each page one listener was sent."""

    def __init__(self) -> None:
        self._sent: dict[int, tuple[int, int, int]] = {}

    def fresh(self, feed: Feed) -> list[TextEventView]:
        """Gives what the listener lacks, and counts it as sent."""
        views: list[TextEventView] = []
        for number, known in feed.texts.items():
            attempt, start, offset = self._sent.get(number, (0, 0, 0))
            if (attempt, start) != (known.attempt, known.start):
                offset = 0
            if known.text[offset:]:
                views.append(
                    TextEventView(
                        page_number=number,
                        attempt=known.attempt,
                        offset=offset,
                        text=known.text[offset:],
                    )
                )
                self._sent[number] = known.attempt, known.start, len(known.text)
        return views


def _encoded_text(view: TextEventView) -> bytes:
    return f"event: text\ndata: {view.model_dump_json()}\n\n".encode()


def _encoded(event: LoggedEvent) -> bytes:
    text = f"id: {event.number}\nevent: {event.kind}\ndata: {event.data.model_dump_json()}\n\n"
    return text.encode()


async def _send_piece(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _cancel_when_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
