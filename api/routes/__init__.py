"""One router per resource. Routes translate; services decide."""
