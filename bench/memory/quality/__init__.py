"""How much of the evidence a search finds, on conversations with labels."""
