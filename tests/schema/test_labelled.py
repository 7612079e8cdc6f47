from __future__ import annotations

import numpy as np

from dpsynth.schema.labelled import Boolean, Categorical


def test_labels_list_other_after_the_values() -> None:
    assert Categorical("c", values=range(85)).labels == tuple(range(85))
    assert Categorical("c", values=["a"], unknown="other").labels == ("a", "(other)")
    assert Categorical("c", values=["a"], unknown="other", other="z", missing="z").labels == ("a", "z")
    assert Categorical("c", values=np.array(["a", "b"])).values == ("a", "b")
    assert {type(value) for value in Categorical("c", values=np.arange(3)).values} == {int}


def test_false_and_zero_are_different_labels() -> None:
    assert repr(Boolean("b", labels=[0, 1])) == "Boolean('b', labels=(0, 1))"
    assert repr(Boolean("b")) == "Boolean('b')"
