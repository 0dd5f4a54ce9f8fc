"""The embedded engine: llama.cpp with a small language model, in a process of its own on a loopback port.

`launcher` starts and stops the process of `supervisor` with the server; `supervisor` restarts the process of `engine`.
"""
