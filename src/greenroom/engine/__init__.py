"""Durable delivery: claim what is due, attempt it, settle it."""
