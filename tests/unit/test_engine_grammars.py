"""Grammars and JSON schemas that would block the engine are refused; those of ordinary clients are not."""

import pytest

from app.backends.engine.grammars import require_bounded_grammar, require_bounded_schema
from app.errors import UpstreamRejected

TEXT = {"type": "string"}


def doubling(levels, leaf):
    rules = "".join(f"x{level} ::= x{level + 1} x{level + 1}\n" for level in range(levels))
    return f"root ::= x0\n{rules}x{levels} ::= {leaf}\n"


def nested(levels, wrap, schema=None):
    schema = schema or TEXT
    for _ in range(levels):
        schema = wrap(schema)
    return schema


def references(levels, combine):
    definitions = {f"x{level}": {combine: [{"$ref": f"#/$defs/x{level + 1}"}] * 2} for level in range(levels)}
    return {"$ref": "#/$defs/x0", "$defs": {**definitions, f"x{levels}": TEXT}}


@pytest.mark.parametrize(
    "grammar",
    [
        'root ::= "yes" | "no"',
        "root ::= [a-z]{1,20} # letters (a{999})",
        doubling(3, '"a" | ""'),
        'root ::= item ("," item)*\nitem ::= "(((((" [0-9]+',
        "",
    ],
)
def test_a_small_grammar_is_accepted(grammar):
    require_bounded_grammar(grammar)


@pytest.mark.parametrize(
    "grammar",
    [
        doubling(8, '"a" | ""'),
        doubling(40, '"a"'),
        'root ::= root "a" | "b"',
        'root ::= a\na ::= b\nb ::= a "x"',
        'root ::= (("a"?){60}){60}',
        'root ::= x{60}\nx ::= y{60}\ny ::= "a"?',
        "root ::= [a-z]{0,1999}",
        "root ::= " + '"a"? ' * 200,
        "\n".join(f"x{n} ::= x{n + 1}" for n in range(300)),
        "a" * 40_000,
        5,
        None,
    ],
)
def test_a_grammar_that_could_block_the_engine_is_refused(grammar):
    with pytest.raises(UpstreamRejected):
        require_bounded_grammar(grammar)


@pytest.mark.parametrize(
    "schema",
    [
        TEXT,
        True,
        {"type": "object", "properties": {f"p{n}": TEXT for n in range(200)}},
        {"type": "string", "pattern": r"^(\([0-9]{3}\))?[0-9]{3}-[0-9]{4}$"},
        {"type": "string", "pattern": r"^[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}$"},
        {"type": "string", "pattern": ")"},
        {"$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"},
        {"anyOf": [{"$ref": "#"}, TEXT]},
        {"$ref": "#/nowhere/else"},
        {"enum": [f"value {n}" for n in range(100)]},
        references(4, "anyOf"),
    ],
)
def test_an_ordinary_schema_is_accepted(schema):
    require_bounded_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        references(30, "anyOf"),
        references(9, "anyOf"),
        nested(40, lambda inner: {"type": "array", "items": inner}),
        nested(2000, lambda inner: {"type": "array", "items": inner}),
        nested(9, lambda inner: {"anyOf": [inner, inner]}),
        {"enum": list(range(20_000))},
        {"enum": [["a"]] * 600},
        {"type": "object", "properties": {f"p{n}": TEXT for n in range(600)}},
        {"type": "string", "pattern": "^((a?){50}){50}$"},
        {"type": "string", "pattern": "a?" * 200},
        {"type": "string", "pattern": "(" * 100},
        {"maximum": 10**40},
    ],
)
def test_a_schema_that_could_block_the_engine_is_refused(schema):
    with pytest.raises(UpstreamRejected):
        require_bounded_schema(schema)
