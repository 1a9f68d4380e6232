"""A disk that is really full, in the middle of the work: told, survived, and forgotten again."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pikepdf
import pytest

from tests.service import Service, eventually, scripted_catalog, small_png
from tests.tools import needed

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

MOUNT = 'mount -t tmpfs -o size=48m none "$1" && shift && exec "$@"'
PAGES = 12


class SmallDisk:
    """A file system of 48 MiB that only the service and its children see."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.prefix = ("unshare", "-Urm", "sh", "-c", MOUNT, "sh", str(folder))
        self.is_offered = subprocess.run([*self.prefix, "true"], check=False).returncode == 0

    def fill(self, service: Service) -> None:
        """Writes until there is no room left, not for a byte."""
        with self._filler(service).open("ab", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(4096))
                except OSError:
                    return

    def free(self, service: Service) -> None:
        """Gives the room back."""
        self._filler(service).unlink()

    def _filler(self, service: Service) -> Path:
        return Path(f"/proc/{service.pid}/root{self.folder}/filler")


@pytest.fixture
def disk(tmp_path: Path) -> SmallDisk:
    """A small disk; skips where the system gives plain users no file systems of their own."""
    needed("unshare")
    made = SmallDisk(tmp_path / "disk")
    if not made.is_offered:
        pytest.skip("the system offers no user and mount namespaces")
    return made


Start = Callable[..., Service]


@pytest.fixture
def start(tmp_path: Path, disk: SmallDisk) -> Iterator[Start]:
    """Starts a service that sees the small disk, and stops it at the end."""
    started: list[Service] = []

    def start_one(data_dir: Path, **environment: str) -> Service:
        catalog = scripted_catalog(tmp_path / "catalog.toml", delay_s=0.4)
        settings = {"MIN_FREE_BYTES": str(4 << 20), "CATALOG_FILE": str(catalog), **environment}
        service = Service(data_dir, settings, processes=1, prefix=disk.prefix)
        started.append(service)
        service.start()
        return service

    yield start_one
    for service in started:
        service.close()


def document() -> bytes:
    """A PDF of blank pages."""
    made, out = pikepdf.new(), io.BytesIO()
    for _ in range(PAGES):
        made.add_blank_page(page_size=(100, 100))
    made.save(out)
    return out.getvalue()


def refusal(service: Service) -> str:
    """The code by which a submission is refused just now."""
    answer = service.client.post("/ocr", params={"model": "scripted"}, content=small_png())
    if answer.status_code == 202:
        return ""
    assert answer.status_code == 503, answer.text
    assert answer.json()["retryable"] is True
    assert int(answer.headers["retry-after"]) > 0
    return str(answer.json()["code"])


def audit(service: Service) -> subprocess.CompletedProcess[str]:
    """What `doctor --audit` says, run where the small disk is seen."""
    enter = ("nsenter", "-U", "-m", "--preserve-credentials", "-t", str(service.pid))
    command = [sys.executable, "-m", "ocr_api.cli.main", "doctor", "--audit"]
    return subprocess.run(
        [*enter, *command, "--data-dir", str(service.data_dir)],
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_full_disk_of_queue_and_files_is_told_and_no_page_is_lost(
    disk: SmallDisk, start: Start
) -> None:
    service = start(disk.folder)
    job_id = service.submit(document(), model="slow")
    eventually(lambda: service.job(job_id)["progress"]["pages_done"] > 0, 30)
    disk.fill(service)
    assert refusal(service) in {"storage_full", "store_unavailable"}
    # the queue's server ends rather than to accept what it cannot write down
    eventually(lambda: service.status_of(f"/ocr/{job_id}") == 503, 20)
    assert refusal(service) == "store_unavailable"
    assert service.status_of("/livez") == 200
    disk.free(service)
    job = service.ended(job_id, 90)
    assert (job["status"], job["partial"]) == ("completed", False)
    assert job["progress"]["pages_done"] == PAGES
    assert refusal(service) == ""
    told = audit(service)
    assert told.returncode == 0, told.stdout + told.stderr


def test_full_disk_of_files_alone_fails_the_work_so_that_it_can_be_tried_again(
    disk: SmallDisk, start: Start, tmp_path: Path
) -> None:
    service = start(tmp_path / "data", UPLOADS_DIR=str(disk.folder))
    job_id = service.submit(document(), model="slow")
    eventually(lambda: service.job(job_id)["progress"]["pages_done"] > 0, 30)
    disk.fill(service)
    assert refusal(service) == "storage_full"
    job = service.ended(job_id, 90)
    assert (job["status"], job["partial"]) == ("completed", True)
    for page in job["failed_pages"]:
        assert page["error_detail"]["code"] == "storage_full"
        assert page["error_detail"]["retryable"] is True
    disk.free(service)
    again = service.ended(service.submit(document(), model="slow"), 60)
    assert (again["status"], again["partial"]) == ("completed", False)
