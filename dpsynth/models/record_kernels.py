"""Compiled loops of `record_update` and `record_swaps`; importing this module imports numba, so it is imported late.

Randomness here only chooses codes of synthetic records, never noise: splitmix64 (Steele, Lea & Flood 2014).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_NEVER = np.float32(1e30)
_ONE = np.float32(1)
# A negative index counts from the end; numba leaves out that test where indices are unsigned.
_place = np.uintp


@numba.njit(cache=True)
def add(records: Any, tables: Any, columns: Any, counts: Any) -> None:
    """Add every record to its cells."""
    cells = np.empty(tables.offsets.size, np.uintp)
    for i in range(records.shape[0]):
        _cells(records, i, tables, columns, cells)
        for cell in cells:
            counts[cell] += 1


@numba.njit(cache=True, inline="always")
def _cells(records: Any, i: Any, tables: Any, columns: Any, cells: Any) -> None:
    """The record's cell in every measurement."""
    for table in range(tables.offsets.size):
        cell = tables.offsets[table]
        for part in range(tables.starts[table], tables.starts[table + 1]):
            place = tables.places[part]
            cell += tables.strides[part] * columns.groups[place, tables.levels[part], records[i, place]]
        cells[table] = cell


@numba.njit(cache=True, inline="always")
def _word(state: Any) -> Any:
    """64 random bits from a state that has just been advanced by the golden constant."""
    word = (state ^ (state >> np.uint64(30))) * _MIX1
    word = (word ^ (word >> np.uint64(27))) * _MIX2
    return word ^ (word >> np.uint64(31))


@numba.njit(cache=True, fastmath=True)
def sweep(
    records: Any,
    order: Any,
    shares: Any,
    tables: Any,
    columns: Any,
    barred: Any,
    temperature: Any,
    key: Any,
    excess: Any,
) -> None:
    """One visit of every entry; `excess` (records minus values, in records) and `records` change in place.

    A record is taken out, its entries are drawn anew one after the other, and it is put back. Putting it into code v
    changes L by pull[v] median stddevs and a constant, where pull[v] is the sum of weight * excess over the cells that
    it would fall into. Cells of groups of codes are summed group by group (`_group_pulls`) and handed to the codes.
    Codes that would put the record into a `barred` cell have a pull beyond all others, and no chance.
    """
    most = columns.sizes.max()
    pull, group_pull = np.empty(most, np.float32), np.empty(most, np.float32)
    cells, starts = np.empty(tables.offsets.size, np.uintp), np.empty(tables.offsets.size, np.uintp)
    state = key
    for i in order:
        share_from = 0
        _cells(records, i, tables, columns, cells)
        for cell in cells:
            excess[cell] -= _ONE
        for column in range(columns.sizes.size):
            size, levels = columns.sizes[column], columns.level_counts[column]
            share_from += size
            if size < 2 or levels == 0:
                continue
            own = records[i, column]
            pull[:size] = 0.0
            for level in range(levels):
                groups = columns.groups[column, level]
                _group_pulls(columns, column, level, _place(groups[own]), cells, excess, starts, group_pull)
                for code in range(size):
                    pull[code] += group_pull[groups[code]]
            for entry in range(barred.firsts[column], barred.firsts[column + 1]):
                step = barred.steps[entry]
                cell = _barred_cell(records, i, barred, barred.holding[entry]) - step * own
                for code in range(size):
                    if barred.mask[cell + step * code]:
                        pull[code] = _NEVER
            state += _GOLDEN
            chosen = _drawn(pull, shares[share_from - size : share_from], own, temperature, _word(state))
            if chosen != own:
                records[i, column] = chosen
                for level in range(levels):
                    new, old = columns.groups[column, level, chosen], columns.groups[column, level, own]
                    for entry in range(columns.firsts[column, level], columns.firsts[column, level + 1]):
                        # Unsigned numbers wrap around, so a difference below zero comes out right.
                        cells[columns.holding[entry]] += columns.steps[entry] * (_place(new) - _place(old))
        for cell in cells:
            excess[cell] += _ONE


@numba.njit(cache=True, fastmath=True)
def _group_pulls(
    columns: Any, column: Any, level: Any, own: Any, cells: Any, excess: Any, starts: Any, group_pull: Any
) -> None:
    """Weight * excess of the cells of each group, over the measurements that read the column at this level.

    own: the group that the record is in. Measurements whose groups lie side by side come first, and are read as they
    lie; of the others four groups at a time, whose sums stay in registers.
    """
    first, end = columns.firsts[column, level], columns.firsts[column, level + 1]
    holding, steps, weights = columns.holding[first:end], columns.steps[first:end], columns.weights[first:end]
    for entry in range(steps.size):
        starts[entry] = cells[holding[entry]] - steps[entry] * own
    groups, group, four = _place(columns.group_sizes[column, level]), _place(0), _place(4)
    group_pull[:groups] = 0.0
    beside = 0
    while beside < steps.size and steps[beside] == _place(1):
        weight, side = weights[beside], excess[starts[beside] : starts[beside] + groups]
        for place in range(side.size):
            group_pull[place] += weight * side[place]
        beside += 1
    while group + four <= groups:
        one = two = three = last = np.float32(0)
        for entry in range(beside, steps.size):
            step, weight = steps[entry], weights[entry]
            cell = starts[entry] + step * group
            one += weight * excess[cell]
            two += weight * excess[cell + step]
            three += weight * excess[cell + step + step]
            last += weight * excess[cell + step + step + step]
        group_pull[group] += one
        group_pull[group + _place(1)] += two
        group_pull[group + _place(2)] += three
        group_pull[group + _place(3)] += last
        group += four
    while group < groups:
        one = np.float32(0)
        for entry in range(beside, steps.size):
            one += weights[entry] * excess[starts[entry] + steps[entry] * group]
        group_pull[group] += one
        group += _place(1)


