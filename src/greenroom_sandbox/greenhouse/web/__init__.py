"""The pages for recruiters, customers' admins and Greenhouse's support desk.

They are rendered on the server and have no script.
"""
