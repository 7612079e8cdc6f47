from __future__ import annotations

import itertools

import numpy as np
import pytest

import dpsynth
from dpsynth.domain import Domain
from dpsynth.engine import run_request, settle
from dpsynth.errors import SettingError
from dpsynth.mechanisms.marginals import squared_residual_shift
from dpsynth.models.mixture import Mixture as MixtureModel
from dpsynth.privacy.calibration import budget_from
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.session import Session
from dpsynth.synthesizers.mixture import Mixture
from dpsynth.synthesizers.synthesizer import Fitted

BUDGET = budget_from(1.0, 1e-6)


def fit(table: dict[str, np.ndarray], sizes: dict[str, int], **settings: float) -> Fitted:
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(size)) for name, size in sizes.items()])
    asked = settle(schema, epsilon=1.0, delta=1e-6, synthesizer="mixture", settings=settings)
    source = InsecureTestEntropy(0)
    return run_request(
        asked, Session(MemoryCounter(ingest(table, schema, asked.unit, source)), asked.unit, asked.budget, source)
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"one_way_share": 0.0},
        {"one_way_share": 1.0},
        {"merge_below": -1.0},
        {"merge_below": float("nan")},
        {"components": 0},
        {"components": 2.5},
        {"factors": float("inf")},
        {"stages": float("nan")},
        {"stage_steps": -1},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        Mixture(**settings)


def test_every_pair_costs_the_same_and_columns_of_one_code_are_left_out() -> None:
    domain = Domain.of({"a": 2, "b": 7, "one": 1, "c": 4})
    for relation in Relation:
        unit = PrivacyUnit(relation)
        one_ways, pairs = Mixture().steps(domain, BUDGET, unit)
        assert one_ways.cost.mu_squared + pairs.cost.mu_squared == BUDGET.mu_squared
        assert pairs.cells == 2 * 7 + 2 * 4 + 7 * 4
        assert pairs.stddev is not None
        cells = {(2, 7), (2, 4), (7, 4)}
        costs = [squared_residual_shift(shape, unit) / np.prod(shape) ** 2 for shape in cells]
        # At an equal cost the stddev is proportional to the root of the squared shift.
        assert pairs.stddev[1] / pairs.stddev[0] == pytest.approx((max(costs) / min(costs)) ** 0.5, rel=1e-3)


@pytest.mark.parametrize("sizes", [{"a": 3}, {"a": 3, "one": 1}, {"one": 1, "two": 1}])
def test_tables_without_a_pair_get_their_one_ways(sizes: dict[str, int]) -> None:
    rng = np.random.default_rng(0)
    fitted = fit({name: rng.integers(0, size, 500) for name, size in sizes.items()}, sizes)
    assert isinstance(fitted.model, MixtureModel)
    assert all(len(one.clique) == 1 for one in fitted.measurements)
    assert len(fitted.model.sample(100, np.random.default_rng(0))) == len(sizes)


def test_columns_that_all_depend_on_each_other_are_held_by_a_model_of_linear_size() -> None:
    """Twelve noisy copies of one hidden code: no tree of pairs, and a junction tree over all has 4^12 cells."""
    rng, rows = np.random.default_rng(0), 20_000
    hidden = rng.choice(4, rows, p=[0.4, 0.3, 0.2, 0.1])
    table = {f"c{i}": np.where(rng.random(rows) < 0.6, hidden, rng.integers(0, 4, rows)) for i in range(12)}
    sizes = dict.fromkeys(table, 4)
    model = fit(table, sizes).model
    assert sum(array.size for array in model.to_arrays().values()) < 400 * 49 + 1
    errors, independent = [], []
    for a, b in itertools.combinations(table, 2):
        exact = np.bincount(4 * table[a] + table[b], minlength=16).reshape(4, 4) / rows
        errors.append(np.abs(model.project((a, b)) / model.total - exact).sum() / 2)
        independent.append(np.abs(np.outer(exact.sum(1), exact.sum(0)) - exact).sum() / 2)
    assert np.mean(errors) < 0.15 * np.mean(independent)
