from __future__ import annotations

import sys

import numpy as np
import pytest

import dpsynth
from dpsynth.errors import MissingExtraError
from dpsynth.networks.embedding import Part, train_generator
from tests.models.test_fit_embedding import DOMAIN, embedding, table


def trained(joint, **settings):
    shares = [joint.sum(axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    parts = [Part(None, 1.0, embedding(1e-3, joint=joint))]
    options = {"points": 100, "steps": 150, "rate": 3e-3, "one_way_weight": 1.0, **settings}
    return train_generator(DOMAIN, parts, None, shares, 5.0, np.random.default_rng(0).standard_normal, **options)


def test_training_is_deterministic_and_leaves_the_global_state_alone():
    torch = pytest.importorskip("torch")
    before = torch.get_rng_state()
    one, other = (trained(table(), steps=5) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(np.array_equal(a, b) for a, b in zip(one.tables, other.tables, strict=True))


def test_pairs_are_found_from_their_embedding():
    pytest.importorskip("torch")
    joint = table()
    model = trained(joint)
    shares = [joint.sum(axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    independent = np.einsum("i,j,k->ijk", *shares)
    exact = joint.sum(axis=2)
    found = model.project(("a", "b")) / 5.0
    assert np.abs(found - exact).sum() < 0.4 * np.abs(independent.sum(axis=2) - exact).sum()


def test_without_torch_the_extra_is_named_before_any_data(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    schema = dpsynth.Schema([dpsynth.Boolean("a"), dpsynth.Boolean("b")])
    with pytest.raises(MissingExtraError, match="dp_merf needs the extra 'deep'"):
        dpsynth.plan(schema, epsilon=1.0, delta=1e-6, synthesizer="dp_merf")
