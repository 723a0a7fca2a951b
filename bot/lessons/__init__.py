"""What the writer learns from: rows of passages, question and reply, from the shop, its agents, and public sets."""
