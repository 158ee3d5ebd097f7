"""Network of the decoder of a graph VAE: z -> a distribution over junction trees with their sites, so over molecules.

A tree is written depth first. From each cluster it is decided whether there is a further child, which label it has, and
how it is joined (Jin et al. 2018, section 2.4 and 2.5):

    up      U_i  = GRU(x_i, sum_{children c} U_c)                                    what a finished subtree holds
    down    D_j  = GRU([x_i, sum_{elder siblings s of j} U_s, z, p_k(z)], D_i)       what stood before j, i its parent
    grow    sigmoid(w . relu(V [D_i, x_i, sum_{children so far} U_c, z, p_k(z)]))
    label   softmax(O relu(L [D_j, z, p_k(z)]))
    way     softmax over the ways w to join j to i of  v . relu(C [D_j, z, p_k(z), x_j] + S [place_w, entry_w] + busy_w)

x_i are label and sites of a cluster, k is the number of clusters so far, p_k(z) what z says of the k-th.

What differs from the paper: (1) how a cluster is joined is chosen when it is attached, as in Jin et al. 2020, and is
part of what messages carry; the paper assembles a neighbourhood at a time and runs a network over every candidate,
which costs most of its time. (2) The messages down see z. (3) Under teacher forcing no message waits for the traversal:
those upwards depend on subtrees only, those downwards on ancestors, so each goes level by level through all trees.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from molvae.core.nn.tree_recurrent import TreeRecurrence
from molvae.molecules.cluster_vocabulary import ClusterVocabulary
from molvae.molecules.graph_config import GraphVAEConfig
from molvae.molecules.graph_encoder import ClusterEmbedding
from molvae.molecules.tree_batches import TreeBatch


@dataclass(frozen=True)
class Scores:
    """What decisions are made by.

    Attributes:
        grow: logits of a further child: of each cluster but the roots, where there is one, then of each, where not.
        growing: how many of the first kind there are.
        label: (N, V) logits of each cluster's label.
        way: (W,) score of each way to join a cluster that has a choice.
    """

    grow: Tensor
    growing: int
    label: Tensor
    way: Tensor


class TreeNetwork(nn.Module):
    """See the head of this file.

    Args:
        config: ``embedding_size``, ``site_size``, ``decoder_size``, ``position_size``, ``output_size`` and
            ``latent_size``.
        vocabulary: of clusters.
    """

    def __init__(self, config: GraphVAEConfig, vocabulary: ClusterVocabulary) -> None:
        super().__init__()
        size, embedded, wide = config.decoder_size, config.embedding_size, config.output_size
        self.vocabulary = vocabulary
        self.positions, self.position_size = vocabulary.max_clusters + 1, config.position_size
        self.position = nn.Linear(config.latent_size, self.positions * config.position_size)
        told = config.latent_size + config.position_size
        self.clusters = ClusterEmbedding(vocabulary, embedded, config.site_size)
        self.root = nn.Linear(config.latent_size, size)
        self.up = TreeRecurrence(size)
        self.up_inputs = nn.Linear(embedded, 3 * size)
        self.down = TreeRecurrence(size)
        self.down_inputs = nn.Linear(embedded + size + told, 3 * size)
        self.grow_hidden = nn.Linear(size + embedded + size + told, wide // 2)
        self.grow = nn.Linear(wide // 2, 1)
        self.label_hidden = nn.Linear(size + told, wide)
        self.label = nn.Linear(wide, len(vocabulary))
        self.way_hidden = nn.Linear(size + told + embedded, wide // 2)
        self.way_sites = nn.Linear(2 * config.site_size, wide // 2, bias=False)
        self.way_busy = nn.Embedding(3, wide // 2)
        self.way = nn.Linear(wide // 2, 1)

    def told(self, z: Tensor) -> Tensor:
        """z (B, D) -> what each step sees of it (B, positions, D + C)."""
        features = torch.relu(self.position(z)).view(len(z), self.positions, self.position_size)
        return torch.cat([z.unsqueeze(1).expand(-1, self.positions, -1), features], 2)

    def root_state(self, z: Tensor) -> Tensor:
        """z (B, D) -> state of the root (B, H)"""
        return torch.tanh(self.root(z))

    def log_prob(self, z: Tensor, batch: TreeBatch) -> Tensor:
        """log p(x|z) of each molecule in nats, (B,), for one z (B, D) of each."""
        scores = self.scores(z, batch)
        signs = torch.ones_like(scores.grow)
        signs[scores.growing :] = -1
        of_grow = nn.functional.logsigmoid(signs * scores.grow)
        of_label = -nn.functional.cross_entropy(scores.label, batch.label, reduction="none")
        of_way = scores.way[batch.chosen] - self._log_sum(scores.way, batch, len(batch.label))[batch.chosen_of]
        total = z.new_zeros(len(batch))
        total = total.index_add(0, batch.molecule[batch.children], of_grow[: scores.growing])
        total = total.index_add(0, batch.molecule, of_grow[scores.growing :] + of_label)
        return total.index_add(0, batch.molecule[batch.chosen_of], of_way)

    def scores(self, z: Tensor, batch: TreeBatch) -> "Scores":
        """What every decision of each molecule is made by, for one z (B, D) of each, under teacher forcing."""
        told = self.told(z).flatten(0, 1)
        first = batch.molecule * self.positions  # row of ``told`` of each cluster's molecule
        here = told.index_select(0, first + batch.position)
        x = self.clusters(batch.label, batch.place, batch.entry)
        ups, sums = self.up.upwards(self.up_inputs(x), batch.parent, batch.levels)
        elder = torch.zeros_like(ups).index_add(0, batch.later, ups.index_select(0, batch.earlier))
        parents = x.index_select(0, batch.parent)
        inputs = self.down_inputs(torch.cat([parents, elder, here], 1))
        downs = self.down.downwards(inputs, self.root_state(z), batch.parent, batch.levels)

        # every cluster but the roots is a decision to grow; then, each stops once
        roots = len(batch)
        growing = torch.cat([downs.index_select(0, batch.child_of), parents[roots:], elder[roots:], here[roots:]], 1)
        after = told.index_select(0, first + batch.after)
        stopping = torch.cat([downs, x, sums, after], 1)
        at = torch.cat([downs, here], 1)
        hidden = self.way_hidden(torch.cat([at, self.clusters.label(batch.label)], 1))
        of_ways = hidden.index_select(0, batch.ways_of)
        return Scores(
            grow=self.grow_logits(torch.cat([growing, stopping])),
            growing=len(growing),
            label=self.label_logits(at),
            way=self.way_scores(of_ways, batch.way_place, batch.way_entry, batch.way_busy),
        )

    def grow_logits(self, given: Tensor) -> Tensor:
        """(n, ...) -> logit of a further child (n,)"""
        logits: Tensor = self.grow(torch.relu(self.grow_hidden(given))).squeeze(1).float()
        return logits

    def label_logits(self, given: Tensor) -> Tensor:
        """(n, H + D + C) -> (n, V)"""
        logits: Tensor = self.label(torch.relu(self.label_hidden(given))).float()
        return logits

    def way_scores(self, hidden: Tensor, place: Tensor, entry: Tensor, busy: Tensor) -> Tensor:
        """Scores of W ways to join clusters, from the hidden layer of each one's cluster (W, ...); (W,)."""
        sites = torch.cat([self.clusters.sites(place), self.clusters.sites(entry)], 1)
        layer = torch.relu(hidden + self.way_sites(sites) + self.way_busy(busy))
        scores: Tensor = self.way(layer).squeeze(1).float()
        return scores

    @staticmethod
    def _log_sum(scores: Tensor, batch: TreeBatch, total: int) -> Tensor:
        """log sum exp of the ways of each cluster, (N,); of a cluster without a choice, nothing that means anything."""
        if not len(scores):
            return scores.new_zeros(total)
        shift = scores.detach().new_full((total,), -torch.inf)
        shift = shift.scatter_reduce(0, batch.ways_of, scores.detach(), "amax")
        shifted = torch.exp(scores - shift[batch.ways_of])
        return shift + torch.log(scores.new_zeros(total).index_add(0, batch.ways_of, shifted).clamp_min(1e-30))
