"""Functions on MuJoCo models and specifications: names, joint locks, solids, rotations."""
