"""Small robots as a user would write them, and task-set files about them."""

import struct

import numpy as np

LEGS = """
<mujoco model="legs">
  <option timestep="0.005"/>
  <worldbody>
    <geom name="floor" type="plane" size="0 0 1"/>
    <body pos="0 0 0.4">
      <freejoint/>
      <geom type="box" size="0.2 0.1 0.05" mass="3"/>
      <body name="front_leg" pos="0.2 0 0">
        <joint axis="0 1 0" range="-60 60" damping="0.2"/>
        <geom type="capsule" fromto="0 0 0 0 0 -0.3" size="0.03"/>
      </body>
      <body name="back_leg" pos="-0.2 0 0">
        <joint name="hip" axis="0 1 0" range="-60 60" damping="0.2"/>
        <geom type="capsule" fromto="0 -0.1 0 0 -0.1 -0.3" size="0.03"/>
        <geom type="capsule" fromto="0 0.1 0 0 0.1 -0.3" size="0.03"/>
        <site name="toe" pos="0 0 -0.3"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="front" joint="JOINT" gear="20" ctrlrange="-1 1"/>
    <motor joint="hip" gear="20" ctrlrange="-1 1"/>
  </actuator>
</mujoco>
""".replace('<joint axis="0 1 0"', '<joint name="JOINT" axis="0 1 0"', 1)

ARM = """
<mujoco model="arm">
  <worldbody>
    <geom name="table" type="plane" size="1 1 0.1"/>
    <body name="upper" pos="0 0 0.3">
      <joint name="shoulder" axis="0 0 1" range="-150 150"/>
      <geom type="capsule" fromto="0 0 0 0.3 0 0" size="0.03" mass="1"/>
      <body name="lower" pos="0.3 0 0">
        <joint name="elbow" axis="0 0 1" range="-150 150"/>
        <geom type="capsule" fromto="0 0 0 0.3 0 0" size="0.03" mass="1"/>
        <geom type="capsule" fromto="0.3 0 0 0.3 0 -0.27" size="0.02" mass="0.1"/>
        <site name="tip" pos="0.3 0 -0.27"/>
      </body>
    </body>
    <body name="puck" pos="0.45 0.1 0.03">
      <freejoint/>
      <geom name="puck" type="cylinder" size="0.05 0.03" mass="0.2"/>
    </body>
  </worldbody>
  <actuator>
    <position joint="shoulder" kp="50" kv="3" inheritrange="1"/>
    <position joint="elbow" kp="50" kv="3" inheritrange="1"/>
  </actuator>
</mujoco>
"""

CART = """
<mujoco model="cart">
  <worldbody>
    <body name="cart">
      <joint name="slide" type="slide" axis="1 0 0" range="-2 2"/>
      <geom type="box" size="0.2 0.1 0.1" mass="1"/>
      <body name="pole">
        <joint name="hinge" axis="0 1 0"/>
        <geom type="capsule" fromto="0 0 0 0 0 1" size="0.04" mass="0.3"/>
      </body>
    </body>
  </worldbody>
  <actuator><motor name="drive" joint="slide" gear="20" ctrlrange="-1 1"/></actuator>
</mujoco>
"""

DEAD = """
[[perturbations]]
name = "dead"
kind = "dead-actuator"
targets = ["*"]
strike = 1
"""
MASS = """
[[perturbations]]
name = "mass"
kind = "mass"
targets = ["*"]
scale = { law = "uniform", low = 0.5, high = 2.0 }
"""


def write(folder, xml=LEGS, environment='objective = "run-forward"', perturbations=MASS + DEAD):
    """Write a robot and a task-set file about it; return the path of the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.xml").write_text(xml)
    path = folder / "mine.toml"
    path.write_text(
        'name = "mine"\nversion = 0\n[environment]\nmodel = "mine.xml"\n'
        f"{environment}\n{perturbations}\n"
        "[splits.train]\ncount = 10\n[splits.test_iid]\ncount = 5\n"
    )
    return path


def write_mesh(path, size=0.1):
    """Write a tetrahedron as binary STL."""
    corners = size * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    faces = [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]
    parts = [struct.pack("<12fH", 0, 0, 0, *corners[list(face)].ravel(), 0) for face in faces]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0" * 80 + struct.pack("<I", len(faces)) + b"".join(parts))
