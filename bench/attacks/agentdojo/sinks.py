"""What the authors of AgentDojo's tools would declare: which of them are commands, and where values do harm.

Written from their documentation, not from the tasks. What is not here only reads.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.grant import Sink

_EVENT: Mapping[str, Sink] = {
    "title": "content",
    "start_time": "record",
    "end_time": "record",
    "description": "content",
    "participants": "recipient",
    "location": "content",
}
_MAIL: Mapping[str, Sink] = {
    "recipients": "recipient",
    "subject": "content",
    "body": "content",
    "attachments": "content",
    "cc": "recipient",
    "bcc": "recipient",
}
_PAYMENT: Mapping[str, Sink] = {
    "recipient": "recipient",
    "amount": "amount",
    "subject": "content",
    "date": "record",
}

COMMANDS: Mapping[str, Mapping[str, Sink]] = {
    "send_email": _MAIL,
    "delete_email": {"email_id": "record"},
    "create_calendar_event": _EVENT,
    "cancel_calendar_event": {"event_id": "record"},
    "reschedule_calendar_event": {"event_id": "record", "new_start_time": "record", "new_end_time": "record"},
    "add_calendar_event_participants": {"event_id": "record", "participants": "recipient"},
    "append_to_file": {"file_id": "record", "content": "content"},
    "create_file": {"filename": "record", "content": "content"},
    "delete_file": {"file_id": "record"},
    "share_file": {"file_id": "record", "email": "recipient", "permission": "record"},
    "reserve_hotel": {"hotel": "recipient", "start_day": "record", "end_day": "record"},
    "reserve_car_rental": {"company": "recipient", "start_time": "record", "end_time": "record"},
    "reserve_restaurant": {"restaurant": "recipient", "start_time": "record"},
    "send_money": _PAYMENT,
    "schedule_transaction": _PAYMENT,
    "update_scheduled_transaction": {"id": "record", **_PAYMENT},
    "update_password": {"password": "content"},
    "update_user_info": {
        "first_name": "content",
        "last_name": "content",
        "street": "content",
        "city": "content",
    },
    "add_user_to_channel": {"user": "recipient", "channel": "recipient"},
    "send_direct_message": {"recipient": "recipient", "body": "content"},
    "send_channel_message": {"channel": "recipient", "body": "content"},
    "invite_user_to_slack": {"user": "recipient", "user_email": "recipient"},
    "remove_user_from_slack": {"user": "record"},
    "post_webpage": {"url": "url", "content": "content"},
}

READING: Mapping[str, Mapping[str, Sink]] = {"get_webpage": {"url": "url"}}
"""Reads, but what it asks for can carry something out."""
