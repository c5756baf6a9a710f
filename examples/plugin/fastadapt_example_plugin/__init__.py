"""Extensions of fastadapt, one module each; `pyproject.toml` says under which names."""
