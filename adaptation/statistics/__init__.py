"""Bootstrap intervals, paired differences, adaptation metrics, survival curves."""
