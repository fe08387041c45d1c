"""Conversations with an exact gold state: what a memory of them knows after each turn."""
