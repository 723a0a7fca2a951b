"""Whether a drafted sentence is true to the sources of its turn."""
