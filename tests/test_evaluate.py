"""An evaluation from end to end: figures with arms, JSON, page, and never in a release."""

from __future__ import annotations

import importlib.util
import json
import re
import stat
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from sklearn import ensemble
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.evaluate import evaluate as command
from dpsynth.errors import DataError, ReleaseError, SettingError
from dpsynth.evaluation import propensity, queries
from dpsynth.evaluation.evaluation import EDITION

HOSTILE = "<script>document.title='taken'</script>"
SCHEMA = dpsynth.Schema(
    [
        dpsynth.Identifier("id"),
        dpsynth.Categorical("sex", values=["F", "M"]),
        dpsynth.Categorical(HOSTILE, values=["<b>a", "c"], nullable=True),
        dpsynth.Numeric("age", lower=0, upper=99, integer=True, edges=[20, 30, 40, 50, 60, 70]),
        dpsynth.OpenCategorical("city"),
        dpsynth.Boolean("ill"),
    ]
)
app = typer.Typer()
app.command()(command)


def people(rows: int = 1200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex = rng.integers(0, 2, rows)
    age = np.clip(rng.normal(40 + 8 * sex, 12, rows).round(), 0, 99)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "sex": np.where(sex == 1, "F", "M"),
            HOSTILE: pd.Series(rng.choice(["<b>a", "c", None], rows)),
            "age": age,
            "city": rng.choice(["Oslo", "</style>Moss"], rows),
            "ill": rng.random(rows) < 0.1 + 0.7 * (age > 45),
        }
    )


def task(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, float]:
    assert train["age"].dtype == test["age"].dtype
    assert list(train) == ["sex", HOSTILE, "age", "city", "ill"]
    return {"age": float(abs(train["age"].mean() - test["age"].mean())), "rows": float(len(train))}


@pytest.fixture(scope="module", autouse=True)
def quick_models() -> Iterator[None]:
    """Few trees: the metrics have tests of their own, here it matters that all comes together."""
    with pytest.MonkeyPatch.context() as patch:
        for name, few in (("IsolationForest", {"n_estimators": 5}), ("RandomForestClassifier", {"max_depth": 4})):
            patch.setattr(ensemble, name, partial(getattr(ensemble, name), **few))
        for name in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"):
            patch.setattr(ensemble, name, partial(getattr(ensemble, name), max_iter=8))
        patch.setattr(propensity, "RELABELLINGS", 1)
        patch.setattr(queries.queries, "__defaults__", (10,))
        yield


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = dpsynth.synthesize(people(), SCHEMA, epsilon=50, delta=1e-6, synthesizer="mst", seed=1)
    return made.save(tmp_path_factory.mktemp("evaluate") / "release")


@pytest.fixture(scope="module")
def found(release: Path) -> dpsynth.Evaluation:
    stages: list[float] = []
    made = dpsynth.evaluate(
        release,
        people(),
        label="ill",
        protected=["sex"],
        area="sex",
        over="age",
        tasks=task,
        repeats=2,
        progress=lambda _stage, fraction: stages.append(fraction),
    )
    assert stages == sorted(stages)
    return made


def test_figures_stand_between_their_arms(found: dpsynth.Evaluation) -> None:
    two_way = found["2-way"]
    assert two_way.ceiling.value < two_way.floor.value
    assert two_way.whole is not None
    assert two_way.whole < two_way.synthetic.value  # all rows have less chance in them than halves
    learned = found["AUC, boosted trees"]
    assert learned.floor.value < 0.6 < 0.7 < learned.ceiling.value
    assert learned.synthetic.least <= learned.synthetic.value <= learned.synthetic.most
    assert found["task: rows"].synthetic.value == found["task: rows"].ceiling.value == 600
    assert {each.model for each in found.direct} == {"naive Bayes", "random forest", "logistic regression"}
    assert [each.name for each in found.groups] == ["sex: F", "sex: M"] or len(found.groups) == 2
    assert all(each.noise is not None and 0 < each.noise < 5 for each in found.groups)
    assert found.gaps[0].column == "sex"
    assert set(found.areas) == {"F", "M"}
    assert found.subject.positive == "True"
    with pytest.raises(KeyError):
        found["6-way"]


def test_the_same_seed_gives_the_same_figures(release: Path) -> None:
    one, two, other = (
        dpsynth.evaluate(release, people(200), repeats=1, seed=seed).to_json()["figures"] for seed in (3, 3, 4)
    )
    assert one == two
    assert one != other


