"""The digits example: its table is what its schema says, and its picture shows every image."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "examples" / "digits.py"


@pytest.fixture(scope="module")
def digits() -> ModuleType:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    spec = importlib.util.spec_from_file_location("digits", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_image_fits_the_schema(digits: ModuleType) -> None:
    table, schema = digits.images(), digits.schema()
    assert [column.name for column in schema.columns] == list(table)
    assert all(set(table[column.name]) <= set(column.values) for column in schema.columns)
    assert len(table[digits.LABEL]) == 1797


def test_the_picture_has_a_square_for_each_pixel_that_is_not_white(digits: ModuleType) -> None:
    table = digits.images()
    shown = np.concatenate([np.flatnonzero(table[digits.LABEL] == digit)[: digits.EACH] for digit in range(10)])
    drawn = sum(int(np.count_nonzero(table[f"pixel {place}"][shown])) for place in range(64))
    text = digits.picture({"real": table, "again": table})
    root = ElementTree.fromstring(text)
    assert [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")] == ["real", "again"]
    assert len(re.findall("M", "".join(re.findall(r'd="([^"]*)"', text)))) == 2 * drawn


def test_made_up_images_are_images(digits: ModuleType) -> None:
    pytest.importorskip("torch", reason="the extra deep is not installed")
    quick = {"hidden": 8, "latent": 2, "training_steps": 2, "warm_rows": 200, "components": 50}
    made = digits.made("gan", 10.0, 1e-5, {**quick, "decoder_steps": 5, "warm_steps": 2, "label": digits.LABEL})
    assert len(made) == 1797
    assert set(made[digits.LABEL]) <= set(range(10))
    assert "<path" in digits.picture({"gan": made})
