"""What two or more of the reproductions need, each file one idea."""

import os

# SciPy's L-BFGS-B works on vectors of millions of pixels, where memory sets the pace: a second
# thread gains nothing, and while it waits it takes the processor from Keras. NumPy and SciPy
# read this when they are imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
