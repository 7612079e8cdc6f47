"""The currency of privacy: units, costs, calibration and exact noise."""
