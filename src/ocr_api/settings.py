"""Every environment variable of the service, in one place.

Only composition roots (cli, api/app, worker/main, webhooks/main) read settings; everything else
takes plain values. `docs/configuration.md` is held against this model by a test.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ocr_api.addresses import is_elsewhere, server_url
from ocr_api.errors import SettingsError

OWN_PREFIX = "OCR_API_"
MIB = 1024 * 1024
_MEANT_WHEN_EMPTY = frozenset({"fallback_model"})
"""Settings whose empty value says something else than their default."""

_SECRET = frozenset({"api_keys", "client_api_key", "webhook_secret", "redis_url"})
"""Settings whose value no message shows."""


def _split_list(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _split_keys(value: object) -> object:
    """Leaves empty entries in, so that they are told: a lost key would open the service."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


_Split = BeforeValidator(_split_list)
CommaList = Annotated[tuple[str, ...], NoDecode, _Split]
QuantizationChoice = Annotated[str, StringConstraints(pattern=r"^[^:]+:(none|8bit|4bit)$")]


class Settings(BaseSettings):
    """The configuration of one process, read from the environment (names in upper case)."""

    model_config = SettingsConfigDict(env_prefix="", case_sensitive=False, extra="ignore")

    # Store
    redis_url: str | None = Field(None, description="URL of an external Redis or Valkey server.")
    redis_host: str | None = Field(
        None, description="Host of an external Redis or Valkey; neither set = the embedded server."
    )
    redis_port: int = Field(6379, ge=1, le=65535, description="Port beside `REDIS_HOST`.")
    data_dir: Path = Field(
        Path("data"), description="Folder of the embedded server's data and of what follows."
    )
    uploads_dir: Path | None = Field(
        None, description="Folder of uploads and results; default `DATA_DIR/uploads`."
    )
    models_dir: Path | None = Field(
        None,
        description="Folder of model weights, one plain folder a model, and of the record of what"
        " was pulled; default `DATA_DIR/models`.",
    )

    # HTTP
    api_host: str = Field("127.0.0.1", description="Address that the API listens on.")
    api_port: int = Field(8000, ge=0, le=65535, description="Port that the API listens on.")
    api_keys: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_keys)] = Field(
        (),
        repr=False,
        description="Keys of which callers must show one: `<name>:<key>`, comma-separated; several "
        "of one name while it changes. None = whoever reaches the service may use it.",
    )
    client_api_key: str | None = Field(
        None,
        repr=False,
        description="Key that `ocr-api models` shows; none = the first of `API_KEYS`, to a service "
        "on this machine.",
    )
    allow_anonymous: bool = Field(
        default=False,
        description="Whether an address other than loopback may be served without API keys.",
    )
    allowed_hosts: CommaList = Field(
        (),
        description="Host names, beside localhost and IP addresses, that requests may be made to "
        "while there are no `API_KEYS`.",
    )
    request_head_timeout: float = Field(
        20.0,
        gt=0,
        le=3600,
        description="Seconds in which a connection must bring the head of a request.",
    )

    # Limits of intake
    max_upload_bytes: int = Field(100 * MIB, ge=1024, description="Largest upload, in bytes.")
    max_inline_bytes: int = Field(
        10 * MIB, ge=1024, description="Largest file inside a JSON body (`base64`), in bytes."
    )
    min_free_bytes: int = Field(
        100 * MIB,
        ge=0,
        description="Room, in bytes, that uploads leave on the disk for queue and results.",
    )
    max_pixels: int = Field(
        100_000_000, ge=10_000, description="Largest page, in pixels (width times height)."
    )
    max_pages: int = Field(2000, ge=1, le=10_000, description="Most pages that one job may read.")
    max_metadata_bytes: int = Field(
        4096, ge=0, le=65536, description="Largest `metadata` of a job, in bytes of JSON."
    )
    max_prompt_characters: int = Field(
        2000, ge=1, le=100_000, description="Longest `prompt` of a job, in characters."
    )
    max_queued_jobs: int = Field(
        200_000, ge=1, description="Most jobs that have not ended; more are refused for a while."
    )

    # The document child's sandbox
    document_timeout: float = Field(
        20.0,
        gt=0,
        le=3600,
        description="Seconds in which a document must be opened, or a page decoded.",
    )
    document_memory_mib: int = Field(
        2048, ge=256, description="Address space that decoding may take, in MiB."
    )
    document_cpu_seconds: int = Field(
        15, ge=1, description="CPU seconds that opening a document or decoding one page may take."
    )

    # Models
    default_model: str = Field("qari", description="Model of jobs that name none.")
    fallback_model: str = Field(
        "auto", description="Serves where the default model cannot run; empty = never."
    )
    catalog_file: Path | None = Field(
        None, description="TOML file whose models are added to, or override, the built-in ones."
    )
    allow_downloads: bool = Field(
        default=True,
        description="Whether weights may be fetched from the hub when a model is first needed.",
    )
    cpu_models: bool = Field(
        default=False,
        description="Whether models made for a GPU may run on the CPU where there is none: "
        "minutes a page. `auto` does not choose them there.",
    )
    quantization: Annotated[tuple[QuantizationChoice, ...], NoDecode, _Split] = Field(
        (),
        description="Quantization in place of the catalog's: `<model>:none`, `<model>:8bit` or "
        "`<model>:4bit`, comma-separated.",
    )
    model_memory_mib: int = Field(
        0,
        ge=0,
        description="Memory, in MiB, that the loaded models made for a GPU may take together; 0 = "
        "what is free on the GPU when the worker starts, or 60 % of the memory without one.",
    )
    model_keep_alive: float = Field(
        0.0,
        ge=0,
        description="Seconds after which a model that nobody uses leaves the memory; 0 = only when "
        "another needs its room.",
    )
    model_fairness_seconds: float = Field(
        60.0,
        gt=0,
        le=86400,
        description="A page that has waited so long for a model that is not loaded has it loaded "
        "in place of another, although that one has pages.",
    )
    preload_models: CommaList = Field(
        (), description="Models that a worker loads when it starts, comma-separated."
    )
    pinned_models: CommaList = Field(
        (),
        description="Models that are loaded at the start and leave for no other, comma-separated.",
    )
    worker_models: CommaList = Field(
        (),
        description="Models that a worker reads pages with, loads and fetches weights for, "
        "comma-separated; empty = all that can run on its machine.",
    )
    tessdata_prefix: Path | None = Field(
        None, description="Folder with further `.traineddata` files for Tesseract."
    )

    # Work
    worker_processes: int = Field(
        0, ge=0, le=256, description="Pages read at the same time; 0 = one a processor core."
    )
    job_timeout: float = Field(
        300.0,
        gt=0,
        le=86400,
        description="Seconds of processing that a page may take, its attempts together."
        " A job has as much for each of its pages.",
    )
    cpu_model_timeout: float = Field(
        1800.0,
        gt=0,
        le=86400,
        description="In place of `JOB_TIMEOUT` for a model that runs without the GPU it is made "
        "for.",
    )
    max_attempts: int = Field(
        3, ge=1, le=100, description="Attempts at a page before it fails for good."
    )
    lease_seconds: float = Field(
        30.0, ge=1, le=3600, description="Seconds until a silent worker's pages are taken back."
    )
    drain_seconds: float = Field(
        10.0, ge=0, le=3600, description="Seconds that a stopping worker lets its pages end."
    )
    job_result_ttl: int = Field(
        86400, ge=1, description="Seconds from a job's end until it and its files are removed."
    )
    child_start_timeout: float = Field(
        60.0, gt=0, le=3600, description="Seconds in which a child process must be up."
    )
    model_load_timeout: float = Field(
        300.0, gt=0, le=86400, description="Seconds in which a model must be loaded."
    )

    # Waiting
    max_wait_seconds: float = Field(
        60.0, ge=0, le=3600, description="Longest `?wait=` of a request, in seconds."
    )

    # Webhooks
    webhook_secret: str | None = Field(
        None,
        description="Signs webhooks: `whsec_…`; several, separated by spaces, while rotating.",
    )
    webhook_allowed_networks: CommaList = Field(
        (),
        description="Networks (CIDR, comma-separated) that webhooks may reach although they are "
        "not public.",
    )
    webhook_timeout: float = Field(
        15.0, gt=0, le=300, description="Seconds in which a webhook's receiver must answer."
    )
    webhook_max_retries: int = Field(
        9, ge=0, le=100, description="Tries at a webhook after the first one."
    )
    webhook_retry_waits: str = Field(
        "5,300,1800,7200,18000,36000,50400,72000,86400",
        pattern=r"^\d{1,6}(\.\d{1,3})?(,\d{1,6}(\.\d{1,3})?){0,99}$",
        description="Seconds before the first, second, … retry; the last one repeats.",
    )
    webhook_concurrency: int = Field(
        32, ge=1, le=1000, description="Webhooks on their way at the same time."
    )
    webhook_max_body_bytes: int = Field(
        1_000_000, ge=1024, description="A webhook larger than this goes without the result."
    )

    # Telling
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log lines that are written."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`console` for people, `json` for machines; `auto` asks the terminal."
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, values: object) -> object:
        """An empty variable counts as unset: a blank line of a file `.env` becomes one."""
        if not isinstance(values, dict):
            return values
        given = cast("dict[str, object]", values)
        return {name: value for name, value in given.items() if not _is_unset(name, value)}

    @property
    def is_store_embedded(self) -> bool:
        """No external server is configured."""
        return self.redis_url is None and self.redis_host is None

    @property
    def blobs_dir(self) -> Path:
        """Folder of uploads and results."""
        return self.uploads_dir or self.data_dir / "uploads"

    @property
    def weights_dir(self) -> Path:
        """Folder of model weights."""
        return self.models_dir or self.data_dir / "models"

    @property
    def redis_address(self) -> str:
        """URL of the external server.

        Raises:
            SettingsError: None is configured.
        """
        if self.redis_url is not None:
            return self.redis_url
        if self.redis_host is None:
            msg = "Set REDIS_HOST or REDIS_URL, or use `ocr-api serve`, which brings its own."
            raise SettingsError(msg)
        return server_url(self.redis_host, self.redis_port)

    @property
    def is_store_elsewhere(self) -> bool:
        """The server may be on another machine: it has neither a Unix socket nor a loopback name.

        Raises:
            SettingsError: None is configured.
        """
        return is_elsewhere(self.redis_address)

    @property
    def webhook_waits_s(self) -> tuple[float, ...]:
        """Seconds before the first, second, ... retry of a webhook."""
        return tuple(float(wait) for wait in self.webhook_retry_waits.split(","))

    @property
    def quantization_of(self) -> Mapping[str, str]:
        """The quantization that the operator chose, by model id."""
        pairs = (choice.rpartition(":") for choice in self.quantization)
        return {model: kind for model, _, kind in pairs}

    def key_for(self, url: str) -> str | None:
        """Gives the API key that commands show to a service; None = none.

        The first of the service's own is shown on this machine alone.
        """
        if self.client_api_key is not None or is_elsewhere(url):
            return self.client_api_key
        return next(iter(self.api_keys), "").partition(":")[2] or None

    @property
    def reader_count(self) -> int:
        """Pages read at the same time."""
        return self.worker_processes or usable_cores()


