"""The page of an explanation needs nothing but itself, and shows the numbers of the explanation."""

from __future__ import annotations

import re

import dpsynth


def test_the_page_needs_nothing_but_itself() -> None:
    made = dpsynth.explain(epsilon=1, delta=1e-6, unit="<b>id</b>", max_rows_per_unit=1)
    page = made.page()
    assert "<script" not in page
    assert "<b>id</b>" not in page
    assert not re.search(r'(src|href)="(?!#)', page)
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
    for each in made.odds:
        assert f"{100 * each.finds:.2f}"[:3] in page
    assert page.count("<svg") == 3
