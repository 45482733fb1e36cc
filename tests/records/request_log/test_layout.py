"""What stands in a request log (logging.md 10, 11)."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Iterable

import brotli
import pytest
import zstandard

from cliproxy.records.request_log import layout
from cliproxy.records.request_log.attempts import Attempts, Auth
from cliproxy.records.request_log.spool import RESPONSE, LogDisk, Spool

MOMENT = 1_767_340_984.5
MARKED = b"=== API RESPONSE 1 ===\nrest"


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterable[None]:
    """East of Greenwich, so that offsets show."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def joined(pieces: Iterable[bytes]) -> str:
    return b"".join(pieces).decode()


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (MOMENT, "2026-01-02T16:03:04.5+08:00"), (MOMENT - 0.5, "2026-01-02T16:03:04+08:00"),
        (MOMENT + 0.000123, "2026-01-02T16:03:04.500123+08:00"), (1_767_340_984.9999999, "2026-01-02T16:03:05+08:00"),
    ],
)  # fmt: skip
def test_timestamps(moment: float, text: str) -> None:
    assert layout.timestamp(moment) == text


def test_greenwich_is_z(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert layout.timestamp(MOMENT) == "2026-01-02T08:03:04.5Z"


@pytest.mark.case("logging:25")
@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/v1beta/models/gemini-2.5-pro:generateContent", "v1beta-models-gemini-2.5-pro-generateContent"), ("/", "root"),
        ("/a//b", "a-b"), ("", "root"), ('/a<b>"c|d?e*f\\g h\ti', "a-b-c-d-e-f-g-h-i"), ("/--a--/", "a"), ("/" + "x" * 400, "x" * 150),
        ("/v1/responses", "v1-responses"), ("/é/\x01", "é"),
    ],
)  # fmt: skip
def test_names(path: str, part: str) -> None:
    assert layout.file_name(path, MOMENT, "a1b2c3d4") == f"{part}-2026-01-02T160304-a1b2c3d4.log"
    assert layout.file_name(path, MOMENT, "7", error=True) == f"error-{part}-2026-01-02T160304-7.log"


@pytest.mark.case("logging:24")
def test_a_payload_without_headings() -> None:
    text = joined(layout.api_section(layout.API_RESPONSE, [b"", b"pay", b"load"], MOMENT))
    assert text == f"=== API RESPONSE ===\nTimestamp: {layout.timestamp(MOMENT)}\npayload\n\n"
    assert joined(layout.api_section(layout.API_REQUEST, [b"x"])) == "=== API REQUEST ===\nx\n\n"


@pytest.mark.case("logging:24")
@pytest.mark.parametrize(("payload", "text"), [(MARKED, MARKED + b"\n\n"), (MARKED + b"\n", MARKED + b"\n\n")])
def test_a_payload_with_headings(payload: bytes, text: bytes) -> None:
    assert b"".join(layout.api_section(layout.API_RESPONSE, [payload], MOMENT)) == text


@pytest.mark.parametrize("payload", [[], [b""], [b"", b""]])
def test_an_empty_payload_is_nothing(payload: list[bytes]) -> None:
    assert joined(layout.api_section(layout.API_RESPONSE, payload, MOMENT)) == ""


@pytest.mark.case("logging:34")
def test_no_time_no_line() -> None:
    assert "Timestamp" not in joined(layout.api_section(layout.API_RESPONSE, [b"x"], None))


@pytest.mark.case("logging:23")
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"plain", mtime=0)), ("GZIP", gzip.compress(b"plain", mtime=0)), ("deflate", zlib.compress(b"plain")),
        ("deflate", zlib.compress(b"plain")[2:-4]), ("br", brotli.compress(b"plain")),
        ("zstd", zstandard.ZstdCompressor().compress(b"plain")), ("", b"plain"), ("identity", b"plain"), ("rot13", b"plain"),
    ],
)  # fmt: skip
def test_answers_are_unpacked(encoding: str, packed: bytes) -> None:
    text = joined(
        layout.response(200, [("Content-Encoding", encoding), ("B", "2"), ("A", "1")], [packed[:3], packed[3:]])
    )
    assert text == f"=== RESPONSE ===\nStatus: 200\nA: 1\nB: 2\nContent-Encoding: {encoding}\n\nplain\n"


@pytest.mark.case("logging:23")
def test_an_answer_that_cannot_be_unpacked() -> None:
    raw = gzip.compress(b"plain", mtime=0)[:9]
    text = b"".join(layout.response(200, [("Content-Encoding", "gzip")], [raw]))
    assert raw + b"\n[DECOMPRESSION ERROR: " in text
    assert text.endswith(b"]\n")


def test_headers_are_masked_and_sorted() -> None:
    headers = [
        ("X-B", "2"),
        ("Authorization", "Bearer sk-1234567890abcd"),
        ("Set-Cookie", "a=1234567890"),
        ("x-a", "1"),
    ]
    assert layout.header_lines(headers) == (
        "Authorization: Bearer sk-1...abcd\nSet-Cookie: a=12...7890\nx-a: 1\nX-B: 2\n"
    )
    assert "sk-1...abcd" in joined([layout.request_headers(headers)])
    assert "sk-1...abcd" in joined([layout.response_head(200, headers)])


