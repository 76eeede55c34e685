# Nothing stays for ever: uploads and fragments are raw material, results are fetched or made again.

resource "aws_s3_bucket_lifecycle_configuration" "uploads" {
  bucket = aws_s3_bucket.this["uploads"].id

  rule {
    id     = "uploads"
    status = "Enabled"

    filter {
      prefix = "uploads/"
    }

    expiration {
      days = var.retention_days.uploads
    }
  }

  rule {
    id     = "unfinished"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "results" {
  bucket = aws_s3_bucket.this["results"].id

  rule {
    id     = "fragments"
    status = "Enabled"

    filter {
      prefix = "work/"
    }

    expiration {
      days = var.retention_days.fragments
    }
  }

  rule {
    id     = "results"
    status = "Enabled"

    filter {
      prefix = "results/"
    }

    expiration {
      days = var.retention_days.results
    }
  }

  rule {
    id     = "unfinished"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.this["logs"].id

  rule {
    id     = "logs"
    status = "Enabled"

    filter {}

    expiration {
      days = var.retention_days.logs
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }
}
