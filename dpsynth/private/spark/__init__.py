"""Counting on a Spark cluster: executors take in, bound and count the rows, and only counts come to the driver."""
