"""The dashboard: pages for the people who run a vendor's gateway. Server-rendered, no script at all."""
