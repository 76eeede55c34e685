output "distribution_arn" {
  value = aws_cloudfront_distribution.results.arn
}

output "distribution_id" {
  value = aws_cloudfront_distribution.results.id
}

output "domain_name" {
  value = coalesce(var.domain_name, aws_cloudfront_distribution.results.domain_name)
}

output "signing_key_id" {
  description = "The key pair id that goes into signed URLs."
  value       = aws_cloudfront_public_key.this[var.signing_key].id
}
