"""Train the heads of sentiment on the encoder's vectors, and write app/embedded/encoder/sentiment_heads.json.

    python -m scripts.train_sentiment [SOURCE]

SOURCE is the source distribution of vaderSentiment 3.3.2 (MIT), which pip downloads by default. Its ground truth
(C.J. Hutto and E. Gilbert, ICWSM 2014) rates texts from -4 to 4. Left out are the texts of tests/data/sentiment-dev.tsv
and those whose hash is in data/held-out.sha256: the first 16 hex digits of the SHA-256 of the text in lower case, each
run of white space one space. data/sentiment-extra.tsv adds kinds of texts and languages.

Neutral is a rating nearer to 0 than POLAR. A domain weighs as the root of its size, so that the many film reviews do
not decide alone. The loss has one optimum, so that each run finds the same heads; cross-validation sets `scale`.
"""

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.embedded.encoder.emoji import spell_emoji
from app.embedded.encoder.files import BGE_MODEL, USE_WEIGHTS
from app.embedded.encoder.models import Models
from app.embedded.encoder.sentence_vectors import SentenceVectors
from app.embedded.encoder.sentiment_heads import HEADS, LABELS

ROOT = Path(__file__).parents[1]
DATA = ROOT / "scripts" / "data"
EXTRA, HELD_OUT = DATA / "sentiment-extra.tsv", DATA / "held-out.sha256"
DEV = ROOT / "tests" / "data" / "sentiment-dev.tsv"
PACKAGE, PACKAGE_SHA256 = "vaderSentiment==3.3.2", "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
DOMAINS = ("movieReviewSnippets", "amazonReviewSnippets", "nytEditorialSnippets", "tweets")

POLAR = 0.5
# `scale` is fitted on texts that are at least so clear, as in sentiment-dev.tsv: readers disagree about the others
CLEAR = 1.0
BINS = 10
# the weight of a text of EXTRA beside a mean weight of 1
EXTRA_WEIGHTS = {"english": 5.0, "multilingual": 10.0}
L2 = 1.0
STEPS = 25
FOLDS = 5
SEED = 17
SCALES = np.arange(0.8, 2.51, 0.05)
DIGITS = 3

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Text:
    """A text to learn from: `rating` from -4 to 4, `domain` one of DOMAINS, or "extra"."""

    text: str
    rating: float
    domain: str
    language: str = "en"


def key(text: str) -> str:
    """Return the hash by which texts are held out."""
    return hashlib.sha256(normalized(text).encode()).hexdigest()[:16]


def normalized(text: str) -> str:
    """Return the text in lower case, each run of white space one space."""
    return re.sub(r"\s+", " ", text.lower()).strip()


def rows(file: Path) -> list[dict[str, str]]:
    """Return the rows of a file whose first line names its source."""
    with file.open(encoding="utf-8") as opened:
        next(opened)
        return list(csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE))


def download() -> Path:
    """Return the path of the source distribution."""
    folder = tempfile.mkdtemp()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-d", folder, PACKAGE]
    subprocess.run(command, check=True)
    return next(Path(folder).glob("*.tar.gz"))


def rated_texts(source: Path) -> Iterator[Text]:
    """Yield the texts of the package that are not held out, each once."""
    if hashlib.sha256(source.read_bytes()).hexdigest() != PACKAGE_SHA256:
        sys.exit(f"{source} is not the file whose SHA-256 is pinned")
    seen = {key(row["text"]) for row in rows(DEV)} | set(HELD_OUT.read_text().split())
    with tarfile.open(source) as outer, tarfile.open(fileobj=outer.extractfile(ARCHIVE)) as inner:
        for domain in DOMAINS:
            member = inner.extractfile(f"hutto_ICWSM_2014/{domain}_GroundTruth.txt")
            for line in io.TextIOWrapper(member, encoding="utf-8", errors="replace", newline="\n"):
                _, rating, text = line.rstrip("\r\n").split("\t", 2)
                if key(text) not in seen:
                    seen.add(key(text))
                    yield Text(text, float(rating), domain)


def extra_texts() -> Iterator[Text]:
    """Yield the texts of EXTRA."""
    ratings = dict(zip(LABELS, (-2.0, 0.0, 2.0), strict=True))
    for row in rows(EXTRA):
        yield Text(row["text"], ratings[row["label"]], "extra", row["language"])


def classes(texts: Iterable[Text]) -> Array:
    """Return the index in LABELS of each text."""
    return np.array([1 + (text.rating >= POLAR) - (text.rating <= -POLAR) for text in texts])


def weights(texts: list[Text], extra: float) -> Array:
    """Return weights: a domain counts as the root of its size. Their mean is 1; those of extra texts are `extra`."""
    counts = Counter(text.domain for text in texts if text.domain != "extra")
    unit = sum(counts.values()) / sum(count**0.5 for count in counts.values())
    return np.array([extra if text.domain == "extra" else unit * counts[text.domain] ** -0.5 for text in texts])


