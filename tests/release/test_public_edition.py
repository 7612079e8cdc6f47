"""The contract of a public edition: all that attacks publishes is accepted, and nothing can be added to it."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

import attacks
import attacks.report
import dpsynth
from attacks.report.document import json_schema
from attacks.report.records import SOFTWARE, software_versions
from attacks.report.words import PUBLIC_REASONS
from dpsynth.errors import ReleaseError
from dpsynth.release.public_edition import MAX_ITEMS, MAX_TEXT, REASONS, AuditReport, public_faults, require_public

Place = tuple[Any, ...]
SMUGGLED = 0.48613  # such as a score, of which nobody paid for


def conftest(folder: str) -> ModuleType:
    place = Path(__file__).parents[1] / folder / "conftest.py"
    spec = importlib.util.spec_from_file_location(f"conftest_of_{folder.replace('/', '_')}", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The public edition of a real audit."""
    place = tmp_path_factory.mktemp("audited") / "release"
    rng = np.random.default_rng(0)
    table = {name: rng.integers(0, 4, 800) for name in "ab"}
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(4)) for name in table])
    made = dpsynth.synthesize(table, schema, epsilon=1, delta=1e-6, synthesizer="independent", audit_pool=300)
    made.save(place)
    chosen = ["copies", "marginals", "calibrated-distance", "linkability"]
    report = attacks.audit(dpsynth.load(place), train=table, pool=made.audit_pool, attacks=chosen)
    document = report.public().to_json()
    assert document["claim"]["targets_public"]
    return document


