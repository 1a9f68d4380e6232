"""Writes down which commit of a repository was fetched, so that later pulls fetch the same."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ocr_api.errors import WeightsBrokenError

LOCK = "weights.lock.json"
"""In `MODELS_DIR`: what was pulled, of every model."""
RECORD = "weights.record.json"
"""In a model's plain folder that came out of a bundle: the same of this model alone."""
_LAYOUT = 1


@dataclass(frozen=True, slots=True)
class LockedFile:
    """A file of a repository, as its hub tells of it.

    Attributes:
        path: Inside the repository.
        size: In bytes.
        sha256: Of large files only; None = the hub does not tell it.
    """

    path: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class LockedRepo:
    """A repository at the commit that is used from now on.

    Attributes:
        repo: Hub id.
        revision: What was asked for when it was locked; another wish is locked anew.
        commit: 40 hexadecimal digits, from the hub's answer.
        files: What is fetched.
        pulled_at: End of the pull, ISO 8601 in UTC; None = it has not ended yet.
    """

    repo: str
    revision: str
    commit: str
    files: tuple[LockedFile, ...] = ()
    pulled_at: str | None = None


@dataclass(frozen=True, slots=True)
class _Lock:
    version: int
    models: dict[str, tuple[LockedRepo, ...]]


_LOCK_FORM = TypeAdapter(_Lock)  # built at import: building it reads files


def read_lock(models_dir: Path) -> Mapping[str, tuple[LockedRepo, ...]]:
    """Gives the locked repositories by model id: the weights first, then the adapter.

    Raises:
        WeightsBrokenError: The file cannot be understood.
    """
    path = models_dir / LOCK
    try:
        lock = _LOCK_FORM.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as exc:
        msg = f"{path} cannot be understood. Mend it, or remove it to lock the weights anew."
        raise WeightsBrokenError(msg, file=str(path)) from exc
    return lock.models


def locked_repo(models_dir: Path, model_id: str, repo: str, revision: str) -> LockedRepo | None:
    """Gives what is locked of a repository for this wish; None = nothing.

    Raises:
        WeightsBrokenError: The lock file cannot be understood.
    """
    for locked in read_lock(models_dir).get(model_id, ()):
        if (locked.repo, locked.revision) == (repo, revision):
            return locked
    return None


def locked_commit(models_dir: Path, model_id: str, repo: str, revision: str) -> str | None:
    """Gives the commit that is locked for this wish; None = none.

    Raises:
        WeightsBrokenError: The lock file cannot be understood.
    """
    locked = locked_repo(models_dir, model_id, repo, revision)
    return None if locked is None else locked.commit


def write_lock(models_dir: Path, model_id: str, repos: tuple[LockedRepo, ...]) -> None:
    """Locks the repositories of a model; on the disk when it returns."""
    models_dir.mkdir(parents=True, exist_ok=True)
    with alone(models_dir):
        models = {**read_lock(models_dir), model_id: repos}
        write_whole(models_dir / LOCK, _to_json(models))


def record_of(repos: tuple[LockedRepo, ...], model_id: str) -> bytes:
    """Gives the record that travels in a model's plain folder."""
    return _to_json({model_id: repos})


def read_record(path: Path) -> tuple[LockedRepo, ...]:
    """Gives what a record in a model's plain folder says; empty = there is none.

    Raises:
        WeightsBrokenError: It cannot be understood.
    """
    try:
        lock = _LOCK_FORM.validate_json(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as exc:
        msg = f"{path} cannot be understood."
        raise WeightsBrokenError(msg, file=str(path)) from exc
    return next(iter(lock.models.values()), ())


def recorded_commit(path: Path, repo: str) -> str | None:
    """Gives the commit that a record names for a repository; None = it names none.

    Raises:
        WeightsBrokenError: It cannot be understood.
    """
    found = (locked.commit for locked in read_record(path) if locked.repo == repo)
    return next(found, None)


def write_whole(path: Path, data: bytes) -> None:
    """Replaces a file at once; on the disk when it returns."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Has the names in a folder written to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def alone(models_dir: Path) -> Generator[None]:
    """Keeps other processes from changing what is written down in `MODELS_DIR` meanwhile."""
    with (models_dir / f".{LOCK}.guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _to_json(models: Mapping[str, tuple[LockedRepo, ...]]) -> bytes:
    lock = _Lock(_LAYOUT, dict(models))
    return (json.dumps(asdict(lock), indent=2, sort_keys=True) + "\n").encode()
