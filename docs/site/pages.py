"""The sources of the site: the repository's pages in one folder, with the navigation that their READMEs give.

A README lists the pages of its folder in the order of reading; that list is the navigation. A page that no list names
has no place in it, and the build fails.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

# Pages at the top of the repository, and their names on the site.
TOP = {
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
}
SKIPPED = ("site",)
# A link, whose words may hold code; or code, which holds no link.
_LINK = re.compile(r"(?<!!)(\[(?:[^\]\n`]|`[^`\n]*`)*\])\(\s*<?([^)\s>]+)>?\)|`[^`\n]*`")
_FENCE = re.compile(r"^(`{3,}|~{3,})", re.MULTILINE)


def stage(root: Path, target: Path) -> None:
    """Write the pages of the repository `root` into the folder `target`, and what they show beside them."""
    places = _places(root)
    for source, place in places.items():
        written = target / place
        written.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        inside = _children(source, text, places) if source.name == "README.md" else []
        written.write_text(_relinked(text, source, places, root) + _toctree(place, inside), encoding="utf-8")
    for picture in (root / "docs").rglob("*"):
        if picture.suffix in (".svg", ".png", ".html") and not _is_skipped(picture, root):
            copied = target / picture.relative_to(root / "docs")
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, copied)


def _places(root: Path) -> dict[Path, Path]:
    """Every page that the site has: those of docs, those at the top, and those that any of these link to."""
    docs = root / "docs"
    pages = sorted(page for page in docs.rglob("*.md") if not _is_skipped(page, root))
    places = {page: page.relative_to(docs) for page in pages}
    places = {
        page: place.with_name("index.md") if place.name == "README.md" else place for page, place in places.items()
    }
    places |= {root / name: Path(place) for name, place in TOP.items() if (root / name).is_file()}
    waiting = list(places)
    while waiting:
        page = waiting.pop()
        for link in _links(page.read_text(encoding="utf-8")):
            linked = (page.parent / link.partition("#")[0]).resolve()
            if linked.suffix == ".md" and linked.is_file() and linked.is_relative_to(root) and linked not in places:
                places[linked] = Path("project/code") / linked.relative_to(root)
                waiting.append(linked)
    return places


def _is_skipped(path: Path, root: Path) -> bool:
    return path.relative_to(root / "docs").parts[0] in SKIPPED


def _children(readme: Path, text: str, places: dict[Path, Path]) -> list[Path]:
    """What a README lists of its own folder, pages and folders, in its order."""
    listed = dict.fromkeys((readme.parent / link.partition("#")[0]).resolve() for link in _links(text))
    below = [page for page in listed if page in places and page != readme]
    return [
        places[page]
        for page in below
        if page.parent == readme.parent or (page.name == "README.md" and page.parent.parent == readme.parent)
    ]


def _toctree(place: Path, children: list[Path]) -> str:
    if not children:
        return ""
    names = [Path(os.path.relpath(child.with_suffix(""), place.parent)).as_posix() for child in children]
    if place == Path("index.md"):
        names += ["project/index"]
    return "\n\n```{toctree}\n:hidden:\n\n" + "\n".join(names) + "\n```\n"


def _links(text: str) -> list[str]:
    """Targets within the repository, in order; code holds none."""
    found = [target for prose in _prose(text)[::2] for _, target in _LINK.findall(prose)]
    return [target for target in found if target and not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|#", target)]


def _relinked(text: str, source: Path, places: dict[Path, Path], root: Path) -> str:
    """With links that lead to where the pages lie on the site; one to what is no page is left as its words."""
    here = places[source].parent

    def relink(match: re.Match[str]) -> str:
        words, target = match[1], match[2]
        if words is None:
            return match[0]
        path, hash_mark, anchor = target.partition("#")
        if not path or re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", target):
            return match[0]
        linked = (source.parent / path).resolve()
        place = places.get(linked)
        if place is None:  # a file of the repository that is no page; what is nowhere stays, for the build to find
            return words[1:-1] if linked.exists() else match[0]
        return f"{words}({Path(os.path.relpath(place, here)).as_posix()}{hash_mark}{anchor})"

    return "".join(part if index % 2 else _LINK.sub(relink, part) for index, part in enumerate(_prose(text)))


def _prose(text: str) -> list[str]:
    """The text in turns of prose and fenced code, beginning with prose."""
    parts, fence = [""], None
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if fence is None and mark:
            fence = mark[1]
            parts.append(line)
        elif fence is not None and line.startswith(fence) and line.strip() == fence:
            parts[-1] += line
            parts.append("")
            fence = None
        else:
            parts[-1] += line
    return parts


def project_index(target: Path) -> None:
    """The page that lists the pages of the project itself."""
    names = sorted(path.relative_to(target / "project") for path in (target / "project").rglob("*.md"))
    text = "# The project\n\nHow it is changed, what it promises about itself, and notes that live beside the code.\n\n"
    first = [Path(place).name for place in TOP.values() if (target / place).is_file()]
    listed = [*first, *(name.as_posix() for name in names if name.as_posix() not in first)]
    toctree = "```{toctree}\n:maxdepth: 1\n\n" + "\n".join(name.removesuffix(".md") for name in listed) + "\n```\n"
    (target / "project" / "index.md").write_text(text + toctree, encoding="utf-8")
