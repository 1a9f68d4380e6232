"""Builds the API from settings and runs it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
from fastapi import Depends, FastAPI

from ocr_api import __version__
from ocr_api.api.api_keys import ApiKeys
from ocr_api.api.callers import known_caller
from ocr_api.api.event_feeds import EventFeeds
from ocr_api.api.headers import SecurityHeaders
from ocr_api.api.host_check import HostCheck
from ocr_api.api.http_protocol import FramingCheck
from ocr_api.api.listening import OnReady, listening_socket, serve
from ocr_api.api.methods import HeadAnswers
from ocr_api.api.model_choice import FIRST_REPORT_S, wait_for_first_report
from ocr_api.api.openapi_document import install_openapi
from ocr_api.api.problems import install_problem_handlers
from ocr_api.api.routes import job_life, jobs, models, service, webhooks
from ocr_api.api.services import Limits, Services
from ocr_api.catalog import AUTO, Availability, Catalog, load_catalog, this_host
from ocr_api.errors import SettingsError, StoreError, StoreSchemaError
from ocr_api.observability import get_logger
from ocr_api.outbound import parse_networks
from ocr_api.settings import Settings
from ocr_api.store import (
    Announcements,
    JobStore,
    connect,
    connect_listener,
    limits_of,
    open_blobs,
)
from ocr_api.web import load_static_files
from ocr_api.weights import DownloadRule, WeightsLookup, look_at_weights, weights_places

_log = get_logger(__name__)

_SCHEMA_CHECK_S = 2.0
_SCHEMA_RETRY_S = 5.0


async def run_api(
    settings: Settings, on_ready: OnReady | None = None, *, listen_fd: int | None = None
) -> None:
    """Serves the API until it is cancelled or told to stop (SIGINT, SIGTERM).

    It starts, answers 503 and recovers by itself where the store is away.

    Args:
        settings: `redis_url` or `redis_host` must be set; the embedded server's owner gives its
            address there.
        on_ready: Called once with the host and port that are listened on.
        listen_fd: Inherited descriptor of a listening socket; None = a new one is opened. Where
            the socket outlives this process, callers wait while it restarts.

    Raises:
        SettingsError: A setting does not fit, or the address cannot be listened on.
        StoreSchemaError: The store answers, and a newer version wrote its data.
    """
    check_exposure(settings)
    with listening_socket(settings.api_host, settings.api_port, listen_fd) as sock:
        async with opened_services(settings) as services:
            app = await anyio.to_thread.run_sync(create_app, services)
            told, let_go = on_ready or _tell_nobody, services.held.let_go
            await serve(app, sock, told, let_go, settings.request_head_timeout)


def create_app(services: Services) -> FastAPI:
    """Gives the application; its lifespan listens for announcements."""
    app = FastAPI(
        title="OCR API",
        version=services.version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.services = services
    app.state.static_files = load_static_files()
    app.state.event_feeds = EventFeeds(services.store, services.announcements)
    for router in (jobs.router, job_life.router, webhooks.router):
        app.include_router(router, dependencies=[Depends(known_caller)])
    # never the health check: a container's worker begins once that has answered
    needed = [Depends(known_caller), Depends(wait_for_first_report)]
    app.include_router(models.router, dependencies=needed)
    for router in (service.router, service.pages):
        app.include_router(router)
    install_problem_handlers(app)
    install_openapi(app)
    app.add_middleware(HeadAnswers)
    if services.api_keys.is_open:  # a foreign page has no key
        app.add_middleware(HostCheck, allowed_hosts=services.allowed_hosts)
    app.add_middleware(FramingCheck)
    app.add_middleware(SecurityHeaders)
    return app


@asynccontextmanager
async def opened_services(settings: Settings) -> AsyncGenerator[Services]:
    """Gives the services that settings describe; closes their connections at the end.

    Raises:
        SettingsError: A model that the settings name does not exist.
    """
    catalog = await anyio.to_thread.run_sync(load_catalog, settings.catalog_file)
    answers = await anyio.to_thread.run_sync(_host_answers, catalog, settings)
    _check_models(settings, catalog)
    url = settings.redis_address
    blobs = await open_blobs(settings.blobs_dir, reserve_bytes=settings.min_free_bytes)
    async with connect(url) as redis, connect_listener(url) as listener:
        yield Services(
            store=JobStore(redis, limits_of(settings)),
            blobs=blobs,
            announcements=Announcements(listener),
            catalog=catalog,
            limits=_limits(settings),
            default_model=settings.default_model,
            fallback_model=settings.fallback_model,
            host_check=answers.__getitem__,
            first_report_until=_first_report_until(settings),
            allowed_hosts=settings.allowed_hosts,
            api_keys=ApiKeys.parse(settings.api_keys),
            webhook_networks=parse_networks(settings.webhook_allowed_networks),
            version=__version__,
        )


def _tell_nobody(_host: str, _port: int) -> None:
    """Stands in where nobody asked to be told."""


def check_exposure(settings: Settings) -> None:
    """Refuses to open the service to a network by accident.

    Raises:
        SettingsError: The address is not loopback, there are no keys, and nobody said that this
            is meant; or a key is no key.
    """
    is_loopback = settings.api_host in {"localhost", "::1"} or settings.api_host.startswith("127.")
    is_open = ApiKeys.parse(settings.api_keys).is_open
    if is_open and not is_loopback and not settings.allow_anonymous:
        msg = (
            f"API_HOST={settings.api_host} would let everybody on the network use this service, "
            "as it asks for no key. Set API_KEYS, or ALLOW_ANONYMOUS=true to allow that, or use "
            "127.0.0.1."
        )
        raise SettingsError(msg)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    services: Services = app.state.services
    is_checked = await _check_schema(services)
    async with anyio.create_task_group() as group:
        group.start_soon(services.announcements.run)
        group.start_soon(app.state.event_feeds.run)
        if not is_checked:
            group.start_soon(_check_schema_when_back, services)
        yield
        group.cancel_scope.cancel()


async def _check_schema(services: Services) -> bool:
    """Checks the layout of the store's data; False = the store is away.

    Raises:
        StoreSchemaError: A newer version of this service wrote it.
    """
    with anyio.move_on_after(_SCHEMA_CHECK_S):
        try:
            await services.store.check_schema()
        except StoreSchemaError:
            raise
        except StoreError as exc:
            _log.warning("store_away", detail=exc.detail)
            return False
        return True
    return False


async def _check_schema_when_back(services: Services) -> None:
    """Writes the layout's version into a store that was away at the start."""
    while True:
        await anyio.sleep(_SCHEMA_RETRY_S)
        try:
            if await _check_schema(services):
                return
        except StoreSchemaError as exc:
            _log.error("store_schema_newer", detail=exc.detail)


