"""The compliance report: one page that joins what a release promised, what it cost, and what was found when tested."""
