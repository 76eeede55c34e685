variable "region" {
  type        = string
  description = "Where the image is baked and kept."
}

variable "architecture" {
  type        = string
  description = "Either x86_64 or arm64, as the package was built."
}

variable "distribution" {
  type        = string
  description = "Either ubuntu-24.04 or debian-12, as the package was built."
  default     = "ubuntu-24.04"
}

variable "package" {
  type        = string
  description = "Path of the agent's Debian package, made by `./run package`."
}

variable "ami_parameter_prefix" {
  type        = string
  description = "The image's id is written to PREFIX/ARCHITECTURE, where Terraform reads it."
  default     = "/framefleet/ami"
}

variable "cloudwatch_agent" {
  type        = bool
  description = "Installs the CloudWatch agent, which ships the journal (ship_agent_logs in Terraform)."
  default     = false
}

variable "subnet_id" {
  type        = string
  description = "A subnet with a way to the distribution's archive; empty takes the default VPC's."
  default     = ""
}

variable "tags" {
  type        = map(string)
  description = "Further tags for the image and its snapshot."
  default     = {}
}

locals {
  distributions = {
    "ubuntu-24.04" = {
      owner = "099720109477"
      name  = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-%s-server-*"
      user  = "ubuntu"
      root  = "/dev/sda1"
    }
    "debian-12" = {
      owner = "136693071363"
      name  = "debian-12-%s-*"
      user  = "admin"
      root  = "/dev/xvda"
    }
  }

  base      = local.distributions[var.distribution]
  builders  = { x86_64 = "c7i.large", arm64 = "c7g.large" }
  spellings = { x86_64 = "amd64", arm64 = "arm64" }
  spelling  = local.spellings[var.architecture]

  tags = merge({
    Project      = "framefleet"
    ManagedBy    = "packer"
    Distribution = var.distribution
    Architecture = var.architecture
  }, var.tags)
}
