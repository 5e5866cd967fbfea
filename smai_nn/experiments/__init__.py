"""The experiments of the assignment, one file a question: settings, run, result, facts."""