@numba.njit(cache=True, fastmath=True)
def _drawn(pull: Any, shares: Any, own: Any, temperature: Any, word: Any) -> Any:
    """A code with probability proportional to share * exp(-pull / temperature), to about 1 % of each; overwrites pull.

    At temperature 0 the first code of the least pull, or `own` where that is none the greater. The exponential is
    (1 - x / 1024)^1024, ten squarings that the compiler can do for several codes at once.
    """
    size, least = shares.size, pull[own]
    for code in range(size):
        least = min(least, pull[code])
    if temperature == 0.0:
        chosen = own
        for code in range(size):
            if pull[code] < pull[chosen]:
                chosen = code
        return chosen
    cold = np.float32(1.0 / (1024.0 * temperature))
    for code in range(size):
        power = max(np.float32(0), _ONE - (pull[code] - least) * cold)
        power *= power
        power *= power
        power *= power
        power *= power
        power *= power
        power *= power
        power *= power
        power *= power
        power *= power
        power *= power
        pull[code] = power * shares[code]
    whole = np.float32(0)
    for code in range(size):
        whole += pull[code]
    mark = whole * np.float32(np.float64(word >> np.uint64(11)) * (1.0 / 9007199254740992.0))
    for code in range(size):
        mark -= pull[code]
        if mark < 0.0:
            return code
    return own


@numba.njit(cache=True, inline="always")
def _barred_cell(records: Any, i: Any, barred: Any, table: Any) -> Any:
    """The record's cell in one table of barred cells."""
    cell = barred.offsets[table]
    for part in range(barred.starts[table], barred.starts[table + 1]):
        cell += barred.strides[part] * records[i, barred.places[part]]
    return cell


@numba.njit(cache=True, inline="always")
def _may_become(records: Any, i: Any, column: Any, code: Any, barred: Any) -> Any:
    """Whether the record may have that code in that column."""
    for entry in range(barred.firsts[column], barred.firsts[column + 1]):
        cell = _barred_cell(records, i, barred, barred.holding[entry])
        if barred.mask[cell + barred.steps[entry] * (code - records[i, column])]:
            return False
    return True


@numba.njit(cache=True)
def count_pairs(records: Any, firsts: Any, each: Any, pairs: Any) -> None:
    """Add `each` to pairs[a, b] for every two codes a, b of different columns that a record holds together.

    Codes of all columns are numbered one after the other: column c has firsts[c] and on.
    """
    held = np.empty(records.shape[1], np.int64)
    for i in range(records.shape[0]):
        for column in range(records.shape[1]):
            held[column] = firsts[column] + records[i, column]
        for one in range(held.size):
            for two in range(held.size):
                if one != two:
                    pairs[held[one], held[two]] += each


@numba.njit(cache=True)
def swap(records: Any, firsts: Any, barred: Any, key: Any, excess: Any) -> Any:
    """Offer every entry a swap with the same column of a random record; do it where the squared excess falls.

    excess: symmetric, counts of pairs of codes minus what is wanted (see `count_pairs`). No swap puts a record into a
    `barred` cell. Returns the number of swaps done.
    """
    state, done = key, 0
    rows, columns = records.shape
    for column in range(columns):
        first = firsts[column]
        for i in range(rows):
            state += _GOLDEN
            k = np.int64(_word(state) % np.uint64(rows))
            a, b = first + records[i, column], first + records[k, column]
            if a == b:
                continue
            change = 0.0
            for other in range(columns):
                u, v = firsts[other] + records[i, other], firsts[other] + records[k, other]
                if other != column and u != v:
                    change += excess[b, u] - excess[a, u] + excess[a, v] - excess[b, v] + 2.0
            if change >= 0.0:
                continue
            if not _may_become(records, i, column, records[k, column], barred):
                continue
            if not _may_become(records, k, column, records[i, column], barred):
                continue
            done += 1
            for other in range(columns):
                u, v = firsts[other] + records[i, other], firsts[other] + records[k, other]
                if other != column and u != v:
                    for one, two, moved in ((a, u, -1.0), (b, u, 1.0), (b, v, -1.0), (a, v, 1.0)):
                        excess[one, two] += moved
                        excess[two, one] += moved
            records[i, column], records[k, column] = records[k, column], records[i, column]
    return done


@numba.njit(cache=True)
def count_tables(codes: Any, parts: Any, strides: Any, starts: Any, offsets: Any, counts: Any) -> None:
    """Count rows in the cells of many tables one after the other; `codes` holds one contiguous array a reading.

    Table t uses readings parts[starts[t]:starts[t + 1]] with these strides, and cells offsets[t] and on.
    """
    rows = codes.shape[1]
    for table in range(offsets.size):
        first, last, offset = starts[table], starts[table + 1], offsets[table]
        if last - first == 2:
            one, two, stride = codes[parts[first]], codes[parts[first + 1]], strides[first]
            for i in range(rows):
                counts[offset + stride * np.int64(one[i]) + np.int64(two[i])] += 1
        elif last - first == 3:
            one, two, three = codes[parts[first]], codes[parts[first + 1]], codes[parts[first + 2]]
            stride, inner = strides[first], strides[first + 1]
            for i in range(rows):
                counts[offset + stride * np.int64(one[i]) + inner * np.int64(two[i]) + np.int64(three[i])] += 1
        else:
            for i in range(rows):
                cell = offset
                for part in range(first, last):
                    cell += strides[part] * np.int64(codes[parts[part], i])
                counts[cell] += 1
