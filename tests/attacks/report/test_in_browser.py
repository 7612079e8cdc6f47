"""The page in a real browser: nothing complains, nothing sticks out, everything can be read. Skipped without one."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attacks.report.document import AuditReport

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
    pytest.mark.skipif(sys.platform == "win32", reason="the browser is driven through POSIX pipes"),
]

# Chromium speaks its protocol on descriptors 3 (to it) and 4 (from it).
LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]]
os.dup2(ends[0], 3); os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One Chromium, driven by its DevTools protocol over pipes."""

    def __init__(self, profile: Path) -> None:
        hear, self._write = os.pipe()
        self._read, say = os.pipe()
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += ["--disable-extensions", "--disable-background-networking", "--remote-debugging-pipe"]
        command = [sys.executable, "-c", LAUNCH, str(hear), str(say), str(CHROMIUM), *options]
        command.append(f"--user-data-dir={profile}")
        quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, pass_fds=(hear, say), **quiet)
        os.close(hear)
        os.close(say)
        self._rest, self._number, self._page = b"", 0, None
        self.complaints: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._page = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Runtime", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._page is not None:
            message["sessionId"] = self._page
        os.write(self._write, json.dumps(message).encode() + b"\0")
        return self._await(lambda answer: answer.get("id") == self._number)["result"]

    def open(self, path: Path, width: int = 1280, scheme: str = "light", media: str = "") -> None:
        self.complaints.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)
        self.ask("Page.navigate", url=path.as_uri())
        self._await(lambda answer: answer.get("method") == "Page.loadEventFired")

    def value(self, script: str) -> Any:
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self) -> bytes:
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def _await(self, wanted: Any) -> dict[str, Any]:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            while b"\0" in self._rest:
                message, self._rest = self._rest.split(b"\0", 1)
                answer: dict[str, Any] = json.loads(message)
                assert "error" not in answer, answer
                if answer.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
                    self.complaints.append(json.dumps(answer["params"]))
                if answer.get("method") == "Network.requestWillBeSent" and answer["params"]["type"] != "Document":
                    self.complaints.append(f"fetched {answer['params']['request']['url'][:100]}")
                if wanted(answer):
                    return answer
            if select.select([self._read], [], [], 1)[0]:
                part = os.read(self._read, 1 << 20)
                assert part, "the browser has gone"
                self._rest += part
        raise TimeoutError("the browser does not answer")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    try:
        yield opened
    finally:
        opened.close()


# Everything whose box or text ends beyond the right edge of the window.
STICKS_OUT = """
Array.from(document.querySelectorAll('body *')).filter(
    each => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest('.skip')
).map(each => each.outerHTML.slice(0, 120))
"""
# Every text of a figure that is cut off at its border, or printed over another text.
CLASHES = """
Array.from(document.querySelectorAll('svg')).flatMap(svg => {
    const frame = svg.getBoundingClientRect();
    const texts = Array.from(svg.querySelectorAll('text'));
    const boxes = texts.map(each => [each.textContent, each.getBoundingClientRect()]);
    const out = boxes.filter(([_, b]) => b.left < frame.left - 1 || b.right > frame.right + 1 || b.top < frame.top - 2
        || b.bottom > frame.bottom + 2).map(([text, _]) => 'cut: ' + text);
    boxes.forEach(([text, b], i) => boxes.slice(i + 1).forEach(([other, c]) => {
        if (b.left < c.right - 1 && c.left < b.right - 1 && b.top < c.bottom - 4 && c.top < b.bottom - 4)
            out.push(text + ' over ' + other);
    }));
    return out;
})
"""
# Contrast of each element's own text with the nearest background that is painted.
TOO_FAINT = """
(() => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(
        v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
    ).reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
    const behind = each => {
        for (let at = each; at; at = at.parentElement) {
            const colour = numbers(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    return Array.from(document.querySelectorAll('body *')).filter(each =>
        !each.closest('svg') && Array.from(each.childNodes).some(node => node.nodeType === 3 && node.data.trim())
    ).map(each => {
        const [one, two] = [light(numbers(getComputedStyle(each).color)), light(behind(each))];
        return [(Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05), each.outerHTML.slice(0, 120)];
    }).filter(([ratio, _]) => ratio < 4.5);
})()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, reports: dict[str, AuditReport]) -> Path:
    place = tmp_path_factory.mktemp("reports")
    for name, report in reports.items():
        report.save(place / f"{name}.html")
    return place


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_whole(browser: Browser, folder: Path, width: int, scheme: str) -> None:
    for path in sorted(folder.glob("*.html")):
        browser.open(path, width, scheme)
        assert browser.value("innerWidth") == width
        assert browser.value("document.documentElement.scrollWidth") <= width, path.name
        assert browser.value(STICKS_OUT) == [], path.name
        assert browser.value(CLASHES) == [], path.name
        assert browser.value(TOO_FAINT) == [], path.name
        assert browser.value("document.querySelector('#verdict h2').innerText")
        # No script ran, nothing was fetched, nothing was complained about.
        assert browser.value("document.scripts.length") == 0
        assert browser.complaints == [], path.name


def test_colours_follow_the_reader_and_paper_is_white(browser: Browser, folder: Path) -> None:
    path, colour = folder / "passed.html", "getComputedStyle(document.body).backgroundColor"
    browser.open(path, scheme="light")
    assert browser.value(colour) == "rgb(255, 255, 255)"
    browser.open(path, scheme="dark")
    assert browser.value(colour) == "rgb(20, 24, 29)"
    browser.open(path, scheme="dark", media="print")
    assert browser.value(colour) == "rgb(255, 255, 255)"
    assert browser.value("getComputedStyle(document.querySelector('nav')).display") == "none"


def test_the_measure_sees_what_sticks_out_and_what_is_faint(
    browser: Browser, tmp_path: Path, passed: AuditReport
) -> None:
    page = passed.rendered(".html")
    spoiled = tmp_path / "spoiled.html"
    faint = "<p style='color:#aaa;background:#fff;width:2000px'>faint</p><script>undefined_name()</script>"
    without_policy = page.replace("Content-Security-Policy", "x-nothing")
    spoiled.write_text(without_policy.replace("</main>", f"{faint}</main>"), encoding="utf-8")
    browser.open(spoiled, 360)
    assert browser.value(STICKS_OUT)
    assert browser.value(TOO_FAINT)
    assert browser.complaints
    # With the policy in place a script that got in all the same does not run.
    spoiled.write_text(page.replace("</main>", "<script>document.title = 'taken'</script></main>"), encoding="utf-8")
    browser.open(spoiled)
    assert browser.value("document.title") != "taken"
