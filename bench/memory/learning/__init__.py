"""Does memory help, and does it know it: a family of tasks whose success depends on the right insight."""
