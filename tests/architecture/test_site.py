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


def sphinx(sources: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "dummy", "-c", str(SITE)]
    return subprocess.run([*command, str(sources), str(out)], capture_output=True, text=True, cwd=ROOT)


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


def test_planted_faults_fail_the_build(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("furo")
    (root / "docs" / "how-to" / "roast.md").write_text("# Roast\n")
    (root / "docs" / "how-to" / "bake.md").write_text("# Bake\n\n## Oven\n\n[x](gone.md), [y](brew.md#nowhere)\n")
    pages.stage(root, tmp_path / "sources")
    pages.project_index(tmp_path / "sources")
    done = sphinx(tmp_path / "sources", tmp_path / "out")
    assert done.returncode != 0
    found = [line.partition("WARNING: ")[2] for line in done.stderr.splitlines() if "WARNING: " in line]
    assert len(found) == 3, found
    for words in ("gone.md", "nowhere", "in any toctree"):
        assert any(words in line for line in found), found


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("furo")
    module("build").sources(ROOT, tmp_path / "sources")
    done = sphinx(tmp_path / "sources", tmp_path / "out")
    assert done.returncode == 0, done.stderr[-3000:]


def test_every_public_name_has_an_entry_with_words(tmp_path: Path) -> None:
    import attacks
    import dpsynth

    for package in (dpsynth, attacks):
        text = api.page(package.__name__)
        for name in package.__all__:
            if not name.startswith("__"):
                assert re.search(rf"{{py:\w+}} {name}\b", text), name
                assert re.search(rf"^\| \[`{name}`\]\(#[\w.]+\) \| \S", text, re.MULTILINE), name


def test_a_docstring_shows_what_its_author_wrote() -> None:
    written = "Adds `a_b` to [x] * 2.\n\n    f(x) = x\n\n>>> 1 < 2\nTrue"
    shown = "Adds `a_b` to \\[x\\] \\* 2.\n\n```text\nf(x) = x\n```\n\n```python\n>>> 1 < 2\nTrue\n```"
    assert api.prose(written) == shown
