"""Has a child fetch weights, and watches that it does."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping

import anyio

from ocr_api.catalog import ModelSpec
from ocr_api.errors import WeightsDownloadError
from ocr_api.messages import Failed, FetchWeights, WeightsFetched, WeightsProgress
from ocr_api.weights import WeightsPlaces
from ocr_api.worker.child_process import ChildCommand, ChildProcess

OnProgress = Callable[[WeightsProgress], None]
Fetch = Callable[[ModelSpec, OnProgress], Awaitable[WeightsFetched]]
"""Fetches the weights of a model."""

_SILENCE_S = 300.0
"""A child that tells nothing for so long hangs; the longest honest silence is a hub's time-outs."""

_PASSED_ON = frozenset(
    {
        *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME"),
        *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT"),
        *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_DISABLE_IMPLICIT_TOKEN"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    }
)


def download_command(environment: Mapping[str, str], start_timeout_s: float) -> ChildCommand:
    """Gives how the child for downloads is started: with what reaches a network, and no more."""
    passed = {name: value for name, value in environment.items() if name.upper() in _PASSED_ON}
    return ChildCommand(
        "ocr_api.child.download_process", environment=passed, start_timeout_s=start_timeout_s
    )


async def fetch_weights(
    command: ChildCommand,
    spec: ModelSpec,
    places: WeightsPlaces,
    on_progress: OnProgress,
    *,
    update: bool = False,
) -> WeightsFetched:
    """Has the weights of a model here, whole; only one fetches the same at a time.

    Raises:
        WeightsDownloadError: They cannot be had.
        WeightsBrokenError: They are damaged where they lie.
        ChildDiedError: The child was killed; what it fetched is kept.
    """
    if spec.weights is None:
        msg = f"{spec.name} has no weights of its own to fetch."
        raise WeightsDownloadError(msg)
    request = FetchWeights(
        spec.id,
        spec.weights.repo,
        spec.weights.revision,
        spec.weights.adapter_repo,
        spec.weights.adapter_revision,
        str(places.models_dir),
        str(places.hub_cache),
        update,
    )
    child = await ChildProcess.start(command)
    try:
        return await _ask(child, request, on_progress)
    finally:
        await child.kill()


async def _ask(
    child: ChildProcess, request: FetchWeights, on_progress: OnProgress
) -> WeightsFetched:
    with anyio.move_on_after(_SILENCE_S) as patience:

        def note(progress: WeightsProgress) -> None:
            patience.deadline = anyio.current_time() + _SILENCE_S
            on_progress(progress)

        answer, files = await child.request(request, timeout_s=math.inf, on_progress=note)
        files.close()
        if isinstance(answer, WeightsFetched):
            return answer
        if isinstance(answer, Failed):
            raise answer.to_error()
    msg = f"The download of {request.model_id} was silent for {_SILENCE_S:g} s and was stopped."
    raise WeightsDownloadError(msg)
