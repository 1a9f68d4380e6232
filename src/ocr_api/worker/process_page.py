"""The story of one claim in the worker.

The opening of a document: open → choose pages → queue them, and go on with the first.
A page: render → route → read → keep → finish.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

import anyio

from ocr_api.catalog import AUTO
from ocr_api.errors import EngineError, OcrApiError, StoreError, StoreSchemaError
from ocr_api.jobs import Claim, PageRanges, PageResult, Problem
from ocr_api.observability import get_logger
from ocr_api.store import Blobs, JobStore, encode_result, result_key
from ocr_api.worker.hands import Hand
from ocr_api.worker.leases import Leases
from ocr_api.worker.page_reader import PageReader, RoutedPage
from ocr_api.worker.page_steps import PageSource
from ocr_api.worker.text_publisher import TextPublisher

Value = TypeVar("Value")
_log = get_logger(__name__)
_STORE_PATIENCE_S = 1.0
_HAND_BACK_S = 2.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the story needs.

    Attributes:
        store: The queue.
        blobs: Uploads and results.
        reader: The children.
        leases: Claims in work.
        served: Models whose pages this worker reads.
        texts: Tells listeners what is generated.
    """

    store: JobStore
    blobs: Blobs
    reader: PageReader
    leases: Leases
    served: frozenset[str]
    texts: TextPublisher


async def process_claim(claim: Claim, hand: Hand, parts: Parts) -> None:
    """Works on a claim until its page is read, failed, handed on or lost.

    Where a document was opened, its first page follows at once. Never raises for a page's sake:
    what goes wrong is recorded in the store. A page whose lane was closed while it was claimed goes
    back, uncharged.
    """
    if not hand.is_admitted:
        await return_claim(claim, parts)
        return
    following: Claim | None = claim
    while following is not None:
        following = await _work_on(following, hand, parts)


async def refuse_claim(claim: Claim, error: OcrApiError, parts: Parts) -> None:
    """Fails a page for good without a look at it, e.g. because its model cannot be had."""
    with parts.leases.held(claim):
        await _record_failure(claim, error, parts, final=True)


async def return_claim(claim: Claim, parts: Parts) -> None:
    """Puts a page back into its lane, uncharged, e.g. because another worker can read it."""
    with parts.leases.held(claim):
        await _patiently(lambda: parts.store.release(claim, charge=False))


async def reroute_claim(claim: Claim, parts: Parts) -> None:
    """Has a page routed anew whose model, chosen by `auto`, cannot be had after all."""
    with parts.leases.held(claim):
        await _patiently(lambda: parts.store.route(claim, model=AUTO, keep=False))


async def _work_on(claim: Claim, hand: Hand, parts: Parts) -> Claim | None:
    """Gives the claim to go on with."""
    following = None
    with parts.leases.held(claim):
        try:
            if claim.is_opening:
                following = await _open_document(claim, parts)
            else:
                await _read_and_keep(claim, hand, parts)
        except OcrApiError as exc:
            await _record_failure(claim, exc, parts)
        except anyio.get_cancelled_exc_class():
            await _hand_back(claim, parts)
            raise
        except Exception as exc:  # noqa: BLE001 - the border of the task: logged and recorded
            _log.exception("page_failed_unexpectedly", claim=claim.name)
            error = EngineError(f"Unexpected {type(exc).__name__}; see the worker's log.")
            await _record_failure(claim, error, parts)
    return following


async def _open_document(claim: Claim, parts: Parts) -> Claim | None:
    with _opened(await parts.blobs.open_file(claim.job.upload_key)) as descriptor:
        source = await _source(claim, descriptor, parts)
        found = await parts.reader.open(source)
    chosen = parts.reader.choose_pages(source, found.pages_total)
    _log.info("document_opened", claim=claim.name, pages_total=found.pages_total)
    warnings = (*found.warnings, *chosen.warnings)
    return await _patiently(
        lambda: _queue_pages(claim, found.pages_total, chosen.pages, warnings, parts)
    )


async def _queue_pages(
    claim: Claim, pages_total: int, pages: PageRanges, warnings: tuple[str, ...], parts: Parts
) -> Claim | None:
    """Gives the claim of the first page, also to a worker that was told to stop meanwhile.

    It then hands that page back like any other, uncharged.
    """
    following = None
    with anyio.CancelScope(shield=True):
        following = await parts.store.open(
            claim, pages_total=pages_total, pages=pages, warnings=warnings
        )
    return following  # noqa: RET504 - a scope might swallow the return


