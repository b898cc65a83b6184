"""Support for vendors' own tests: a pytest ``plugin`` and an HTTP ``client``.

The simulator runs in a process of its own; neither module imports anything else of the package.
"""
