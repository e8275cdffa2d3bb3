"""moto as an AWS that looks at signatures, session tokens and policies. Serves until its stdin closes.

Prints one line of JSON: the URL, a user with its access key, the role `interop` that the user may assume, and the
role `target` that only `assumed-role/interop/case-14` may assume. One hole of moto is closed, since all we do goes
through it: its GetSessionToken hands out one fixed key, which is then refused.
"""
import json
import os
import sys

for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]

import boto3  # noqa: E402
from moto import settings  # noqa: E402
from moto.core.authorization import ActionAuthenticatorMixin  # noqa: E402
from moto.core.responses import ActionResult  # noqa: E402
from moto.iam import access_control  # noqa: E402
from moto.iam.models import AccessKey, iam_backends  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402
from moto.sts.models import STSBackend  # noqa: E402
from moto.sts.responses import TokenResponse  # noqa: E402
from moto.sts.utils import random_session_token  # noqa: E402

user_tokens = {}


class UserToken(access_control.IAMUserAccessKey):
    """What GetSessionToken gave: the user itself, with another key."""

    def __init__(self, account_id, partition, access_key_id, headers):
        key, token, user = user_tokens[access_key_id]
        if headers["X-Amz-Security-Token"] != token:
            raise access_control.CreateAccessKeyFailure(reason="InvalidToken")
        self.account_id, self.partition, self._owner_user_name = account_id, partition, user.name
        self._key, self._token = key, token

    def create_credentials(self):
        return access_control.Credentials(self._key.access_key_id, self._key.secret_access_key, self._token)


plain_access_key = access_control.create_access_key


def create_access_key(account_id, partition, access_key_id, headers):
    if access_key_id in user_tokens and "X-Amz-Security-Token" in headers:
        return UserToken(account_id, partition, access_key_id, headers)
    return plain_access_key(account_id, partition, access_key_id, headers)


def get_session_token(self):
    user = iam_backends[self.current_account][self.partition].get_user_from_access_key_id(self.get_access_key())
    key = AccessKey(user_name=user.name, prefix="ASIA", account_id=self.current_account)
    token = random_session_token()
    user_tokens[key.access_key_id] = (key, token, user)
    expiration = self.backend.get_session_token(duration=self._get_int_param("DurationSeconds", 43200)).expiration
    return ActionResult(
        {
            "Credentials": {
                "AccessKeyId": key.access_key_id,
                "SecretAccessKey": key.secret_access_key,
                "SessionToken": token,
                "Expiration": expiration,
            }
        }
    )


plain_identity = STSBackend.get_caller_identity


def get_caller_identity(self, access_key_id, region):
    if access_key_id in user_tokens:
        user = user_tokens[access_key_id][2]
        return user.id, user.arn, user.account_id
    return plain_identity(self, access_key_id, region)


access_control.create_access_key = create_access_key
TokenResponse.get_session_token = get_session_token
STSBackend.get_caller_identity = get_caller_identity

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
url = f"http://127.0.0.1:{port}"
iam = boto3.client("iam", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


def allow(principal=None):
    statement = {"Effect": "Allow", "Action": "sts:*", **({} if principal else {"Resource": "*"})}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **(principal or {})}]})


user = iam.create_user(UserName="ada")["User"]["Arn"]
key = iam.create_access_key(UserName="ada")["AccessKey"]
iam.put_user_policy(UserName="ada", PolicyName="sts", PolicyDocument=allow())
account = user.split(":")[4]
roles = {}
for name, trusted in [("interop", user), ("target", f"arn:aws:sts::{account}:assumed-role/interop/case-14")]:
    document = allow({"Principal": {"AWS": [trusted]}})
    roles[name] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="sts", PolicyDocument=allow())
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
ActionAuthenticatorMixin.request_count = 0
print(
    json.dumps(
        {
            "url": url,
            "user": {"accessKeyId": key["AccessKeyId"], "secretAccessKey": key["SecretAccessKey"], "arn": user},
            "roles": roles,
        }
    ),
    flush=True,
)
sys.stdin.read()
server.stop()
