"""How near the forecast of error, made from the schema alone, comes to the error of a release of the real table.

For each table and epsilon: the mean total variation distance of one-, two- and three-way marginals and their mean, as
forecast on made-up tables and as it was in one release, their ratio, and whether the release lay in the likely range;
the bar is 0.7 to 1.3. The tables of HELD_BACK set no constant of `dpsynth/forecast/`; those of CALIBRATION set them
all: `--habits` prints what was read off them, and how far that moves when any one of them is left out.

It looks at real rows, so this table is for the developers' eyes and no part of a release. Needs the shared data sets
beside the checkout (or DPSYNTH_SHARED), and the extra `demo`; says so where they are absent. CPU minutes.

    python benchmarks/forecast_error.py [--tables census gss ...] [--epsilons 0.3 1 3] [--draws 4]
    python benchmarks/forecast_error.py --habits
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from typing import Any

from forecast_tables import CALIBRATION, HELD_BACK
from shared import ABSENT, SHARED

DELTA = 1e-6


def habits() -> None:
    """How real columns lie and hang together, and how made-up ones do; the laws are read off CALIBRATION alone."""
    import numpy as np
    import pandas as pd

    import dpsynth
    from dpsynth.forecast.tables import simulated_table

    found: list[dict[str, Any]] = []
    print(f"{'table':<12}{'entropy':>16}{'dependence':>18}   (of columns, in nats; of pairs, 0 to 1; real / made up)")
    for name, load in (CALIBRATION | HELD_BACK).items():
        frame, schema = load()
        real = dpsynth.ticked(frame, schema)
        made = [simulated_table(schema, min(real.rows, 3_000), np.random.default_rng((0, draw))) for draw in range(4)]
        (entropy, apart), (made_entropy, made_apart) = lie(real), np.mean([lie(each) for each in made], axis=0)
        held = "  held back" if name in HELD_BACK else ""
        print(f"{name:<12}{entropy:>8.2f}{made_entropy:>8.2f}{apart:>10.3f}{made_apart:>8.3f}{held}", flush=True)
        if name in CALIBRATION:
            found.extend({"table": name, **each} for each in evenness(real))
    table = pd.DataFrame(found)
    for kind, rows in table.groupby("kind"):
        means = rows.groupby("table")["evenness"].mean()
        without = [means.drop(index=name).mean() for name in means.index]
        print(
            f"evenness of {kind}: mean over {len(means)} tables {means.mean():.2f}, each left out {min(without):.2f} to"
            f" {max(without):.2f}, standard deviation of columns {rows['evenness'].std():.2f}"
        )


def lie(table: Any) -> tuple[float, float]:
    """Mean entropy of columns, and mean distance of pairs of columns from independent ones."""
    import numpy as np
    from scipy.special import entr

    from dpsynth.forecast.distance import Measured

    cells = list(Measured(table)._own.values())
    alone = [np.bincount(codes, minlength=size) / table.rows for codes, size in cells]
    apart = []
    for one, other in itertools.combinations(range(len(cells)), 2):
        (rows, height), (columns, width) = cells[one], cells[other]
        both = np.bincount(rows * width + columns, minlength=height * width).reshape(height, width) / table.rows
        apart.append(float(np.abs(both - np.outer(alone[one], alone[other])).sum()) / 2)
    return float(np.mean([entr(shares).sum() for shares in alone])), float(np.mean(apart))


def evenness(table: Any) -> list[dict[str, Any]]:
    """Entropy over its most, of each column: labels as they are, numbers cut into 30 and 100 equal parts."""
    import numpy as np
    from scipy.special import entr

    found = []
    for name, ticks in table.ticks.items():
        column, present = table.schema[name], ticks[ticks >= 0].astype(np.int64)
        if column.type in ("numeric", "datetime"):
            lists = [("numbers", parts, present * parts // column.ticks) for parts in (30, 100) if parts < column.ticks]
        else:
            lists = [("labels", len(table.labels.get(name, ())) or column.ticks, present)]
        for kind, count, codes in lists:
            shares = np.bincount(codes) / len(codes)
            found.append({"kind": kind, "evenness": float(entr(shares).sum() / np.log(max(count, 2)))})
    return found


def show(name: str, epsilon: float, expected: Any, actual: Any) -> float:
    """One line of the table; the ratio of the totals."""
    ratio = float(expected.total.mean / actual.total)
    pairs = (
        (expected.one_way.mean, actual.one_way),
        (expected.two_way.mean, actual.two_way),
        (expected.three_way.mean, actual.three_way),
        (expected.total.mean, actual.total),
    )
    cells = "".join(f"{told:>9.4f} /{found:>7.4f}" for told, found in pairs)
    low, high = expected.likely
    print(f"{name:<12}{epsilon:>6g}{cells}{ratio:>8.2f}  {low <= actual.total <= high!s:<5}", flush=True)
    return ratio


def main() -> int:
    """Print the table; the exit code is 1 when a held-back total is off by more than 30 %."""
    import dpsynth
    from dpsynth.forecast.distance import Measured

    tables = HELD_BACK | CALIBRATION
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", nargs="*", choices=tables, default=list(HELD_BACK))
    parser.add_argument("--habits", action="store_true", help="measure what constants are set by, and stop")
    parser.add_argument("--epsilons", nargs="*", type=float, default=[0.3, 1.0, 3.0])
    parser.add_argument("--draws", type=int, default=4)
    asked = parser.parse_args()
    if not (SHARED / "data").is_dir():
        print(f"skipped: {ABSENT}")
        return 0
    if asked.habits:
        habits()
        return 0
    heads = "".join(f"{head:>18}" for head in ("one-way", "two-way", "three-way", "total"))
    print(f"{'table':<12}{'eps':>6}{heads}{'ratio':>8}  likely   (forecast / actual)")
    worst = 1.0
    for name in asked.tables:
        frame, schema = tables[name]()
        start = time.process_time()
        told = dpsynth.forecast_error(schema, rows=len(frame), epsilons=asked.epsilons, delta=DELTA, draws=asked.draws)
        seconds = time.process_time() - start
        real = Measured(dpsynth.ticked(frame, schema))
        for at in told.at:
            release = dpsynth.synthesize(frame, schema, epsilon=at.epsilon, delta=DELTA)
            ratio = show(name, at.epsilon, at, real.distances(dpsynth.ticked(release.table, schema)))
            worst = max(worst, ratio, 2 - ratio) if name in HELD_BACK else worst
        print(f"{'':<12}forecast in {seconds:.0f} CPU seconds", flush=True)
    print(f"held-back totals are off by at most {worst - 1:.0%}")
    return int(worst > 1.3)


if __name__ == "__main__":
    sys.exit(main())
