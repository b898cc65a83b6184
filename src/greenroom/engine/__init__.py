"""Durable delivery: claims due deliveries, attempts them and records the outcome."""
