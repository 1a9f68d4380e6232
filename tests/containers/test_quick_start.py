"""The Quick Start, to the letter, and what containers must survive.

One story: each test goes on with the containers that the one before has left running.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from eval.scoring import Normalisation, character_error_rate
from tests.containers.stack import CPU_BASE, ROOT, Stack, eventually
from tests.engines.pages import PAGES_DIR, eval_page

pytestmark = [pytest.mark.containers, pytest.mark.timeout(3000)]

ENGLISH = PAGES_DIR / "01_en_serif.png"
KEPT: list[str] = []
"""Jobs that have ended, and must be there as long as the volumes are."""


def upload(stack: Stack, number: str) -> dict[str, object]:
    """The two lines with curl: submit `image.png`, and ask until the page is read."""
    page = next(PAGES_DIR.glob(f"{number}_*.png"))
    shutil.copy(page, stack.folder / "image.png")
    line = 'curl -X POST http://localhost:8000/ocr -F "file=@image.png"'
    job_id = json.loads(stack.run(line, cwd=stack.folder))["job_id"]
    stack.ended(job_id)
    KEPT.append(job_id)
    told = stack.run("curl http://localhost:8000/ocr/{job_id}".replace("{job_id}", job_id))
    return dict(json.loads(told))


def result_text(job: dict[str, object]) -> str:
    """The text of a job that was read."""
    assert job["status"] == "completed", job
    result = job["result"]
    assert isinstance(result, dict)
    return str(result["text"])


def test_base_image_is_built(stack: Stack) -> None:
    arguments = os.environ.get("BASE_BUILD_ARGS", CPU_BASE)
    line = "docker build -f Dockerfile.base -t ocr-base:latest ."
    stack.timed(f"{line} {arguments}")


def test_service_comes_up_and_answers_at_once(stack: Stack) -> None:
    if stack.has_image("ocr-api:latest"):
        stack.run("docker rmi ocr-api:latest")
    stack.give_queue_to_its_user()
    stack.timed("docker-compose up -d")
    told = json.loads(stack.run("curl http://localhost:8000/health"))
    assert told["redis"] == "connected"
    stack.comes_well()


def test_every_service_is_found_healthy(stack: Stack) -> None:
    def states() -> dict[str, str]:
        return {
            service: stack.inspected(stack.containers(service)[0])["State"]["Health"]["Status"]
            for service in ("redis", "api", "worker")
        }

    eventually(lambda: set(states().values()) == {"healthy"}, 300, states)


def test_nothing_runs_as_the_superuser_or_writes_to_its_root(stack: Stack) -> None:
    for service in ("redis", "api", "worker"):
        looks = "id -u; touch /etc/made || echo refused; ls -d /dev/nvidia* || echo none"
        out = stack.run(f"docker-compose exec -T {service} sh -c '{looks}'").split()
        assert out[0] != "0", service
        assert out[1:] == ["refused", "none"], service


def test_only_the_api_is_published_and_only_on_loopback(stack: Stack) -> None:
    def published(service: str) -> list[tuple[str, str]]:
        ports = stack.inspected(stack.containers(service)[0])["NetworkSettings"]["Ports"]
        return [(at["HostIp"], at["HostPort"]) for bound in ports.values() for at in bound or ()]

    assert published("api") == [("127.0.0.1", str(stack.port))]
    assert published("redis") == published("worker") == []


def test_doctor_finds_no_fault(stack: Stack) -> None:
    out = stack.run("docker-compose exec -T worker ocr-api doctor --json")
    found = json.loads(out)
    assert [line for line in found if line["grade"] == "failure"] == []
    assert "store's settings" not in {line["topic"] for line in found}
    assert "alive" in stack.run("docker-compose exec -T worker ocr-api worker --check")


def test_what_decodes_files_is_confined_as_elsewhere(stack: Stack) -> None:
    code = "from ocr_api.child.confinement import confine; print(confine(()))"
    out = stack.run(f"docker-compose exec -T worker python3 -c '{code}'")
    here = stack.run(f"{ROOT}/.venv/bin/python -c '{code}'")
    assert out == here


@pytest.mark.parametrize("number", ["01", "04"])
def test_page_is_read(stack: Stack, number: str) -> None:
    page = eval_page(number)
    read = result_text(upload(stack, number))
    rules: Normalisation = "ar-bare" if page.is_arabic else "std"
    assert character_error_rate(page.text, read, rules) < 0.05


def test_model_without_a_gpu_is_refused_with_the_reason(stack: Stack) -> None:
    line = (
        "curl -X POST http://localhost:8000/models/switch "
        """-H "Content-Type: application/json" -d '{"model": "got"}'"""
    )
    problem = json.loads(stack.run(line))
    assert (problem["status"], problem["code"]) == (409, "model_unavailable")
    assert "GPU" in problem["detail"] or "vlm" in problem["detail"]


@pytest.mark.parametrize("model", ["tesseract", "rapidocr", "auto"])
def test_switch_between_engines_serves_the_next_jobs(stack: Stack, model: str) -> None:
    line = (
        "curl -X POST http://localhost:8000/models/switch "
        f"""-H "Content-Type: application/json" -d '{{"model": "{model}"}}'"""
    )
    assert json.loads(stack.run(line))["current_model"] == model
    job = stack.ended(stack.submit(ENGLISH))
    assert job["model"] == model
    assert "character recognition" in result_text(job)


@pytest.mark.parametrize(
    "words",
    [
        "ocr_api.child.model_process",
        "ocr_api.child.document_process",
        "ocr_api.child.inspect_process",
        "notify",
    ],
)
def test_killed_process_of_the_worker_loses_no_job(stack: Stack, words: str) -> None:
    with jobs_that_end(stack):
        stack.kill_inside("worker", words)


@pytest.mark.parametrize(
    ("service", "name"), [("worker", "ocr-api"), ("api", "ocr-api"), ("redis", "valkey-server")]
)
def test_killed_service_comes_back_and_loses_no_job(stack: Stack, service: str, name: str) -> None:
    with jobs_that_end(stack):
        stack.kill_main_inside(service, name)


@contextmanager
def jobs_that_end(stack: Stack) -> Iterator[None]:
    """Jobs that are in work while the context runs, and must all end well after it."""
    jobs = [stack.submit(ENGLISH) for _ in range(3)]
    time.sleep(1)
    yield
    assert {stack.ended(job_id)["status"] for job_id in jobs} == {"completed"}
    stack.comes_well()
    KEPT.extend(jobs)


@pytest.mark.parametrize("service", ["worker", "api", "redis"])
def test_restarted_container_goes_on(stack: Stack, service: str) -> None:
    job = stack.submit(ENGLISH)
    stack.run(f"docker-compose restart {service}")
    assert stack.ended(job)["status"] == "completed"
    stack.comes_well()
    assert stack.get("/models/current").json()["requested_model"] == "auto"
    KEPT.append(job)


def test_jobs_outlive_down_and_up(stack: Stack) -> None:
    stack.timed("docker-compose down")
    with pytest.raises(httpx.HTTPError):
        stack.get("/health")
    stack.run("docker-compose up -d")
    for job_id in KEPT:
        assert "character" in result_text(stack.ended(job_id)) or job_id == KEPT[1]
    stack.comes_well()


def test_jobs_outlive_the_lines_of_an_upgrade(stack: Stack) -> None:
    stack.timed("docker-compose build")
    stack.run("docker-compose up -d")
    stack.comes_well()
    assert {stack.ended(job_id)["status"] for job_id in KEPT} == {"completed"}


def test_backup_is_restored(stack: Stack) -> None:
    for line in (
        "docker-compose stop",
        "docker-compose run --rm --no-deps -T redis tar -c -C /data . > queue.tar",
        "docker-compose run --rm --no-deps -T --entrypoint tar worker -c -C /app/data . > data.tar",
        "docker-compose down --volumes",
    ):
        stack.run(in_folder(line, stack))
    stack.give_queue_to_its_user()
    for line in (
        "docker-compose run --rm --no-deps -T redis tar -x -C /data < queue.tar",
        "docker-compose run --rm --no-deps -T --entrypoint tar worker -x -C /app/data < data.tar",
        "docker-compose up -d",
    ):
        stack.run(in_folder(line, stack))
    stack.comes_well()
    assert {stack.ended(job_id)["status"] for job_id in KEPT} == {"completed"}
    assert "character" in result_text(stack.ended(KEPT[0]))
    assert "no key" in stack.run("docker-compose exec -T worker ocr-api doctor --audit")


def test_file_is_carried_into_and_out_of_the_data(stack: Stack) -> None:
    carried = stack.folder / "qari.tar"
    carried.write_bytes(bytes(range(256)) * 1000)
    stack.run(
        in_folder(
            "docker-compose exec -T worker sh -c 'cat > /app/data/qari.tar' < qari.tar", stack
        )
    )
    back = "docker-compose exec -T worker cat /app/data/qari.tar > back.tar"
    stack.run(in_folder(back, stack))
    assert (stack.folder / "back.tar").read_bytes() == carried.read_bytes()
    stack.run("docker-compose exec -T worker rm /app/data/qari.tar")


def in_folder(line: str, stack: Stack) -> str:
    """The line with its files in the test's own folder."""
    return re.sub(r"([<>]) (\w+\.tar)$", rf"\1 {stack.folder}/\2", line)


