"""ZINC250k: 249,456 drug-like molecules in the standard split (Kusner et al. 2017; Jin et al. 2018)."""

from molvae.run.fetch import RemoteDataset, RemoteFile

_COMMIT = "13498d098bae2c8177abec61ab80d8b618d274f3"
_UPSTREAM = f"https://raw.githubusercontent.com/insilicomedicine/DD-VAE/{_COMMIT}/data/zinc"


def _file(part: str, sha256: str) -> RemoteFile:
    return RemoteFile(f"zinc250k/{part}.csv.gz", (f"{_UPSTREAM}/{part}.csv.gz",), sha256)


ZINC250K = RemoteDataset(
    "zinc250k",
    {
        "train": _file("train", "34ea3c264fcdb48dac456224fcca75a2e460d9508ef3aa426da3675b29a0fca3"),
        "valid": _file("valid", "394b08e373ed8cbec646a892eb95db177a7ed7f77a7bb2e4d3d6374b383911b3"),
        "test": _file("test", "bed539fd6b066631a209efb7afd5ff0953a39074bf3b4bd6cbfd000b27fe357e"),
    },
    licence="ZINC is free for everyone to use; redistribution of large parts needs its authors' permission",
)
