"""What a token of the local API is good for."""

from enum import StrEnum


class Scope(StrEnum):
    """How far a token reaches."""

    READ = "read"
    """Everything may be seen, results and their URLs included; nothing can be changed."""
    ADMIN = "admin"
    """Everything, other tokens included."""
