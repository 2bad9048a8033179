"""Which model is best on each data set, in the words of the terminal."""

from clipbench.client.commands.run import replaced
from clipbench.client.ranking import ranking
from clipbench.results import file_name

from ..report.samples import classification


def test_models_are_ranked_on_the_same_data_only(tmp_path):
    images = [{"data": f"{i}" * 64, "source": f"/site{i}/images"} for i in (1, 2)]
    results = [
        classification(model, "images", acc1, **where)
        for where in images
        for model, acc1 in (("a", 0.5), ("b", 0.9))
    ]
    first, second = ranking(results, tmp_path)
    assert first.splitlines()[0] == "images (site1), acc1:"
    assert second.splitlines()[0] == "images (site2), acc1:"
    assert first.splitlines()[-1].strip() == "b is best, beyond what chance explains."
    assert list(ranking([results[0], results[2]], tmp_path)) == []
    assert list(ranking([results[0], results[0]], tmp_path)) == []  # never with itself


def test_two_trainings_of_one_name_are_ranked_by_what_sets_them_apart(tmp_path):
    results = [classification("tuned", "x", 0.8, checkpoint=digit * 64) for digit in "12"]
    (told,) = ranking(results, tmp_path)
    assert "No clear winner: tuned (11111111) and tuned (22222222)" in told


def test_a_run_tells_which_results_it_replaced():
    one, other = classification("a"), classification("b")
    assert replaced([one, other], {file_name(other)}) == [file_name(other)]
    assert replaced([one, one], set()) == [file_name(one)]
