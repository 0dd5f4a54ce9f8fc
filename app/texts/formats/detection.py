"""Finds out the format of a text. Where signs are few, a text is plain, and stays as it is."""

import re
from typing import Literal

from app.texts.formats.chat import is_chat
from app.texts.formats.html_tokens import ELEMENTS
from app.texts.formats.lines import lines_of
from app.texts.formats.mail_marks import has_headers, has_mail_marks
from app.texts.formats.markdown import DELIMITER_ROW, GRID_ROW, GRID_RULE
from app.texts.formats.subtitles import is_subtitles

Format = Literal["plain", "html", "markdown", "email", "chat", "subtitles"]

# signs are looked for in this part of a text
_WINDOW_CHARS = 20_000
# a text without one of these is plain
_ANY_SIGN = re.compile(r"[<&\n]|\]\(|\*\*|^\W{0,3}\d{1,2}[:./]\d\d")

# a line of a program; in one of these, signs such as `#` and `<b>` have another meaning
_CODE_LINE = re.compile(
    r"\s*(?:(?:def|class|function|func|fn|public|private|static|const|let|var|struct|impl) \w|import [\w.{*]|#include\b"
    r"|from [\w.]+ import |package [\w.]+;?$|return\b.{0,80}$|(?:if|for|while|elif|else if|switch)\b.{0,100}[:{]$"
    r"|(?:else|try|finally)\b:? ?\{?$|[\w.\[\]\"']{1,60} (?:[-+*/|:]?=) .{0,200}$|[\w.]{1,60}\(.{0,200}\);?$"
    r"|[^<>]{0,200}[;{]$|[})\]]+[;,]?$|//|/\*|\*/)"
)
_MIN_CODE_LINES, _MIN_CODE_SHARE = 2, 0.3

_DOCUMENT = re.compile(r"\s*(?:<!doctype\s+html|<html[\s>])", re.IGNORECASE)
_TAG = re.compile(
    r"(?P<before>.?)<(?P<slash>/?)(?P<name>[a-zA-Z][a-zA-Z0-9]{0,15})(?:\s[^<>]{0,2000})?/?>(?=(?P<after>.?))",
    re.DOTALL,
)
# a tag in prose is a mention if these stand on both sides
_MENTION = frozenset(" `'\"()[],“”„«»")
_BREAKS, _BLOCKS = frozenset(("br", "hr")), frozenset(("p", "div", "li", "td", "tr", "h1", "h2", "h3"))
_REFERENCE = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|[lr][sd]quo|hellip|[nm]dash|euro|pound|copy|reg|trade|bull|middot|szlig|"
    r"[aeiouAEIOU](?:acute|grave|circ|uml|tilde)|[nN]tilde|[cC]cedil|#[0-9]{2,6}|#[xX][0-9a-fA-F]{2,5});"
)

_STRONG_MARKDOWN = re.compile(
    r"\]\(<?(?:https?://|mailto:|\.{0,2}/|#)[^\n()]{1,1000}\)"
    r"|^ {0,3}\[[^\[\]\n]{1,100}\]: +<?https?://"
    r"|^ {0,3}(?P<fence>```|~~~)[\w+-]*[ \t]*\r?\n(?s:.{0,5000}?)\n {0,3}(?P=fence)[ \t]*$"
    r"|(?<![A-Za-z0-9_*])\*\*(?=[^\s*])[^*\n]{1,300}(?<=[^\s*])\*\*(?![A-Za-z0-9_*])",
    re.MULTILINE,
)
_MARKDOWN_SIGNS = ("](", "]:", "**", "```", "~~~")
_HEADING = re.compile(r"(?:\A|^[ \t]*\r?\n)# +\S.*", re.MULTILINE)
_LOWER_HEADING = re.compile(r"^#{2,6} +\S", re.MULTILINE)
_TITLE = re.compile(r"\s*#{1,6} +\S.*[^.\s][ \t]*\r?\n[ \t]*\r?\n\s*\S")
_WEAK_MARKDOWN = (
    re.compile(r"^ {0,3}[-*+] +\S.*\r?\n(?:\s*\r?\n)?(?: {2,}.*\r?\n)*[ ]{0,3}[-*+] +\S", re.MULTILINE),
    re.compile(r"^ {0,3}\d{1,3}[.)] +\S.*\r?\n", re.MULTILINE),
    re.compile(r"(?<!`)`[^`\n]{1,100}`(?!`)"),
    re.compile(r"^\S.*\r?\n(?:={4,}|-{4,})[ \t]*$", re.MULTILINE),
    re.compile(r"(?<![\w*])\*(?=[^\s*])[^*\n]{1,200}(?<=[^\s*])\*(?![\w*])"),
)


def detect_format(text: str) -> Format:
    """Return the format of a text."""
    if not _ANY_SIGN.search(text):
        return "plain"
    head = text[:_WINDOW_CHARS]
    if _DOCUMENT.match(head):
        return "html"
    if has_headers(head):
        return "email"
    if is_subtitles(head):
        return "subtitles"
    if is_chat(head):
        return "chat"
    if _is_code(head):
        return "plain"
    if _is_markdown(head):
        return "markdown"
    if _is_html(head):
        return "html"
    return "email" if has_mail_marks(text) else "plain"


def _is_code(head: str) -> bool:
    if "```" in head or "](http" in head:  # a page about a program
        return False
    lines = [line for line in head.splitlines() if not (line.isspace() or not line)]
    found = sum(_CODE_LINE.match(line) is not None for line in lines)
    return found >= _MIN_CODE_LINES and found >= _MIN_CODE_SHARE * len(lines)


def _is_html(head: str) -> bool:
    if "<" in head:
        opened: list[str] = []
        for match in _TAG.finditer(head):
            name = match["name"].lower()
            if name not in ELEMENTS or {match["before"], match["after"]} <= _MENTION:
                continue
            if name in _BREAKS or (match["slash"] and name in opened):
                return True
            if not match["slash"]:
                opened.append(name)
        if sum(name in _BLOCKS for name in opened) > 1:
            return True
    return _REFERENCE.search(head) is not None


def _is_markdown(head: str) -> bool:
    if any(sign in head for sign in _MARKDOWN_SIGNS) and _STRONG_MARKDOWN.search(head):
        return True
    if _has_table(head):
        return True
    if "# " not in head:
        return False
    headings = len(_HEADING.findall(head)) + len(_LOWER_HEADING.findall(head))
    if headings == 1 and any(pattern.search(head) for pattern in _WEAK_MARKDOWN):
        return True
    return headings > 1 or _TITLE.match(head) is not None


def _has_table(head: str) -> bool:
    if "|" not in head and "│" not in head:
        return False
    previous = ""
    for line in lines_of(head):
        if GRID_ROW.match(line.text) and GRID_RULE.match(previous):
            return True
        if "|" in line.text and "|" in previous and "--" in line.text and DELIMITER_ROW.match(line.text):
            return True
        previous = line.text
    return False
