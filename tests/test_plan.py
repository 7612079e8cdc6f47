"""Plans: from public facts alone, within the budget, and refused when too large before data is read."""

from __future__ import annotations

import json

import pytest

import dpsynth
from dpsynth.errors import PlanTooLargeError, SettingError
from dpsynth.plan import Resources
from dpsynth.privacy.cost import ZERO
from dpsynth.selftest import SETTINGS, mixed_schema
from dpsynth.synthesizers.catalogue import CATALOGUE
from dpsynth.workload import Workload

WIDE = dpsynth.Schema([dpsynth.Categorical(name, values=range(300_000)) for name in "ab"])


@pytest.mark.parametrize("name", sorted(dpsynth.synthesizers()))
@pytest.mark.parametrize("relation", ["add-remove", "replace-one"])
def test_steps_add_up_to_at_most_the_budget(name, relation):
    plan = dpsynth.plan(
        mixed_schema(), epsilon=1.0, delta=1e-6, synthesizer=name, relation=relation, settings=SETTINGS.get(name)
    )
    total = sum((step.cost for step in plan.steps), ZERO)
    assert total.fits(plan.budget)
    assert float(total.mu_squared / plan.budget.mu_squared) == pytest.approx(1, abs=1e-9)
    assert plan.guarantee.delta(1.0) <= 1e-6
    assert plan.predicted_cells > 0
    assert plan.predicted_bytes > 0
    assert plan.predicted_seconds > 0


def test_json_has_the_same_words_as_python():
    plan = dpsynth.plan(mixed_schema(), epsilon=1.0, delta=1e-6)
    document = plan.to_json()
    for name in ("synthesizer", "reason", "epsilon", "delta", "predicted_cells", "predicted_bytes"):
        assert document[name] == getattr(plan, name)
    assert [step["label"] for step in document["steps"]] == [step.label for step in plan.steps]
    assert sum(step["share"] for step in document["steps"]) == pytest.approx(1)
    assert document["unit"]["description"] == plan.unit.describe()


def test_a_plan_too_large_for_memory_is_refused_before_data_is_read(tmp_path):
    with pytest.raises(PlanTooLargeError, match="predicted memory"):
        dpsynth.plan(WIDE, epsilon=1.0, delta=1e-6, synthesizer="mst")
    with pytest.raises(PlanTooLargeError):  # the file does not exist: it was not even looked for
        dpsynth.synthesize(tmp_path / "absent.csv", WIDE, epsilon=1.0, delta=1e-6, synthesizer="mst")
    small = dpsynth.Schema([dpsynth.Categorical(name, values=range(30)) for name in "ab"])
    with pytest.raises(PlanTooLargeError, match="memory_limit_bytes"):
        dpsynth.plan(small, epsilon=1.0, delta=1e-6, settings={"memory_limit_bytes": 1000})


def test_a_plan_too_large_names_the_largest_columns_and_the_setting():
    columns = [dpsynth.Categorical(name, values=range(codes)) for name, codes in (("b", 30), ("c", 5), ("a", 40))]
    with pytest.raises(PlanTooLargeError) as caught:
        dpsynth.plan(dpsynth.Schema(columns), epsilon=1.0, delta=1e-6, settings={"memory_limit_bytes": 1000})
    message = str(caught.value)
    assert "'a' (40 codes) and 'b' (30 codes)" in message
    assert "'c'" not in message
    enough = int(message.rpartition("--set memory_limit_bytes=")[2].split()[0])
    assert f"settings={{'memory_limit_bytes': {enough}}}" in message
    dpsynth.plan(dpsynth.Schema(columns), epsilon=1.0, delta=1e-6, settings={"memory_limit_bytes": enough})


@pytest.mark.parametrize("epsilon", [0, -1.0, float("nan"), float("inf"), True])
def test_bad_epsilon(epsilon):
    with pytest.raises(SettingError, match="epsilon"):
        dpsynth.plan(mixed_schema(), epsilon=epsilon, delta=1e-6)


@pytest.mark.parametrize("delta", [0, -1e-9, 1.0, 2.0, float("nan"), True])
def test_bad_delta(delta):
    with pytest.raises(SettingError, match="delta"):
        dpsynth.plan(mixed_schema(), epsilon=1.0, delta=delta)


def test_delta_of_one_in_public_rows_is_refused():
    schema = dpsynth.Schema([dpsynth.Boolean("smoker")], public_rows=1000)
    with pytest.raises(SettingError, match="public_rows"):
        dpsynth.plan(schema, epsilon=1.0, delta=1e-3)
    assert dpsynth.plan(schema, epsilon=1.0, delta=1e-4).delta == 1e-4


