"""The experiments, one file a question: settings, run, result, facts, which are plain numbers with names.

`run_<thing>(setting)` trains and returns the path of its run folder; `read_<thing>(folder)` makes the result of that.
"""
