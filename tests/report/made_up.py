"""Campaigns of made-up answers, with hostile text wherever text may come from outside."""

import html.parser

import numpy as np

from molvae.design.store import CampaignStore, CandidateRecord, Evaluation

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
MOLECULES = ["CCO", "c1ccccc1", "CC(=O)Nc1ccc(O)cc1", "COc1ccc(C(=O)Nc2ccc(Cl)cc2)cc1"]


def campaign(folder, number: int = 40) -> None:
    """A campaign of made-up answers with hostile errors and decodings."""
    random = np.random.default_rng(0)
    with CampaignStore(folder / "campaign.sqlite") as store:
        for call in range(1, number + 1):
            failed = call % 9 == 0
            store.record_evaluation(
                Evaluation(
                    call=call,
                    identity=MOLECULES[call - 1] if call <= 4 else "C" * call,
                    score=None if failed else float(random.normal()),
                    properties={"QED": 0.5},
                    error=EVIL if failed else None,
                    seconds=0.1,
                    origin="start" if call <= 20 else "latent",
                    step=0 if call <= 20 else 1,
                )
            )
        rows = [
            CandidateRecord(
                slot=slot,
                identity="C" * (21 + slot) if slot < 18 else EVIL,
                status="valid" if slot < 18 else "invalid",
                z=random.normal(size=5),
                reason="" if slot < 18 else EVIL,
                votes=3,
                predicted_mean=0.1 * slot,
                predicted_std=1.0,
                acquisition=0.0,
                feasibility=0.9,
            )
            for slot in range(20)
        ]
        store.record_candidates(1, rows)
        store.record_step(1, {}, 2.0)


class Page(html.parser.HTMLParser):
    """What a page holds that could run or load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.handlers += [name for name, _ in attributes if name.startswith("on")]
        self.links += [v or "" for name, v in attributes if name in ("src", "href", "xlink:href")]
