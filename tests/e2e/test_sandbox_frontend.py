"""What kintail-sandbox answers before an operation runs, with requests that no client would send."""

import datetime
import hashlib
import json
import unittest.mock

import botocore.auth
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from support.sandbox import KEY_ID, REGION, SECRET, Sandbox
from support.sign import JSON, amz_date, call_json, headers_for, post

TARGET = "Kinesis_20131202.ListStreams"
KNOWN = {"Content-Type": JSON, "X-Amz-Target": TARGET}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("frontend"), "--stream", "demo:1",
                 "--no-limits=control") as sandbox:
        yield sandbox


def raw(sandbox, method, headers, body=b""):
    connection = sandbox.connection()
    connection.request(method, "/", body=body, headers=headers)
    answer = connection.getresponse()
    result = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return result


def error_of(result):
    status, headers, body = result
    assert status == 400 and headers["Content-Type"] == JSON
    document = json.loads(body)
    return document["__type"], document.get("message", "")


def test_other_methods_get_an_xml_access_denied(sandbox):
    for method in ("GET", "PUT", "DELETE"):
        status, headers, body = raw(sandbox, method, {})
        assert status == 403 and headers["Content-Type"] == "application/xml"
        assert b"<AccessDeniedException>" in body and b"Unable to determine service" in body


def test_an_unknown_content_type_is_an_unknown_operation(sandbox):
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": ""}):
        status, _, body = raw(sandbox, "POST", headers, b"{}")
        assert status == 404 and body.strip() == b"<UnknownOperationException/>"


def test_a_preflight_is_answered(sandbox):
    status, headers, body = raw(sandbox, "OPTIONS", {
        "Origin": "http://example.org", "Access-Control-Request-Headers": "x-amz-target",
        "Access-Control-Request-Method": "POST"})
    assert status == 200 and body == b""
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Allow-Headers"] == "x-amz-target"
    assert headers["Access-Control-Allow-Methods"] == "POST"


def test_the_legacy_content_type_gets_the_legacy_envelope(sandbox):
    status, _, body = raw(sandbox, "POST", {"Content-Type": "application/json"}, b"{}")
    assert status == 404 and json.loads(body) == {
        "Output": {"__type": "com.amazon.coral.service#UnknownOperationException"},
        "Version": "1.0"}
    status, _, body = raw(sandbox, "POST", {"Content-Type": "application/json"}, b"{")
    assert status == 400 and b"SerializationException" in body


def test_an_unreadable_body_and_an_unknown_target(sandbox):
    assert error_of(raw(sandbox, "POST", KNOWN, b"{")) == ("SerializationException", "")
    assert error_of(raw(sandbox, "POST", KNOWN, b"[]"))[0] == "SerializationException"
    for target in ("", "Kinesis_20131202.Nix", "Nix.ListStreams", "Kinesis_20131202"):
        headers = {"Content-Type": JSON, "X-Amz-Target": target}
        assert error_of(raw(sandbox, "POST", headers, b"{}"))[0] == "UnknownOperationException"
    assert error_of(raw(sandbox, "POST", {"Content-Type": JSON}, b""))[0] == \
        "UnknownOperationException"


def test_a_wrong_type_is_not_serializable(sandbox):
    for document in ({"Limit": "x"}, {"Limit": []}, {"NextToken": 5}, {"NextToken": {}}):
        status, answer = call_json(sandbox, "ListStreams", document)
        assert status == 400 and answer["__type"] == "SerializationException"
    assert call_json(sandbox, "PutRecord", {
        "StreamName": "demo", "PartitionKey": "k", "Data": "no base64"})[1]["__type"] == \
        "SerializationException"
    assert call_json(sandbox, "PutRecords", {"StreamName": "demo", "Records": {}})[1]["__type"] == \
        "SerializationException"


def test_unknown_members_are_ignored_and_null_is_absent(sandbox):
    assert call_json(sandbox, "ListStreams", {"Nix": [1, {"a": None}], "Limit": None})[0] == 200
    status, _ = call_json(sandbox, "PutRecords", {
        "StreamName": "demo", "StreamARN": None, "Nix": {"Records": 5},
        "Records": [{"Data": "eA==", "PartitionKey": "k", "ExplicitHashKey": None, "Nix": [[]]}]})
    assert status == 200


def test_without_a_signature(sandbox):
    assert error_of(raw(sandbox, "POST", KNOWN, b"{}")) == (
        "MissingAuthenticationTokenException", "Missing Authentication Token")


@pytest.mark.parametrize("given, named", [
    ("AWS4-HMAC-SHA256", ["Credential", "Signature", "SignedHeaders", "X-Amz-Date"]),
    ("Basic Zm9vOmJhcg==", ["Credential", "Signature", "SignedHeaders", "X-Amz-Date"]),
    ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e", ["Signature", "SignedHeaders", "X-Amz-Date"]),
    ("AWS4-HMAC-SHA256 Credential=a, Signature=x,SignedHeaders=host", ["X-Amz-Date"]),
])
def test_missing_parts_of_a_signature_are_named(sandbox, given, named):
    code, text = error_of(raw(sandbox, "POST", {**KNOWN, "Authorization": given}, b"{}"))
    assert code == "IncompleteSignatureException"
    for part in ["Credential", "Signature", "SignedHeaders", "X-Amz-Date"]:
        assert (f"'{part}'" in text) == (part in named)


def test_a_credential_needs_five_parts(sandbox):
    code, text = error_of(raw(sandbox, "POST", {
        **KNOWN, "X-Amz-Date": amz_date(),
        "Authorization": "AWS4-HMAC-SHA256 Credential=a/b, Signature=x, SignedHeaders=host"}, b"{}"))
    assert code == "IncompleteSignatureException" and "'a/b'" in text


