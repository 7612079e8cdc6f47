from __future__ import annotations

from dpsynth.schema import Boolean, Identifier, Numeric
from dpsynth.schema.provenance import items, provenance


def test_provenance_names_every_declared_item() -> None:
    column = Numeric("age", lower=0, upper=9, bins=4, source={"lower": "law", "decimals": "unreviewed"})
    assert provenance(column) == {
        "type": "declared",
        "nullable": "declared",
        "lower": "law",
        "decimals": "unreviewed",
        "upper": "declared",
        "bins": "declared",
    }
    assert provenance(Identifier("id", source="unreviewed")) == {"type": "unreviewed"}


def test_items_hold_what_differs_from_the_default() -> None:
    assert items(Numeric("x", lower=0, upper=1)) == {"lower": 0, "upper": 1}
    assert items(Boolean("x", labels=(0, 1))) == {"labels": (0, 1)}
