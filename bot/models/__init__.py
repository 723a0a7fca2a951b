"""Where weights come from, and the lanes that batch calls to them off the event loop."""
