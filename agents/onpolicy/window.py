"""A memoryless policy on a window of the past: the rival of a memory."""

from __future__ import annotations

from typing import ClassVar

from fastadapt.agents.config import AgentConfig
from fastadapt.agents.onpolicy.agent import OnPolicyAgent
from fastadapt.agents.onpolicy.config import WindowConfig


class Window(OnPolicyAgent):
    """A memoryless policy that sees the last observations and actions of its trial.

    It sees no reward. Its window crosses the borders of episodes and is empty at the start of a
    trial.
    """

    name: ClassVar[str] = "window"
    config_class: ClassVar[type[AgentConfig]] = WindowConfig
    sees: tuple[str, ...] = ("start", "frames")

    @property
    def window(self) -> int:
        """How many control steps of the past the policy sees at once."""
        return self.config.frames
