"""The management API under /v1."""
