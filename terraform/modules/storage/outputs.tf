output "results_domain_name" {
  description = "The origin that the CDN reads from."
  value       = aws_s3_bucket.this["results"].bucket_regional_domain_name
}

output "bucket_names" {
  value = { for role, bucket in aws_s3_bucket.this : role => bucket.id }
}
