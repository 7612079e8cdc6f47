"""Rows under conditions: a released model given values of some columns, or with the shares of some labels changed.

Both are reweightings of the model (`dpsynth.models.evidence`) and cost nothing: the model was released. A condition
that cuts a bin restricts the bin's values, and the bin counts by the share of them that is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec, released_column
from dpsynth.codec.constraints import ordered_pairs
from dpsynth.codec.selected import member_shares, with_member_weights
from dpsynth.errors import SettingError
from dpsynth.models.evidence import Evidence, ImpossibleError, reweighted, shares_given
from dpsynth.models.model import Model
from dpsynth.schema.columns import Boolean, Categorical, OpenCategorical
from dpsynth.schema.constraints import Dependency, Fixed
from dpsynth.schema.schema import Schema
from dpsynth.schema.selection import Selection, both, in_words, labels_of, select, values_of

FloatArray = npt.NDArray[np.float64]
_MOST_SWEEPS, _CLOSE, _CLOSE_ENOUGH = 100, 1e-9, 1e-3


@dataclass(frozen=True, eq=False)
class Sampler:
    """What rows are drawn with: a model over codes, and the codec that turns codes into values."""

    codec: Codec
    model: Model

    def given(self, selections: Mapping[str, Selection], evidence: Sequence[Evidence] = ()) -> Sampler:
        """The sampler of rows with selected values only. Raises ImpossibleError when the model has none."""
        codec, shares = self.codec.selected(selections)
        found = [*evidence, *(Evidence((name,), share) for name, share in shares.items())]
        # Parts of bins may be out of order where the whole bins were not.
        ordered = {name for pair in ordered_pairs(codec.constraints) for name in pair}
        if ordered & selections.keys():
            try:
                found += [Evidence.of(each) for each in codec.zeros if ordered & {*each.clique}]
            except SettingError as error:
                raise ImpossibleError(str(error)) from None
        return Sampler(codec, reweighted(self.model, found))


def conditioned(
    sampler: Sampler, schema: Schema, given: Mapping[str, Any] | None, weights: Mapping[str, Mapping[Any, float]] | None
) -> Sampler:
    """The sampler under conditions and re-balanced; raises SettingError for those that cannot be met.

    given: column -> a value, a list of values, a range (low, high) with None for an open end, or None (missing).
    weights: labelled column -> share of rows for some of its labels; what they leave goes to the other labels as the
    model has them. Conditions come first: the shares are those of the rows that are drawn.
    """
    if given:
        try:
            sampler = sampler.given(selections_of(schema, given))
        except ImpossibleError:
            raise SettingError(f"given ({_words(given)}) must {_POSSIBLE}") from None
    return _rebalanced(sampler, schema, weights) if weights else sampler


_POSSIBLE = "leave at least one row that the model holds possible; got none; try fewer or wider conditions"


def selections_of(schema: Schema, given: Mapping[str, Any]) -> dict[str, Selection]:
    """The conditions as selections of columns that the model holds; raises SettingError for those that it cannot."""
    found: dict[str, Selection] = {}
    for name, wanted in given.items():
        column, rule = schema[name], schema.derived.get(name)
        selection = select(column, values_of(wanted))
        if isinstance(rule, Dependency):
            selection = _of_determining(schema, rule, selection)
        elif isinstance(rule, Fixed):
            if not _holds(schema, name, rule.value, selection):
                raise SettingError(f"given ({_words(given)}) must be possible; got: {rule.words}")
            continue
        elif rule is not None:
            raise SettingError(f"given must name columns of the model; got {name!r}: {rule.words}")
        known = found.get(selection.column)
        found[selection.column] = selection if known is None else both(known, selection)
    return found


def _of_determining(schema: Schema, rule: Dependency, wanted: Selection) -> Selection:
    """The labels of the determining column from which the wanted values follow."""
    by = schema[rule.by]
    chosen = [select(by, values_of(key)) for key, value in rule.values if _holds(schema, rule.column, value, wanted)]
    labels = tuple(label for each in chosen for label in each.labels)
    missing_named = any(key is None for key, _ in rule.values)
    null = any(each.null for each in chosen) or (wanted.null and not missing_named and by.nullable)  # type: ignore[union-attr]
    if not labels and not null:
        raise SettingError(f"given must be possible; no value of {rule.by} gives that of {rule.column}")
    return Selection(rule.by, labels=labels, null=null)


def _holds(schema: Schema, name: str, value: Any, wanted: Selection) -> bool:
    one = both(select(schema[name], values_of(value)), wanted)
    return bool(one.labels or one.spans or one.null)


def _words(given: Mapping[str, Any]) -> str:
    return " and ".join(in_words(name, values_of(wanted)) for name, wanted in given.items())


def _rebalanced(sampler: Sampler, schema: Schema, weights: Mapping[str, Mapping[Any, float]]) -> Sampler:
    """Iterative proportional fitting of the shares of labels (Deming & Stephan 1940): one column after the other."""
    wanted = {name: _shares(schema, name, dict(shares)) for name, shares in weights.items()}
    factors = {name: np.ones(shares.size) for name, (shares, _) in wanted.items()}
    off = np.inf
    for _ in range(_MOST_SWEEPS if len(wanted) > 1 else 2):
        off = 0.0
        for name, (shares, named) in wanted.items():
            codec, evidence = _with_factors(sampler, factors)
            now = member_shares(codec[name], shares_given(sampler.model, evidence, name))
            target = shares.copy()
            rest = now * ~named
            left = max(1.0 - float(shares[named].sum()), 0.0)
            if (now[target > 0] <= 0).any() or (left > _CLOSE and rest.sum() <= 0):
                raise SettingError(f"weights of {name} must be above 0 only for labels that the model holds")
            target[~named] = left * rest[~named] / rest.sum() if left > _CLOSE else 0.0
            off = max(off, float(np.abs(now - target).max()))
            factors[name] *= np.divide(target, now, out=np.zeros_like(now), where=now > 0)
        if off <= _CLOSE:
            break
    if len(wanted) > 1 and off > _CLOSE_ENOUGH:
        raise SettingError("weights must be shares that can hold together; got some that cannot; try fewer columns")
    codec, evidence = _with_factors(sampler, factors)
    return Sampler(codec, reweighted(sampler.model, evidence))


def _with_factors(sampler: Sampler, factors: Mapping[str, FloatArray]) -> tuple[Codec, list[Evidence]]:
    found = {name: with_member_weights(sampler.codec[name], each) for name, each in factors.items()}
    columns = tuple(found[each.name][0] if each.name in found else each for each in sampler.codec.columns)
    evidence = [Evidence((name,), each) for name, (_, each) in found.items()]
    return Codec(columns, sampler.codec.constraints), evidence


def _shares(schema: Schema, name: str, shares: Mapping[Any, float]) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Share of each label, null last, and which labels were named."""
    column = schema[name]
    if not isinstance(column, Categorical | Boolean | OpenCategorical) or name in schema.derived:
        raise SettingError(f"weights must name labelled columns of the model; got {name!r}; try given for ranges")
    labels = labels_of(column)
    found, named = np.zeros(len(labels) + column.nullable), np.zeros(len(labels) + column.nullable, dtype=bool)
    for label, share in shares.items():
        if isinstance(share, bool) or not 0 <= share <= 1:
            raise SettingError(f"weights of {name} must be shares from 0 to 1; got another number")
        selection = select(column, values_of(label))
        places = [labels.index(each) for each in selection.labels] + [len(labels)] * selection.null
        if len(places) != 1 or named[places[0]]:
            raise SettingError(f"weights of {name} must name each label once")
        found[places[0]], named[places[0]] = share, True
    if not named.any() or found.sum() > 1 + _CLOSE or (named.all() and found.sum() < 1 - _CLOSE):
        raise SettingError(
            f"weights of {name} ({found.sum():g} in all) must be shares that sum to 1, or less if labels are left out"
        )
    return found, named


def released_schema(schema: Schema, codec: Codec) -> Schema:
    """The schema in which open columns have the values that were found for them, so that conditions can name them."""
    return replace(schema, columns=[released_column(each) for each in codec.columns])
