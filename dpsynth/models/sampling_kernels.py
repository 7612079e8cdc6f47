"""Compiled loops of `sampling`; importing this module imports numba, so it is imported where it is first needed.

Randomness here only chooses rows of a released model, never noise: splitmix64 (Steele, Lea & Flood 2014).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_FRACTION_BITS = 30
_ONE = np.int64(1) << np.int64(_FRACTION_BITS)


@numba.njit(cache=True, inline="always")
def _mix(state: Any) -> Any:
    state = (state ^ (state >> np.uint64(30))) * _MIX1
    state = (state ^ (state >> np.uint64(27))) * _MIX2
    return state ^ (state >> np.uint64(31))


@numba.njit(cache=True, inline="always")
def _below(state: Any, bound: Any) -> Any:
    """An integer in [0, bound) for bound <= 2^32, from the high bits of one word."""
    return np.int64(((_mix(state) >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32))


@numba.njit(cache=True, nogil=True)
def draw(groups: Any, cumulative: Any, key: Any, first_row: Any, out: Any) -> None:
    """out[i] = smallest value whose cumulative probability in its group exceeds the row's own uniform number."""
    size = cumulative.shape[1]
    for i in range(groups.size):
        word = _mix(key + (np.uint64(first_row) + np.uint64(i) + np.uint64(1)) * _GOLDEN)
        uniform = np.float64(word >> np.uint64(11)) * (1.0 / 9007199254740992.0)
        group = groups[i]
        low = 0
        high = size - 1
        while low < high:
            middle = (low + high) >> 1
            if cumulative[group, middle] > uniform:
                high = middle
            else:
                low = middle + 1
        out[i] = low


@numba.njit(cache=True, nogil=True)
def deal(groups: Any, starts: Any, pool: Any, key: Any, out: Any) -> None:
    """Shuffle each group's share of `pool` (from starts[g] to starts[g + 1]) and deal it out to the group's rows."""
    state = key
    for group in range(starts.size - 1):
        first = starts[group]
        for left in range(starts[group + 1] - first, 1, -1):
            state += _GOLDEN
            other = first + _below(state, left)
            last = first + left - 1
            pool[last], pool[other] = pool[other], pool[last]
    following = starts[:-1].copy()
    for i in range(groups.size):
        group = groups[i]
        out[i] = pool[following[group]]
        following[group] += 1


@numba.njit(cache=True, nogil=True)
def round_table(fixed: Any, key: Any) -> Any:
    """Unbiased controlled rounding of a table in fixed point (30 fractional bits) whose rows sum to whole numbers.

    Every cell becomes its floor or its ceiling, row sums stay exact, column sums become their floor or
    ceiling, and the expectation of every cell is its value (Cox 1987, "A constructive procedure
    for unbiased controlled rounding"). A cell is an edge between its row and its column; row 0 is a slack
    row that makes the columns whole. A walk along fractional cells closes a cycle; cells on it are
    raised and lowered in turn, in a random direction with mean zero, until one of them is whole.
    """
    rows, columns = fixed.shape
    out = np.empty((rows, columns), np.int64)
    fraction = np.zeros((rows + 1, columns), np.int64)
    of_row = np.empty((rows + 1, columns), np.int32)
    of_column = np.empty((columns, rows + 1), np.int32)
    row_count = np.zeros(rows + 1, np.int64)
    column_count = np.zeros(columns, np.int64)
    for c in range(columns):
        for r in range(rows):
            out[r, c] = fixed[r, c] >> _FRACTION_BITS
            fraction[r + 1, c] = fixed[r, c] & (_ONE - 1)
            fraction[0, c] -= fraction[r + 1, c]
        fraction[0, c] &= _ONE - 1
    for r in range(rows + 1):
        for c in range(columns):
            if fraction[r, c]:
                of_row[r, row_count[r]] = c
                row_count[r] += 1
                of_column[c, column_count[c]] = r
                column_count[c] += 1
    row_seen = np.full(rows + 1, -1, np.int64)
    column_seen = np.full(columns, -1, np.int64)
    path = np.empty(rows + columns + 3, np.int64)
    state = key
    for start in range(rows, -1, -1):
        path[0] = start
        row_seen[start] = 0
        length = 1
        while True:
            if length % 2:
                here = path[length - 1]
                came = path[length - 2] if length > 1 else -1
                following = _other(of_row[here], row_count, here, came, fraction[here])
                if following < 0:
                    break
                seen = column_seen[following]
            else:
                here = path[length - 1]
                following = _other(of_column[here], column_count, here, path[length - 2], fraction[:, here])
                seen = row_seen[following]
            if seen < 0:
                if length % 2:
                    column_seen[following] = length
                else:
                    row_seen[following] = length
                path[length] = following
                length += 1
                continue
            state += _GOLDEN
            path[length] = following
            _turn(path, seen, length, fraction, out, state)
            for index in range(seen + 1, length):
                if index % 2:
                    column_seen[path[index]] = -1
                else:
                    row_seen[path[index]] = -1
            length = seen + 1
        row_seen[start] = -1
    return out


@numba.njit(cache=True, inline="always")
def _other(listed: Any, counts: Any, here: Any, avoid: Any, fraction: Any) -> Any:
    """The last listed neighbour that is still fractional and not `avoid`, or -1; drops the whole ones on the way."""
    while counts[here] > 0 and fraction[listed[counts[here] - 1]] == 0:
        counts[here] -= 1
    if counts[here] == 0:
        return np.int64(-1)
    last = listed[counts[here] - 1]
    if last != avoid:
        return np.int64(last)
    while counts[here] > 1 and fraction[listed[counts[here] - 2]] == 0:
        listed[counts[here] - 2] = last
        counts[here] -= 1
    return np.int64(listed[counts[here] - 2]) if counts[here] > 1 else np.int64(-1)


@numba.njit(cache=True)
def _turn(path: Any, first: Any, last: Any, fraction: Any, out: Any, state: Any) -> None:
    """Move the cycle path[first..last] by the largest step of one of both signs, drawn so that the mean is zero."""
    up = _ONE
    down = _ONE
    for index in range(first, last):
        odd = index % 2
        r = path[index + 1] if odd else path[index]
        c = path[index] if odd else path[index + 1]
        value = fraction[r, c]
        if (index - first) % 2:
            up = min(up, value)
            down = min(down, _ONE - value)
        else:
            up = min(up, _ONE - value)
            down = min(down, value)
    change = up if _below(state, up + down) < down else -down
    for index in range(first, last):
        odd = index % 2
        r = path[index + 1] if odd else path[index]
        c = path[index] if odd else path[index + 1]
        value = fraction[r, c] + (-change if (index - first) % 2 else change)
        if value == _ONE:
            value = 0
            if r > 0:
                out[r - 1, c] += 1
        fraction[r, c] = value
