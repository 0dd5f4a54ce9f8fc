"""The words by which upstreams name their errors: codes, types and phrases."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORDS_BY_STATUS: dict[int, str] = {
    400: "bad_request bad_request_error context_length_exceeded failed_precondition invalid_argument invalid_prompt "
    "invalid_request invalid_request_error invalid_type invalid_value missing_required_parameter out_of_range "
    "string_above_max_length unknown_parameter unsupported_parameter unsupported_value validation_error "
    "validation_exception",
    401: "authentication_error incorrect_api_key_provided invalid_api_key invalid_authentication "
    "invalid_authentication_error unauthenticated unauthorized unauthorized_error",
    403: "access_denied access_denied_exception account_deactivated forbidden permission_denied "
    "permission_denied_error permission_error",
    404: "not_found not_found_error resource_not_found resource_not_found_exception",
    413: "payload_too_large request_too_large request_entity_too_large",
    # text-generation-inference's own are in router/src/server.rs
    422: "template_error tool_error unprocessable_entity unprocessable_entity_error validation",
    424: "generation",
    429: "engine_overloaded engine_overloaded_error overloaded rate_limit rate_limit_error rate_limit_exceeded "
    "rate_limit_exceeded_error rate_limit_reached rate_limit_reached_error rate_limited resource_exhausted throttled "
    "throttling throttling_exception too_many_requests too_many_requests_error",
    500: "api_error internal internal_error internal_server_error server_error",
    501: "not_implemented not_implemented_error unimplemented",
    503: "service_unavailable service_unavailable_error service_unavailable_exception unavailable",
    504: "deadline_exceeded gateway_timeout timeout timeout_error",
    529: "overloaded_error service_overloaded",
}

# llama.cpp has a number as `code`; clients look for OpenAI's
CODE_BY_TYPE: dict[str | None, str] = {"exceed_context_size_error": "context_length_exceeded"}

MODEL_NOT_FOUND_WORDS = _words(
    "deployment_not_found invalid_model model_not_found model_not_found_error model_not_supported"
)
MODEL_NOT_FOUND_TEXT = re.compile(
    r"model not supported|not supported by (any )?provider|model .{0,200}does not exist|endpoint is paused"
    r"|deprecated and no longer supported|model .{0,200}not found",
    re.IGNORECASE,
)

QUOTA_WORDS = _words(
    "account_overdue account_overdue_error allocation_quota_free_tier_only arrearage billing_error "
    "billing_hard_limit_reached billing_not_active credits_exhausted exceeded_current_quota "
    "exceeded_current_quota_error insufficient_account_balance insufficient_balance insufficient_credit "
    "insufficient_credits insufficient_funds insufficient_quota insufficient_quota_error insufficient_user_quota "
    "out_of_credits payment_required payment_required_error quota_exceeded quota_exhausted quota_not_enough "
    "spending_limit_reached token_quota_exhausted"
)
QUOTA_TEXT = re.compile(
    r"exceeded (your|the) (current|monthly) quota|insufficient (quota|balance|credits?|funds)"
    r"|credit balance is too low|(used|exhausted|exceeded|depleted|spent) .{0,40}\b(included|available|monthly) credits"
    r"|(out of|no|not enough|add|purchase|requires?) (more )?credits|billing (hard )?limit|payment required"
    r"|spending (limit|cap)|quota (has been |is )?exhausted|in arrears|overdue"
    r"|free (daily )?(allocated quota|allocation)",
    re.IGNORECASE,
)
# the phrase of a 400, whose text may quote the client's input
LOW_BALANCE_TEXT = re.compile(r"^.{0,40}credit balance is too low", re.IGNORECASE)

MODERATION_WORDS = _words(
    "content_filter content_filtered content_moderation content_policy content_policy_violation data_inspection_failed "
    "flagged_input harmful_content image_content_policy_violation input_moderation moderation moderation_blocked "
    "moderation_error policy_violation prohibited_content responsible_aipolicy_violation "
    "responsible_ai_policy_violation safety sensitive_content sensitive_content_detected unsafe_content"
)
MODERATION_TEXT = re.compile(
    r"moderation|content[ _-](policy|filter|management)|responsible ai|safety (system|polic|filter|guideline)"
    r"|\b(input|prompt|content|message|text)\b.{0,80}\b(flagged|blocked|filtered|violates?)"
    r"|usage guidelines|(inappropriate|sensitive|harmful|unsafe) (content|information)",
    re.IGNORECASE,
)

STATUS_BY_WORD: dict[str, int] = {
    **{word: status for status, words in _WORDS_BY_STATUS.items() for word in words.split()},
    **dict.fromkeys(QUOTA_WORDS, 402),
    **dict.fromkeys(MODEL_NOT_FOUND_WORDS, 404),
    **dict.fromkeys(MODERATION_WORDS, 400),
}
