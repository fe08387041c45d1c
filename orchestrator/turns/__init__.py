"""What a turn of an agent does: its journal, its calls, its spawning; each write under the agent's fence."""
