"""Restrict a column's codec to some of its values, and say what share of each code they are."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import CategoricalCodec, OpenCodec
from dpsynth.codec.merged import MergedCodec
from dpsynth.errors import SettingError
from dpsynth.schema.selection import Selection, labels_of

if TYPE_CHECKING:
    from dpsynth.codec.codec import ColumnCodec

FloatArray = NDArray[np.float64]
# A member of a group that its noisy counts rule out stays possible, so much less likely than the others.
_RULED_OUT = 1e-6


def selected(codec: ColumnCodec, selection: Selection) -> tuple[ColumnCodec, FloatArray]:
    """A codec with the same codes that decodes to selected values only, and the selected share of each code.

    A share of 1 means that every value of the code is selected, 0 that none is; in between, in proportion to how often
    decoding draws them. Codes of share 0 must not be decoded by what comes back.
    """
    match codec:
        case BinnedCodec():
            return codec.within(selection.spans, selection.null)
        case CategoricalCodec() | OpenCodec():
            return codec, _label_shares(codec, selection)
        case MergedCodec():
            inner, share = selected(codec.inner, selection)
            groups, weights = np.asarray(codec.groups), np.clip(codec.weights, 0.0, None)
            sums, members = np.bincount(groups, weights), np.bincount(groups)
            weights = np.where(sums[groups] > 0, weights + _RULED_OUT * (sums / members)[groups], 1.0)
            kept = weights * share
            found = np.bincount(groups, kept) / np.bincount(groups, weights)
            return MergedCodec(inner, codec.groups, tuple(kept.tolist())), found
    raise SettingError(f"column ({codec.name!r}) must be one that the model holds")


def _label_shares(codec: CategoricalCodec | OpenCodec, selection: Selection) -> FloatArray:
    if isinstance(codec, OpenCodec):
        chosen = [label in selection.labels for label in (*codec.values, codec.column.other)]
    else:
        kept = {(type(label), label) for label in selection.labels}
        chosen = [(type(label), label) in kept for label in labels_of(codec.column)]
    return np.array([*chosen, *([selection.null] if codec.column.nullable else [])], dtype=np.float64)


def with_cuts(codec: ColumnCodec, ticks: tuple[int, ...]) -> ColumnCodec:
    """The codec with bins also cut at these ticks, which are public; itself for a column of labels."""
    if not isinstance(codec, BinnedCodec):
        return codec
    return dataclasses.replace(codec, edges=tuple(sorted({*codec.edges, *ticks})))


def member_shares(codec: ColumnCodec, shares: FloatArray) -> FloatArray:
    """Of shares of codes, those of the values of a labelled column, null last."""
    if not isinstance(codec, MergedCodec):
        return shares
    groups, weights = np.asarray(codec.groups), np.clip(codec.weights, 0.0, None)
    weights = np.where(np.bincount(groups, weights)[groups] > 0, weights, 1.0)
    found: FloatArray = shares[groups] * weights / np.bincount(groups, weights)[groups]
    return found


def with_member_weights(codec: ColumnCodec, factors: FloatArray) -> tuple[ColumnCodec, FloatArray]:
    """The codec that decodes each value of a labelled column `factors` times as often, and the factor of each code."""
    if not isinstance(codec, MergedCodec):
        return codec, factors
    groups, weights = np.asarray(codec.groups), np.clip(codec.weights, 0.0, None)
    weights = np.where(np.bincount(groups, weights)[groups] > 0, weights, 1.0)
    found = np.bincount(groups, weights * factors) / np.bincount(groups, weights)
    return MergedCodec(codec.inner, codec.groups, tuple((weights * factors).tolist())), found


def codes_of_ticks(codec: ColumnCodec, ticks: NDArray[np.int64]) -> NDArray[np.int64]:
    """The code of each tick, -1 for missing; labels by their number among all labels of the column."""
    match codec:
        case MergedCodec():
            return np.asarray(codec.groups, dtype=np.int64)[codes_of_ticks(codec.inner, ticks)]
        case BinnedCodec():
            return codec.encode(ticks).astype(np.int64)
    return np.where(ticks < 0, codec.size - 1, ticks)
