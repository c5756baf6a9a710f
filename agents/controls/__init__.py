"""Controls of adaptation: agents that are measured with less, or with other, information."""
