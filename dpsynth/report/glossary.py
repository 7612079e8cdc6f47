"""Words of the report that a reader may not know, each in one or two sentences."""

GLOSSARY = {
    "Audit": "Attacks on the released table by somebody who holds the private one, judged against the promise.",
    "Audit pool": (
        "Rows for which a secret coin decided, before anything was counted, whether they take part. An attacker"
        " who guesses the coins better than the promise allows has broken it."
    ),
    "Budget": (
        "How much the release may depend on any one row or person. Each mechanism spends a part of it; the parts"
        " add up."
    ),
    "Delta": (
        "A small chance with which the limit set by epsilon may fail. It belongs far below one over the number of"
        " people."
    ),
    "Differential privacy": (
        "A property of the program that made the release, not of the table: its results are almost as likely with"
        " or without any one row or person. It holds against attackers with any knowledge and any computer."
    ),
    "Epsilon": "How much more likely any result may become through one row or person: by at most e to this power.",
    "False alarm": "An attacker says that somebody was in the private table who was not.",
    "Gate": "A program that compares a release with a written policy and lets it pass or not.",
    "Hash (SHA-256)": "A fingerprint of a file: another content has, for all practical purposes, another one.",
    "Ledger": "A list that only grows, of what each release about the same people has spent.",
    "Marginal": "A table of counts over one or several columns, such as age by region.",
    "Mechanism": "A step that looks at private rows and releases a noisy answer.",
    "Mu, rho": (
        "Two exact measures of what was spent. Epsilon and delta follow from them; they add up without loss where"
        " epsilons would not."
    ),
    "Neighbouring tables": "Two private tables that differ by what one unit can add, remove or replace.",
    "Noise": "Random numbers added to counts so that one row or person cannot be seen. Its size is public.",
    "Post-processing": (
        "Whatever is done with released numbers alone. It costs nothing and cannot weaken the promise."
    ),
    "Standard deviation": "The size of noise: about 95 of 100 values lie within two of them.",
    "Synthesizer": "The method that turns noisy counts into a model, from which rows are drawn.",
    "Unit of privacy": "What the promise protects: one row, or all rows of one person, household or other unit.",
    "Waiver": "A rule of a policy that somebody has set aside, under their name, with a reason and a date.",
}