def _valid(value: Any, schema: Any, definitions: dict[str, Any]) -> None:
    """Enough of JSON Schema for ours: types, required and allowed properties, items, enums, references."""
    if "$ref" in schema:
        _valid(value, definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
        return
    kinds = {"object": dict, "array": list, "string": str, "number": (int, float), "integer": int, "null": type(None)}
    if "type" in schema:
        allowed = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert isinstance(value, tuple(kinds[each] for each in allowed)), (value, schema)  # type: ignore[arg-type]
    if "const" in schema:
        assert value == schema["const"]
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        assert set(schema.get("required", [])) <= set(value), set(schema["required"]) - set(value)
        for key, each in value.items():
            if key in properties:
                _valid(each, properties[key], definitions)
            else:
                assert schema.get("additionalProperties", False) is not False, key
                _valid(each, schema["additionalProperties"], definitions)
    if isinstance(value, list) and "items" in schema:
        for each in value:
            _valid(each, schema["items"], definitions)


def test_the_document_is_what_its_schema_says(found: dpsynth.Evaluation) -> None:
    path = Path(dpsynth.__file__).parent / "evaluation" / "evaluation.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    _valid(document, schema, schema["$defs"])
    assert document["edition"] == EDITION
    assert list(document)[:3] == ["format", "version", "edition"]
    spoiled = {**document, "surprise": 1}
    with pytest.raises(AssertionError):
        _valid(spoiled, schema, schema["$defs"])


def test_it_is_written_for_the_steward_and_never_into_a_release(
    found: dpsynth.Evaluation, release: Path, tmp_path: Path
) -> None:
    written = found.save(tmp_path / "new")
    assert [each.name for each in written] == ["evaluation.html", "evaluation.json"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in written} == {0o600}
    with pytest.raises(ReleaseError, match="overwrite"):
        found.save(tmp_path / "new")
    found.save(tmp_path / "new", overwrite=True)
    before = sorted(release.iterdir())
    for place in (release, release / "evaluation"):
        with pytest.raises(ReleaseError, match="must not lie in a release"):
            found.save(place, overwrite=True)
    assert sorted(release.iterdir()) == before


def test_the_page_says_whose_it_is_and_runs_nothing(found: dpsynth.Evaluation) -> None:
    page = found.to_html()
    assert "Steward&#x27;s edition: computed on private rows without privacy; do not publish." in page[:40_000]
    assert "<script" not in page
    assert "</style>Moss" not in page
    assert len(re.findall(r"<svg ", page)) >= 5
    assert EDITION.replace("'", "&#x27;") in found._repr_html_()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label": "agee"}, "label"),
        ({"protected": ["id"]}, "protected"),
        ({"repeats": 0}, "repeats"),
        ({"over": "sex"}, "over"),
        ({"positive": "True"}, "must come with a label"),
        ({"label": "city", "positive": "Oslo"}, "declared value"),
        ({"tasks": "nomodule"}, "module:function"),
        ({"tasks": "no_such_module:task"}, "imported"),
        ({"tasks": "json:nothing"}, "name a function"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused_first(release: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        dpsynth.evaluate(release, people(200), **changed)


def test_a_task_must_give_numbers(release: Path) -> None:
    with pytest.raises(SettingError, match="must return a number"):
        dpsynth.evaluate(release, people(100), tasks=lambda _train, _test: "good", repeats=1)  # type: ignore[arg-type,return-value]


def test_tables_that_break_the_schema_or_are_tiny_are_refused_without_a_cell(release: Path) -> None:
    broken = people(200)
    broken.loc[3, "sex"] = "secret"
    with pytest.raises(DataError, match="sex") as refused:
        dpsynth.evaluate(release, broken)
    assert "secret" not in str(refused.value)
    with pytest.raises(DataError, match="at least"):
        dpsynth.evaluate(release, people(20))


def test_the_command(release: Path, tmp_path: Path) -> None:
    private = tmp_path / "private.csv"
    people(400).to_csv(private, index=False)
    arguments = [str(release), "--private", str(private), "--repeats", "1", "--no-direct"]
    refused = CliRunner().invoke(app, [*arguments, "--out", str(release / "x")])
    assert refused.exit_code == 1
    assert "must not lie in a release" in " ".join(refused.stderr.split())
    told = CliRunner().invoke(app, [*arguments, "--label", "ill", "--protected", "sex", "--out", str(tmp_path / "out")])
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith(EDITION)
    assert "evaluation.html" in told.stdout
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert document["edition"] == EDITION
    assert document["direct"] == []
    holdout = tmp_path / "holdout.csv"
    people(200, 9).to_csv(holdout, index=False)
    asked = CliRunner().invoke(app, [*arguments, "--holdout", str(holdout), "--json"])
    assert asked.exit_code == 0, asked.output
    assert json.loads(asked.stdout)["subject"]["holdout_rows"] == 200


def _report_fixtures(name: str) -> ModuleType:
    path = Path(__file__).parent / name
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_whole_in_a_browser(found: dpsynth.Evaluation, tmp_path: Path) -> None:
    driver = _report_fixtures("attacks/report/test_in_browser.py")
    measures = _report_fixtures("report/test_in_browser.py")
    if driver.CHROMIUM is None or sys.platform == "win32":
        pytest.skip("no Chromium is installed")
    page = tmp_path / "evaluation.html"
    page.write_text(found.to_html(), encoding="utf-8")
    browser = driver.Browser(tmp_path / "profile")
    try:
        for width, scheme in ((360, "dark"), (1280, "light")):
            browser.open(page, width, scheme)
            assert browser.value("document.documentElement.scrollWidth") <= width
            assert browser.value(measures.sticks_out(driver)) == []
            assert browser.value(driver.CLASHES) == []
            assert browser.value(driver.TOO_FAINT) == []
            assert browser.value(measures.FAINT_FIGURES) == []
            assert browser.value(measures.FAULTS_BY_EAR) == []
            assert browser.value("document.title").startswith("Evaluation")
            assert browser.complaints == []
    finally:
        browser.close()
