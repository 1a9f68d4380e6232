"""The OpenAPI document against the running service: Schemathesis tries what it allows and forbids.

By hand, with more: `FUZZ=20 pytest tests/hostile/test_contract.py` (`make fuzz`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.scale import scaled, seed, tell
from tests.service import Service, running, small_png

pytestmark = [pytest.mark.processes, pytest.mark.timeout(3600 if "FUZZ" in os.environ else 300)]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLES = 12
"""Cases of each operation in the suite, for each of the phases fuzzing and stateful."""


def run_schemathesis(service: Service, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs it as a program: its own plugins and warnings stay out of this process."""
    program = [sys.executable, "-m", "schemathesis.cli"]
    options = [
        *("--config-file", str(HERE / "schemathesis.toml"), "run"),
        f"{service.client.base_url}/openapi.json",
        *("--phases", "examples,coverage,fuzzing,stateful", "--mode", "all"),
        *("--max-examples", str(scaled(EXAMPLES)), "--seed", str(seed())),
    ]
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [*program, *options],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_service_does_what_its_openapi_document_says(tmp_path: Path) -> None:
    environment = {"DEFAULT_MODEL": "scripted", "MAX_WAIT_SECONDS": "0.1"}
    data_dir = tmp_path / "data"
    program = "tests.hostile.serve_untold"
    with running(data_dir, environment, processes=1, program=program) as service:
        assert service.pids("notifier") == []
        outcome = run_schemathesis(service, tmp_path)
        tell(outcome.stdout[-20_000:] + outcome.stderr[-2000:])
        assert outcome.returncode == 0
        assert " 0 generated" not in outcome.stdout
        job = service.ended(service.submit(small_png(), model="scripted"))
        assert job["status"] == "completed"
    assert "Traceback" not in service.log.read_text()
