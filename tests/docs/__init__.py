"""The documentation: its site, its links, its code."""
