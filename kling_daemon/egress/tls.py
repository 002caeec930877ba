"""How servers must prove who they are: always, and to whom the system trusts."""

import ssl


def tls_context() -> ssl.SSLContext:
    """Return what verifies certificates and host names, from TLS 1.2 on. Reads files: not for the event loop.

    Unlike `ssl.create_default_context` it writes no session keys where `SSLKEYLOGFILE` says. `SSL_CERT_FILE` and
    `SSL_CERT_DIR` name other certificates to trust, as with every program that uses OpenSSL.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(("http/1.1",))
    context.load_default_certs()
    return context
