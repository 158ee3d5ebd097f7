"""Named objectives: what optimisers of molecules are measured on, as formulas that anyone can read and change.

The multi-property scores (``_mpo``) are those of GuacaMol (Brown et al. 2019, supporting information): a geometric mean
of likeness to a drug and of modified properties. ``gauss(max(x, m), m, s)`` falls only above m, ``gauss(min(x, m), m,
s)`` only below it.

:data:`PMO` names the 20 tasks of the practical molecular optimisation benchmark (PMO, Gao et al. 2022) that are
formulas, as its library of oracles defines them (Huang et al. 2021); its three others are classifiers of activity that
come as pickles.
"""

from dataclasses import dataclass

_GUACAMOL = "Brown et al. 2019"


@dataclass(frozen=True)
class Task:
    """A named objective; larger is better.

    Attributes:
        formula: what :meth:`molvae.design.objective.Objective.parse` reads.
        description: one line.
        source: where it comes from.
    """

    formula: str
    description: str
    source: str = _GUACAMOL


_HOP = "[#7]-c1n[c;h1]nc2[c;h1]c(-[#8])[c;h0][c;h1]c12"
_DECORATION = "[#7]-c1ccc2ncsc2c1"
_LONG = "[#6]-[#6]-[#6]-[#8]-[#6]~[#6]~[#6]~[#6]~[#6]-[#7]-c1ccc2ncsc2c1"

TASKS: dict[str, Task] = {
    "qed_sas": Task("5*QED - SAS", "drug-like and easy to make", "Gomez-Bombarelli et al. 2018"),
    "qed": Task("QED", "drug-like", "Bickerton et al. 2012"),
    "penalized_logp": Task("penalized_logP_zinc", "for comparison only: long carbon chains win", "Kusner et al. 2017"),
    "celecoxib_rediscovery": Task("similarity('celecoxib')", "find celecoxib"),
    "troglitazone_rediscovery": Task("similarity('troglitazone')", "find troglitazone"),
    "thiothixene_rediscovery": Task("similarity('thiothixene')", "find thiothixene"),
    "aripiprazole_similarity": Task("clip(similarity('aripiprazole')/0.75, 0, 1)", "much like aripiprazole"),
    "albuterol_similarity": Task("clip(similarity_fcfp4('albuterol')/0.75, 0, 1)", "much like albuterol"),
    "mestranol_similarity": Task("clip(similarity_ap('mestranol')/0.75, 0, 1)", "much like mestranol"),
    "isomers_c9h10n2o2pf2cl": Task("isomer('C9H10N2O2PF2Cl')", "isomers of a formula"),
    "isomers_c7h8n2o2": Task("isomer('C7H8N2O2')", "isomers of a small formula"),
    "median_1": Task("sqrt(similarity('camphor')*similarity('menthol'))", "between camphor and menthol"),
    "median_2": Task(
        "sqrt(similarity_ecfp6('tadalafil')*similarity_ecfp6('sildenafil'))", "between tadalafil and sildenafil"
    ),
    "osimertinib_mpo": Task(
        "(clip(similarity_fcfp4('osimertinib')/0.8, 0, 1)"
        " * gauss(max(similarity_ecfp6('osimertinib'), 0.85), 0.85, 0.1)"
        " * gauss(min(TPSA, 100), 100, 10) * gauss(max(logP, 1), 1, 1))**(1/4)",
        "like osimertinib but not too much, polar",
    ),
    "fexofenadine_mpo": Task(
        "(clip(similarity_ap('fexofenadine')/0.8, 0, 1) * gauss(min(TPSA, 90), 90, 10)"
        " * gauss(max(logP, 4), 4, 1))**(1/3)",
        "like fexofenadine, polar",
    ),
    "ranolazine_mpo": Task(
        "(clip(similarity_ap('ranolazine')/0.7, 0, 1) * gauss(min(logP, 7), 7, 1) * gauss(element('F'), 1, 1)"
        " * gauss(min(TPSA, 95), 95, 20))**(1/4)",
        "like ranolazine, with a fluorine, greasy and polar",
    ),
    "perindopril_mpo": Task(
        "sqrt(similarity('perindopril') * gauss(aromatic_rings, 2, 0.5))", "like perindopril, with two aromatic rings"
    ),
    "amlodipine_mpo": Task("sqrt(similarity('amlodipine') * gauss(rings, 3, 0.5))", "like amlodipine, three rings"),
    "sitagliptin_mpo": Task(
        "(gauss(similarity('sitagliptin'), 0, 0.1) * gauss(logP, 2.0165, 0.2) * gauss(TPSA, 77.04, 5)"
        " * isomer('C16H15F6N5O'))**(1/4)",
        "the properties of sitagliptin in another structure",
    ),
    "zaleplon_mpo": Task("sqrt(similarity('zaleplon') * isomer('C19H17N3O2'))", "like zaleplon, with another formula"),
    "deco_hop": Task(
        f"(clip(similarity_phco('hop')/0.85, 0, 1) + (1 - substructure('CS([#6])(=O)=O'))"
        f" + (1 - substructure('{_DECORATION}')) + substructure('{_HOP}'))/4",
        "keep the scaffold of a kinase inhibitor, change its decoration",
    ),
    "scaffold_hop": Task(
        f"(clip(similarity_phco('hop')/0.75, 0, 1) + substructure('{_LONG}') + (1 - substructure('{_HOP}')))/3",
        "keep the decoration of a kinase inhibitor, change its scaffold",
    ),
    "valsartan_smarts": Task(
        "(substructure('CN(C=O)Cc1ccc(c2ccccc2)cc1') * gauss(logP, 2.0165, 0.2) * gauss(TPSA, 77.04, 5)"
        " * gauss(BertzCT, 896.38, 30))**(1/4)",
        "the properties of sitagliptin around a piece of valsartan",
    ),
}

PMO: tuple[str, ...] = (
    "albuterol_similarity",
    "amlodipine_mpo",
    "celecoxib_rediscovery",
    "deco_hop",
    "fexofenadine_mpo",
    "isomers_c7h8n2o2",
    "isomers_c9h10n2o2pf2cl",
    "median_1",
    "median_2",
    "mestranol_similarity",
    "osimertinib_mpo",
    "perindopril_mpo",
    "qed",
    "ranolazine_mpo",
    "scaffold_hop",
    "sitagliptin_mpo",
    "thiothixene_rediscovery",
    "troglitazone_rediscovery",
    "valsartan_smarts",
    "zaleplon_mpo",
)
"""The tasks of PMO that are formulas."""
