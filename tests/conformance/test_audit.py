"""Twin runs of every synthesizer: what an attacker who sees everything proves stays below the promise, and bugs do not.

Tables are tiny and the worst there are. Honest runs draw from the system's entropy; with the false-alarm rate below
they fail once in a million suites. Planted bugs run with a seed, so that their being caught is reproducible.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import dpsynth
from attacks.statistics.gdp_lower_bound import gdp_lower_bound
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.engine import run_request, settle
from dpsynth.mechanisms import feature_sums, marginals
from dpsynth.mechanisms.select import SelectCliques, rate_within
from dpsynth.models.random_field import RandomField
from dpsynth.privacy.gaussian_profile import epsilon_of
from dpsynth.privacy.randomness import InsecureTestEntropy, OsEntropy
from dpsynth.synthesizers.catalogue import CATALOGUE
from dpsynth.twins import SCORES, twin_runs
from tests.conformance.quick_settings import quick_settings

NAMES = sorted(CATALOGUE)
# Networks learn within one mechanism whose law given the rows nobody can write down, and slowly: canaries of one run
# audit them instead (test_canary.py; tests/mechanisms/test_dp_sgd.py, test_teacher_votes.py).
NETWORKS = {"vae", "diffusion", "gan", "autoencoder", "pategan"}
COUNTING = sorted(set(NAMES) - NETWORKS)
FALSE_ALARM = 1e-6 / (len(COUNTING) + 1)  # in all, for the tests that must not fail
PLANTED = 1e-4  # of a proof that a planted bug is one: those runs have a seed, and fewer are enough
SETTINGS = {"direct": {"marginals": "a,b;b,c"}}
CLOSED = dpsynth.Schema([dpsynth.Categorical(name, values=range(3)) for name in "abc"])
OPEN = dpsynth.Schema([dpsynth.OpenCategorical("a", max_values=5), dpsynth.Categorical("b", values=range(3))])
CODEC = Codec(tuple(map(closed_codec, CLOSED.columns)))
COMMON, UNIQUE = 0, 2
ADDED = [COMMON] * 12, [*[COMMON] * 12, UNIQUE]
REPLACED = [*[COMMON] * 12, COMMON], [*[COMMON] * 12, UNIQUE]


def request(name, mu=2.0, relation="add-remove", schema=CLOSED, quick=True):
    settings = quick_settings(name) if quick else {}
    return settle(
        schema,
        epsilon=epsilon_of(1e-6, mu),
        delta=1e-6,
        synthesizer=name,
        relation=relation,
        settings={**settings, **SETTINGS.get(name, {})},
    )


def proved(asked, pair, runs, source, program=None, false_alarm=FALSE_ALARM):
    """The bound on mu from that many runs in either world; rows hold one value in all their columns."""
    tables = tuple(
        {
            column.name: [str(value) for value in rows] if isinstance(column, dpsynth.OpenCategorical) else rows
            for column in asked.schema.columns
        }
        for rows in pair
    )
    worlds = twin_runs(asked, tables, runs, source, program)
    return gdp_lower_bound(*worlds, false_alarm=false_alarm, delta0=float(asked.budget.delta))


@pytest.mark.parametrize("name", COUNTING)
def test_what_is_proved_is_at_most_the_promise(name):
    """A small promise, so that few runs can break it: a leak of all would prove more than three times as much."""
    relation, pair = [("add-remove", ADDED), ("replace-one", REPLACED)][COUNTING.index(name) % 2]
    asked = request(name, mu=0.4, relation=relation)
    found = proved(asked, pair, 60, OsEntropy())
    assert found.mu <= asked.budget.mu < found.ceiling / 3


@pytest.mark.parametrize("name", COUNTING)
def test_half_the_noise_is_caught(name, monkeypatch):
    honest = marginals.sample
    for module in (marginals, feature_sums):
        monkeypatch.setattr(module, "sample", lambda stddev, count, source: honest(stddev / 2, count, source))
    asked = request(name)
    runs = 250 if name in ("mwem", "aim") else 160  # choices use up most of their budgets
    assert proved(asked, ADDED, runs, InsecureTestEntropy(5), false_alarm=PLANTED).mu > asked.budget.mu


def test_most_of_the_promise_is_proved():
    """The audit is near the truth where noise is all there is: nothing is wasted, and nothing can hide."""
    asked = request("independent")
    found = proved(asked, ADDED, 1500, InsecureTestEntropy(7))
    assert SCORES[found.score] == "answers"
    assert 0.7 * asked.budget.mu < found.mu <= asked.budget.mu


def test_values_found_under_privacy_are_no_finding():
    asked = request("independent", schema=OPEN)
    assert proved(asked, ADDED, 300, OsEntropy()).mu <= asked.budget.mu


def test_a_domain_taken_from_the_data_is_caught(monkeypatch):
    def from_the_data(door, column, budget):
        return OpenCodec(column, tuple(sorted(door.door._private.frequencies(column.name))))

    monkeypatch.setattr("dpsynth.encoding._find_values", from_the_data)
    asked = request("independent", schema=OPEN)
    found = proved(asked, ADDED, 300, InsecureTestEntropy(1))
    assert found.mu == found.ceiling > asked.budget.mu
    assert SCORES[found.score] == "names"


def test_a_model_that_was_fitted_around_the_door_is_caught():
    asked = request("independent")

    def program(door):
        fitted = run_request(asked, door)
        exact = door.door._private.marginals(fitted.codec, [(column,) for column in "abc"])
        tables = {column: exact[(column,)].astype(float) for column in "abc"}
        return dataclasses.replace(
            fitted, model=RandomField.independent(fitted.codec.domain, tables, exact[("a",)].sum())
        )

    found = proved(asked, ADDED, 300, InsecureTestEntropy(2), program)
    assert found.mu > asked.budget.mu
    assert SCORES[found.score] == "model"


def test_a_forgotten_replacement_is_caught():
    """A budget made for a row that is added or removed, on tables of which one was replaced: mu sqrt(2) times."""
    asked = request("independent")
    assert proved(asked, REPLACED, 900, InsecureTestEntropy(3), false_alarm=PLANTED).mu > asked.budget.mu


@pytest.mark.parametrize(("forgotten", "caught"), [(1, False), (2, True)])
def test_a_forgotten_factor_in_a_selection_is_caught(forgotten, caught, monkeypatch):
    """Nearly all is spent on one choice between a pair whose score the row raises, and one whose score it lowers."""
    asked = request("independent")
    choosing, rest = asked.budget.split([0.95, 0.05])
    honest = SelectCliques.cost
    monkeypatch.setattr(
        SelectCliques, "cost", lambda self, unit: honest(dataclasses.replace(self, rate=self.rate / forgotten), unit)
    )

    def program(door):
        fitted = run_request(dataclasses.replace(asked, budget=rest), door)
        references = np.zeros((3, 3), dtype=np.int64), np.full((3, 3), 1000)
        rate = forgotten * rate_within(choosing, door.unit.l1_count_sensitivity, 1)
        # The common rows are 12 away from the first reference, and 9000 - 12 from the second: scores -1 and 0
        # without the unique row, 0 and -1 with it.
        selection = SelectCliques(CODEC, (("a", "b"), ("b", "c")), references, (13, 9000 - 12), rate, 1)
        door.run(selection, "choose")
        return fitted

    found = proved(asked, ADDED, 600, InsecureTestEntropy(4), program, false_alarm=PLANTED)
    assert (found.mu > asked.budget.mu) is caught
    assert found.mu > 0.5 * asked.budget.mu
