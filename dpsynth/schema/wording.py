"""Words that the messages of the schema share: what kind of thing was given, and which name was meant."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable


def kind_of(value: object) -> str:
    """The kind of a value in the words of an error message.

    >>> kind_of(True), kind_of(float("nan")), kind_of({1, 2})
    ('true/false', 'a missing value', 'a set')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "a missing value"
    words = {
        bool: "true/false",
        int: "a whole number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "a mapping",
    }
    return words.get(type(value), f"a {type(value).__name__}")


def close_to(name: object, known: Iterable[str]) -> str:
    """The end of a message that suggests the known name most like `name`; empty when none is close.

    >>> close_to("uper", ["lower", "upper"])
    "; did you mean 'upper'?"
    """
    matches = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
