"""Tells, without loading anything, whether a folder holds a model's whole weights."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import cast

from ocr_api.errors import WeightsBrokenError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl"})
"""Files that run code when they are loaded; they never are."""

_TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
)
_LENGTH = struct.Struct("<Q")
_MAX_HEADER_BYTES = 100_000_000  # as the safetensors library: larger headers are refused

Signature = tuple[tuple[str, int, int], ...]


def verify_model(folder: Path) -> None:
    """Checks configuration, tokenizer and every file of the weights; blocking, some milliseconds.

    Raises:
        WeightsBrokenError: A file is missing, cut off or damaged; the message names it.
    """
    read_json(folder / CONFIG)
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise _broken(folder / _TOKENIZERS[0], "is missing, and so is every other tokenizer file")
    for name in _weight_files(folder):
        check_safetensors(folder / name)


def verify_adapter(folder: Path) -> None:
    """Checks a PEFT adapter like `verify_model`.

    Raises:
        WeightsBrokenError: A file is missing, cut off or damaged.
    """
    read_json(folder / ADAPTER_CONFIG)
    if not (folder / ADAPTER_WEIGHTS).is_file():
        _refuse_pickles(folder, folder / ADAPTER_WEIGHTS)
    check_safetensors(folder / ADAPTER_WEIGHTS)


def check_safetensors(path: Path) -> None:
    """Checks that a file's header can be read and accounts for the file's whole length.

    The format: 8 bytes with the header's length (little-endian), the header as JSON, the tensors;
    `data_offsets` count from the header's end (github.com/huggingface/safetensors, "Format").

    Raises:
        WeightsBrokenError: It does not.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            if length > min(size, _MAX_HEADER_BYTES):
                raise _broken(path, "has a header longer than itself")
            header: object = json.loads(file.read(length))
    except FileNotFoundError as exc:
        raise _broken(path, "is missing") from exc
    except OSError as exc:
        raise _broken(path, f"cannot be read ({exc.strerror})") from exc
    except (struct.error, ValueError) as exc:
        raise _broken(path, "has a header that cannot be read") from exc
    expected = _LENGTH.size + length + max(_ends_of_tensors(path, header), default=0)
    if size != expected:
        raise _broken(path, f"has {size} bytes where its header tells of {expected}")


def read_json(path: Path) -> Mapping[str, object]:
    """Gives the JSON object of a file.

    Raises:
        WeightsBrokenError: It is missing or holds none.
    """
    try:
        found: object = json.loads(path.read_bytes())
    except FileNotFoundError as exc:
        raise _broken(path, "is missing") from exc
    except OSError as exc:
        raise _broken(path, f"cannot be read ({exc.strerror})") from exc
    except ValueError as exc:
        raise _broken(path, "is not valid JSON") from exc
    if not isinstance(found, dict):
        raise _broken(path, "holds no JSON object")
    return cast("Mapping[str, object]", found)


def signature_of(folder: Path) -> Signature:
    """Gives what changes whenever a file of the folder does: names, sizes and times of change."""
    found: list[tuple[str, int, int]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                stat = entry.stat()
            except FileNotFoundError:  # a link without its file
                found.append((entry.name, -1, 0))
            else:
                found.append((entry.name, stat.st_size, stat.st_mtime_ns))
    return tuple(sorted(found))


def is_inside(path: str) -> bool:
    """Tells whether a relative path stays inside the folder that it starts from."""
    parts = PurePosixPath(path)
    return bool(parts.parts) and not parts.is_absolute() and ".." not in parts.parts


def _weight_files(folder: Path) -> Sequence[str]:
    index = folder / WEIGHTS_INDEX
    if index.exists() or index.is_symlink():
        return _shards(index)
    if not (folder / WEIGHTS).is_file():
        _refuse_pickles(folder, folder / WEIGHTS)
    return (WEIGHTS,)


def _shards(index: Path) -> Sequence[str]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise _broken(index, "names no file of weights")
    names = {str(name) for name in cast("dict[str, object]", weight_map).values()}
    for name in names:
        if not is_inside(name) or not name.endswith(".safetensors"):
            raise _broken(index, f"names '{name}', which is no safetensors file of this folder")
    return sorted(names)


def _refuse_pickles(folder: Path, missing: Path) -> None:
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        detail = f"holds its weights as pickle ({pickles[0]}); only safetensors files are loaded"
        raise _broken(folder, detail)
    raise _broken(missing, "is missing")


def _ends_of_tensors(path: Path, header: object) -> Iterator[int]:
    if not isinstance(header, dict):
        raise _broken(path, "has a header that cannot be read")
    for name, tensor in cast("dict[str, object]", header).items():
        if name == "__metadata__":
            continue
        match tensor:
            case {"data_offsets": [int(), int(end)]}:
                yield end
            case _:
                raise _broken(path, f"does not tell where its tensor '{name}' lies")


def _broken(path: Path, fault: str) -> WeightsBrokenError:
    return WeightsBrokenError(f"{path} {fault}.", file=str(path))
