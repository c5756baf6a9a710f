"""Commands that examine: check, list, zoo, doctor."""
