"""The commands and their options; what they do stands in the modules beside this one."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Never, TypeVar
from urllib.parse import quote

import anyio
import typer

from ocr_api import __version__
from ocr_api.api.api_keys import ApiKeys, check_key
from ocr_api.api.app import run_api
from ocr_api.catalog import AUTO
from ocr_api.cli import jobs, weights
from ocr_api.cli.doctor import audit_stores, examine, print_findings
from ocr_api.cli.model_service import DEFAULT_URL, ModelService
from ocr_api.cli.models import print_models
from ocr_api.cli.outcomes import Outcome
from ocr_api.cli.read import OutputForm, ReadRequest, read_files
from ocr_api.cli.serve import serve
from ocr_api.cli.work import check_worker, work
from ocr_api.errors import InvalidOptionError, OcrApiError, SettingsError, UnknownModelError
from ocr_api.jobs import JobStatus
from ocr_api.observability import configure_logging
from ocr_api.outbound import parse_networks
from ocr_api.settings import Settings, load_settings
from ocr_api.webhooks.main import run_notifier
from ocr_api.webhooks.signing import read_secrets

Result = TypeVar("Result")

app = typer.Typer(
    name="ocr-api",
    help="Self-hosted OCR: submit an image or a PDF, get a job, read the text.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

jobs_app = typer.Typer(
    help="Look at jobs, cancel them, and try failed ones again.", no_args_is_help=True
)
app.add_typer(jobs_app, name="jobs")

models_app = typer.Typer(help="List, switch, load and unload models; fetch or carry their weights.")
app.add_typer(models_app, name="models")

HostOption = Annotated[str | None, typer.Option(help="Address to listen on [API_HOST].")]
PortOption = Annotated[int | None, typer.Option(help="Port to listen on [API_PORT].")]
DataOption = Annotated[Path | None, typer.Option(help="Folder of all data [DATA_DIR].")]
LimitOption = Annotated[int, typer.Option(min=1, help="Most jobs that are shown.")]
ModelArgument = Annotated[str, typer.Argument(help="Id of the model.")]
UrlOption = Annotated[str, typer.Option(help="Where the service runs.")]
WaitOption = Annotated[
    float, typer.Option(min=0, help="Seconds to wait for the workers; 0 = not at all.")
]
ProcessesOption = Annotated[
    int | None, typer.Option(help="Pages read at the same time [WORKER_PROCESSES].")
]


def _version(value: bool) -> None:  # noqa: FBT001 - the form that typer calls
    if value:
        typer.echo(f"ocr-api {__version__}")
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Self-hosted OCR: submit an image or a PDF, get a job, read the text."""


@app.command("serve")
def serve_command(
    host: HostOption = None,
    port: PortOption = None,
    data_dir: DataOption = None,
    processes: ProcessesOption = None,
) -> None:
    """Start the whole service on this machine: store, API, worker and notifier."""
    settings = _settings(
        api_host=host, api_port=port, data_dir=data_dir, worker_processes=processes
    )
    _run(lambda: serve(settings))


