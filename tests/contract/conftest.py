"""Fixtures of the contract tests: their upstream is reached through the production transport."""

from support.upstream_fixtures import upstream as upstream
from support.upstream_fixtures import upstream_servers as upstream_servers
