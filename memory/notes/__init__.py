"""Notes: texts that a person or an import gave to memory to be found again."""

from memory.notes.model import NOTE_CHARACTERS, SOURCE_CHARACTERS, THREAD_CHARACTERS, NewNote, Note

__all__ = ["NOTE_CHARACTERS", "SOURCE_CHARACTERS", "THREAD_CHARACTERS", "NewNote", "Note"]
