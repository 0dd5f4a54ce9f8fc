"""Headers of every response, including the server's own errors."""

# a view may set these itself: the documentation has its own policy, streams and assets their own caching
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

# for requests that reached the last trusted proxy over TLS
HSTS = ("Strict-Transport-Security", "max-age=31536000")
