"""Headers that every answer carries, the server's own refusals included."""

SECURITY_HEADERS = {
    # nothing here is a page; the documentation has a policy of its own
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}

# for callers that came by TLS, which the last trusted proxy tells
HSTS = "max-age=31536000"
