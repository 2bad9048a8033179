"""Sources of weights: this disk, the Hugging Face hub, then their original address."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from clipbench.download import Digests, Download, Patience, Progress, new_client, recorded_sha256
from clipbench.errors import CheckpointError, DataError, Unavailable
from clipbench.registry.table import ModelFile, ModelInfo, Source, folder_name

HUB = "https://huggingface.co"
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "config.json",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)
_SUFFIXES = {".safetensors", ".pt", ".pth", ".bin", ".ckpt"}
_VOCABULARIES = {"tokenizer.json", "sentencepiece.bpe.model", "vocab.txt", "vocab.json"}


@dataclass(frozen=True)
class Sources:
    """Gets the files of models into `cache`.

    folders are looked into before any network. endpoint is the hub's address, or that of a mirror
    (the variable HF_ENDPOINT). Offline, nothing is asked for.
    """

    cache: Path
    folders: tuple[Path, ...] = ()
    offline: bool = False
    progress: Progress | None = None
    endpoint: str = field(default_factory=lambda: os.environ.get("HF_ENDPOINT") or HUB)
    revision: str = "main"
    patience: Patience = field(default_factory=Patience)

    def pull(self, info: ModelInfo) -> dict[str, Path]:
        """The model's files by role (`towers`, `text`) and its `tokenizer` folder, if it has one.

        Raises CheckpointError with what was tried.
        """
        found: dict[str, Path] = {}
        for file in info.files:
            path = find_file(info, file, (self.cache, *self.folders))
            found[file.role] = path or self._pull_file(info, file)
        if info.tokenizer != "clip":
            found["tokenizer"] = self._pull_tokenizer(info)
        return found

    def _pull_file(self, info: ModelInfo, file: ModelFile) -> Path:
        if file.path is not None:
            raise CheckpointError(f"the weights of {info.name}: {absence(file.path)}")
        if self.offline:
            raise CheckpointError(
                f"the weights of {info.name} are not on this disk, and this is offline mode: put "
                f"{' or '.join(file.filenames)} into {self.cache / _folder(info, file)}"
            )
        tried = []
        with new_client(self.patience) as client:
            for source in file.sources:
                try:
                    return self._download(source, self.cache / _folder(info, file), client)
                except (FileNotFoundError, DataError, Unavailable) as error:
                    tried.append(str(error))
        raise CheckpointError(
            f"no source gave the weights of {info.name}:\n" + "\n".join(f"- {t}" for t in tried)
        )

    def _download(self, source: Source, folder: Path, client: httpx.Client) -> Path:
        return Download(
            self._url(source),
            folder / source.filename,
            Digests(source.md5, source.sha256),
            self.progress,
            self.patience,
        ).run(client)

    def _url(self, source: Source) -> str:
        if source.kind == "url":
            return source.address
        return self.hub_url(source.address, source.filename)

    def hub_url(self, repository: str, filename: str) -> str:
        """The address of a file of the hub."""
        return f"{self.endpoint.rstrip('/')}/{repository}/resolve/{self.revision}/{filename}"

    def _pull_tokenizer(self, info: ModelInfo) -> Path:
        """The folder of the tokenizer's files."""
        name = info.tokenizer
        folders = [
            root / part
            for root in (self.cache, *self.folders)
            for part in (f"tokenizers/{folder_name(name)}", info.folder)
        ]
        beside = [file.path.parent for file in info.files if file.path]  # the operator's own
        for folder in (*beside, *folders):
            if has_tokenizer(folder):
                return folder
        if self.offline:
            raise CheckpointError(
                f"the tokenizer of {info.name} is not on this disk, and this is offline mode: put "
                f"the files of {name} into {folders[0]}"
            )
        with new_client(self.patience) as client:
            try:
                self.pull_tokenizer_files(name, folders[0], client)
            except (DataError, Unavailable) as error:
                raise CheckpointError(f"the tokenizer of {info.name}: {error}") from error
        return folders[0]

    def pull_tokenizer_files(self, name: str, folder: Path, client: httpx.Client) -> None:
        """The files of the hub's tokenizer `name` into `folder`.

        Raises CheckpointError where it has none, DataError and Unavailable.
        """
        for filename in _TOKENIZER_FILES:
            url = self.hub_url(name, filename)
            try:
                Download(url, folder / filename, patience=self.patience).run(client)
            except FileNotFoundError:
                continue
        if not has_tokenizer(folder):
            raise CheckpointError(f"the hub has no tokenizer in {name}")


