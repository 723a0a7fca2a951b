"""What the shop knows: sources read into passages, and hybrid search over them."""
