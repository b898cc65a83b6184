"""The doctor: computes findings from facts by pure functions, one module for each area of causes."""
