"""A Greenhouse simulator for Assessment API partners.

It is written from Greenhouse's published contract alone.

Layers, imports pointing downwards: ``cli`` → ``app`` → ``api`` beside ``web`` → ``services`` → ``simulator`` →
``faults`` → ``world`` → ``clock``, ``journal`` → ``wire`` → ``texts`` → ``model`` → ``errors``. Every action of a
page in ``web`` is also a call of ``api``: both use the same ``services``.
"""

__version__ = "0.1.0"
