#!/usr/bin/env bash
# Makes a key pair for signed download URLs: the public half as a tfvars file for Terraform, the private
# half as a file to put into Secrets Manager (the output put_the_cdn_key) and then to delete.
#
#   new-cdn-key.sh NAME        writes cdn-NAME.key.pem and cdn-NAME.tfvars.json here
set -euo pipefail

name=${1:-}
[[ $name =~ ^[a-z0-9][a-z0-9-]{0,30}$ ]] || {
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
[[ ! -e cdn-$name.key.pem ]] || {
    echo "cdn-$name.key.pem is there already; a new key needs a new name" >&2
    exit 1
}
for tool in openssl jq; do
    command -v "$tool" >/dev/null || {
        echo "$tool is missing: apt-get install $tool" >&2
        exit 1
    }
done

# RSA 2048: the one kind that every CloudFront signer knows.
umask 077
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "cdn-$name.key.pem" 2>/dev/null
public=$(openssl pkey -in "cdn-$name.key.pem" -pubout)
umask 022
jq -n --arg name "$name" --arg public "$public" \
    '{cdn_public_keys: {($name): "\($public)\n"}, cdn_signing_key: $name}' >"cdn-$name.tfvars.json"
echo "terraform apply -var-file=cdn-$name.tfvars.json ..., then the output put_the_cdn_key, then: shred -u cdn-$name.key.pem"
