"""The rival of synthetic rows: a differentially private model trained on the private table itself, by diffprivlib.

AUC on rows held out, coded Adult census table, medians of seeds and their range. A direct model answers one question
with all of the budget; a synthetic table answers any. diffprivlib's promises are pure epsilon or (epsilon, 0); ranges
and norms that it needs are taken from the public domain.

    python benchmarks/direct_models.py [--epsilon 1 3 10] [--seeds 5] [--synthesizers mosaic vae]
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from adult import TARGET, load_metrics
from shared import ABSENT, SHARED

from dpsynth.evaluation.direct import classifiers

DELTA = 1e-5


def plain(table: Any, features: list[str]) -> Any:
    """Codes as numbers."""
    return table[features].to_numpy(float)


def one_hot(table: Any, domain: dict[str, int], features: list[str]) -> Any:
    """A column for each code."""
    return np.concatenate([np.eye(domain[name])[table[name]] for name in features], axis=1)


def models(domain: dict[str, int], features: list[str]) -> dict[str, Callable[[float, int], Any]]:
    """diffprivlib's classifiers, told nothing but the domain."""
    lower, upper = np.zeros(len(features)), np.array([domain[name] - 1.0 for name in features])
    return classifiers(lower, upper, len(features) ** 0.5, [0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epsilon", type=float, nargs="*", default=[1.0, 3.0, 10.0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--synthesizers", nargs="*", default=["mosaic", "diffusion", "vae"])
    asked = parser.parse_args()
    if not SHARED.is_dir():
        print(f"skipped: {ABSENT}")
        return
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    import dpsynth

    metrics = load_metrics()
    folder = SHARED / "data" / "adult-coded"
    domain = metrics.load_domain(folder / "domain.json")
    train, test = metrics.split(metrics.load_frame(folder / "adult.csv.gz", domain))
    features = [name for name in domain if name != TARGET]
    print(f"{'AUC':38}" + "".join(f"epsilon {epsilon:<14g}" for epsilon in asked.epsilon))
    for name, make in models(domain, features).items():
        shaped = (lambda table: one_hot(table, domain, features)) if "logistic" in name else (
            lambda table: plain(table, features)
        )  # fmt: skip
        cells = []
        for epsilon in asked.epsilon:
            found = []
            for seed in range(asked.seeds):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model = make(epsilon, seed).fit(shaped(train), train[TARGET].to_numpy())
                    score = model.predict_proba(shaped(test))[:, 1]
                found.append(roc_auc_score(test[TARGET], np.nan_to_num(score)))
            cells.append(f"{median(found):.3f} ({min(found):.3f}-{max(found):.3f})")
        print(f"{'direct: ' + name:38}" + "".join(f"{cell:22}" for cell in cells), flush=True)
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(size)) for name, size in domain.items()])
    data = {name: train[name].to_numpy() for name in domain}
    for name in asked.synthesizers:
        cells = []
        for epsilon in asked.epsilon:
            found = []
            for seed in range(asked.seeds):
                made = dpsynth.synthesize(data, schema, epsilon=epsilon, delta=DELTA, synthesizer=name, seed=seed)
                frame = pd.DataFrame({column: made.table[column].astype("int64") for column in domain})
                found.append(metrics.tstr_auc(frame, test[list(domain)], TARGET))
            cells.append(f"{median(found):.3f} ({min(found):.3f}-{max(found):.3f})")
        print(f"{'on synthetic rows: ' + name:38}" + "".join(f"{cell:22}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
