"""The encoder: small models that rate or compare texts, in a process of its own beside the engine.

`server` answers on a loopback port; `operations` is the table of what it does; `models` loads each model at its first
use. Modules import numpy, onnxruntime and tokenizers while they load, so that a process at rest holds none of them.
"""
