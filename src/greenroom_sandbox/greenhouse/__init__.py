"""A Greenhouse simulator for Assessment API partners, written from Greenhouse's published contract alone.

Its imports point downwards: ``api`` beside ``web`` → ``services`` → ``simulator`` → ``world`` → ``wire`` → ``texts`` →
``model``, and below all of them the simulator's kernel.
"""
