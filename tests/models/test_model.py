from __future__ import annotations

import json

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.errors import ReleaseError
from dpsynth.models.bayes_net import BayesNet
from dpsynth.models.mixture import Mixture
from dpsynth.models.model import READERS, Model, read_model
from dpsynth.models.random_field import RandomField
from dpsynth.models.record_table import RecordTable


def examples() -> dict[str, Model]:
    domain = Domain.of({"a": 2, "b": 3})
    return {
        "dpsynth-bayes-net-1": BayesNet(
            domain, ("b", "a"), ((), ("b",)), (np.full(3, 1 / 3), np.array([[0.5, 0.5], [1, 0], [0.2, 0.8]])), 8.0
        ),
        "dpsynth-mixture-1": Mixture(
            domain, np.array([0.5, 0.5]), (np.eye(2), np.array([[0.5, 0.5, 0], [0, 0, 1]])), 8.0
        ),
        "dpsynth-record-table-1": RecordTable.of_matrix(domain, np.array([[0, 2], [1, 0], [1, 0]]), 8.0),
        "dpsynth-random-field-1": RandomField.independent(domain, {"a": np.array([3.0, 1.0])}, 8.0),
    }


def test_every_format_has_an_example() -> None:
    assert set(examples()) == set(READERS)


@pytest.mark.parametrize("name", sorted(READERS))
def test_round_trip_by_format(name: str) -> None:
    model = examples()[name]
    back = read_model(json.loads(json.dumps(model.to_json())), model.to_arrays())
    assert type(back) is type(model)
    assert back.domain == model.domain
    assert back.total == model.total
    assert np.array_equal(back.project(("b", "a")), model.project(("b", "a")))


@pytest.mark.parametrize("stored", [None, 3, "other", ["dpsynth-random-field-1"], {"a": 1}])
def test_unknown_formats_are_refused(stored: object) -> None:
    with pytest.raises(ReleaseError, match="model format must be one of"):
        read_model({"format": stored}, {})
