"""Reference scores that results are normalised with."""
