"""The JSON API: every action in Greenhouse is one call.

See docs/sandbox.md.
"""
