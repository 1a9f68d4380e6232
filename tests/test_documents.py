"""What README and docs say of commands, targets, variables and defaults is so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from ocr_api.api.error_reference import error_rows
from ocr_api.cli.main import app
from ocr_api.settings import OWN_PREFIX, Settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
UNITS = {"s": 1, "seconds": 1, "minutes": 60, "MiB": 1, "KiB": 1, "million": 10**6, "": 1}
NO_VARIABLES = {
    *("PR_SET_PDEATHSIG", "SCHEMA_VERSION"),  # names in the code and in the kernel
    *("THIRD_PARTY_NOTICES", "JOB_ID"),  # a file; the reader's own
    *("OMP_WAIT_POLICY", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"),  # OpenMP's and pytest's
    *("COMPOSE_FILE", "QUALITY_DETAIL"),  # docker-compose's; an attribute of ALTO
}
SOURCES = (
    *("Makefile", "Dockerfile.base", "docker-compose.yml", "docker-compose.cpu.yml"),
    *("src/ocr_api/worker/weights_download.py", ".ci/run", "tests/renderers/test_alto.py"),
)
"""Where a variable that is no setting must be named."""


def code_in(document: Path) -> list[str]:
    """The lines of a document's code: those of blocks, and what stands between backticks."""
    text = document.read_text()
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`]+)`", prose)
    return [*(line for block in blocks for line in block.splitlines()), *spans]


def code() -> Iterator[tuple[Path, str]]:
    for document in DOCUMENTS:
        for line in code_in(document):
            yield document, line.replace("\\|", "|").replace("\n", " ")


def commands_in(line: str) -> Iterator[list[str]]:
    """The words after each `ocr-api` of a line, up to the next command; `a|b` gives two."""
    for found in re.findall(r"(?<![\w/:-])(?:\S*/)?ocr-api ([^#;&\n]*)", line):
        words = re.sub(r"[\[\]…]|\.\.\.", " ", found).split()
        choices = [word for word in words[:2] if "|" in word]
        for choice in choices[0].split("|") if choices else [""]:
            yield [choice if word in choices else word for word in words]


def faults_of(words: list[str]) -> list[str]:
    """What the command line does not know of these words."""
    command: object = get_command(app)
    while isinstance(command, TyperGroup) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    if isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        return [words[0]]
    assert isinstance(command, TyperGroup | TyperCommand)
    known = {name for parameter in command.params for name in parameter.opts}
    known |= {name for parameter in command.params for name in parameter.secondary_opts}
    options = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return [option for option in options if option not in known | {"--help"}]


def test_every_command_and_option_exists() -> None:
    found = [(document, words) for document, line in code() for words in commands_in(line)]
    assert len(found) > 40
    wrong = [(document.name, words, faults_of(list(words))) for document, words in found]
    assert [told for told in wrong if told[2]] == []


def test_faults_of_a_command_are_seen() -> None:
    assert faults_of(["jobs", "list", "--status", "failed"]) == []
    assert faults_of(["jobs", "lst"]) == ["lst"]
    assert faults_of(["worker", "--notifie"]) == ["--notifie"]
    assert list(commands_in("`x ocr-api models switch|load ID`"))[1][:2] == ["models", "load"]


def test_every_target_and_its_variables_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    found = [line for _, line in code() if re.match(r"make [a-z]", line)]
    assert len(found) > 8
    for line in found:
        words = re.sub(r'"[^"]*"', "", line.partition("#")[0]).split()[1:]
        for word in words:
            variable = re.fullmatch(r"([A-Z_]+)=.*", word)
            assert word in targets if variable is None else variable[1] in makefile, line


def test_every_environment_variable_exists() -> None:
    settings = {name.upper() for name in Settings.model_fields}
    sources = "".join((ROOT / name).read_text() for name in SOURCES)
    found = {
        (document.name, name)
        for document, line in code()
        if document.name != "benchmarks.md"  # tells how others' programs were run
        for name in re.findall(r"(?<![\w<&.])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w(])", line)
    }
    unknown = {
        (document, name)
        for document, name in found
        if name.removeprefix(OWN_PREFIX) not in settings | NO_VARIABLES
        and not re.search(rf"\b{name}\b", sources)
    }
    assert unknown == set()
    assert len(found) > 100


