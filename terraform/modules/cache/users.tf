# Who may do what in Redis: each user may run scripts and exactly the commands that its scripts call,
# on the fleet's keys. So a stolen password cannot flush the database, list its keys or change its
# configuration. The consistency check compares these lists with the scripts.

locals {
  # What the client library itself sends.
  session = ["client|setinfo", "eval", "evalsha", "ping", "script|load"]

  commands = {
    agent = [
      "del", "hdel", "hget", "hgetall", "hincrby", "hlen", "hmget", "hset", "hsetnx", "info", "pexpire",
      "sadd", "scard", "sismember", "srem", "time", "zadd", "zrem", "zscore",
    ]
    handler = ["hdel", "hmget", "hsetnx", "pexpire"]
    guard = [
      "hdel", "hget", "hmget", "hset", "info", "pexpire", "sadd", "smembers", "srem", "time", "zadd", "zrange",
      "zrem", "zscore",
    ]
  }
}

# The password lives in Secrets Manager alone. It is read back rather than made here, so that a half
# finished apply cannot leave the two apart.
ephemeral "aws_secretsmanager_secret_version" "user" {
  for_each = local.commands

  secret_id = var.secret_ids[each.key]
}

resource "aws_elasticache_user" "this" {
  for_each = local.commands

  user_id   = "${var.fleet}-${each.key}"
  user_name = "${var.fleet}-${each.key}"
  engine    = "valkey"
  access_string = join(" ", concat(
    ["on", "~framefleet:*", "-@all"],
    [for command in concat(local.session, each.value) : "+${command}"],
  ))

  passwords_wo         = ephemeral.aws_secretsmanager_secret_version.user[each.key].secret_string
  passwords_wo_version = var.password_version
}

resource "aws_elasticache_user_group" "this" {
  user_group_id = var.fleet
  engine        = "valkey"
  user_ids      = [for user in aws_elasticache_user.this : user.user_id]
}
