"""Reports, plots and replays."""