def spelled(name: str) -> set[str]:
    """The ways in which a default may be written."""
    default = Settings.model_fields[name.lower()].default
    if name == "WORKER_PROCESSES":
        return {"0", "one a core"}
    if default is None or default == ():
        derived = {"MODELS_DIR": "data/models", "UPLOADS_DIR": "data/uploads"}
        return {"none", derived.get(name, "none")}
    if isinstance(default, bool):
        return {str(default).lower()}
    forms = {str(default)}
    if isinstance(default, int | float):
        forms |= {f"{default:g}", f"{int(default)}", f"{default / 1e6:g} million"}
        forms |= {f"{default / 2**20:g} MiB"}
    return forms


def test_defaults_in_the_readme_are_those_of_the_code() -> None:
    section = (ROOT / "README.md").read_text().partition("## Configuration")[2]
    rows = re.findall(r"^\| (`[A-Z_`, ]+) \| (.*?) \|", section, re.MULTILINE)
    assert len(rows) >= 7
    for names, defaults in rows:
        told = [default.strip(" `") for default in defaults.split(",")]
        variables = re.findall(r"[A-Z_]+", names)
        told = told * len(variables) if len(told) == 1 else told
        for name, default in zip(variables, told, strict=True):
            assert default in spelled(name), name


def test_defaults_in_prose_are_those_of_the_code() -> None:
    text = "\n".join(document.read_text() for document in DOCUMENTS)
    quantity = r"([\d,]+) ?(million|minutes|seconds|s|MiB|)"
    told = [(name, *rest) for name, *rest in re.findall(rf"`([A-Z_]+)` \({quantity}\)", text)]
    told += [(name, *rest) for *rest, name in re.findall(rf"{quantity} \(`([A-Z_]+)`\)", text)]
    known = [one for one in told if one[0].lower() in Settings.model_fields]
    assert len(known) >= 6
    for name, number, unit in known:
        default = Settings.model_fields[name.lower()].default
        assert float(number.replace(",", "")) * UNITS[unit] == default, (name, number, unit)


def test_every_module_that_is_run_exists_and_knows_its_options() -> None:
    lines = re.findall(
        r"python -m ((?:bench|tests|eval|ocr_api)[\w.]*)((?: +-?[\w./,-]+)*)",
        "\n".join(line for _, line in code()),
    )
    assert len(lines) > 12
    for module, arguments in lines:
        path = ROOT / ("src" if module.startswith("ocr_api") else "") / module.replace(".", "/")
        files = [
            found for found in (path.with_suffix(".py"), path / "__main__.py") if found.exists()
        ]
        assert files, module
        source = "".join(found.read_text() for found in path.parent.glob("*.py"))
        source += "".join(found.read_text() for found in path.glob("*.py"))
        for option in re.findall(r"--[a-z][a-z-]*", arguments):
            assert f'"{option}"' in source, (module, option)


def troubleshooting() -> str:
    """The section of the operator's manual that begins where something is wrong."""
    text = (ROOT / "docs/operations.md").read_text()
    return text.partition("\n## Troubleshooting\n")[2].partition("\n## ")[0]


def test_every_error_code_is_found_under_troubleshooting() -> None:
    told = set(re.findall(r"`([a-z_]+)`", troubleshooting()))
    assert {row.code for row in error_rows()} - told == set()


def test_every_line_of_doctor_is_explained(tmp_path: Path) -> None:
    lines = troubleshooting().partition("### By a line of `doctor`")[2]
    explained = re.findall(r"^\| (`.*?) \|", lines, re.MULTILINE)
    told = {name for cell in explained for name in re.findall(r"`([^`]+)`", cell)}
    done = subprocess.run(
        [sys.executable, "-m", "ocr_api.cli.main", "doctor", "--json", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    topics = [finding["topic"] for finding in json.loads(done.stdout)]
    found = {re.sub(r"^(model|weights of) [\w.-]+$", r"\1 …", topic) for topic in topics}
    assert "model …" in found
    assert {*found, "store's settings", "audit"} - told == set()
