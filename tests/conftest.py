"""Keras' backend starts without its messages, whichever test needs it first."""

import os
import signal

# Decompositions of small matrices are no work for several threads: on a busy machine these wait
# for each other, up to a hundred times as long as one needs. It must be set before NumPy loads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# What a script would fetch unasked where it can, a test does not.
os.environ.setdefault("PRETRAINED_OFFLINE", "1")

# A shell's background job ignores Ctrl-C, and so would the scripts that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

from common.quiet import import_keras  # noqa: E402

import_keras()
