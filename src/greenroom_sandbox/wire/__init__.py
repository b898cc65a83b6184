"""URLs, JSON, credentials and the client that both ATSs use."""
