"""One run of one synthesizer, in the Python of its own environment: needs numpy and that synthesizer, nothing else.

    PYTHON worker.py folder

The folder holds `request.json` and `train.npz` (integer codes by column). The worker keeps `report.json` up to
date, so that a run that is stopped has said how far it came, and writes `synthetic.npz` at the end. The clock
runs over fit and sample, not over imports. The CPU limit is set when the clock starts; past it the operating
system ends the process.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import platform
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Codes = dict[str, Any]
Sample = Callable[[], Any]  # draws the rows that the request asks for: anything that gives a column by its name
Fit = Callable[[], Sample]  # everything imported and ready: what remains is work to be timed


def ours(request: dict[str, Any], train: Codes) -> Fit:
    """Our synthesizers through the public interface; the noise comes from the operating system, not from the seed."""
    import dpsynth

    columns = [dpsynth.Categorical(name, values=range(size)) for name, size in request["domain"].items()]
    schema = dpsynth.Schema(columns)

    def fit() -> Sample:
        release = dpsynth.synthesize(
            train,
            schema,
            epsilon=request["epsilon"],
            delta=request["delta"],
            synthesizer=request["mechanism"],
            rows=request["rows"],
            seed=request["seed"],
        )
        return lambda: release.table

    return fit


def dpmm(request: dict[str, Any], train: Codes) -> Fit:
    """The graphical models of the package dpmm, with its defaults."""
    import pandas as pd
    from dpmm.models.aim import AIMGM
    from dpmm.models.mst import MSTGM
    from dpmm.models.priv_bayes import PrivBayesGM

    kind = {"aim": AIMGM, "mst": MSTGM, "privbayes": PrivBayesGM}[request["mechanism"]]

    def fit() -> Sample:
        model = kind(epsilon=request["epsilon"], delta=request["delta"], n_jobs=1)
        model.set_random_state(np.random.RandomState(request["seed"]))
        model.set_domain(dict(request["domain"]))
        model.fit(pd.DataFrame(train))
        return lambda: model.generate(n_records=request["rows"])

    return fit


def smartnoise(request: dict[str, Any], train: Codes) -> Fit:
    """The synthesizers of smartnoise-synth, told that every column is categorical.

    `-drawn`: the same, with rows drawn from the fitted model. By default mbi 1.1.0 rounds them without shuffling,
    which ties together columns that the model has as independent given others.
    """
    import pandas as pd
    from mbi import MarkovRandomField
    from snsynth import Synthesizer

    columns = list(request["domain"])
    mechanism, _, drawn = request["mechanism"].partition("-")
    if drawn:
        MarkovRandomField.synthetic_data = functools.partialmethod(MarkovRandomField.synthetic_data, method="sample")

    def fit() -> Sample:
        model = Synthesizer.create(mechanism, epsilon=request["epsilon"], delta=request["delta"])
        model.fit(pd.DataFrame(train), categorical_columns=columns, preprocessor_eps=0.0)
        return lambda: pd.DataFrame(np.asarray(model.sample(request["rows"])), columns=columns)

    return fit


def opendp(request: dict[str, Any], train: Codes) -> Fit:
    """Contingency tables of OpenDP, estimated by mbi, the library of private-pgm.

    Its budget is given in zCDP, under which it adds Gaussian noise.
    """
    import opendp.prelude as dp
    import polars as pl
    from opendp.extras import mbi

    dp.enable_features("contrib")
    algorithm = {"aim": mbi.AIM, "mst": mbi.MST}[request["mechanism"]]()
    keys = {name: list(range(size)) for name, size in request["domain"].items()}

    def fit() -> Sample:
        context = dp.Context.compositor(
            data=pl.LazyFrame(train),
            privacy_unit=dp.unit_of(contributions=1),
            privacy_loss=dp.loss_of(rho=zcdp_rho(request["epsilon"], request["delta"])),
            split_evenly_over=1,
        )
        table = context.query().select(list(keys)).contingency_table(keys=keys, algorithm=algorithm).release()

        def sample() -> Codes:
            made = table.synthesize(rows=request["rows"], method="sample")  # as `-drawn` of smartnoise
            return {name: made[name].to_numpy() for name in keys}

        return sample

    return fit


def zcdp_rho(epsilon: float, delta: float) -> float:
    """Largest rho whose zCDP implies (epsilon, delta)-DP: Canonne, Kamath and Steinke 2020, Proposition 12."""
    order = 1 + np.logspace(-4, 4, 20_001)

    def log_delta(rho: float) -> float:
        terms = (order - 1) * (order * rho - epsilon) + order * np.log1p(-1 / order) - np.log(order - 1)
        return float(terms.min())

    low, high = 0.0, epsilon + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if log_delta(middle) <= np.log(delta) else (low, middle)
    return low


def fake(request: dict[str, Any], train: Codes) -> Fit:
    """A peer for the tests: uniform rows, or what its mechanism says."""
    rng = np.random.default_rng(request["seed"])

    def fit() -> Sample:
        if request["mechanism"] == "broken":
            raise ValueError("this peer always fails")
        while request["mechanism"] == "endless":
            np.sort(rng.random(1000))
        return lambda: {name: rng.integers(0, size, request["rows"]) for name, size in request["domain"].items()}

    return fit


ADAPTERS = {"ours": ours, "dpmm": dpmm, "smartnoise": smartnoise, "opendp": opendp, "fake": fake}
PACKAGES = ("dpmm", "smartnoise-synth", "opendp", "mbi", "jax", "numpy", "pandas", "polars", "torch")


def cpu_seconds() -> float:
    """User and system time of this process and of the children that it has waited for."""
    import resource

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def peak_megabytes() -> float:
    """Peak resident memory of this program alone: ru_maxrss would count the parent's, from before the exec."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def limit_cpu(seconds: float) -> None:
    """End this process after so many more CPU seconds."""
    import resource

    end = int(cpu_seconds() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (end, end + 5))


