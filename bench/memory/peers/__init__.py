"""Runners of other memories; each is run by the interpreter of an environment of its own."""
