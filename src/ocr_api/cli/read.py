"""`ocr-api read`: reads files at once with the worker's children, without a server."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePath

import anyio
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ocr_api import __version__
from ocr_api.api.options import check_prompt
from ocr_api.catalog import Catalog, Host, ModelSpec, load_catalog
from ocr_api.cli.inputs import InputFile, find_inputs, write_result
from ocr_api.cli.outcomes import Outcome
from ocr_api.cli.weights import host_of, standings
from ocr_api.errors import ModelUnavailableError, OcrApiError, SettingsError, StorageFullError
from ocr_api.jobs import JobOptions, PageResult
from ocr_api.renderers import FORMATS, DocumentInfo, PageOutcome, render
from ocr_api.settings import Settings
from ocr_api.weights import Standing
from ocr_api.wire.result import page_metadata, page_view
from ocr_api.worker.model_loading import FindWeights
from ocr_api.worker.page_reader import PageReader, opened_reader
from ocr_api.worker.page_steps import PageSource
from ocr_api.worker.planning import reader_plan

_PAGES_AT_ONCE = 8
"""Pages of one document on their way; more would only wait, and hold their pixels."""


class OutputForm(StrEnum):
    """Form of the results."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    HOCR = "hocr"
    ALTO = "alto"

    @property
    def suffix(self) -> str:
        """Ending of result files."""
        return FORMATS[self.value].suffix


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What the command line asks for.

    Attributes:
        names: Files and folders; `-` = standard input.
        model: Model that reads; `auto` = chosen for each page.
        form: Form of the results.
        languages: ISO 639 codes; empty = found on the page.
        write_beside: Results go beside the inputs, and inputs with a result are skipped.
        prompt_mode: What a model that takes prompts is asked for; None = its default.
        prompt: In place of the one of the mode, for models that allow it; None = none.
    """

    names: tuple[str, ...]
    model: str
    form: OutputForm
    languages: tuple[str, ...] = ()
    write_beside: bool = False
    prompt_mode: str | None = None
    prompt: str | None = None

    @property
    def options(self) -> JobOptions:
        """What is wanted of each page."""
        return JobOptions(
            languages=self.languages, prompt_mode=self.prompt_mode, prompt=self.prompt
        )


@dataclass(slots=True)
class Tally:
    """How many files came to which end."""

    read: int = 0
    partly_read: int = 0
    failed: int = 0

    def count(self, pages_read: int, errors: int) -> None:
        """Counts one more file."""
        if not errors:
            self.read += 1
        elif pages_read:
            self.partly_read += 1
        else:
            self.failed += 1

    @property
    def outcome(self) -> Outcome:
        """The exit code that tells it."""
        if not self.failed + self.partly_read:
            return Outcome.DONE
        return Outcome.SOME_FAILED if self.read + self.partly_read else Outcome.NONE_READ


@dataclass(slots=True)
class _Slot:
    """One file on its way."""

    item: InputFile
    done: anyio.Event
    pages_total: int = 1
    results: dict[int, PageResult] = field(default_factory=dict[int, PageResult])
    error: OcrApiError | None = None
    page_errors: dict[int, OcrApiError] = field(default_factory=dict[int, OcrApiError])

    @property
    def in_order(self) -> list[PageResult]:
        """What was read, in order of pages."""
        return [self.results[number] for number in sorted(self.results)]

    @property
    def errors(self) -> list[OcrApiError]:
        """What went wrong, with the whole file or with pages."""
        pages = [self.page_errors[number] for number in sorted(self.page_errors)]
        return pages if self.error is None else [self.error, *pages]


async def read_files(settings: Settings, request: ReadRequest) -> Outcome:
    """Reads all files, several at a time, and prints or writes the results in their order.

    Raises:
        SettingsError: There is no file to read.
        UnknownModelError: No model has the id.
        ModelUnavailableError: The model cannot run here.
        InvalidOptionError: It takes no such prompt.
    """
    catalog, host, find_weights = _checked_model(settings, request)
    inputs = await anyio.to_thread.run_sync(lambda: list(find_inputs(request.names)))
    if not inputs:
        msg = f"There is nothing to read in {', '.join(request.names)}."
        raise SettingsError(msg)
    waiting = [item for item in inputs if not (request.write_beside and _is_done(item, request))]
    tally = Tally(read=len(inputs) - len(waiting))
    plan = reader_plan(settings, host, find_weights)
    async with opened_reader(plan, catalog, host) as reader:
        with _progress(len(inputs), tally.read) as advance:
            slots = _read_in_order(reader, request, waiting, settings.reader_count)
            async with aclosing(slots):
                async for slot in slots:
                    await anyio.to_thread.run_sync(_deliver, slot, request, len(inputs) == 1)
                    tally.count(len(slot.results), len(slot.errors))
                    advance()
    return tally.outcome


def _checked_model(settings: Settings, request: ReadRequest) -> tuple[Catalog, Host, FindWeights]:
    catalog, model = load_catalog(settings.catalog_file), request.model
    check_prompt(request.options, model, catalog)
    stand = standings(settings, catalog)
    host = _host(settings, stand)
    found = catalog.availability(model, host)
    if not found.is_available:
        msg = f"Model '{model}' cannot run here: {found.reason} See `ocr-api models`."
        raise ModelUnavailableError(msg, model=model)
    return catalog, host, lambda spec: stand[spec.id].found


def _host(settings: Settings, stand: Mapping[str, Standing]) -> Host:
    """Gives a machine on which only models run whose weights are here: nothing is fetched."""

    def hindrance(spec: ModelSpec) -> str:
        standing = stand[spec.id]
        if spec.weights is None or standing.found is not None:
            return ""
        return standing.hindrance or f"Run `ocr-api models pull {spec.id}` first."

    return host_of(settings, stand).with_weights(hindrance)


def _is_done(item: InputFile, request: ReadRequest) -> bool:
    return item.is_done(request.form.suffix)


async def _read_in_order(
    reader: PageReader, request: ReadRequest, items: Sequence[InputFile], readers: int
) -> AsyncGenerator[_Slot]:
    """Gives the slots in the order of the items; reads a few ahead of what has been taken."""
    waiting = deque(items)
    ahead: deque[_Slot] = deque()
    async with anyio.create_task_group() as tasks:
        while waiting or ahead:
            while waiting and len(ahead) < readers + 1:
                slot = _Slot(waiting.popleft(), anyio.Event())
                ahead.append(slot)
                tasks.start_soon(_fill, reader, request, slot)
            await ahead[0].done.wait()
            yield ahead.popleft()


async def _fill(reader: PageReader, request: ReadRequest, slot: _Slot) -> None:
    try:
        descriptor, media_type = await anyio.to_thread.run_sync(slot.item.open)
        try:
            name = slot.item.name
            source = PageSource(descriptor, media_type, options=request.options, document=name)
            await _read_pages(reader, request.model, source, slot)
        finally:
            os.close(descriptor)
    except OcrApiError as exc:
        slot.error = exc
    finally:
        slot.done.set()


async def _read_pages(reader: PageReader, model: str, source: PageSource, slot: _Slot) -> None:
    """Reads the pages of one document side by side; one that fails is no end of the others."""
    slot.pages_total = (await reader.open(source)).pages_total
    chosen = reader.choose_pages(source, slot.pages_total)
    hands = anyio.CapacityLimiter(_PAGES_AT_ONCE)

    async def read(number: int) -> None:
        async with hands:
            try:
                page = replace(source, page_number=number)
                slot.results[number] = await reader.read(page, model)
            except OcrApiError as exc:
                slot.page_errors[number] = exc

    async with anyio.create_task_group() as tasks:
        for number in chosen.pages:
            tasks.start_soon(read, number)


def _deliver(slot: _Slot, request: ReadRequest, is_alone: bool) -> None:  # noqa: FBT001
    """Writes or prints a result, and any error; blocking.

    Raises:
        BrokenPipeError: Nobody reads standard output any more.
    """
    path = slot.item.result_path(request.form.suffix)
    is_written = request.write_beside and path is not None
    if is_written and path is not None and slot.results:
        try:
            write_result(path, _rendered(slot, request) + "\n")
        except OSError as exc:
            slot.error = StorageFullError(f"{path} cannot be written: {exc.strerror}.")
    for error in slot.errors:
        typer.echo(f"{slot.item.name}: {error.detail} [{error.code}]", err=True)
    if not is_written:
        _print(slot, request, is_alone=is_alone)


def _print(slot: _Slot, request: ReadRequest, *, is_alone: bool) -> None:
    if slot.results and request.form is OutputForm.TEXT and not is_alone:
        typer.echo(f"==> {slot.item.name} <==")
    if slot.results or request.form is OutputForm.JSON:
        typer.echo(_rendered(slot, request))


def _rendered(slot: _Slot, request: ReadRequest) -> str:
    """Gives a result without the line's end behind it."""
    if request.form is OutputForm.JSON:
        return _json(slot)
    pages = [
        PageOutcome(number=page.page_number, result=page, is_first=index == 0)
        for index, page in enumerate(slot.in_order)
    ]
    document = DocumentInfo(
        total_pages=slot.pages_total,
        rendered_pages=len(pages),
        filename=PurePath(slot.item.name).name,
        languages=request.languages,
        version=__version__,
    )
    return "".join(render(FORMATS[request.form.value], document, pages)).removesuffix("\n")


def _json(slot: _Slot) -> str:
    pages = slot.in_order
    body: dict[str, object] = {"file": slot.item.name}
    views = [page_view(page).model_dump(mode="json") for page in pages]
    metadata = [page_metadata(page).model_dump(mode="json") for page in pages]
    if slot.pages_total > 1:
        body |= {"pages_total": slot.pages_total, "pages": views, "metadata": metadata}
    elif pages:
        body |= {"page": views[0], "metadata": metadata[0]}
    if slot.errors:
        body["error"] = {"code": slot.errors[0].code, "detail": slot.errors[0].detail}
    return json.dumps(body, ensure_ascii=False)


@contextmanager
def _progress(total: int, done: int) -> Generator[Callable[[], None]]:
    """Shows a bar on a terminal; gives the function that moves it on by one file."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal or total < 2,
    ) as progress:
        bar = progress.add_task("Reading", total=total, completed=done)
        yield lambda: progress.advance(bar)
