"""The embedded engine: llama.cpp with a small language model, in a process of its own on a loopback port.

`supervisor` keeps the process of `engine` running; `launcher` starts and stops the supervisor with the server.
"""
