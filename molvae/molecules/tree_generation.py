"""Write junction trees at latent points, depth first, all points side by side; every one is a valid molecule.

A label is chosen among those that can be joined to the current cluster without exceeding a valence, and a way to join
it among those that do not: the feasibility check of Jin et al. 2018, section 2.5, which here needs no search, since the
valences are counted as the molecule grows. Nothing else is masked, and nothing is ever taken back.
"""

from dataclasses import dataclass

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor

from molvae.molecules.cluster_vocabulary import ClusterVocabulary
from molvae.molecules.clusters import cluster, largest_valence
from molvae.molecules.junction_tree import Assembly, JunctionTree
from molvae.molecules.tree_network import TreeNetwork


@dataclass(frozen=True)
class Generated:
    """n molecules.

    Attributes:
        trees: how each was built.
        smiles: as RDKit writes it.
        log_prob: log p(x|z) of the decisions taken, (n,) nats; what is not feasible keeps its probability.
        unchecked: of all labels chosen, the share that would have been chosen without looking at valences.
    """

    trees: list[JunctionTree]
    smiles: list[str]
    log_prob: Tensor
    unchecked: float


class _Growing:
    """A tree that is being written."""

    def __init__(self, label: str) -> None:
        self.assembly = Assembly(label)
        self.parents, self.places, self.entries = [-1], [0], [0]
        self.current = 0

    def fitting(self, vocabulary: ClusterVocabulary) -> np.ndarray:
        """Which labels can be joined to the current cluster, (V,) booleans."""
        assembly, fits = self.assembly, np.zeros(len(vocabulary), dtype=bool)
        kind = cluster(assembly.labels[self.current])
        atoms = assembly.members[self.current]
        free = [largest_valence(assembly.kinds[atom]) - assembly.used[atom] for atom in atoms]
        for site in {(what, tuple(free[a] for a in where)) for what, where in zip(kind.kinds, kind.sites, strict=True)}:
            if all(room >= 0 for room in site[1]):
                fits |= vocabulary.fitting(*site)
        return fits

    def join(self, label: str, place: int, entry: int) -> None:
        self.assembly.join(self.current, label, place, entry)
        self.parents.append(self.current)
        self.places.append(place)
        self.entries.append(entry)
        self.current = len(self.parents) - 1

    def tree(self) -> JunctionTree:
        return JunctionTree(tuple(self.assembly.labels), tuple(self.parents), tuple(self.places), tuple(self.entries))


class _Choice:
    """Greedy or sampled choices."""

    def __init__(self, temperature: float, generator: torch.Generator | None) -> None:
        self.temperature, self.generator = temperature, generator

    def of(self, logits: Tensor) -> Tensor:
        """(n, C) -> (n,)"""
        if self.temperature == 0:
            return logits.argmax(1)
        weights = torch.softmax(logits.cpu() / self.temperature, 1)
        return torch.multinomial(weights, 1, generator=self.generator)[:, 0].to(logits.device)


