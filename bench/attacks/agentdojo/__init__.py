"""A model that obeys whatever it reads, over the tasks and injections of AgentDojo."""
