"""Encoder of a graph VAE: messages between atoms, then between clusters of the junction tree -> q(z|x).

Jin et al. 2018 encode graph and tree side by side, and take the mean of the atoms and the state of the root. Here the
atoms of a cluster tell it what surrounds them (as in Jin et al. 2020), and all clusters are flattened in the order in
which the molecule is built, as the encoder of SMILES flattens positions: a code then says what stands where. The mean
of the atoms enters beside them.
"""

import torch
from torch import Tensor, nn

from molvae.core.distributions import DiagonalGaussian
from molvae.core.nn.tree_recurrent import TreeRecurrence
from molvae.molecules.cluster_vocabulary import ClusterVocabulary
from molvae.molecules.encoder import gaussian, gaussian_head
from molvae.molecules.graph_config import GraphVAEConfig
from molvae.molecules.tree_batches import TreeBatch
from molvae.molecules.tree_data import ATOM_FEATURES, BOND_KINDS


class GraphMessages(nn.Module):
    """Messages along the bonds, in both directions (Dai et al. 2016; Jin et al. 2018, section 2.2).

        nu_uv^t = relu(W1 x_u + W2 x_uv + W3 sum_{w in N(u) \\ v} nu_wu^(t-1))
        h_u     = relu(U1 x_u + U2 sum_v nu_vu^T)

    Args:
        size: width of messages and atoms.
        depth: T
    """

    def __init__(self, size: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        self.atom = nn.ModuleList(nn.Embedding(count, 2 * size) for count in ATOM_FEATURES)
        self.bond = nn.Embedding(BOND_KINDS, size)
        for table in (*self.atom, self.bond):
            nn.init.normal_(table.weight, std=0.5)
        self.message = nn.Linear(size, size)
        self.gather = nn.Linear(size, size)

    def forward(self, atoms: Tensor, bonds: Tensor) -> Tensor:
        """Features (A, F) and bonds (3, 2E) -> atoms (A, size)."""
        given = sum(table(atoms[:, column]) for column, table in enumerate(self.atom))
        assert isinstance(given, Tensor)
        sends, keeps = given.chunk(2, 1)
        begin, end, kind = bonds
        fixed = sends.index_select(0, begin) + self.bond(kind)
        messages = torch.relu(fixed)
        for _ in range(self.depth - 1):
            incoming = torch.zeros_like(sends).index_add(0, end, messages)
            others = incoming.index_select(0, begin) - torch.cat(messages.chunk(2)[::-1])
            messages = torch.relu(fixed + self.message(others))
        return torch.relu(keeps + self.gather(torch.zeros_like(sends).index_add(0, end, messages)))


class SiteTable(nn.Module):
    """A short vector for every site of every label: its own, and one that it shares with all sites of its kind, which
    frequent labels teach the rare ones. One site more than there are stands for none.

    Args:
        vocabulary: the labels and their sites.
        size: width.
    """

    kind_of: Tensor

    def __init__(self, vocabulary: ClusterVocabulary, size: int) -> None:
        super().__init__()
        self.size = size
        self.own = nn.Embedding(vocabulary.sites + 1, size)
        self.shared = nn.Embedding(vocabulary.kinds + 1, size)
        kinds = torch.from_numpy(vocabulary.site_kind)
        self.register_buffer("kind_of", torch.cat([kinds, kinds.new_tensor([vocabulary.kinds])]), persistent=False)

    def forward(self, site: Tensor) -> Tensor:
        """(N,) -> (N, size)"""
        vectors: Tensor = self.own(site) + self.shared(self.kind_of[site])
        return vectors


class ClusterEmbedding(nn.Module):
    """x_i: a label with the sites by which the cluster is joined to its parent.

    Args:
        vocabulary: the labels and their sites.
        size: width.
        site_size: width of the vector of a site.
    """

    def __init__(self, vocabulary: ClusterVocabulary, size: int, site_size: int) -> None:
        super().__init__()
        self.sites = SiteTable(vocabulary, site_size)
        self.label = nn.Embedding(len(vocabulary), size)
        self.join = nn.Linear(2 * site_size, size, bias=False)
        nn.init.normal_(self.label.weight, std=0.5)

    def forward(self, label: Tensor, place: Tensor, entry: Tensor) -> Tensor:
        """(N,) each -> (N, size)"""
        embedded: Tensor = self.label(label) + self.join(torch.cat([self.sites(place), self.sites(entry)], 1))
        return embedded


class GraphEncoder(nn.Module):
    """See the head of this file.

    Args:
        config: ``graph_size``, ``graph_depth``, ``embedding_size``, ``site_size``, ``encoder_size``,
            ``narrow_size``, ``dense_size``, ``latent_size``.
        vocabulary: of clusters.
    """

    def __init__(self, config: GraphVAEConfig, vocabulary: ClusterVocabulary) -> None:
        super().__init__()
        size, given = config.encoder_size, 2 * config.embedding_size
        self.positions, self.narrow_size = vocabulary.max_clusters, config.narrow_size
        self.graph = GraphMessages(config.graph_size, config.graph_depth)
        self.clusters = ClusterEmbedding(vocabulary, config.embedding_size, config.site_size)
        self.surroundings = nn.Linear(config.graph_size, config.embedding_size)
        self.up = TreeRecurrence(size)
        self.up_inputs = nn.Linear(given, 3 * size)
        self.down = TreeRecurrence(size)
        self.down_inputs = nn.Linear(given + size, 3 * size)
        self.narrow = nn.Linear(given + 2 * size, config.narrow_size)
        self.dense = nn.Linear(self.positions * config.narrow_size + config.graph_size, config.dense_size)
        self.head = gaussian_head(config.dense_size, config.latent_size)

    def forward(self, batch: TreeBatch) -> DiagonalGaussian:
        """B molecules -> q(z|x) with mu, log_var (B, D)."""
        atoms = self.graph(batch.atoms, batch.bonds)
        atom, cluster = batch.members
        total = len(batch.label)
        held = atoms.new_zeros(total, atoms.shape[1]).index_add(0, cluster, atoms.index_select(0, atom))
        embedded = self.clusters(batch.label, batch.place, batch.entry)
        x = torch.relu(torch.cat([embedded, self.surroundings(held)], 1))
        ups, sums = self.up.upwards(self.up_inputs(x), batch.parent, batch.levels)
        # to a child goes what its parent is, and what all other children have said
        others = torch.cat([x.index_select(0, batch.parent), sums.index_select(0, batch.parent) - ups], 1)
        roots = x.new_zeros(len(batch), self.up.size)
        downs = self.down.downwards(self.down_inputs(others), roots, batch.parent, batch.levels)
        narrow = torch.relu(self.narrow(torch.cat([x, downs, ups], 1)))
        flat = narrow.new_zeros(len(batch) * self.positions, self.narrow_size)
        flat = flat.index_copy(0, batch.molecule * self.positions + batch.position, narrow)
        number = torch.bincount(batch.atom_molecule, minlength=len(batch)).unsqueeze(1)
        mean = atoms.new_zeros(len(batch), atoms.shape[1]).index_add(0, batch.atom_molecule, atoms) / number
        hidden = self.dense(torch.cat([flat.view(len(batch), -1), mean], 1))
        return gaussian(self.head(torch.relu(hidden)))
