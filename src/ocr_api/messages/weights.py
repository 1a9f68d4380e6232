"""What the child that fetches weights is asked and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class FetchWeights:
    """Fetch a model's weights into the cache, or find that they are there.

    Attributes:
        model_id: Of the catalog.
        repo: Hub id of the weights.
        revision: Branch, tag or commit; a locked commit of it goes before.
        adapter_repo: Hub id of the adapter; None = the model has none.
        adapter_revision: Of the adapter.
        models_dir: Folder of plain model folders and of the lock file, absolute.
        hub_cache: Hugging Face's cache, absolute.
        update: Take what the revision is now, and lock that.
    """

    model_id: str
    repo: str
    revision: str
    adapter_repo: str | None
    adapter_revision: str
    models_dir: str
    hub_cache: str
    update: bool = False
    kind: Literal["fetch_weights"] = "fetch_weights"


@dataclass(frozen=True, slots=True)
class WeightsProgress:
    """How far it has come, in bytes; those that were there before are counted in."""

    done_bytes: int
    total_bytes: int | None = None
    kind: Literal["weights_progress"] = "weights_progress"


@dataclass(frozen=True, slots=True)
class WeightsFetched:
    """The weights are here, whole.

    Attributes:
        folder: Of the weights.
        revision: Their commit; None = a plain folder that does not say.
    """

    folder: str
    revision: str | None = None
    kind: Literal["weights_fetched"] = "weights_fetched"
