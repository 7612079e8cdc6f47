"""How well each membership attack tells who was in the private table, beside the best published attacks.

Releases of `mst` on the coded Adult table, by size of the private table and epsilon. Targets are rows that were in
and as many that were not; the attacker's reference is what is left. A number is an AUC, the mean over seeds.
Published attacks are written here as plainly as their papers say, on the same evidence. The bar: in every column
the best of ours is at least the best of theirs, up to twice the standard error of the difference. "most possible"
is Phi(mu / sqrt 2), the promise's own limit for any attacker; nobody who lacks the other rows comes near it when
rows are many.

The best of either kind is picked by its mean over the same seeds, so both are a little flattered.

Needs the shared data sets beside the checkout (or DPSYNTH_SHARED), and says so where they are absent.

    python benchmarks/membership_strength.py [--rows 500 2000 20000] [--epsilon 1 10 1000] [--seeds 3] [--shadows]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import gaussian_kde, rankdata
from shared import ABSENT, SHARED
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

import dpsynth
from attacks.attack import Criterion, Evidence
from attacks.catalogue import CATALOGUE
from attacks.generator import Generator
from attacks.published import published, release_cells
from attacks.tables import Encoder, Table

DELTA, TARGETS = 1e-9, 1000  # targets: so many members at most, and as many others
SHADOWS = ("shadow-marginals", "query-shadow")  # run the program itself, many times
NUMBERS = ("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week")

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """One release, and who was in its private table."""

    evidence: Evidence
    targets: Table
    coins: NDArray[np.bool_]
    mu: float


def world(rows: NDArray[np.int64], domain: dict[str, int], size: int, epsilon: float, seed: int) -> World:
    """A release on `size` random rows; the first of them are targets, as are as many of the others."""
    order = np.random.default_rng(seed).permutation(len(rows))
    count = min(TARGETS, size)
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(codes)) for name, codes in domain.items()])

    def columns(places: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        return {name: rows[places, column] for column, name in enumerate(domain)}

    release = dpsynth.synthesize(
        columns(order[:size]), schema, epsilon=epsilon, delta=DELTA, synthesizer="mst", seed=seed
    )
    chosen = np.concatenate([order[:count], order[size : size + count]])
    places = (chosen, order[size + count :])
    targets, reference = (dpsynth.ticked(columns(each), schema) for each in places)
    synthetic = dpsynth.ticked(release.table, schema)
    encoder = Encoder.of(schema, [synthetic, reference])
    generator = Generator(release, encoder)
    evidence = Evidence(
        encoder.encode(synthetic),
        published(release),
        release_cells(release, synthetic),
        release_cells(release, targets),
        encoder.encode(reference),
        release_cells(release, reference),
        generator.generate,
        generator.select,
    )
    return World(evidence, encoder.encode(targets), np.arange(2 * count) < count, release.certificate.promise.mu)


def auc(scores: Numbers, coins: NDArray[np.bool_]) -> float:
    """Chance that a member has the larger score; ties count half."""
    inside = int(coins.sum())
    return float((rankdata(scores)[coins].sum() - inside * (inside + 1) / 2) / (inside * (len(coins) - inside)))


def numbers(table: Table) -> Numbers:
    """Numeric columns scaled to 0..1, the others as one column per level: the space of the published attacks."""
    parts = []
    for column, (name, levels) in enumerate(zip(table.names, table.levels, strict=True)):
        codes = table.codes[:, column]
        parts.append(codes[:, None] / levels if name in NUMBERS else np.eye(levels)[codes] / np.sqrt(2))
    return np.concatenate(parts, axis=1)


def published_attacks(world: World, rng: np.random.Generator) -> dict[str, Numbers]:
    """Scores of the published attacks that are strongest on such releases."""
    reference = world.evidence.reference
    assert reference is not None
    synthetic, known, targets = (numbers(each) for each in (world.evidence.synthetic, reference, world.targets))
    nearest = [NearestNeighbors(n_neighbors=1).fit(each).kneighbors(targets)[0][:, 0] for each in (synthetic, known)]
    return {
        "DCR (Chen 2020)": -nearest[0],
        "calibrated DCR": nearest[1] - nearest[0],
        "DPI (Ward 2024)": _plagiarism(synthetic, known, targets, rng),
        "DOMIAS (van Breugel 2023)": _domias(synthetic, known, targets),
        "MAMA-MIA (Golob 2024)": _mama_mia(world.evidence.synthetic, reference, world),
    }


def _plagiarism(synthetic: Numbers, known: Numbers, targets: Numbers, rng: np.random.Generator) -> Numbers:
    """Synthetic rows among the 20 nearest of equally many synthetic and reference rows."""
    count = min(len(synthetic), len(known))
    both = np.concatenate([each[rng.permutation(len(each))[:count]] for each in (synthetic, known)])
    near = NearestNeighbors(n_neighbors=20).fit(both).kneighbors(targets, return_distance=False)
    return (near < count).mean(axis=1)


def _domias(synthetic: Numbers, known: Numbers, targets: Numbers) -> Numbers:
    """log p_S - log p_R of kernel density estimates on ten principal components."""
    projection = PCA(10, random_state=0).fit(np.concatenate([synthetic, known]))
    places = projection.transform(targets).T
    logs = [gaussian_kde(projection.transform(each).T).logpdf(places) for each in (synthetic, known)]
    return np.clip(logs[0], -1e9, None) - np.clip(logs[1], -1e9, None)


def _mama_mia(synthetic: Table, reference: Table, world: World) -> Numbers:
    """Sum of p_S / p_R over the marginals that the program chose (the release says which: all weights are 1)."""
    assert world.evidence.published is not None
    total = np.zeros(len(world.targets))
    for clique in world.evidence.published.cliques:
        places = [synthetic.names.index(name) for name in clique]
        sizes = tuple(synthetic.levels[place] for place in places)
        cells = [
            np.ravel_multi_index(table.codes[:, places].T, sizes) for table in (synthetic, reference, world.targets)
        ]
        shares = [np.bincount(each, minlength=int(np.prod(sizes))) / len(each) for each in cells[:2]]
        total += shares[0][cells[2]] / np.maximum(shares[1][cells[2]], 1e-10)
    return total


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="*", default=[500, 2000, 20000])
    parser.add_argument("--epsilon", type=float, nargs="*", default=[1.0, 10.0, 1000.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shadows", action="store_true", help="run those attacks too that run the program many times")
    asked = parser.parse_args()
    folder = SHARED / "data" / "adult-coded"
    if not folder.is_dir():
        print(f"skipped: {ABSENT}")
        return 0
    domain = {name: int(size) for name, size in json.loads((folder / "domain.json").read_text()).items()}
    rows = pd.read_csv(folder / "adult.csv.gz")[list(domain)].to_numpy(np.int64)
    ours = [
        name
        for name, attack in CATALOGUE.items()
        if attack.criterion is Criterion.MEMBERSHIP and (asked.shadows or name not in SHADOWS)
    ]
    cases = [(size, epsilon) for size in asked.rows for epsilon in asked.epsilon]
    found: dict[str, dict[tuple[int, float], list[float]]] = {}
    seconds: dict[str, list[float]] = {}
    ceilings = {}
    for case in cases:
        for seed in range(asked.seeds):
            made = world(rows, domain, *case, seed)
            ceilings[case] = NormalDist().cdf(made.mu / 2**0.5)
            for name in ours:
                start = time.process_time()
                scores = run(name, made, seed)
                seconds.setdefault(name, []).append(time.process_time() - start)
                judged = scores != 0 if name == "query-shadow" else np.ones(len(scores), bool)
                if np.unique(made.coins[judged]).size == 2:
                    value = auc(scores[judged], made.coins[judged])
                    found.setdefault(name, {}).setdefault(case, []).append(value)
            for name, scores in published_attacks(made, np.random.default_rng(seed)).items():
                found.setdefault(name, {}).setdefault(case, []).append(auc(scores, made.coins))
    show(cases, found, ours, seconds, ceilings)
    return 0


def run(name: str, made: World, seed: int) -> Numbers:
    """Scores of one of our attacks, on what its threat model grants."""
    attack = CATALOGUE[name]
    return attack.run(made.evidence.under(attack.threat), made.targets, np.random.default_rng(seed)).scores


def show(
    cases: list[tuple[int, float]],
    found: dict[str, dict[tuple[int, float], list[float]]],
    ours: list[str],
    seconds: dict[str, list[float]],
    ceilings: dict[tuple[int, float], float],
) -> None:
    """The table, and the comparison of the best of either kind."""
    print(f"{'rows':<27}" + "".join(f"{size:>9}" for size, _ in cases))
    print(f"{'epsilon':<27}" + "".join(f"{epsilon:>9g}" for _, epsilon in cases) + "    CPU s")
    for name in sorted(found, key=lambda name: name not in ours):
        values = [f"{np.mean(found[name][case]):>9.3f}" if case in found[name] else f"{'':>9}" for case in cases]
        spent = f"{np.mean(seconds[name]):>9.2f}" if name in seconds else ""
        print(f"{name:<27}" + "".join(values) + spent)

    def best(names: Callable[[str], bool], case: tuple[int, float]) -> Numbers:
        means = {name: float(np.mean(by[case])) for name, by in found.items() if names(name) and case in by}
        return np.asarray(found[max(means, key=means.__getitem__)][case])

    lines: dict[str, list[str]] = {"best of ours - published": [], "  standard error": [], "  bar": []}
    for case in cases:
        gains = best(lambda name: name in ours and name != "query-shadow", case) - best(
            lambda name: name not in ours, case
        )
        error = float(np.std(gains, ddof=1) / len(gains) ** 0.5) if len(gains) > 1 else 0.0
        for line, text in zip(
            lines,
            (f"{gains.mean():+.3f}", f"{error:.3f}", "met" if gains.mean() >= -2 * error else "MISSED"),
            strict=True,
        ):
            lines[line].append(f"{text:>9}")
    for line, texts in lines.items():
        print(f"{line:<27}" + "".join(texts))
    print(f"{'most possible':<27}" + "".join(f"{ceilings[case]:>9.3f}" for case in cases))


if __name__ == "__main__":
    sys.exit(main())
