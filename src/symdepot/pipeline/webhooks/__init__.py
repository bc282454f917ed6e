"""Delivery of webhooks: signed, at least once, to public addresses only."""
