"""The switches of the Procore emulator: what the reference leaves unknown, and the weather a test may order."""

from __future__ import annotations

from emulators.shared.switches import Switch

DOCUMENTED_RATE = {"hourly": 3600, "spike": 100}
UNLIMITED_RATE = {"hourly": 1_000_000_000, "spike": 1_000_000_000}

_UNKNOWN = [
    Switch(
        "history_column",
        "status",
        "Change history: the column word for a status change",
        "2.3, 9.4",
        ("status", "Status"),
    ),
    Switch(
        "history_values",
        "snake_case",
        "Change history: spelling of status values (approved or Approved)",
        "2.3, 9.4",
        ("snake_case", "Title Case"),
    ),
    Switch(
        "history_action_by_approver", True, "Change history names the approver; otherwise action_by is empty", "9.4"
    ),
    Switch(
        "currently_retained_net",
        True,
        "Materials retainage 'currently retained' is net of this period's release",
        "2.6, 9.3",
    ),
    Switch("tax_on_top", False, "Tax is added on top of current_payment_due", "2.4 (5), 9.3"),
    Switch("attachment_touches_updated_at", True, "Adding an attachment changes updated_at of the invoice", "8 (24)"),
    Switch("attachment_emits_event", True, "Adding an attachment sends a Draw Requests update", "8 (24)"),
    Switch("line_edit_touches_updated_at", True, "Editing lines changes updated_at of the invoice", "8 (24)"),
    Switch(
        "direct_cost_line_edit_touches_updated_at", True, "Editing lines changes updated_at of the direct cost", "3"
    ),
    Switch("direct_cost_line_edit_emits_parent", False, "Editing lines also sends a Direct Costs update", "3"),
    Switch("direct_cost_create_emits_lines", False, "A new direct cost also sends an event for each line", "3"),
    Switch("direct_cost_amount_before_tax", False, "In the list of direct costs amount is the total without tax", "3"),
    Switch("direct_cost_mismatch", "0.00", "Added to grand_total, so that the lines do not add up to it", "3"),
    Switch("direct_cost_short_numbers", False, "Amounts of direct costs drop a last zero: 11275.5", "3"),
    Switch("direct_cost_list_shows_deleted", False, "Deleted direct costs stay in the list, with deleted_at", "3"),
    Switch("direct_cost_subcontractor_type", False, "Direct costs may have the type subcontractor_invoice", "3"),
    Switch("v4_related_resources", True, "v4.0 bodies of line events name the parent in data.related_resources", "3"),
    Switch("quiet_changes_updated_at", True, "A quiet change of the control API still changes updated_at", "8 (24)"),
    Switch(
        "edit_touches_later_invoices",
        False,
        "An edit changes updated_at of later invoices of the commitment, and they emit",
        "2.3, 8 (5)",
    ),
    Switch(
        "bulk_approval_events",
        "each",
        "Bulk approval: one event per invoice, only for the first, or none",
        "8 (2), 9.2",
        ("each", "first", "none"),
    ),
    Switch(
        "disable_hook_after_discard",
        False,
        "A hook becomes disabled when its queue is discarded after 12 h",
        "1.3, 9.7",
    ),
    Switch("delete_hook_after_discard", False, "A hook is gone when its queue is discarded after 12 h", "1.3, 9.7"),
    Switch("project_update_names_project", True, "Projects updates carry the project_id, as reported", "1.1"),
    Switch(
        "projects_list_default",
        "Active",
        "Which projects a list without filters[by_status] shows",
        "oas_supporting",
        ("Active", "All"),
    ),
    Switch(
        "closed_period_refuses_invoices", False, "An invoice may not be created in a closed billing period", "8 (14)"
    ),
    Switch(
        "open_invoice_refuses_next",
        True,
        "POST of an invoice is refused while an earlier one of the contract is not approved",
        "8 (14)",
    ),
    Switch(
        "create_refused_status",
        422,
        "Answer to a refused POST of an invoice; the schema lists no 422 there",
        "oas_requisitions",
        (422, 400),
    ),
    Switch(
        "me_needs_company_for_name", True, "/me tells the name only with company_id or project_id", "oas_supporting"
    ),
    Switch("refresh_reuse_revokes", False, "A refresh token used twice revokes every token that came from it", "4.2"),
    Switch("refresh_ends_old_access", True, "Refreshing ends the old access token at once", "4.2"),
    Switch("webhooks_api_permitted", True, "The caller has the permission for the tool Webhooks API; otherwise 403"),
    Switch(
        "company_hook_accepts_project_resource", False, "A company hook may have a trigger on a project resource", "1.5"
    ),
    Switch("draw_requests_name", "Draw Requests", "Webhook name of subcontractor invoices", "1.4, 9.1"),
    Switch("event_words", "update", "Event words of deliveries: update or updated", "1.1, 1.4", ("update", "updated")),
    Switch("v4_states_payload_version", True, "v4.0 bodies carry payload_version, as seen live", "1.1"),
    Switch("metadata_operation_id", "", "metadata.source_operation_id of v2.0 and v3.0 bodies; empty: null", "1.1"),
    Switch(
        "api_create_user_is_service_account",
        True,
        "created_by and user_id of API writes name the service account",
        "2.7, 9.5",
    ),
    Switch("v1_0_summary_name", "summary", "Name of the amounts block in v1.0 answers", "2.4", ("summary", "g702")),
    Switch("payment_summary", True, "v1.1 answers carry payment_summary, as seen live", "2.2"),
    Switch("percent_sign", True, "percent_complete carries a percent sign", "5"),
    Switch("numbers_as_json_numbers", False, "Amounts go out as JSON numbers instead of text", "5"),
    Switch(
        "contract_and_detail_items",
        False,
        "Items contain contract_item and contract_detail_item of the same money",
        "2.6, 9.3",
    ),
    Switch("missing_company_header_status", 400, "Answer when Procore-Company-Id is missing", "4.1", (400, 401, 403)),
    Switch("not_connected_status", 403, "Answer when the app is not connected to the company", "4.3", (401, 403)),
    Switch("invalid_grant_status", 400, "Answer to a wrong or used code or refresh token", "4.2", (400, 401)),
    Switch(
        "list_order",
        "id",
        "Order of the lists of invoices and direct costs",
        "5",
        ("id", "-id", "updated_at", "-updated_at"),
    ),
    Switch("largest_page", 2000, "Largest per_page; more is silently cut", "5"),
    Switch("deep_link_redirects", False, "The classic invoice link redirects to the new screen", "7, 9.8"),
    Switch(
        "project_vendor_ids_differ",
        False,
        "The project directory shows other vendor ids than the company directory",
        "8 (9)",
    ),
]