def _check_models(settings: Settings, catalog: Catalog) -> None:
    named = {"DEFAULT_MODEL": settings.default_model, "FALLBACK_MODEL": settings.fallback_model}
    for variable, model_id in named.items():
        if model_id and model_id != AUTO and model_id not in catalog.models:
            known = ", ".join(catalog.known_ids)
            msg = f"{variable}={model_id}: there is no such model. Known: {known}."
            raise SettingsError(msg)


def _host_answers(catalog: Catalog, settings: Settings) -> Mapping[str, Availability]:
    lookup = WeightsLookup(weights_places(settings.weights_dir, os.environ))
    rule = DownloadRule.of(os.environ, allow_downloads=settings.allow_downloads)
    host = this_host(allows_cpu_models=settings.cpu_models).with_weights(
        lambda spec: look_at_weights(spec, lookup, rule).hindrance
    )
    return {model_id: catalog.availability(model_id, host) for model_id in (AUTO, *catalog.models)}


def _first_report_until(settings: Settings) -> float:
    """By anyio's clock; a worker that shares this machine can run what this machine can."""
    return anyio.current_time() + FIRST_REPORT_S if settings.is_store_elsewhere else 0.0


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_upload_bytes=settings.max_upload_bytes,
        max_inline_bytes=settings.max_inline_bytes,
        max_metadata_bytes=settings.max_metadata_bytes,
        max_prompt_characters=settings.max_prompt_characters,
        max_wait_s=settings.max_wait_seconds,
    )
