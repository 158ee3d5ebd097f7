"""Sets of proteins with measured function, and proteins of all kinds to pretrain on.

They are cuts of public data, in the layout that the studies of :mod:`molvae.experiments` use; the upstream files are
laid out otherwise, so no URL serves these very bytes: name a folder that holds them with ``--mirror``.
"""

from molvae.run.fetch import RemoteDataset, RemoteFile

_PROTWAVE = "MIT (github.com/PraljakReps/ProtWaveVAE; Praljak, Lian, Ranganathan & Ferguson 2023)"


def _set(name: str, sha256: str, licence: str = _PROTWAVE) -> RemoteDataset:
    return RemoteDataset(name, {"all": RemoteFile(f"proteins/{name}.csv.gz", (), sha256=sha256)}, licence)


SH3 = _set("sh3", "a1f7f2e049dacc67a58a8676dce748351fb7cebf4202b67beb3b19d3123a8048")
CHORISMATE_MUTASE = _set("chorismate_mutase", "b2b596b201b4bf49ed4b9a81d481c9ee790f8c894661caf3b86660e11e8bd8a6")
S1A = _set("s1a", "a438b5a0036895e5a90585f58de7f7a5c8a872236da78b22ac2ef24dc4f5cfa3")
BROAD = RemoteDataset(
    "broad_proteins",
    {
        "flip": RemoteFile(
            "proteins/broad.fasta.gz", (), sha256="3528adb4af2dcb12e1928a8e51be887e32fbca8540b226ca7dc8cbc22a3365a5"
        ),
        "uniprot": RemoteFile(
            "proteins/broad_mmseqs.fasta.gz",
            (),
            sha256="dc8ca15d22efeed1d2e4f884faa305d90efd6b8e08a11a6a12fdaf21b7d58c91",
        ),
    },
    "AFL-3.0 (FLIP, github.com/J-SNACKKB/FLIP) and CC BY 4.0 (UniProt, as in the Debian package mmseqs2-examples)",
)