def softmax(logits: Array) -> Array:
    """Return the probabilities of each row."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def fit(vectors: Array, targets: Array, weight: Array) -> Array:
    """Return the coefficients of the regression, a row for each label with its bias last, by Newton's method."""
    inputs = np.hstack([vectors, np.ones((len(vectors), 1))])
    size, labels = inputs.shape[1], len(LABELS)
    penalty = np.append(np.full(size - 1, L2), 1e-3)  # a bias is not to be small
    found = np.zeros((labels, size))
    for _ in range(STEPS):
        probabilities = softmax(inputs @ found.T)
        gradient = (weight[:, None] * (probabilities - np.eye(labels)[targets])).T @ inputs + penalty * found
        hessian = np.diag(np.tile(penalty, labels))
        for row in range(labels):
            for column in range(labels):
                curve = weight * probabilities[:, row] * ((row == column) - probabilities[:, column])
                block = np.s_[row * size : (row + 1) * size, column * size : (column + 1) * size]
                hessian[block] += (inputs * curve[:, None]).T @ inputs
        step = np.linalg.solve(hessian, gradient.ravel()).reshape(labels, size)
        found -= step
        if np.abs(step).max() < 1e-6:
            break
    return found


def logits_of(coefficients: Array, vectors: Array) -> Array:
    """Return the logits of each text."""
    return vectors @ coefficients[:, :-1].T + coefficients[:, -1]


def cross_validate(texts: list[Text], vectors: Array, weight: Array) -> tuple[float, Array]:
    """Return the best scale, and the logits of each text by a head that has not seen it."""
    fold = np.random.default_rng(SEED).integers(0, FOLDS, len(texts))
    targets, logits = classes(texts), np.zeros((len(texts), len(LABELS)))
    for held in range(FOLDS):
        learned = fold != held
        logits[~learned] = logits_of(fit(vectors[learned], targets[learned], weight[learned]), vectors[~learned])
    polar = np.array([abs(text.rating) >= CLEAR for text in texts])
    errors = [calibration_error(softmax(scale * logits[polar]), targets[polar]) for scale in SCALES]
    return float(SCALES[int(np.argmin(errors))]), logits


def calibration_error(probabilities: Array, targets: Array) -> float:
    """Return the expected calibration error (C. Guo et al., ICML 2017)."""
    score, is_right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    place = np.minimum((score * BINS).astype(int), BINS - 1)
    gaps = [abs((score[place == index] - is_right[place == index]).sum()) for index in range(BINS)]
    return float(sum(gaps)) / len(targets)


def report(name: str, texts: list[Text], logits: Array) -> None:
    """Print, for each domain, the share of clearly polar texts and of neutral ones that are right."""
    found, targets = logits.argmax(axis=1), classes(texts)
    for domain in (*DOMAINS, "extra"):
        of = np.array([text.domain == domain for text in texts])
        polar = of & np.array([abs(text.rating) >= CLEAR for text in texts])
        shares = [(found[of_kind] == targets[of_kind]).mean() for of_kind in (polar, of & (targets == 1))]
        print(f"{name:14}{domain:24} polar {shares[0]:.3f}  neutral {shares[1]:.3f}")


def train(name: str, texts: list[Text], vectors: Array) -> dict[str, Any]:
    """Return a head."""
    weight = weights(texts, EXTRA_WEIGHTS[name])
    scale, logits = cross_validate(texts, vectors, weight)
    report(name, texts, logits)
    coefficients = fit(vectors, classes(texts), weight).round(DIGITS)
    return {
        "weights": coefficients[:, :-1].tolist(),
        "biases": coefficients[:, -1].tolist(),
        "scale": round(scale, DIGITS),
    }


def main(source: Path) -> None:
    """Write the heads."""
    texts = [*rated_texts(source), *extra_texts()]
    encoder = Models().get(SentenceVectors)
    spelled = [spell_emoji(text.text) for text in texts]
    multilingual = np.array([encoder.multilingual(text)[0] for text in spelled], float)
    is_english = np.array([text.language == "en" for text in texts])
    english = np.array([encoder.english(spelled[index])[0] for index in np.flatnonzero(is_english)], float)
    heads = {
        "english": train("english", [text for text in texts if text.language == "en"], english),
        "multilingual": train("multilingual", texts, multilingual),
    }
    trained_from = {
        PACKAGE: PACKAGE_SHA256,
        **{file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (EXTRA, HELD_OUT, DEV)},
        **{Path(file.path).name: file.sha256 for file in (BGE_MODEL, USE_WEIGHTS)},
    }
    HEADS.write_text(json.dumps({"trained_from": trained_from, "heads": heads}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else download())