@torch.no_grad()
def generate(
    decoder: TreeNetwork, z: Tensor, temperature: float = 0.0, generator: torch.Generator | None = None
) -> Generated:
    """One molecule for each z (n, D): the most probable decision each time, or drawn at a temperature."""
    vocabulary, device, choice = decoder.vocabulary, z.device, _Choice(temperature, generator)
    count, room = len(z), vocabulary.max_clusters
    told = decoder.told(z)
    states = z.new_zeros(count, room, decoder.up.size)
    sums = torch.zeros_like(states)
    embedded = z.new_zeros(count, room, decoder.up_inputs.in_features)
    none = torch.full((count,), vocabulary.sites, device=device)

    states[:, 0] = decoder.root_state(z)
    logits = decoder.label_logits(torch.cat([states[:, 0], told[:, 0]], 1))
    label = choice.of(logits)
    log_prob = logits.log_softmax(1).gather(1, label[:, None])[:, 0].double()
    embedded[:, 0] = decoder.clusters(label, none, none)
    growing = [_Growing(vocabulary.labels[number]) for number in label.tolist()]
    going, chosen, unchecked = list(range(count)), 0, 0

    while going:
        rows = torch.tensor(going, device=device)
        current = torch.tensor([growing[row].current for row in going], device=device)
        written = torch.tensor([len(growing[row].parents) for row in going], device=device)
        here = told[rows, written]
        state, x, above = states[rows, current], embedded[rows, current], sums[rows, current]
        logit = decoder.grow_logits(torch.cat([state, x, above, here], 1))
        grows = choice.of(torch.stack([torch.zeros_like(logit), logit], 1)).bool() & (written < room)
        fits = torch.zeros(len(going), len(vocabulary), dtype=torch.bool)
        for index in torch.nonzero(grows)[:, 0].tolist():
            fits[index] = torch.from_numpy(growing[going[index]].fitting(vocabulary))
        grows &= fits.any(1).to(device)
        log_prob[rows] += torch.nn.functional.logsigmoid(torch.where(grows, logit, -logit))

        more = torch.nonzero(grows)[:, 0]
        if len(more):
            inputs = decoder.down_inputs(torch.cat([x[more], above[more], here[more]], 1))
            new = decoder.down.step(inputs, state[more])
            at = torch.cat([new, here[more]], 1)
            logits = decoder.label_logits(at)
            label = choice.of(logits.masked_fill(~fits.to(device)[more], -torch.inf))
            chosen += len(more)
            if temperature == 0:
                unchecked += int((logits.argmax(1) == label).sum())
            else:
                unchecked += float((logits.softmax(1) * fits.to(device)[more]).sum())  # type: ignore[assignment]
            log_prob[rows[more]] += logits.log_softmax(1).gather(1, label[:, None])[:, 0]
            owners = [growing[row] for row in rows[more].tolist()]
            log_prob[rows[more]] += _join(decoder, owners, at, label, choice)
            places, entries = (
                torch.tensor([owner.places[-1] for owner in owners], device=device),
                torch.tensor([owner.entries[-1] for owner in owners], device=device),
            )
            number = torch.from_numpy(vocabulary.first_site).to(device)
            of_parent = torch.tensor(
                [vocabulary.index[owner.assembly.labels[owner.parents[-1]]] for owner in owners], device=device
            )
            where = rows[more], written[more]
            states[where] = new
            embedded[where] = decoder.clusters(label, number[of_parent] + places, number[label] + entries)

        done = torch.nonzero(~grows)[:, 0]
        if len(done):
            finished = decoder.up.step(decoder.up_inputs(x[done]), above[done])
            for index, up in zip(done.tolist(), finished, strict=True):
                row = going[index]
                owner = growing[row]
                owner.current = owner.parents[owner.current]
                if owner.current >= 0:
                    sums[row, owner.current] += up
        going = [row for row in going if growing[row].current >= 0]

    smiles = [str(Chem.MolToSmiles(each.assembly.mol())) for each in growing]
    return Generated([each.tree() for each in growing], smiles, log_prob.float(), unchecked / max(1, chosen))


def _join(decoder: TreeNetwork, owners: list[_Growing], at: Tensor, label: Tensor, choice: _Choice) -> Tensor:
    """Join the clusters that were chosen; log-probability of the ways, (n,)."""
    vocabulary = decoder.vocabulary
    texts = [vocabulary.labels[number] for number in label.tolist()]
    ways = [owner.assembly.choices(owner.current, text) for owner, text in zip(owners, texts, strict=True)]
    taken = [0] * len(owners)
    log_prob = torch.zeros(len(owners), dtype=torch.double, device=at.device)
    open_rows = [row for row, options in enumerate(ways) if len(options) > 1]
    if open_rows:
        hidden = decoder.way_hidden(torch.cat([at, decoder.clusters.label(label)], 1))
        width = max(len(ways[row]) for row in open_rows)
        table = torch.full((len(open_rows), width, 3), 0, dtype=torch.long)
        is_way = torch.zeros(len(open_rows), width, dtype=torch.bool)
        for index, row in enumerate(open_rows):
            parent = vocabulary.index[owners[row].assembly.labels[owners[row].current]]
            numbered = torch.tensor(ways[row])
            numbered[:, 0] += int(vocabulary.first_site[parent])
            numbered[:, 1] += int(vocabulary.first_site[int(label[row])])
            table[index, : len(numbered)] = numbered
            is_way[index, : len(numbered)] = True
        of = is_way.nonzero()[:, 0].to(at.device)
        place, entry, busy = table[is_way].t().to(at.device)
        rows = torch.tensor(open_rows, device=at.device)
        scores = at.new_full(is_way.shape, -torch.inf, dtype=torch.float32)
        scores[is_way.to(at.device)] = decoder.way_scores(hidden[rows][of], place, entry, busy)
        picked = choice.of(scores)
        log_prob[rows] = scores.log_softmax(1).gather(1, picked[:, None])[:, 0].double()
        for row, option in zip(open_rows, picked.tolist(), strict=True):
            taken[row] = option
    for owner, text, options, number in zip(owners, texts, ways, taken, strict=True):
        owner.join(text, *options[number][:2])
    return log_prob
