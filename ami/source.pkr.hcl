source "amazon-ebs" "agent" {
  region        = var.region
  instance_type = local.builders[var.architecture]
  subnet_id     = var.subnet_id
  ssh_username  = local.base.user

  ami_name        = "framefleet-agent-${var.architecture}-${formatdate("YYYYMMDD-hhmmss", timestamp())}"
  ami_description = "framefleet agent on ${var.distribution}, ${var.architecture}"
  ena_support     = true

  source_ami_filter {
    owners      = [local.base.owner]
    most_recent = true

    filters = {
      name                = format(local.base.name, local.spelling)
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
  }

  # The snapshot is encrypted with the account's own EBS key.
  encrypt_boot = true

  launch_block_device_mappings {
    device_name           = local.base.root
    volume_size           = 10
    volume_type           = "gp2"
    delete_on_termination = true
  }

  # newer: Debian's Packer 1.6.6 refuses what is between these two lines; the check drops it on a copy.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  imds_support = "v2.0"
  # :newer

  tags          = local.tags
  snapshot_tags = local.tags
  run_tags      = merge(local.tags, { Name = "framefleet-bake" })
}
