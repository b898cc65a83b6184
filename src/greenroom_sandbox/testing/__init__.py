"""The simulator in a vendor's own tests: ``plugin`` has the pytest fixtures, ``client`` what they hand out.

It talks HTTP to a simulator in a process of its own and imports nothing else of the package.
"""
