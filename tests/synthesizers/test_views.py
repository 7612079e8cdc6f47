"""Views: everything wanted is held, within the limits on cells."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsynth.domain import Domain
from dpsynth.synthesizers.views import cover


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=3, max_size=8),
    st.integers(2, 3),
    st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    st.sampled_from([0.0, 50.0, 1e4]),
    st.integers(0, 9),
)
def test_every_wanted_clique_is_held_within_the_limits(sizes, order, slack, max_cells, seed):
    domain = Domain.of({f"c{i}": size for i, size in enumerate(sizes)})
    everything = list(itertools.combinations(domain.columns, order))
    rng = np.random.default_rng(seed)
    wanted = [everything[i] for i in rng.permutation(len(everything))[: rng.integers(1, len(everything) + 1)]]
    views = cover(domain, wanted, max_cells, slack)
    assert all(any(set(clique) <= set(view) for view in views) for clique in wanted)
    assert all(domain.cells(view) <= max_cells or view in wanted for view in views)
    limit = max(1.0, slack) * sum(domain.cells(clique) for clique in wanted)
    assert sum(domain.cells(view) for view in views) <= limit + 1e-9
    assert len(set(views)) == len(views) <= len(wanted)


def test_binary_columns_are_covered_by_few_views():
    domain = Domain.of({f"c{i}": 2 for i in range(12)})
    pairs = list(itertools.combinations(domain.columns, 2))
    views = cover(domain, pairs, 4096, slack=1)
    assert len(views) < len(pairs) / 3
    assert max(map(len, views)) == 5  # 2^5 cells for 10 pairs of 4


@pytest.mark.parametrize("slack", [1.0, 2.0, 100.0])
def test_more_slack_means_fewer_views(slack):
    domain = Domain.of({f"c{i}": 3 for i in range(8)})
    pairs = list(itertools.combinations(domain.columns, 2))
    assert len(cover(domain, pairs, 1e5, slack)) <= len(cover(domain, pairs, 1e5, slack / 2))
