"""The pages for clock, settings, faults and the traffic log of both ATSs.

They are rendered on the server and have no script.
"""
