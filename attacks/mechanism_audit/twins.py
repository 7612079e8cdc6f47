"""Twin audit: a whole generator, many times on a table and many times on a neighbour.

The attacker of a privacy promise knows all rows but one, the generator, and everything it publishes. Here that
attacker plays with real runs on made tables. For a synthesizer of dpsynth every noisy answer and every private
choice is seen, and weighed by its exact likelihood in either world (`dpsynth.twin_scores`); what goes around the
noise shows in the model and in the names of codes. Whatever is wrong between table and model can show: the noise,
the accounting, the codes, the sensitivity.

Sources: Jagielski, Ullman, Oprea, "Auditing Differentially Private Machine Learning", NeurIPS 2020 (the game);
Nasr et al., "Tight Auditing of Differentially Private Machine Learning", USENIX Security 2023 (the whole curve).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import dpsynth
from attacks.mechanism_audit.verdict import Promised, Relation, TwinAudit, judge
from attacks.mechanism_audit.worst_case import NARROW, worst_case


def audit_generator(
    synthesizer: str,
    *,
    epsilon: float,
    delta: float,
    relation: Relation = "add-remove",
    runs: int = 1000,
    schema: dpsynth.Schema | None = None,
    tables: tuple[Any, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    confidence: float = 0.95,
    seed: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> TwinAudit:
    """White-box audit of one of `dpsynth.synthesizers()`: `runs` real runs on a table, and as many on a neighbour.

    schema, tables: made ones, by default the narrow worst case, or the worst case that the schema allows. tables
    must be neighbours under the relation, as `synthesize` takes them. seed: of the noise, so that a test can be
    repeated; None draws from the system's entropy, the real thing. confidence: that an honest generator passes.

    The log-likelihood ratio is held against 0, which was fixed before the runs; any score may prove more with a
    threshold chosen on the first tenth. Some 1,000 runs show a factor of 2 in the noise, 20,000 prove nine tenths
    of what is promised. Raises SettingError, SchemaError, DataError, and ValueError for fewer than 20 runs.

    >>> audit_generator("independent", epsilon=4.0, delta=1e-6, runs=200, seed=1).verdict
    'pass'
    """
    if runs < 20:
        raise ValueError(f"runs ({runs}) must be at least 20")
    used = NARROW if schema is None else schema
    pair = worst_case(used, relation) if tables is None else tables
    start = time.process_time()
    found = dpsynth.twin_scores(
        (pair[0], pair[1]),
        used,
        epsilon=epsilon,
        delta=delta,
        runs=runs,
        seed=seed,
        progress=progress,
        synthesizer=synthesizer,
        relation=relation,
        settings=settings,
    )
    return judge(
        found.without,
        found.within,
        found.names,
        Promised(epsilon, delta, found.mu, found.delta0),
        confidence=confidence,
        fixed=(0, 0.0),
        generator=synthesizer,
        neighbours="worst case of the schema" if tables is None else "tables of the caller",
        relation=relation,
        seconds=time.process_time() - start,
    )
