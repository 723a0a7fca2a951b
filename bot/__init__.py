"""Kefu: a self-hosted customer-service chat server for online shops."""

__version__ = "0.1.0"
