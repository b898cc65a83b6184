"""The dashboard: server-rendered pages for the people who run a vendor's gateway. README.md shows how to add a page."""
