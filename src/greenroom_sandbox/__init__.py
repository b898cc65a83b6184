"""A simulator of two ATSs, Greenhouse and Ashby, for assessment partners.

Each ATS is a folder, written from its published contract alone. The folders do not import each other.

Layers, imports pointing downwards: ``cli`` → ``app`` → ``api`` beside ``web``, which serve both ATSs (clock, faults,
traffic, settings) → ``services`` → ``greenhouse`` beside ``ashby`` → ``http`` → ``outbound``, ``faults`` → ``kernel`` →
``clock``, ``journal``, ``wire`` → ``model`` → ``errors``. Every action of a page is also a call of the API: both use
the same functions.
"""

__version__ = "0.1.0"
