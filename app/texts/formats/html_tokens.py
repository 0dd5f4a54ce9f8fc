"""Splits HTML into tags and the text between them, with their offsets, in linear time.

It follows the tokenizer of the HTML standard (https://html.spec.whatwg.org/multipage/parsing.html#tokenization), except
that a tag without its `>` is text. The parsers of lxml and selectolax keep no offsets. html.parser keeps lines and
columns, takes quadratic time for unclosed comments before Python 3.13.6 (CVE-2025-6069), and raises for `<![x[`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

# elements whose content holds no tags
_RAW = frozenset({"script", "style", "textarea", "title", "iframe", "noembed", "noframes", "xmp", "noscript"})

# the elements of HTML 4 and 5; tags of other names in a text of no certain format are text, such as <stdio.h>
_ELEMENTS_WORDS = (
    "a abbr acronym address area article aside audio b base bdi bdo big blockquote body br button canvas caption "
    "center cite code col colgroup data dd del details dfn dialog dir div dl dt em embed fieldset figcaption "
    "figure font footer form h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins kbd label legend li "
    "link main map mark menu meta meter nav noscript object ol optgroup option p param picture pre progress q rp "
    "rt ruby s samp script section select small source span strike strong style sub summary sup svg table tbody "
    "td template textarea tfoot th thead time title tr track tt u ul var video wbr"
)
ELEMENTS = frozenset(_ELEMENTS_WORDS.split())

# each alternative ends at the end of the source if nothing ends it before, so that no part is read twice
_MARKUP = re.compile(
    r"""<(?:
      (?P<slash>/)?(?P<name>[a-zA-Z][^\s/>]*)
      (?P<attributes>(?:=\s*"[^"]*+(?:"|\Z)|=\s*'[^']*+(?:'|\Z)|=|[^>=]+)*+)(?:>|\Z)
      |!--(?:-?>|.*?(?:--!?>|\Z))
      |!\[CDATA\[.*?(?:\]\]>|\Z)
      |[!?/][^>]*(?:>|\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""([^\s/>="']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?""")


@dataclass(slots=True)
class Token:
    """A tag, or a comment, whose name is empty; `end` is the offset behind it."""

    name: str
    start: int
    end: int
    closes: bool = False
    written: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes by their names in lower case; the first of equal names."""
        found: dict[str, str] = {}
        for name, *values in _ATTRIBUTE.findall(self.written):
            found.setdefault(name.lower(), unescape("".join(values)))
        return found


def tokens(source: str) -> Iterator[Token]:
    """Yield the tags and comments of HTML in order. The content of scripts and the like belongs to their first tag."""
    position = 0
    while match := _MARKUP.search(source, position):
        name = (match["name"] or "").lower()
        if name and not match[0].endswith(">"):
            return
        token = Token(name, match.start(), match.end(), match["slash"] is not None, match["attributes"] or "")
        position = token.end
        if name in _RAW and not token.closes:
            position = token.end = _end_of_raw(source, name, position)
        yield token


def _end_of_raw(source: str, name: str, position: int) -> int:
    end = re.compile(rf"</{name}(?=[\s/>])[^>]*>", re.IGNORECASE).search(source, position)
    return end.end() if end else len(source)
