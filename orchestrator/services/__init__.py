"""What the faces may ask: tasks, control, approvals, messages, forks; read-only views of rows."""
