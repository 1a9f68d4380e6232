"""The container files say what the code says; `make test-containers` runs them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from ocr_api.cli import work
from ocr_api.settings import Settings
from ocr_api.store.job_store import DURABLE
from tests.containers.stack import COMPOSE_FILE, CPU_BASE

ROOT = Path(__file__).parents[1]
SERVICES = ("api", "worker", "redis")
CHOSEN = {
    "REDIS_HOST": "redis",
    "REDIS_PORT": "6379",
    "DATA_DIR": "/app/data",
    "MODELS_DIR": "/app/data/models",
    "UPLOADS_DIR": "/app/data/uploads",
    "API_HOST": "0.0.0.0",  # noqa: S104 - inside the container
    "API_PORT": "8000",
    "ALLOW_ANONYMOUS": "true",
}
"""What docker-compose.yml decides; everything else is the code's or the operator's."""

KEYS = {"API_KEYS", "CLIENT_API_KEY"}
"""The API's alone: a changed key must not restart the worker, whose models would go."""

FOREIGN = {"HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HTTPS_PROXY", "NO_PROXY"}


def compose(name: str = "docker-compose.yml") -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / name).read_text()))


def environment(service: str) -> dict[str, str | None]:
    return dict(compose()["services"][service]["environment"])


def base_environment() -> dict[str, str]:
    text = (ROOT / "Dockerfile.base").read_text()
    return dict(re.findall(r"^(?:ENV|   ) ([A-Z_]+)=(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("service", ["api", "worker"])
def test_every_setting_can_be_set_and_no_other_is_named(service: str) -> None:
    named = set(environment(service)) - FOREIGN - {"NVIDIA_VISIBLE_DEVICES"}
    not_meant = KEYS if service == "worker" else set()
    assert named == {name.upper() for name in Settings.model_fields} - not_meant


@pytest.mark.parametrize("service", ["api", "worker"])
def test_defaults_are_those_of_the_code(service: str) -> None:
    for name, value in environment(service).items():
        if name in CHOSEN:
            assert value == CHOSEN[name]
        elif value is not None and name in {field.upper() for field in Settings.model_fields}:
            match = re.fullmatch(r"\$\{([A-Z_]+):-(.*)\}", value)
            assert match is not None, name
            default = Settings.model_fields[name.lower()].default
            assert (match[1], type(default)(match[2])) == (name, default)


def test_table_in_the_documents_is_what_compose_sets() -> None:
    text = (ROOT / "docs/configuration.md").read_text().partition("## In the containers")[2]
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| `(.*)` \|$", text, re.MULTILINE))
    settings = {name.upper() for name in Settings.model_fields}
    set_there = {
        name: re.sub(r"^\$\{[A-Z_]+:-(.*)\}$", r"\1", value)
        for name, value in environment("worker").items()
        if value is not None and name in settings
    }
    assert told == set_there


def test_chosen_values_are_valid_settings() -> None:
    settings = Settings(**{name.lower(): value for name, value in CHOSEN.items()})  # type: ignore[arg-type]
    assert settings.redis_address == "redis://redis:6379/0"


def test_image_and_compose_name_the_same_folders() -> None:
    told = base_environment()
    folders = ("DATA_DIR", "MODELS_DIR", "UPLOADS_DIR")
    assert {name: told[name] for name in folders} == {name: CHOSEN[name] for name in folders}
    mounted = compose()["services"]["worker"]["volumes"]
    assert f"data:{told['DATA_DIR']}" in mounted
    assert f"huggingface:{told['HF_HOME']}" in mounted
    made = (ROOT / "Dockerfile.base").read_text()
    for folder in (*(told[name] for name in folders), told["HF_HOME"]):
        assert re.search(rf"{re.escape(folder)}\s", made), folder


def test_queue_is_kept_as_the_service_expects() -> None:
    command = compose()["services"]["redis"]["command"]
    told = dict(zip(command[1::2], command[2::2], strict=True))
    for name, allowed in DURABLE.items():
        assert told[f"--{name}"] == allowed[0]


def test_queue_has_no_published_port_and_the_api_only_one_on_loopback() -> None:
    services = compose()["services"]
    assert {name for name in SERVICES if "ports" in services[name]} == {"api"}
    assert services["api"]["ports"] == ["127.0.0.1:${API_PORT:-8000}:8000"]


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_confined_watched_and_restarted(service: str) -> None:
    found = compose()["services"][service]
    assert found["init"] is found["read_only"] is True
    assert found["restart"] == "unless-stopped"
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert found["healthcheck"]["test"]


def test_worker_is_given_time_to_drain() -> None:
    """Its notifier is asked to stop only after it has drained, and may take as long again."""
    told = compose()["services"]["worker"]["stop_grace_period"]
    grace = re.fullmatch(r"\$\{STOP_GRACE_PERIOD:-(\d+)s\}", told)
    drain_s = Settings.model_fields["drain_seconds"].default
    assert grace is not None
    assert int(grace[1]) > 2 * drain_s + work._STOP_GRACE_S


def test_api_is_asked_for_its_health_through_no_proxy() -> None:
    """Docker's own configuration may set a proxy in every container."""
    *_, line = compose()["services"]["api"]["healthcheck"]["test"]
    _, option, code = shlex.split(line)[:3]
    assert option == "-c"
    compile(code, "health check", "exec")
    assert "build_opener(u.ProxyHandler({}))" in code
    assert "urlopen" not in code


def test_gpu_is_a_scalar_that_the_cpu_override_takes_away() -> None:
    assert compose()["services"]["worker"]["runtime"] == "nvidia"
    override = compose("docker-compose.cpu.yml")["services"]
    assert override == {
        "worker": {"runtime": "runc", "environment": {"NVIDIA_VISIBLE_DEVICES": "void"}}
    }


def test_one_build_makes_the_image_of_both_services() -> None:
    services = compose()["services"]
    assert services["api"]["image"] == services["worker"]["image"]
    assert services["api"]["build"] == services["worker"]["build"] == "."


def test_docker_context_holds_what_is_installed_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert kept == {
        *("pyproject.toml", "constraints.txt", "README.md", "LICENSE"),
        *("THIRD_PARTY_NOTICES.md", "src"),
    }
    assert all((ROOT / name).exists() for name in kept)


def lines_of(document: str, beginning: str) -> list[str]:
    """The lines of the block that begins so, without their comments."""
    pattern = rf"^```sh\n({re.escape(beginning)}.*?)^```"
    block = re.search(pattern, (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None
    return [line.partition("  #")[0].strip() for line in block[1].splitlines()]


@pytest.mark.parametrize(
    ("document", "beginning", "count"),
    [
        ("README.md", "docker build -f Dockerfile.base -t ocr-base:latest . ", 9),
        ("docs/operations.md", "docker-compose stop", 4),
        ("docs/operations.md", "docker-compose down --volumes", 4),
    ],
)
def test_lines_of_the_documents_are_tried_in_containers(
    document: str, beginning: str, count: int
) -> None:
    story = (ROOT / "tests/containers/test_quick_start.py").read_text()
    told = lines_of(document, beginning)
    assert len(told) == count
    for line in told:
        assert all(part in story for part in line.split(" -H ")), line


def test_base_image_without_a_gpu_is_built_as_the_readme_says() -> None:
    begin = "docker build -f Dockerfile.base -t ocr-base:latest --build-arg"
    build, chosen, start = lines_of("README.md", begin)
    assert CPU_BASE in build
    assert chosen == f"export COMPOSE_FILE={COMPOSE_FILE}"
    assert start == "docker-compose up -d"