async def _read_and_keep(claim: Claim, hand: Hand, parts: Parts) -> None:
    with _opened(await parts.blobs.open_file(claim.job.upload_key)) as descriptor:
        source = await _source(claim, descriptor, parts)
        routed = await parts.reader.prepare(source, claim.model)
        with routed.page.files, parts.texts.telling(claim) as text:
            if not await _take_route(claim, routed, hand, parts):
                return
            result = await parts.reader.finish(source, routed, text)
            await parts.texts.tell(text)
    await _keep(claim, result, parts)


async def _take_route(claim: Claim, routed: RoutedPage, hand: Hand, parts: Parts) -> bool:
    """Records the page's model; False = the page waits for that model, or the claim was lost."""
    model = routed.choice.model
    is_served = model in parts.served
    if is_served and model == claim.model:
        return True
    keep = is_served and hand.move(model)
    reason = routed.choice.reason
    _log.info("page_routed", claim=claim.name, model=model, reason=reason, kept=keep)
    is_ours = await _patiently(
        lambda: parts.store.route(claim, model=model, keep=keep, reason=reason)
    )
    return is_ours and keep


async def _keep(claim: Claim, result: PageResult, parts: Parts) -> None:
    key = result_key(claim.job.id, claim.page_number, claim.attempt)
    await parts.blobs.put(key, encode_result(result))
    warnings = _told_of_page(claim, result.warnings)
    if await _patiently(lambda: parts.store.finish(claim, key, warnings)):
        _log.info("page_read", claim=claim.name, model=result.model, took_s=result.duration_s)
    else:
        await parts.blobs.delete(key)


def _told_of_page(claim: Claim, warnings: tuple[str, ...]) -> tuple[str, ...]:
    """Gives a page's warnings as warnings of its job, where other pages may have the same."""
    if claim.job.pages_total == 1:
        return warnings
    return tuple(f"Page {claim.page_number}: {warning}" for warning in warnings)


async def _record_failure(
    claim: Claim, error: OcrApiError, parts: Parts, *, final: bool = False
) -> None:
    _log.warning("page_failed", claim=claim.name, code=error.code, detail=error.detail)
    problem = Problem.of(error, page=None if claim.is_opening else claim.page_number)
    await _patiently(lambda: parts.store.fail(claim, problem, final=final or not error.retryable))


async def _hand_back(claim: Claim, parts: Parts) -> None:
    """Gives an interrupted page back, uncharged; should that fail, its lease runs out.

    A result that was kept and not committed goes: where the claim was lost, its job may have ended
    and been tidied already, and nobody would look for it.
    """
    with anyio.move_on_after(_HAND_BACK_S, shield=True), contextlib.suppress(StoreError):
        await parts.store.release(claim, charge=False)
        if claim.is_opening:
            return
        # From here on the fence refuses this claim, so that what is not committed never will be.
        key = result_key(claim.job.id, claim.page_number, claim.attempt)
        page = await parts.store.page(claim.job.id, claim.page_number)
        if page is None or page.result_key != key:
            await parts.blobs.delete(key)


async def _patiently(call: Callable[[], Awaitable[Value]]) -> Value:
    """Repeats a fenced, repeatable call until the store answers.

    A page is not read again only because the store was away: it waits, and should its lease have
    run out meanwhile, the fence refuses the write. Where a newer version has taken the data over,
    it waits for the end of the worker, which has seen that too.
    """
    while True:
        try:
            return await call()
        except StoreError as exc:
            if not (exc.retryable or isinstance(exc, StoreSchemaError)):
                raise
            _log.warning("waiting_for_store", code=exc.code, detail=exc.detail)
            await anyio.sleep(_STORE_PATIENCE_S)


async def _source(claim: Claim, descriptor: int, parts: Parts) -> PageSource:
    job = claim.job
    return PageSource(
        descriptor,
        job.media_type,
        claim.page_number,
        job.options,
        claim.charged,
        document=job.id,
        password=await parts.store.password(job),
        left_s=claim.left_s,
        route_reason=claim.route_reason,
    )


@contextlib.contextmanager
def _opened(descriptor: int) -> Generator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
