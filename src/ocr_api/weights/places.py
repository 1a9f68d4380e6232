"""Where weights may lie on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TRUE = frozenset({"1", "ON", "YES", "TRUE"})  # as huggingface_hub reads its own variables


@dataclass(frozen=True, slots=True)
class WeightsPlaces:
    """The folders that are looked through, in this order.

    Attributes:
        models_dir: Holds a plain folder `<model id>/` of each model, and the lock file.
        hub_cache: Hugging Face's cache, shared with every other program that uses it.
    """

    models_dir: Path
    hub_cache: Path

    def plain_folder(self, model_id: str) -> Path:
        """Gives the operator's own folder of a model."""
        return self.models_dir / model_id

    def repo_folder(self, repo: str) -> Path:
        """Gives the folder of a repository in the cache, `models--organisation--name`."""
        return self.hub_cache / "--".join(("models", *repo.split("/")))


def weights_places(models_dir: Path, environment: Mapping[str, str]) -> WeightsPlaces:
    """Gives the folders, by the same variables and defaults as huggingface_hub.

    Args:
        models_dir: `MODELS_DIR`.
        environment: Of the process: `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`, `HOME`.
    """
    return WeightsPlaces(models_dir.absolute(), _hub_cache(environment))


def hub_home(environment: Mapping[str, str]) -> Path:
    """Gives Hugging Face's own folder (`HF_HOME`), where its token lies too."""
    if home := environment.get("HF_HOME"):
        return Path(home).expanduser()
    default = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(default).expanduser() / "huggingface"


def is_offline(environment: Mapping[str, str]) -> bool:
    """Tells whether the network must not be used (`HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE`)."""
    said = environment.get("HF_HUB_OFFLINE") or environment.get("TRANSFORMERS_OFFLINE") or ""
    return said.upper() in _TRUE


def _hub_cache(environment: Mapping[str, str]) -> Path:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if folder := environment.get(name):
            return Path(folder).expanduser()
    return hub_home(environment) / "hub"
