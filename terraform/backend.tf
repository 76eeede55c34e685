# The state is kept in S3, with S3's own lock. The bucket is the operator's, made once and by hand:
# see README.md, "Remote state". Its name comes from environments/NAME.backend.hcl at `init`.
terraform {
  backend "s3" {}
}
