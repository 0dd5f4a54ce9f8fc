"""The image's health check: ends with status 0 where the service says that it is ready."""

import os
from http.client import HTTPConnection

connection = HTTPConnection("127.0.0.1", int(os.environ.get("SERVER_PORT") or 8080), timeout=2)
connection.request("GET", "/health/ready")
raise SystemExit(connection.getresponse().status != 200)
