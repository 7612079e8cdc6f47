"""Merged codes: several codes of a column counted as one (domain compression), and their undoing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.categorical import Codes, Ticks
from dpsynth.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

    from dpsynth.codec.codec import ColumnCodec

FloatArray = NDArray[np.float64]
MAX_MEMBERS_NAMED = 4


@dataclass(frozen=True)
class MergedCodec:
    """A column codec whose codes are groups of another codec's codes.

    inner: the codec that is merged; groups: for each inner code the merged code, 0..size-1, each used;
    weights: for each inner code how often it is drawn when its group is decoded (noisy counts; negative
    ones count as 0, and a group of zeros is drawn from evenly).

    Privacy: groups and weights are public or have been paid for; encoding is a map of single rows.
    """

    inner: ColumnCodec
    groups: tuple[int, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", groups_of_codes(self.groups, self.inner.size, self.name))
        object.__setattr__(self, "weights", finite_numbers(self.weights, f"weights of {self.name!r}"))
        if len(self.weights) != self.inner.size:
            raise SettingError(
                f"weights of {self.name!r} must have one entry for each of its {self.inner.size} codes; "
                f"got {len(self.weights)}"
            )

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.inner.name

    @property
    def source(self) -> str:
        """The column of the schema whose values are read."""
        return self.inner.source

    @property
    def size(self) -> int:
        """Number of merged codes."""
        return max(self.groups) + 1

    def encode(self, ticks: Ticks, labels: Sequence[str] | None = None) -> Codes:
        """Merged code of each row, shape (rows,), in the narrowest unsigned integers."""
        return grouped_codes(self.inner.encode(ticks, labels), self.groups)

    def decode(self, codes: NDArray[Any], rng: np.random.Generator) -> pd.Series[Any]:
        """Values drawn inside each row's group in proportion to the weights."""
        return self.inner.decode(self.members(codes, rng), rng)

    def members(self, codes: NDArray[Any], rng: np.random.Generator) -> NDArray[np.int64]:
        """Inner codes drawn inside each row's group in proportion to the weights."""
        order, first, chances = self._members
        drawn: NDArray[np.int64] = order[draw_members(first, chances, codes, rng)]
        return drawn

    def code_labels(self) -> tuple[str, ...]:
        """For each merged code the plain words of its members."""
        return grouped_labels(self.inner.code_labels(), self.groups)

    @cached_property
    def _members(self) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
        """Inner codes sorted by group, where each group starts, and their weights."""
        groups = np.asarray(self.groups)
        order = np.argsort(groups, kind="stable")
        first = np.searchsorted(groups[order], np.arange(self.size + 1))
        return order, first, np.asarray(self.weights, dtype=np.float64)[order]


def groups_of_codes(values: Any, codes: int, name: str) -> tuple[int, ...]:
    """For each of a column's codes its group, 0..k-1 with each used, as Python integers; SettingError otherwise."""
    groups = whole_numbers(values, f"groups of {name!r}")
    if not groups or len(groups) != codes:
        raise SettingError(f"groups of {name!r} must have one entry for each of its {codes} codes; got {len(groups)}")
    if min(groups) != 0 or max(groups) + 1 != len(set(groups)):
        raise SettingError(f"groups of {name!r} must use every code from 0 to the largest")
    return groups


def grouped_codes(codes: Codes, groups: Sequence[int]) -> Codes:
    """The group of each row's code, in the narrowest unsigned integers."""
    narrow: Codes = np.asarray(groups, dtype=np.min_scalar_type(max(groups)))[codes]
    return narrow


def grouped_labels(labels: Sequence[str], groups: Sequence[int]) -> tuple[str, ...]:
    """For each group the plain words of its members."""
    members: list[list[str]] = [[] for _ in range(max(groups) + 1)]
    for group, label in zip(groups, labels, strict=True):
        members[group].append(label)
    return tuple(_joined(words) for words in members)


