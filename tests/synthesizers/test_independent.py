"""Independent: right shares, no relations."""

from __future__ import annotations

import numpy as np
import pytest

import dpsynth


def test_shares_are_right_and_columns_unrelated():
    rng = np.random.default_rng(0)
    a = rng.choice(3, 9000, p=[0.7, 0.2, 0.1])
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(3)) for name in "ab"])
    release = dpsynth.synthesize({"a": a, "b": a}, schema, epsilon=1.0, delta=1e-6, synthesizer="independent")
    for name in "ab":
        shares = release.table[name].value_counts(normalize=True).sort_index()
        assert shares.to_numpy() == pytest.approx([0.7, 0.2, 0.1], abs=0.03)
    assert (release.table["a"] == release.table["b"]).mean() == pytest.approx(0.54, abs=0.03)
    assert [one.kind for one in release.certificate.mechanisms] == ["marginals"]
