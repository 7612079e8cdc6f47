"""The catalogue: every synthesizer by name. To add one, write its file and one line here."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from dpsynth.errors import SettingError
from dpsynth.synthesizers.direct import Direct
from dpsynth.synthesizers.independent import Independent
from dpsynth.synthesizers.mst import MST
from dpsynth.synthesizers.synthesizer import Synthesizer

CATALOGUE: dict[str, type[Any]] = {"mst": MST, "direct": Direct, "independent": Independent}


def synthesizers() -> dict[str, str]:
    """Name of every synthesizer -> what it is, in one line."""
    return {name: (kind.__doc__ or "").splitlines()[0] for name, kind in CATALOGUE.items()}


def make_synthesizer(name: str, settings: Mapping[str, Any], also: Iterable[str] = ()) -> Synthesizer:
    """The synthesizer of that name with these settings; `also` names settings that others understand.

    Raises SettingError for an unknown name or setting, and for a value that cannot be read as the
    setting's type (command lines give text).
    """
    if name not in CATALOGUE:
        raise SettingError(f"synthesizer ({name!r}) must be one of {list(CATALOGUE)}{_meant(name, CATALOGUE)}")
    fields = {field.name: field for field in dataclasses.fields(CATALOGUE[name])}
    values = {}
    for key, value in settings.items():
        if key not in fields:
            known = [*fields, *also]
            raise SettingError(f"setting ({key!r}) must be one of {known} for synthesizer {name!r}{_meant(key, known)}")
        values[key] = _as_type_of(fields[key].default, key, value)
    made: Synthesizer = CATALOGUE[name](**values)
    return made


def _as_type_of(default: Any, key: str, value: Any) -> Any:
    if isinstance(default, float):
        try:
            return float(value)
        except (TypeError, ValueError):
            raise SettingError(f"{key} ({value!r}) must be a number") from None
    return value


def _meant(word: str, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
