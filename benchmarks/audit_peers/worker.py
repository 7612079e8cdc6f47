"""Privacy scores of one peer, in the Python of its own environment: needs numpy, pandas and that peer, nothing else.

    PYTHON worker.py folder

The folder holds `request.json` (the peer, what to measure, the cases) and one `NUMBER.npz` for each case, whose arrays
`TABLE/COLUMN` are numbers with NaN where missing. After each case `report.json` has one more entry: the scores, or
the error that the peer ended with, and its CPU seconds.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Tables = dict[str, pd.DataFrame]
Measure = Callable[[Tables, dict[str, Any], int], dict[str, float]]


def read(file: Path, numbers: list[str]) -> Tables:
    """The tables of a case; what is no number becomes text."""
    tables: dict[str, dict[str, Any]] = {}
    with np.load(file) as arrays:
        for key in arrays.files:
            table, _, column = key.partition("/")
            values = arrays[key]
            if column not in numbers:
                values = np.array([None if np.isnan(each) else f"v{int(each)}" for each in values], dtype=object)
            tables.setdefault(table, {})[column] = values
    return {name: pd.DataFrame(columns) for name, columns in tables.items()}


def anonymeter_singling_out(tables: Tables, request: dict[str, Any], seed: int) -> dict[str, float]:
    """Risk of singling out by several columns at once, and its 95 % interval; default settings otherwise."""
    from anonymeter.evaluators import SinglingOutEvaluator

    evaluator = SinglingOutEvaluator(
        ori=tables["train"],
        syn=tables["synthetic"],
        control=tables["holdout"],
        n_attacks=request["attacks"],
        n_cols=min(3, tables["train"].shape[1]),
        max_attempts=request["attempts"],
        seed=seed,
    )
    found = evaluator.evaluate(mode="multivariate").risk(confidence_level=0.95)
    return {"score": found.value, "low": found.ci[0], "high": found.ci[1]}


def anonymeter_linkability(tables: Tables, request: dict[str, Any], seed: int) -> dict[str, float]:
    """Risk of linking the two halves of the columns."""
    from anonymeter.evaluators import LinkabilityEvaluator

    columns = list(tables["train"].columns)
    evaluator = LinkabilityEvaluator(
        ori=tables["train"],
        syn=tables["synthetic"],
        control=tables["holdout"],
        n_attacks=request["attacks"],
        aux_cols=(columns[::2], columns[1::2]),
    )
    found = evaluator.evaluate(n_jobs=1).risk(confidence_level=0.95)
    return {"score": found.value, "low": found.ci[0], "high": found.ci[1]}


def anonymeter_inference(tables: Tables, request: dict[str, Any], seed: int) -> dict[str, float]:
    """Risk of inferring the last column from the others."""
    from anonymeter.evaluators import InferenceEvaluator

    columns = list(tables["train"].columns)
    evaluator = InferenceEvaluator(
        ori=tables["train"],
        syn=tables["synthetic"],
        control=tables["holdout"],
        n_attacks=request["attacks"],
        aux_cols=columns[:-1],
        secret=columns[-1],
    )
    found = evaluator.evaluate(n_jobs=1).risk(confidence_level=0.95)
    return {"score": found.value, "low": found.ci[0], "high": found.ci[1]}


def sdmetrics_dcr(tables: Tables, request: dict[str, Any], seed: int) -> dict[str, float]:
    """Protection from overfitting by distances to the closest record: 1 is best."""
    from sdmetrics.single_table import DCROverfittingProtection

    kinds = {name: {"sdtype": "numerical" if name in request["numbers"] else "categorical"} for name in tables["train"]}
    found = DCROverfittingProtection.compute_breakdown(
        tables["train"], tables["synthetic"], tables["holdout"], {"tables": {"t": {"columns": kinds}}}, "t"
    )
    return {"score": found["score"]}


def sdmetrics_disclosure(tables: Tables, request: dict[str, Any], seed: int) -> dict[str, float]:
    """Protection of the last column from whoever knows the other categories: 1 is best; it knows no holdout."""
    from sdmetrics.single_table import DisclosureProtection

    categories = [name for name in tables["train"] if name not in request["numbers"]]
    found = DisclosureProtection.compute_breakdown(
        tables["train"], tables["synthetic"], known_column_names=categories[:-1], sensitive_column_names=categories[-1:]
    )
    return {"score": found["score"]}


MEASURES: dict[str, Measure] = {
    "singling out": anonymeter_singling_out,
    "linkability": anonymeter_linkability,
    "inference": anonymeter_inference,
    "DCR overfitting": sdmetrics_dcr,
    "disclosure": sdmetrics_disclosure,
}


def main(folder: Path) -> None:
    """Measure all cases."""
    request = json.loads((folder / "request.json").read_text())
    report = []
    for number in range(request["cases"]):
        tables = read(folder / f"{number}.npz", request["numbers"])
        entry: dict[str, Any] = {}
        for name in request["measures"]:
            start, wall = time.process_time(), time.perf_counter()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = MEASURES[name](tables, request, number)
            except Exception as error:  # noqa: BLE001  # a peer may fail in any way: that is a result too
                found = {"error": f"{type(error).__name__}: {error}"[:120]}
            entry[name] = {**found, "seconds": time.process_time() - start, "wall": time.perf_counter() - wall}
        report.append(entry)
        (folder / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
