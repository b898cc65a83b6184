"""A demo: one order's story, played by real processes on loopback."""
