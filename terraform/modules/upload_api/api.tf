# The REST API. openapi.yaml is the contract and stays free of any provider's words; here each of its
# operations is handed to the function. API Gateway reads OpenAPI 3.0 only, so what goes in is the
# contract's skeleton: paths, methods, parameters in the path, and whether a key is asked for. Bodies
# are checked by the handler, which can say what is wrong with one.

locals {
  contract = yamldecode(file(var.openapi_file))
  methods  = ["delete", "get", "head", "options", "patch", "post", "put"]

  # An operation's own `security` wins over the contract's; an empty list means that none is needed.
  keyed = {
    for path, item in local.contract.paths : path => {
      for method, operation in item : method =>
      length(try(operation.security, local.contract.security, [])) > 0 if contains(local.methods, method)
    }
  }

  integration = {
    type                = "aws_proxy"
    httpMethod          = "POST"
    uri                 = aws_lambda_alias.handler.invoke_arn
    passthroughBehavior = "when_no_match"
    timeoutInMillis     = var.timeouts.handler * 1000
  }

  paths = {
    for path, operations in local.keyed : path => {
      for method, keyed in operations : method => {
        parameters = [
          for name in regexall("{([A-Za-z0-9_]+)}", path) :
          { name = name[0], in = "path", required = true, schema = { type = "string" } }
        ]
        security                          = keyed ? [{ api_key = [] }] : []
        responses                         = { default = { description = "as openapi.yaml says" } }
        "x-amazon-apigateway-integration" = local.integration
      }
    }
  }

  # Errors that API Gateway answers itself, in the form of every other error.
  problems = {
    ACCESS_DENIED                = { status = 403, title = "Forbidden", detail = "The API key is not valid for this API." }
    INVALID_API_KEY              = { status = 403, title = "Forbidden", detail = "Send a valid API key in the x-api-key header." }
    THROTTLED                    = { status = 429, title = "Too many requests", detail = "The rate limit is reached; try again in a second." }
    QUOTA_EXCEEDED               = { status = 429, title = "Quota exceeded", detail = "The key's quota is used up; it is renewed when its period ends." }
    REQUEST_TOO_LARGE            = { status = 413, title = "Too large", detail = "The request body is too large; videos are uploaded to the URL in the answer, not through the API." }
    RESOURCE_NOT_FOUND           = { status = 404, title = "Not found", detail = "There is nothing at this path." }
    MISSING_AUTHENTICATION_TOKEN = { status = 404, title = "Not found", detail = "There is nothing at this path." }
    INTEGRATION_TIMEOUT          = { status = 504, title = "Timed out", detail = "The API took too long; try again." }
    INTEGRATION_FAILURE          = { status = 504, title = "Unavailable", detail = "The API is unavailable; try again." }
    DEFAULT_5XX                  = { status = 500, title = "Internal error", detail = "Something failed on our side; try again." }
  }
}

resource "aws_api_gateway_rest_api" "this" {
  name           = var.fleet
  description    = "${var.fleet}: videos in, frames out"
  api_key_source = "HEADER"

  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = var.fleet, version = local.contract.info.version }
    paths   = local.paths
    components = {
      securitySchemes = {
        api_key = { type = "apiKey", name = "x-api-key", in = "header" }
      }
    }
  })

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_gateway_response" "problem" {
  for_each = local.problems

  rest_api_id   = aws_api_gateway_rest_api.this.id
  response_type = each.key
  status_code   = tostring(each.value.status)

  response_parameters = merge(
    { "gatewayresponse.header.Content-Type" = "'application/problem+json'" },
    each.value.status == 429 ? { "gatewayresponse.header.Retry-After" = "'1'" } : {},
  )

  response_templates = {
    "application/json" = jsonencode({
      type   = "about:blank"
      status = each.value.status
      title  = each.value.title
      detail = each.value.detail
    })
  }
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id

  triggers = {
    contents = sha256(jsonencode([aws_api_gateway_rest_api.this.body, local.problems]))
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_api_gateway_gateway_response.problem]
}

resource "aws_api_gateway_stage" "live" {
  #checkov:skip=CKV_AWS_120:answers are a caller's own and change by the second; a cache would serve old states
  #checkov:skip=CKV_AWS_73:the handler's log has an id for every request; tracing is a paid second copy of it
  #checkov:skip=CKV2_AWS_29:every path but the health check needs a key, and each key has a rate; a web ACL is the account's decision
  #checkov:skip=CKV2_AWS_51:callers are known by API key; client certificates would be a second identity
  #checkov:skip=CKV2_AWS_4:the stage logs every access (below); execution logs would hold request bodies
  rest_api_id   = aws_api_gateway_rest_api.this.id
  deployment_id = aws_api_gateway_deployment.this.id
  stage_name    = "live"

  access_log_settings {
    destination_arn = var.log_groups["api-access"].arn

    # The key's id, which is the tenant; never the key.
    format = jsonencode({
      request_id = "$context.requestId"
      time       = "$context.requestTime"
      tenant     = "$context.identity.apiKeyId"
      ip         = "$context.identity.sourceIp"
      method     = "$context.httpMethod"
      path       = "$context.path"
      status     = "$context.status"
      latency_ms = "$context.responseLatency"
      error      = "$context.error.message"
    })
  }

  depends_on = [aws_api_gateway_account.this]
}

resource "aws_api_gateway_method_settings" "all" {
  #checkov:skip=CKV_AWS_308:no cache is kept, so there is none to encrypt
  #checkov:skip=CKV_AWS_225:answers are a caller's own and change by the second
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.live.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    logging_level          = "OFF"
    data_trace_enabled     = false
    throttling_rate_limit  = var.throttle.rate
    throttling_burst_limit = var.throttle.burst
  }
}
