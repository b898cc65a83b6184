"""The traffic log and the wire settings, for the API and the pages."""
