"""Collection and storage of experience."""
