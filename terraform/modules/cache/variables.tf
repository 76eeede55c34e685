variable "fleet" {
  type        = string
  description = "The fleet's name."
}

variable "node_type" {
  type        = string
  description = "The size of each node."
}

variable "multi_az" {
  type        = bool
  description = "A primary and a replica in two zones with automatic failover, or a single node."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets for the nodes."
}

variable "security_group_id" {
  type        = string
  description = "The security group that agents and guard may reach."
}

variable "secret_ids" {
  type        = map(string)
  description = "By user: the secret that holds its password."
}

variable "password_version" {
  type        = number
  description = "Raised together with the secrets' version."
}
