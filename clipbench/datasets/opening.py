"""Opens a data set by id, folder, file or address."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from clipbench import embedded
from clipbench.contract.few_labels import FewLabels
from clipbench.datasets import (
    class_languages,
    judgements,
    layouts,
    registry,
    sources,
    whole_files,
)
from clipbench.datasets.dataset import Dataset
from clipbench.datasets.few_labels import check, learning
from clipbench.datasets.layouts import wds
from clipbench.datasets.layouts.files import printable
from clipbench.datasets.layouts.languages import sources as sources_by_language
from clipbench.datasets.prompts import DEFAULT_TEMPLATES, check_templates
from clipbench.datasets.registry import DatasetInfo
from clipbench.datasets.sampling import sampled
from clipbench.datasets.sources import Remote
from clipbench.datasets.types import Contents, Task, Wanted
from clipbench.download import Progress, shown
from clipbench.errors import DataError, InvalidRequest, UnknownName

_MARK = ".clipbench.json"


def default_root() -> Path:
    """The default folder of data sets: CLIPBENCH_DATA, else below the home."""
    return Path(os.environ.get("CLIPBENCH_DATA") or Path.home() / ".cache/clipbench/datasets")


def open_dataset(
    spec: str | Path,
    *,
    split: str | None = None,
    root: Path | None = None,
    sample: int | None = None,
    seed: int = 0,
    layout: str | None = None,
    columns: Mapping[str, str] | None = None,
    templates: Sequence[str] | None = None,
    language: str | None = None,
    names: Path | None = None,
    few_labels: FewLabels | None = None,
    offline: bool = False,
    keep: bool = True,
    progress: Progress | None = None,
) -> Dataset:
    """The data set that `spec` names: a registered id, a folder, a file, or an http(s) address.

    An id wins over a folder of the same name; write `./emoji` for the folder. A registered id is
    looked for in `root` (in any layout) and else read from its copy on the hub; files of an
    address are kept below `root` unless `keep` is False. `sample` takes that many images, drawn
    with `seed`. `layout` decides where several fit, `columns` says which column of a table is the
    `image`, `caption`, `label` or `relevance`, `templates` replace the data set's own. `language`
    chooses among captions in several languages; of a classification it names the class names and
    templates to take from the folder `names` (see `class_languages`). `few_labels` adds the
    labelled images of another split that classifiers learn from.

    Raises UnknownName, InvalidRequest, DataError, Unavailable.
    """
    name = str(spec)
    root = root or default_root()
    wanted = Wanted(split, columns or {}, None if names else language)
    if isinstance(spec, str) and registry.is_registered(spec):
        info = registry.find(spec)
        files = (
            None if layout or columns else remote(info, root, offline=offline, progress=progress)
        )
        wanted = replace(wanted, groups=info.groups)
        if files is not None:
            dataset = _remote_dataset(info.id, files, wanted, templates, info.files)
        else:
            dataset = _local_dataset(info.id, local_folder(info, root), wanted, layout, templates)
    elif name.startswith(("http://", "https://")):
        files = at_address(name, root if keep else None, offline=offline, progress=progress)
        whole = whole_files.instead_of_shards(files, wanted.split)
        dataset = _remote_dataset(_address_id(name), files, wanted, templates, whole)
    else:
        path = Path(spec).expanduser()
        if not path.exists():
            known = [info.id for info in registry.all_datasets()]
            hint = "No folder or file has this name either. `clipbench datasets list` shows all."
            raise UnknownName("data set", printable(name), known, hint=hint)
        dataset = _local_dataset(_own_id(path), path, wanted, layout, templates)
    dataset = _in_language(dataset, language, names, templates)
    dataset = dataset if sample is None else sampled(dataset, sample, seed)
    if few_labels is None:
        return dataset
    check(dataset)
    again = {"layout": layout, "columns": columns, "templates": templates, "language": language}
    held = {"names": names, "offline": offline, "keep": keep, "progress": progress}
    try:
        train = open_dataset(spec, split=few_labels.split, root=root, **again, **held)  # type: ignore[arg-type]
    except UnknownName as error:
        raise InvalidRequest(
            f"few labels need a split of labelled images beside the one that is scored "
            f"(--train-split): {dataset.source} has {', '.join(error.known)}, not {error.name!r}"
        ) from error
    return learning(dataset, train, few_labels)


def languages_of(
    spec: str | Path, *, names: Path | None = None, root: Path | None = None
) -> tuple[str, ...]:
    """The languages of the captions of a data set, or of the class names in `names`; perhaps none.

    Data at an address are of one language.
    """
    if names is not None:
        return class_languages.languages(names)
    if isinstance(spec, str) and registry.is_registered(spec):
        return tuple(sources_by_language(local_folder(registry.find(spec), root or default_root())))
    path = Path(spec).expanduser()
    return tuple(sources_by_language(path)) if path.exists() else ()


def _in_language(
    dataset: Dataset, language: str | None, names: Path | None, templates: Sequence[str] | None
) -> Dataset:
    """The data set with its language in its id, and the class names in that language."""
    if language is not None and dataset.task is Task.CLASSIFICATION:
        if names is None:
            raise InvalidRequest(f"class names in {language}: name their folder (--names)")
        classes = len(dataset.classnames)
        found, prompts = class_languages.read(names, language, dataset.id, classes)
        chosen = dataset.templates if templates else prompts or dataset.templates
        dataset = replace(dataset, classnames=found, templates=chosen, language=language)
    elif language is not None and dataset.language != language:
        raise InvalidRequest(
            f"{dataset.source} has no captions by language"
            if not dataset.language
            else f"the captions of {dataset.source} are in {dataset.language}, not in {language}"
        )
    if not dataset.language or dataset.id.endswith(f"/{dataset.language}"):
        return dataset
    return replace(dataset, id=f"{dataset.id}/{dataset.language}")


def local_folder(info: DatasetInfo, root: Path) -> Path:
    """The folder with the data of a registered id."""
    if info.embedded:
        return embedded.DATA / info.id
    for path in _candidates(info, root):
        if path.is_dir():
            return path
    raise DataError(f"{info.id} is not in {root}: clipbench datasets pull {info.id}")


def remote(
    info: DatasetInfo,
    root: Path,
    *,
    base: str | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Remote | None:
    """The files on the hub (or at `base`) that `root` holds or will hold; None for one's own copy.

    A folder that did not come from an address is left alone.
    """
    if info.address is None:
        return None
    for path in _candidates(info, root):
        if path.is_dir() and _origin(path) is None:
            return None
    folder = root / f"wds_{info.folder}"
    base = base or _origin(folder) or info.address
    return _marked(sources.base_address(base), folder, offline, progress)


def at_address(
    url: str, root: Path | None, *, offline: bool = False, progress: Progress | None = None
) -> Remote:
    """The files at an address, kept in a folder of their own below `root`."""
    base = sources.base_address(url)
    if root is None:
        return Remote(base, None, offline=offline, progress=progress)
    digest = hashlib.sha256(base.encode()).hexdigest()[:12]
    folder = root / "addresses" / digest
    return _marked(base, folder, offline, progress)


def _marked(base: str, folder: Path, offline: bool, progress: Progress | None) -> Remote:
    origin = _origin(folder)
    if origin is None and not offline:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARK).write_text(json.dumps({"address": shown(base)}))
    elif origin not in (None, shown(base)):
        raise InvalidRequest(f"{folder} holds files from {origin}, not from {shown(base)}")
    return Remote(base, folder, offline=offline, progress=progress)


def _origin(folder: Path) -> str | None:
    """The address that the files in a folder came from, None when they did not."""
    try:
        return str(json.loads((folder / _MARK).read_text())["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _candidates(info: DatasetInfo, root: Path) -> tuple[Path, ...]:
    return tuple(root / name for name in (info.folder, f"wds_{info.folder}", info.id))


def _own_id(path: Path) -> str:
    """The id of one's own data: its name, set apart from the registered ones."""
    name = printable(path.resolve().stem if path.is_file() else path.resolve().name)
    return f"local/{name}" if registry.is_registered(name) else name


