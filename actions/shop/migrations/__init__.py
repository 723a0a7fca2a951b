"""The steps by which a shop's database came to its present tables, for Alembic."""
