"""Reading of logs: formats, columns, units and clocks, in the terms of a robot."""
