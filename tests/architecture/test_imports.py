"""The house rules that a reader cannot see in one file: layers, imports, names, sizes, no code from files."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dpsynth
import dpsynth._version

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("dpsynth", "attacks")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MAX_LINES = 400

# Packages that cost 0.1 s or more to import, or that only some commands need.
HEAVY = ("pandas", "pyarrow", "numba", "networkx", "scipy", "sklearn", "mpmath", "pydantic", "yaml", "torch")
TERMINAL = ("typer", "rich")

LINT_IMPORTS = "import sys, importlinter.cli as cli; sys.exit(cli.lint_imports(no_cache=True, no_logo=True))"


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def run_contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", LINT_IMPORTS], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def copied_house(tmp_path: Path) -> Path:
    """A copy of the two packages and of the contracts, to plant a violation in."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_import_contracts_hold() -> None:
    result = run_contracts(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("dpsynth/models/fit.py", "import dpsynth.private.table", "Models see noisy marginals"),
        ("dpsynth/models/fit.py", "import dpsynth.privacy.cost", "Models see noisy marginals"),
        ("dpsynth/synthesizers/catalogue.py", "import dpsynth.private.table", "Only the session joins"),
        ("dpsynth/release/certificate.py", "import dpsynth.session", "A release is built from what was released"),
        ("dpsynth/private/table.py", "import dpsynth.session", "Imports point one way"),
        ("dpsynth/privacy/cost.py", "import dpsynth.domain", "The privacy mathematics knows no tables"),
        ("dpsynth/engine.py", "import attacks", "dpsynth never imports the attacks"),
        ("attacks/__init__.py", "import dpsynth.engine", "Attacks import only the names"),
        ("dpsynth/homeless.py", '"""A module without a layer."""', "Imports point one way"),
    ],
)
def test_import_contracts_catch_a_planted_violation(
    copied_house: Path, module: str, statement: str, contract: str
) -> None:
    with (copied_house / module).open("a") as file:
        file.write(f"\n{statement}\n")
    result = run_contracts(copied_house)
    assert result.returncode != 0
    # The report wraps long lines, so the words are compared without the line breaks.
    report = " ".join((result.stdout + result.stderr).split())
    assert re.search(rf"{re.escape(contract)}[^.]*BROKEN", report) or "homeless" in report, report


def imported_by(statement: str) -> set[str]:
    """Top-level packages in a fresh interpreter after `statement`."""
    code = f"{statement}\nimport sys, json; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout))


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [("import dpsynth", (*HEAVY, *TERMINAL, "attacks")), ("import dpsynth.cli", (*HEAVY, "attacks"))],
)
def test_import_stays_light(statement: str, forbidden: tuple[str, ...]) -> None:
    assert not imported_by(statement) & set(forbidden)


def test_import_guard_sees_a_heavy_import() -> None:
    assert "yaml" in imported_by("import dpsynth, yaml")


def test_version_is_written_once() -> None:
    written = re.compile(rf"""version\w*\s*=\s*["']{re.escape(dpsynth.__version__)}["']""", re.IGNORECASE)
    places = [name_of(path) for path in [*SOURCES, ROOT / "pyproject.toml"] if written.search(path.read_text())]
    assert places == ["dpsynth/_version.py"]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_module_follows_the_house_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a module says what it is for"
    assert len(text.splitlines()) <= MAX_LINES, "a file holds one concept"
    nameless = {"utils", "util", "common", "helpers", "helper", "misc", "manager"}
    parts = {word for part in path.relative_to(ROOT).with_suffix("").parts for word in part.split("_")}
    assert not parts & nameless, "a name says what is in it"
    assert not unsafe_code(text)


def unsafe_code(text: str) -> list[str]:
    """Places where a file could turn data into running code, as 'line: what'."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            unsafe = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
            found += [f"{node.lineno}: import {name}" for name in names if name.split(".")[0] in unsafe]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            running = {"eval", "exec", "compile", "__import__", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}
            if called in running or called.endswith(("read_pickle", "to_pickle")):
                found.append(f"{node.lineno}: {called}")
            loads_arrays = called in {"np.load", "numpy.load"} or called.endswith("format.read_array")
            if loads_arrays and "allow_pickle=False" not in map(ast.unparse, node.keywords):
                found.append(f"{node.lineno}: {called} without allow_pickle=False")
    return found


@pytest.mark.parametrize(
    "planted",
    [
        "import pickle",
        "from joblib import load",
        "import marshal as m",
        "eval('1 + 1')",
        "exec(text)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "numpy.load(path)",
        "np.lib.format.read_array(file, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "pandas.read_pickle(path)",
        "def inside():\n    import dill",
    ],
)
def test_unsafe_code_is_seen(planted: str) -> None:
    assert unsafe_code(planted)


def test_safe_code_is_left_alone() -> None:
    safe = "import json\nnp.load(path, allow_pickle=False)\nyaml.safe_load(text)\nre.compile('x')\nmodel.evaluate()"
    assert not unsafe_code(safe)
