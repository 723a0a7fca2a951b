"""The shop behind the actions: users, products, orders and receipts in a database of its own."""
