"""Carries weights to machines without a network: a plain tar of a model's folder."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ocr_api.catalog import WeightsSource
from ocr_api.errors import WeightsBrokenError
from ocr_api.weights.lock import (
    RECORD,
    LockedRepo,
    locked_repo,
    read_record,
    record_of,
    sync_folder,
    write_lock,
)
from ocr_api.weights.lookup import ADAPTER, Found
from ocr_api.weights.places import WeightsPlaces
from ocr_api.weights.verification import is_inside, verify_adapter, verify_model

_MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_COPY_BYTES = 1 << 20


def bundle_bytes(found: Found) -> int:
    """Gives the bytes of the files that a bundle takes up."""
    return sum(path.stat().st_size for _, path in _members("", found))


def make_bundle(
    model_id: str, source: WeightsSource, found: Found, places: WeightsPlaces, target: Path
) -> None:
    """Writes `<id>/…`, links followed, and the record of its commits; blocking.

    `tar x` into another machine's `MODELS_DIR` is enough to use it. The file appears whole or not
    at all.

    Raises:
        WeightsBrokenError: The lock file cannot be understood.
        OSError: It cannot be written.
    """
    fresh = target.with_name(f".{target.name}.fresh")
    try:
        with tarfile.open(fresh, "w", dereference=True) as bundle:
            _add_bytes(bundle, f"{model_id}/{RECORD}", _record(model_id, source, found, places))
            for name, path in _members(model_id, found):
                bundle.add(path.resolve(), name, recursive=False, filter=_anonymous)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def open_bundle(source: Path, places: WeightsPlaces) -> str:
    """Unpacks a bundle into `MODELS_DIR`, verifies it and gives the model's id; blocking.

    Nothing appears there unless all of it is whole.

    Raises:
        WeightsBrokenError: It is no bundle, holds anything but plain files inside one folder, is
            damaged, or the model's folder is there already.
        OSError: It cannot be read or written.
    """
    places.models_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=places.models_dir, prefix=".bundle-") as scratch:
        model_id = _unpack(source, Path(scratch))
        folder = Path(scratch) / model_id
        verify_model(folder)
        if (folder / ADAPTER).is_dir():
            verify_adapter(folder / ADAPTER)
        repos = read_record(folder / RECORD)
        target = places.plain_folder(model_id)
        if target.exists():
            msg = f"{target} is there already; remove it first."
            raise WeightsBrokenError(msg, file=str(target))
        folder.rename(target)
    sync_folder(places.models_dir)
    if repos:
        write_lock(places.models_dir, model_id, repos)
    return model_id


def _record(model_id: str, source: WeightsSource, found: Found, places: WeightsPlaces) -> bytes:
    known = read_record(found.folder / RECORD)
    return record_of(known or tuple(_locked(model_id, source, places)), model_id)


def _locked(model_id: str, source: WeightsSource, places: WeightsPlaces) -> Iterator[LockedRepo]:
    wanted = [(source.repo, source.revision)]
    if source.adapter_repo is not None:
        wanted.append((source.adapter_repo, source.adapter_revision))
    for repo, revision in wanted:
        locked = locked_repo(places.models_dir, model_id, repo, revision)
        if locked is not None:
            yield locked


def _members(model_id: str, found: Found) -> Iterator[tuple[str, Path]]:
    for path in sorted(found.folder.iterdir()):
        if path.is_file() and path.name != RECORD and not path.name.startswith("."):
            yield f"{model_id}/{path.name}", path
    if found.adapter_folder is not None:
        for path in sorted(found.adapter_folder.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                yield f"{model_id}/{ADAPTER}/{path.name}", path


def _add_bytes(bundle: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    bundle.addfile(member, io.BytesIO(data))


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


def _unpack(source: Path, scratch: Path) -> str:
    try:
        with tarfile.open(source, "r:") as bundle:
            names = [_unpack_member(bundle, member, scratch) for member in bundle]
    except tarfile.TarError as exc:
        raise _no_bundle(source, "it is no tar file, or is cut off") from exc
    folders = {PurePosixPath(name).parts[0] for name in names}
    if len(folders) != 1 or not _MODEL_ID.fullmatch(next(iter(folders))):
        raise _no_bundle(source, "it does not hold the folder of one model")
    return folders.pop()


def _unpack_member(bundle: tarfile.TarFile, member: tarfile.TarInfo, scratch: Path) -> str:
    content = bundle.extractfile(member) if member.isreg() else None
    if member.isdir() and is_inside(member.name):
        return member.name
    if content is None or not is_inside(member.name) or len(PurePosixPath(member.name).parts) < 2:
        raise _no_bundle(Path(str(bundle.name)), f"it holds '{member.name}', which is refused")
    target = scratch / PurePosixPath(member.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("xb") as file:
        shutil.copyfileobj(content, file, _COPY_BYTES)
    return member.name


def _no_bundle(source: Path, why: str) -> WeightsBrokenError:
    return WeightsBrokenError(f"{source} is no bundle of weights: {why}.", file=str(source))
