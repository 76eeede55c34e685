# Packer 1.7 and later. Debian's 1.6.6 has the plugins built in and refuses this block, so it is in a
# file of its own, which the check leaves out there.
packer {
  required_version = ">= 1.9"

  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = "~> 1.3"
    }
  }
}
