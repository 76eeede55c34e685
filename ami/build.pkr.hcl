build {
  sources = ["source.amazon-ebs.agent"]

  provisioner "shell" {
    inline = ["cloud-init status --wait || true", "mkdir -p /tmp/framefleet"]
  }

  provisioner "file" {
    source      = var.package
    destination = "/tmp/framefleet/fleet-agent.deb"
  }

  provisioner "file" {
    source      = "files"
    destination = "/tmp/framefleet"
  }

  provisioner "file" {
    source      = "check-image.sh"
    destination = "/tmp/framefleet/check-image.sh"
  }

  # The same scripts, in the same order, provision the image that `./run ami-test` boots.
  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} bash {{ .Path }}"
    environment_vars = [
      "FRAMEFLEET_STAGING=/tmp/framefleet",
      "FRAMEFLEET_CLOUDWATCH_AGENT=${var.cloudwatch_agent}",
    ]

    scripts = [
      "scripts/10-base.sh",
      "scripts/20-system.sh",
      "scripts/30-agent.sh",
      "scripts/40-cloudwatch-agent.sh",
    ]
  }

  # What is baked is looked at before it becomes an image.
  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} bash {{ .Path }}"
    script          = "check-image.sh"
  }

  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} bash {{ .Path }}"
    script          = "scripts/90-clean.sh"
  }

  post-processor "manifest" {
    output     = "manifest-${var.architecture}.json"
    strip_path = true
  }

  post-processor "shell-local" {
    inline = [
      "./publish.sh manifest-${var.architecture}.json '${var.region}' '${var.ami_parameter_prefix}/${var.architecture}'",
    ]
  }
}
