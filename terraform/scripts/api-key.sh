#!/usr/bin/env bash
# Makes, lists and takes away API keys without their values entering Terraform's state.
#
#   api-key.sh create FLEET NAME PLAN [--region REGION]    prints the key, once
#   api-key.sh list FLEET [--region REGION]                ids (the tenants) and names
#   api-key.sh delete FLEET NAME [--region REGION]         the tenant's videos stay until they expire
set -euo pipefail

die() {
    echo "api-key: $*" >&2
    exit 1
}

usage() {
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

words=()
while (($#)); do
    case $1 in
        --region) export AWS_REGION=${2:?--region needs a name} && shift 2 ;;
        *) words+=("$1") && shift ;;
    esac
done
set -- "${words[@]}"
(($# >= 2)) || usage
command -v aws >/dev/null || die "the AWS command line is missing"

command=$1 fleet=$2
case $command in
    create)
        (($# == 4)) || usage
        plan=$(aws apigateway get-usage-plans --output text \
            --query "items[?name=='$fleet-$4'].id | [0]")
        [[ -n $plan && $plan != None ]] || die "$fleet has no usage plan $4"
        read -r id value < <(aws apigateway create-api-key --enabled --name "$fleet-$3" \
            --tags "Project=framefleet,Fleet=$fleet" --output text --query '[id, value]')
        aws apigateway create-usage-plan-key --usage-plan-id "$plan" --key-id "$id" --key-type API_KEY >/dev/null
        echo "tenant $id, key (shown once): $value"
        ;;
    list)
        (($# == 2)) || usage
        aws apigateway get-api-keys --output text --name-query "$fleet-" --query 'items[].[id, name]'
        ;;
    delete)
        (($# == 3)) || usage
        id=$(aws apigateway get-api-keys --output text --name-query "$fleet-$3" \
            --query "items[?name=='$fleet-$3'].id | [0]")
        [[ -n $id && $id != None ]] || die "$fleet has no key $3"
        aws apigateway delete-api-key --api-key "$id"
        echo "deleted $id"
        ;;
    *) usage ;;
esac
