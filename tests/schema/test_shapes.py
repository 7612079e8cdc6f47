from __future__ import annotations

import dataclasses

from dpsynth.schema.columns import COLUMN_TYPES
from dpsynth.schema.shapes import models


def test_the_file_format_has_every_item_of_every_column() -> None:
    _, by_type = models()
    for kind, column_type in COLUMN_TYPES.items():
        fields = {one.name: one.default is dataclasses.MISSING for one in dataclasses.fields(column_type)}
        model = by_type[kind].model_fields
        assert {name: field.is_required() for name, field in model.items()} == {"type": True, **fields}
