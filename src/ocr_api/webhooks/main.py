"""Composition root of the notifier: settings in, running deliveries out."""

from __future__ import annotations

import os
import secrets
import socket

import anyio

from ocr_api import __version__
from ocr_api.observability import get_logger
from ocr_api.outbound import Outbound, OutboundLimits, parse_networks
from ocr_api.settings import Settings
from ocr_api.stopping import stop_on_signal
from ocr_api.store import (
    Announcements,
    JobStore,
    LayoutWatch,
    connect,
    connect_listener,
    limits_of,
    open_blobs,
    wait_for_store,
)
from ocr_api.webhooks.body import Bodies
from ocr_api.webhooks.deliver import Parts
from ocr_api.webhooks.notifier import Notifier
from ocr_api.webhooks.schedule import Schedule
from ocr_api.webhooks.signing import read_secrets

_log = get_logger(__name__)
_AROUND_POST_S = 10.0
"""For what a try does beside its POST: reading or building the body, recording the outcome."""

_LEASE_MARGIN_S = 5.0


async def run_notifier(settings: Settings) -> None:
    """Delivers until SIGTERM or SIGINT, then lets what is on its way end, or hands it back.

    Raises:
        SettingsError: A secret or a network is none.
        StoreSchemaError: The data was written by a newer version, or is taken over by one.
    """
    signer = read_secrets(settings.webhook_secret)
    if not signer.is_signing:
        _log.warning("webhooks_unsigned", detail="WEBHOOK_SECRET is not set.")
    limits = OutboundLimits(
        timeout_s=settings.webhook_timeout,
        connections=settings.webhook_concurrency,
        allowed=parse_networks(settings.webhook_allowed_networks),
    )
    url = settings.redis_address
    async with connect(url) as redis, connect_listener(url) as listener:
        store = JobStore(redis, limits_of(settings))
        blobs = await open_blobs(settings.blobs_dir)
        await wait_for_store(store)
        async with Outbound.open(limits) as outbound:
            parts = Parts(
                store=store,
                bodies=Bodies(store, blobs, settings.webhook_max_body_bytes),
                outbound=outbound,
                signer=signer,
                schedule=Schedule(settings.webhook_waits_s, settings.webhook_max_retries),
                user_agent=f"ocr-api/{__version__}",
                budget_s=settings.webhook_timeout + _AROUND_POST_S,
            )
            notifier = build_notifier(settings, parts, Announcements(listener))
            await _run(notifier, LayoutWatch(store), settings.drain_seconds)


def build_notifier(settings: Settings, parts: Parts, announcements: Announcements) -> Notifier:
    """Joins the parts of a notifier; starts nothing."""
    notifier_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    lease_s = parts.budget_s + _LEASE_MARGIN_S
    return Notifier(notifier_id, parts, announcements, lease_s, settings.webhook_concurrency)


async def _run(notifier: Notifier, watch: LayoutWatch, drain_s: float) -> None:
    stop = anyio.Event()
    _log.info("notifier_started")
    async with anyio.create_task_group() as background:
        background.start_soon(stop_on_signal, stop)
        background.start_soon(watch.cancel_when_newer, background.cancel_scope)
        await notifier.run(stop, drain_s)
        background.cancel_scope.cancel()
    watch.check()
    _log.info("notifier_stopped")
