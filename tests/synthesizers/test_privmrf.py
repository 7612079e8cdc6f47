"""PrivMRF: the graph follows the strong pairs within its limit of cells, and the rounds stay inside it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import dpsynth
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.models.junction_tree import junction_tree
from dpsynth.synthesizers.privmrf import PrivMRF, _inside

SCHEMA = dpsynth.Schema([dpsynth.Categorical(name, values=range(4)) for name in "abcde"])


def chain_table(rows: int = 8000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    columns = {"a": rng.integers(0, 4, rows)}
    for before, after in itertools.pairwise("abcd"):
        columns[after] = np.where(rng.random(rows) < 0.8, columns[before], rng.integers(0, 4, rows))
    return {**columns, "e": rng.integers(0, 4, rows)}


def made(**settings):
    return dpsynth.synthesize(
        chain_table(), SCHEMA, epsilon=2.0, delta=1e-6, synthesizer="privmrf", seed=0, settings=settings
    )


def test_strong_pairs_are_edges():
    release = made()
    cliques = [set(one.clique) for one in release.measurements]
    assert all(any(set(pair) <= clique for clique in cliques) for pair in ("ab", "bc", "cd"))
    table = chain_table()
    agreement = (table["a"] == table["b"]).mean()
    assert (release.table["a"] == release.table["b"]).mean() == pytest.approx(agreement, abs=0.03)


@pytest.mark.parametrize("cells", [20.0, 60.0, 300.0])
def test_the_model_keeps_to_its_limit(cells):
    assert made(max_model_cells=cells).model.tree.cells <= cells


def test_marginals_inside_the_graph_hold_all_of_its_pairs_and_nothing_outside():
    domain = Domain.of({"a": 2, "b": 3, "c": 2, "d": 9, "e": 4})
    tree = junction_tree(domain, [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")])
    found = _inside(domain, tree)
    for pair in (("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")):
        assert any(set(pair) <= set(clique) for clique in found)
    assert all(any(set(clique) <= set(bag) for bag in tree.cliques) for clique in found)


def test_shares_and_settings():
    release = made(rounds=3)
    shares = {}
    for one in release.certificate.mechanisms:
        shares[one.label] = shares.get(one.label, 0.0) + one.share
    expected = {"one-way marginals": 0.3, "dependence of pairs": 0.1, "marginals of the graph": 0.4}
    assert {label: shares[label] for label in expected} == pytest.approx(expected, abs=1e-6)
    assert shares["choose a marginal"] + shares["chosen marginal"] == pytest.approx(0.2, abs=1e-6)
    for bad in ({"one_way_share": 0.9}, {"rounds": 0.0}, {"max_model_cells": 0.0}, {"select_share": 1.0}):
        with pytest.raises(SettingError):
            PrivMRF(**bad)
