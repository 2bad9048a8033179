"""Multilingual retrieval as clip_benchmark reads and scores it."""

import importlib
import json

import numpy as np
import pytest
from PIL import Image as Picture

from clipbench.datasets import Image, Text, open_dataset

from .stub import Corpus
from .test_retrieval import CUTOFFS, differences

LANGUAGES = ("de", "ko")
COUNT = 40
FLORES = {"de": "deu_Latn", "ko": "kor_Hang"}


def text(language, number):
    return {"de": f"Bild Nummer {number}", "ko": f"그림 {number}번"}[language]


@pytest.fixture
def there(tmp_path):
    """The three sets as CLIP_benchmark keeps them: texts of a mirror, images of a download."""
    names = [f"{number:012}.jpg" for number in range(COUNT)]
    for folder in ("xm3600", "xtd10", "multilingual_mscoco", "flickr30k-200"):
        (tmp_path / folder / "images").mkdir(parents=True)
        for number, name in enumerate(names):
            Picture.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / folder / "images" / name)
    rows = [
        {
            "image/key": name.removesuffix(".jpg"),
            **{lang: {"caption": [text(lang, i), "zweite"]} for lang in LANGUAGES},
        }
        for i, name in enumerate(names)
    ]
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    (tmp_path / "xm3600/captions.jsonl").write_text(lines)
    for folder, index, template in (
        ("xtd10", "test_image_names.txt", "test_1kcaptions_{}.txt"),
        ("multilingual_mscoco", "test_image_names.txt", "test_1kcaptions_{}.txt"),
        ("flickr30k-200", "filenames.txt", "{}.txt"),
    ):
        (tmp_path / folder / index).write_text("".join(f"{name}\n" for name in names))
        for lang in LANGUAGES:
            code = FLORES[lang] if folder == "flickr30k-200" else lang
            texts = "".join(f"{text(lang, i)}\n" for i in range(COUNT))
            (tmp_path / folder / template.format(code)).write_text(texts)
    return tmp_path


SETS = [
    ("crossmodal3600", "Crossmodal3600", "xm3600"),
    ("xtd10", "XTD10", "xtd10"),
    ("multilingual_mscoco", "Multilingual_MSCOCO", "multilingual_mscoco"),
    ("flickr30k_200", "Flickr30k_200", "flickr30k-200"),
]


@pytest.mark.parametrize(("module", "name", "folder"), SETS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_image_has_the_same_caption(module, name, folder, language, there, monkeypatch):
    theirs = importlib.import_module(f"clip_benchmark.datasets.{module}")
    code = FLORES[language] if folder == "flickr30k-200" else language

    def local(url):  # what they download, from the folder
        return (there / folder / url.rpartition("/")[2]).read_text().splitlines()

    monkeypatch.setattr(theirs, "_get_lines", local, raising=False)
    theirs.create_annotation_file(str(there), code)
    file = there / theirs.OUTPUT_FILENAME_TEMPLATE.format(code)
    loaded = getattr(theirs, name)(root=str(there), ann_file=str(file))
    expected = [(image.getpixel((0, 0)), captions[0]) for image, captions in loaded]
    for path in (there / folder, there):  # as it was downloaded, and as they write it
        if path == there:
            for other in there.glob("*-*.json"):
                if other != file:
                    other.unlink()
        data = open_dataset(path, language=code)
        images = {d.id: d.data for d in data.documents() if isinstance(d, Image)}
        texts = {d.image_id: d.text for d in data.documents() if isinstance(d, Text)}
        found = [(pixel(images[id_]), texts[id_]) for id_ in images]
        assert found == expected
        assert len(found) == COUNT


def pixel(data):
    import io

    with Picture.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB").getpixel((0, 0))


def test_one_caption_an_image_gives_the_same_counts():
    """What their evaluation is given for every one of these sets."""
    for seed in range(3):
        found, _ = differences(Corpus.random(np.full(500, 1), seed=seed))
        assert set(found) == {
            (way, k) for way in ("text_to_image", "image_to_text") for k in CUTOFFS
        }
        assert set(found.values()) == {0}
