"""Kefu: a self-hosted customer-service chat server for online shops."""

import os

__version__ = "0.1.0"

# Numpy reads this when it is first imported. The matrix products here take well under a millisecond: handing them to a
# pool of spinning threads takes longer than doing them, and starves the event loop on a small machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
