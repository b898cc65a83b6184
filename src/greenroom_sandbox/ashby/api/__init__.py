"""Ashby's own API for partners, and the simulator's API for tests."""
