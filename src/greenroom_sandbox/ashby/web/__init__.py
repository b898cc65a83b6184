"""Ashby's pages, in the look of the simulator's other pages."""
