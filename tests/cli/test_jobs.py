"""`ocr-api jobs` and `doctor --audit` beside a service that runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_doctor import run
from tests.service import Service, eventually, running, scripted_catalog, small_png

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose model `slow` fails, but not for ever."""
    folder = tmp_path_factory.mktemp("service")
    catalog = scripted_catalog(folder / "own.toml", fail="error", text="read")
    environment = {"CATALOG_FILE": str(catalog), "DEFAULT_MODEL": "slow", "MAX_ATTEMPTS": "1"}
    with running(folder / "data", environment, processes=1) as started:
        yield started


@pytest.fixture(scope="module")
def failed(service: Service) -> str:
    job_id = service.submit(small_png(), filename="scan.png")
    assert service.ended(job_id)["status"] == "failed"
    return job_id


def jobs(service: Service, *arguments: str) -> tuple[int, str]:
    done = run("jobs", *arguments, "--data-dir", str(service.data_dir), COLUMNS="300")
    return done.returncode, done.stdout + done.stderr


def test_failed_job_is_listed_with_its_reason(service: Service, failed: str) -> None:
    code, told = jobs(service, "dead")
    assert code == 0
    (line,) = [line for line in told.splitlines() if line.startswith(failed)]
    assert "yes" in line.split()
    assert "engine_failed" in line
    assert failed in jobs(service, "list", "--status", "failed")[1]
    assert failed not in jobs(service, "list", "--status", "completed")[1]


def test_job_is_shown_as_json(service: Service, failed: str) -> None:
    code, told = jobs(service, "show", failed)
    assert (code, json.loads(told)["error_detail"]["code"]) == (0, "engine_failed")
    code, told = jobs(service, "show", "nonsense")
    assert code == 1
    assert "unknown_job" in told


def test_failed_job_is_tried_again(service: Service, failed: str) -> None:
    attempts = service.job(failed)["attempts"]
    code, told = jobs(service, "retry", failed)
    assert (code, told) == (0, f"{failed}: queued again, pages: 1\n")
    eventually(lambda: service.job(failed)["attempts"] > attempts, 20)
    assert service.ended(failed)["status"] == "failed"
    assert jobs(service, "retry", "--all")[0] == 0
    assert service.ended(failed)["status"] == "failed"
    assert jobs(service, "retry")[0] == 2


def test_why_a_job_cannot_be_retried_is_named(service: Service) -> None:
    with_password = service.submit(small_png(), password="open sesame")  # noqa: S106
    damaged = service.submit(small_png()[:20])
    for job_id, reason in ((with_password, "password_not_kept"), (damaged, "file_at_fault")):
        assert service.ended(job_id)["status"] == "failed"
        code, told = jobs(service, "retry", job_id)
        assert code == 1
        assert f"({reason})" in told
        assert "submit it again" in told
    assert "no: password_not_kept" in jobs(service, "dead")[1]


def test_ended_job_is_not_cancelled(service: Service, failed: str) -> None:
    service.ended(failed)
    assert jobs(service, "cancel", failed) == (0, f"{failed}: had ended before\n")
    assert jobs(service, "cancel", "nonsense")[0] == 1


def test_audit_finds_nothing_wrong_and_then_a_stray_file(service: Service, failed: str) -> None:
    service.ended(failed)
    done = run("doctor", "--audit", "--json", "--data-dir", str(service.data_dir))
    assert (done.returncode, json.loads(done.stdout)[0]["grade"]) == (0, "ok"), done.stdout
    stray = service.data_dir / "uploads" / "uploads" / "nobody"
    stray.write_bytes(b"x")
    done = run("doctor", "--audit", "--json", "--data-dir", str(service.data_dir))
    stray.unlink()
    told = json.loads(done.stdout)
    assert (done.returncode, [wrong["topic"] for wrong in told]) == (1, ["file uploads/nobody"])


def test_without_a_service_the_command_says_what_to_do(tmp_path: Path) -> None:
    done = run("jobs", "list", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "No service runs on the data directory" in done.stderr
    assert "ocr-api serve" in done.stderr
