"""Kling's wire, and nobody else's: its dialects, endpoints, errors, and the client that speaks to it."""
