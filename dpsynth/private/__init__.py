"""The only package that holds rows of the private table; nothing in it may leave except through a mechanism."""
