"""The parts of a molecular VAE by the names that a configuration gives them.

Each is imported when it is first asked for. To add one: a file with the part, and a line here; configuration, training,
model folders and the shared tests then know it by name.
"""

from collections.abc import Callable, Sequence

from torch import nn

from molvae.molecules.protocols import Constraint, Tokenizer
from molvae.run.registry import Registry

ENCODERS: Registry[Callable[..., nn.Module]] = Registry(
    "encoder",
    {
        "cnn": ("molvae.molecules.encoder:ConvolutionalEncoder", "residual convolutions, flattened at their positions"),
        "gru": ("molvae.molecules.gru_encoder:RecurrentEncoder", "GRUs that read from the left and from the right"),
    },
)
"""To add one: in a file of its own, a module made from (``MoleculeVAEConfig``, vocabulary size, longest molecule in
tokens) whose ``forward`` takes a :class:`~molvae.molecules.dataset.TokenBatch` to a
:class:`~molvae.core.distributions.Posterior`; then a line above. Padding must not change a molecule's posterior.
"""

DECODERS: Registry[Callable[..., nn.Module]] = Registry(
    "decoder", {"gru": ("molvae.molecules.decoder:RecurrentDecoder", "a GRU that sees z at every step")}
)
"""To add one: in a file of its own, a module made from (``MoleculeVAEConfig``, vocabulary size, longest molecule in
tokens, flow or None) that is a :class:`~molvae.molecules.protocols.SequenceDecoder` and whose ``forward`` takes z
(S, B, D) to a :class:`~molvae.molecules.likelihood.SequenceLikelihood`; then a line above.
"""

TOKENIZERS: Registry[Callable[[], Tokenizer]] = Registry(
    "tokenizer",
    {
        "smiles": ("molvae.molecules.tokenizers:SmilesTokenizer", "atoms, bonds, branches and ring labels of SMILES"),
        "selfies": ("molvae.molecules.selfies_tokenizer:SelfiesTokenizer", "SELFIES symbols (extra selfies)"),
    },
)
"""To add one: in a file of its own, a class that is a :class:`~molvae.molecules.protocols.Tokenizer`; then a line
above.
"""

MASKS: Registry[Callable[[Sequence[str], int], Constraint | None]] = Registry(
    "mask",
    {
        "none": ("molvae.molecules.masks:no_mask", "whatever the decoder writes"),
        "syntax": ("molvae.molecules.masks:syntax_mask", "well-formed SMILES"),
        "valence": ("molvae.molecules.masks:valence_mask", "with possible valences and aromatic rings too"),
    },
)
"""To add one: in a file of its own, a function from (all tokens by index, longest molecule in tokens) to a
:class:`~molvae.molecules.protocols.Constraint` or None; then a line above.
"""
