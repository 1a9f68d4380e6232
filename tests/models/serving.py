"""A real service with the small checkpoints in the places of the published weights."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ocr_api.catalog import load_catalog
from tests.service import Service, eventually, running

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
MODELS = ("got", "qari", "deepseek")
_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_TEXTS: Mapping[str, Mapping[str, Mapping[str, str]]] = json.loads(
    (CHECKPOINTS / "texts.json").read_text("utf-8")
)


def texts_of(model: str, mode: str = "text") -> Mapping[str, str]:
    """The exact answer of a small checkpoint to each of its pages."""
    return _TEXTS[model][mode]


def page_bytes(file: str) -> bytes:
    """One of the committed pages, as it is uploaded."""
    return (CHECKPOINTS / "pages" / file).read_bytes()


def put_into_models_dir(folder: Path, *models: str) -> Path:
    """Links the small checkpoints as `MODELS_DIR/<catalog id>`; gives `MODELS_DIR`."""
    folder.mkdir(parents=True, exist_ok=True)
    for model in models:
        (folder / model).symlink_to(CHECKPOINTS / model)
    return folder


def put_into_hub_cache(home: Path, *models: str) -> Path:
    """Lays the small checkpoints out as the Hub's library keeps its files; gives `HF_HOME`."""
    catalog = load_catalog()
    for model in models:
        weights = catalog.model(model).weights
        assert weights is not None
        repo = home / "hub" / f"models--{weights.repo.replace('/', '--')}"
        snapshot = repo / "snapshots" / _COMMIT
        snapshot.mkdir(parents=True)
        for file in (CHECKPOINTS / model).iterdir():
            (snapshot / file.name).symlink_to(file)
        (repo / "refs").mkdir()
        (repo / "refs" / "main").write_text(_COMMIT)
    return home


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Service]:
    """A service on the CPU that fetches nothing; its log tells batches and loadings."""
    told = {
        "CPU_MODELS": "true",
        "ALLOW_DOWNLOADS": "false",
        "MODELS_DIR": str(folder / "models"),
        "HF_HOME": str(folder / "hf"),
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",
        **environment,
    }
    with running(folder / "data", told) as service:
        yield service


def read_together(
    service: Service, model: str, files: Iterable[str], **options: str
) -> Mapping[str, dict[str, Any]]:
    """Submits pages at the same time, and gives the completed job of each."""
    with ThreadPoolExecutor(4) as callers:

        def submit(file: str) -> str:
            return service.submit(page_bytes(file), filename=file, model=model, **options)

        listed = list(files)
        jobs = list(callers.map(submit, listed))
        ended = list(callers.map(lambda job: completed(service, job), jobs))
    return dict(zip(listed, ended, strict=True))


def read(service: Service, model: str, file: str, **options: str) -> dict[str, Any]:
    """Gives the completed job of one page that was read alone."""
    return completed(service, service.submit(page_bytes(file), model=model, **options))


def completed(service: Service, job_id: str) -> dict[str, Any]:
    """Gives a job that must end well."""
    job = service.ended(job_id, 120)
    assert job["status"] == "completed", job
    return job


def page_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """Gives the page of a job of one."""
    (page,) = job["result"]["pages"]
    return dict(page)


def metadata_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """Gives how the page of a job of one was read."""
    (page,) = job["result"]["metadata"]["pages"]
    return dict(page)


def log_lines(service: Service, event: str) -> list[dict[str, Any]]:
    """Gives the lines of the service's log that tell of one kind of event."""
    lines = [line for line in service.log.read_text().splitlines() if line.startswith("{")]
    return [told for told in map(json.loads, lines) if told.get("event") == event]


def child_of(service: Service, model: str) -> int:
    """Gives the process id of the child that loaded a model last."""
    told = [line for line in log_lines(service, "model_loaded") if line["model"] == model]
    return int(told[-1]["pid"])


def batches_of(service: Service, pid: int) -> Sequence[int]:
    """Gives how many pages each batch of a child had."""
    return [line["pages"] for line in log_lines(service, "batch_begins") if line["pid"] == pid]


def shown(service: Service, model: str) -> dict[str, Any]:
    """Gives a model as `/models/{id}` shows it."""
    answer = service.client.get(f"/models/{model}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def loaded(service: Service, model: str) -> dict[str, Any]:
    """Gives a model as it is shown once its worker has told that it is loaded."""
    eventually(lambda: shown(service, model)["is_loaded"], 10)
    return shown(service, model)


def events_of(service: Service, job_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Gives names and data of a job's events, to the end."""
    answer = service.client.get(f"/ocr/{job_id}/events", timeout=120)
    blocks = [block.splitlines() for block in answer.text.split("\n\n")]
    found = [dict(line.split(": ", 1) for line in lines if ": " in line) for lines in blocks]
    return [(event["event"], json.loads(event["data"])) for event in found if "event" in event]


def wait_for_text(service: Service, job_id: str, least: int = 1) -> str:
    """Waits until so many characters of a job's page were generated; gives them."""
    text = ""
    with service.client.stream("GET", f"/ocr/{job_id}/events", timeout=120) as events:
        lines = events.iter_lines()
        while len(text) < least:
            next(line for line in lines if line == "event: text")
            text = text_told([("text", json.loads(next(lines).removeprefix("data: ")))], text)
    return text


def text_told(events: Iterable[tuple[str, dict[str, Any]]], text: str = "") -> str:
    """Puts the text of page 1 together as a listener does, who may know its beginning."""
    for name, data in events:
        if name == "text":
            assert data["offset"] in {0, len(text)}
            text = text[: data["offset"]] + data["text"]
    return text
