"""From a SMILES to what Vina docks: protonation state, conformer, PDBQT."""

from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from molvae.chemistry.molecule import parse_smiles
from molvae.errors import InputError, MissingDependencyError

_ITERATIONS = 1000  # of the force field
NO_DIMORPHITE = 'protonation at a pH needs Dimorphite-DL: pip install "molvae[protonation]", or leave ph out'


def protonated(smiles: str, ph: float | None) -> str:
    """The protonation state in which a ligand is docked: as drawn, or the most probable one at a pH.

    The state at a pH is that of Dimorphite-DL with a precision of zero, so that each group takes the side of its mean
    pKa (Ropp et al. 2019, J. Cheminform. 11, 14). A molecule drawn in another state is not neutralised first.

    Raises:
        InputError: there is none.
        MissingDependencyError: Dimorphite-DL is not installed.
    """
    if ph is None:
        return smiles
    try:
        from dimorphite_dl import protonate_smiles
    except ImportError:
        raise MissingDependencyError(NO_DIMORPHITE) from None
    states = protonate_smiles(smiles, ph_min=ph, ph_max=ph, precision=0.0, max_variants=1)
    if not states:
        raise InputError(f"no protonation state at pH {ph:g}")
    return str(states[0])


def conformer(smiles: str, seed: int) -> Chem.Mol:
    """A molecule with hydrogens and one conformer: ETKDG (Riniker & Landrum 2015), relaxed by MMFF94, or by UFF.

    Stereocentres that the SMILES leaves open get one configuration, which the seed decides.

    Raises:
        InputError: it cannot be embedded.
    """
    mol, reason = parse_smiles(smiles)
    if mol is None:
        raise InputError(reason)
    if len(Chem.GetMolFrags(mol)) > 1:
        raise InputError("more than one fragment: only one molecule can be docked")
    mol = Chem.AddHs(mol)
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed
    with rdBase.BlockLogs():
        if rdDistGeom.EmbedMolecule(mol, parameters) != 0:
            parameters.useRandomCoords = True  # what helps crowded and macrocyclic molecules
            if rdDistGeom.EmbedMolecule(mol, parameters) != 0:
                raise InputError("no conformer could be embedded")
        if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
            rdForceFieldHelpers.MMFFOptimizeMolecule(mol, maxIters=_ITERATIONS)
        elif rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
            rdForceFieldHelpers.UFFOptimizeMolecule(mol, maxIters=_ITERATIONS)
    return mol


def ligand_pdbqt(mol: Chem.Mol) -> str:
    """A molecule with hydrogens and a conformer -> PDBQT with its rotatable bonds, by meeko.

    Raises:
        InputError: it has an atom that AutoDock has no type for.
    """
    from meeko import MoleculePreparation, PDBQTWriterLegacy

    rdBase.LogToCppStreams()  # importing meeko sends RDKit's messages elsewhere, for the whole process
    try:
        text, good, problem = PDBQTWriterLegacy.write_string(MoleculePreparation().prepare(mol)[0])
    except Exception as error:  # meeko raises whatever it meets
        raise InputError(f"meeko cannot prepare the ligand: {error}") from None
    if not good or not text:
        raise InputError(f"meeko cannot prepare the ligand: {' '.join(problem.split()) or 'no reason was given'}")
    return str(text)
