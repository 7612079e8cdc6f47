"""How much of the promised mu an attacker who sees everything can prove, for every synthesizer.

Twin runs: the whole pipeline (settle, session with the system's entropy, codes, measurements, choices, model)
runs many times on a tiny table and on a neighbour that differs in one row, the worst one there is. All answers
and the model become scores, and the scores a lower bound on mu that is wrong with probability 1e-6 in all. A
bound above the promise would be a privacy bug; one near it says that nothing of the budget is wasted, and that
the audit would see such a bug. Selections and codes that are found use less than what they are charged.

    python benchmarks/audit.py [--runs 1000] [--mu 2] [--synthesizer mst ...]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from attacks.statistics.gdp_lower_bound import gdp_lower_bound
from dpsynth.engine import settle
from dpsynth.privacy.gaussian_profile import epsilon_of
from dpsynth.privacy.randomness import OsEntropy
from dpsynth.privacy.unit import Relation
from dpsynth.schema.columns import Categorical, OpenCategorical
from dpsynth.schema.schema import Schema
from dpsynth.synthesizers.catalogue import CATALOGUE
from dpsynth.twins import SCORES, twin_runs

FALSE_ALARM, DELTA = 1e-6, 1e-6
SETTINGS = {"direct": {"marginals": "a,b;b,c"}}
CLOSED = Schema([Categorical(name, values=range(3)) for name in "abc"])
OPEN = Schema([OpenCategorical("a", max_values=5), *(Categorical(name, values=range(3)) for name in "bc")])
# A schema, a relation, and two neighbours as lists of rows: the last row is the one that differs.
COMMON, UNIQUE = (0, 0, 0), (2, 2, 2)
WORLDS = {
    "one row, or none": (CLOSED, Relation.ADD_REMOVE, [], [UNIQUE]),
    "12 rows, and one more": (CLOSED, Relation.ADD_REMOVE, [COMMON] * 12, [*[COMMON] * 12, UNIQUE]),
    "a row replaced": (CLOSED, Relation.REPLACE_ONE, [*[COMMON] * 12, COMMON], [*[COMMON] * 12, UNIQUE]),
    "a value of its own": (OPEN, Relation.ADD_REMOVE, [COMMON] * 12, [*[COMMON] * 12, UNIQUE]),
}


def table(schema: Schema, rows: Sequence[tuple[int, ...]]) -> dict[str, list[object]]:
    """The columns of a table of rows; an open column holds its numbers as text."""
    return {
        column.name: [f"value {row[i]}" if isinstance(column, OpenCategorical) else row[i] for row in rows]
        for i, column in enumerate(schema.columns)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, help="in either world, for each line of the table")
    parser.add_argument("--mu", type=float, default=2.0, help="what is promised, about")
    parser.add_argument("--synthesizer", nargs="*", default=list(CATALOGUE), choices=list(CATALOGUE))
    asked = parser.parse_args()
    cases = [(name, world) for name in asked.synthesizer for world in WORLDS]
    print(f"{'synthesizer':12} {'neighbours':22} promised  proved  share  ceiling  by       CPU s")
    for name, world in cases:
        schema, relation, *pair = WORLDS[world]
        epsilon = epsilon_of(DELTA, asked.mu)
        request = settle(
            schema, epsilon=epsilon, delta=DELTA, synthesizer=name, relation=relation, settings=SETTINGS.get(name, {})
        )
        start = time.process_time()
        worlds = twin_runs(request, (table(schema, pair[0]), table(schema, pair[1])), asked.runs, OsEntropy())
        seconds = time.process_time() - start
        found = gdp_lower_bound(*worlds, false_alarm=FALSE_ALARM / len(cases), delta0=float(request.budget.delta))
        promised = request.budget.mu
        print(
            f"{name:12} {world:22} {promised:8.3f} {found.mu:7.3f} {found.mu / promised:6.0%} {found.ceiling:8.2f}  "
            f"{SCORES[found.score]:8} {seconds:5.1f}{'  ABOVE THE PROMISE' if found.mu > promised else ''}",
            flush=True,
        )


if __name__ == "__main__":
    main()
