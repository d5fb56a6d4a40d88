"""Which tests are attacks, by name: codes, what is tried, which layer has to stop it.

A benign case beside them has no codes. Documents that give orders are counted one by one by
tests/runtime/test_injections.py itself.
"""

from typing import NamedTuple


class Kind(NamedTuple):
    """What one test tries."""

    codes: tuple[str, ...]
    attack: str
    layer: str


BENIGN = "goes through"
EVENT = "signature of the event"
CHAIN = "signed chain"
TOKEN = "transaction token"
ATTACKS: dict[str, Kind] = {
    "test_no_other_token_makes_a_process_the_coordinator": Kind(
        ("V1", "ASI03"), "a process claims `coordinator` at Sentry", "JWKS validator"
    ),
    "test_a_token_for_another_audience_is_refused": Kind(
        ("V1", "ASI03"), "a token for another audience", "JWKS validator"
    ),
    "test_nobody_talks_sentry_into_a_weaker_validator": Kind(
        ("V1", "ASI03"), "Sentry is asked for its insecure validator", "JWKS validator"
    ),
    "test_an_app_s_token_does_not_make_it_placement": Kind(
        ("V1", "ASI03"), "an app claims `dapr-placement`", "JWKS validator"
    ),
    "test_the_right_token_gets_the_identity_it_names_for_an_hour": Kind(
        (), "the right token gets its identity", BENIGN
    ),
    "test_no_spelling_of_a_path_brings_the_critic_to_commit": Kind(
        ("V2", "ASI07"), "the critic spells a path of the coordinator", "access control, router"
    ),
    "test_nobody_else_reaches_a_verb_under_his_own_name_or_another": Kind(
        ("V2", "ASI07"), "a verb called by who may not, under any name", "access control"
    ),
    "test_a_forged_caller_header_lends_nobody_a_name": Kind(
        ("V3", "ASI07"), "a forged caller header", TOKEN
    ),
    "test_an_app_port_answers_nobody_without_the_app_s_token": Kind(
        ("V4", "ASI07"), "direct HTTP to an app's port", "app token"
    ),
    "test_a_sidecar_answers_nobody_without_its_token": Kind(
        ("V4", "ASI07"), "direct HTTP to a sidecar", "API token"
    ),
    "test_a_sidecar_s_grpc_port_answers_nobody_without_its_token": Kind(
        ("V4", "ASI07"), "direct gRPC to a sidecar", "API token"
    ),
    "test_a_forged_event_on_the_broker_is_buried_and_on_record": Kind(
        ("V5", "ASI07"), "an event forged on the broker", EVENT
    ),
    "test_the_critic_s_own_event_with_a_verdict_that_it_did_not_sign_is_buried": Kind(
        ("V5", "ASI07"), "a signed event around a verdict nobody signed", CHAIN
    ),
    "test_a_forged_end_of_a_task_is_not_told_to_clients": Kind(
        ("V5", "ASI07"), "a forged end of a task", EVENT
    ),
    "test_a_genuine_event_that_is_replayed_changes_nothing": Kind(
        ("V5", "ASI07"), "a genuine event replayed", "the record decides"
    ),
    "test_rows_of_the_audit_changed_in_the_database_are_found_and_named": Kind(
        ("V6", "T8"), "audit rows edited, removed, reordered, invented", "signed checkpoints"
    ),
    "test_a_task_store_that_is_rolled_back_is_noticed_within_a_minute": Kind(
        ("V6", "T8"), "the task store rolled back", "checkpoints outside"
    ),
    "test_a_ledger_that_is_rolled_back_is_noticed_within_a_minute_and_nothing_is_signed": Kind(
        ("V6", "T8"), "the ledger rolled back", "consistency proof"
    ),
    "test_a_run_whose_history_was_edited_ends_and_its_task_is_still_paid_once": Kind(
        ("V7", "T8"), "workflow history edited in Redis", "history signing"
    ),
    "test_two_people_are_two_the_first_is_not_the_second_and_the_requester_is_neither": Kind(
        ("V8", "ASI09"), "one person as two, the requester as approver", "approval rules"
    ),
    "test_who_submits_anonymously_decides_nothing_of_the_task_and_somebody_else_does": Kind(
        ("V8", "ASI09"), "who asked anonymously as approver", "approval rules"
    ),
    "test_a_document_that_somebody_else_uploaded_is_not_read_for_a_task_of_another_one": Kind(
        ("V20", "LLM02"), "another task's document named to the reader", "signed plan"
    ),
    "test_an_amount_due_that_its_order_does_not_explain_waits_for_a_person": Kind(
        ("V10", "ASI02"), "an amount due made up of rounding, prepayment, VAT", "order and receipt"
    ),
    "test_the_same_invoice_as_it_was_is_paid_without_a_person": Kind(
        (), "the same invoice with its own amount due", BENIGN
    ),
    "test_what_nobody_decides_in_time_expires_and_the_task_completes": Kind(
        ("V8", "ASI09"), "an approval past its time", "approval rules"
    ),
    "test_an_approval_is_used_once": Kind(
        ("V8", "ASI09"), "an approval used twice", "one transaction with the effect"
    ),
    "test_a_decision_on_another_call_is_refused": Kind(
        ("V8", "ASI09"), "an approval for a call changed afterwards", "call digest"
    ),
    "test_who_is_no_approver_decides_nothing": Kind(
        ("V8", "ASI09"), "a decision by who is no approver", "roles"
    ),
    "test_no_app_decides_by_itself_not_even_the_console": Kind(
        ("V8", "ASI09"), "an app that decides without a person", "person's token"
    ),
    "test_a_decision_without_sign_in_is_refused": Kind(
        ("V8", "ASI09"), "a decision without sign-in", "sign-in"
    ),
    "test_a_held_payment_is_made_once_after_a_person_approves": Kind(
        (), "a held payment, approved", BENIGN
    ),
    "test_a_call_made_for_ever_ends_at_the_cap_on_turns": Kind(
        ("V15", "ASI08"), "a model that never comes to an end", "cap on turns"
    ),
    "test_a_call_made_for_ever_ends_at_the_cap_on_tool_calls": Kind(
        ("V15", "ASI08"), "the same call for ever", "budget"
    ),
    "test_more_money_than_the_suite_allows_is_refused_at_the_door": Kind(
        ("V15", "ASI08"), "a task that asks for a larger budget", "intake"
    ),
    "test_dapr_denies_it_by_policy_and_the_caller_comes_to_an_end": Kind(
        ("V17", "ASI03"), "a foreign app schedules work", "workflow access policy"
    ),
    "test_the_coordinator_s_steps_take_messages_of_its_own_only": Kind(
        ("V17", "ASI03"), "a foreign app calls the coordinator's steps", "seal"
    ),
    "test_the_coordinator_s_workflows_take_messages_of_its_own_only": Kind(
        ("V17", "ASI03"), "a foreign app starts the coordinator's workflows", "seal"
    ),
    "test_an_instance_of_another_app_is_out_of_reach": Kind(
        ("V17", "ASI03"),
        "raise, purge, pause, terminate of a foreign workflow",
        "namespaced actors",
    ),
    "test_no_actor_of_dapr_s_own_is_called_by_hand": Kind(
        ("V17", "ASI03"), "Dapr's own actors called by hand", "API allowlist"
    ),
    "test_publishing_on_somebody_else_s_topic_is_refused": Kind(
        ("V18", "ASI03"), "publishing on a foreign topic", "publishing scopes"
    ),
    "test_no_secret_of_the_suite_is_in_a_log_a_database_or_in_redis": Kind(
        ("V20", "LLM02"), "secrets looked for in logs, databases, Redis", "masking, references"
    ),
    "test_no_bearer_token_or_key_is_in_a_log_or_in_an_audit_record": Kind(
        ("V20", "LLM02"), "tokens looked for in logs and audit", "masking"
    ),
    "test_no_account_number_is_in_the_history_of_a_workflow": Kind(
        ("V20", "LLM02"), "account numbers looked for in workflow history", "references"
    ),
    "test_an_expired_a_foreign_and_an_unsigned_token_sign_nobody_in": Kind(
        ("V21", "T3"), "expired, foreign, unsigned bearer tokens", "sign-in"
    ),
    "test_a_submitter_s_task_is_unknown_to_everybody_else": Kind(
        ("V21", "T3"), "another user's task id", "tenant and owner"
    ),
    "test_a_person_without_the_role_is_refused": Kind(
        ("V21", "T3"), "an operation without its role", "roles"
    ),
    "test_a_console_without_a_person_reads_nothing_behind_it": Kind(
        ("V21", "T3"), "the console without a person", "person's token"
    ),
    "test_a_form_on_a_foreign_page_can_not_act": Kind(
        ("V21", "T3"), "a form on a foreign page", "no cookies"
    ),
    "test_a_proposal_without_its_genuine_verdict_has_no_effect": Kind(
        ("V22", "ASI07"), "a proposal without, or with another, verdict", CHAIN
    ),
    "test_a_plan_that_the_coordinator_did_not_sign_is_not_registered": Kind(
        ("V22", "ASI03"), "a plan that the coordinator did not sign", CHAIN
    ),
    "test_the_same_with_the_whole_chain_is_carried_out": Kind(
        (), "the same with the whole chain", BENIGN
    ),
    "test_a_token_that_is_not_for_this_call_is_refused_and_on_record": Kind(
        ("ASI03",), "a token replayed, of another subtask, task or app, expired", TOKEN
    ),
    "test_nobody_gets_a_token_for_a_step_that_is_over": Kind(
        ("ASI03",), "late work asks for a token", TOKEN
    ),
    "test_without_its_policy_the_toolbox_carries_out_nothing": Kind(
        ("ASI02",), "the policy file removed", "fails closed"
    ),
    "test_fifty_goes_through_and_a_cent_more_and_twelve_hundred_wait": Kind(
        (), "refund of 50.00", BENIGN
    ),
}
