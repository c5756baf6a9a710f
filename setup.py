"""The MuJoCo that an installation asks for; all else is in pyproject.toml and requirements.txt.

`pip install .` asks for the release that mjbatch, the fast backend, is built for. Beside packages
that pin another release: `FASTADAPT_MUJOCO=any pip install .`.
"""

import os
from pathlib import Path

from setuptools import setup

MUJOCO = {
    "fast": ["mujoco==3.14.0", "mjbatch==0.1.4"],
    "any": ["mujoco>=3.12,<5"],
}

wanted = os.environ.get("FASTADAPT_MUJOCO", "fast")
if wanted not in MUJOCO:
    raise SystemExit(f"FASTADAPT_MUJOCO={wanted}; it must be one of {', '.join(MUJOCO)}.")
lines = Path(__file__).with_name("requirements.txt").read_text(encoding="utf-8").splitlines()
requirements = [line.split("#")[0].strip() for line in lines]
setup(install_requires=[*MUJOCO[wanted], *filter(None, requirements)])
