"""The steward's own tasks: any function that learns from one table and is judged on another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from dpsynth.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

Answer = float | Mapping[str, float]
Task = Callable[["pd.DataFrame", "pd.DataFrame"], Answer]
"""`task(train, test)`: a number, or numbers by name. test: private rows; train: synthetic, private or shuffled ones."""


def answered(name: str, task: Task, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, float]:
    """The numbers of a task, each under a name. Raises SettingError when it gives something else."""
    found: Any = task(train, test)
    named = found if isinstance(found, Mapping) else {"": found}
    if not named or not all(isinstance(value, Real) for value in named.values()):
        raise SettingError(
            f"task ({name}) must return a number, or a mapping from names to numbers; got {type(found).__name__}"
        )
    return {f"{name}: {key}" if key else name: float(value) for key, value in named.items()}


def imported(place: str) -> Task:
    """The function that `module:function` names. Raises SettingError when there is none."""
    import importlib

    module, colon, function = place.partition(":")
    if not (colon and module and function):
        raise SettingError(f"task ({place}) must look like module:function; try mytasks:readmission")
    try:
        found = getattr(importlib.import_module(module), function, None)
    except ImportError:
        raise SettingError(
            f"task ({place}) must be in a module that can be imported; got none; try running where {module}.py lies"
        ) from None
    if not callable(found):
        raise SettingError(f"task ({place}) must name a function of two tables; got nothing of that name")
    return found  # type: ignore[no-any-return]
