"""Where standards and laws ask something, and which section of the report answers; it never says that one is met.

Sources: NIST SP 800-226 (2025), the pyramid of what a claim of differential privacy rests on; ISO/IEC 27559:2022,
clauses 6 to 9; Article 29 Working Party, Opinion 05/2014 on Anonymisation Techniques (WP216);
45 CFR 164.514(b)(1) (HIPAA, expert determination).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Answer = Literal["evidence here", "in part", "for people"]


@dataclass(frozen=True)
class Question:
    """One thing that a standard asks. sections: ids of sections that speak to it. left: what it asks beyond."""

    asks: str
    answer: Answer
    sections: tuple[str, ...]
    left: str


@dataclass(frozen=True)
class Standard:
    """One standard or law with its questions, in its own order."""

    name: str
    questions: tuple[Question, ...]


STANDARDS = (
    Standard(
        "NIST SP 800-226, evaluating a guarantee of differential privacy",
        (
            Question("Privacy parameters", "evidence here", ("promise",), "whether these numbers suit the data"),
            Question("Unit of privacy", "evidence here", ("promise",), "whether the unit covers all rows of a person"),
            Question(
                "Algorithms and their correctness",
                "in part",
                ("mechanisms", "audit", "verify"),
                "a review of the proofs and of the program by somebody else",
            ),
            Question(
                "Utility and bias", "in part", ("fidelity", "limits"), "effects on small groups in the use intended"
            ),
            Question(
                "Trust model",
                "in part",
                ("public", "limits"),
                "one steward sees the rows: who that is, and what binds them",
            ),
            Question("Side channels", "in part", ("limits",), "timing, memory and messages while the run took place"),
            Question("Security and access control", "for people", ("signatures",), "who can reach the private table"),
            Question("Data collection", "for people", ("signatures",), "consent, purpose, and exposure before the run"),
        ),
    ),
    Standard(
        "ISO/IEC 27559:2022, de-identification framework",
        (
            Question("Clause 6, context", "for people", ("signatures",), "recipients, environment, motives and means"),
            Question(
                "Clause 7, data", "in part", ("public", "mechanisms"), "which attributes are sensitive, and to whom"
            ),
            Question(
                "Clause 8, identifiability and its mitigation",
                "in part",
                ("promise", "audit"),
                "the threshold, and attackers with knowledge that nobody tried",
            ),
            Question("Clause 9, governance", "in part", ("ledger", "decision", "signatures"), "review over time"),
        ),
    ),
    Standard(
        "WP216, Opinion 05/2014 on anonymisation techniques (EU)",
        (
            Question(
                "Singling out",
                "in part",
                ("promise", "audit"),
                "means that are reasonably likely to be used by anybody",
            ),
            Question("Linkability", "in part", ("promise", "audit"), "data sets that nobody thought of"),
            Question(
                "Inference",
                "in part",
                ("promise", "audit"),
                "inference about groups, from which no protection of persons keeps anybody",
            ),
        ),
    ),
    Standard(
        "HIPAA, 45 CFR 164.514(b)(1), expert determination (US)",
        (
            Question(
                "The expert, and what makes them one", "for people", ("signatures",), "name, knowledge, experience"
            ),
            Question("Generally accepted methods", "evidence here", ("mechanisms", "audit"), "the expert's judgement"),
            Question("Risk is very small", "in part", ("promise", "audit"), "the threshold and its justification"),
            Question("Anticipated recipient", "for people", ("signatures",), "who they are and what else they hold"),
            Question("Methods and results are documented", "evidence here", ("appendix",), "keeping the record"),
        ),
    ),
)