def draw_members(
    first: NDArray[np.int64], weights: FloatArray, groups: NDArray[Any], rng: np.random.Generator
) -> NDArray[np.int64]:
    """For each entry of `groups` a random member of that group, in proportion to its weight.

    first: shape (groups + 1,): group g has the members first[g] .. first[g+1]-1, at least one;
    weights: one for each member; negative ones count as 0, and a group of zeros is drawn from evenly.

    Inverse distribution function at evenly spaced points: how often a member is drawn, and any run of
    neighbouring members, is what its weight says, rounded down or up. Each entry by itself follows the
    weights, and which entry of a group gets which member is a random order. Source: systematic sampling,
    Madow and Madow, "On the theory of systematic sampling", 1944.
    """
    groups = np.asarray(groups, dtype=np.int64)
    sizes = np.diff(first)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    weights = np.clip(weights, 0.0, None)
    sums = np.bincount(owner, weights, minlength=len(sizes))
    share = np.where(sums[owner] > 0, weights / np.where(sums > 0, sums, 1.0)[owner], 1.0 / sizes[owner])
    # Group g owns the stretch [g, g + 1) of one long line, on which its members lie end to end.
    ends = owner + _running_share(share, first, owner)
    members: NDArray[np.int64] = first[groups]
    several = np.flatnonzero((sizes > 1)[groups])  # a group of one member needs no drawing
    drawn = groups[several]
    position = np.minimum(drawn + _spaced_points(drawn, len(sizes), rng), np.nextafter(drawn + 1.0, 0.0))
    members[several] = np.searchsorted(ends, position, side="right")
    return members


def _spaced_points(groups: NDArray[np.int64], count: int, rng: np.random.Generator) -> FloatArray:
    """For each entry a point of [0, 1]; the m entries of a group get (0 + u)/m, (1 + u)/m, ... in random order.

    One uniform u for each of the `count` groups.
    """
    shuffled = rng.permutation(len(groups))
    narrow = groups[shuffled].astype(np.min_scalar_type(count))  # up to 16 bits are sorted in linear time
    order = shuffled[np.argsort(narrow, kind="stable")]
    entries = np.bincount(groups, minlength=count)
    rank = np.arange(len(groups)) - np.repeat(np.cumsum(entries) - entries, entries)
    points = np.empty(len(groups))
    points[order] = (rank + np.repeat(rng.random(count), entries)) / np.repeat(entries, entries)
    return points


def _running_share(share: FloatArray, first: NDArray[np.int64], owner: NDArray[np.int64]) -> FloatArray:
    """Sum of the shares up to and with each member, inside its group; exactly 1 from the last drawn member on."""
    running = np.cumsum(share)
    running = running - np.concatenate([[0.0], running])[first[:-1]][owner]
    last_drawn = np.full(len(first) - 1, -1)
    np.maximum.at(last_drawn, owner, np.where(share > 0, np.arange(len(share)), -1))
    return np.where(np.arange(len(share)) >= last_drawn[owner], 1.0, np.minimum(running, 1.0))


def whole_numbers(values: Any, what: str) -> tuple[int, ...]:
    """A one-dimensional list of whole numbers as Python integers; SettingError otherwise."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise SettingError(f"{what} must be a list of whole numbers")
    return tuple(array.tolist())


def finite_numbers(values: Any, what: str) -> tuple[float, ...]:
    """A one-dimensional list of finite numbers as Python floats; SettingError otherwise."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iuf") or not np.isfinite(array).all():
        raise SettingError(f"{what} must be a list of finite numbers")
    return tuple(array.astype(np.float64).tolist())


def _joined(labels: Sequence[str]) -> str:
    if len(labels) == 1:
        return labels[0]
    named = ", ".join(labels[:MAX_MEMBERS_NAMED])
    more = len(labels) - MAX_MEMBERS_NAMED
    return f"one of: {named}" + (f" and {more} more" if more > 0 else "")
