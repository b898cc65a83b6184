"""The simulator's records, without behaviour and without I/O."""
