"""Greenhouse's records, without behaviour and without I/O."""
