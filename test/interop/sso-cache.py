"""What boto3 makes of ~/.aws/sso/cache. Prints one JSON object; never a token.

identity  the ARN, through the cached sign-in and GetRoleCredentials
refresh   lets botocore's token provider refresh the sign-in; gives the SHA-256 of the access token
"""
import hashlib
import json
import sys

import boto3
from botocore.session import Session
from botocore.tokens import SSOTokenProvider

if sys.argv[1] == "identity":
    print(json.dumps({"arn": boto3.client("sts").get_caller_identity()["Arn"]}))
else:
    token = SSOTokenProvider(Session(), profile_name="acme").load_token().get_frozen_token()
    accounts = boto3.client("sso", region_name="eu-west-1").list_accounts(accessToken=token.token)["accountList"]
    digest = hashlib.sha256(token.token.encode()).hexdigest()
    print(json.dumps({"token": digest, "accounts": len(accounts)}))
