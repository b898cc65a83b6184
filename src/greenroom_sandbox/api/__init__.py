"""The JSON API for clock, settings, faults and the traffic log of both ATSs.

See docs/sandbox.md.
"""
