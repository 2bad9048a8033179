"""Token ids are clip-server's, for every text."""

import pytest
from clip_server.model.tokenization import Tokenizer as StockTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertTokenizerFast

from clipbench.errors import CheckpointError
from clipbench.networks.token_batches import pad
from clipbench.networks.tokenizers import HuggingFaceTokenizer, clip_tokenizer

STOCK = StockTokenizer("ViT-B-32::openai")


def assert_as_stock(texts):
    tokens = clip_tokenizer()(texts, 77)
    ids, mask = pad(tokens.ids, 0)
    length = ids.shape[1]
    stock = STOCK(texts)
    assert (stock["input_ids"].numpy()[:, :length] == ids).all()
    assert (stock["attention_mask"].numpy()[:, :length] == mask).all()
    assert stock["attention_mask"].numpy()[:, length:].sum() == 0
    uncut = [len(STOCK._tokenizer.encode(text)) + 2 for text in texts]
    assert list(tokens.truncated) == [i for i, length in enumerate(uncut) if length > 77]


TEXTS = [
    "a photo of a cat.",
    "",
    "  two\tspaces \n and a line ",
    "don't WE'LL it's 1999's",
    "Tom &amp; Jerry &lt;3 &amp;amp;",
    "café naïve Ærøskøbing ﬁne ’quoted’ “so”",
    "a<|endoftext|>b <|startoftext|>",
    "日本語のテキスト 🎉👩‍👩‍👧 ١٢٣",
    "word " * 75,
    "word " * 76,
    "x" * 2000,
    "\x1c\x1dseparators\x85 \u3000here\u200b",
]


@pytest.mark.parametrize("text", TEXTS)
def test_known_difficult_texts(text):
    assert_as_stock([text])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=120), min_size=1, max_size=4))
def test_any_texts(texts):
    assert_as_stock(texts)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(max_codepoint=127), max_size=300))
def test_the_way_past_ftfy_changes_nothing(text):
    assert_as_stock([text])


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"一二三四五六七八九十", "a", "##b"]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return HuggingFaceTokenizer(folder)


def test_a_hugging_face_tokenizer_keeps_its_ends_when_it_cuts(chinese):
    tokens = chinese(["一二三", "一二三四五六七八九十" * 6, "ab"], 52)
    assert tokens.truncated == (1,)
    assert [len(ids) for ids in tokens.ids] == [5, 52, 4]
    assert all((ids[0], ids[-1]) == (2, 3) for ids in tokens.ids)
    assert chinese.padding == 0


def test_a_folder_without_a_tokenizer_is_an_error(tmp_path):
    with pytest.raises(CheckpointError):
        HuggingFaceTokenizer(tmp_path)
