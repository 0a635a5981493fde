"""Samples of one model are never taken for another's."""

import compare_lm_eval


def model(root, name, weights):
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_samples_are_kept_by_model_weights_and_number_of_problems(tmp_path):
    def of(folder, n=500):
        return compare_lm_eval.samples_of(tmp_path, folder, n)

    one = model(tmp_path, "one", b"1")
    first = of(one)
    assert first == of(one)
    assert first.name.startswith("one-")
    others = [
        of(one, 400),
        of(model(tmp_path, "two", b"1")),
        of(model(tmp_path / "x", "one", b"1")),
    ]
    others.append(of(model(tmp_path, "one", b"2")))  # trained anew in the same place
    assert len({first, *others}) == 5
