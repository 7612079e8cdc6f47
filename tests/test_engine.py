"""The whole run: bad input, units, relations, seeds, what the certificate may and may not say."""

from __future__ import annotations

import dataclasses
import json
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import dpsynth
from dpsynth.engine import release as run_release
from dpsynth.engine import settle
from dpsynth.errors import DataError, DPSynthError, SettingError
from dpsynth.privacy.randomness import InsecureTestEntropy, OsEntropy
from dpsynth.selftest import SETTINGS, draw_rows, mixed_schema

PROMISE = {"epsilon": 2.0, "delta": 1e-6}
CANARY = "SECRET-4711"


def mixed_table(persons: int = 300, rows_each: int = 2) -> pd.DataFrame:
    return pd.DataFrame(draw_rows(np.random.default_rng(0), range(persons), rows_each))


def smokers(values, **options) -> dpsynth.Release:
    schema = dpsynth.Schema([dpsynth.Boolean("smoker", **options)])
    return dpsynth.synthesize(pd.DataFrame({"smoker": values}), schema, **PROMISE)


@pytest.mark.parametrize("name", sorted(dpsynth.synthesizers()))
def test_same_columns_and_declared_types_come_out(name, tmp_path):
    schema = mixed_schema()
    made = dpsynth.synthesize(mixed_table(), schema, **PROMISE, synthesizer=name, seed=1, settings=SETTINGS.get(name))
    assert tuple(made.table.columns) == schema.names
    assert made.table["person"].is_unique
    assert made.table["size"].between(0, 40).all()
    assert made.table["joined"].between(pd.Timestamp("2020-01-01"), pd.Timestamp("2020-03-31")).all()
    assert set(made.table["colour"]) <= {"red", "green", "blue"}
    made.save(tmp_path / "out")
    again = dpsynth.load(tmp_path / "out")
    pd.testing.assert_frame_equal(again.table, made.table)
    pd.testing.assert_frame_equal(again.sample(50, seed=3), made.sample(50, seed=3))
    assert again.certificate == made.certificate


@pytest.mark.parametrize("name", ["auto", "aim", "dp_merf"])
def test_where_the_rows_lie_changes_nothing_in_a_release(name, tmp_path):
    """Equal noise from a test seed, so that any other integer would show."""
    mixed_table().to_parquet(tmp_path / "t.parquet", row_group_size=70)
    made = []
    for rows_in in ("memory", "disk", "auto"):
        settings = {"rows_in": rows_in, **SETTINGS.get(name, {})}
        request = settle(mixed_schema(), **PROMISE, synthesizer=name, settings=settings)
        made.append(run_release(tmp_path / "t.parquet", request, InsecureTestEntropy(1), seed=1))
    for other in made[1:]:
        pd.testing.assert_frame_equal(other.table, made[0].table)
        assert other.certificate.estimated_total == made[0].certificate.estimated_total
        assert other.certificate.settings == made[0].certificate.settings
        assert "rows_in" not in json.dumps(other.certificate.to_json())


def test_rows_on_disk_are_refused_before_any_data_where_they_are_looked_at_one_by_one():
    with pytest.raises(SettingError, match=r"rows_in .'disk'. must be 'memory' for 'vae'"):
        settle(mixed_schema(), **PROMISE, synthesizer="vae", settings={"rows_in": "disk"})
    assert settle(mixed_schema(), **PROMISE, synthesizer="vae").rows_in == "memory"
    with pytest.raises(SettingError, match=r"rows_in .'here'. must be one of"):
        settle(mixed_schema(), **PROMISE, settings={"rows_in": "here"})
    request = settle(mixed_schema(), **PROMISE, settings={"rows_in": "disk"}, audit_pool=20)
    with pytest.raises(SettingError, match="audit pool"):
        run_release(mixed_table(), request, InsecureTestEntropy(1))


