#!/usr/bin/env bash
# Writes the id of the image that Packer just made to the SSM parameter that Terraform reads.
#   publish.sh MANIFEST REGION PARAMETER
set -euo pipefail

manifest=$1 region=$2 parameter=$3

# "region:ami-id", of the last build in the manifest
artifact=$(jq -er '.last_run_uuid as $run | .builds[] | select(.packer_run_uuid == $run) | .artifact_id' "$manifest")
ami=${artifact#*:}
[[ $ami =~ ^ami-[0-9a-f]+$ ]] || {
    echo "no AMI id in $manifest: $artifact" >&2
    exit 1
}

aws ssm put-parameter --region "$region" --name "$parameter" --type String --overwrite \
    --data-type aws:ec2:image --value "$ami" >/dev/null
echo "$parameter is $ami; the id before it is in the parameter's history"
