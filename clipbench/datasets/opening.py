"""Opens a data set by id, folder, file or address."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipbench import embedded
from clipbench.datasets import layouts, registry
from clipbench.datasets.prompts import DEFAULT_TEMPLATES, check_templates
from clipbench.datasets.types import Contents, Dataset, Task
from clipbench.errors import DataError, UnknownName


def open_dataset(
    spec: str | Path,
    *,
    split: str | None = None,
    root: Path | None = None,
    sample: int | None = None,
    seed: int = 0,
    layout: str | None = None,
    templates: Sequence[str] | None = None,
) -> Dataset:
    """The data set that `spec` names: a registered id, a folder, or a file.

    An id wins over a folder of the same name; write `./emoji` for the folder. `root` is where the
    data of registered ids lie. Raises UnknownName, DataError, InvalidRequest.
    """
    if isinstance(spec, str) and registry.is_registered(spec):
        info = registry.find(spec)
        path = embedded.DATA / info.id if info.embedded else _below(root, info)
        return _dataset(info.id, path, split, layout, templates)
    path = Path(spec).expanduser()
    if not path.exists():
        known = [info.id for info in registry.all_datasets()]
        raise UnknownName("data set", str(spec), known, hint="and there is no such folder or file")
    return _dataset(_own_id(path), path, split, layout, templates)


def _below(root: Path | None, info: registry.DatasetInfo) -> Path:
    if root is not None:
        for name in (info.folder, f"wds_{info.folder}", info.id):
            if (root / name).is_dir():
                return root / name
    raise DataError(f"{info.id} is not here: clipbench datasets pull {info.id}")


def _own_id(path: Path) -> str:
    """The id of one's own data: its name, set apart from the registered ones."""
    name = path.resolve().stem if path.is_file() else path.resolve().name
    return f"local/{name}" if registry.is_registered(name) else name


def _dataset(
    id: str, path: Path, split: str | None, layout: str | None, templates: Sequence[str] | None
) -> Dataset:
    kind = layouts.find(path, layout)
    contents = kind.open(path, split)
    return _assembled(id, contents, str(path), kind.name, templates)


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
        images=_declared(id, contents),
        source=source,
        layout=layout,
        read=contents.read,
    )


def _declared(id: str, contents: Contents) -> int | None:
    if contents.images is None and registry.is_registered(id):
        counts = registry.find(id).splits.get(contents.split)
        return counts.images if counts else None
    return contents.images
