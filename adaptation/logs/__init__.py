"""Task sets fitted to recorded logs of a robot."""
