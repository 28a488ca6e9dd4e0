"""Where every file under OUT lies; the tree is in docs/design.md."""

from pathlib import Path

from pipeline.errors import UserError
from pipeline.files.urls import below, is_url, redacted


class Layout:
    """The path of every file under OUT. out: its folder; UserError for the URL of a store."""

    def __init__(self, out: str | Path) -> None:
        if isinstance(out, str) and is_url(out):
            url = redacted(out)
            raise UserError(
                f"{url}: this verb reads files of this machine; copy the bundle first:"
                f" ocim bundle fetch {below(url, 'bundle')} -o DIR"
            )
        self.out = Path(out)
        self.config = self.out / "config.yaml"
        self.bundle = self.out / "bundle"
        self.model = self.out / "train" / "model.pt"
        self.scores = self.out / "scores.csv"
        self.results = self.out / "results.json"
        self.report = self.out / "report.html"
        self.truth = self.out / "truth.json"
        self.tables = self.out / "tables"

    def with_run(self, folder: Path) -> "Layout":
        """The same, with the training, results and report of another folder on this bundle, such as
        that of `ocim train -o` or a run of the tables.
        """
        layout = Layout(self.out)
        layout.model = folder / self.model.name
        layout.scores, layout.results, layout.report = (
            folder / path.name for path in (self.scores, self.results, self.report)
        )
        return layout

    def index(self, dataset: str) -> Path:
        """The index of a dataset, one row a video."""
        return self.out / "index" / f"{dataset}.csv"

    def partition(self, folder: str, dataset: str, partition: int) -> Path:
        """The file of one partition. folder: of the stage: crops, depth or parsing."""
        return self.out / folder / dataset / f"{partition:04d}.h5"

    def hashes(self, dataset: str, partition: int) -> Path:
        """The sha256 of a partition's videos, where these lie in a store: a cache."""
        return self.out / "cache" / "hashes" / dataset / f"{partition:04d}.json"
