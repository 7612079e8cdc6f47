"""Reweight a model: the one primitive behind constraints, conditions and re-balancing.

Evidence is a table of non-negative weights over the cells of a clique. The reweighted model is
p'(x) = p(x) * product of the evidence at x, normalised: 0 and 1 condition (Bayes' rule), other weights re-balance.
Exact in every kind of model: random fields, mixtures and Bayesian networks are products of tables, evidence is one more
factor, and belief propagation gives the new marginals (Koller & Friedman 2009, section 9.3); records are kept, dropped
or repeated by their weight. Where the product is too large, records drawn from the model stand for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique, Domain
from dpsynth.errors import PlanTooLargeError, SettingError
from dpsynth.marginal import FloatArray
from dpsynth.models.bayes_net import BayesNet
from dpsynth.models.belief_propagation import calibrate
from dpsynth.models.factor import aligned, transposed
from dpsynth.models.junction_tree import junction_tree, predicted_cells
from dpsynth.models.mixture import Mixture
from dpsynth.models.random_field import RandomField
from dpsynth.models.record_table import RecordTable
from dpsynth.models.sampling import Codes
from dpsynth.structural_zeros import StructuralZeros

if TYPE_CHECKING:
    from dpsynth.models.model import Model

# Cells of the largest product that is calibrated exactly.
MOST_CELLS = 20_000_000
# Records that stand for a product that is too large, and how many are drawn for them at most.
_RECORDS, _DRAWN, _BATCH = 100_000, 2_000_000, 200_000


@dataclass(frozen=True, eq=False)
class Evidence:
    """Weights of the cells of one clique, zero or more, in the order of the axes; only their ratios matter."""

    clique: Clique
    weights: FloatArray

    def __post_init__(self) -> None:
        if self.weights.ndim != len(self.clique) or len(set(self.clique)) != len(self.clique):
            raise SettingError(f"weights must have one axis for each column of {self.clique}, each named once")
        if not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
            raise SettingError(f"weights of {self.clique} must be finite and not negative")

    @classmethod
    def of(cls, zeros: StructuralZeros) -> Evidence:
        """Weight 0 where nothing can be, else 1."""
        return cls(zeros.clique, np.where(zeros.mask, 0.0, 1.0))


class ImpossibleError(SettingError):
    """The evidence leaves nothing of the model."""


def reweighted(model: Model, evidence: Sequence[Evidence], *, max_cells: int = MOST_CELLS) -> Model:
    """The model given the evidence, for the same total.

    Post-processing: no privacy cost. Raises ImpossibleError when no row of the model is left, SettingError for evidence
    that does not fit the domain.
    """
    for each in evidence:
        model.domain.canonical(each.clique)
        if each.weights.shape != model.domain.shape(each.clique):
            shape = model.domain.shape(each.clique)
            raise SettingError(f"weights of {each.clique} must have shape {shape}; got {each.weights.shape}")
    if not evidence:
        return model
    if isinstance(model, RecordTable):
        return _of_records(model, evidence)
    try:
        return _product(model, evidence, max_cells)
    except PlanTooLargeError:
        return _of_records(_drawn(model, evidence), evidence)


def within_zeros(model: Model, zeros: Sequence[StructuralZeros]) -> Model:
    """The model given that no row lies in `zeros`; itself where none does already."""
    return reweighted(model, [Evidence.of(each) for each in zeros if not _keeps(model, each)])


def _keeps(model: Model, zeros: StructuralZeros) -> bool:
    try:
        return not (model.project(zeros.clique)[zeros.mask] > 0).any()
    except PlanTooLargeError:
        return False


Factor = tuple[Clique, FloatArray]


def _log_factors(model: Model) -> tuple[list[Factor], Domain, tuple[str, ...]]:
    """Tables whose sum is the model's log probability, the domain they are on, and which of its columns are hidden."""
    match model:
        case RandomField():
            return list(zip(model.tree.cliques, model.log_conditionals, strict=True)), model.tree.domain, model.hidden
        case BayesNet():
            names = ((*above, column) for above, column in zip(model.parents, model.order, strict=True))
            return [(clique, _log(t)) for clique, t in zip(names, model.conditionals, strict=True)], model.domain, ()
        case Mixture():
            factors, domain, hidden = model.factors()
            return [(clique, _log(table)) for clique, table in factors], domain, hidden
    raise SettingError(f"model ({type(model).__name__}) must be one of dpsynth's own to be reweighted")


