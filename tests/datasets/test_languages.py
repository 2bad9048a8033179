"""Captions and class names in several languages, in the layouts that CLIP_benchmark uses."""

import json

import pytest

from clipbench.datasets import Text, Unreadable, languages_of, open_dataset, verify
from clipbench.datasets.conversion import convert
from clipbench.errors import DataError, InvalidRequest, UnknownName
from tests.datasets import building

TEXTS = {"de": ["ein Hund", "eine Katze", "ein Haus"], "en": ["a dog", "a cat", "a house"]}
NAMES = ["a.jpg", "b.jpg", "c.jpg"]


def pictures(folder="images"):
    return {f"{folder}/{name}": building.png(i) for i, name in enumerate(NAMES)}


def xm3600():
    rows = [
        {
            "image/key": name.removesuffix(".jpg"),
            "image/locale": "de",
            **{lang: {"caption": [texts[i], "another"]} for lang, texts in TEXTS.items()},
        }
        for i, name in enumerate(NAMES)
    ]
    return {"captions.jsonl": "".join(f"{json.dumps(row)}\n" for row in rows)}


def lines(index, template):
    texts = {template.format(lang): "\n".join(texts) + "\n" for lang, texts in TEXTS.items()}
    return {index: "\n".join(NAMES) + "\n", **texts}


def annotations():
    paths = [f"/somewhere/else/xtd10/images/{name}" for name in NAMES]
    made = {lang: {"image_paths": paths, "annotations": texts} for lang, texts in TEXTS.items()}
    return {f"xtd10-{lang}.json": json.dumps(about) for lang, about in made.items()}


def table():
    rows = [f"{name},{lang},{t[i]}" for lang, t in TEXTS.items() for i, name in enumerate(NAMES)]
    return {"captions.csv": "image,language,caption\n" + "\n".join(rows) + "\n"}


LAYOUTS = {
    "xm3600": xm3600(),
    "xtd10": lines("test_image_names.txt", "test_1kcaptions_{}.txt"),
    "flickr30k-200": lines("filenames.txt", "{}.txt"),
    "annotations": annotations(),
    "table": table(),
}


def texts_of(data):
    return [d.text for d in data.documents() if isinstance(d, Text)]


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_language_is_a_data_set_of_its_own(name, tmp_path):
    folder = building.write(tmp_path / name, {**LAYOUTS[name], **pictures()})
    assert languages_of(folder) == ("de", "en")
    for language, texts in TEXTS.items():
        data = open_dataset(folder, language=language)
        assert (data.layout, data.language, data.id) == (
            "languages",
            language,
            f"{name}/{language}",
        )
        assert texts_of(data) == texts
        found = verify(data)
        assert found.ok
        files = found.inventory.as_mapping()["files"]
        assert files["image"] == 3
        assert sum(files.values()) == 3 + len(LAYOUTS[name])
    with pytest.raises(InvalidRequest, match="choose with --languages"):
        open_dataset(folder)
    with pytest.raises(UnknownName, match="fr"):
        open_dataset(folder, language="fr")


def test_what_is_short_or_cannot_be_read_is_refused(tmp_path):
    broken = {
        "test_image_names.txt": "a.jpg\ngone.jpg\nc.jpg\n",
        "test_1kcaptions_de.txt": "ein Hund\neine Katze\n",
        "test_1kcaptions_en.txt": "a dog\n\na house\n",
    }
    folder = building.write(tmp_path / "d", {**broken, **pictures()})
    german = [
        d for d in open_dataset(folder, language="de").documents() if isinstance(d, Unreadable)
    ]
    assert [d.reason for d in german] == ["member_missing", "image_refused", "member_missing"]
    english = [d for d in open_dataset(folder, language="en").documents()
               if isinstance(d, Unreadable)]  # fmt: skip
    assert {str(d.reason) for d in english} == {"member_missing", "empty"}


def test_shards_say_their_language(tmp_path):
    folder = building.write(tmp_path / "xm3600", {**xm3600(), **pictures()})
    convert(open_dataset(folder, language="de"), tmp_path / "shards")
    data = open_dataset(tmp_path / "shards")
    assert (data.language, data.id) == ("de", "shards/de")
    assert texts_of(data) == TEXTS["de"]
    with pytest.raises(InvalidRequest, match="are in de, not in en"):
        open_dataset(tmp_path / "shards", language="en")


@pytest.fixture
def classes(tmp_path):
    files = {f"{name}/{i}.png": building.png(i) for i, name in enumerate(("cat", "dog"))}
    return building.write(tmp_path / "pets", files)


def test_class_names_come_from_a_folder(classes, tmp_path):
    names = building.write(
        tmp_path / "names",
        {
            "de_classnames.json": json.dumps({"pets": ["Katze", "Hund"]}),
            "de_zeroshot_classification_templates.json": json.dumps(
                {"pets": ["ein Foto von {c}."]}
            ),
            "it/classnames.txt": "gatto\ncane\n",
        },
    )
    assert languages_of(classes, names=names) == ("de", "it")
    german = open_dataset(classes, language="de", names=names)
    assert (german.id, german.classnames) == ("pets/de", ("Katze", "Hund"))
    assert german.templates == ("ein Foto von {c}.",)
    assert open_dataset(classes, language="it", names=names).classnames == ("gatto", "cane")
    with pytest.raises(InvalidRequest, match="--names"):
        open_dataset(classes, language="de")
    building.write(names, {"fr/classnames.txt": "chat\n"})
    with pytest.raises(DataError, match="1 names in fr for 2 classes"):
        open_dataset(classes, language="fr", names=names)
