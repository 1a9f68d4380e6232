"""Text of pages that are being read, passed on to listeners; nothing of it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter
from redis.asyncio import Redis

from ocr_api.store import keys
from ocr_api.store.commands import batch, commands
from ocr_api.store.failures import redis_failures


@dataclass(frozen=True, slots=True)
class TextSoFar:
    """What was generated for a page since its reading began.

    Attributes:
        job_id: Of the page's job.
        page_number: From 1.
        attempt: Of the claim under which it is read.
        start: Counts how often reading was begun under that claim.
        text: All of it: each message stands for itself.
    """

    job_id: str
    page_number: int
    attempt: int
    start: int
    text: str


_TEXT = TypeAdapter(TextSoFar)


class Texts:
    """The part of the store that passes text on and keeps none."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def tell_texts(self, texts: Sequence[TextSoFar]) -> None:
        """Tells the listeners of their jobs; where a job has none, nothing is sent."""
        if not texts:
            return
        channels = sorted({keys.text_channel(text.job_id) for text in texts})
        with redis_failures():
            counts = await commands(self._redis).pubsub_numsub(*channels)
            heard = {channel.decode() for channel, listeners in counts if listeners}
            told = [text for text in texts if keys.text_channel(text.job_id) in heard]
            if not told:
                return
            sending = batch(self._redis)
            for text in told:
                sending.publish(keys.text_channel(text.job_id), _TEXT.dump_json(text))
            await sending.execute()


def decode_text(data: bytes) -> TextSoFar:
    """Gives the text that a message holds."""
    return _TEXT.validate_json(data)
