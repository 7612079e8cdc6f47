"""Synthesizers: each spends a budget at the door and returns a model; none can see a row."""
