"""Attacks: each suite shows that its attack works, and then that it does not."""
