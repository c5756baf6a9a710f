"""The small agents of the tests beside which the mistakes are planted."""

from tests.agents.conftest import in_double_precision, reacher, robots, small_rl2

__all__ = ["in_double_precision", "reacher", "robots", "small_rl2"]
