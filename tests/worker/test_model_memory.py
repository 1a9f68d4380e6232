"""What models may take, what one takes, and what happens where it takes more."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_api.catalog import Catalog, Host, ModelSpec
from ocr_api.catalog.spec import WeightsSource
from ocr_api.errors import ModelDoesNotFitError, SettingsError
from ocr_api.settings import load_settings
from ocr_api.weights import Found
from ocr_api.worker.load_failures import LoadFailures
from ocr_api.worker.model_changes import ModelChanges
from ocr_api.worker.model_loading import LoadPlan
from ocr_api.worker.model_memory import detect_budget_mib, estimate_mib, memory_mib
from ocr_api.worker.planning import check_model_names, hindrances, residency_plan
from ocr_api.worker.residency import ResidencyPlan
from ocr_api.worker.residents import Residents, Seat

GIB = 1 << 30
SPEC = ModelSpec(
    "qari", "QARI", "e:C", "", weights=WeightsSource("a/b"), quantization="8bit", instances=2
)


class TightDevice:
    """Children of a device that takes fewer models than the budget says."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.running: list[str] = []

    async def start(self, model: str) -> None:
        if len(self.running) >= self.most:
            raise ModelDoesNotFitError("The model needs more than is free.", needed_mib=30)
        self.running.append(model)

    async def stop(self, model: str) -> None:
        if model in self.running:
            self.running.remove(model)

    def is_running(self, model: str) -> bool:
        return model in self.running

    def is_busy(self, _model: str) -> bool:
        return False


@pytest.mark.anyio
async def test_where_the_child_says_that_it_does_not_fit_the_next_one_leaves() -> None:
    now = [0.0]
    seats = {model: Seat("cuda", 1, lambda: 10) for model in "abcd"}
    residents = Residents(seats, ResidencyPlan(pinned=frozenset("a")), lambda: now[0])
    device = TightDevice(2)
    changes = ModelChanges(device, residents, LoadFailures(lambda: now[0]))
    for model in "abc":
        now[0] += 1
        await changes.load(model)
    assert device.running == ["a", "c"]
    device.most = 1
    with pytest.raises(ModelDoesNotFitError):
        await changes.load("d")
    assert device.running == ["a"]  # all that may leave left
    assert not residents.seat("d").is_present


@pytest.mark.anyio
async def test_model_that_is_larger_than_the_budget_drives_nobody_out_twice() -> None:
    seats = {model: Seat("cuda", 1, lambda: 10) for model in "ab"}
    residents = Residents(seats, ResidencyPlan({"cuda": 25}), lambda: 0.0)
    device = TightDevice(0)
    changes = ModelChanges(device, residents, LoadFailures(lambda: 0.0))
    with pytest.raises(ModelDoesNotFitError, match="more than is free"):
        await changes.load("a")
    device.most = 1
    await changes.load("b")
    with pytest.raises(ModelDoesNotFitError, match="5 MiB more"):
        await changes.load("a")
    assert device.running == ["b"]


def test_estimate_is_the_catalogs_else_by_files_and_quantization() -> None:
    found = Found(Path("/m"), size_bytes=4 * GIB)
    eight_bits = estimate_mib(SPEC, LoadPlan(60, lambda _: found))
    whole = estimate_mib(SPEC, LoadPlan(60, lambda _: found, quantization={"qari": "none"}))
    assert eight_bits is not None
    assert whole == 2 * (4096 + 1500)
    assert eight_bits < whole
    assert estimate_mib(SPEC, LoadPlan(60, lambda _: None)) is None
    known = ModelSpec("k", "K", "e:C", "", memory_mib=70, instances=2)
    assert estimate_mib(known, LoadPlan(60, lambda _: None)) == 140


def test_memory_is_that_of_the_container_where_it_has_less(tmp_path: Path) -> None:
    limit, unlimited = tmp_path / "limit", tmp_path / "unlimited"
    limit.write_text(f"{64 << 20}\n")
    unlimited.write_text("max\n")
    assert memory_mib((str(limit), str(unlimited), "/nonexistent")) == 64
    assert memory_mib((str(unlimited),)) > 64
    assert 0 < (detect_budget_mib("cpu") or 0) < memory_mib()


@pytest.mark.anyio
async def test_plan_is_what_the_operator_says() -> None:
    settings = load_settings(
        model_memory_mib=500, preload_models="qari,gone", pinned_models="qari", model_keep_alive=9
    )
    plan = await residency_plan(settings, LoadPlan(60, lambda _: None), [SPEC])
    assert plan == ResidencyPlan({"cpu": 500}, ("qari",), frozenset({"qari"}), 9.0, 60.0)


def test_model_that_does_not_exist_cannot_be_loaded_ahead() -> None:
    catalog = Catalog({"qari": SPEC}, ())
    check_model_names(load_settings(preload_models="qari"), catalog)
    with pytest.raises(SettingsError, match=r"PINNED_MODELS: .*'quari'. Known: qari"):
        check_model_names(load_settings(pinned_models="quari"), catalog)


def test_worker_is_limited_to_models_that_exist() -> None:
    catalog = Catalog({"qari": SPEC, "other": ModelSpec("other", "Other", "e:C", "")}, ())
    check_model_names(load_settings(worker_models="qari, other"), catalog)
    with pytest.raises(SettingsError, match=r"WORKER_MODELS: .*'auto'. Known: qari, other"):
        check_model_names(load_settings(worker_models="qari,auto"), catalog)


def test_limited_worker_says_why_it_serves_no_other_model() -> None:
    gpu = ModelSpec("gpu", "Large", "e:C", "", device="cuda")
    catalog = Catalog({"a": ModelSpec("a", "A", "e:C", ""), "b": SPEC, "gpu": gpu}, ())
    host = Host(has_gpu=False, has_package=lambda _: True)
    assert set(hindrances(load_settings(), catalog, host).values()) == {
        "",
        "Large needs an NVIDIA GPU, and none was found. "
        "CPU_MODELS=true lets it run on the CPU, slowly.",
    }
    found = hindrances(load_settings(worker_models="a"), catalog, host)
    assert (found["a"], found["b"]) == ("", "WORKER_MODELS leaves it out.")
    assert "needs an NVIDIA GPU" in found["gpu"]  # what the operator can do least about
