"""An Ashby simulator for assessment partners, written from Ashby's published contract alone.

Its imports point downwards: ``api`` beside ``web`` → ``assessments``, ``admin``, ``company`` → ``partner_calls`` →
``state`` → ``replies`` → ``updates`` → ``rules``, ``model``, and below all of them the simulator's kernel.
"""