def _product(model: Model, evidence: Sequence[Evidence], max_cells: int) -> RandomField:
    factors, domain, hidden = _log_factors(model)
    factors += [(each.clique, _log(each.weights)) for each in evidence]
    tree = model.tree if isinstance(model, RandomField) else None
    if tree is None or any(tree.home(clique) is None for clique, _ in factors):
        cells = predicted_cells(domain, [clique for clique, _ in factors])
        if cells > max_cells:
            raise PlanTooLargeError(f"cells of the reweighted model ({cells}) must be at most {max_cells}")
        tree = junction_tree(domain, [clique for clique, _ in factors])
    potentials: dict[int, FloatArray] = {}
    for clique, table in factors:
        canonical = domain.canonical(clique)
        (home,) = (place for place in (tree.home(canonical),) if place is not None)
        log = aligned(domain, transposed(table, clique, canonical), canonical, tree.cliques[home])
        potentials[home] = potentials[home] + log if home in potentials else log
    zero = [np.zeros(domain.shape(clique)) for clique in tree.cliques]
    tables = [np.broadcast_to(potentials.get(place, empty), empty.shape) for place, empty in enumerate(zero)]
    try:
        beliefs = calibrate(tree, tables, model.total).beliefs
    except SettingError:
        raise ImpossibleError("evidence must leave at least one row of the model possible") from None
    return RandomField(tree, beliefs, model.total, getattr(model, "gap", 0.0), hidden)


def _log(table: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        found: FloatArray = np.log(table)
    return found


def shares_given(model: Model, evidence: Sequence[Evidence], column: str) -> FloatArray:
    """Share of each code of a column in the model given the evidence; exact for records too."""
    if isinstance(model, RecordTable):
        counts = np.bincount(model.codes[column], weights_of(model.codes, evidence), minlength=model.domain[column])
        if not counts.any():
            raise ImpossibleError("evidence must leave at least one record of the model")
        shares: FloatArray = counts / counts.sum()
        return shares
    return reweighted(model, evidence).project((column,)) / model.total


def weights_of(codes: Mapping[str, npt.NDArray[np.integer]], evidence: Sequence[Evidence]) -> FloatArray:
    """The product of the evidence at each row."""
    found = np.ones(len(next(iter(codes.values()))))
    for each in evidence:
        found *= each.weights[tuple(codes[column] for column in each.clique)]
    return found


def _of_records(model: RecordTable, evidence: Sequence[Evidence]) -> RecordTable:
    """The records as often as their weights say: those of the largest weight once where all are equal."""
    weights = weights_of(model.codes, evidence)
    if not weights.any():
        raise ImpossibleError("evidence must leave at least one record of the model")
    if (weights[weights > 0] == weights.max()).all():
        picked = np.flatnonzero(weights)
    else:
        # Systematic sampling with a fixed start, like records side by side: counts are what the weights say, to one.
        order = np.lexsort(tuple(model.codes.values()))
        running = np.cumsum(weights[order])
        places = (np.arange(model.records) + 0.5) * (running[-1] / model.records)
        picked = order[np.minimum(np.searchsorted(running, places, side="right"), np.flatnonzero(weights[order])[-1])]
    return RecordTable(model.domain, {name: column[picked] for name, column in model.codes.items()}, model.total)


def _drawn(model: Model, evidence: Sequence[Evidence]) -> RecordTable:
    """Records of the model, drawn until enough of them have weight; always the same ones."""
    rng, kept = np.random.default_rng(0), 0
    parts: list[Codes] = []
    while kept < _RECORDS and len(parts) * _BATCH < _DRAWN:
        codes = model.sample(_BATCH, rng, "independent")
        possible = weights_of(codes, evidence) > 0
        kept += int(possible.sum())
        parts.append({name: column[possible] for name, column in codes.items()})
    if not kept:
        raise ImpossibleError(f"evidence must leave at least one of {_DRAWN} rows drawn from the model")
    codes = {name: np.concatenate([part[name] for part in parts]) for name in model.domain}
    return RecordTable(model.domain, codes, model.total)


def nearest_records(model: Model, codes: Mapping[str, int], zeros: Sequence[StructuralZeros]) -> RecordTable:
    """Records of the model that agree with most of `codes` (column -> code), and have all of them put in.

    For codes that the model itself gives no row. Records that would lie in `zeros` are no choice. Raises
    ImpossibleError when there is none. Source: hot-deck imputation by the nearest donors (Andridge & Little 2010).
    """
    table = model if isinstance(model, RecordTable) else _drawn(model, ())
    agree = np.zeros(table.records, dtype=np.int64)
    put_in: Codes = {}
    for name, column in table.codes.items():
        put_in[name] = np.full_like(column, codes[name]) if name in codes else column
        agree += (column == codes[name]) if name in codes else 0
    agree[weights_of(put_in, [Evidence.of(each) for each in zeros]) == 0] = -1
    if agree.max() < 0:
        raise ImpossibleError("codes must leave at least one record possible")
    best = np.flatnonzero(agree == agree.max())
    return RecordTable(table.domain, {name: column[best] for name, column in put_in.items()}, table.total)
