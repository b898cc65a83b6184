"""The simulator's JSON API: everything that people do in Greenhouse is one call. See docs/sandbox.md."""
