"""The table of the MuJoCo fields that each kind of perturbation writes, and of the others.

`tests/docs/test_field_coverage.py` compares it with the MuJoCo at hand: new fields are sorted in.
"""

from __future__ import annotations

import mujoco
from markdown_blocks import page, table

from fastadapt.envs.perturbations import perturbation_kinds

FAMILIES = ("body", "dof", "jnt", "actuator", "tendon", "geom", "pair", "eq", "site")
"""Elements of a model whose fields are listed."""

LEFT: dict[str, tuple[str, ...]] = {
    "structure, names and pictures: no quantity": (
        *("actuator_actadr", "actuator_actnum", "actuator_ctrladr", "actuator_ctrlnum"),
        *("actuator_ctrlspec", "actuator_dyntype", "actuator_gaintype", "actuator_biastype"),
        *("actuator_group", "actuator_history", "actuator_historyadr", "actuator_outadr"),
        *("actuator_outnum", "actuator_trnid", "actuator_trntype", "actuator_user"),
        *("body_bvhadr", "body_bvhnum", "body_dofadr", "body_dofnum", "body_geomadr"),
        *("body_geomnum", "body_jntadr", "body_jntnum", "body_mocapid", "body_parentid"),
        *("body_rootid", "body_treeid", "body_user", "body_weldid"),
        *("dof_Madr", "dof_bodyid", "dof_jntid", "dof_parentid", "dof_simplenum", "dof_treeid"),
        *("eq_active0", "eq_obj1id", "eq_obj2id", "eq_objtype", "eq_type"),
        *("geom_bodyid", "geom_condim", "geom_dataid", "geom_group", "geom_priority"),
        *("geom_type", "geom_user", "jnt_bodyid", "jnt_dofadr", "jnt_group", "jnt_qposadr"),
        *("jnt_type", "jnt_user", "pair_dim", "pair_geom1", "pair_geom2", "pair_signature"),
        *("site_bodyid", "site_dataid", "site_group", "site_matid", "site_rgba", "site_size"),
        *("site_type", "site_user", "tendon_adr", "tendon_group", "tendon_matid", "tendon_num"),
        *("tendon_rgba", "tendon_treeid", "tendon_treenum", "tendon_user", "tendon_width"),
    ),
    "derived by MuJoCo (`mj_setConst`)": (
        *("actuator_acc0", "actuator_length0", "actuator_lengthrange", "body_invweight0"),
        *("body_sameframe", "body_simple", "body_subtreemass", "dof_M0", "dof_invweight0"),
        *("dof_length", "geom_sameframe", "jnt_actuatorid", "site_sameframe"),
        *("tendon_actuatorid", "tendon_invweight0", "tendon_length0"),
    ),
    "refused: a force that does not scale (`weak-actuator` and the like)": (
        *("actuator_plugin", "jnt_actgravcomp"),
    ),
    "refused: fluid forces of a severed limb": ("geom_fluid",),
    "kept: where parts are, which no kind changes": (
        *("actuator_cranklength", "actuator_gear", "body_quat", "geom_quat", "jnt_axis"),
        *("jnt_pos", "site_quat"),
    ),
    "kept: commands and their dynamics": (
        *(
            "actuator_actearly",
            "actuator_actlimited",
            "actuator_actrange",
        ),
        *("actuator_ctrlrange", "actuator_delay", "actuator_dynprm"),
    ),
    "kept: stiffness of constraints and contacts": (
        *("body_margin", "dof_solimp", "dof_solref", "eq_solimp", "eq_solref", "geom_gap"),
        *("geom_margin", "geom_solimp", "geom_solmix", "geom_solref", "jnt_margin", "jnt_solimp"),
        *("jnt_solref", "pair_gap", "pair_solimp", "pair_solref", "pair_solreffriction"),
        *("tendon_margin", "tendon_solimp_fri", "tendon_solimp_lim", "tendon_solref_fri"),
        *("tendon_solref_lim",),
    ),
    "kept: tendons themselves; a tendon across a severed limb is refused": (
        *("tendon_actfrclimited", "tendon_armature", "tendon_lengthspring", "tendon_limited"),
        "tendon_range",
    ),
    "kept: adhesion, moving surfaces and plugins": (
        *("body_plugin", "geom_adhesion", "geom_plugin", "geom_surfacevel", "pair_adhesion"),
    ),
}
"""The fields that no kind writes, by the reason."""


def fields_of_mujoco() -> set[str]:
    """Return the fields of the families in the MuJoCo at hand."""
    return {n for n in dir(mujoco.MjModel) if "_" in n and n.split("_")[0] in FAMILIES}


def writers() -> dict[str, list[str]]:
    """Return the shipped kinds that write each field."""
    found: dict[str, list[str]] = {}
    for kind, cls in perturbation_kinds(plugins=False).items():
        for field in cls.fields:
            found.setdefault(field, []).append(kind)
    return found


def coverage_page() -> str:
    """Return the page."""
    rows = [
        (f"`{field}`", ", ".join(f"[`{kind}`]({kind}.md)" for kind in kinds))
        for field, kinds in sorted(writers().items())
    ]
    left = [
        (reason, ", ".join(f"`{f}`" for f in sorted(fields))) for reason, fields in LEFT.items()
    ]
    return page(
        "# MuJoCo fields\n\nA quantity such as the damping of a joint may be kept in several "
        "fields. A kind writes all of them, or refuses the model in one sentence.",
        table(("field", "written by"), rows),
        f"## Fields that no kind writes\n\nOf MuJoCo {mujoco.__version__}.",
        table(("why", "fields"), left),
    )
