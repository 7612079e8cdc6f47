"""The house rules of the documentation: every page can be found, no link is dead, no page names somebody's machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "dpsynth", "attacks", "benchmarks", "tests", ".github")
MAX_README_LINES = 20

_CODE_BLOCK = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)|^\[[^\]\n]+\]:\s*(\S+)", re.MULTILINE)
_HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)
_MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:tmp|home|root|srv|Users|mnt)(?![\w-])")


def pages_of(root: Path) -> list[Path]:
    """Every markdown page of the repository: those at its top, and those in the folders that belong to it."""
    return sorted([*root.glob("*.md"), *(page for folder in FOLDERS for page in (root / folder).rglob("*.md"))])


def links_of(page: Path) -> list[str]:
    """Targets of the page's links, in order, without those to other sites. Code is no link."""
    prose = _CODE.sub("", _CODE_BLOCK.sub("", page.read_text(encoding="utf-8")))
    targets = [inline or reference for inline, reference in _LINK.findall(prose)]
    return [target for target in targets if not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", target)]


def anchors_of(page: Path) -> set[str]:
    """Names of the page's headings as links spell them."""
    headings = _HEADING.findall(_CODE_BLOCK.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(page: Path, root: Path) -> list[str]:
    """Links of the page that lead out of the repository, to nothing, or to a heading that is not there."""
    dead = []
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        inside = target.is_relative_to(root) and target.exists()
        if not inside or (anchor and target.suffix == ".md" and anchor not in anchors_of(target)):
            dead.append(link)
    return dead


def unlisted(readme: Path) -> list[str]:
    """Pages of the README's folder, and READMEs of its subfolders, that it does not link."""
    folder = readme.parent
    linked = {(folder / link.partition("#")[0]).resolve() for link in links_of(readme)}
    subfolders = {page.relative_to(folder).parts[0] for page in folder.glob("*/**/*.md")}
    expected = {*folder.glob("*.md"), *(folder / name / "README.md" for name in subfolders)} - {readme}
    return sorted(page.relative_to(folder).as_posix() for page in expected if page.resolve() not in linked)


PAGES = pages_of(ROOT)
DOCS_FOLDERS = sorted({ROOT / "docs", *(page.parent for page in PAGES if page.is_relative_to(ROOT / "docs"))})
READMES = [page for page in PAGES if page.name == "README.md" and page.parent != ROOT]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_pages_are_found() -> None:
    assert {"README.md", "SECURITY.md", "docs/README.md", "dpsynth/schema/README.md"} <= set(map(name_of, PAGES))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert not dead_links(page, ROOT)


@pytest.mark.parametrize("folder", DOCS_FOLDERS, ids=name_of)
def test_every_page_is_listed_in_its_folder(folder: Path) -> None:
    assert not unlisted(folder / "README.md")


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_a_folder_is_explained_on_one_screen(readme: Path) -> None:
    assert len(readme.read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_a_path_of_a_machine(page: Path) -> None:
    assert not _MACHINE_PATH.findall(page.read_text(encoding="utf-8"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small documentation without a fault."""
    root = tmp_path / "site"
    (root / "docs" / "how-to").mkdir(parents=True)
    (root / "docs" / "README.md").write_text("# Docs\n\n[how-to](how-to/README.md)\n")
    (root / "docs" / "how-to" / "README.md").write_text("# Guides\n\n- [Bake](bake.md#in-the-oven): bread\n")
    (root / "docs" / "how-to" / "bake.md").write_text(
        "# Bake\n\n`[no](link.md)` [other site](https://example.org/x)\n\n"
        "## In the `oven`\n\n```sh\n# [no](link.md)\n```\n\n[up](../README.md)\n"
    )
    return root


def faults(site: Path) -> list[str]:
    dead = [link for page in pages_of(site) for link in dead_links(page, site)]
    return dead + [page for folder in ("docs", "docs/how-to") for page in unlisted(site / folder / "README.md")]


def test_a_clean_site_has_no_faults(site: Path) -> None:
    assert not faults(site)


@pytest.mark.parametrize(
    ("page", "planted", "fault"),
    [
        ("how-to/bake.md", "[gone](gone.md)", "gone.md"),
        ("how-to/bake.md", "[gone](README.md#nowhere)", "README.md#nowhere"),
        ("how-to/bake.md", "[gone](#no-oven)", "#no-oven"),
        ("how-to/bake.md", "![picture](oven.png)", "oven.png"),
        ("how-to/bake.md", "[out](../../../secret.md)", "../../../secret.md"),
        ("how-to/bake.md", "[gone]\n\n[gone]: gone.md", "gone.md"),
        ("how-to/brew.md", "# A page that nobody lists", "brew.md"),
        ("recipes/README.md", "# A folder that nobody lists", "recipes/README.md"),
    ],
)
def test_a_planted_fault_is_seen(site: Path, page: str, planted: str, fault: str) -> None:
    (site.parent / "secret.md").write_text("# Outside\n")
    path = site / "docs" / page
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(f"\n{planted}\n")
    assert faults(site) == [fault]


@pytest.mark.parametrize("planted", ["see /srv/data/x.md", "`/tmp/out`", "--out /home/me/x", "(/Users/me)", "/root"])
def test_a_machine_path_is_seen(planted: str) -> None:
    assert _MACHINE_PATH.search(planted)


@pytest.mark.parametrize("clean", ["docs/srv/x.md", "https://example.org/home", "and/or", "../tmp", "/homework"])
def test_other_slashes_are_left_alone(clean: str) -> None:
    assert not _MACHINE_PATH.search(clean)