def repaired(made: Any, domain: dict[str, int]) -> tuple[dict[str, np.ndarray], int]:
    """Synthetic rows as codes within the domain, and how many cells had to be moved into it."""
    codes, moved = {}, 0
    for name, size in domain.items():
        values = np.rint(np.asarray(made[name]).astype(np.float64))
        codes[name] = np.clip(np.nan_to_num(values, nan=0.0), 0, size - 1).astype(np.int64)
        moved += int((codes[name] != values).sum())
    return codes, moved


def in_short(error: BaseException) -> str:
    """The error in a line for the table: of a long story, the beginning and the end."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return words if len(words) <= 120 else f"{words[:30]} ... {words[-80:]}"


def versions() -> dict[str, str]:
    """Versions of what matters to a result, of the packages that are installed here."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def main(folder: Path) -> int:
    """Fit, sample, report."""
    request = json.loads((folder / "request.json").read_text())
    report: dict[str, Any] = {"stage": "import", "status": "running", "versions": versions()}

    def save(**changes: Any) -> None:
        report.update(changes)
        (folder / "report.json").write_text(json.dumps(report))

    save()
    try:
        with np.load(folder / "train.npz") as arrays:
            train = {name: arrays[f"column{index}"] for index, name in enumerate(request["domain"])}
        fit = ADAPTERS[request["peer"]](request, train)
        save(import_seconds=cpu_seconds(), stage="fit")
        limit_cpu(request["limit_seconds"])
        wall, start = time.perf_counter(), cpu_seconds()
        sample = fit()
        save(fit_seconds=cpu_seconds() - start, stage="sample")
        made = sample()
        save(seconds=cpu_seconds() - start, wall_seconds=time.perf_counter() - wall, megabytes=peak_megabytes())
        codes, moved = repaired(made, request["domain"])
        numbered: dict[str, Any] = {f"column{index}": codes[name] for index, name in enumerate(codes)}
        np.savez(folder / "synthetic.npz", **numbered)
        save(status="ok", moved_cells=moved, stage="done")
    except BaseException as error:  # noqa: BLE001  # a peer may fail in any way: that is a result too
        traceback.print_exc()
        save(status=f"failed in {report['stage']}: {in_short(error)}", megabytes=peak_megabytes())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
