"""The report in a real browser: nothing sticks out, all can be read, axe-core finds no fault. Skipped without one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the browser is driven through POSIX pipes")

# The file axe.min.js of the npm package axe-core: from this variable, or where npm puts it in this checkout.
AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
RUN_AXE = """
axe.run({resultTypes: ['violations']}).then(
    found => found.violations.map(each => each.id + ': ' + each.nodes[0].html.slice(0, 120))
)
"""
# Contrast of the words of a figure with the page behind it; drawings that bring their own ground are left out.
FAINT_FIGURES = """
(() => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => numbers(colour).slice(0, 3).map(v => v / 255).map(
        v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
    ).reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
    const behind = each => {
        for (let at = each; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (numbers(colour).length === 3 || numbers(colour)[3] > 0) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    return Array.from(document.querySelectorAll('figure:not(.network) svg text')).filter(each => {
        const [one, two] = [light(getComputedStyle(each).fill), light(behind(each))];
        return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05) < 4.5;
    }).map(each => each.textContent);
})()
"""
FAULTS_BY_EAR = """
[
    ...Array.from(document.querySelectorAll('th:not([scope])'), each => 'no scope: ' + each.textContent),
    ...Array.from(document.querySelectorAll('table:not(:has(caption))'), () => 'no caption'),
    ...Array.from(document.querySelectorAll('figure svg[aria-labelledby]')).filter(
        each => each.getAttribute('aria-labelledby').split(' ').some(id => !document.getElementById(id)?.textContent)
    ).map(each => 'no words: ' + each.outerHTML.slice(0, 80)),
    ...Array.from(document.querySelectorAll('a')).filter(each => !each.textContent.trim()).map(() => 'an empty link'),
]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pages: dict[str, str]) -> Path:
    place = tmp_path_factory.mktemp("pages")
    for name, text in pages.items():
        (place / f"{name}.html").write_text(text, encoding="utf-8")
    return place


def sticks_out(in_browser: ModuleType) -> str:
    """What ends beyond the window, apart from what scrolls in a box of its own."""
    return str(in_browser.STICKS_OUT).replace("!each.closest('.skip')", "!each.closest('.skip, .scroll')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_whole(browser: Any, in_browser: ModuleType, folder: Path, width: int, scheme: str) -> None:
    for path in sorted(folder.glob("*.html")):
        browser.open(path, width, scheme)
        assert browser.value("document.documentElement.scrollWidth") <= width, path.name
        assert browser.value(sticks_out(in_browser)) == [], path.name
        assert browser.value(in_browser.CLASHES) == [], path.name
        assert browser.value(in_browser.TOO_FAINT) == [], path.name
        assert browser.value(FAINT_FIGURES) == [], path.name
        assert browser.value(FAULTS_BY_EAR) == [], path.name
        assert browser.value("document.title").startswith("Compliance report")
        assert browser.complaints == [], path.name


def test_axe_finds_no_fault(browser: Any, folder: Path) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not there; set AXE_CORE to its axe.min.js")
    axe = AXE.read_text(encoding="utf-8")
    for path in sorted(folder.glob("*.html")):
        for width, scheme in ((360, "light"), (1280, "dark")):
            browser.open(path, width, scheme)
            browser.value(f"{axe};0")
            found = browser.ask("Runtime.evaluate", expression=RUN_AXE, awaitPromise=True, returnByValue=True)
            assert found["result"]["value"] == [], path.name


def test_the_measures_see_faults(browser: Any, folder: Path, pages: dict[str, str]) -> None:
    spoiled = folder.parent / "spoiled.html"
    figure = "<figure><svg aria-labelledby='nobody'><text fill='#ddd' style='fill:#ddd'>faint</text></svg></figure>"
    faults = f"{figure}<table><tr><th>bare</th></tr></table><a href='#x'></a>"
    text = pages["bare"].replace("Content-Security-Policy", "x-nothing").replace("</main>", f"{faults}</main>")
    spoiled.write_text(text, encoding="utf-8")
    browser.open(spoiled)
    assert "faint" in browser.value(FAINT_FIGURES)
    assert {each.split(":")[0] for each in browser.value(FAULTS_BY_EAR)} == {
        "no scope",
        "no caption",
        "no words",
        "an empty link",
    }


def test_paper_is_white_and_the_summary_fits_one_page(browser: Any, folder: Path) -> None:
    browser.open(folder / "public.html", scheme="dark", media="print")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    # A sheet of A4 is 794 pixels wide, of which 658 are between the margins, and 1,123 high less 144.
    browser.open(folder / "public.html", 794, media="print")
    browser.value("document.body.style.padding = '0 68px'")
    assert browser.value("document.querySelector('#summary').getBoundingClientRect().bottom") < 979
    assert browser.value("getComputedStyle(document.querySelector('nav')).breakBefore") == "page"
