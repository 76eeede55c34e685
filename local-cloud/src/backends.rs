//! The two servers that are not ours: the AWS emulator and redis-server. Both on loopback, on
//! free ports, with nothing kept on disk.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::child::{Child, Program};
use crate::error::StartError;
use crate::ready::{free_address, wait_until};

/// Older emulators are quadratic on large PUTs.
const EMULATOR_AT_LEAST: (u64, u64, u64) = (1, 5, 33);
/// A port can be taken between finding it free and using it.
const PORT_ATTEMPTS: usize = 5;

pub const EMULATOR_ENV: &str = "FRAMEFLEET_MINISTACK";

pub async fn start_emulator(scratch: &Path) -> Result<(Child, SocketAddr), StartError> {
    let path = emulator_path()?;
    let tmp = scratch.join("emulator");
    std::fs::create_dir_all(&tmp)
        .map_err(|e| StartError::setup("make the emulator's directory", e))?;
    let started = on_free_port(
        |address| Program {
            name: "emulator".into(),
            path: path.clone(),
            args: Vec::new(),
            env: [
                ("BIND_HOST", "127.0.0.1".to_owned()),
                ("GATEWAY_PORT", address.port().to_string()),
                ("MINISTACK_REGION", crate::REGION.to_owned()),
                ("TMPDIR", tmp.display().to_string()),
                ("PERSIST_STATE", "0".to_owned()),
                ("S3_PERSIST", "0".to_owned()),
                // Listeners of services that we do not use, on ports of their own.
                ("IOT_MTLS_ENABLED", "0".to_owned()),
                ("SFTP_ENABLED", "0".to_owned()),
                ("LOG_LEVEL", "WARNING".to_owned()),
                ("PYTHONUNBUFFERED", "1".to_owned()),
                ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec(),
            log: scratch.join("emulator.log"),
        },
        emulator_answers,
    )
    .await?;
    check_version(&started.0, started.1).await?;
    Ok(started)
}

pub async fn start_redis(scratch: &Path) -> Result<(Child, SocketAddr), StartError> {
    let path = redis_path()?;
    on_free_port(
        |address| redis_program(&path, scratch, address),
        redis_answers,
    )
    .await
}

/// At an address that was a redis-server's before; it has ended, or is just ending.
pub async fn restart_redis(scratch: &Path, address: SocketAddr) -> Result<Child, StartError> {
    let program = redis_program(&redis_path()?, scratch, address);
    let mut attempt = 1;
    loop {
        let child = Child::start(&program).map_err(|source| StartError::Spawn {
            name: program.name.clone(),
            source,
        })?;
        match wait_until(&child, || redis_answers(address)).await {
            Ok(()) => return Ok(child),
            Err(_) if attempt < PORT_ATTEMPTS && child.ended().is_some() => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

fn redis_path() -> Result<PathBuf, StartError> {
    find_in_path("redis-server").ok_or(StartError::Missing {
        what: "redis-server".into(),
        path: "redis-server".into(),
        hint: "install it with ./run up, or apt-get install redis-server",
    })
}

fn redis_program(path: &Path, scratch: &Path, address: SocketAddr) -> Program {
    Program {
        name: "redis".into(),
        path: path.to_owned(),
        args: [
            "--bind",
            "127.0.0.1",
            "--port",
            &address.port().to_string(),
            "--save",
            "",
            "--appendonly",
            "no",
            "--daemonize",
            "no",
        ]
        .map(str::to_owned)
        .to_vec(),
        env: Vec::new(),
        log: scratch.join("redis.log"),
    }
}

async fn on_free_port<F, P, Fut>(program: F, probe: P) -> Result<(Child, SocketAddr), StartError>
where
    F: Fn(SocketAddr) -> Program,
    P: Fn(SocketAddr) -> Fut,
    Fut: Future<Output = bool>,
{
    let mut attempt = 1;
    loop {
        let address = free_address().map_err(|e| StartError::setup("find a free port", e))?;
        let program = program(address);
        let child = Child::start(&program).map_err(|source| StartError::Spawn {
            name: program.name.clone(),
            source,
        })?;
        match wait_until(&child, || probe(address)).await {
            Ok(()) => return Ok((child, address)),
            Err(_) if attempt < PORT_ATTEMPTS && child.ended().is_some() => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn emulator_answers(address: SocketAddr) -> bool {
    let url = format!("http://{address}/_ministack/ready");
    matches!(crate::http_client().get(url).send().await, Ok(answer) if answer.status().is_success())
}

async fn redis_answers(address: SocketAddr) -> bool {
    let ping = async {
        let mut connection = redis_connection(address).await?;
        redis::cmd("PING")
            .query_async::<String>(&mut connection)
            .await
    };
    ping.await.is_ok()
}

pub async fn redis_connection(
    address: SocketAddr,
) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
    redis::Client::open(format!("redis://{address}"))?
        .get_multiplexed_async_connection()
        .await
}

async fn check_version(child: &Child, address: SocketAddr) -> Result<(), StartError> {
    #[derive(Deserialize)]
    struct Health {
        version: String,
    }
    let doing = "read the emulator's version";
    let url = format!("http://{address}/_ministack/health");
    let health: Health = async { crate::http_client().get(url).send().await?.json().await }
        .await
        .map_err(|e: reqwest::Error| StartError::setup(doing, e))?;
    if parse_version(&health.version).is_some_and(|v| v >= EMULATOR_AT_LEAST) {
        return Ok(());
    }
    let (a, b, c) = EMULATOR_AT_LEAST;
    Err(StartError::NotReady {
        name: child.name().to_owned(),
        why: format!(
            "it is ministack {}; {a}.{b}.{c} or newer is needed",
            health.version
        ),
        log: child.last_words(),
    })
}

fn parse_version(text: &str) -> Option<(u64, u64, u64)> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

fn emulator_path() -> Result<PathBuf, StartError> {
    let path = match std::env::var_os(EMULATOR_ENV) {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(".cache/venv/bin/ministack"),
    };
    if path.is_file() {
        return Ok(path);
    }
    Err(StartError::Missing {
        what: "the AWS emulator (ministack)".into(),
        path,
        hint: "install it with ./run setup, or name it in FRAMEFLEET_MINISTACK",
    })
}

fn find_in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        for (text, enough) in [
            ("1.5.33", true),
            ("1.5.4", false),
            ("1.10.0", true),
            ("0.9.99", false),
        ] {
            let version = parse_version(text).unwrap();
            assert_eq!(version >= EMULATOR_AT_LEAST, enough, "{text}");
        }
        for text in ["", "1.5", "a.b.c"] {
            assert_eq!(parse_version(text), None, "{text}");
        }
    }
}
