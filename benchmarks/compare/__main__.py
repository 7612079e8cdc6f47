"""Compare synthesizers on one coded table: error, use, time and memory of ours, of published peers, of references.

python -m benchmarks.compare --data adult-coded --epsilon 1 --seeds 3 --ours mst aim --peers dpmm:mst opendp
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.compare import convert
from benchmarks.compare.data import Coded
from benchmarks.compare.environments import PEERS, InstallError, python_of
from benchmarks.compare.plot import plot_svg
from benchmarks.compare.runs import Job, Result, our_python, reference, run
from benchmarks.compare.table import rows_of, table_text
from benchmarks.shared import ABSENT, SHARED

REFERENCES = ("resampled", "independent")


def peer_jobs(names: Sequence[str]) -> list[tuple[str, str]]:
    """(peer, mechanism) of each `peer:mechanism`; a peer alone means all of its mechanisms."""
    jobs = []
    for name in names:
        peer, _, mechanism = name.partition(":")
        if peer not in PEERS or (mechanism and mechanism not in PEERS[peer].mechanisms):
            known = " ".join(f"{each.name}:{kind}" for each in PEERS.values() for kind in each.mechanisms)
            raise ValueError(f"peer ({name!r}) must be one of: {known}")
        jobs += [(peer, kind) for kind in ([mechanism] if mechanism else PEERS[peer].mechanisms)]
    return jobs


def compare(
    table: Coded,
    jobs: Sequence[Job],
    seeds: int,
    done: Sequence[Result] = (),
    python: Callable[[str], Path] | None = None,
    logs: Path | None = None,
) -> Iterator[Result]:
    """Results as they come; those in `done` are taken from there. After a run that did not finish, no further seed.

    python: the interpreter for a peer's name, which may raise InstallError. logs: folder for what failed runs printed.
    """
    known = {(result.label, result.seed): result for result in done}
    for mechanism in REFERENCES:
        for seed in range(seeds):
            yield known.get((f"not private: {mechanism}", seed)) or reference(mechanism, table, seed)
    for job in jobs:
        for seed in range(seeds):
            result = known.get((job.label, seed)) or _attempt(job, table, seed, python or _python, logs)
            yield result
            if result.status != "ok":
                break


def _attempt(job: Job, table: Coded, seed: int, python: Callable[[str], Path], logs: Path | None) -> Result:
    try:
        interpreter = python(job.peer)
    except InstallError as error:
        return Result(job.label, table.name, job.epsilon, seed, f"not installed: {error}")
    return run(job, table, seed, interpreter, logs)


def _python(peer: str) -> Path:
    return our_python() if peer == "ours" else python_of(PEERS[peer])


def read_results(path: Path, table: Coded, epsilon: float) -> list[Result]:
    """Earlier results of this table and epsilon, and of the references, which have no epsilon."""
    if not path.is_file():
        return []
    results = [Result(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    return [result for result in results if result.data == table.name and result.epsilon in (epsilon, None)]


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="adult-coded", help="a folder with domain.json and a CSV, or a shared set")
    parser.add_argument("--target", help="column of two codes for the classifier (default: the last such column)")
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--delta", type=float, default=1e-9)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ours", nargs="*", default=["mst"], help="names of our synthesizers")
    parser.add_argument("--peers", nargs="*", default=[], help="peer or peer:mechanism; its environment is made first")
    parser.add_argument("--limit-seconds", type=float, default=900.0, help="CPU seconds of one fit and sample")
    parser.add_argument("--out", type=Path, help="folder of results.jsonl and plot.svg (default: below build/compare)")
    parser.add_argument("--resume", action="store_true", help="keep the results that results.jsonl has; run the others")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run the comparison and print its table."""
    parser = arguments()
    asked = parser.parse_args(words)
    try:
        pairs = [("ours", name) for name in _our_names(asked.ours)] + peer_jobs(asked.peers)
        table = convert.read(asked.data, asked.target)
    except ValueError as error:
        parser.error(str(error))
    if table is None:
        print(f"skipped: no folder {asked.data}, nor one in {SHARED / 'data'}; {ABSENT}, or give --data")
        return 0
    jobs = [Job(peer, mechanism, asked.epsilon, asked.delta, asked.limit_seconds) for peer, mechanism in pairs]
    out = asked.out or Path("build") / "compare" / f"{table.name}-epsilon-{asked.epsilon:g}"
    out.mkdir(parents=True, exist_ok=True)
    path = out / "results.jsonl"
    done = read_results(path, table, asked.epsilon) if asked.resume else []
    size = f"{table.rows:,} rows, {len(table.domain)} columns"
    title = f"{table.name}: {size}, epsilon {asked.epsilon:g}, delta {asked.delta:g}"
    results = []
    with path.open("a" if asked.resume else "w", encoding="utf-8") as lines:
        for result in compare(table, jobs, asked.seeds, done, logs=out / "logs"):
            results.append(result)
            if result in done:
                continue
            print(result.line(), file=lines, flush=True)
            took = "" if result.seconds is None else f", {result.seconds:,.1f} CPU s"
            print(f"{result.label}, seed {result.seed}: {result.status}{took}", file=sys.stderr, flush=True)
    rows = rows_of(results)
    (out / "plot.svg").write_text(plot_svg(rows, title), encoding="utf-8")
    print(f"\n{title}; medians of {asked.seeds} seeds; each run one process and one thread\n\n{table_text(rows)}\n")
    print(f"written: {path} and {out / 'plot.svg'}")
    return 0


def _our_names(names: Sequence[str]) -> list[str]:
    import dpsynth

    known = dpsynth.synthesizers()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"synthesizer ({', '.join(unknown)}) must be one of: {', '.join(known)}")
    return list(names)


if __name__ == "__main__":
    sys.exit(main())
