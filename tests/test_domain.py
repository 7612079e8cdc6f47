"""Domains: sizes, shapes, canonical cliques, refusals."""

from __future__ import annotations

import pytest

from dpsynth.domain import Domain
from dpsynth.errors import SettingError


def test_cells_are_exact_however_large():
    domain = Domain.of({f"c{i}": 10**6 for i in range(5)})
    assert domain.cells(domain.columns) == 10**30
    assert domain.cells(()) == 1
    assert len(domain) == 5
    assert "c1" in domain
    assert "x" not in domain


def test_canonical_is_in_table_order_and_without_repeats():
    domain = Domain.of({"b": 2, "a": 3})
    assert domain.canonical(["a", "b", "a"]) == ("b", "a")
    with pytest.raises(SettingError, match="'c'"):
        domain.canonical(["c"])


@pytest.mark.parametrize(("columns", "sizes"), [(("a",), (1, 2)), (("a", "a"), (1, 2)), (("a",), (0,))])
def test_bad_domains_are_refused(columns, sizes):
    with pytest.raises(SettingError):
        Domain(columns, sizes)
