"""What every synthesizer in the catalogue must do; a new one is taken up by its catalogue line alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import dpsynth
from dpsynth.engine import largest_domain, plan_request, run_request, settle
from dpsynth.errors import PlanTooLargeError
from dpsynth.privacy.cost import ZERO
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.session import Session
from dpsynth.synthesizers.catalogue import CATALOGUE
from tests.conformance.quick_settings import NETWORKS, quick_settings

NAMES = sorted(CATALOGUE)
SMALL = {"hidden": 24, "latent": 4, "training_steps": 40, "rate": 0.1, "warm_rows": 4000, "components": 2000}
SETTINGS = {
    "direct": {"marginals": "a,b;b,c"},
    "vae": {**SMALL, "epochs": 25},
    "diffusion": {key: value for key, value in SMALL.items() if key != "latent"} | {"epochs": 15},
    "gan": {
        **SMALL,
        "decoder_steps": 400,
        "warm_steps": 200,
        "critic_steps": 1,
        "generator_rate": 2e-3,
        "critic_rate": 2e-3,
    },
    "autoencoder": {**SMALL, "epochs": 25, "gaussians": 30},
    "pategan": {
        "hidden": 24,
        "latent": 4,
        "teachers": 20,
        "rounds": 4,
        "batch": 32,
        "lessons": 3,
        "lesson": 8,
        "warm_rows": 4000,
        "epochs": 40,
        "components": 2000,
    },
}
# Networks learn what they were shown, and do not interpolate it.
RECOVERED = {"vae": 0.08, "diffusion": 0.08, "gan": 0.12, "pategan": 0.08, "autoencoder": 0.08}
# Half the error of independent columns, but for a Gaussian copula: of a chain that copies a code or else forgets it,
# such a copula can have no more than the drift, since it holds one number a pair. Without any noise it has 0.66.
OF_INDEPENDENT = {"copula": 0.7}
SCHEMA = dpsynth.Schema([dpsynth.Categorical(name, values=range(4)) for name in "abc"])


def chain(rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    a = rng.choice(4, rows, p=[0.5, 0.3, 0.15, 0.05])
    b = np.where(rng.random(rows) < 0.7, a, rng.integers(0, 4, rows))
    return {"a": a, "b": b, "c": np.where(rng.random(rows) < 0.7, b, rng.integers(0, 4, rows))}


def request(name: str, epsilon: float = 1.0, schema: dpsynth.Schema = SCHEMA, **settings):
    return settle(
        schema, epsilon=epsilon, delta=1e-6, synthesizer=name, settings={**SETTINGS.get(name, {}), **settings}
    )


def session(asked, table, source) -> Session:
    counter = MemoryCounter(ingest(table, asked.schema, asked.unit, source))
    return Session(counter, asked.unit, asked.budget, source)


def mean_tvd(table, model, cliques) -> float:
    distances = []
    for clique in cliques:
        counts = np.zeros([4] * len(clique))
        np.add.at(counts, tuple(table[name] for name in clique), 1)
        distances.append(np.abs(counts / counts.sum() - model.project(clique) / model.total).sum() / 2)
    return float(np.mean(distances))


@pytest.mark.parametrize("name", NAMES)
def test_cost_is_never_above_the_plan(name):
    asked = request(name, **(quick_settings(name) if name in NETWORKS else {}))
    door = session(asked, chain(800), InsecureTestEntropy(0))
    run_request(asked, door)
    planned = sum((step.cost for step in plan_request(asked).steps), ZERO)
    assert door.spent <= planned <= asked.budget
    assert door.spent.mu_squared > 0.99 * asked.budget.mu_squared  # and nothing is left lying about


@pytest.mark.parametrize("name", NAMES)
def test_near_exact_recovery_at_a_huge_budget(name):
    asked, table = request(name, epsilon=2000.0), chain(4000)
    fitted = run_request(asked, session(asked, table, InsecureTestEntropy(0)))
    cliques = [one.clique for one in fitted.measurements]
    assert mean_tvd(table, fitted.model, cliques) < RECOVERED.get(name, 2e-3)
    assert fitted.model.total == pytest.approx(4000, rel=1e-3)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "independent"])
def test_not_worse_than_independent_on_correlated_data(name):
    table, pairs = chain(8000), list(itertools.combinations("abc", 2))
    errors = {
        each: np.median(
            [
                mean_tvd(table, run_request(asked, session(asked, table, InsecureTestEntropy(seed))).model, pairs)
                for seed in range(1 if each in NETWORKS else 5)
                for asked in [request(each)]
            ]
        )
        for each in (name, "independent")
    }
    assert errors[name] < OF_INDEPENDENT.get(name, 0.5) * errors["independent"]


@pytest.mark.parametrize("name", NAMES)
def test_an_overlarge_plan_is_refused_before_data_is_touched(name):
    schema = dpsynth.Schema([dpsynth.Categorical(column, values=range(200_000)) for column in "abc"])
    with pytest.raises(PlanTooLargeError):
        plan_request(request(name, schema=schema, memory_limit_bytes=1_000_000))


@pytest.mark.parametrize("name", NAMES)
def test_resources_bound_what_is_built(name):
    asked = request(name, **(quick_settings(name) if name in NETWORKS else {}))
    fitted = run_request(asked, session(asked, chain(2000), InsecureTestEntropy(0)))
    resources = asked.synthesizer.resources(largest_domain(asked.schema))
    assert sum(table.size for table in fitted.model.to_arrays().values()) <= resources.model_cells
    assert sum(one.values.size for one in fitted.measurements) <= resources.counted_cells + sum(
        asked_size for asked_size in fitted.codec.domain.sizes
    )
