//! Calling one script: EVALSHA, and the whole text only where the server does not know it yet.

use redis::{FromRedisValue, RedisResult, Script, ScriptInvocation};

use crate::connection::Connection;
use crate::error::Error;

pub(crate) struct Lua {
    pub(crate) name: &'static str,
    script: Script,
}

impl Lua {
    pub(crate) fn new(name: &'static str, text: &str) -> Self {
        Self {
            name,
            script: Script::new(text),
        }
    }

    pub(crate) fn invoke(&self) -> ScriptInvocation<'_> {
        self.script.prepare_invoke()
    }

    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        connection: &Connection,
        invocation: &ScriptInvocation<'_>,
    ) -> Result<T, Error> {
        let result: RedisResult<T> = invocation.invoke_async(&mut connection.manager()).await;
        result.map_err(|source| Error::Redis {
            script: self.name,
            source,
        })
    }

    pub(crate) fn unexpected(&self, reply: &str) -> Error {
        Error::Reply {
            script: self.name,
            reply: reply.chars().take(200).collect(),
        }
    }
}

/// `lua!(open_job)` is the script `lua/open_job.lua`, hashed once per process.
macro_rules! lua {
    ($name:ident) => {{
        static LUA: std::sync::LazyLock<$crate::script::Lua> = std::sync::LazyLock::new(|| {
            $crate::script::Lua::new(
                stringify!($name),
                include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/lua/",
                    stringify!($name),
                    ".lua"
                )),
            )
        });
        &*LUA
    }};
}
pub(crate) use lua;
