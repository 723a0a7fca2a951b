"""What to do next: domain, rules, forms, and the client of the action server."""
