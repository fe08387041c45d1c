"""One runner for each framework. They run in environments of their own and know nothing of Treehold."""
