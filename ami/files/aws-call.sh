# shellcheck shell=bash
# Sourced by the scripts beside it: instance metadata (version 2), and single calls to AWS. curl
# signs; credentials reach it by a pipe, never by its arguments, which every process may read.

imds=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
imds_token=

metadata() {
    if [[ -z $imds_token ]]; then
        imds_token=$(curl --fail --silent --show-error --max-time 5 --retry 10 --retry-all-errors \
            --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$imds/latest/api/token")
    fi
    curl --fail --silent --show-error --max-time 5 --retry 5 \
        --header @<(echo "X-aws-ec2-metadata-token: $imds_token") "$imds/latest/meta-data/$1"
}

# aws_call SERVICE REGION CONTENT-TYPE TARGET, with the body on standard input. TARGET may be empty.
aws_call() {
    local service=$1 region=$2 type=$3 target=$4 role credentials url
    role=$(metadata iam/security-credentials/)
    credentials=$(metadata "iam/security-credentials/$role")
    url=${AWS_ENDPOINT_URL:-https://$service.$region.amazonaws.com}
    curl --fail-with-body --silent --show-error --max-time 20 --retry 5 --retry-all-errors \
        --aws-sigv4 "aws:amz:$region:$service" --header "Content-Type: $type" \
        ${target:+--header "X-Amz-Target: $target"} --data-binary @- \
        --config <(jq -r '"user = \"\(.AccessKeyId):\(.SecretAccessKey)\"",
            "header = \"X-Amz-Security-Token: \(.Token)\""' <<<"$credentials") \
        "$url/"
}
