"""What fairness costs and brings on the census table: dependence left, gaps between the sexes, error of pairs, AUC.

The outcome is income, the protected column sex, admissible are education and hours; in a second variant the columns
that tell the sex (relationship, marital status) are protected too. Boosted trees learn income on the synthetic rows
and are judged on real rows that took no part: parity is the difference between the sexes in the share predicted rich,
odds the larger of those of true- and false-positive rates. Means over the seeds. Needs the shared data sets beside the
checkout (or DPSYNTH_SHARED), and says so where they are absent. These figures look at real rows: for developers' eyes.

    python benchmarks/fairness.py [--epsilon 1] [--seeds 3] [--synthesizer mst aim]
"""

from __future__ import annotations

import argparse
from statistics import fmean
from typing import Any

from adult import DELTA, TARGET, load_metrics
from shared import ABSENT, SHARED

SEX, ADMISSIBLE = "sex", ["education-num", "hours-per-week"]
PROXIES = ["relationship", "marital-status"]
VARIANTS: dict[str, list[str]] = {"as it comes": [], "sex protected": [SEX], "and its proxies": [SEX, *PROXIES]}
COLUMNS = {
    "left": "income hangs on sex beyond the admissible, in the model: share of rows",
    "rich": "difference of the sexes in the share that is rich, among synthetic rows",
    "parity": "of predictions on real rows",
    "odds": "of predictions on real rows",
    "tvd2": "mean total variation of all pairs of columns",
    "auc": "on real rows",
}


def judged(release: Any, train: Any, test: Any, domain: dict[str, int], metrics: Any) -> dict[str, float]:
    """The figures of one release."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    from dpsynth.evaluation.fairness import gaps
    from dpsynth.models.independence import dependence_given

    table = release.table.astype("int64")
    inputs = [name for name in domain if name != TARGET]
    classifier = HistGradientBoostingClassifier(random_state=0).fit(table[inputs], table[TARGET])
    chance = classifier.predict_proba(test[inputs])[:, 1]
    found = gaps(test[SEX].to_numpy(), test[TARGET].to_numpy() == 1, chance >= 0.5)
    rich = table.groupby(SEX)[TARGET].mean()
    return {
        "left": dependence_given(release.model, (SEX,), (TARGET,), tuple(ADMISSIBLE)),
        "rich": float(rich.max() - rich.min()),
        "parity": found.parity,
        "odds": found.odds,
        "tvd2": metrics.mean_tvd(train, table, domain, metrics.choose_sets(list(domain), 2))[0],
        "auc": float(roc_auc_score(test[TARGET], chance)),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--synthesizer", nargs="*", default=["mst", "aim"])
    asked = parser.parse_args()
    if not (SHARED / "data").is_dir():
        print(ABSENT)
        return
    import dpsynth

    metrics, folder = load_metrics(), SHARED / "data" / "adult-coded"
    domain = metrics.load_domain(folder / "domain.json")
    train, test = metrics.split(metrics.load_frame(folder / "adult.csv.gz", domain))
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(size)) for name, size in domain.items()])
    for name, words in COLUMNS.items():
        print(f"{name:>7}: {words}")
    print(f"{'':<24}" + "".join(f"{name:>9}" for name in COLUMNS))
    for synthesizer in asked.synthesizer:
        for variant, protected in VARIANTS.items():
            fairness = dpsynth.Fairness(protected, TARGET, ADMISSIBLE) if protected else None
            rows = []
            for seed in range(asked.seeds):
                options = {"synthesizer": synthesizer, "seed": seed, "fairness": fairness}
                release = dpsynth.synthesize(train, schema, epsilon=asked.epsilon, delta=DELTA, **options)
                rows.append(judged(release, train, test, domain, metrics))
            means = [fmean(row[name] for row in rows) for name in COLUMNS]
            print(f"{synthesizer + ', ' + variant:<24}" + "".join(f"{mean:>9.3g}" for mean in means), flush=True)


if __name__ == "__main__":
    main()
