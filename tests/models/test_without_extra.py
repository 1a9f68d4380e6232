"""An installation without the extra `vlm`: everything else works, and it says what to install."""

from __future__ import annotations

import json
import subprocess
import sysconfig
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.models.serving import shown
from tests.service import Service, small_png

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]
PAGE = Path(__file__).parents[2] / "eval" / "pages" / "01_en_serif.png"
ADVICE = "pip install 'ocr-api[vlm]'"
EXTRA = ("torch", "transformers", "accelerate", "bitsandbytes", "peft", "safetensors", "tokenizers")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has all packages of this one but those of the extra."""
    folder = tmp_path_factory.mktemp("plain")
    venv.create(folder, with_pip=False, symlinks=True)
    (places,) = folder.glob("lib/python3*/site-packages")
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        name = package.name.replace(".", "-").split("-")[0]
        if name not in (*EXTRA, "huggingface_hub", "hf_xet"):
            (places / package.name).symlink_to(package)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("no-weights")
    return {
        "CPU_MODELS": "true",
        "ALLOW_DOWNLOADS": "false",
        "MODELS_DIR": str(folder / "models"),
        "HF_HOME": str(folder / "hf"),
    }


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, python: Path, environment: Mapping[str, str]
) -> Iterator[Service]:
    data_dir = tmp_path_factory.mktemp("without") / "data"
    service = Service(data_dir, environment, interpreter=str(python))
    try:
        service.start()
        yield service
    finally:
        service.close()


@pytest.mark.parametrize("model", ["qari", "got", "deepseek", "qari-0.2", "glm-ocr"])
def test_models_and_errors_say_what_to_install(service: Service, model: str) -> None:
    view = shown(service, model)
    assert not view["is_available"]
    assert ADVICE in view["message"]
    refused = service.client.post(f"/ocr?model={model}", content=small_png())
    assert (refused.status_code, refused.json()["code"]) == (409, "model_unavailable")
    assert ADVICE in refused.json()["detail"]


def test_default_falls_back_and_says_so_and_pages_are_read(service: Service) -> None:
    models = service.client.get("/models").json()
    assert (models["default_model"], models["current_model"]) == ("qari", "auto")
    assert ADVICE in models["warnings"][0]
    job = service.ended(service.submit(PAGE.read_bytes()), 100)
    assert job["status"] == "completed", job
    assert (job["model"], job["requested_model"]) == ("auto", "qari")
    assert len(job["result"]["text"]) > 100
    assert any(ADVICE in warning for warning in job["warnings"])


def test_doctor_says_what_to_install(python: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [str(python), "-m", "ocr_api.cli.main", "doctor", "--json"],
        capture_output=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", **environment},
        cwd=Path(environment["HF_HOME"]).parent,
        timeout=60,
    )
    told = {found["topic"]: found for found in json.loads(done.stdout)}
    for model in ("qari", "got", "deepseek"):
        assert ADVICE in told[f"model {model}"]["detail"]
        assert told[f"model {model}"]["grade"] == "note"
    assert "'auto' serves in place of 'qari'" in told["default model"]["detail"]
