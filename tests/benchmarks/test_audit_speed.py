from __future__ import annotations

import numpy as np
import pytest

from benchmarks import audit_speed as speed


def test_the_table_is_mixed_fits_its_schema_and_has_missing_cells() -> None:
    schema = speed.schema_of(20)
    columns = speed.mixed(schema, 2000, np.random.default_rng(0))
    kinds = {type(column).__name__ for column in schema.columns}
    assert kinds == {"Numeric", "Categorical", "Boolean"}
    missing = [name for name, ticks in columns.items() if (ticks < 0).any()]
    assert missing == [column.name for column in schema.columns if getattr(column, "nullable", False)]
    import dpsynth

    read = dpsynth.ticked(speed.frame_of(columns, schema), schema)
    for name, ticks in columns.items():
        np.testing.assert_array_equal(read.ticks[name], ticks)


@pytest.mark.parametrize("design", ["pool", "pairs"])
def test_an_audit_is_measured_by_stage(design: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules["attacks.audit"]
    chosen = module.chosen
    monkeypatch.setattr(module, "chosen", lambda asked: chosen(["copies"]))
    found = speed.child(design, 500, 4)
    assert {"reading the tables", "copies", "static checks"} <= {*found["stages"]}
    assert found["cpu"] > 0
    assert found["gigabytes"] >= found["gigabytes before"] > 0
    printed = "\n".join(speed.lines(design, found))
    assert printed.startswith(f"{design}: {found['verdict']}")
