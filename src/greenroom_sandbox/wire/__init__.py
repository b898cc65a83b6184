"""Greenhouse's side of the wire: URLs, bodies, checks of replies, and the client."""
