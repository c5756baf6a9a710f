"""Trials, meta-training, evaluation, statistics, report, runs, command line."""
