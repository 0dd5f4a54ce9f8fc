"""Headers that every answer carries, the server's own refusals included."""

# what a view may have set otherwise: the documentation has a policy of its own, streams and assets other lives
OVERRIDABLE_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
)
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)

# for callers that came by TLS, which the last trusted proxy tells
HSTS = ("Strict-Transport-Security", "max-age=31536000")
