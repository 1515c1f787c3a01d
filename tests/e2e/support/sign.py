"""Requests signed by botocore, sent without a client in between."""

import base64
import datetime
import json

import cbor2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.sandbox import KEY_ID, REGION, SECRET

JSON = "application/x-amz-json-1.1"
CBOR = "application/x-amz-cbor-1.1"
TARGETS = {"kinesis": "Kinesis_20131202", "firehose": "Firehose_20150804"}


def headers_for(sandbox, body, target, content_type=JSON, service="kinesis", secret=SECRET,
                token=None, region=REGION, key_id=KEY_ID, **more):
    """The headers of a signed POST."""
    request = AWSRequest("POST", sandbox.url + "/", data=body, headers={
        "Content-Type": content_type, "X-Amz-Target": target, **more})
    SigV4Auth(Credentials(key_id, secret, token), service, region).add_auth(request)
    return dict(request.headers.items())


def post(sandbox, body, headers, path="/"):
    """Status, headers and body of the answer."""
    connection = sandbox.connection()
    try:
        connection.request("POST", path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def call_json(sandbox, operation, document, service="kinesis", **more):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    target = f"{TARGETS[service]}.{operation}"
    status, _, answer = post(sandbox, body, headers_for(sandbox, body, target, service=service, **more))
    return status, json.loads(answer) if answer else None


def read_cbor(data):
    """Decodes an answer. A timestamp (tag 1) becomes CBORTag(65534, milliseconds)."""
    # cbor2 would take the number for seconds, as RFC 8949 has it, so the tag is renamed first.
    return cbor2.loads(data.replace(b"\xc1\x1b", b"\xd9\xff\xfe\x1b"))


def call_cbor(sandbox, operation, document, service="kinesis", **more):
    body = document if isinstance(document, bytes) else cbor2.dumps(document)
    target = f"{TARGETS[service]}.{operation}"
    status, headers, answer = post(
        sandbox, body, headers_for(sandbox, body, target, CBOR, service, **more))
    assert headers["Content-Type"] == CBOR if answer else True
    return status, read_cbor(answer) if answer else None


def amz_date(offset_s=0):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset_s)
    return now.strftime("%Y%m%dT%H%M%SZ")


def b64(data):
    return base64.b64encode(data).decode()
