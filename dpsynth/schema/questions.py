"""What a steward is asked about a column, in plain words: one question for each item that no source tells.

None can be answered by looking at the private table: they ask what may be entered, not what was.
"""

from __future__ import annotations

from collections.abc import Mapping

_WORDS: Mapping[tuple[str, str], str] = {
    ("numeric", "lower"): "What is the smallest number that can be entered, whoever is in the table?",
    ("numeric", "upper"): "What is the largest number that can be entered, whoever is in the table?",
    ("numeric", "integer"): "Are these whole numbers only, such as counts or years?",
    ("datetime", "lower"): "What is the first day that can be entered, such as the first day of the study?",
    ("datetime", "upper"): "What is the last day that can be entered, such as the last day of the study?",
    ("categorical", "values"): "Which values can be chosen, also those that nobody chose?",
    ("identifier", "type"): "Is this the number or name of a person or thing (identifier), or a group that many share?",
}
_TYPE = "What is in this column: numeric, categorical, open-categorical, boolean, datetime, or identifier?"


def words_of(kind: str, item: str) -> str:
    """The question about an item of a column of a kind, as `type` names kinds in a file.

    >>> words_of("datetime", "lower")
    'What is the first day that can be entered, such as the first day of the study?'
    """
    return _WORDS.get((kind, item), _TYPE if item == "type" else f"What is {item}, and which public source says so?")