@app.command("api")
def api_command(
    host: HostOption = None,
    port: PortOption = None,
    data_dir: DataOption = None,
    listen_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start the API alone, beside an external Redis or Valkey."""
    settings = _settings(api_host=host, api_port=port, data_dir=data_dir)
    _run(lambda: run_api(settings, listen_fd=listen_fd))


@app.command("worker")
def worker_command(
    *,
    data_dir: DataOption = None,
    processes: ProcessesOption = None,
    notifier: Annotated[bool, typer.Option(help="Deliver webhooks too.")] = True,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether one is alive on this machine.")
    ] = False,
) -> None:
    """Start a worker, and a notifier with it, beside an external Redis or Valkey.

    With --check: start none; exit code 0 where one of this machine is alive, else 1.
    """
    settings = _settings(data_dir=data_dir, worker_processes=processes)
    if check:
        raise typer.Exit(_run(lambda: check_worker(settings)))
    _run(lambda: work(settings, with_notifier=notifier))


@app.command("notify")
def notify_command(data_dir: DataOption = None) -> None:
    """Start a notifier alone, which delivers webhooks, beside an external Redis or Valkey."""
    settings = _settings(data_dir=data_dir)
    _run(lambda: run_notifier(settings))


@app.command("read")
def read_command(  # noqa: PLR0913 - one an option
    *,
    files: Annotated[list[str], typer.Argument(help="Files and folders; - for standard input.")],
    model: Annotated[str, typer.Option(help="Model that reads.")] = AUTO,
    form: Annotated[OutputForm, typer.Option("--format", help="Form of the results.")] = (
        OutputForm.TEXT
    ),
    language: Annotated[
        list[str] | None, typer.Option(help="ISO 639 code; may be given several times.")
    ] = None,
    prompt_mode: Annotated[
        str | None, typer.Option(help="What the model is asked for; one of its prompt modes.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="A prompt of your own, for models that allow it.")
    ] = None,
    out: Annotated[
        bool, typer.Option("--out", help="Write results beside the inputs; skip what is done.")
    ] = False,
    processes: ProcessesOption = None,
) -> None:
    """Read files at once, without a server.

    Exit codes: 0 all read, 1 some failed, 2 wrong usage, 3 none read, 130 interrupted.
    """
    settings = _settings(is_quiet=True, worker_processes=processes)
    request = ReadRequest(
        tuple(files),
        model,
        form,
        tuple(language or ()),
        write_beside=out,
        prompt_mode=prompt_mode,
        prompt=prompt,
    )
    outcome = _run(lambda: read_files(settings, request))
    raise typer.Exit(outcome)


@models_app.callback(invoke_without_command=True)
def models_callback(context: typer.Context) -> None:
    """List, switch, load and unload models; fetch or carry their weights."""
    if context.invoked_subcommand is None:
        models_list_command()


@models_app.command("list")
def models_list_command(data_dir: DataOption = None, url: UrlOption = DEFAULT_URL) -> None:
    """List the models, why one cannot run here, and whether its weights are here.

    Where a service runs at --url, its state of each model too.
    """
    settings = _settings(data_dir=data_dir)
    try:
        print_models(settings, ModelService(url, settings.key_for(url)).states())
    except OcrApiError as exc:
        _fail(exc)


@models_app.command("switch")
def models_switch_command(
    model: ModelArgument, url: UrlOption = DEFAULT_URL, wait: WaitOption = 60
) -> None:
    """Make a model the one of jobs that name none, in the service at --url."""
    _order(url, "/models/switch", {"model": model}, wait)


@models_app.command("load")
def models_load_command(
    model: ModelArgument, url: UrlOption = DEFAULT_URL, wait: WaitOption = 60
) -> None:
    """Load a model ahead of its first page, in the service at --url."""
    _order(url, f"/models/{quote(model, safe='')}/load", None, wait)


@models_app.command("unload")
def models_unload_command(
    model: ModelArgument, url: UrlOption = DEFAULT_URL, wait: WaitOption = 60
) -> None:
    """Free a model's memory once the pages in work are read, in the service at --url."""
    _order(url, f"/models/{quote(model, safe='')}/unload", None, wait)


@models_app.command("events")
def models_events_command(
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Most events that are shown.")] = 20,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Show the latest loads, unloads and switches of the service at --url, newest first."""
    service = ModelService(url, _settings().key_for(url))
    try:
        outcome = service.print_events(model, limit)
    except OcrApiError as exc:
        _fail(exc)
    raise typer.Exit(outcome)


@models_app.command("pull")
def models_pull_command(
    *,
    model: Annotated[str, typer.Argument(help="Id of the model.")],
    update: Annotated[
        bool, typer.Option("--update", help="Take the present revision, and lock that.")
    ] = False,
    data_dir: DataOption = None,
) -> None:
    """Fetch a model's weights; what an interrupted pull fetched is kept."""
    settings = _settings(data_dir=data_dir)
    _run(lambda: weights.pull(settings, model, update=update))


@models_app.command("bundle")
def models_bundle_command(
    *,
    model: Annotated[str, typer.Argument(help="Id of the model.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The tar file to write.")],
    data_dir: DataOption = None,
) -> None:
    """Write a model's weights into a tar file, for a machine without a network."""
    settings = _settings(data_dir=data_dir)
    _run(lambda: weights.bundle(settings, model, output))


@models_app.command("unbundle")
def models_unbundle_command(file: Path, data_dir: DataOption = None) -> None:
    """Unpack such a file into MODELS_DIR, and verify it."""
    settings = _settings(data_dir=data_dir)
    _run(lambda: weights.unbundle(settings, file))


@app.command("doctor")
def doctor_command(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    audit: Annotated[
        bool, typer.Option("--audit", help="Compare all keys and files of the running service.")
    ] = False,
    data_dir: DataOption = None,
) -> None:
    """Tell what can run on this machine, and why not; exit code 1 where the service cannot.

    With --audit: tell whether any key or file of the service is orphaned or missing.
    """
    settings = _settings(data_dir=data_dir)
    findings = _run(lambda: audit_stores(settings) if audit else examine(settings))
    raise typer.Exit(print_findings(findings, as_json=as_json))


@jobs_app.command("list")
def jobs_list_command(
    status: Annotated[JobStatus | None, typer.Option(help="Only jobs of this status.")] = None,
    limit: LimitOption = 20,
    data_dir: DataOption = None,
) -> None:
    """List jobs, newest first."""
    settings = _settings(data_dir=data_dir)
    _run(lambda: jobs.print_jobs(settings, status, limit))


@jobs_app.command("dead")
def jobs_dead_command(limit: LimitOption = 20, data_dir: DataOption = None) -> None:
    """List failed jobs, why they failed, and whether a retry can help."""
    settings = _settings(data_dir=data_dir)
    _run(lambda: jobs.print_dead(settings, limit))


@jobs_app.command("show")
def jobs_show_command(job_id: str, data_dir: DataOption = None) -> None:
    """Print one job as JSON, without its result."""
    settings = _settings(data_dir=data_dir)
    _run(lambda: jobs.print_job(settings, job_id))


@jobs_app.command("cancel")
def jobs_cancel_command(job_ids: list[str], data_dir: DataOption = None) -> None:
    """Cancel jobs that have not ended; the work on them stops at once."""
    settings = _settings(data_dir=data_dir)
    raise typer.Exit(_run(lambda: jobs.cancel_jobs(settings, job_ids)))


@jobs_app.command("retry")
def jobs_retry_command(
    *,
    job_ids: Annotated[list[str] | None, typer.Argument(help="Failed jobs.")] = None,
    all_failed: Annotated[
        bool, typer.Option("--all", help="Every failed job that can be retried.")
    ] = False,
    data_dir: DataOption = None,
) -> None:
    """Queue the failed pages of failed jobs again, or of jobs that were read in part."""
    if all_failed == bool(job_ids):
        typer.echo("ocr-api: name the jobs, or give --all.", err=True)
        raise typer.Exit(Outcome.USAGE)
    settings = _settings(data_dir=data_dir)
    chosen = tuple(job_ids or ())
    raise typer.Exit(_run(lambda: jobs.retry_jobs(settings, chosen, all_failed=all_failed)))


def _order(url: str, path: str, body: Mapping[str, str] | None, wait_s: float) -> Never:
    service = ModelService(url, _settings().key_for(url))
    try:
        outcome = service.order(path, body, wait_s)
    except OcrApiError as exc:
        _fail(exc)
    raise typer.Exit(outcome)


def _settings(*, is_quiet: bool = False, **overrides: object) -> Settings:
    """Reads the settings; `is_quiet`: only warnings are logged, where nobody asked for more."""
    try:
        settings = load_settings(**overrides)
        read_secrets(settings.webhook_secret)
        parse_networks(settings.webhook_allowed_networks)
        ApiKeys.parse(settings.api_keys)
        if settings.client_api_key is not None:
            check_key(settings.client_api_key, "CLIENT_API_KEY")
    except OcrApiError as exc:
        _fail(exc, Outcome.USAGE)
    is_asked_for = "log_level" in settings.model_fields_set
    level = "warning" if is_quiet and not is_asked_for else settings.log_level
    configure_logging(level, settings.log_format)
    return settings


def _run(work: Callable[[], Awaitable[Result]]) -> Result:
    try:
        return anyio.run(work)
    except (SettingsError, UnknownModelError, InvalidOptionError) as exc:
        _fail(exc, Outcome.USAGE)
    except OcrApiError as exc:
        _fail(exc)
    except BrokenPipeError:
        # Nobody reads our output any more; the interpreter must not try to flush it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(Outcome.SOME_FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(Outcome.INTERRUPTED) from None


def _fail(error: OcrApiError, outcome: Outcome = Outcome.SOME_FAILED) -> Never:
    typer.echo(f"ocr-api: {error.detail} [{error.code}]", err=True)
    raise typer.Exit(outcome)


if __name__ == "__main__":
    sys.exit(app())
