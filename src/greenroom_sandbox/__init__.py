"""A Greenhouse simulator for Assessment API partners, written from Greenhouse's published contract alone.

Layers, imports pointing downwards: ``cli`` → ``app`` → ``api`` → ``services`` → ``simulator`` →
``world`` → ``wire`` → ``model`` → ``errors``. Pages belong beside ``api``, on top of the same ``services``.
"""

__version__ = "0.1.0"
