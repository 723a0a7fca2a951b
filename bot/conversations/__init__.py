"""Conversations in Redis: mailbox, log, floor and outbox."""
