"""The document of the interface, made from what serves it, and the page that shows it."""
