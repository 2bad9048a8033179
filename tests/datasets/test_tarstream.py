"""Reading tar files as a stream: whole, cut, corrupted and hostile ones."""

import io
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clipbench.datasets import Image, Unreadable, open_dataset
from clipbench.datasets.tarstream import Damage, Member, members
from tests.datasets import building
from tests.datasets.building import png, tar

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300)
CONTENTS = st.lists(st.tuples(NAMES, st.binary(max_size=1500)), max_size=6)
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def everything(data):
    return list(members(io.BytesIO(data), lambda name, size: True))


def written(contents, format):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format, encoding="utf-8") as file:
        for name, data in contents:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("format", FORMATS[1:])
@given(contents=CONTENTS)
def test_whatever_tarfile_writes_is_read(format, contents):
    contents = [(name.rstrip("/") or "a", data) for name, data in contents]
    found = everything(written(contents, format))
    assert [(m.name, m.data) for m in found] == contents


def test_a_long_name_in_the_old_way_is_read():
    name = "d" * 90 + "/" + "f" * 90 + ".png"
    assert everything(written([(name, b"x")], tarfile.USTAR_FORMAT))[0].name == name


@given(data=st.binary(max_size=3000))
def test_any_bytes_end_without_an_error(data):
    everything(data)


@given(contents=CONTENTS, data=st.data())
def test_a_cut_file_gives_whole_members_and_says_that_it_is_cut(contents, data):
    whole = written(contents, tarfile.PAX_FORMAT)
    end = len(whole.rstrip(b"\0")) if contents else 0
    at = data.draw(st.integers(0, max(0, end - 1)))
    found = everything(whole[:at])
    assert isinstance(found[-1], Damage)
    kept = [m for m in found if isinstance(m, Member)]
    originals = everything(whole)
    assert kept == originals[: len(kept)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 8191), st.integers(0, 255)), max_size=20))
def test_a_corrupted_shard_never_repeats_an_id_or_a_position(tmp_path, changes):
    data = bytearray(building.labelled_shard([0, 1, 0, 1]))
    for position, value in changes:
        data[position] = value
    folder = building.wds(tmp_path, [bytes(data)], classnames="a\nb\n")
    documents = list(open_dataset(folder).documents())
    assert len({d.id for d in documents}) == len(documents)
    positions = [d.index for d in documents if d.index is not None]
    assert positions == list(range(len(positions)))


def test_a_member_that_is_not_wanted_is_passed_over_in_memory_that_does_not_grow():
    found = list(members(io.BytesIO(tar([("a", b"x" * 5000)])), lambda name, size: size < 100))
    assert found == [Member("a", 5000, None)]


def test_a_header_that_claims_more_than_there_is_ends_the_file():
    info = tarfile.TarInfo("a.png")
    info.size = 2**60
    (damage,) = everything(info.tobuf(tarfile.GNU_FORMAT) + b"x" * 1000)
    assert "cut off inside a.png" in damage.detail


def test_an_extended_header_of_a_gigabyte_is_refused_unread():
    info = tarfile.TarInfo("a")
    info.size, info.type = 2**30, tarfile.XHDTYPE
    (damage,) = everything(info.tobuf(tarfile.USTAR_FORMAT) + b"x" * 5000)
    assert isinstance(damage, Damage)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_are_never_followed(tmp_path, kind):
    link = tarfile.TarInfo("a.png")
    link.type, link.linkname = kind, "/etc/passwd"
    shard = link.tobuf() + tar([("a.cls", b"0"), ("../../b.png", png(1)), ("../../b.cls", b"0")])
    folder = building.wds(tmp_path / "data", [shard], classnames="a\n")
    linked, outside = open_dataset(folder).documents()
    assert isinstance(linked, Unreadable)
    assert isinstance(outside, Image)  # only a name: nothing is written anywhere
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_a_name_that_is_not_utf8_is_written_out():
    info = tarfile.TarInfo("caf\udce9.png")
    assert everything(info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))[0].name == (
        "caf\\xe9.png"
    )
