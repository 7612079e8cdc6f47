"""The tutorials, followed as a reader follows them: every block of shell and Python, in order, in an empty folder."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpsynth.cli.app import app

TUTORIALS = Path(__file__).resolve().parents[2] / "docs" / "tutorials"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What a reader does before the first command of dpsynth.
PREPARATION = ("python -m venv ", "source ", "pip install ")


def blocks(page: str) -> Iterator[tuple[str, str]]:
    yield from _BLOCK.findall((TUTORIALS / page).read_text(encoding="utf-8"))


def commands(block: str) -> Iterator[tuple[list[str], str | None, int]]:
    """Arguments of each command, the file that its output goes to, and the exit code that its comment promises."""
    for line in block.replace("\\\n", " ").splitlines():
        command, _, comment = line.partition("  # ")
        if command.startswith(PREPARATION) or not command.strip():
            continue
        before, _, redirected = command.partition(" > ")
        words = shlex.split(before)
        assert words[0] == "dpsynth", line
        yield words[1:], redirected.strip() or None, int(comment or 0)


def follow(page: str) -> None:
    printed, names = "", {"__name__": "__main__"}
    for language, block in blocks(page):
        if language == "sh":
            printed = ""
            for arguments, redirected, code in commands(block):
                result = CliRunner().invoke(app, arguments)
                assert result.exit_code == code, (arguments, result.output[-2000:])
                printed += result.output
                if redirected:
                    Path(redirected).write_text(result.stdout)
        elif language == "python":
            exec(compile(block, page, "exec"), names)
        elif language == "text":
            shown = " ".join(printed.split())
            missing = [line for line in block.splitlines() if " ".join(line.split()) not in shown]
            assert not missing, (missing, printed[-3000:])
        else:
            raise AssertionError(f"a block of {language} that nobody runs")


@pytest.mark.parametrize("page", ["first-release.md", "bank-pipeline.md"])
def test_a_reader_comes_to_the_end(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    follow(page)
    assert (
        "PASS" in Path("gate.md").read_text().upper() if page == "bank-pipeline.md" else Path("more.parquet").exists()
    )


def test_no_tutorial_goes_unread() -> None:
    here = {"first-release.md", "bank-pipeline.md"}
    by_doctest = {page.name for page in TUTORIALS.glob("*.md") if re.search(r"^>>> ", page.read_text(), re.MULTILINE)}
    assert {page.name for page in TUTORIALS.glob("*.md")} == here | by_doctest | {"README.md"}


def test_a_page_that_promises_too_much_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in (
        "```sh\ndpsynth plan --schema nowhere.yaml --epsilon 1 --delta 1e-6\n```\n",
        "```sh\ndpsynth --version\n```\n\n```text\nno such words\n```\n",
        "```sh\nrm -r everything\n```\n",
        "```yaml\na: 1\n```\n",
    ):
        (tmp_path / "page.md").write_text(text)
        monkeypatch.setattr(sys.modules[__name__], "TUTORIALS", tmp_path)
        with pytest.raises(AssertionError):
            follow("page.md")
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]
