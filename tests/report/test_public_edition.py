"""The public edition is made where no private row can be reached: not by import, and not by opening a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

# Imports the report without `dpsynth/__init__`, which offers the engine too; whatever can reach a row is poisoned, and
# nothing outside the release, the evidence and the installed programs may be opened.
BUILD = """
import importlib.util, json, pathlib, sys, types
settings = json.loads(sys.argv[1])
package = types.ModuleType("dpsynth")
package.__spec__ = importlib.util.find_spec("dpsynth")
package.__path__ = list(package.__spec__.submodule_search_locations)
sys.modules["dpsynth"] = package
for name in ("private", "session", "mechanisms", "engine", "synthesizers", "encoding", "twins", "booking", "ledger"):
    sys.modules[f"dpsynth.{name}"] = None
sys.modules["attacks"] = None
opened = []
def guard(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = str(arguments[0] if isinstance(arguments[0], str) else arguments[0].decode())
        opened.append(path)
        if settings["private"] in path:
            raise PermissionError("a private file")
sys.addaudithook(guard)
from dpsynth.report.content import gather
from dpsynth.report.page import page
audit = settings["audit"] and pathlib.Path(settings["audit"])
content = gather(pathlib.Path(settings["release"]), audit=audit, gate=pathlib.Path(settings["gate"]))
sys.stdout.write(page(content))
assert any("synthetic.parquet" in each for each in opened), "the guard sees what is opened"
loaded = [name for name, module in sys.modules.items() if module and name.split(".")[:2] == ["dpsynth", "private"]]
assert not loaded, loaded
"""


def build(place: Any, audit: Path) -> subprocess.CompletedProcess[str]:
    settings = {"release": str(place.release), "private": str(place.private), "audit": str(audit)}
    command = [sys.executable, "-c", BUILD, json.dumps({**settings, "gate": str(place.gate)})]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_it_needs_nothing_private(place: Any, pages: dict[str, str]) -> None:
    result = build(place, place.public)
    assert result.returncode == 0, result.stderr
    assert "Public edition." in result.stdout
    assert result.stdout.count("<section") == pages["public"].count("<section")


def test_the_guard_sees_a_private_file(place: Any) -> None:
    result = build(place, place.steward)
    assert result.returncode != 0
    assert "a private file" in result.stderr or "readable file" in result.stderr


def test_the_poison_works() -> None:
    code = BUILD.split("from dpsynth.report.content")[0] + "import dpsynth.private.table"
    result = subprocess.run(
        [sys.executable, "-c", code, json.dumps({"private": "nowhere"})], cwd=ROOT, capture_output=True, text=True
    )
    assert "ModuleNotFoundError" in result.stderr


def test_no_private_number_is_in_it(place: Any, pages: dict[str, str]) -> None:
    document = json.loads(place.steward.read_text())
    private = {f"{each['measured']['auc']:.3g}" for each in document["findings"] if each["measured"]}
    private |= {each["words"] for each in document["checks"] if not each["public"] and len(each["words"]) > 12}
    assert private
    assert not [each for each in private if f">{each}<" in pages["public"]]
    assert [each for each in private if f">{each}<" in pages["steward"]]


@pytest.mark.parametrize("name", ["public", "bare"])
def test_it_says_so(pages: dict[str, str], name: str) -> None:
    assert 'class="public"' in pages[name]
    assert "Steward&#x27;s edition. " not in pages[name]
