"""Commands between simulation and robot."""