def test_every_synthesizer_that_looks_at_rows_is_known_to_need_them():
    """The list is complete: every other one runs with rows on disk."""
    from dpsynth.synthesizers.catalogue import CATALOGUE, NEEDS_ROWS

    for name in sorted(CATALOGUE.keys() - NEEDS_ROWS):
        settings = {"rows_in": "disk", **SETTINGS.get(name, {})}
        request = settle(mixed_schema(), **PROMISE, synthesizer=name, settings=settings)
        assert run_release(mixed_table(60), request, InsecureTestEntropy(1), rows=10, seed=1).rows == 10


@pytest.mark.parametrize("file", ["synthetic.csv", "synthetic.parquet"])
def test_a_release_fits_the_schema_it_was_made_with(file, tmp_path):
    table = mixed_table().assign(seen="31.12.2023 07:05")
    date = dpsynth.Datetime(
        "seen", lower="2000-01-01", upper="2030-01-01", resolution="minute", format="%d.%m.%Y %H:%M"
    )
    schema = dpsynth.Schema([*mixed_schema().columns, date])
    dpsynth.synthesize(table, schema, **PROMISE).save(tmp_path / "out")
    assert dpsynth.check(tmp_path / "out" / file, dpsynth.Schema.load(tmp_path / "out" / "schema.yaml")) == ()


def test_every_kind_of_input_gives_the_same_answer(tmp_path):
    """A test seed fixes noise and rows, so that equal input must give equal output."""
    frame = mixed_table()
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_csv(tmp_path / "t.csv.gz", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    request = settle(mixed_schema(), **PROMISE)
    tables = [
        run_release(data, request, InsecureTestEntropy(1), seed=1).table
        for data in (
            frame,
            pa.Table.from_pandas(frame),
            tmp_path / "t.csv",
            str(tmp_path / "t.csv.gz"),
            tmp_path / "t.parquet",
        )
    ]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])


def test_integer_coded_columns_are_taken_as_they_are():
    schema = dpsynth.Schema([dpsynth.Categorical("c", values=range(85))])
    release = dpsynth.synthesize({"c": np.arange(85, dtype=np.uint8).repeat(20)}, schema, **PROMISE)
    assert release.table["c"].between(0, 84).all()


