"""Readers: bytes of one kind of file to text."""
