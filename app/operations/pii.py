"""POST /v1/text/pii: finds personal data, by rules in the service itself and by a model for names and addresses."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.text_types import EntitiesRequest, Entity
from app.context.call_context import CallContext
from app.fairness import CoopBudget
from app.openapi.route_doc import Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.text_operation import register_text, text_responses
from app.pii.detector import find_personal_data
from app.pii.findings import Finding
from app.pii.kinds import MODEL_KINDS, RULE_KINDS
from app.schemas.pii import PiiRequestSchema, PiiResultSchema
from app.texts.document import Document
from app.texts.entities import combined
from app.texts.offsets import converted

SCORE_DIGITS = 4
RULES = "rules"

_DOC = RouteDoc(
    tag="Text",
    summary="Find personal data",
    description="Rules find addresses of mail and hosts, phone numbers, accounts, cards, national identifiers of 42 "
    "countries, secrets and more, without a backend: checksums and numbering plans keep other numbers out. `name` and "
    "`address` in `types` are looked for by a model. `searched` lists the kinds that were looked for, and by what.",
    responses=text_responses(PiiResultSchema),
    examples={
        "mail": Example(
            request={"text": "Write to ada@example.com or call +44 20 7946 0958.", "types": ["email", "phone"]},
            response={
                "entities": [
                    {
                        "type": "email",
                        "source": "rule",
                        "checked": False,
                        "start": 9,
                        "end": 24,
                        "text": "ada@example.com",
                    },
                    {
                        "type": "phone",
                        "source": "rule",
                        "checked": True,
                        "start": 33,
                        "end": 49,
                        "text": "+44 20 7946 0958",
                    },
                ],
                "searched": [{"type": "email", "source": "rules"}, {"type": "phone", "source": "rules"}],
            },
        )
    },
)


@dataclass(frozen=True)
class PersonalData:
    """The findings in a text as it was sent, in order, and for each kind what looked for it."""

    findings: list[Finding | Entity]
    searched: list[dict[str, str]]


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("pii", __name__)
    find = finder(endpoint)

    def handle(context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        found = find(context, document, options)
        listed = places(document.source, found.findings, options["offset_unit"])
        texts = (document.source[finding.start : finding.end] for finding in found.findings)
        entities = [{**entry, "text": text} for entry, text in zip(listed, texts, strict=True)]
        return {"entities": entities, "searched": found.searched}

    register_text(endpoint, routes, "/v1/text/pii", PiiRequestSchema(endpoint.config), handle, _DOC)
    return routes


def finder(endpoint: OperationEndpoint) -> Callable[[CallContext, Document, Mapping[str, Any]], PersonalData]:
    """Return the function that finds the kinds of a request's options in a document."""

    def find(context: CallContext, document: Document, options: Mapping[str, Any]) -> PersonalData:
        types = options["types"]
        pause = CoopBudget().yield_if_due
        rules = [kind for kind in RULE_KINDS if kind in types]
        findings: list[Finding | Entity] = [*find_personal_data(document.source, rules, options["countries"], pause)]
        searched = [{"type": kind, "source": RULES} for kind in rules]
        if wanted := [kind for kind in MODEL_KINDS if kind in types]:
            request = EntitiesRequest(document.text, wanted, document.language)
            result = endpoint.inference.run(context, Backend.pii, request, options.get("model"))
            searched += [{"type": kind, "source": result.source} for kind in wanted]
            findings = _with_entities(document, findings, [one for one in result.entities if one.type in wanted])
        return PersonalData(findings, searched)

    return find


def _with_entities(
    document: Document, findings: list[Finding | Entity], entities: Iterable[Entity]
) -> list[Finding | Entity]:
    """Add what a model found, in the text as it was sent; rules win where findings overlap."""
    spans = [(entity, document.source_span(entity.start, entity.end)) for entity in entities]
    placed = [Entity(entity.type, start, end, entity.score) for entity, (start, end) in spans]
    by_rules = {(finding.start, finding.end): finding for finding in findings}
    taken = [Entity("", finding.start, finding.end) for finding in findings]
    return [by_rules.get((entity.start, entity.end), entity) for entity in combined(taken, placed)]


def places(source: str, findings: Iterable[Finding | Entity], unit: str) -> list[dict[str, Any]]:
    """Return each finding with its place in the unit that the client asks for."""
    found = list(findings)
    offsets = converted(source, (offset for one in found for offset in (one.start, one.end)), unit)
    return [{**_described(one), "start": offsets[one.start], "end": offsets[one.end]} for one in found]


def _described(finding: Finding | Entity) -> dict[str, Any]:
    if isinstance(finding, Entity):
        score = {} if finding.score is None else {"score": round(finding.score, SCORE_DIGITS)}
        return {"type": finding.type, "source": "model", **score}
    facts = {"country": finding.country, "name": finding.name}
    known = {name: value for name, value in facts.items() if value is not None}
    return {"type": finding.kind, "source": "rule", "checked": finding.checked, **known}
