"""Our signatures against those of botocore, on random requests."""

import datetime
import os
import random
import string
from unittest import mock
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.program import run_program

REQUESTS = 1000
SEED = int(os.environ.get("KINTAIL_SEED", "20150830"))
UNRESERVED = string.ascii_letters + string.digits + "-._~"
ODD = " !\"$&'()*+,/:;<=>@[\\]^`{|}%\u00e4\u20ac\U0001f5fb"
NAME = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
NOT_SIGNED = {"expect", "user-agent", "x-amzn-trace-id", "host", "authorization", "x-amz-date",
              "x-amz-security-token", "x-amz-content-sha256"}


class Requests:
    """Random requests as both signers take them."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, alphabet, length_max, length_min=0):
        length = self.random.randint(length_min, length_max)
        return "".join(self.random.choice(alphabet) for _ in range(length))

    def path(self):
        """Segments that are empty, dots, escaped, odd or plain; '?' and '#' would end the path."""
        choices = [lambda: "", lambda: ".", lambda: "..", lambda: "%2F%2e%20",
                   lambda: self.text(UNRESERVED + ODD.replace("/", ""), 8),
                   lambda: self.text(UNRESERVED, 8)]
        count = self.random.choice([0, 0, 1, 2, 3, 6])
        return "/" + "/".join(self.random.choice(choices)() for _ in range(count))

    def spelled(self, text):
        """A spelling of a part of a query: what must be escaped is, anything else may be."""
        must = "&=%# \"<>"
        out = ""
        for character in text:
            escape = character in must or ord(character) > 126 or self.random.random() < 0.3
            escaped = "".join(f"%{byte:02x}" for byte in character.encode())
            if self.random.random() < 0.5:
                escaped = escaped.upper()
            out += escaped if escape else character
        return out

    def parameters(self):
        alphabet = self.random.choice([UNRESERVED, UNRESERVED + ODD + "?#", "ab-"])
        return [(self.text(alphabet, 4), self.text(alphabet, 6))
                for _ in range(self.random.choice([0, 0, 1, 2, 5, 12]))]

    def query(self, parameters):
        pairs = []
        for name, value in parameters:
            equals = "=" if name == "" or value or self.random.random() < 0.5 else ""
            pairs.append(f"{self.spelled(name)}{equals}{self.spelled(value)}")
        return "&".join(pairs)

    def headers(self):
        """Some of them twice, with white space in all places."""
        headers = [("Content-Type", "application/x-amz-json-1.1"),
                   ("X-Amz-Target", "Kinesis_20131202." + self.text(string.ascii_letters, 12))]
        for _ in range(self.random.choice([0, 1, 3, 8])):
            name = self.text(NAME, 6, 1)
            if name.lower() in NOT_SIGNED:
                continue
            for _ in range(self.random.choice([1, 1, 1, 2, 3])):
                value = self.text(UNRESERVED + ODD + " \t  ", 20)
                headers.append((self.random.choice([name, name.upper(), name.lower()]), value))
        self.random.shuffle(headers)
        return headers

    def credentials(self):
        token = self.text(UNRESERVED + "/+=", 400, 1) if self.random.random() < 0.5 else None
        return Credentials(self.text(string.ascii_uppercase + string.digits, 20, 1),
                           self.text(UNRESERVED + "/+", 60, 1), token)

    def make(self):
        parameters = self.parameters()
        return {
            "credentials": self.credentials(),
            "region": self.random.choice(["eu-west-1", "us-gov-east-1", "cn-north-1", "x"]),
            "service": self.random.choice(["kinesis", "firehose", "sts"]),
            "seconds": self.random.randrange(0, 4102444800),
            "method": self.random.choice(["POST", "GET", "PUT"]),
            "host": self.random.choice(["kinesis.eu-west-1.amazonaws.com", "127.0.0.1:4567",
                                        "[::1]:80"]),
            "path": self.path(), "parameters": parameters, "query": self.query(parameters),
            "headers": self.headers(),
            "body": self.random.randbytes(self.random.choice([0, 1, 63, 64, 1000]))}


def moment_of(request):
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=request["seconds"])


def sign_with_botocore(request):
    """The canonical request, and the headers with the signature."""
    theirs = AWSRequest(request["method"], f"http://{request['host']}{request['path']}",
                        data=request["body"], params=request["parameters"])
    for name, value in request["headers"]:
        theirs.headers[name] = value
    signer = SigV4Auth(request["credentials"], request["service"], request["region"])
    with mock.patch("botocore.auth.datetime") as clock:
        clock.datetime.utcnow.return_value = moment_of(request)
        signer.add_auth(theirs)
    authorization = theirs.headers["Authorization"]
    del theirs.headers["Authorization"]
    return signer.canonical_request(theirs), authorization


def fields_of(request):
    credentials = request["credentials"]
    headers = request["headers"] + [
        ("Host", request["host"].removesuffix(":80")),
        ("X-Amz-Date", moment_of(request).strftime("%Y%m%dT%H%M%SZ"))]
    if credentials.token:
        headers.append(("X-Amz-Security-Token", credentials.token))
    return [
        credentials.access_key, credentials.secret_key, request["region"], request["service"],
        str(request["seconds"] * 10**9), request["method"], request["path"], request["query"],
        request["body"], str(len(headers)), *(part for header in headers for part in header)]


def test_a_thousand_requests_are_signed_alike():
    requests = [Requests(SEED + i).make() for i in range(REQUESTS)]
    fields = [field for request in requests for field in fields_of(request)]
    ours = run_program("sign_requests", fields)
    assert len(ours) == 2 * REQUESTS
    for i, request in enumerate(requests):
        canonical, authorization = sign_with_botocore(request)
        where = f"seed {SEED + i}"
        assert ours[2 * i].decode() == canonical, where
        assert ours[2 * i + 1].decode() == authorization, where


@pytest.mark.parametrize("query, canonical", [
    ("a-b=1&a=2", "a=2&a-b=1"),
    ("b=2&b=10&a", "a=&b=10&b=2"),
    ("x=%7e%2f+", "x=~%2F%2B"),
    ("x=%4", "x=%254"),
])
def test_queries_have_one_canonical_form(query, canonical):
    request = {**Requests(SEED).make(), "query": query}
    assert run_program("sign_requests", fields_of(request))[0].decode().split("\n")[2] == canonical


def test_parameters_of_the_random_requests_need_escaping():
    """The generator reaches what the comparison is for."""
    requests = [Requests(SEED + i).make() for i in range(REQUESTS)]
    assert any(quote(value) != value for r in requests for _, value in r["parameters"])
    assert any("/../" in r["path"] and "//" in r["path"] for r in requests)
    assert any(len(r["headers"]) > len({name.lower() for name, _ in r["headers"]}) for r in requests)
    assert {r["credentials"].token is None for r in requests} == {True, False}
