# Three buckets: what callers upload, what the fleet makes of it, and who asked for either.
# Objects are encrypted by S3's own keys: a KMS key would be one more call in every ranged read, and
# the bucket policies already say who may read.

locals {
  data_buckets = ["uploads", "results"]
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_145:S3-managed keys, see the head of this file
  #checkov:skip=CKV_AWS_21:keys are never reused, and a deleted video must be gone; old versions would keep it
  #checkov:skip=CKV_AWS_144:the record of a video is reproducible from its upload, and the uploader has that
  #checkov:skip=CKV_AWS_18:uploads and results log to the logs bucket (below, by for_each); the logs bucket would log itself
  #checkov:skip=CKV2_AWS_61:every bucket has a lifecycle in lifecycle.tf
  #checkov:skip=CKV2_AWS_62:uploads and results notify the events queue (below); nothing waits for the logs
  for_each = var.names

  bucket        = each.value
  force_destroy = var.destroy_data
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = toset(local.data_buckets)

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "${each.key}/"

  depends_on = [aws_s3_bucket_policy.this]
}

# The ETag is what a multipart upload from a browser needs back for each part.
resource "aws_s3_bucket_cors_configuration" "uploads" {
  count = length(var.cors_origins) > 0 ? 1 : 0

  bucket = aws_s3_bucket.this["uploads"].id

  cors_rule {
    allowed_methods = ["PUT"]
    allowed_origins = var.cors_origins
    allowed_headers = ["content-type", "content-length", "if-none-match", "x-amz-*"]
    expose_headers  = ["ETag"]
    max_age_seconds = 3600
  }
}

# S3 cannot notify a FIFO queue; the ingest function carries the event over.
resource "aws_s3_bucket_notification" "uploads" {
  bucket = aws_s3_bucket.this["uploads"].id

  queue {
    id            = "uploads"
    queue_arn     = var.events_queue_arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "uploads/"
  }
}

# What a caller deleted must be gone from the CDN's edges too. What the lifecycle removes is not told:
# it is older than any edge keeps it.
resource "aws_s3_bucket_notification" "results" {
  bucket = aws_s3_bucket.this["results"].id

  queue {
    id            = "deleted-results"
    queue_arn     = var.events_queue_arn
    events        = ["s3:ObjectRemoved:*"]
    filter_prefix = "results/"
  }
}
