"""Between the values of a table and integer codes; every parameter is public or already paid for."""
