"""Proofs: campaigns that do to a private daemon what must not harm it, and look afterwards whether a promise broke."""
