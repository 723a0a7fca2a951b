"""How a reply is phrased: prompts, the writer, and the rungs that need none."""
