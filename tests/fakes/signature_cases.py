"""Callbacks that are signed in every right and wrong way, and how each is to be answered and counted.

The first cases are those that Standard Webhooks publishes with its libraries, and the vendor's own.
"""

import base64
import string
from collections.abc import Sequence
from dataclasses import dataclass

from fakes.running_daemon import SECRET_TEXT
from recorded.kling_bodies import parsed, raw

from kling_daemon.standard_webhooks import PublicKey, Secret, SigningKey, parse_signer, parse_verifier, sign

NOW = 1781080794
"""When the vendor's example was signed; the clock stands there unless a case says otherwise."""

PUBLISHED_AT = 1614265330
PUBLISHED_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
PUBLISHED_BODY = b'{"test": 2432232314}'
PUBLISHED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE = parse_signer("private", "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=")
assert isinstance(PRIVATE, SigningKey)
SECRETS = {
    "old": "whsec_b3RoZXJzZWNyZXRvdGhlcnNlY3JldG90aGVyc2VjcmV0",
    "vendor": SECRET_TEXT,
    "published": PUBLISHED,
    "public": PRIVATE.public_text,
    "short": "c2hvcnQ",
}
"""The secrets of the receiver by their names."""

VECTOR = parsed("new_callback_signature_vector")
ROTATION = parsed("new_callback_signature_rotation_headers")
BODY = raw("new_callback_succeeded_video")
VENDOR, OLD = Secret.parse("vendor", SECRET_TEXT), Secret.parse("old", SECRETS["old"])
STRANGER = Secret.parse("stranger", "whsec_c3RyYW5nZXJzdHJhbmdlcnN0cmFuZ2Vyc3RyYW5nZXI=")
CONFUSED = Secret(name="confused", key=parse_verifier("public", PRIVATE.public_text).key)
BELIEVED = (200, "believed", "signature")
UNREADABLE = (400, "unreadable", "no_task_id")
MALFORMED = (400, None, None)
"""No HTTP: refused before anything is judged, and so not counted as a callback."""


def refused(reason: str) -> tuple[int, str, str]:
    return 401, "refused", reason