def has_tokenizer(folder: Path) -> bool:
    """Whether a tokenizer's vocabulary is in the folder."""
    return any((folder / file).is_file() for file in _VOCABULARIES)


@dataclass(frozen=True)
class Verified:
    """One file of a model compared with its known digests. `problem` is None if nothing is wrong.

    checked: the digests that it was compared with; empty when none is known.
    """

    role: str
    path: Path | None
    problem: str | None
    checked: tuple[str, ...] = ()


def pull(
    info: ModelInfo,
    cache: Path,
    *,
    folders: Sequence[Path] = (),
    offline: bool = False,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """The model's files, fetched if they are not on this disk; see `Sources`."""
    return Sources(cache.expanduser(), tuple(folders), offline, progress).pull(info)


def verify(info: ModelInfo, cache: Path, *, folders: Sequence[Path] = ()) -> list[Verified]:
    """Hashes the model's files on this disk again and compares."""
    verified = []
    for file in info.files:
        path = find_file(info, file, (cache.expanduser(), *folders))
        if path is None:
            names = " or ".join(file.filenames)
            verified.append(Verified(file.role, None, f"not on this disk: {names}"))
            continue
        registered, noted = _known_digests(file, path)
        checked = [name for digests in (*registered, noted) for name in digests.names]
        problem = problem_of(file, path)
        verified.append(Verified(file.role, path, problem, tuple(dict.fromkeys(checked))))
    return verified


def problem_of(file: ModelFile, path: Path) -> str | None:
    """The problem of a file of that name, None if none is known.

    It must be what one of the sources of its name publishes, and what it was when it was pulled.
    """
    registered, noted = _known_digests(file, path)
    problems = [digests.problem(path) for digests in registered]
    problem = problems[0] if problems and all(problems) else noted.problem(path)
    return problem and problem + (advice(path) or "; it is not the file that was published")


def absence(path: Path) -> str | None:
    """Why no weights can be read at the path, None if there is a file."""
    if path.is_dir():
        inside = sorted(p.name for p in path.iterdir() if p.suffix in _SUFFIXES)
        named = f": name the file in it, such as {path / inside[0]}" if inside else ""
        return f"{path} is a folder, not a file of weights{named}"
    if not path.is_file():
        broken = " (the link leads nowhere)" if path.is_symlink() else ""
        return f"there is no file at {path}{broken}"
    return None


def advice(path: Path) -> str:
    """The advice on a damaged file: only one that was pulled can be pulled again."""
    return "; delete it and pull it again" if recorded_sha256(path) else ""


def _known_digests(file: ModelFile, path: Path) -> tuple[list[Digests], Digests]:
    registered = [
        Digests(source.md5, source.sha256)
        for source in file.sources
        if source.filename == path.name and (source.md5 or source.sha256)
    ]
    return registered, Digests(sha256=recorded_sha256(path))


def find_file(info: ModelInfo, file: ModelFile, folders: Sequence[Path]) -> Path | None:
    """The file on this disk: in a folder of the model's own name, or in the folder itself.

    clip-server keeps its files in the folder itself. There only names that tell the model count.
    """
    if file.path is not None:
        return file.path if file.path.is_file() else None
    own = [folder / _folder(info, file) / name for name in file.filenames for folder in folders]
    names = [source.filename for source in file.sources if source.kind == "url"]
    flat = [folder / name for name in names for folder in folders]
    return next((path for path in (*own, *flat) if path.is_file()), None)


def _folder(info: ModelInfo, file: ModelFile) -> str:
    """The file's folder: M-CLIP shares its image tower with the model that it comes from."""
    if info.image_model and file.role == "towers":
        return folder_name(info.image_model)
    return info.folder
