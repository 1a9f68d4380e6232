"""What every route works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from ocr_api.api.api_keys import ApiKeys
from ocr_api.api.held_answers import HeldAnswers
from ocr_api.catalog import Availability, Catalog
from ocr_api.jobs import READABLE_TYPES, MediaType
from ocr_api.outbound import Network
from ocr_api.store import Announcements, Blobs, JobStore
from ocr_api.web import StaticFile


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what a caller may send or ask for.

    Attributes:
        max_upload_bytes: Largest file, sent as a form's part or as the body.
        max_inline_bytes: Largest file inside JSON, since it sits in memory.
        max_metadata_bytes: Largest `metadata`, as JSON.
        max_prompt_characters: Longest `prompt`.
        max_wait_s: Longest `?wait=`.
        idle_s: Longest pause between two pieces of a body.
        heartbeat_s: Longest silence on a stream of events.
    """

    max_upload_bytes: int
    max_inline_bytes: int
    max_metadata_bytes: int = 4096
    max_prompt_characters: int = 2000
    max_wait_s: float = 60.0
    idle_s: float = 60.0
    heartbeat_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that the composition root joins.

    Attributes:
        default_model: Serves jobs that name no model, until somebody switches.
        fallback_model: Serves where that one is impossible; empty = never.
        host_check: Whether a model can run on this machine; asked only while no worker has
            ever reported.
        first_report_until: By anyio's clock; so long the first report of a worker is waited for
            before this machine is asked. 0 = never.
        allowed_hosts: Names, beside localhost and IP addresses, that requests may be made to.
        api_keys: Of which callers must show one; none = open to everybody.
        webhook_networks: That webhooks may reach although they are not public.
        version: Of this service.
        readable_types: Types that are accepted.
        held: The answers that wait for something.
    """

    store: JobStore
    blobs: Blobs
    announcements: Announcements
    catalog: Catalog
    limits: Limits
    default_model: str
    fallback_model: str
    host_check: Callable[[str], Availability]
    first_report_until: float = 0.0
    allowed_hosts: tuple[str, ...] = ()
    api_keys: ApiKeys = field(default_factory=ApiKeys)
    webhook_networks: tuple[Network, ...] = ()
    version: str = "0"
    readable_types: frozenset[MediaType] = READABLE_TYPES
    held: HeldAnswers = field(default_factory=HeldAnswers)


def services_of(request: Request) -> Services:
    """Gives the services of the application that a request came to."""
    found: object = request.app.state.services
    if not isinstance(found, Services):
        msg = "the application was built without its services"
        raise TypeError(msg)
    return found


FromApp = Annotated[Services, Depends(services_of)]


def static_files_of(request: Request) -> Mapping[str, StaticFile]:
    """Gives the files of the web page, read when the application was built."""
    found: Mapping[str, StaticFile] = request.app.state.static_files
    return found


StaticFromApp = Annotated[Mapping[str, StaticFile], Depends(static_files_of)]
