"""The ledger: who spent what of which budget, durable and append-only."""

from dpsynth.ledger.balance import Balance, Reservation, Spent
from dpsynth.ledger.book import State
from dpsynth.ledger.check import Fault, Head
from dpsynth.ledger.entry import whole_units
from dpsynth.ledger.ledger import Ledger
from dpsynth.ledger.open import open_ledger
from dpsynth.ledger.refusal import Quote, Refusal

__all__ = [
    "Balance",
    "Fault",
    "Head",
    "Ledger",
    "Quote",
    "Refusal",
    "Reservation",
    "Spent",
    "State",
    "open_ledger",
    "whole_units",
]
