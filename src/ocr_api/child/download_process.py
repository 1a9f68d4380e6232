"""The child that fetches weights: the only one that reaches a network, and it sees no document.

Run as `python -m ocr_api.child.download_process <socket descriptor> <parent pid>`.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from ocr_api.catalog import WeightsSource
from ocr_api.child.channel import Channel
from ocr_api.child.lifetime import die_with_parent
from ocr_api.child.serving import Answer, serve
from ocr_api.errors import OcrApiError, WeightsDownloadError
from ocr_api.messages import FetchWeights, Message, Ready, WeightsFetched, WeightsProgress
from ocr_api.weights.download import Download, Wish
from ocr_api.weights.hub import Hub, HubAccess
from ocr_api.weights.places import WeightsPlaces

_NICENESS = 5


class DownloadChild:
    """Answers `FetchWeights`, with `WeightsProgress` before the answer."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def handle(self, message: Message, _files: list[int]) -> Answer:
        """Does what the parent asks.

        Raises:
            WeightsDownloadError: The weights cannot be had.
            WeightsBrokenError: They are damaged where they lie.
        """
        if not isinstance(message, FetchWeights):
            msg = f"A child for downloads cannot answer '{message.kind}'."
            raise WeightsDownloadError(msg)
        places = WeightsPlaces(Path(message.models_dir), Path(message.hub_cache))
        with Hub(HubAccess.of_environment(os.environ)) as hub:
            found = Download(hub, places, self._report).pull(_wish(message))
        return WeightsFetched(str(found.folder), found.revision), []

    def _report(self, done: int, total: int | None) -> None:
        self._channel.send(WeightsProgress(done, total))


def main() -> None:
    """Serves the parent until it is gone."""
    descriptor, parent_pid = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    with Channel.of_descriptor(descriptor) as channel:
        channel.send(Ready())
        serve(channel, DownloadChild(channel).handle, _as_download_error)


def _wish(message: FetchWeights) -> Wish:
    source = WeightsSource(
        message.repo, message.revision, message.adapter_repo, message.adapter_revision
    )
    return Wish(message.model_id, source, message.update)


def _as_download_error(exc: Exception) -> OcrApiError:
    return WeightsDownloadError(f"The download failed ({type(exc).__name__}). See the log.")


if __name__ == "__main__":
    main()
