"""Greenhouse's side of the wire: addresses, bodies, strict reading of replies, and the calls themselves."""
