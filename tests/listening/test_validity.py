"""How long a certificate is valid is read as a library reads it that knows all of X.509."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fakes.certificates import certify
from hypothesis import given
from hypothesis import strategies as some

from kling_daemon.listening.validity import validity

KEY = ec.generate_private_key(ec.SECP256R1())
MOMENTS = some.datetimes(datetime(1950, 1, 2), datetime(9999, 12, 31), timezones=some.just(UTC))  # noqa: DTZ001 - as asked for


@given(some.tuples(MOMENTS, MOMENTS).map(sorted))
def test_both_moments_are_those_that_the_certificate_was_made_with(times):
    begins, ends = (time.replace(microsecond=0) for time in times)
    made = certify(KEY, begins=begins, ends=ends)
    der = made.public_bytes(serialization.Encoding.DER)
    assert validity(der) == (made.not_valid_before_utc, made.not_valid_after_utc) == (begins, ends)


@pytest.mark.parametrize("length", [0, 1, 2, 10, 50])
def test_what_is_no_whole_certificate_is_a_clear_error(length):
    der = certify(KEY).public_bytes(serialization.Encoding.DER)
    with pytest.raises(ValueError):  # noqa: PT011 - which one says nothing more
        validity(der[:length])


@given(some.binary(max_size=300))
def test_any_bytes_are_read_or_refused(junk):
    with suppress(ValueError):
        validity(junk)
