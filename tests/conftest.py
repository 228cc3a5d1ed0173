"""TensorFlow starts without its messages, whichever test needs it first."""

import os

# Decompositions of small matrices are no work for several threads: on a busy machine these wait
# for each other, up to a hundred times as long as one needs. It must be set before NumPy loads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from common.quiet import import_tensorflow

import_tensorflow()
