"""Identifiers are new, distinct, and outside the domain."""

from __future__ import annotations

import numpy as np
import pytest

from dpsynth.codec.identifier import IdentifierCodec
from dpsynth.errors import SettingError
from dpsynth.schema.columns import Identifier


def test_identifiers_are_distinct_and_carry_no_code(rng: np.random.Generator) -> None:
    codec = IdentifierCodec(Identifier("id", prefix="P-"))
    made = codec.decode(np.arange(1000), rng)
    assert made.is_unique
    assert made.str.startswith("P-").all()
    assert (codec.size, codec.code_labels(), len(codec.decode(np.zeros(0), rng))) == (0, (), 0)


def test_identifiers_are_never_counted() -> None:
    with pytest.raises(SettingError, match="identifier"):
        IdentifierCodec(Identifier("id")).encode(np.array([0]))