# Upstream attempts.


@pytest.fixture
def attempts(tmp_path: object) -> Attempts:
    disk = LogDisk(tmp_path)  # type: ignore[arg-type]
    return Attempts(lambda: Spool(disk, RESPONSE, 1 << 15), lambda: MOMENT)


@pytest.mark.case("logging:27")
def test_two_attempts(attempts: Attempts) -> None:
    attempts.auth = Auth("codex", "a.json", "me", "oauth", "me@example.com")
    first = attempts.begin("https://one/x", "POST", {"B": "2", "Authorization": "Bearer sk-1234567890abcd"}, b'{"n":1}')
    first.answered(429, [("Retry-After", "5"), ("Content-Type", "application/json")])
    first.chunk(b' {"error":')
    first.chunk(b"1} \n")
    attempts.auth = Auth("codex", "b", "", "api_key", "sk-1234567890abcd")
    second = attempts.begin("https://two", "POST", {}, b"")
    second.answered(200, [])
    second.chunk(b"fine")
    stamp = layout.timestamp(MOMENT)
    assert joined(attempts.request_text()) == (
        f"=== API REQUEST 1 ===\nTimestamp: {stamp}\nUpstream URL: https://one/x\nHTTP Method: POST\n"
        "Auth: provider=codex, auth_id=a.json, label=me, type=oauth\n\n"
        'Headers:\nAuthorization: Bearer sk-1...abcd\nB: 2\n\nBody:\n{"n":1}\n\n'
        f"=== API REQUEST 2 ===\nTimestamp: {stamp}\nUpstream URL: https://two\nHTTP Method: POST\n"
        "Auth: provider=codex, auth_id=b, type=api_key value=sk-1...abcd\n\n"
        "Headers:\n<none>\n\nBody:\n<empty>\n\n"
    )
    assert joined(attempts.response_text()) == (
        f"=== API RESPONSE 1 ===\nTimestamp: {stamp}\n\nStatus: 429\nHeaders:\nContent-Type: application/json\n"
        'Retry-After: 5\n\nBody:\n{"error":1}\n\n'
        f"=== API RESPONSE 2 ===\nTimestamp: {stamp}\n\nStatus: 200\nHeaders:\n<none>\n\nBody:\nfine\n"
    )


@pytest.mark.case("logging:28")
def test_what_is_missing(attempts: Attempts) -> None:
    attempts.missing().chunk(b"data: x\n\n")
    attempts.begin("", "", {"Empty": ""}, b"")
    requests, answers = joined(attempts.request_text()), joined(attempts.response_text())
    assert requests.startswith("=== API REQUEST 1 ===\n<missing>\n\n=== API REQUEST 2 ===\n")
    assert "Upstream URL: <unknown>\n\nHeaders:\nEmpty:\n\nBody:\n<empty>\n\n" in requests
    assert "HTTP Method" not in requests
    assert answers.endswith("\n\nHeaders:\n<none>\n\nBody:\ndata: x\n")


@pytest.mark.case("logging:29")
def test_chunks_of_a_stream(attempts: Attempts) -> None:
    attempt = attempts.begin("u", "POST", {}, b"")
    attempt.answered(200, [("Content-Type", "text/event-stream")])
    for chunk in (b"a\n", b"  ", b"\r\n\n", b"b"):
        attempt.chunk(chunk)
    assert joined(attempts.response_text()).endswith("Body:\na\n\nb\n")


def test_lines_are_found_across_chunks(attempts: Attempts) -> None:
    attempt = attempts.begin("u", "POST", {}, b"")
    for byte in b"event: x\ndata: one\n\ndata: two\n\n":
        attempt.chunk(bytes([byte]))
    assert joined(attempts.response_text()).endswith("Body:\nevent: x\n\ndata: one\n\ndata: two\n")


@pytest.mark.case("logging:30")
def test_an_upstream_that_was_not_reached(attempts: Attempts) -> None:
    attempts.begin("u", "POST", {}, b"").failed("connection refused")
    text = joined(attempts.response_text())
    assert text == f"=== API RESPONSE 1 ===\nTimestamp: {layout.timestamp(MOMENT)}\n\nError: connection refused\n"


def test_errors_after_a_body(attempts: Attempts) -> None:
    attempt = attempts.begin("u", "POST", {}, b"")
    attempt.chunk(b"half")
    attempt.failed("one")
    attempt.failed("two")
    assert joined(attempts.response_text()).endswith("Body:\nhalf\n\nError: one\n\nError: two\n")


def test_attempts_without_an_answer_are_left_out(attempts: Attempts) -> None:
    attempts.begin("one", "POST", {}, b"")
    attempts.begin("two", "POST", {}, b"").failed("x")
    assert joined(attempts.response_text()).startswith("=== API RESPONSE 2 ===")
    assert attempts.first_response == MOMENT


def test_the_first_metadata_count(attempts: Attempts) -> None:
    attempt = attempts.begin("u", "POST", {}, b"")
    attempt.answered(200, [("A", "1")])
    attempt.answered(500, [("B", "2")])
    assert "Status: 200\nHeaders:\nA: 1\n\n" in joined(attempts.response_text())
