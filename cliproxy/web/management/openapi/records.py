"""What is written down: logs, request logs, usage, figures for the panel (management-api.md 16, 17, and ours)."""

from __future__ import annotations

from cliproxy.web.management.openapi.operation import (
    RANGE,
    SINCE,
    Answer,
    Body,
    Group,
    Operation,
    Parameter,
    file_answers,
)
from cliproxy.web.management.openapi.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    STRINGS,
    TIMESTAMP,
    Schema,
    answer,
    array,
    body,
    constant,
    map_of,
    nullable,
    ref,
    whole,
)

_COUNTS = map_of(INTEGER)
_TOKENS = answer(
    dict.fromkeys(("input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "total_tokens"), INTEGER)
)
SCHEMAS: dict[str, Schema] = {
    "UsageDetail": answer(
        {"timestamp": TIMESTAMP, "source": STRING, "auth_index": STRING, "tokens": _TOKENS, "failed": BOOLEAN}
    ),
    "UsageModel": answer({"total_requests": INTEGER, "total_tokens": INTEGER, "details": array(ref("UsageDetail"))}),
    "UsageKey": answer({"total_requests": INTEGER, "total_tokens": INTEGER, "models": map_of(ref("UsageModel"))}),
    "Usage": answer(
        {
            "total_requests": INTEGER,
            "success_count": INTEGER,
            "failure_count": INTEGER,
            "total_tokens": INTEGER,
            "apis": map_of(ref("UsageKey")),
            "requests_by_day": _COUNTS,
            "requests_by_hour": _COUNTS,
            "tokens_by_day": _COUNTS,
            "tokens_by_hour": _COUNTS,
        }
    ),
    "OverviewPoint": answer(
        {
            "at": NUMBER,
            "requests": INTEGER,
            "errors": INTEGER,
            "ttfb_p50_ms": nullable(NUMBER),
            "ttfb_p95_ms": nullable(NUMBER),
            "input_tokens": INTEGER,
            "output_tokens": INTEGER,
        }
    ),
    "RecentRequest": answer(
        {
            "seq": INTEGER,
            "id": STRING,
            "at": NUMBER,
            "method": STRING,
            "path": STRING,
            "status": INTEGER,
            "duration_ms": NUMBER,
            "ttfb_ms": nullable(NUMBER),
            "client": STRING,
            "aborted": BOOLEAN,
        }
    ),
    "LogFile": answer({"name": STRING, "size": INTEGER, "modified": NUMBER}),
    "RequestLogFile": answer(
        {
            "id": STRING,
            "name": STRING,
            "size": INTEGER,
            "modified": NUMBER,
            "error": BOOLEAN,
            "method": nullable(STRING),
            "url": nullable(STRING),
            "status": nullable(INTEGER),
            "ttfb_ms": nullable(NUMBER),
            "duration_ms": nullable(NUMBER),
        }
    ),
}

REQUEST_ID = "a1b2c3d4"
ERROR_LOG = "error-v1-chat-completions-2026-11-02T150405-a1b2c3d4.log"
_LOG_TEXT = "=== REQUEST INFO ===\n..."
_OFF = "`logging to file disabled`"
_ATTACHED = {
    "Content-Disposition": {"description": "`attachment` with the file's name.", "required": True, "schema": STRING}
}
_TOKENS_EXAMPLE = {
    "input_tokens": 10,
    "output_tokens": 20,
    "reasoning_tokens": 0,
    "cached_tokens": 0,
    "total_tokens": 30,
}
_DETAIL = {
    "timestamp": "2026-11-02T15:04:05.5Z",
    "source": "ann@example.com",
    "auth_index": "a07d3e1d6a3b0b0b",
    "tokens": _TOKENS_EXAMPLE,
    "failed": False,
}
_TOTALS = {"total_requests": 1, "total_tokens": 30}
USAGE = {
    "total_requests": 1,
    "success_count": 1,
    "failure_count": 0,
    "total_tokens": 30,
    "apis": {"client-key-1": {**_TOTALS, "models": {"claude-sonnet-4-5": {**_TOTALS, "details": [_DETAIL]}}}},
    "requests_by_day": {"2026-11-02": 1},
    "requests_by_hour": {"15": 1},
    "tokens_by_day": {"2026-11-02": 30},
    "tokens_by_hour": {"15": 30},
}


def _download(path: str, summary: str, says: str, example: str, errors: dict[int, str]) -> Operation:
    name = path.partition("{")[2].rstrip("}")
    return Operation(
        "GET",
        path,
        summary,
        parameters=(Parameter(name, says, example=example, where="path"), RANGE, SINCE),
        shows=file_answers("The file.", STRING, _LOG_TEXT, ("text/plain",), _ATTACHED),
        errors={**errors, 500: "`failed to read log file: <reason>`"},
    )


LOGS = Group(
    "Logs",
    "The application log, and one file per request: of failed model calls always, of all with `request-log`.",
    (
        Operation(
            "GET",
            "logs",
            "Lines of the application log, oldest first, rotated files included",
            parameters=(
                Parameter(
                    "after",
                    "Unix seconds: only lines younger than this; anything else: all. Pass on the `latest-timestamp` of "
                    "the answer before.",
                    example="0",
                ),
                Parameter("limit", "At most so many, the last ones.", whole(1), 100),
            ),
            shows=(
                Answer(
                    "`line-count`: the lines of all files.",
                    answer({"lines": STRINGS, "line-count": INTEGER, "latest-timestamp": INTEGER}),
                    {
                        "lines": [
                            '[2026-11-02 15:04:05] [a1b2c3d4] [info ] 200 | 1.2s | 127.0.0.1 | POST "/v1/messages"'
                        ],
                        "line-count": 1,
                        "latest-timestamp": 1793631845,
                    },
                ),
            ),
            errors={
                400: f"{_OFF}; `invalid limit: must be a positive integer`; `invalid limit: must be greater than zero`",
                500: "`failed to read log file <path>: <reason>`",
            },
        ),
        Operation(
            "DELETE",
            "logs",
            "Empty the application log and remove its rotated files",
            shows=(
                Answer(
                    "`removed`: rotated files.",
                    answer({"success": constant(True), "message": STRING, "removed": INTEGER}),
                    {"success": True, "message": "Logs cleared successfully", "removed": 2},
                ),
            ),
            errors={
                400: _OFF,
                404: "`log directory not found`",
                500: "`failed to truncate log file: <reason>`, `failed to remove <name>: <reason>`",
            },
        ),
        Operation(
            "GET",
            "request-error-logs",
            "Files of failed requests, newest first; none while `request-log` is on",
            shows=(
                Answer(
                    "`modified` in unix seconds.",
                    answer({"files": array(ref("LogFile"))}),
                    {"files": [{"name": ERROR_LOG, "size": 2048, "modified": 1793631845}]},
                ),
            ),
            errors={500: "`failed to list request error logs: <reason>`"},
        ),
        _download(
            "request-error-logs/{name}",
            "One file of a failed request",
            "Its name.",
            ERROR_LOG,
            {400: "`invalid log file name`; `invalid log file path`; `invalid log file`", 404: "`log file not found`"},
        ),
        _download(
            "request-log-by-id/{id}",
            "The file of one request",
            "The request's id, as it stands in brackets in the log.",
            REQUEST_ID,
            {
                400: "`missing request ID`; `invalid request ID`",
                404: "`log directory not found`; `log file not found for the given request ID`",
            },
        ),
        Operation(
            "GET",
            "request-logs",
            "Files of requests with what stands in them, newest first",
            parameters=(Parameter("limit", "At most so many; default 100.", whole(1, 500), 100),),
            shows=(
                Answer(
                    "Values that are not known are `null`.",
                    answer({"files": array(ref("RequestLogFile"))}),
                    {
                        "files": [
                            {
                                "id": REQUEST_ID,
                                "name": ERROR_LOG,
                                "size": 2048,
                                "modified": 1793631845,
                                "error": True,
                                "method": "POST",
                                "url": "/v1/chat/completions",
                                "status": 500,
                                "ttfb_ms": None,
                                "duration_ms": 1200,
                            }
                        ]
                    },
                ),
            ),
            errors={400: "`invalid limit: ...`"},
        ),
    ),
)

FIGURES = Group(
    "Usage and figures",
    "Tokens and attempts of all time, kept in a database, and what happened since the start, kept in memory.",
    (
        Operation(
            "GET",
            "usage",
            "Everything that was recorded while `usage-statistics-enabled` was on",
            shows=(
                Answer(
                    "By client key and model, by day and by hour.",
                    answer({"usage": ref("Usage"), "failed_requests": INTEGER}),
                    {"usage": USAGE, "failed_requests": 0},
                ),
            ),
        ),
        Operation(
            "GET",
            "usage/export",
            "The same as a file that can be imported",
            shows=(
                Answer(
                    "The file.",
                    answer({"version": constant(1), "exported_at": TIMESTAMP, "usage": ref("Usage")}),
                    {"version": 1, "exported_at": "2026-11-02T15:04:05Z", "usage": USAGE},
                ),
            ),
        ),
        Operation(
            "POST",
            "usage/import",
            "Add what an export holds; details that are there already are skipped",
            body=Body(
                body({"version?": INTEGER, "usage?": {"type": "object"}}), {"version": 1, "usage": USAGE}, limited=False
            ),
            shows=(
                Answer(
                    "The totals are those afterwards.",
                    answer(dict.fromkeys(("added", "skipped", "total_requests", "failed_requests"), INTEGER)),
                    {"added": 1, "skipped": 0, "total_requests": 1, "failed_requests": 0},
                ),
            ),
            errors={400: "`failed to read request body`; `invalid json`; `unsupported version`"},
        ),
        Operation(
            "GET",
            "overview",
            "Requests, errors, time to the first byte and tokens over the last minutes",
            parameters=(Parameter("minutes", "How far back; default 60.", whole(15, 1440), 60),),
            shows=(
                Answer(
                    "Points of `step` seconds, oldest first, empty ones too; `null` where nothing was measured.",
                    answer(
                        {
                            "step": INTEGER,
                            "points": array(ref("OverviewPoint")),
                            "totals": answer(
                                dict.fromkeys(("requests", "errors", "input_tokens", "output_tokens"), INTEGER)
                            ),
                            "started_at": NUMBER,
                            "version": STRING,
                        }
                    ),
                    {
                        "step": 60,
                        "points": [
                            {
                                "at": 1793631840,
                                "requests": 3,
                                "errors": 1,
                                "ttfb_p50_ms": 210.0,
                                "ttfb_p95_ms": 890.0,
                                "input_tokens": 1200,
                                "output_tokens": 300,
                            }
                        ],
                        "totals": {"requests": 3, "errors": 1, "input_tokens": 1200, "output_tokens": 300},
                        "started_at": 1793630000,
                        "version": "1.0",
                    },
                ),
            ),
            errors={400: "`invalid minutes: ...`"},
        ),
        Operation(
            "GET",
            "requests",
            "The latest model calls, newest first, as long as they are in memory",
            parameters=(
                Parameter("after", "Only those after this `seq`: the `latest` of the answer before.", whole(0), 0),
                Parameter("limit", "At most so many; default 100.", whole(1, 500), 100),
            ),
            shows=(
                Answer(
                    "`latest`: the highest number so far.",
                    answer({"requests": array(ref("RecentRequest")), "latest": INTEGER}),
                    {
                        "requests": [
                            {
                                "seq": 7,
                                "id": REQUEST_ID,
                                "at": 1793631845.2,
                                "method": "POST",
                                "path": "/v1/chat/completions",
                                "status": 200,
                                "duration_ms": 1200.5,
                                "ttfb_ms": 310.2,
                                "client": "127.0.0.1",
                                "aborted": False,
                            }
                        ],
                        "latest": 7,
                    },
                ),
            ),
            errors={400: "`invalid after: ...`; `invalid limit: ...`"},
        ),
    ),
)
