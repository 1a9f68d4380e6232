"""Models and their state, as callers see them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from ocr_api.wire.base import WireModel

ModelStatus = Literal[
    "not_found", "downloading", "ready", "loading", "loaded", "unloading", "failed"
]


class DownloadProgress(WireModel):
    """How far a download of weights has come, in bytes."""

    done_bytes: int
    total_bytes: int | None = None


class ModelView(WireModel):
    """One model, and what can be done with it here."""

    id: str
    name: str
    engine: str | None = Field(
        default=None, description="What runs it; null = nothing in this version."
    )
    best_for: str
    languages: list[str] = Field(description="ISO 639-1 codes; empty = many.")
    license: str = Field(description="SPDX expression of the weights.")
    quantization: str | None = Field(
        default=None, description="Of its weights by default: `none`, `8bit` or `4bit`."
    )
    verified: bool | None = Field(
        default=None,
        description="`make verify-weights` read pages well with the very weights that lie on the "
        "worker, in the quantization used there; null = it has no weights of its own.",
    )
    device: str = Field(description="`cpu` or `cuda`.")
    memory_mib: int | None = Field(
        default=None,
        description="Memory of one instance on its device: the most that was measured, once it was "
        "loaded.",
    )
    prompt_modes: list[str] = Field(
        default_factory=list[str],
        description="What it may be asked for (`prompt_mode`), the default first; empty = it "
        "takes no prompt.",
    )
    allows_prompt: bool = Field(default=False, description="It takes a `prompt` of the caller's.")
    is_loaded: bool
    is_ready: bool = Field(description="A job for it would be started now.")
    is_available: bool = Field(description="It can run here; `message` says why not.")
    status: ModelStatus
    progress: DownloadProgress | None = Field(
        default=None, description="Of its weights; null = none are being fetched."
    )
    message: str = ""


class ModelList(WireModel):
    """All models that callers may name."""

    models: list[ModelView]
    current_model: str = Field(description="Serves jobs that name no model.")
    default_model: str = Field(description="As configured.")
    warnings: list[str] = Field(description="Why another model than the default serves.")


class WorkerView(WireModel):
    """A worker that is alive, by its own report."""

    id: str
    models: list[str] = Field(description="Loaded now.")
    memory_mib: int | None = Field(default=None, description="Of its loaded models, where known.")
    queue: int = Field(description="Pages in its hands, and those waiting that it could take.")


class ModelEventView(WireModel):
    """Something that became of a model."""

    id: str
    at: datetime
    kind: str = Field(description="`load`, `load_failed`, `unload`, `switch` or `rollback`.")
    model: str = Field(description="Of a rollback, the one that could not be loaded.")
    why: str = Field(
        description="`switch`, `wish` (a caller's), `scheduler` (pages waited), `preload`, `page` "
        "(its process was started with a page), `keep_alive`, `memory` (what is loaded grew beyond "
        "the budget), `failure`, or `stop` (of the worker)."
    )
    worker: str | None = Field(description="Where; null = everywhere.")
    duration_s: float | None = Field(
        description="Of a load, or of an unload with the pages in work that it waited for."
    )
    memory_mib: int | None = Field(description="What one instance takes, or took.")
    previous_model: str | None = Field(
        description="Of a switch, the one before it; of a rollback, the one that is current again."
    )
    by: str | None = Field(
        description="Who switched: the name of the API key, or the address where none is asked for."
    )
    detail: str | None = Field(description="What else there is to know.")


class ModelEventsView(WireModel):
    """What became of models, newest first."""

    events: list[ModelEventView]
    next_cursor: str | None = Field(
        description="Pass it as `cursor` for older events; null = none."
    )


class SwitchFailureView(WireModel):
    """A switch that was taken back, since no worker could load its model."""

    model: str = Field(description="That was switched to.")
    reason: str
    at: datetime = Field(description="When it was taken back.")


class CurrentModelView(WireModel):
    """The model of jobs that name none."""

    model: str = Field(description="Serves them.")
    requested_model: str = Field(description="Was switched to, or is the default.")
    previous_model: str | None = Field(
        default=None,
        description="Was current before; after a switch that was taken back, the one that failed. "
        "null = nobody switched yet.",
    )
    status: ModelStatus
    is_processing: bool
    workers: list[WorkerView]
    warnings: list[str] = Field(description="Why another model than the requested one serves.")
    last_failure: SwitchFailureView | None = Field(
        default=None,
        description="The latest switch that was taken back, until its model is switched to again.",
    )


class SwitchRequest(WireModel):
    """Which model shall serve jobs that name none."""

    model: str = Field(min_length=1, max_length=200, examples=["tesseract"])


class SwitchView(WireModel):
    """What a switch did."""

    previous_model: str
    current_model: str
    status: ModelStatus
    message: str


class ModelActionView(WireModel):
    """What became of the wish that a model be loaded or unloaded."""

    model: str
    status: ModelStatus
    message: str
