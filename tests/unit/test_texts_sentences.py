"""Where the sentences of a text begin and end, in several languages and kinds of text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.texts.sentences import segments, sentence_spans

# a "|" stands between sentences; written before the first run
TEXTS = [
    (
        "en",
        'Dr. Smith (b. 1950) left at 5 p.m. on Monday.| He said: "I will."| Then he left...| Or did he?| Yes!| Wow.',
    ),
    ("en", "I paid $5.99.| It's ok.|It broke."),
    ("en", "Great!!! 😀| Love it 😍"),
    ("en", "Great. 😀"),
    ("en", "It works.😀"),
    ("en", "No way!! :)| Ok :D bye."),
    ("ru", "Т. е. далеко.| Проф. Иванов живёт на ул. Ленина."),
    (
        "en",
        "Title of the text\n\n|It begins here.| It goes on, as mail programs do, in a line\nof its own.| The end.",
    ),
    ("en", "Good sound\n|Weak battery\n|fair price"),
    ("en", "- the oven does not heat\n|- the tap drips"),
    ("en", "1. Open the box.\n|2. Take out the lamp."),
    ("en", "Item\tPrice\n|Tea\t3"),
    ("en", "The committee met in the old town hall and talked about the\nEiffel Tower.| Then it left."),
    ("de", "Am 3. Februar kam Dr. Müller z. B. zu spät.| Er sagte: „Ich komme.“| Dann ging er."),
    ("fr", "M. Dupont est venu le 3 févr.| Il a dit : « Je viens. »| Puis il est parti."),
    ("es", "¿Qué tal?| ¡Muy bien!| El Sr. Pérez vino."),
    ("pt", "O Sr. Silva veio.| Foi bom."),
    ("zh", "我很喜欢。|但是太贵了！|“真的吗？”他问。|是的"),
    ("ja", "とても良い。|しかし高い！|「本当？」と聞いた。|はい"),
    ("hi", "यह अच्छा है।| लेकिन महंगा है!| डॉ. शर्मा आए।| क्या?"),
    ("ar", "هذا جيد.| لكنه غالي!| هل هو جيد؟| نعم، د. أحمد قال ذلك."),
    ("xx", "No such language.| Still two."),
    (None, "Two.| Sentences."),
    (None, "   \n "),
    (None, ""),
]


@pytest.mark.parametrize(("language", "marked"), TEXTS)
def test_a_text_has_these_sentences(language: str | None, marked: str) -> None:
    text = marked.replace("|", "")
    expected = [part.strip() for part in marked.split("|") if part.strip()]
    assert [text[start:end] for start, end in sentence_spans(text, language)] == expected


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["Ann ", "came. ", "M. ", "”", "？", "他问", "\n", "\n\n", "😀 ", "1. ", "\t", "x" * 70]),
        max_size=30,
    )
)
def test_segments_together_are_the_text(parts: list[str]) -> None:
    text = "".join(parts)
    assert "".join(segments(text, "en")) == text


def test_long_text_without_full_stops_is_cut() -> None:
    assert [end - start for start, end in sentence_spans("x" * 2500)] == [2000, 500]
