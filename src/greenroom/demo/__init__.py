"""One order's story, played by real processes on loopback: gateway, Greenhouse simulator, and a vendor."""
