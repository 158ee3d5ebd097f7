"""A design campaign and its baselines."""

import contextlib
from typing import ClassVar, Literal

import pandas as pd
from pydantic import Field, ValidationInfo, field_validator

from molvae.design.campaign import Campaign
from molvae.design.latent_space import load_searchable
from molvae.design.oracle.cluster import Cluster, open_cluster
from molvae.design.outputs import fitting_sentence, write_outputs
from molvae.design.protocols import Domain
from molvae.design.settings import CampaignConfig
from molvae.errors import ConfigError, OracleError, abbreviate
from molvae.experiments.data import SearchRecipe, searched_domain
from molvae.run.recipe import Context, Result
from molvae.weights import SEARCH_MODEL

_SHOWN = ("score", "confirmed", "affinity")


class DesignRecipe(SearchRecipe):
    """A design campaign."""

    uses: ClassVar = frozenset({"device", "workers", "mirror", "cluster"})
    kind: Literal["design"] = "design"
    campaign: CampaignConfig = Field(CampaignConfig(), validate_default=True)

    @field_validator("campaign")
    @classmethod
    def _of_domain(cls, campaign: CampaignConfig, info: ValidationInfo) -> CampaignConfig:
        domain = searched_domain(str(info.data.get("model", SEARCH_MODEL)))
        return campaign if domain is None else campaign.for_domain(domain)

    def execute(self, context: Context) -> Result:
        """Spend the budget; a campaign that was begun goes on from its folder alone, whatever became of the input."""
        with cluster_of(context) as cluster, self._campaign(context, cluster) as campaign:
            campaign.run()
            for name in campaign.config.baselines:
                with campaign.baseline(name) as other:
                    other.run()
            table = write_outputs(campaign)
            _refuse_silence(table, campaign)
            text = "\n".join(filter(None, (_best(table, campaign.domain), fitting_sentence(campaign))))
            name = campaign.domain.name
        files = {name: campaign.folder / f"{name}.csv", "poses": campaign.folder / "poses.sdf"}
        return Result(campaign.folder, text, {name: path for name, path in files.items() if path.is_file()}, table)

    def _campaign(self, context: Context, cluster: Cluster | None) -> Campaign:
        begun = self.is_begun(context)
        model = load_searchable(self.model, context.device)
        if begun:
            assert context.folder is not None
            return Campaign.resume(
                context.folder, model, progress=context.progress, workers=context.workers, executor=cluster
            )
        return Campaign(
            model,
            start=self.start_table(context.mirror),
            folder=context.folder,
            config=self.campaign,
            progress=context.progress,
            workers=context.workers,
            executor=cluster,
            origin={"input": self.input, "smiles_column": self.smiles_column},
        )


def cluster_of(context: Context) -> contextlib.AbstractContextManager[Cluster | None]:
    """The cluster that oracles run on; None: they run on this machine."""
    if context.cluster is None:
        return contextlib.nullcontext()
    if context.workers:
        raise ConfigError("-n is for processes on this machine; with --cluster, the cluster says how many workers work")
    return open_cluster(context.cluster, context.progress)


def _refuse_silence(table: pd.DataFrame, campaign: Campaign) -> None:
    """A campaign without a single answer is an oracle that does not work, and no result."""
    failures = table.loc[table["status"] == "failed", "error"]
    if len(table) and len(failures) == len(table):
        reason = abbreviate(failures.mode()[0], 500)
        raise OracleError(
            f"none of {len(table)} {campaign.domain.name} got an answer, most often: {reason}; "
            f"all are recorded in {campaign.folder}: mend the oracle and begin anew"
        )


def _best(table: pd.DataFrame, domain: Domain) -> str:
    shown = (*_SHOWN, *domain.reported[:3], "novel", "call", domain.column)
    columns = [name for name in shown if name in table]
    head = table[columns].head(10).to_string(index=False, float_format="{:.4f}".format)
    text = f"{head}\n\n{len(table)} {domain.name} scored"
    failures = table.loc[table["status"] == "failed", "error"]
    if failures.empty:
        return text
    return f"{text}, {len(failures)} of them without an answer, most often: {abbreviate(failures.mode()[0], 500)}"
