"""A workload or label that the user gives becomes a setting, or a refusal that says what would do."""

from __future__ import annotations

import pytest

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.synthesizers.aim import AIM
from dpsynth.synthesizers.asked import with_workload
from dpsynth.synthesizers.mwem import MWEM
from dpsynth.workload import Workload

DOMAIN = Domain.of({"age": 80, "sex": 2, "income": 2})


def test_nothing_asked_changes_nothing():
    for name in ("mst", "aim"):
        assert with_workload(name, {"gap": 1.0}, None, None, DOMAIN) == {"gap": 1.0}
    assert with_workload("mst", {"workload": "2"}, None, None, DOMAIN) == {"workload": "2"}  # refused by name later


@pytest.mark.parametrize(("name", "kind"), [("aim", AIM), ("mwem", MWEM)])
def test_a_label_joins_the_synthesizers_own_workload(name, kind):
    settings = with_workload(name, {}, None, "income", DOMAIN)
    assert settings["workload"].label == "income"
    assert settings["workload"].degree == kind().workload.degree
    assert kind(**settings).workload == settings["workload"]


def test_workloads_come_as_text_or_as_values():
    read = with_workload("aim", {}, "age,sex;sex,income", "sex", DOMAIN)["workload"]
    assert read == Workload(label="sex", cliques=(("age", "sex"), ("sex", "income")))
    assert with_workload("aim", {}, read, "sex", DOMAIN)["workload"] == read


@pytest.mark.parametrize("unknown", ["label", "weights", "clique"])
def test_unknown_columns_are_refused_with_a_suggestion(unknown):
    workload = {
        "label": Workload(label="incom"),
        "weights": Workload(column_weights={"incom": 2.0}),
        "clique": Workload(cliques=(("age", "incom"),)),
    }[unknown]
    with pytest.raises(SettingError, match="did you mean 'income'"):
        with_workload("aim", {}, workload, None, DOMAIN)


def test_synthesizers_without_a_workload_are_named():
    with pytest.raises(SettingError, match=r"label must be given .* got 'mst'; try one of .*'aim', 'mwem'"):
        with_workload("mst", {}, None, "income", DOMAIN)
