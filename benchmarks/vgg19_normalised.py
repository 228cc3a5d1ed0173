"""How exactly `--weights normalised` keeps Gatys' rule, and how near it comes to his own weights.

python benchmarks/vgg19_normalised.py

Without a file of VGG-19 the rule is tried on random weights. The comparison needs two files:
python -m common.weights get gatys imagenet
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from common.quiet import import_keras
from common.vgg19_layers import LAYERS
from common.weights import locate


def rule(weights: dict, normalised: dict, pictures: Sequence[np.ndarray]) -> str:
    """Says how exactly the rule is kept.

    Args:
        weights: those that were normalised.
        normalised: the result.
        pictures: that it was normalised on.

    Returns:
        A line on the mean activations, and one on what the network computes.
    """
    from keras import ops

    from common.vgg19 import vgg19
    from common.vgg19_normalised import divisors, mean_activations

    before = mean_activations(weights, pictures)
    after = mean_activations(normalised, pictures)
    answers = {name: divisors(means) == means for name, means in before.items()}
    kept = np.concatenate([after[name][answers[name]] for name in before])
    count = sum(map(len, before.values()))
    last = list(weights)[-1]
    networks = [vgg19(each, [last], padding="same") for each in (weights, normalised)]
    one, other = (ops.convert_to_numpy(network(pictures[0])) for network in networks)
    wanted = one / divisors(before[last])
    return (
        f"mean activation per filter over datasets/textures: mean {kept.mean():.7g}, "
        f"largest deviation {abs(kept - 1).max():.1e}; {count - len(kept)} of {count} filters "
        "hardly answer and keep their scale\n"
        f"{last} against the old one divided by its means: largest deviation "
        f"{abs(other - wanted).max() / wanted.max():.1e} of its largest value"
    )


def kept_by(weights: dict, pictures: Sequence[np.ndarray]) -> str:
    """Says how exactly weights that came normalised keep the rule on these pictures."""
    from common.vgg19_normalised import mean_activations

    means = np.concatenate(list(mean_activations(weights, pictures).values()))
    return (
        f"mean activation per filter over datasets/textures: mean {means.mean():.4g}, "
        f"largest deviation {abs(means - 1).max():.2g} (Gatys' own pictures were others)"
    )


def gram_distances(
    one: dict, other: dict, layers: Sequence[str], pictures: Sequence[np.ndarray]
) -> np.ndarray:
    """Relative Frobenius distances of Gram matrices, |G - G'| / |G'|.

    Args:
        one: weights, which give G.
        other: weights, which give G'.
        layers: names, in the network's order; at least two.
        pictures: each (1, height, width, 3), BGR minus the mean.

    Returns:
        (pictures, layers).
    """
    from keras import ops

    from common.gram import gram_matrix
    from common.vgg19 import vgg19

    networks = [vgg19(weights, layers, padding="same") for weights in (one, other)]
    rows = []
    for picture in pictures:
        grams = [
            [ops.convert_to_numpy(gram_matrix(maps)) for maps in network(picture)]
            for network in networks
        ]
        pairs = zip(*grams, strict=True)
        rows.append([np.linalg.norm(mine - his) / np.linalg.norm(his) for mine, his in pairs])
    return np.array(rows)


def table(normalised: dict, gatys: dict, layers: Sequence[str], pictures) -> str:
    """The comparison with Gatys' weights, a row for each layer."""
    from common.vgg19_normalised import mean_activations

    distances = gram_distances(normalised, gatys, layers, pictures)
    means = mean_activations(gatys, pictures)
    lines = ["| layer | Gram matrices: mean | worst | gatys' mean activation |", "|" + " --- |" * 4]
    for number, layer in enumerate(layers):
        column = distances[:, number]
        mean = f"{means[layer].mean():.2f}" if layer in means else ""
        lines.append(f"| {layer} | {column.mean():.3f} | {column.max():.3f} | {mean} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what can be measured with the files that are here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upto", choices=LAYERS[1:], default=LAYERS[-1], help="deepest layer")
    upto = parser.parse_args(arguments).upto
    import_keras()
    from common.vgg19_normalised import built_in_pictures, normalised_as_gatys
    from common.vgg19_random import random_weights
    from common.vgg19_weights import find_weights_file, load_weights, read_weights

    pictures = built_in_pictures()
    if locate("imagenet") or locate("caffe"):
        path = find_weights_file("normalised")
        weights = read_weights(path, upto)
        print(f"weights from {path}")
    else:
        weights = random_weights(upto)
        print("neither imagenet nor caffe is here: random weights of seed 0")
    begin = time.perf_counter()
    normalised = normalised_as_gatys(weights, pictures)
    seconds = time.perf_counter() - begin
    print(f"normalised up to {upto} on {len(pictures)} pictures in {seconds:.1f} seconds")
    print(rule(weights, normalised, pictures))
    gatys = None
    if locate("gatys"):
        gatys, line = load_weights("gatys", upto, ())
        print(f"{line}: {kept_by(gatys, pictures)}")
    if gatys and (locate("imagenet") or locate("caffe")):
        print(f"against {line}, |G - G'| / |G'| over datasets/textures:")
        print(table(normalised, gatys, LAYERS[: LAYERS.index(upto) + 1], pictures))
    else:
        print("to compare with Gatys' weights: python -m common.weights get gatys imagenet")


if __name__ == "__main__":
    main()