def _address_id(url: str) -> str:
    """The id of data at an address: the last name in it, set apart from the registered ids."""
    parts = [part for part in sources.base_address(url).split("/")[3:] if part]
    if parts[-2:-1] == ["resolve"]:
        parts = parts[:-2]
    name = parts[-1].removeprefix("wds_") if parts else "address"
    return f"remote/{name}" if registry.is_registered(name) else name


def _remote_dataset(
    id: str,
    files: Remote,
    wanted: Wanted,
    templates: Sequence[str] | None,
    names: Sequence[str] = (),
) -> Dataset:
    """names: of the files that it has in place of shards."""
    source = shown(files.base)
    if names:
        dataset = _local_dataset(id, whole_files.fetched(files, names), wanted, None, templates)
        return replace(dataset, source=source)
    contents = wds.open_files(files, wanted.split, source, wanted.groups)
    return _assembled(id, contents, source, "wds", templates)


def _local_dataset(
    id: str, path: Path, wanted: Wanted, layout: str | None, templates: Sequence[str] | None
) -> Dataset:
    try:
        kind = layouts.find(path, layout, columns=bool(wanted.columns))
        contents, folder = kind.open(path, wanted), path if path.is_dir() else path.parent
        if not (contents.judged or contents.composed) and any(
            (folder / name).is_file() for name in judgements.QRELS
        ):
            contents = judgements.by_qrels(contents, wds.Folder(folder), str(path))
        return _assembled(id, contents, printable(str(path)), kind.name, templates)
    except OSError as error:  # a folder that may not be listed, or that went while it was read
        raise DataError(f"{error.filename or path} cannot be read: {error.strerror}") from error


def _assembled(
    id: str, contents: Contents, source: str, layout: str, templates: Sequence[str] | None
) -> Dataset:
    chosen: tuple[str, ...] = ()
    if contents.task is Task.CLASSIFICATION:
        chosen = check_templates(templates or contents.templates or DEFAULT_TEMPLATES)
    return Dataset(
        id=id,
        split=contents.split,
        task=contents.task,
        classnames=contents.classnames,
        templates=chosen,
        multilabel=contents.multilabel,
        judged=contents.judged,
        composed=contents.composed,
        subsets=contents.subsets,
        language=contents.language,
        images=_declared(id, contents),
        source=source,
        layout=layout,
        read=contents.read,
        warnings=contents.warnings,
    )


def _declared(id: str, contents: Contents) -> int | None:
    if contents.images is None and registry.is_registered(id):
        counts = registry.find(id).splits.get(contents.split)
        return counts.images if counts else None
    return contents.images