def test_an_unreviewed_schema_is_refused():
    schema = dpsynth.Schema([dpsynth.Numeric("age", lower=0, upper=97, source={"upper": "unreviewed"})])
    with pytest.raises(dpsynth.errors.SchemaError, match="age"):
        dpsynth.plan(schema, epsilon=1.0, delta=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"synthesizer": "mts"}, "did you mean 'mst'"),
        ({"settings": {"one_way_shar": 0.1}}, "did you mean 'one_way_share'"),
        ({"settings": {"one_way_share": "much"}}, "must be a number"),
        ({"settings": {"one_way_share": 1.5}}, "between 0 and 1"),
        ({"settings": {"one_way_share": 0.9, "select_share": 0.2}}, "below 1"),
        ({"settings": {"encoding_share": 0}}, "encoding_share"),
        ({"settings": {"noise_penalty": float("nan")}}, "noise_penalty"),
        ({"settings": {"merge_below": "nan"}}, "merge_below"),
        ({"settings": {"gap": -1}}, "gap"),
        ({"settings": {"range_share": 0.95}}, "range_share"),
        ({"settings": {"binning": "privtre"}}, "'privtree'"),
        ({"settings": {"binning": 3}}, "binning"),
        ({"relation": "swap"}, "add-remove"),
        ({"unit": "nobody", "max_rows_per_unit": 2}, "Identifier"),
        ({"unit": "person"}, "max_rows_per_unit"),
        ({"max_rows_per_unit": 3}, "unit"),
        ({"unit": "person", "max_rows_per_unit": 0}, "max_rows"),
        ({"synthesizer": "auto", "settings": {"marginals": "colour,size"}}, r"it is a setting of \['direct'\]"),
        ({"synthesizer": "direct"}, "at least one clique"),
        ({"synthesizer": "direct", "settings": {"marginals": "colour,nothing"}}, "nothing"),
    ],
)
def test_bad_options_say_what_to_do(options, words):
    with pytest.raises(SettingError, match=words):
        dpsynth.plan(mixed_schema(), epsilon=1.0, delta=1e-6, **{"synthesizer": "mst", **options})


def test_auto_is_the_default_and_gives_its_reason():
    plan = dpsynth.plan(mixed_schema(), epsilon=1.0, delta=1e-6)
    assert plan == dpsynth.plan(mixed_schema(), epsilon=1.0, delta=1e-6, synthesizer="auto")
    assert plan.synthesizer in CATALOGUE
    assert "6 columns" in plan.reason
    assert dpsynth.plan(mixed_schema(), epsilon=1.0, delta=1e-6, synthesizer="mst").reason is None
    one = dpsynth.Schema([dpsynth.Boolean("smoker"), dpsynth.Identifier("person")])
    assert dpsynth.plan(one, epsilon=1.0, delta=1e-6).synthesizer == "independent"
    assert dpsynth.plan(one, epsilon=1.0, delta=1e-6, label="smoker").settings["workload"]["label"] == "smoker"
    few = dpsynth.Schema([dpsynth.Boolean(name) for name in "abc"], public_rows=20)
    assert dpsynth.plan(few, epsilon=0.1, delta=1e-6).synthesizer == "independent"


def test_a_longer_fit_is_predicted_to_take_longer():
    cells = Resources(10, 1000, 1000)
    assert Resources(10, 1000, 1000, fit_seconds=7.0).seconds == pytest.approx(cells.seconds + 7)
    plans = {
        stages: dpsynth.plan(
            mixed_schema(), epsilon=1.0, delta=1e-6, synthesizer="mixture", settings={"stages": stages}
        )
        for stages in (1, 20)
    }
    assert plans[20].predicted_seconds > plans[1].predicted_seconds


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label": "colr"}, "did you mean 'colour'"),
        ({"label": "person"}, "no identifier"),
        ({"workload": "colour,sizes"}, "did you mean 'size'"),
        ({"workload": "2;weights=nothing:3"}, "try one of"),
        ({"workload": "2;label=size", "label": "colour"}, "label"),
        ({"workload": "2", "settings": {"workload": "3"}}, "once"),
        ({"workload": "2", "synthesizer": "mst"}, "'aim', 'mwem'"),
        ({"label": "colour", "synthesizer": "independent"}, "'aim', 'mwem'"),
        ({"workload": "2", "synthesizer": "mts"}, "did you mean 'mst'"),
        ({"settings": {"workload": "colour,sizes"}}, "did you mean 'size'"),
    ],
)
def test_bad_workloads_are_refused_without_data(options, words, tmp_path):
    with pytest.raises(SettingError, match=words):
        dpsynth.synthesize(
            tmp_path / "absent.csv", mixed_schema(), epsilon=1.0, delta=1e-6, **{"synthesizer": "aim", **options}
        )


def test_workload_and_label_reach_the_synthesizer():
    options = {"epsilon": 1.0, "delta": 1e-6, "synthesizer": "aim"}
    plan = dpsynth.plan(mixed_schema(), label="colour", **options)
    assert plan.settings["workload"]["label"] == "colour"
    assert plan.settings["workload"]["degree"] == 3
    same = dpsynth.plan(mixed_schema(), workload="2", label="size", **options)
    assert same == dpsynth.plan(mixed_schema(), workload=Workload(degree=2, label="size"), **options)
    assert same == dpsynth.plan(mixed_schema(), settings={"workload": "2;label=size"}, **options)
    assert json.dumps(same.to_json())