BAD_ID, BAD_TIMESTAMP = refused("bad_id"), refused("bad_timestamp")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One callback, and what becomes of it."""

    says: str
    headers: Sequence[tuple[bytes, bytes]]
    answer: tuple[int, str | None, str | None] = BELIEVED
    """The status, and the verdict and the reason that are counted."""
    secret: str | None = None
    """The name of the secret that matches."""
    body: bytes = BODY
    at: int = NOW


def headers(webhook_id, timestamp, signature) -> list[tuple[bytes, bytes]]:
    def raw_value(value):
        return value if isinstance(value, bytes) else str(value).encode()

    named = {b"webhook-id": webhook_id, b"webhook-timestamp": timestamp, b"webhook-signature": signature}
    return [(name, raw_value(value)) for name, value in named.items() if value is not None]


def entry(secret=VENDOR, *, webhook_id="m", at=NOW, body=BODY) -> str:
    return sign(secret, webhook_id, at, body)


def signed_as_it_stands(webhook_id: bytes, timestamp: bytes) -> list[tuple[bytes, bytes]]:
    """An id and a time of any bytes, with a signature over just these."""
    return headers(webhook_id, timestamp, VENDOR.sign(b"%b.%b.%b" % (webhook_id, timestamp, BODY)))


GOOD = entry()
ENCODED = GOOD.removeprefix("v1,")
ASYMMETRIC = entry(PRIVATE)
FORGED_ASYMMETRIC = entry(SigningKey(name="x", key=bytes(32)))
PUBLISHED_GOOD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
PUBLISHED_ASYMMETRIC = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
PUBLISHED_WRONG = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
WRONG = [f"v1,{base64.b64encode(bytes([number]) * 32).decode()}" for number in range(160)]
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
FULL_WIDTH = {ord(digit): 0xFF10 + place for place, digit in enumerate(string.digits)}


def published(says, answer=UNREADABLE, *, webhook_id=PUBLISHED_ID, timestamp=PUBLISHED_AT, signature, **given) -> Case:
    # Its body is no callback of Kling's: where the signature is right, only the body is not understood.
    triple = headers(webhook_id, timestamp, signature)
    return Case(says=says, headers=triple, answer=answer, body=PUBLISHED_BODY, at=given.get("at", PUBLISHED_AT))


def by_id(says, webhook_id: bytes, answer=BAD_ID) -> Case:
    return Case(says=says, headers=signed_as_it_stands(webhook_id, b"%d" % NOW), answer=answer)


def by_time(says, timestamp: bytes, answer=BAD_TIMESTAMP) -> Case:
    return Case(says=says, headers=signed_as_it_stands(b"m", timestamp), answer=answer)


def by_list(says, signature, answer=BELIEVED, **given) -> Case:
    return Case(says=says, headers=headers("m", NOW, signature), answer=answer, **given)


CASES = [
    published("published: v1", signature=PUBLISHED_GOOD),
    published("published: v1a", signature=PUBLISHED_ASYMMETRIC),
    published("published: no id", refused("missing_header"), webhook_id=None, signature=PUBLISHED_GOOD),
    published("published: no timestamp", refused("missing_header"), timestamp=None, signature=PUBLISHED_GOOD),
    published("published: no signature", refused("missing_header"), signature=None),
    published("published: a wrong signature", refused("no_match"), signature=f"v1,{PUBLISHED_WRONG}"),
    published("published: a wrong v1a signature", refused("no_signature"), signature=f"v1a,{PUBLISHED_WRONG}"),
    published("published: a part of a signature", refused("no_signature"), signature="v1,"),
    published("published: a part of a v1a signature", refused("no_signature"), signature="v1a,"),
    published("published: too old", refused("stale"), signature=PUBLISHED_GOOD, at=PUBLISHED_AT + 301),
    published("published: too new", refused("stale"), signature=PUBLISHED_GOOD, at=PUBLISHED_AT - 301),
    published(
        "published: several",
        signature=f"v1,{PUBLISHED_WRONG} v2,{PUBLISHED_WRONG} {PUBLISHED_GOOD} v1,{PUBLISHED_WRONG}",
    ),
    published(
        "published: several with v1a", signature=f"v1,{PUBLISHED_WRONG} v2,{PUBLISHED_WRONG} {PUBLISHED_ASYMMETRIC}"
    ),
    published("published: another time", refused("stale"), timestamp=946684800, signature=PUBLISHED_GOOD),
    Case(
        says="the vendor's vector", body=VECTOR["raw_body"].encode(), secret="vendor",
        headers=headers(VECTOR["webhook-id"], VECTOR["webhook-timestamp"], VECTOR["expected_signature"]),
    ),
    Case(
        says="the vendor's rotation", body=VECTOR["raw_body"].encode(), secret="vendor",
        headers=[(name.encode(), value.encode()) for name, value in ROTATION.items()],
        at=int(ROTATION["webhook-timestamp"]),
    ),
    by_list("another secret of ours", entry(OLD), secret="old"),
    by_list("a secret without prefix and padding", entry(Secret.parse("short", "c2hvcnQ")), secret="short"),
    by_list("a public key", ASYMMETRIC, secret="public"),
    by_list("a stranger's secret", entry(STRANGER), refused("no_match")),
    by_list("a stranger's private key", FORGED_ASYMMETRIC, refused("no_match")),
    by_list("a public key taken for a secret", entry(CONFUSED), refused("no_match")),
    by_list("the same, called v1a", entry(CONFUSED).replace("v1,", "v1a,"), refused("no_signature")),
    by_list("a v1 signature called v1a", GOOD.replace("v1,", "v1a,"), refused("no_signature")),
    by_list("a v1a signature called v1", ASYMMETRIC.replace("v1a,", "v1,"), refused("no_signature")),
    by_list("both of a rotation", f"{entry(OLD)} {GOOD}", secret="old"),
    by_list("both of a rotation, one unknown", f"{entry(STRANGER)} {GOOD}", secret="vendor"),
    by_list("three spaces between", f"{entry(STRANGER)}   {GOOD}"),
    by_list("spaces around", f"   {GOOD}  "),
    by_list("the same twice", f"{GOOD} {GOOD}"),
    by_list("malformed entries before it", f"v1 , v1,, v1,A v1,{ENCODED}x {GOOD}"),
    by_list("malformed entries behind it", f"{GOOD} v1 , v1,, v1,A v1a,{ENCODED} !!"),
    by_list("non-ASCII entries beside it", "v1,ä ".encode() + GOOD.encode() + b" v1,\xff\xfe"),
    by_list("unknown versions beside it", f"v2,{ENCODED} v1b,{ENCODED} {GOOD} v0,"),
    by_list("a thousand malformed entries", "v1,AA " * 1000 + GOOD),
    by_list("as many others as a header holds before it", " ".join([*WRONG, GOOD])),
    by_list("as many v1a as are compared", " ".join([FORGED_ASYMMETRIC] * (PublicKey.MOST - 1) + [ASYMMETRIC])),
    by_list("more v1a behind it", " ".join([ASYMMETRIC] + [FORGED_ASYMMETRIC] * 80)),
    by_list(
        "more v1a before it than are compared", " ".join([FORGED_ASYMMETRIC] * PublicKey.MOST + [ASYMMETRIC]),
        refused("no_match"),
    ),
    by_list("as many v1a before it as a header holds", " ".join([FORGED_ASYMMETRIC] * 80 + [GOOD])),
    by_list("a comma between", f"{GOOD},{GOOD}", refused("no_signature")),
    by_list("a comma and a space between, as of joined headers", f"{entry(STRANGER)}, {GOOD}"),
    by_list("a comma and a space behind it, as of joined headers", f"{GOOD}, {GOOD}x", refused("no_signature")),
    by_list("a tab between", f"{GOOD}\t{GOOD}", refused("no_signature")),
    by_list("an unknown version alone", f"v2,{ENCODED}", refused("no_signature")),
    by_list("a version in capitals", GOOD.replace("v1", "V1"), refused("no_signature")),
    by_list("no version", ENCODED, refused("no_signature")),
    by_list("an equals sign for the comma", GOOD.replace("v1,", "v1="), refused("no_signature")),
    by_list("two commas", GOOD.replace(",", ",,"), refused("no_signature")),
    by_list("a space behind the comma", GOOD.replace(",", ", "), refused("no_signature")),
    by_list("no padding", GOOD.rstrip("="), refused("no_signature")),
    by_list("too much padding", f"{GOOD}=", refused("no_signature")),
    by_list("padding in the middle", f"{GOOD[:20]}={GOOD[20:]}", refused("no_signature")),
    by_list("the alphabet of URLs", "v1," + "-_" + ENCODED[2:], refused("no_signature")),
    by_list("a character of no alphabet", f"v1,!{ENCODED}", refused("no_signature")),
    by_list("the last bits not zero", f"{GOOD[:-2]}{chr(ord(GOOD[-2]) + 1)}=", refused("no_signature")),
    by_list("hexadecimal", "v1," + base64.b64decode(ENCODED).hex(), refused("no_signature")),
    by_list("31 bytes", f"v1,{base64.b64encode(base64.b64decode(ENCODED)[:-1]).decode()}", refused("no_signature")),
    by_list("33 bytes", f"v1,{base64.b64encode(base64.b64decode(ENCODED) + b'x').decode()}", refused("no_signature")),
    by_list("7000 characters", f"v1,{'A' * 7000}=", refused("no_signature")),
    by_list("bytes of no text", b"\xff\xfe\xfd", refused("no_signature")),
    by_list("one bit changed", "v1," + base64.b64encode(
        bytes([base64.b64decode(ENCODED)[0] ^ 1]) + base64.b64decode(ENCODED)[1:]).decode(), refused("no_match")),
    by_list("an empty list", "", refused("missing_header")),
    by_list("a list of spaces", "   ", refused("missing_header")),
    by_list("a NUL in the list", GOOD.encode() + b"\x00", MALFORMED),
    by_id("every visible character in the id", VISIBLE.encode(), BELIEVED),
    by_id("an id of 7000 characters", b"m" * 7000, BELIEVED),
    by_id("a full stop in the id", b"m.1", BELIEVED),
    by_id("nothing but a full stop in the id", b".", BELIEVED),
    by_id("spaces in the id", b"m 1  2", BELIEVED),
    by_id("a tab in the id", b"m\t1"),
    by_id("an id in UTF-8", "m-ä".encode()),
    by_id("an id that is no UTF-8", b"m-\xff\xed\xa0\x80"),
    by_id("an empty id", b"", refused("missing_header")),
    by_id("an id of spaces", b"   ", refused("missing_header")),
    by_time("a time in the past, at the limit", b"%d" % (NOW - 300), BELIEVED),
    by_time("a time in the future, at the limit", b"%d" % (NOW + 300), BELIEVED),
    by_time("a time in the past, beyond it", b"%d" % (NOW - 301), refused("stale")),
    by_time("a time in the future, beyond it", b"%d" % (NOW + 301), refused("stale")),
    by_time("zeros before the time", b"00000%d" % NOW, BELIEVED),
    by_time("15 digits", b"9" * 15, refused("stale")),
    by_time("zero", b"0", refused("stale")),
    by_time("milliseconds", b"%d000" % NOW, refused("stale")),
    by_time("16 digits", b"9" * 16),
    by_time("7000 digits", b"9" * 7000),
    by_time("a fraction", b"%d.5" % NOW),
    by_time("a plus", b"+%d" % NOW),
    by_time("a minus", b"-%d" % NOW),
    by_time("an exponent", b"1.781080794e9"),
    by_time("an underscore", b"1_781_080_794"),
    by_time("a hexadecimal time", b"0x6a29"),
    by_time("full-width digits", str(NOW).translate(FULL_WIDTH).encode()),
    by_time("a date", b"2026-06-10T08:39:54Z"),
    by_time("words", b"now"),
    by_time("a time of bytes that are no text", b"\xff"),
    by_time("a space within", b"17810 80794"),
    by_time("an empty time", b"", refused("missing_header")),
    Case(
        says="names in capitals", headers=[(name.upper(), value) for name, value in headers("m", NOW, GOOD)],
        secret="vendor",
    ),
    Case(says="names in title case", headers=[(name.title(), value) for name, value in headers("m", NOW, GOOD)]),
    Case(says="names of another vendor", headers=[
        (name.replace(b"webhook", b"svix"), value) for name, value in headers("m", NOW, GOOD)],
        answer=(202, "weightless", "plain_path"),
    ),
    Case(
        says="the id twice, the same", answer=refused("duplicate_header"),
        headers=[*headers("m", NOW, GOOD), (b"webhook-id", b"m")],
    ),
    Case(
        says="the time twice, in other letters", answer=refused("duplicate_header"),
        headers=[(b"Webhook-Timestamp", b"1"), *headers("m", NOW, GOOD)],
    ),
    Case(
        says="the signature twice", answer=refused("duplicate_header"),
        headers=[*headers("m", NOW, GOOD), (b"WEBHOOK-SIGNATURE", GOOD.encode())],
    ),
    Case(says="the signature alone", headers=headers(None, None, GOOD), answer=refused("missing_header")),
    Case(
        says="a continued header line", answer=MALFORMED,
        headers=headers("m", NOW, GOOD.encode() + b"\r\n v1,AAAA"),
    ),
    by_list("another body", GOOD, refused("no_match"), body=BODY + b" "),
    by_list("one byte of the body changed", GOOD, refused("no_match"), body=BODY.replace(b"succeeded", b"Succeeded")),
    by_list("a body of no text", entry(body=b"\xff\x00"), (400, "unreadable", "not_utf8"), body=b"\xff\x00"),
    by_list("an empty object", entry(body=b"{}"), UNREADABLE, body=b"{}"),
    by_list("a signed list", entry(body=b"[]"), (400, "unreadable", "not_an_object"), body=b"[]"),
    Case(says="the id of another one", headers=headers("n", NOW, GOOD), answer=refused("no_match")),
    Case(says="the time of another one", headers=headers("m", NOW + 1, GOOD), answer=refused("no_match")),
    Case(
        says="an id that takes the time, and a body that gives one", answer=refused("no_match"),
        headers=headers(f"m.{NOW}", NOW, GOOD),
    ),
    Case(
        says="id, time and body divided elsewhere", answer=(400, "unreadable", "not_json"),
        headers=headers("m", NOW, entry(webhook_id=f"m.{NOW}")), body=b"%d." % NOW + BODY,
    ),
]  # fmt: skip
