"""Minimises a smooth convex function of many parameters, in single precision.

SciPy's L-BFGS-B spends more time on bounds that are not there than on the function itself, so this is the plain method.
"""

from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_HISTORY = 10
_SUFFICIENT = 1e-4
"""Share of the promised decrease that a step must bring (Armijo)."""


def minimise(function: Callable[[Floats], tuple[float, Floats]], start: Floats, steps: int, tolerance: float) -> Floats:
    """The argument where ``function`` (value and gradient) is least, by L-BFGS from ``start``.

    Stops after ``steps``, or when a step lowers the value by less than ``tolerance`` of it.
    Source: Nocedal & Wright, Numerical Optimization, 2nd ed., algorithms 7.4 and 7.5.
    """
    at = start
    value, gradient = function(at)
    memory: deque[tuple[Floats, Floats, float]] = deque(maxlen=_HISTORY)
    for _ in range(steps):
        direction = _direction(gradient, memory)
        slope = float(gradient.ravel() @ direction.ravel())
        length = 1.0 if memory else 1.0 / max(float(np.linalg.norm(gradient)), 1e-12)
        for _ in range(20):
            step = direction * np.float32(length)
            new_value, new_gradient = function(at + step)
            if new_value <= value + _SUFFICIENT * length * slope:
                break
            length *= 0.5
        else:
            break
        change = new_gradient - gradient
        curvature = float(step.ravel() @ change.ravel())
        if curvature > 1e-10:
            memory.append((step, change, curvature))
        gained = value - new_value
        at, value, gradient = at + step, new_value, new_gradient
        if gained <= tolerance * abs(value):
            break
    return at


def _direction(gradient: Floats, memory: deque[tuple[Floats, Floats, float]]) -> Floats:
    direction = -gradient
    shares = []
    for step, change, curvature in reversed(memory):
        share = np.float32(float(step.ravel() @ direction.ravel()) / curvature)
        direction -= share * change
        shares.append(share)
    if memory:
        _, change, curvature = memory[-1]
        direction *= np.float32(curvature / float(change.ravel() @ change.ravel()))
    for (step, change, curvature), share in zip(memory, reversed(shares), strict=True):
        direction += (share - np.float32(float(change.ravel() @ direction.ravel()) / curvature)) * step
    return direction
