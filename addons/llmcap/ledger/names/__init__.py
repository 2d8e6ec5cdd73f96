"""
Names that people give to keys: a fingerprint says nothing to anybody.

A fingerprint and a name come in, names by fingerprint go out. A key itself never does either.
"""
