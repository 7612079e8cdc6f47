"""The documentation site: its navigation is what the READMEs list, and Sphinx finds nothing to complain about."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "docs" / "site"


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"site_{name}", SITE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


pages, api = module("pages"), module("api")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small repository with a page in each place."""
    texts = {
        "docs/README.md": "# Docs\n\n[guides](how-to/README.md), [security](../SECURITY.md), [licence](../LICENSE)\n",
        "docs/how-to/README.md": "# Guides\n\n- [Brew](brew.md): tea\n- [Bake](bake.md#oven): bread\n",
        "docs/how-to/bake.md": "# Bake\n\n## Oven\n\n```sh\n[no](link.md)\n```\n\n[up](../README.md), `[no](x.md)`\n",
        "docs/how-to/brew.md": "# Brew\n\n[`code`](../../room/README.md), [site](https://example.org/x.md)\n",
        "docs/site/notes.md": "# No page of the site\n",
        "room/README.md": "# A room of the code\n",
        "SECURITY.md": "# Security\n",
        "LICENSE": "",
    }
    for name, text in texts.items():
        (tmp_path / "repository" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "repository" / name).write_text(text)
    return tmp_path / "repository"


def test_the_navigation_follows_the_readmes(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "sources"
    pages.stage(root, target)
    pages.project_index(target)
    assert (target / "index.md").read_text().endswith("\nhow-to/index\nproject/index\n```\n")
    assert (target / "how-to" / "index.md").read_text().endswith("\nbrew\nbake\n```\n")  # in their order
    index = (target / "index.md").read_text()
    assert "[guides](how-to/index.md), [security](project/security.md), licence" in index
    assert "[up](../index.md), `[no](x.md)`" in (target / "how-to" / "bake.md").read_text()
    assert "```sh\n[no](link.md)\n```" in (target / "how-to" / "bake.md").read_text()
    brew = (target / "how-to" / "brew.md").read_text()
    assert "[`code`](../project/code/room/README.md), [site](https://example.org/x.md)" in brew
    assert not list(target.rglob("notes.md"))


def test_the_build_finds_planted_faults_and_no_others(tmp_path: Path) -> None:
    """One build of the whole site with three faults in it: an unlisted page, a dead link, a missing heading."""
    pytest.importorskip("furo")
    sources = tmp_path / "sources"
    module("build").sources(ROOT, sources)
    (sources / "how-to" / "unlisted.md").write_text("# Unlisted\n\n[x](gone.md), [y](write-a-schema.md#nowhere)\n")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "dummy", "-c", str(SITE)]
    done = subprocess.run([*command, sources, tmp_path / "out"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode != 0
    found = [line for line in done.stderr.splitlines() if "WARNING: " in line or "ERROR: " in line]
    assert all("unlisted" in line for line in found), done.stderr[-3000:]
    assert len(found) == 3, found
    for words in ("gone.md", "nowhere", "in any toctree"):
        assert any(words in line for line in found), found


def test_every_public_name_has_an_entry_with_words(tmp_path: Path) -> None:
    import attacks
    import dpsynth

    for package in (dpsynth, attacks):
        text = api.page(package.__name__)
        for name in package.__all__:
            if not name.startswith("__"):
                assert re.search(rf"{{py:\w+}} {name}\b", text), name
                assert re.search(rf"^\| \[`{name}`\]\(#[\w.]+\) \| \S", text, re.MULTILINE), name


def test_every_command_has_a_section_and_every_option_words() -> None:
    text = module("commands").page()
    for command in ("dpsynth synthesize", "dpsynth schema ask", "dpsynth ledger init", "attacks audit", "attacks list"):
        assert f"## {command}\n" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [line for line in rows if line.endswith("|  |")] == []


def test_a_docstring_shows_what_its_author_wrote() -> None:
    written = "Adds `a_b` to [x] * 2.\n\n    f(x) = x\n\n>>> 1 < 2\nTrue"
    shown = "Adds `a_b` to \\[x\\] \\* 2.\n\n```text\nf(x) = x\n```\n\n```python\n>>> 1 < 2\nTrue\n```"
    assert api.prose(written) == shown
