"""The OpenAPI document, built from the routes, schemas and errors that serve requests, and the page that shows it."""
