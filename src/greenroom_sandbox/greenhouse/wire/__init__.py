"""Greenhouse's side of the wire: bodies, checks of replies, signatures and cursors."""
