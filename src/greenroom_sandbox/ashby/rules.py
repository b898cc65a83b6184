"""The rules for a partner's replies to Ashby, by name."""

from __future__ import annotations

_LIST = "Ashby, assessment.list"
_START = "Ashby, assessment.start"
_CANCEL = "Ashby, assessment.cancel"
_FIELDS = "Ashby, customFields.fetch"
_OBJECT = "The reply is an object."
_SUCCESS = "success is a boolean."

#: name → the rule as a sentence, and its source
RULES: dict[str, tuple[str, str]] = {
    "assessment.list.object": (_OBJECT, _LIST),
    "assessment.list.success": (_SUCCESS, _LIST),
    "assessment.list.error": ("With success false comes an errorInfo with code and message.", _LIST),
    "assessment.list.results": ("results is an array of assessment types.", _LIST),
    "assessment.list.assessment_type_id": ("Every type has an assessment_type_id, a UUID.", _LIST),
    "assessment.list.name": ("Every type has a name, a string that is not empty.", _LIST),
    "assessment.list.description": ("description, when there is one, is a string.", _LIST),
    "assessment.start.object": (_OBJECT, _START),
    "assessment.start.success": (_SUCCESS, _START),
    "assessment.start.error": ("With success false comes an errorInfo with code and message.", _START),
    "assessment.start.results": ("results is an object.", _START),
    "assessment.start.assessment_id": ("results has an assessment_id, a UUID that no other assessment has.", _START),
    "assessment.start.update_request": ("update_request, when there is one, is an assessment.update.", _START),
    "assessment.start.message": ("With status 422 comes a message for the user.", _START),
    "assessment.cancel.object": (_OBJECT, _CANCEL),
    "assessment.cancel.success": (_SUCCESS, _CANCEL),
    "assessment.cancel.error": ("With success false comes an errorInfo with code and message.", _CANCEL),
    "assessment.cancel.results": ("results is an object.", _CANCEL),
    "assessment.cancel.assessment_id": ("results has the assessment_id of the call.", _CANCEL),
    "assessment.cancel.update_request": ("update_request, when there is one, is an assessment.update.", _CANCEL),
    **{
        f"{call}.{rule}": (says, _FIELDS)
        for call in ("customFields.fetch", "customField.list")
        for rule, says in {
            "object": _OBJECT,
            "success": _SUCCESS,
            "error": "With success false comes an errorInfo with code and message.",
            "fields": "fields (not results) is an array of fields.",
            "id": "Every field has an id, which no other field has.",
            "name": "Every field has a name.",
            "type": "type is one of Ashby's 15 types of fields.",
            "possible_values": "A select has possible_values, each with a key and a value.",
            "isRequired": "isRequired, when there is one, is a boolean.",
        }.items()
    },
}
