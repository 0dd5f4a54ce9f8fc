"""The embedded engine: llama.cpp with a small language model, and an encoder, each a process on a loopback port.

`launcher` starts and stops the process of `supervisor` with the server; `supervisor` restarts the process of `engine`
and that of `encoder`.
"""
