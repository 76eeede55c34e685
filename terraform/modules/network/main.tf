# A VPC with private subnets only: no internet gateway, no NAT. What is inside reaches AWS through
# the endpoints in endpoints.tf and nothing else, so a decoder that a hostile video takes over has
# nowhere to call.

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.fleet }
}

resource "aws_subnet" "private" {
  for_each = { for index, zone in var.zones : zone => index }

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 3, each.value)

  tags = { Name = "${var.fleet}-private-${each.key}" }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.fleet}-private" }
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private.id
}

# Adopted only to be emptied: nothing may rely on the group that AWS gives every VPC.
resource "aws_default_security_group" "none" {
  vpc_id = aws_vpc.this.id
}
