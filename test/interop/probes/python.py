"""Asks STS who it is, as often as the first argument says, with one client. Prints one ARN a line.

With "change" it asks until another ARN answers, and prints every new one.
"""
import sys
import time

import boto3

client = boto3.client("sts")


def ask():
    return client.get_caller_identity()["Arn"]


if sys.argv[1] == "change":
    first = ask()
    print(first)
    while (arn := ask()) == first:
        time.sleep(0.1)
    print(arn)
else:
    for _ in range(int(sys.argv[1])):
        print(ask())
