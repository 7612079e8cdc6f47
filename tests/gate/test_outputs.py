"""Outputs: the same bytes every time, and nothing in a name can become more than text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.errors import GateError
from dpsynth.gate.decision import Decision, PolicyRecord, RuleResult, conclude
from dpsynth.gate.outputs import in_markdown, to_json, to_junit, to_markdown, to_sarif, write

HOSTILE = (
    "]]><script>alert(1)</script>",
    '" onload="x',
    "a|b\n| c | d |",
    "\x00\x1b[31m\ud800\ufffe\u202e",
    "&lt; &#0; <!-- -->",
    "[x](http://evil.example) ![y](z) @everyone #1 www.evil.example https://evil.example",
    "`code` **bold** ~~gone~~ $x$ \\",
)


def made(words: str = "as it must be", name: str = "test", owner: str = "steward") -> Decision:
    rules = (
        RuleResult("integrity", "pass", words, {"file": "MANIFEST.json"}),
        RuleResult("columns", "fail", words, {"file": "synthetic.csv", "found": [words]}),
        RuleResult("audit_age", "undecided", words, {}),
        RuleResult("rows", "waived", words, {"file": "certificate.json", "waiver": {"owner": owner}}),
    )
    policy = PolicyRecord(name, "2030-01-01", "0" * 64, None)
    return Decision(conclude(rules), rules, policy, "1" * 64, None, "2029-01-01", "given", "0")


@pytest.mark.parametrize("output", [to_json, to_junit, to_markdown, to_sarif])
@pytest.mark.parametrize("words", HOSTILE)
def test_equal_decisions_give_equal_bytes(output: Any, words: str) -> None:
    one = output(made(words, name=words)).encode()
    assert one == output(made(words, name=words)).encode()
    assert b"\x00" not in one
    assert b"\x1b" not in one


def test_json_comes_back() -> None:
    decision = made(HOSTILE[0])
    assert Decision.from_json(json.loads(to_json(decision))) == decision


@given(st.text() | st.sampled_from(HOSTILE), st.text() | st.sampled_from(HOSTILE))
def test_junit_is_whole_whatever_the_words(words: str, name: str) -> None:
    root = ElementTree.fromstring(to_junit(made(words, name)).encode())
    (suite,) = root
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == ["integrity", "columns", "audit_age", "rows"]
    assert [[part.tag for part in case] for case in cases] == [["system-out"], ["failure"], ["error"], ["skipped"]]
    assert {part.tag for part in suite} == {"properties", "testcase"}


def test_junit_keeps_the_words() -> None:
    root = ElementTree.fromstring(to_junit(made('a < b & "c"')).encode())
    found = root.find(".//failure")
    assert found is not None
    assert found.get("message") == 'a < b & "c"'


@given(st.text() | st.sampled_from(HOSTILE), st.text() | st.sampled_from(HOSTILE))
def test_markdown_keeps_its_shape_whatever_the_words(words: str, name: str) -> None:
    text, plain = to_markdown(made(words, name)), to_markdown(made())
    assert len(text.split("\n")) == len(plain.split("\n"))
    for line in text.split("\n")[4:10]:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 4
    assert not re.search(r"(?<!\\)[\[`*<]", text.replace("**", ""))
    assert "@" not in text


def test_markdown_has_no_links() -> None:
    shown = in_markdown("www.evil.example https://evil.example WWW.evil.example @all")
    assert "www." not in shown.lower()
    assert "://" not in shown
    assert "@" not in shown


def test_sarif() -> None:
    document = json.loads(to_sarif(made("x\x1b[31m")))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert ids == ["integrity", "columns", "audit_age", "rows"]
    results = run["results"]
    assert [each["ruleId"] for each in results] == ["columns", "audit_age", "rows"]
    assert all(ids[each["ruleIndex"]] == each["ruleId"] for each in results)
    assert {each["level"] for each in results} == {"error"}  # undecided is no lesser thing
    assert ["suppressions" in each for each in results] == [False, False, True]
    assert results[1]["message"]["text"].startswith("Cannot decide: ")
    assert results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "synthetic.csv"
    assert "\x1b" not in results[0]["message"]["text"]


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write(tmp_path / "gate.json", "one")
    write(tmp_path / "gate.json", "two")
    assert [path.name for path in tmp_path.iterdir()] == ["gate.json"]
    assert (tmp_path / "gate.json").read_text() == "two"
    with pytest.raises(GateError, match="writable"):
        write(tmp_path / "nowhere" / "gate.json", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(GateError, match="writable"):
        write(tmp_path / "folder", "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "gate.json"]
