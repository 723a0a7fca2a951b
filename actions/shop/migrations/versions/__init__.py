"""One step a file, each on top of the one before."""
