"""Every synthesizer keeps every constraint in every row, whatever the private rows hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import dpsynth
from dpsynth.synthesizers.catalogue import CATALOGUE
from tests.conformance.quick_settings import NETWORKS, quick_settings

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Categorical("sex", values=["F", "M"]),
        dpsynth.Categorical("kin", values=["husband", "wife", "child", "other"]),
        dpsynth.Numeric("age", lower=0, upper=99, integer=True, edges=[30, 60]),
        dpsynth.Numeric("start", lower=0, upper=99, integer=True, edges=[25, 50, 75]),
        dpsynth.Numeric("end", lower=0, upper=99, integer=True, edges=[25, 50, 75], nullable=True),
        dpsynth.Categorical("kin_code", values=[1, 2, 3, 4]),
    ],
    constraints=[
        dpsynth.Forbidden([{"sex": "F", "kin": "husband"}, {"sex": "M", "kin": "wife"}]),
        dpsynth.Forbidden({"age": (None, 15), "kin": ["husband", "wife"]}),
        dpsynth.Order(["start", "end"]),
        dpsynth.Dependency("kin_code", by="kin", values={"husband": 1, "wife": 2, "child": 3, "other": 4}),
    ],
)
SETTINGS = {"direct": {"marginals": "sex,kin;start,end;age"}}


def private(rows, broken):
    """Rows that keep the constraints, or break them all."""
    rng = np.random.default_rng(0)
    kin = rng.choice(["husband", "wife", "child", "other"], rows)
    end = rng.integers(0, 100, rows)
    table = pd.DataFrame({"kin": kin, "age": np.where((kin == "child") | broken, 9, rng.integers(16, 99, rows))})
    table["sex"] = np.where((kin == "husband") ^ broken, "M", "F")
    table["start"], table["end"] = np.where(broken, 99, end // 2), end
    table["kin_code"] = table.kin.map({"husband": 1, "wife": 2, "child": 3, "other": 4})
    return table


def faults(table):
    return {
        "sex": (((table.sex == "F") & (table.kin == "husband")) | ((table.sex == "M") & (table.kin == "wife"))).sum(),
        "age": ((table.age <= 15) & table.kin.isin(["husband", "wife"])).sum(),
        "order": (table.start > table.end).fillna(False).sum(),
        "code": (table.kin.map({"husband": 1, "wife": 2, "child": 3, "other": 4}) != table.kin_code).sum(),
    }


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("name", sorted(set(CATALOGUE) - NETWORKS))
def test_every_row_keeps_every_constraint(name, broken):
    settings = {**quick_settings(name), **SETTINGS.get(name, {})}
    release = dpsynth.synthesize(
        private(400, broken), SCHEMA, epsilon=1, delta=1e-6, synthesizer=name, settings=settings, seed=1
    )
    assert not any(faults(release.sample(4000, seed=2)).values())
    assert len(release.table) > 0


def test_the_faults_would_be_seen():
    free = dpsynth.Schema(SCHEMA.columns)
    release = dpsynth.synthesize(private(400, True), free, epsilon=1, delta=1e-6, synthesizer="independent", seed=1)
    assert all(faults(release.sample(4000, seed=2)).values())


def test_a_release_keeps_its_constraints(tmp_path):
    release = dpsynth.synthesize(private(300, False), SCHEMA, epsilon=1, delta=1e-6, synthesizer="mst", seed=1)
    again = dpsynth.load(release.save(tmp_path / "r"))
    assert again.schema == dpsynth.Schema.load(tmp_path / "r" / "schema.yaml") == SCHEMA
    assert again.codec == release.codec
    assert again.sample(500, seed=3).equals(release.sample(500, seed=3))
    words = (tmp_path / "r" / "certificate.txt").read_text()
    assert "constraint: start <= end" in words
    assert "kin_code" not in release.model.domain
