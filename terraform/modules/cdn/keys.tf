# Public halves of the signing keys. All of them are trusted and one of them signs, so a key is
# changed without downtime: add the new one, sign with it, take the old one away a day later.

resource "aws_cloudfront_public_key" "this" {
  for_each = var.public_keys

  name        = "${var.fleet}-${each.key}"
  comment     = "Verifies download URLs of ${var.fleet}"
  encoded_key = "${trimspace(each.value)}\n"

  # CloudFront cannot change a key in use; a new key gets a new name.
  lifecycle {
    ignore_changes = [encoded_key]
  }
}

resource "aws_cloudfront_key_group" "this" {
  name    = var.fleet
  comment = "Keys that may sign download URLs of ${var.fleet}"
  items   = [for key in aws_cloudfront_public_key.this : key.id]
}
