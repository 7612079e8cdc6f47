"""Schemas of other tools as drafts: what a file says, and a question for what it does not say. No row is read."""
