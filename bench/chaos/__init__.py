"""Work under fire: whole processes that are killed and stopped while tasks run, and what came of it."""
