"""The experiments of the assignment, one file a question: settings, run, result, facts.

`run_<thing>(setting)` trains, writes a run folder and returns its path; `read_<thing>(folder)` makes the result from
that folder alone; facts are plain numbers with names, computed from results.
"""
