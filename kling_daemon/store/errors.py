"""What can go wrong with the store, in words for the person who must mend it."""


class StoreError(Exception):
    """The store cannot be opened or used; the message says why and what to do."""


class StoreLockedError(StoreError):
    """Another daemon uses the same state directory."""


class StoreUnavailableError(StoreError):
    """What was to be written could not be and has left no trace, or could not be read; trying again later may help."""


class NoTransactionError(StoreUnavailableError):
    """No transaction can begin, whatever it would write."""