def test_a_signature_in_header_and_query_is_one_too_many(sandbox):
    body = b"{}"
    status, _, answer = post(sandbox, body, headers_for(sandbox, body, TARGET),
                             path="/?X-Amz-Algorithm=AWS4-HMAC-SHA256")
    assert status == 400 and json.loads(answer)["__type"] == "InvalidSignatureException"


class QueryAuth(SigV4QueryAuth):
    """botocore moves a body into the query before it signs; here it stays where it is."""

    def payload(self, request):
        return hashlib.sha256(b"{}").hexdigest()


def test_a_signature_in_the_query_is_verified(sandbox):
    for secret, expected in ((SECRET, 200), ("wrong", 400)):
        request = AWSRequest("POST", sandbox.url + "/", data=b"{}", headers=dict(KNOWN))
        QueryAuth(Credentials(KEY_ID, secret), "kinesis", REGION).add_auth(request)
        path = request.url.split(sandbox.url)[1]
        status, _, answer = post(sandbox, b"{}", KNOWN, path=path)
        assert status == expected, answer


def test_a_good_signature_passes_and_every_change_is_noticed(sandbox):
    body = b'{"Limit":5}'
    good = headers_for(sandbox, body, TARGET)
    assert post(sandbox, body, good)[0] == 200
    for changed_body, changed in [
            (b'{"Limit":6}', good),
            (body, {**good, "X-Amz-Target": "Kinesis_20131202.DescribeLimits"}),
            (body, headers_for(sandbox, body, TARGET, secret="other")),
            (body, headers_for(sandbox, body, TARGET, region="us-west-1")),
            (body, headers_for(sandbox, body, TARGET, service="firehose"))]:
        code, _ = error_of(post(sandbox, changed_body, changed))
        assert code == "InvalidSignatureException"


def test_a_mismatch_shows_what_should_have_been_signed(sandbox):
    body = b"{}"
    code, text = error_of(post(sandbox, body, headers_for(sandbox, body, TARGET, secret="other")))
    assert code == "InvalidSignatureException"
    assert "The Canonical String for this request should have been\n'POST\n/\n" in text
    assert "AWS4-HMAC-SHA256\n" in text and SECRET not in text.replace("secret access", "")


def test_an_unknown_key_is_an_unrecognized_client(sandbox):
    code, text = error_of(post(sandbox, b"{}", headers_for(sandbox, b"{}", TARGET, key_id="AKIDNIX")))
    assert (code, text) == ("UnrecognizedClientException",
                            "The security token included in the request is invalid.")


def test_a_header_of_amazon_must_be_signed(sandbox):
    headers = {**headers_for(sandbox, b"{}", TARGET), "X-Amz-Extra": "1"}
    code, text = error_of(post(sandbox, b"{}", headers))
    assert code == "InvalidSignatureException" and "'X-Amz-Extra' must be a 'SignedHeader'" in text


def test_a_session_token_may_come_and_must_match_when_it_is_known(make_sandbox, sandbox):
    body = b"{}"
    assert post(sandbox, body, headers_for(sandbox, body, TARGET, token="any"))[0] == 200
    strict = make_sandbox("--access-key", "ASIA:s3cret:tok", verify=False)
    for token, status in (("tok", 200), ("other", 400), (None, 400)):
        headers = headers_for(strict, body, TARGET, key_id="ASIA", secret="s3cret", token=token)
        assert post(strict, body, headers)[0] == status


def test_the_clock_may_be_off_by_five_minutes(sandbox):
    body = b"{}"
    real = datetime.datetime

    def signed_at(offset_s):
        class Moved(real):
            @classmethod
            def utcnow(cls):
                return real.utcnow() + datetime.timedelta(seconds=offset_s)
        with unittest.mock.patch.object(botocore.auth.datetime, "datetime", Moved):
            return headers_for(sandbox, body, TARGET)

    assert post(sandbox, body, signed_at(-295))[0] == 200
    assert post(sandbox, body, signed_at(295))[0] == 200
    code, text = error_of(post(sandbox, body, signed_at(-310)))
    assert code == "InvalidSignatureException"
    assert text.startswith("Signature expired: ") and text.endswith(" - 5 min.)")
    code, text = error_of(post(sandbox, body, signed_at(310)))
    assert code == "InvalidSignatureException"
    assert text.startswith("Signature not yet current: ") and text.endswith(" + 5 min.)")


def test_every_answer_has_the_ids_and_the_date(sandbox):
    _, headers, _ = post(sandbox, b"{}", headers_for(sandbox, b"{}", TARGET))
    assert len(headers["x-amzn-RequestId"]) == 36 and len(headers["x-amz-id-2"]) == 96
    assert headers["Date"].endswith(" GMT") and headers["Content-Type"] == JSON


def test_a_body_above_16_mib_is_answered_413(sandbox):
    connection = sandbox.connection()
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str((16 << 20) + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_without_keys_any_well_formed_signature_passes_and_it_says_so(make_sandbox):
    open_one = make_sandbox(verify=False)
    assert "any well-formed signature passes" in open_one.log()
    headers = {**KNOWN, "X-Amz-Date": "20200101T000000Z", "Authorization":
               "AWS4-HMAC-SHA256 Credential=a/20200101/x/y/z, SignedHeaders=host, Signature=0"}
    assert post(open_one, b"{}", headers)[0] == 200
    assert error_of(post(open_one, b"{}", KNOWN))[0] == "MissingAuthenticationTokenException"
