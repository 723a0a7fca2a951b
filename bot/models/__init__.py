"""Where weights come from, and the lanes that batch calls to them off the event loop."""

import sys

# `import openvino` reports itself to Google Analytics wherever this package is found; without it, it says nothing.
# Here, because nothing in this package is imported before.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # That says: not installed.
