"""Speaks to a Hugging Face hub, or a mirror of it: lists a repository, streams its files.

The routes are those of huggingface_hub's `HfApi.model_info(files_metadata=True)` and `hf_hub_url`.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Self
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from ocr_api import __version__
from ocr_api.errors import WeightsDownloadError
from ocr_api.weights.places import hub_home
from ocr_api.weights.verification import is_inside

_DEFAULT_ENDPOINT = "https://huggingface.co"
_CONNECT_S = 10.0
_SILENCE_S = 30.0
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class HubAwayError(Exception):
    """The hub did not answer, or broke off; trying again may help."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository, as the hub tells of it.

    Attributes:
        path: Inside the repository.
        size: In bytes.
        sha256: Of large (LFS) files; None = the hub does not tell it.
        git_id: SHA-1 of the file as a git blob; that of a pointer file where it is an LFS file.
    """

    path: str
    size: int
    sha256: str | None
    git_id: str | None

    @property
    def cache_name(self) -> str | None:
        """Name of the file's content in the cache: its ETag, as huggingface_hub names it."""
        return self.sha256 or self.git_id


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit."""

    repo: str
    commit: str
    files: tuple[HubFile, ...]


@dataclass(frozen=True, slots=True)
class HubAccess:
    """Which hub, and who asks.

    Attributes:
        endpoint: Its address, without a slash at the end.
        token: Sent to that address only; None = public repositories only.
    """

    endpoint: str
    token: str | None = None

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> HubAccess:
        """Reads `HF_ENDPOINT` and `HF_TOKEN`, else the token that `hf auth login` has left."""
        endpoint = environment.get("HF_ENDPOINT") or _DEFAULT_ENDPOINT
        token = environment.get("HF_TOKEN") or environment.get("HUGGING_FACE_HUB_TOKEN")
        return cls(endpoint.rstrip("/"), (token or _kept_token(environment) or "").strip() or None)


class _Lfs(BaseModel):
    sha256: str | None = None
    size: int | None = None


class _Sibling(BaseModel):
    rfilename: str
    size: int | None = None
    blobId: str | None = None  # noqa: N815 - the hub's name
    lfs: _Lfs | None = None


class _ModelInfo(BaseModel):
    sha: str
    siblings: list[_Sibling] = []


class Hub:
    """A connection to a hub; blocking. Proxies and certificates are taken from the environment.

    Args:
        access: Which hub, and who asks.
    """

    def __init__(self, access: HubAccess) -> None:
        self._endpoint = access.endpoint
        headers = {"User-Agent": f"ocr-api/{__version__}"}
        if access.token is not None:
            headers["Authorization"] = f"Bearer {access.token}"
        self._client = httpx.Client(
            headers=headers,
            follow_redirects=True,  # to another host without the token, see httpx
            timeout=httpx.Timeout(_SILENCE_S, connect=_CONNECT_S),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def listing(self, repo: str, revision: str) -> Listing:
        """Lists a repository's files at a revision.

        Raises:
            WeightsDownloadError: The repository or revision does not exist, is not open to this
                token, or the answer is none of a hub.
            HubAwayError: No answer.
        """
        url = f"{self._endpoint}/api/models/{quote(repo)}/revision/{quote(revision, safe='')}"
        try:
            answer = self._client.get(url, params={"blobs": "true"})
        except httpx.TransportError as exc:
            raise HubAwayError(_told(self._endpoint, exc)) from exc
        self._check(answer, f"{repo} at {revision}")
        try:
            info = _ModelInfo.model_validate_json(answer.content)
        except ValidationError as exc:
            msg = f"{self._endpoint} did not answer as a hub does; look at HF_ENDPOINT."
            raise WeightsDownloadError(msg) from exc
        if not _COMMIT.fullmatch(info.sha):
            msg = f"{self._endpoint} names '{info.sha}' as the commit of {repo}."
            raise WeightsDownloadError(msg)
        return Listing(repo, info.sha, tuple(_hub_file(repo, found) for found in info.siblings))

    @contextmanager
    def content(
        self, repo: str, commit: str, path: str, start: int
    ) -> Generator[tuple[int, Iterator[bytes]]]:
        """Opens a file's content from byte `start` on.

        Gives where the content really starts (0 where the hub does not resume) and its pieces.

        Raises:
            WeightsDownloadError: The file cannot be had.
            HubAwayError: No answer; or, while the pieces are read, it broke off.
        """
        url = f"{self._endpoint}/{quote(repo)}/resolve/{commit}/{quote(path)}"
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            with self._client.stream("GET", url, headers=headers) as answer:
                self._check(answer, f"{path} of {repo}")
                is_resumed = answer.status_code == HTTPStatus.PARTIAL_CONTENT
                yield (start if is_resumed else 0, answer.iter_bytes())
        except httpx.TransportError as exc:
            raise HubAwayError(_told(self._endpoint, exc)) from exc

    def _check(self, answer: httpx.Response, what: str) -> None:
        status = answer.status_code
        if answer.is_success:
            return
        if status in {401, 403}:
            msg = (
                f"{self._endpoint} does not give {what} to this caller (HTTP {status}): accept the "
                "model's conditions there and set HF_TOKEN; or the name is wrong."
            )
            raise WeightsDownloadError(msg, status=status)
        if status == HTTPStatus.NOT_FOUND:
            msg = f"{self._endpoint} has no {what}."
            raise WeightsDownloadError(msg, status=status)
        if status == HTTPStatus.TOO_MANY_REQUESTS or answer.is_server_error:
            msg = f"{self._endpoint} answered with HTTP {status}"
            raise HubAwayError(msg)
        msg = f"{self._endpoint} answered with HTTP {status} when asked for {what}."
        raise WeightsDownloadError(msg, status=status)


def _hub_file(repo: str, found: _Sibling) -> HubFile:
    lfs = found.lfs or _Lfs()
    size = found.size if lfs.size is None else lfs.size
    names = [name for name in (lfs.sha256, found.blobId) if name is not None]
    is_sound = all(_DIGEST.fullmatch(name) for name in names)
    if not is_inside(found.rfilename) or not is_sound:
        msg = f"The hub's list of {repo} names a file that is refused: {found.rfilename!r}."
        raise WeightsDownloadError(msg)
    return HubFile(found.rfilename, size or 0, lfs.sha256, found.blobId)


def _kept_token(environment: Mapping[str, str]) -> str | None:
    if environment.get("HF_HUB_DISABLE_IMPLICIT_TOKEN"):
        return None
    path = Path(environment.get("HF_TOKEN_PATH") or hub_home(environment) / "token")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _told(endpoint: str, exc: httpx.TransportError) -> str:
    return f"{endpoint} cannot be reached, or broke off ({type(exc).__name__})"
