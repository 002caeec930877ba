"""Requests that two servers may read differently, and requests for what this server does not do; with the answers."""

from fakes.hostile_requests import CHUNKED, HEAD

BODY = b'{"task_id": "evil", "task_status": "processing"}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
SIZED = HEAD + LENGTH
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)
END = b"0\r\n\r\n"
ASKING = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
CHUNKING = CHUNKED.removesuffix(b"\r\n")

SMUGGLING = {
    "two lengths that are equal": SIZED + LENGTH + b"\r\n" + BODY,
    "two lengths": HEAD + b"Content-Length: 3\r\n" + LENGTH + b"\r\n" + BODY,
    "a list of lengths": HEAD + b"Content-Length: 48, 48\r\n\r\n" + BODY,
    "a length and chunks": SIZED + b"Transfer-Encoding: chunked\r\n\r\n" + END,
    "chunks and a length": CHUNKING + LENGTH + b"\r\n" + END,
    "a coding that is none": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + END,
    "a coding before chunks": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + END,
    "a coding after chunks": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + END,
    "chunks twice": HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + END,
    "two transfer encodings": CHUNKING + b"Transfer-Encoding: chunked\r\n\r\n" + END,
    "identity": SIZED + b"Transfer-Encoding: identity\r\n\r\n" + BODY,
    "chunks in HTTP/1.0": CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + CHUNK + END,
    "a space before the colon of the coding": HEAD + b"Transfer-Encoding : chunked\r\n\r\n" + END,
    "a space before the colon of the length": HEAD + LENGTH.replace(b":", b" :") + b"\r\n" + BODY,
    "a vertical tab before the coding": HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + END,
    "a length with a sign": HEAD + b"Content-Length: +48\r\n\r\n" + BODY,
    "a hexadecimal length": HEAD + b"Content-Length: 0x30\r\n\r\n" + BODY,
    "an empty length": HEAD + b"Content-Length: \r\n\r\n" + BODY,
    "a length of Python's": HEAD + b"Content-Length: 4_8\r\n\r\n" + BODY,
    "a length beyond all": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n" + BODY,
    "a folded line": HEAD + b"X-Evil: a\r\n b\r\n" + LENGTH + b"\r\n" + BODY,
    "a folded first line": b"POST /webhooks/kling HTTP/1.1\r\n Host: x\r\n\r\n",
    "line feeds alone": (SIZED + b"\r\n").replace(b"\r\n", b"\n") + BODY,
    "one line feed alone": HEAD + b"X-Evil: a\n" + LENGTH + b"\r\n" + BODY,
    "a carriage return alone": HEAD + b"X-Evil: a\rb\r\n" + LENGTH + b"\r\n" + BODY,
    "a null byte": HEAD + b"X-Evil: a\0b\r\n" + LENGTH + b"\r\n" + BODY,
    "a header without a name": HEAD + b": evil\r\n" + LENGTH + b"\r\n" + BODY,
    "a chunk of a hexadecimal form": CHUNKED + b"0x2\r\n{}\r\n" + END,
    "a chunk of negative size": CHUNKED + b"-2\r\n{}\r\n" + END,
    "a chunk beyond all": CHUNKED + b"ffffffffffffffffff\r\n{}\r\n" + END,
    "a chunk that is longer than it says": CHUNKED + b"2\r\n{}evil\r\n" + END,
    "a chunk with line feeds alone": CHUNKED + CHUNK.replace(b"\r\n", b"\n") + b"0\n\n",
    "a line feed within a chunk's extension": CHUNKED + b"30;a\nb\r\n" + BODY + b"\r\n" + END,
    "a length in the trailers": CHUNKED + CHUNK + b"0\r\nContent-Length: 3\r\n\r\n",
    "two hosts": SIZED + b"Host: evil\r\n\r\n" + BODY,
    "no host": (SIZED + b"\r\n").replace(b"Host: x\r\n", b"") + BODY,
    "two content types": SIZED + b"Content-Type: text/plain\r\n\r\n" + BODY,
}
"""Answered 400, and nothing after them is read."""

STRANGE = {
    "HEAD": (b"HEAD /webhooks/kling HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "OPTIONS *": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "OPTIONS": (b"OPTIONS /webhooks/kling HTTP/1.1\r\nHost: x\r\nOrigin: evil\r\n\r\n", 405),
    "CONNECT": (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "CONNECT with a path": (b"CONNECT /webhooks/kling HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "TRACE": (b"TRACE /webhooks/kling HTTP/1.1\r\nHost: x\r\nX-Evil: evil\r\n\r\n", 405),
    "POST *": (b"POST * HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 400),
    "an absolute form": (b"GET http://evil.example/evil HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "an authority": (b"GET evil.example HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "an address that is none": (b"GET http://[evil/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a port that is none": (b"GET http://x:evil/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "an escape that is none": (b"GET /%zz%ff%00evil HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "a path in no alphabet": (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "two slashes": (b"GET //evil/path HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "HTTP/0.9": (b"GET /healthz\r\n\r\n", 400),
    "HTTP/0.9 by name": (ASKING.replace(b"1.1", b"0.9") + b"\r\n", 400),
    "HTTP/1.2": (ASKING.replace(b"1.1", b"1.2") + b"\r\n", 400),
    "HTTP/2.0 by name": (ASKING.replace(b"1.1", b"2.0") + b"\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), 400),
    "http/1.1": (ASKING.replace(b"HTTP", b"http") + b"\r\n", 400),
    "a web socket": (ASKING + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n", 200),
    "an expectation": (SIZED + b"Expect: evil\r\n\r\n" + BODY, 417),
    "an encoded body": (SIZED + b"Content-Encoding: gzip\r\n\r\n" + BODY, 415),
    "an encoded body in chunks": (CHUNKING + b"Content-Encoding: br\r\n\r\n" + CHUNK + END, 415),
    "a body that is encoded as it is": (SIZED + b"Content-Encoding: identity\r\n\r\n" + BODY, 415),
    "an encoded body at another path": (
        (SIZED + b"Content-Encoding: gzip\r\n\r\n" + BODY).replace(b"/webhooks/kling", b"/evil"), 404,
    ),
    "a content type that is none": (
        HEAD.replace(b"application/json", b"\xff;;=evil") + LENGTH + b"\r\n" + BODY, 415,
    ),
    "very many headers": (ASKING + b"".join(b"A%d: b\r\n" % number for number in range(300)) + b"\r\n", 400),
    "a duplicate signature": (
        SIZED + 2 * b"webhook-signature: v1,evil\r\n" + b"webhook-id: a\r\nwebhook-timestamp: 1\r\n\r\n" + BODY, 401,
    ),
    "chunks with extensions": (CHUNKED + b"30;a=evil;b\r\n" + BODY + b"\r\n" + b"0;c\r\n\r\n", 202),
    "trailers": (CHUNKED + CHUNK + b"0\r\nwebhook-id: evil\r\n\r\n", 202),
}  # fmt: skip
"""With the status that they are answered; the connection may go on."""
