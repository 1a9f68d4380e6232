"""Knows whether the weights of this worker's models are here, and fetches them when needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.to_thread

from ocr_api.catalog import ModelSpec
from ocr_api.errors import (
    ModelUnavailableError,
    OcrApiError,
    StoreError,
    WeightsDownloadError,
)
from ocr_api.messages import WeightsFetched, WeightsProgress
from ocr_api.observability import get_logger
from ocr_api.weights import Found, Standing

_log = get_logger(__name__)

Fetch = Callable[[ModelSpec, Callable[[WeightsProgress], None]], Awaitable[WeightsFetched]]
"""Fetches the weights of a model, telling how far it has come."""


@dataclass(frozen=True, slots=True)
class KeeperPlan:
    """When to look and to try again.

    Attributes:
        look_s: Between two looks at folders and queue.
        first_wait_s: After a download that failed; doubled after each further one.
        longest_wait_s: The most that it grows to.
        tries: Failed downloads in a row after which the pages that wait fail too.
    """

    look_s: float = 1.0
    first_wait_s: float = 60.0
    longest_wait_s: float = 600.0
    tries: int = 5

    def wait_s(self, failures: int) -> float:
        """Gives how long to wait after so many failures in a row, at least one."""
        return min(self.longest_wait_s, self.first_wait_s * 2.0 ** (failures - 1))


@dataclass(frozen=True, slots=True)
class WeightsState:
    """What a worker says about a model's weights.

    Attributes:
        status: `ready`, `not_found`, `downloading` or `failed`.
        reason: Why the model cannot run; empty = it can, now or once its weights are here.
        message: What there is to know otherwise.
        done_bytes: Fetched so far; None = nothing is being fetched.
        total_bytes: To fetch in all; None = not known yet.
        is_verified: They are here, and a run of `make verify-weights` read pages well with them.
    """

    status: str
    reason: str = ""
    message: str = ""
    done_bytes: int | None = None
    total_bytes: int | None = None
    is_verified: bool = False


@dataclass(slots=True)
class _Kept:
    """One model's weights as they stand."""

    spec: ModelSpec
    standing: Standing = field(default_factory=Standing)
    progress: WeightsProgress | None = None
    failures: int = 0
    last_error: str = ""
    try_at: float = 0.0
    is_asked_for: bool = False


class WeightsKeeper:
    """Looks after the weights of the models that this worker could run.

    A download starts when pages wait for the model, when it is the current one, or when it was
    asked for, and is tried again by itself; pages of a model without weights are not claimed, so
    their time does not run.

    Args:
        specs: The models; those without weights of their own are passed over.
        look: Tells how the weights of a model stand; blocking.
        fetch: Fetches them.
        wanted: Gives the models that pages wait for, and the current one.
        plan: When to look and to try again.
    """

    def __init__(
        self,
        specs: Sequence[ModelSpec],
        look: Callable[[ModelSpec], Standing],
        fetch: Fetch,
        wanted: Callable[[], Awaitable[Collection[str]]],
        plan: KeeperPlan | None = None,
    ) -> None:
        self._kept = {spec.id: _Kept(spec) for spec in specs if spec.weights is not None}
        self._look_at = look
        self._fetch = fetch
        self._wanted = wanted
        self._plan = plan or KeeperPlan()

    def found(self, model: str) -> Found | None:
        """Gives where a model's weights lie; None = they are not here, or it has none."""
        kept = self._kept.get(model)
        return None if kept is None else kept.standing.found

    def is_ready(self, model: str) -> bool:
        """The model could be loaded now, as far as its weights are concerned."""
        return model not in self._kept or self.found(model) is not None

    def hindrance(self, model: str) -> str:
        """Gives why a model cannot be loaded now; empty = it can. Looks at nothing."""
        state = self.state(model)
        if self.is_ready(model):
            return ""
        return state.reason or state.message or "Its weights are not here yet."

    def refusal(self, model: str) -> OcrApiError | None:
        """Gives why pages that wait for a model are to fail; None = they go on waiting."""
        kept = self._kept.get(model)
        if kept is None or kept.standing.found is not None or kept.progress is not None:
            return None
        if kept.standing.hindrance:
            return ModelUnavailableError(kept.standing.hindrance, model=model)
        if kept.failures >= self._plan.tries:
            return WeightsDownloadError(self.state(model).reason, model=model)
        return None

    def is_claimable(self, model: str) -> bool:
        """Pages of the model may be claimed: to be read, or to fail with the reason."""
        return self.is_ready(model) or self.refusal(model) is not None

    def ask(self, model: str) -> None:
        """Has the weights of a model fetched although nobody waits for it, and at once."""
        if model in self._kept:
            kept = self._kept[model]
            kept.is_asked_for, kept.failures, kept.try_at = True, 0, 0.0

    def state(self, model: str) -> WeightsState:
        """Gives what there is to say about a model's weights."""
        kept = self._kept.get(model)
        if kept is None or kept.standing.found is not None:
            is_verified = kept is not None and kept.standing.is_verified
            return WeightsState("ready", is_verified=is_verified)
        if kept.progress is not None:
            done, total = kept.progress.done_bytes, kept.progress.total_bytes
            return WeightsState("downloading", "", "Its weights are being fetched.", done, total)
        if kept.last_error:
            told = f"Its weights were not fetched: {kept.last_error} This is tried again by itself."
            return WeightsState("failed", told)
        return WeightsState("not_found", kept.standing.hindrance, kept.standing.note)

    async def look(self) -> None:
        """Looks at the folders of all models once."""
        for kept in self._kept.values():
            if kept.progress is None:
                kept.standing = await anyio.to_thread.run_sync(self._look_at, kept.spec)
                if kept.standing.found is not None:
                    kept.failures, kept.last_error, kept.is_asked_for = 0, "", False

    async def run(self) -> None:
        """Looks and fetches for ever, through every outage of the store."""
        if not self._kept:
            return
        async with anyio.create_task_group() as tasks:
            while True:
                await self.look()
                for kept in await self._to_start():
                    kept.progress = WeightsProgress(0)
                    tasks.start_soon(self._download, kept)
                await anyio.sleep(self._plan.look_s)

    async def _to_start(self) -> Sequence[_Kept]:
        able = [
            kept
            for kept in self._kept.values()
            if kept.standing.is_fetchable
            and kept.progress is None
            and anyio.current_time() >= kept.try_at
        ]
        if not able:
            return ()
        try:
            wanted = await self._wanted()
        except StoreError as exc:
            _log.info("weights_not_asked_for", code=exc.code)
            return ()
        return [
            kept for kept in able if kept.is_asked_for or kept.failures or kept.spec.id in wanted
        ]

    async def _download(self, kept: _Kept) -> None:
        def note(progress: WeightsProgress) -> None:
            kept.progress = progress

        _log.info("weights_download_started", model=kept.spec.id)
        try:
            fetched = await self._fetch(kept.spec, note)
        except OcrApiError as exc:
            kept.failures += 1
            kept.last_error = exc.detail
            wait_s = self._plan.wait_s(kept.failures)
            kept.try_at = anyio.current_time() + wait_s
            told: Mapping[str, object] = {"code": exc.code, "detail": exc.detail}
            _log.warning("weights_not_fetched", model=kept.spec.id, again_in_s=wait_s, **told)
        else:
            _log.info("weights_fetched", model=kept.spec.id, revision=fetched.revision)
            kept.standing = await anyio.to_thread.run_sync(self._look_at, kept.spec)
            kept.failures, kept.last_error, kept.is_asked_for = 0, "", False
        finally:
            kept.progress = None
