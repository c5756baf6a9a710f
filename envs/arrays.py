"""Types of the arrays that everything is batched in."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Ids = NDArray[np.intp]
"""Positions: of simulations in a batch, or of MuJoCo's objects in a model."""
Steps = NDArray[np.int64]
"""Numbers of control steps."""
Keys = NDArray[np.uint64]
"""Keys of random streams."""
Rows = NDArray[np.float32]
"""Rows of experience as they are stored: single precision."""
