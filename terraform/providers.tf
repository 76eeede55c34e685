provider "aws" {
  region = var.region

  default_tags {
    tags = merge(
      {
        Project   = "framefleet"
        Fleet     = var.fleet
        ManagedBy = "terraform"
      },
      var.tags,
    )
  }
}
