"""PriView: views from public facts only, triples when they come out well, both kinds of model."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import dpsynth
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.models.random_field import RandomField
from dpsynth.models.record_table import RecordTable
from dpsynth.synthesizers.priview import PriView, mean_noise

BITS = dpsynth.Schema([dpsynth.Boolean(f"b{i}") for i in range(6)])


def xor_table(rows: int = 20_000) -> dict[str, np.ndarray]:
    """Six bits; b2 is mostly the exclusive or of b0 and b1, which no pair shows."""
    rng = np.random.default_rng(2)
    out = {f"b{i}": rng.random(rows) < 0.5 for i in range(6)}
    out["b2"] = (out["b0"] ^ out["b1"]) ^ (rng.random(rows) < 0.1)
    out["b5"] = out["b4"] ^ (rng.random(rows) < 0.2)
    return out


def parity(table) -> float:
    return float((table["b0"].astype(bool) ^ table["b1"].astype(bool) ^ table["b2"].astype(bool)).mean())


def made(epsilon=2.0, **settings):
    return dpsynth.synthesize(
        xor_table(), BITS, epsilon=epsilon, delta=1e-6, synthesizer="priview", seed=0, settings=settings
    )


def views_of(release) -> list[set[str]]:
    return [set(one.clique) for one in release.measurements if len(one.clique) > 1]


def test_triples_are_covered_when_their_noise_is_small():
    release = made()
    triples = itertools.combinations(BITS.names, 3)
    assert all(any(set(triple) <= view for view in views_of(release)) for triple in triples)
    assert parity(release.table) == pytest.approx(0.1, abs=0.02)


def test_pairs_are_covered_when_it_is_not():
    release = made(triple_error=0.0)
    assert all(any(set(pair) <= view for view in views_of(release)) for pair in itertools.combinations(BITS.names, 2))
    assert (release.table["b4"] == release.table["b5"]).mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize(("model_cells", "kind"), [(200_000.0, RandomField), (0.0, RecordTable)])
def test_both_kinds_of_model_hold_the_views(model_cells, kind):
    release = made(model_cells=model_cells)
    assert isinstance(release.model, kind)
    assert parity(release.table) == pytest.approx(0.1, abs=0.02)


def test_views_do_not_depend_on_relations_in_the_data():
    rng = np.random.default_rng(0)
    shuffled = {name: rng.permutation(column) for name, column in xor_table().items()}
    other = dpsynth.synthesize(shuffled, BITS, epsilon=2.0, delta=1e-6, synthesizer="priview", seed=0)
    assert views_of(other) == views_of(made())


def test_mean_noise_agrees_with_simulation():
    domain = Domain.of({"a": 3, "b": 4, "c": 5})
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 7.0, (4000, 3, 4, 5)).sum(axis=3)
    simulated = np.abs(noise).sum(axis=(1, 2)).mean() / 2
    assert mean_noise(domain, [("a", "b")], {("a", "b", "c"): 7.0}) == pytest.approx(simulated, rel=0.02)


def test_shares_and_settings():
    release = made(one_way_share=0.5)
    assert [round(one.share, 6) for one in release.certificate.mechanisms] == [0.5, 0.5]
    for bad in ({"one_way_share": 0.0}, {"slack": -1.0}, {"sweeps": 0.0}, {"gap": 0.0}):
        with pytest.raises(SettingError):
            PriView(**bad)
