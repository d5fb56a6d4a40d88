"""A JSON Schema in the narrower form that strict mode takes; answers are still held to the whole.

Strict mode wants every property required, no further ones, and knows few keywords. Taking a
keyword away only widens what may be answered, and the answer is checked against the full schema.
"""

from quartet.contracts.base import Fields, Json

_KEPT = frozenset(
    {"type", "enum", "const", "anyOf", "$ref", "description", "pattern", "format"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minItems", "maxItems"}
)
_ANNOTATIONS = frozenset(
    {"title", "default", "examples", "minLength", "maxLength", "uniqueItems", "$schema", "$id"}
    | {"discriminator", "contentEncoding", "contentMediaType"}
)
_FREE: Fields = {}


class NotStrict(Exception):
    """The schema has a part that strict mode cannot express."""


def strict_form(schema: Fields) -> tuple[Fields, bool]:
    """Return the schema for strict mode and True; as it was and False where it has no such form."""
    try:
        return _object(schema), True
    except NotStrict:
        return schema, False


def _object(schema: Fields) -> Fields:
    narrowed = _narrow(schema)
    if not isinstance(narrowed, dict) or narrowed.get("type") != "object":
        raise NotStrict
    return narrowed


def _narrow(schema: Json) -> Json:
    if not isinstance(schema, dict) or schema == _FREE:
        raise NotStrict
    out: Fields = {}
    for keyword, value in schema.items():
        if keyword in ("properties", "$defs") and isinstance(value, dict):
            out[keyword] = {name: _narrow(part) for name, part in value.items()}
        elif keyword == "items":
            out[keyword] = _narrow(value)
        elif keyword in ("anyOf", "oneOf") and isinstance(value, list):
            out["anyOf"] = [_narrow(part) for part in value]
        elif keyword in _KEPT:
            out[keyword] = value
        elif keyword not in (*_ANNOTATIONS, "required", "additionalProperties"):
            raise NotStrict
    return _closed(out, schema) if schema.get("type") == "object" else out


def _closed(out: Fields, schema: Fields) -> Fields:
    properties = out.get("properties")
    if schema.get("additionalProperties") is not False or not isinstance(properties, dict):
        raise NotStrict
    return {**out, "required": list(properties), "additionalProperties": False}
