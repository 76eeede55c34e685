"""From SDK calls in a program's source to the IAM actions they need.

Operation names come from botocore's models of the same services, so a call of any operation is seen;
what IAM calls it is its own name, but for the exceptions below.
"""

import re

import botocore.loaders
from botocore import xform_name

import rust

# crate -> (botocore's name, IAM's prefix)
SERVICES = {
    "aws-sdk-autoscaling": ("autoscaling", "autoscaling"),
    "aws-sdk-cloudfront": ("cloudfront", "cloudfront"),
    "aws-sdk-cloudwatch": ("cloudwatch", "cloudwatch"),
    "aws-sdk-dynamodb": ("dynamodb", "dynamodb"),
    "aws-sdk-s3": ("s3", "s3"),
    "aws-sdk-secretsmanager": ("secretsmanager", "secretsmanager"),
    "aws-sdk-sqs": ("sqs", "sqs"),
}

# What IAM names otherwise.
RENAMED = {
    "s3:CompleteMultipartUpload": ["s3:PutObject"],
    "s3:CopyObject": ["s3:GetObject", "s3:PutObject"],
    "s3:CreateMultipartUpload": ["s3:PutObject"],
    "s3:DeleteObjects": ["s3:DeleteObject"],
    "s3:HeadBucket": ["s3:ListBucket"],
    "s3:HeadObject": ["s3:GetObject"],
    "s3:ListObjectsV2": ["s3:ListBucket"],
    "s3:ListParts": ["s3:ListMultipartUploadParts"],
    "s3:UploadPart": ["s3:PutObject"],
    "s3:UploadPartCopy": ["s3:GetObject", "s3:PutObject"],
    "sqs:ChangeMessageVisibilityBatch": ["sqs:ChangeMessageVisibility"],
    "sqs:DeleteMessageBatch": ["sqs:DeleteMessage"],
    "sqs:SendMessageBatch": ["sqs:SendMessage"],
    "dynamodb:TransactWriteItems": [],
}

# The parts of a DynamoDB transaction are allowed one by one.
PARTS = {
    "Put::builder": "dynamodb:PutItem",
    "Update::builder": "dynamodb:UpdateItem",
    "Delete::builder": "dynamodb:DeleteItem",
    "ConditionCheck::builder": "dynamodb:ConditionCheckItem",
}

# What a call needs besides itself, and why.
IMPLIED = {
    # without it S3 answers 403 for what is not there, and the code would take it for a refusal
    "s3:GetObject": ["s3:ListBucket"],
    # the secrets are encrypted with the fleet's own key
    "secretsmanager:GetSecretValue": ["kms:Decrypt"],
}


def operations(service):
    model = botocore.loaders.Loader().load_service_model(service, "service-2")
    return {xform_name(name): name for name in model["operations"]}


def called(bodies, service):
    """Operations whose builder is made in a function that also sends, presigns or pages."""
    found = set()
    names = operations(service)
    for body in bodies:
        if not re.search(r"\.(send|presigned|into_paginator|send_with)\(", body):
            continue
        # A builder goes on with what it is about; `.query().is_some()` and the like are not the SDK's.
        for snake in re.findall(r"\.\s*(\w+)\(\)(?=\s*\.\s*(?:table_name|bucket|queue_url|secret_id|namespace|set_\w+|transact_items|auto_scaling_group_name|distribution_id|lifecycle_hook_name)\()", body):
            if snake in names:
                found.add(names[snake])
    return found


def actions(program):
    """The IAM actions that a program's code needs."""
    text = program.everything
    bodies = [body for part in [*program.files.values(), *program.borrowed] for _, body in rust.functions(part)]
    needed = set()
    for crate, (service, prefix) in SERVICES.items():
        if not (program.uses(crate) or program.uses("fleet-aws")):
            continue
        for operation in called(bodies, service):
            action = f"{prefix}:{operation}"
            needed.update(RENAMED.get(action, [action]))
            if action == "dynamodb:TransactWriteItems":
                needed.update(part for sign, part in PARTS.items() if re.search(rf"\b{sign}\b", text))
    return needed


def with_implied(needed):
    return needed | {more for action in needed for more in IMPLIED.get(action, [])}


def script_actions(text):
    """The calls that a shell script makes through curl: JSON protocol by its target, query by its action."""
    prefixes = {"AmazonSSM": "ssm", "secretsmanager": "secretsmanager"}
    found = {f"{prefixes[service]}:{name}" for service, name in re.findall(r"\b(AmazonSSM|secretsmanager)\.([A-Z]\w+)", text)}
    found |= {f"cloudwatch:{name}" for name in re.findall(r"Action=(Put\w+)", text)}
    return found
