"""Counting where the rows are: a database encodes and bounds them in SQL, and only counts leave it."""
