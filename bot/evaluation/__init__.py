"""How good Kefu is, on the shop's own data and on public sets."""
