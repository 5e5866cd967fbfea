"""The experiments of the assignment: settings in, run folders and results out. One module a question."""
