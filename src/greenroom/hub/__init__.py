"""
The hub for customers' browsers: its JSON API, with its own CORS.

Nothing here names an ATS: forms and next steps come from what each connector declares.
"""
