# Finished archives, manifests and reports, to holders of a signed URL only.

locals {
  origin = "results"
}

resource "aws_cloudfront_origin_access_control" "results" {
  name                              = "${var.fleet}-results"
  description                       = "${var.fleet}: signs the distribution's own requests to S3"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# The name a download is saved under is part of the signed URL, so S3 must get it and the cache must
# tell answers with other names apart.
resource "aws_cloudfront_cache_policy" "results" {
  name        = "${var.fleet}-results"
  comment     = "Results never change under one key"
  min_ttl     = 0
  default_ttl = 3600
  max_ttl     = 24 * 3600

  parameters_in_cache_key_and_forwarded_to_origin {
    # ZIPs and images are compressed already, and a range of a compressed answer means nothing.
    enable_accept_encoding_gzip   = false
    enable_accept_encoding_brotli = false

    cookies_config {
      cookie_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    query_strings_config {
      query_string_behavior = "whitelist"

      query_strings {
        items = ["response-content-disposition"]
      }
    }
  }
}

# A frame or a manifest must never run as a page in the caller's browser.
resource "aws_cloudfront_response_headers_policy" "results" {
  name    = "${var.fleet}-results"
  comment = "Downloads, never pages"

  security_headers_config {
    content_type_options {
      override = true
    }

    content_security_policy {
      content_security_policy = "default-src 'none'; sandbox"
      override                = true
    }

    strict_transport_security {
      access_control_max_age_sec = 365 * 24 * 3600
      include_subdomains         = true
      preload                    = true
      override                   = true
    }
  }
}

resource "aws_cloudfront_distribution" "results" {
  #checkov:skip=CKV_AWS_68:only signed URLs are answered, so there is nothing for a web ACL to filter
  #checkov:skip=CKV2_AWS_47:only signed URLs are answered, so there is nothing for a web ACL to filter
  #checkov:skip=CKV_AWS_86:S3's access log has every fetch from the origin; CloudFront's own log would hold signed URLs
  #checkov:skip=CKV_AWS_305:there is no root page: every object has its own signed URL
  #checkov:skip=CKV_AWS_310:one origin; its bucket has no copy elsewhere to fail over to
  #checkov:skip=CKV_AWS_374:callers may be anywhere
  #checkov:skip=CKV_AWS_174:TLS 1.2 wherever a domain name is set; CloudFront's own certificate takes no setting
  #checkov:skip=CKV2_AWS_42:a custom certificate comes with a custom domain name, which is optional
  enabled         = true
  comment         = "${var.fleet}: results"
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = var.price_class
  aliases         = var.domain_name == null ? [] : [var.domain_name]

  origin {
    origin_id                = local.origin
    domain_name              = var.origin_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.results.id
  }

  default_cache_behavior {
    target_origin_id           = local.origin
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "https-only"
    compress                   = false
    cache_policy_id            = aws_cloudfront_cache_policy.results.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.results.id
    trusted_key_groups         = [aws_cloudfront_key_group.this.id]
  }

  # S3's refusals are not cached: a result that was asked for too early is there a second later.
  dynamic "custom_error_response" {
    for_each = [403, 404]

    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.domain_name == null
    acm_certificate_arn            = var.certificate_arn
    minimum_protocol_version       = var.domain_name == null ? null : "TLSv1.2_2021"
    ssl_support_method             = var.domain_name == null ? null : "sni-only"
  }
}
