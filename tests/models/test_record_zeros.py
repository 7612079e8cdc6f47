"""Records are never moved into structural zeros, by sweeps or by swaps; and a fit with zeros is the better one."""

from __future__ import annotations

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.marginal import NoisyMarginal
from dpsynth.models.fit import fit
from dpsynth.models.record_swaps import settle_records
from dpsynth.models.record_update import fit_records, start_records, sweep_records
from dpsynth.structural_zeros import StructuralZeros

DOMAIN = Domain.of({"a": 4, "b": 5, "c": 3})
MASK = np.random.default_rng(3).random((5, 4)) < 0.5
ZEROS = [StructuralZeros(("b", "a"), MASK), StructuralZeros(("c",), np.array([False, True, False]))]


def joint():
    table = np.random.default_rng(1).gamma(0.5, 200.0, DOMAIN.sizes)
    table[MASK.T] = 0
    table[:, :, 1] = 0
    return table


def measured(stddev, seed=0):
    rng, table = np.random.default_rng(seed), joint()
    axes = {("a", "b"): 2, ("b", "c"): 0, ("a",): (1, 2), ("b",): (0, 2), ("c",): (0, 1)}
    return [
        NoisyMarginal(clique, (exact := table.sum(axis=axis)) + rng.normal(0, stddev, exact.shape), stddev)
        for clique, axis in axes.items()
    ]


def broken(records):
    return bool(MASK[records[:, 1], records[:, 0]].any() or (records[:, 2] == 1).any())


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_sweeps_and_swaps_stay_out_of_zeros(temperature):
    noisy, total = measured(30.0), joint().sum()
    start = fit(DOMAIN, [one for one in noisy if len(one.clique) == 1], total, structural_zeros=ZEROS)
    records = start_records(start, 3000, np.random.default_rng(0))
    assert not broken(records)
    options = {"sweeps": 3, "keep": 2, "temperature": temperature}
    free = records.copy()
    kept = sweep_records(DOMAIN, records, total, noisy, np.random.default_rng(0), zeros=ZEROS, **options)
    settle_records(DOMAIN, records, kept, np.random.default_rng(0), zeros=ZEROS)
    assert not broken(kept)
    assert not broken(records)
    # The planted bug: the same without zeros breaks them.
    loose = sweep_records(DOMAIN, free, total, noisy, np.random.default_rng(0), **options)
    assert broken(loose)


def test_swaps_alone_would_break_them():
    start = fit(DOMAIN, measured(30.0)[2:], joint().sum(), structural_zeros=ZEROS)
    records = start_records(start, 2000, np.random.default_rng(0))
    target = np.random.default_rng(1).permuted(records, axis=0)  # independent columns
    loose = records.copy()
    settle_records(DOMAIN, loose, target, np.random.default_rng(0))
    settle_records(DOMAIN, records, target, np.random.default_rng(0), zeros=ZEROS)
    assert broken(loose)
    assert not broken(records)


def test_zeros_in_the_fit_bring_the_model_nearer_to_the_truth():
    truth = joint().sum(axis=2)
    errors = {}
    for name, zeros in (("with", ZEROS), ("without", [])):
        found = []
        for seed in range(5):
            start = fit(DOMAIN, measured(60.0, seed)[2:], joint().sum(), structural_zeros=zeros)
            table = fit_records(start, measured(60.0, seed), np.random.default_rng(seed), zeros=zeros, max_records=4000)
            found.append(np.abs(table.project(("a", "b")) - truth).sum())
        errors[name] = np.mean(found)
    assert errors["with"] < 0.8 * errors["without"]