_WEATHER = [
    Switch("duplicate", 1, "Each event is delivered this many times"),
    Switch("shuffle", False, "Deliveries go out in random order, in parallel, with small delays"),
    Switch("duplicate_percent", 0.0, "Percent of events that are delivered twice"),
    Switch("shuffle_percent", 0.0, "Percent of deliveries that go out late, so that later ones overtake them"),
    Switch("shuffle_seconds", 1.0, "The longest delay of such a late delivery"),
    Switch(
        "weather_seed", 1, "Which events drop, duplicate_percent and shuffle_percent strike; setting it starts over"
    ),
    Switch("drop", 0.0, "Percent of events that are never sent"),
    Switch("time_scale", 1.0, "Divides the waiting times of webhook retries, and the 12 h"),
    Switch("delivery_workers", 4, "Parallel deliveries per hook while duplicate or shuffle is on"),
    Switch("delivery_timeout_seconds", 5.0, "How long a destination may take to answer"),
    Switch("webhooks_stopped", False, "Deliveries wait in their queues"),
    Switch(
        "create_event_before_answer",
        0.0,
        "Seconds the answer to a POST of an invoice, direct cost or payment is held back while its event goes out",
    ),
    Switch("payments_refused", "", "Why each new contract payment is refused with 422; empty: it is not"),
    Switch("token_seconds", 5400, "Lifetime of new access tokens"),
    Switch("authorize_without_asking", False, "The consent page answers Allow by itself"),
    Switch("storage_refuses_token", False, "The file storage refuses requests that carry a bearer token"),
    Switch("storage_base_url", "", "Host of the file storage, e.g. http://localhost:8001; empty: the emulator's own"),
    Switch("pdf_polls_before_ready", 1, "How often a PDF job answers that it is still at work"),
    Switch("pdf_job_outcome", "completed", "How a PDF job ends", "2.1", ("completed", "failed", "never")),
    Switch(
        "rows_move",
        {},
        'Rows move while a list is read: {"list": "requisitions", "after_page": 1, "how": "delete"}; moving_rows.py',
    ),
    Switch("record_api_calls", True, "Each API call becomes a line of the history"),
]


def switches(*, rate_limit: str = "documented") -> list[Switch]:
    """All switches; `rate_limit` chooses the default of the limit."""
    rate = UNLIMITED_RATE if rate_limit == "off" else DOCUMENTED_RATE
    return [
        *_UNKNOWN,
        *_WEATHER,
        Switch("rate_limit", dict(rate), "Calls per hour and per 10 seconds", "5"),
        Switch("rate_limit_companies", {}, 'The same for chosen companies: {"<company id>": {"hourly", "spike"}}'),
        Switch("rate_limit_scope", "client", "What has a limit of its own", "5", ("client", "company")),
        Switch("retry_after_on_429", True, "A 429 carries Retry-After; otherwise only the Reset header tells", "5"),
    ]