@pytest.fixture(scope="module")
def editions(audited: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every public edition that there is a fixture of, by name."""
    module = conftest("attacks/report")
    made = {
        "passed": module.audit(),
        "failed": module.leak(),
        "without claim": module.unclaimed(),
        "pairs": module.audit(claim=module.AuditedClaim(True, 1.0, 1e-5, None, 0.0, "add-remove", "row", "pairs")),
        "pool of pairs": module.audit(
            claim=module.AuditedClaim(True, 1.0, 1e-5, 0.2, 0.0, "add-remove", "row", "pool of pairs", True)
        ),
        "weak": module.audit(mu=4.0, epsilon=25.0),
        "hostile": module.hostile(),
    }
    return {"real": audited} | {name: report.public().to_json() for name, report in made.items()}


def test_what_attacks_publishes_is_accepted(editions: dict[str, dict[str, Any]]) -> None:
    assert {name: public_faults(document) for name, document in editions.items()} == {name: [] for name in editions}


def test_no_steward_s_edition_is_accepted() -> None:
    module = conftest("attacks/report")
    for report in (module.audit(), module.leak(), module.unclaimed(), module.hostile()):
        document = report.to_json()
        assert public_faults(document)
        assert public_faults({**document, "edition": "public"})  # calling it one makes it none


# ------------------------------------------------------------------------------------------ it cannot drift


def names(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The objects of a JSON schema with their properties, by name; the whole document under no name."""
    return {"": schema["properties"]} | {name: each.get("properties", {}) for name, each in schema["$defs"].items()}


def test_it_has_the_names_of_the_published_schema() -> None:
    published = Path(attacks.report.__file__).with_name("audit.schema.json")
    theirs, ours = names(json.loads(published.read_text())), names(TypeAdapter(AuditReport).json_schema())
    private = {"Measured", "SuccessRates", "Diagnostic"}  # what only a steward sees
    maps = {"Power", "Software", "Nothing"}  # any name there, these here
    assert set(theirs) - set(ours) == private
    assert set(ours) - set(theirs) == maps
    for name in set(theirs) & set(ours):
        assert list(ours[name]) == list(theirs[name]) or set(ours[name]) == set(theirs[name]), name
        for key, asked in theirs[name].items():
            if "enum" in asked and key != "edition":
                assert ours[name][key]["enum"] == asked["enum"], (name, key)
    assert json.loads(published.read_text()) == json_schema()


def test_it_has_the_sentences_and_versions_of_attacks() -> None:
    assert REASONS == PUBLIC_REASONS
    assert set(names(TypeAdapter(AuditReport).json_schema())["Software"]) == set(SOFTWARE) == set(software_versions())


# ------------------------------------------------------------------------------------------ nothing can be added


def places(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value of a document with the way to it."""
    yield at, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*at, key))


def changed(document: dict[str, Any], at: Place, change: Callable[[Any], Any]) -> dict[str, Any]:
    """A copy in which the value at a place is changed."""
    copied = copy.deepcopy(document)
    if not at:
        whole: dict[str, Any] = change(copied)
        return whole
    part: Any = copied
    for key in at[:-1]:
        part = part[key]
    part[at[-1]] = change(part[at[-1]])
    return copied


def thinned(document: dict[str, Any]) -> dict[str, Any]:
    """The same with at most two entries of each list, so that every kind of object is walked, and not forty times."""

    def thin(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: thin(each) for key, each in value.items()}
        return [thin(each) for each in value[:2]] if isinstance(value, list) else value

    return thin(document)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["real", "passed", "without claim"])
def test_no_object_takes_another_key(editions: dict[str, dict[str, Any]], name: str) -> None:
    document = thinned(editions[name])
    assert public_faults(document) == []
    objects = [at for at, value in places(document) if isinstance(value, dict)]
    assert len(objects) > 10
    for at in objects:
        for key, value in (("p_value", SMUGGLED), ("words2", "0.48613"), ("auc", None), ("", []), ("measured ", {})):
            faults = public_faults(changed(document, at, lambda part, key=key, value=value: {**part, key: value}))
            assert faults, (at, key)
            assert not any("0.48613" in fault or "words2" in fault for fault in faults)


@pytest.mark.parametrize("name", ["real", "passed", "without claim"])
def test_no_key_may_be_missing(editions: dict[str, dict[str, Any]], name: str) -> None:
    document = thinned(editions[name])
    for at, value in places(document):
        for key in value if isinstance(value, dict) and at[-1:] not in (("power",), ("software",)) else ():
            assert public_faults(
                changed(document, at, lambda part, key=key: {k: v for k, v in part.items() if k != key})
            )


# Where a public edition has numbers: of the table, the claim, the levels, and of a number of targets that is public.
NUMBERS = {"rows", "epsilon", "delta", "mu", "delta0", "alpha", "confidence", "power", "copies"}


@pytest.mark.parametrize("name", ["real", "passed", "without claim"])
def test_no_number_stands_where_none_is_expected(editions: dict[str, dict[str, Any]], name: str) -> None:
    document = thinned(editions[name])
    allowed = set()
    for at, value in places(document):
        for number in () if not at else (SMUGGLED, 7, 1, True, [SMUGGLED], {"x": SMUGGLED}):
            if number == value and type(number) is type(value):
                continue
            if not public_faults(changed(document, at, lambda _, number=number: number)):
                allowed.add((at, type(number).__name__))
        if isinstance(value, list):
            assert public_faults(changed(document, at, lambda part: [*part, SMUGGLED])), at
    in_curve = {at for at, _ in allowed if at[0] == "power_curve"}
    assert {at[-1] for at, _ in allowed if at not in in_curve and _ != "bool"} <= NUMBERS
    assert {at[-1] for at, kind in allowed if kind == "bool"} <= {"made", "passed", "targets_public"}
    assert {kind for at, kind in allowed if at[-1] == "rows"} <= {"int"}
    if not document["claim"]["targets_public"]:
        assert not in_curve
        assert not {at for at, _ in allowed if at[0] == "findings"}


@pytest.mark.parametrize("name", ["real", "passed"])
def test_what_is_empty_stays_empty(editions: dict[str, dict[str, Any]], name: str) -> None:
    document = thinned(editions[name])
    empty = [at for at, value in places(document) if value == "" and at[0] in ("findings", "checks", "controls")]
    assert empty
    for at in empty:
        assert public_faults(changed(document, at, lambda _: "a score of 0.48613"))
    for key, value in (("reasons", ["A score of 0.48613."]), ("reasons", []), ("reasons", [*document["reasons"], "x"]),
                       ("diagnostics", [{"name": "distance", "value": SMUGGLED, "words": ""}])):  # fmt: skip
        assert public_faults({**document, key: value})
    others = {"pass": "fail", "fail": "pass", "inconclusive": "pass"}
    assert public_faults({**document, "verdict": others[document["verdict"]]})  # with the other verdict's reason


def test_the_number_of_targets_is_told_only_where_it_is_public(editions: dict[str, dict[str, Any]]) -> None:
    document = editions["passed"]
    hidden = changed(document, ("claim", "targets_public"), lambda _: False)
    assert public_faults(hidden)
    blank = {**hidden, "power": "", "power_curve": []}
    assert public_faults(blank)  # the findings tell it still
    findings = [{**each, "power": {}} for each in document["findings"]]
    assert public_faults({**blank, "findings": findings}) == []


def test_texts_and_lists_are_bounded(editions: dict[str, dict[str, Any]]) -> None:
    document = thinned(editions["passed"])
    for at, value in places(document):
        if isinstance(value, str):
            assert public_faults(changed(document, at, lambda _: "x" * (MAX_TEXT + 1)))
    assert public_faults(changed(document, ("identity", "columns"), lambda _: ["x"] * (MAX_ITEMS + 1)))
    assert public_faults(changed(document, ("identity", "columns"), lambda _: ["x"] * MAX_ITEMS)) == []


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("identity", "report_id"), "r"),
        (("identity", "sha256"), "ab"),
        (("identity", "created"), "yesterday, at 0.48613"),
        (("identity", "rows"), -1),
        (("identity", "software", "numpy"), "2.0 and 0.48613"),
        (("version",), 2),
        (("format",), "other"),
        (("claim", "epsilon"), float("inf")),
        (("claim", "epsilon"), float("nan")),
    ],
)
def test_odd_values_are_refused(editions: dict[str, dict[str, Any]], at: Place, value: Any) -> None:
    with pytest.raises(ReleaseError, match=r"audit\.json must be a public edition"):
        require_public(changed(editions["passed"], at, lambda _: value), "audit.json")


def test_nothing_but_an_object_of_bounded_depth_is_read() -> None:
    deep: dict[str, Any] = {}
    for _ in range(20_000):
        deep = {"identity": deep}
    for document in ({}, {"identity": 1}, deep):
        assert public_faults(document)