def test_a_seed_fixes_the_rows_and_never_the_noise():
    table = mixed_table()
    one, other = (dpsynth.synthesize(table, mixed_schema(), **PROMISE, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(one.sample(20, seed=2), one.sample(20, seed=2))
    assert not one.sample(20, seed=2).equals(one.sample(20, seed=3))
    answers = [np.concatenate([m.values.ravel() for m in release.measurements]) for release in (one, other)]
    assert answers[0].shape != answers[1].shape or not np.array_equal(*answers)


def test_test_entropy_is_marked_not_private():
    request = settle(mixed_schema(), **PROMISE)
    marked = run_release(mixed_table(), request, InsecureTestEntropy(0)).certificate.noise
    assert not marked.private
    assert "NOT PRIVATE" in marked.entropy
    assert run_release(mixed_table(), request, OsEntropy()).certificate.noise.private


@pytest.mark.parametrize("relation", ["add-remove", "replace-one"])
def test_units_of_several_rows_cost_more_noise(relation):
    table = mixed_table(rows_each=3)
    options = {"relation": relation, **PROMISE}
    by_row = dpsynth.synthesize(table, mixed_schema(), **options)
    by_unit = dpsynth.synthesize(table, mixed_schema(), unit="person", max_rows_per_unit=3, **options)
    noise = [release.measurements[0].stddev for release in (by_row, by_unit)]
    assert noise[1] > 2 * noise[0]
    assert "NOT protected" in by_row.certificate.unit.words
    assert by_unit.certificate.unit.max_rows == 3


def test_the_certificate_holds_no_function_of_the_data_but_noisy_ones():
    """Runs on D and on a neighbour with the same test seed: only noise-bearing fields may differ."""
    request = settle(dpsynth.Schema([dpsynth.Categorical("c", values=range(3))]), **PROMISE)
    documents = []
    for values in ([0, 1, 2] * 30, [0, 1, 2] * 30 + [1]):
        release = run_release({"c": np.array(values)}, request, InsecureTestEntropy(1), seed=1)
        documents.append(release.certificate.to_json())
    differing = {key for key in documents[0] if documents[0][key] != documents[1][key]}
    assert differing <= {"rows", "estimated_total", "created"}


def test_the_certificate_says_who_chose_the_synthesizer(tmp_path):
    table = {"a": [True, False] * 50, "b": [True] * 100}
    schema = dpsynth.Schema([dpsynth.Boolean(name) for name in "ab"], public_rows=100)
    made = dpsynth.synthesize(table, schema, epsilon=0.1, delta=1e-6)
    assert made.certificate.synthesizer == "independent"
    assert "100 rows declared" in made.certificate.reason
    made.save(tmp_path / "out")
    assert dpsynth.load(tmp_path / "out").certificate == made.certificate
    assert "chosen by auto: 2 columns" in (tmp_path / "out" / "certificate.txt").read_text().replace("\n", " ")
    named = dpsynth.synthesize(table, schema, epsilon=0.1, delta=1e-6, synthesizer="mst").certificate
    assert (named.synthesizer, named.reason) == ("mst", None)


def test_the_choice_knows_no_data():
    """Tables of any size get the same synthesizer for the same sentence."""
    settled = settle(mixed_schema(), **PROMISE)
    for persons in (0, 1, 300):
        certificate = dpsynth.synthesize(mixed_table(persons), mixed_schema(), **PROMISE, rows=5).certificate
        assert (certificate.synthesizer, certificate.reason) == (settled.name, settled.reason)


def test_a_label_is_in_the_certificate(tmp_path):
    settings = {"rounds_per_column": 1, "gap": 1.0}
    made = dpsynth.synthesize(
        mixed_table(), mixed_schema(), **PROMISE, synthesizer="aim", label="colour", settings=settings
    )
    assert made.certificate.settings["workload"]["label"] == "colour"
    made.save(tmp_path / "out")
    assert "those with colour" in " ".join((tmp_path / "out" / "certificate.txt").read_text().split())


def test_spending_stays_within_the_grant():
    certificate = dpsynth.synthesize(mixed_table(), mixed_schema(), **PROMISE).certificate
    assert certificate.spending.spent_mu_squared <= certificate.spending.granted_mu_squared
    assert certificate.spending.spent_mu_squared > 0.999 * certificate.spending.granted_mu_squared
    assert 0 < certificate.spending.spent_delta <= certificate.spending.granted_delta < 1e-6


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_rows_can_be_chosen(rows):
    assert len(dpsynth.synthesize(mixed_table(), mixed_schema(), **PROMISE, rows=rows).table) == rows


@pytest.mark.parametrize(
    "table",
    [
        mixed_table(0),
        mixed_table(1, 1),
        mixed_table(3, 1).assign(city=None, member=None),
        mixed_table().assign(size=7, colour="red"),
    ],
    ids=["empty", "one row", "all null", "constant"],
)
@pytest.mark.parametrize("name", sorted(dpsynth.synthesizers()))
def test_degenerate_tables_make_valid_releases_without_warnings(table, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        release = dpsynth.synthesize(
            table, mixed_schema(), **PROMISE, synthesizer=name, rows=20, settings=SETTINGS.get(name)
        )
    assert release.table.shape == (20, 7)


def test_columns_with_a_single_value_work():
    schema = dpsynth.Schema([dpsynth.Categorical("one", values=["x"]), dpsynth.Categorical("two", values=["x", "y"])])
    release = dpsynth.synthesize(pd.DataFrame({"one": ["x"] * 9, "two": ["y"] * 9}), schema, **PROMISE, rows=5)
    assert release.table["one"].tolist() == ["x"] * 5


def bad_tables():
    good = mixed_table(20, 1)
    yield "missing column", good.drop(columns="colour")
    yield "unknown category", good.assign(colour=["red"] * 19 + [CANARY])
    yield "not a number", good.astype({"size": object}).assign(size=[1] * 19 + [CANARY])
    yield "infinite date", good.assign(joined=["2020-01-01"] * 19 + [CANARY])
    yield "missing value", good.assign(colour=["red"] * 19 + [None])
    yield "not a boolean", good.astype({"member": object}).assign(member=[True] * 19 + [CANARY])
    yield "duplicate columns", pd.concat([good, good[["colour"]].replace("red", CANARY)], axis=1)


@pytest.mark.parametrize(("what", "table"), list(bad_tables()), ids=[what for what, _ in bad_tables()])
def test_bad_tables_are_refused_without_quoting_a_cell(what, table, capsys, caplog):
    with pytest.raises(DataError) as caught:
        dpsynth.synthesize(table, mixed_schema(), **PROMISE)
    said = str(caught.value) + repr(caught.value.problems) + "".join(capsys.readouterr()) + caplog.text
    assert CANARY not in said
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert caught.value.problems[0].column in {*mixed_schema().names, None}


def test_out_of_bounds_values_follow_the_declared_rule():
    rules = {"clip": 60, "null": None}
    for rule, expected in rules.items():
        column = dpsynth.Numeric(
            "age", lower=0, upper=60, integer=True, nullable=True, bins=4, out_of_bounds=rule, atoms=(60,)
        )
        release = dpsynth.synthesize(
            pd.DataFrame({"age": [900] * 2000}), dpsynth.Schema([column]), epsilon=20.0, delta=1e-6, rows=50
        )
        seen = release.table["age"].mode(dropna=False)[0]
        assert pd.isna(seen) if expected is None else seen == expected
    column = dpsynth.Numeric("age", lower=0, upper=60, out_of_bounds="refuse")
    with pytest.raises(DataError, match="age"):
        dpsynth.synthesize(pd.DataFrame({"age": [900.0]}), dpsynth.Schema([column]), **PROMISE)


def test_an_interrupted_run_leaves_nothing_open_and_nothing_written(tmp_path, monkeypatch):
    from dpsynth.synthesizers.mst import MST

    def interrupted(self, door, codec, budget, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(MST, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dpsynth.synthesize(mixed_table(), mixed_schema(), **PROMISE, synthesizer="mst")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [-1, True])
@pytest.mark.parametrize("name", ["rows", "seed"])
def test_bad_rows_and_seeds_are_refused_before_anything_is_spent(name, number):
    with pytest.raises(SettingError, match=name):
        dpsynth.synthesize(None, mixed_schema(), **PROMISE, **{name: number})


def test_every_error_has_a_stable_code():
    def tree(kind):
        return [kind, *(leaf for sub in kind.__subclasses__() for leaf in tree(sub))]

    codes = {kind.code for kind in tree(DPSynthError) if not kind.__name__.startswith("_")}
    assert {"setting", "schema", "data", "budget", "plan-too-large", "release", "missing-extra"} <= codes


def test_progress_is_told():
    stages = []
    dpsynth.synthesize(
        mixed_table(),
        mixed_schema(),
        **PROMISE,
        synthesizer="mst",
        progress=lambda stage, done: stages.append((stage, done)),
    )
    assert {"plan: mst", "reading the table", "one-way marginals", "model"} <= {stage for stage, _ in stages}
    assert all(0 <= done <= 1 for _, done in stages)


def test_nulls_come_out_in_about_the_right_share():
    release = smokers([True] * 1500 + [False] * 3000 + [None] * 500, nullable=True)
    shares = release.table["smoker"].value_counts(normalize=True, dropna=False)
    assert shares[True] == pytest.approx(0.3, abs=0.03)
    assert release.table["smoker"].isna().mean() == pytest.approx(0.1, abs=0.02)


def test_no_value_outside_the_public_schema_is_released():
    """A lonely value of an open column, and every exact number of a fine column, stay inside."""
    table = mixed_table().assign(city=["Oslo"] * 599 + [CANARY])
    release = dpsynth.synthesize(table, mixed_schema(), **PROMISE)
    assert CANARY not in set(release.table["city"])
    assert CANARY not in json.dumps(release.codec.to_json())
    assert CANARY not in json.dumps(dataclasses.asdict(release.certificate))
