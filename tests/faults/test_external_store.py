"""API and worker as programs of their own, beside a Redis that comes and goes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.service import eventually, free_port, small_png
from tests.tools import needed

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


class Cluster:
    """Redis, two APIs and two workers on one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.redis_port = free_port()
        self.ports = (free_port(), free_port())
        self._redis: subprocess.Popen[bytes] | None = None
        self._programs: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.start_redis()
        for port in self.ports:
            self._programs.append(self._run("api", "--port", str(port)))
        for _ in range(2):
            self._programs.append(self._run("worker", "--processes", "1"))
        for port in self.ports:
            eventually(partial(self.is_ready, port), 60)

    def start_redis(self) -> None:
        data = self.folder / "redis"
        data.mkdir(exist_ok=True)
        options = ["--port", str(self.redis_port), "--bind", "127.0.0.1", "--dir", str(data)]
        durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self._redis = subprocess.Popen(
            [needed("redis-server"), *options, *durable], stdout=subprocess.DEVNULL
        )

    def stop_redis(self) -> None:
        assert self._redis is not None
        self._redis.kill()
        self._redis.wait()

    def stop(self) -> None:
        for program in self._programs:
            program.send_signal(signal.SIGTERM)
        for program in self._programs:
            assert program.wait(30) == 0
        self.stop_redis()

    def submit(self, port: int) -> str:
        answer = httpx.post(
            f"http://127.0.0.1:{port}/ocr",
            files={"file": small_png()},
            data={"model": "scripted"},
            trust_env=False,
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def status(self, port: int, path: str) -> int:
        with contextlib.suppress(httpx.HTTPError):
            return self.get(port, path).status_code
        return 0

    def is_ready(self, port: int) -> bool:
        return self.status(port, "/readyz") == 200

    def get(self, port: int, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=40)

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        own = {
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(self.redis_port),
            "DATA_DIR": str(self.folder / "data"),
        }
        with (self.folder / f"{command[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "ocr_api.cli.main", *command],
                env={"PATH": os.environ["PATH"], **own},
                stderr=log,
            )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    needed("redis-server")
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    made.start()
    yield made
    made.stop()


def test_every_api_answers_for_every_job(cluster: Cluster) -> None:
    ids = [cluster.submit(cluster.ports[number % 2]) for number in range(10)]
    for job_id in ids:
        answers = [cluster.get(port, f"/ocr/{job_id}?wait=20").json() for port in cluster.ports]
        assert [answer["status"] for answer in answers] == ["completed", "completed"]
        assert answers[0]["result"] == answers[1]["result"]
    assert cluster.get(cluster.ports[0], "/health").json()["workers"] == 2


def test_model_switched_at_one_api_holds_at_the_other(cluster: Cluster) -> None:
    first, second = cluster.ports
    switched = httpx.post(
        f"http://127.0.0.1:{first}/models/switch", json={"model": "tesseract"}, trust_env=False
    )
    assert switched.status_code == 200
    assert cluster.get(second, "/models/current").json()["model"] == "tesseract"


def test_store_may_go_away_and_come_back(cluster: Cluster) -> None:
    port = cluster.ports[0]
    before = cluster.submit(port)
    cluster.stop_redis()
    eventually(lambda: cluster.status(port, f"/ocr/{before}") == 503, 15)
    answer = cluster.get(port, "/ocr")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "retry-after" in answer.headers
    assert cluster.status(port, "/livez") == 200
    cluster.start_redis()
    eventually(lambda: cluster.status(port, "/readyz") == 200, 30)
    after = cluster.submit(port)
    for job_id in (before, after):
        assert cluster.get(port, f"/ocr/{job_id}?wait=30").json()["status"] == "completed"


def test_switch_waits_until_the_model_is_loaded(cluster: Cluster) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{cluster.ports[1]}/models/switch?wait=60",
        json={"model": "rapidocr"},
        trust_env=False,
        timeout=90,
    )
    assert answer.json()["status"] == "loaded"
    listed = cluster.get(cluster.ports[0], "/models").json()["models"]
    assert [model["id"] for model in listed if model["is_loaded"] and model["id"] != "auto"]
