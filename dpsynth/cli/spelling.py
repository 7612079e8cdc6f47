"""Advice in errors is written for Python; here it is spelled as one types it, in options and schema files."""

from __future__ import annotations

_TYPED = (
    ("schema.answered('age', by='codebook 2019', upper=120)", "dpsynth schema ask FILE"),
    ("schema.confirmed(by='codebook 2019', columns=[...])", "dpsynth schema confirm FILE --by 'codebook 2019'"),
    ("unit='patient_id'", "--unit patient_id"),
    ("max_rows_per_unit (", "--max-rows-per-unit ("),
    ("max_rows_per_unit must", "--max-rows-per-unit must"),
    ("by='codebook 2019'", "--by 'codebook 2019'"),
    ("nullable=True", "nullable: true"),
    ("unknown='other', unknown='null'", "unknown: other, unknown: null"),
    ("out_of_bounds='clip' or 'null'", "out_of_bounds: clip or null"),
    ("missing=...", "missing: ..."),
    ("format=...", "format: ..."),
    ("labels=...", "labels: ..."),
)


def as_typed(message: str) -> str:
    """The message with its advice in the spelling of the command line and of schema files.

    >>> as_typed("cells must not be missing; try nullable=True")
    'cells must not be missing; try nullable: true'
    """
    for python, typed in _TYPED:
        message = message.replace(python, typed)
    return message
