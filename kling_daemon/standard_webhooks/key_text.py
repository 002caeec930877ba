"""How keys are written: base64 in the standard alphabet behind a prefix that tells their kind."""

import binascii

SYMMETRIC = "whsec_"
PUBLIC = "whpk_"
PRIVATE = "whsk_"


def key_bytes(name: str, text: str, prefix: str) -> bytes:
    """Return a key's bytes; prefix and padding may be missing. ValueError says what is wrong, and not the key."""
    encoded = text.strip().removeprefix(prefix)
    try:
        key = binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"webhook secret {name!r} is not base64 after its {prefix} prefix") from None
    if not key:
        raise ValueError(f"webhook secret {name!r} is empty")
    return key
