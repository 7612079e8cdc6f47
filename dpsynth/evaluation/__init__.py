"""How near a synthetic table is to the private one: values in, values out, for the steward's eyes only."""