def test_keys_in_the_settings_are_asked_for(stack: Stack) -> None:
    key = "0123456789abcdef"
    stack.set_up(f"API_KEYS=archive:{key}\n")
    workers = stack.containers("worker")
    stack.run("docker-compose up -d api")
    stack.comes_well()
    assert stack.containers("worker") == workers
    assert (stack.get("/ocr").status_code, stack.get("/ocr", "x" * 20).status_code) == (401, 401)
    assert stack.get("/ocr", key).json()["jobs"] == []
    assert "switch" in stack.run("docker-compose exec -T api ocr-api models events")
    stack.set_up("")
    stack.run("docker-compose up -d")
    stack.comes_well()
    assert len(stack.get("/ocr?limit=100").json()["jobs"]) >= len(KEPT)


def test_two_workers_share_queue_and_files(stack: Stack) -> None:
    stack.run("docker-compose up -d --scale worker=2")
    stack.comes_well(workers=2)
    first, second = stack.containers("worker")
    for silent, other in ((first, second), (second, first)):
        stack.run(f"docker pause {silent}")
        eventually(lambda: stack.is_well(1), 60, stack.logs)
        assert "character recognition" in result_text(stack.ended(stack.submit(ENGLISH))), other
        stack.run(f"docker unpause {silent}")
        stack.comes_well(workers=2)
    jobs = [stack.submit(ENGLISH) for _ in range(4)]
    stack.run(f"docker kill {first}")
    assert {stack.ended(job_id)["status"] for job_id in jobs} == {"completed"}


def test_up_with_build_and_following_the_log(stack: Stack) -> None:
    stack.run("docker-compose down")
    with stack.running("docker-compose up --build") as output:
        eventually(stack.is_well, 1200, lambda: output.read_text()[-3000:])
    stack.run("docker-compose up -d")
    with stack.running("docker-compose logs -f worker") as output:
        eventually(lambda: "worker_started" in output.read_text(), 120, output.read_text)


def test_down_leaves_the_data_and_ends_the_rest(stack: Stack) -> None:
    stack.run("docker-compose down")
    assert stack.run("docker-compose ps -q") == ""
    assert "data" in stack.run("docker volume ls -q")
