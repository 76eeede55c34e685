# shellcheck shell=bash
# Running Terraform without an account, in one of two ways: through tf-offline, which stands in for the
# provider; or plainly, with the real provider from its registry, and the AWS emulator in AWS' place.
# The second answers the few questions of a plan (who am I, which image), and no credentials of the
# machine's are used: nothing here can reach an account.

# True when `terraform init` will find the provider.
registry_answers() {
    curl --silent --show-error --output "$scratch/registry" --connect-timeout 20 --retry 2 \
        https://registry.terraform.io/.well-known/terraform.json
}

# Once, before any check: decides the way, and makes what it needs. Leaves `tf_way` as `offline`,
# `plain` or empty, and then `tf_why`.
tf_prepare() {
    tf_way='' tf_why=''
    # A path that names no file would only make terraform warn on every call.
    [[ -z ${TF_CLI_CONFIG_FILE:-} || -e $TF_CLI_CONFIG_FILE ]] || unset TF_CLI_CONFIG_FILE
    export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_INPUT=0
    local status=0
    find_terraform >"$scratch/find" 2>&1 || status=$?
    case $status in
        0) ;;
        "$impossible") tf_why=$(<"$scratch/find") && return ;;
        *) cat "$scratch/find" && return "$status" ;;
    esac
    brought
    if [[ -n $offline ]]; then
        tf_way=offline
        # Makes its cache once, rather than in two checks at the same time.
        "$offline" setup >"$scratch/setup" 2>&1 || { cat "$scratch/setup" && return 1; }
    elif registry_answers 2>/dev/null; then
        tf_way=plain
        plain_prepare
    else
        tf_why="the provider's registry cannot be reached from here, and there is no tf-offline"
    fi
}

# What an operator brings and the checks make up: a key pair and three packages. The packages of
# tests/ are empty ZIPs, which is all that planning asks of them.
brought() {
    need openssl "apt-get install openssl" || return
    openssl genrsa -out "$scratch/cdn.pem" 2048 2>/dev/null
    openssl rsa -in "$scratch/cdn.pem" -pubout -out "$scratch/cdn.pub.pem" 2>/dev/null
    jq -n --rawfile key "$scratch/cdn.pub.pem" --arg packages "$here/tests/packages" \
        '{cdn_public_keys: {check: $key}, cdn_signing_key: "check", packages_dir: $packages}' \
        >"$scratch/brought.tfvars.json"
    echo '{"data.aws_ssm_parameter": {"insecure_value": "ami-0123456789abcdef0"}}' >"$scratch/values.json"
}

# A copy without the backend, so that no state is touched, and the emulator.
plain_prepare() {
    mkdir -p "$scratch/copy"
    cp -r "$here" "$scratch/copy/terraform"
    cp "$root/openapi.yaml" "$scratch/copy/"
    rm -rf "$scratch/copy/terraform/backend.tf" "$scratch/copy/terraform/.terraform"
    export TF_PLUGIN_CACHE_DIR=$root/.cache/terraform-plugins
    mkdir -p "$TF_PLUGIN_CACHE_DIR"
    start_emulator || return
    terraform -chdir="$scratch/copy/terraform" init -input=false >"$scratch/init" 2>&1 ||
        { cat "$scratch/init" && return 1; }
}

start_emulator() {
    local venv=$root/.cache/venv port
    [[ -x $venv/bin/ministack ]] || { echo "the AWS emulator is missing: ./run setup" && return 1; }
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    BIND_HOST=127.0.0.1 GATEWAY_PORT=$port "$venv/bin/ministack" >"$scratch/emulator" 2>&1 &
    emulator=$!
    # Nobody's credentials, so that a request that went past the emulator would be refused.
    export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
    export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
    export AWS_REGION=eu-central-1
    unset AWS_PROFILE AWS_SESSION_TOKEN
    curl --silent --retry 60 --retry-delay 1 --retry-connrefused --output /dev/null \
        "$AWS_ENDPOINT_URL/_ministack/health" || return
    "$venv/bin/python" - <<'PY'
import boto3

for architecture in ("x86_64", "arm64"):
    boto3.client("ssm").put_parameter(
        Name=f"/framefleet/ami/{architecture}", Value="ami-0123456789abcdef0", Type="String", Overwrite=True)
PY
}

# terraform COMMAND on the configuration, either way.
tf() {
    local command=$1
    shift
    case $tf_way in
        offline)
            TF_OFFLINE_VALUES=$scratch/values.json "$offline" "$command" "$here" "$@"
            ;;
        plain)
            terraform -chdir="$scratch/copy/terraform" "$command" "$@"
            ;;
        *)
            echo "$tf_why"
            return "$impossible"
            ;;
    esac
}

# The plan of an environment, also as $scratch/NAME.plan.json.
tf_plan() {
    local name=$1 json=$scratch/$1.plan.json
    local arguments=(-no-color -var-file="$here/environments/$name.tfvars" -var-file="$scratch/brought.tfvars.json")
    if [[ $tf_way == plain ]]; then
        tf plan -lock=false -out="$scratch/$name.plan" "${arguments[@]}" &&
            tf show -json "$scratch/$name.plan" >"$json"
    else
        tf plan "${arguments[@]}" --plan-json "$json"
    fi
}