def usable_cores() -> int:
    """Gives how many processor cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_settings(**overrides: object) -> Settings:
    """Reads the environment; keyword arguments (not None) win over it.

    Every variable may also be written with the prefix `OCR_API_`, where a misspelt name is found.
    An empty one counts as unset, except `FALLBACK_MODEL`.

    Raises:
        SettingsError: A value is out of range, or a name with the prefix is unknown.
    """
    chosen = _prefixed(os.environ)
    chosen |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**chosen)  # type: ignore[arg-type]  # checked by pydantic
    except ValidationError as exc:
        first = exc.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        got = "" if name in _SECRET else f" (got {first['input']!r})"
        msg = f"{name.upper()}: {first['msg']}{got}. See docs/configuration.md."
        raise SettingsError(msg) from exc


def _is_unset(name: str, value: object) -> bool:
    return value == "" and name not in _MEANT_WHEN_EMPTY


def _prefixed(environment: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for variable, value in environment.items():
        if not variable.upper().startswith(OWN_PREFIX):
            continue
        name = variable[len(OWN_PREFIX) :].lower()
        if name not in Settings.model_fields:
            near = difflib.get_close_matches(name, Settings.model_fields, n=1)
            hint = f" Did you mean {OWN_PREFIX}{near[0].upper()}?" if near else ""
            msg = f"{variable} is no setting of this service.{hint} See docs/configuration.md."
            raise SettingsError(msg)
        if not _is_unset(name, value):
            found[name] = value
    return found
