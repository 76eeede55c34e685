//! The programs of ours: where they are, and the environment each gets, which is what Terraform
//! gives it on AWS.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::child::{Child, Program};
use crate::error::StartError;
use crate::metadata::Metadata;
use crate::options::{Component, Env, Options, Route};
use crate::ready::{free_address, wait_until};
use crate::resources::{CDN_KEY_SECRET, RESULTS_BUCKET, TABLE, UPLOADS_BUCKET};
use crate::sdk::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

const PORT_ATTEMPTS: usize = 5;

/// Where everything listens.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub aws: SocketAddr,
    pub redis: SocketAddr,
    pub api: SocketAddr,
    pub cdn_url: String,
    pub tasks_queue: String,
    pub key_pair_id: String,
    pub api_key: String,
    /// The Auto Scaling API.
    pub auto_scaling: SocketAddr,
}

#[derive(Clone)]
pub struct Programs {
    directory: PathBuf,
    logs: PathBuf,
    agent_env: Env,
    handler_env: Env,
    ingest_env: Env,
    aws_route: Option<Route>,
    redis_route: Option<Route>,
}

impl Component {
    fn binary(self) -> &'static str {
        match self {
            Component::UploadHandler => "upload-handler",
            Component::Ingest => "ingest",
            Component::Agent => "fleet-agent",
            Component::Guard => "scale-in-guard",
        }
    }
}

impl Programs {
    pub fn find(options: &Options) -> Result<Self, StartError> {
        let directory = match &options.bin_dir {
            Some(directory) => directory.clone(),
            None => beside_us()?,
        };
        for component in [
            Component::UploadHandler,
            Component::Ingest,
            Component::Agent,
            Component::Guard,
        ] {
            let path = directory.join(component.binary());
            if !path.is_file() {
                return Err(StartError::Missing {
                    what: component.binary().to_owned(),
                    path,
                    hint: "build it with cargo build --workspace",
                });
            }
        }
        Ok(Self {
            directory,
            logs: PathBuf::new(),
            agent_env: options.agent_env.clone(),
            handler_env: options.handler_env.clone(),
            ingest_env: options.ingest_env.clone(),
            aws_route: options.aws_route.clone(),
            redis_route: options.redis_route.clone(),
        })
    }

    pub fn with_logs(mut self, logs: &Path) -> Self {
        self.logs = logs.to_owned();
        self
    }

    pub fn path(&self, component: Component) -> PathBuf {
        self.directory.join(component.binary())
    }

    pub fn agent(&self, addresses: &Addresses, metadata: &Metadata) -> Program {
        let instance_id = &metadata.identity().instance_id;
        let mut env = self.env(Component::Agent, addresses);
        env.push(("FRAMEFLEET_INSTANCE_ID".into(), instance_id.clone()));
        env.push(("AWS_EC2_METADATA_SERVICE_ENDPOINT".into(), metadata.url()));
        env.extend(self.agent_env.iter().cloned());
        Program {
            name: format!("agent-{instance_id}"),
            path: self.path(Component::Agent),
            args: Vec::new(),
            env,
            log: self.logs.join(format!("agent-{instance_id}.log")),
        }
    }

    pub async fn start_handler(
        &self,
        addresses: &Addresses,
        logs: &Path,
        port: u16,
    ) -> Result<(Child, SocketAddr), StartError> {
        let mut attempt = 1;
        loop {
            let address = match port {
                0 => free_address().map_err(|e| StartError::setup("find a free port", e))?,
                port => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            };
            let program = Program {
                name: "upload-handler".into(),
                path: self.path(Component::UploadHandler),
                args: ["serve", "--listen", &address.to_string()]
                    .map(str::to_owned)
                    .to_vec(),
                env: self.env(Component::UploadHandler, addresses),
                log: logs.join("upload-handler.log"),
            };
            let child = Child::start(&program).map_err(|source| StartError::Spawn {
                name: program.name,
                source,
            })?;
            let url = format!("http://{address}/healthz");
            let ready = wait_until(&child, || async {
                matches!(crate::http_client().get(&url).send().await, Ok(answer) if answer.status().is_success())
            });
            match ready.await {
                Ok(()) => return Ok((child, address)),
                Err(_) if port == 0 && attempt < PORT_ATTEMPTS && child.ended().is_some() => {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What one component finds in its environment.
    pub fn env(&self, component: Component, addresses: &Addresses) -> Env {
        let via = |route: &Option<Route>, address| match route {
            Some(route) => route(component, address),
            None => address,
        };
        let aws = via(&self.aws_route, addresses.aws);
        let redis = via(&self.redis_route, addresses.redis);
        let mut env: Vec<(&str, String)> = vec![
            ("AWS_ENDPOINT_URL", format!("http://{aws}")),
            ("AWS_REGION", crate::REGION.into()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.into()),
            ("AWS_CONFIG_FILE", "/dev/null".into()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".into()),
            ("FRAMEFLEET_FLEET", crate::FLEET.into()),
            (
                "FRAMEFLEET_METRICS_NAMESPACE",
                crate::METRICS_NAMESPACE.into(),
            ),
            ("FRAMEFLEET_TABLE", TABLE.into()),
            ("FRAMEFLEET_UPLOADS_BUCKET", UPLOADS_BUCKET.into()),
            ("FRAMEFLEET_RESULTS_BUCKET", RESULTS_BUCKET.into()),
            ("FRAMEFLEET_LOG_FORMAT", "json".into()),
        ];
        if component != Component::UploadHandler {
            let url = addresses.tasks_queue.clone();
            env.push(("FRAMEFLEET_TASKS_QUEUE_URL", url));
        }
        if component != Component::Ingest {
            env.push(("FRAMEFLEET_REDIS_URL", format!("redis://{redis}")));
        }
        // A function has no instance metadata; an agent gets a service of its own.
        if component != Component::Agent {
            env.push(("AWS_EC2_METADATA_DISABLED", "true".into()));
        } else {
            env.extend([
                (
                    "AWS_ENDPOINT_URL_AUTO_SCALING",
                    format!("http://{}", addresses.auto_scaling),
                ),
                ("FRAMEFLEET_GROUP_NAME", crate::GROUP.into()),
                ("FRAMEFLEET_HOOK_NAME", crate::HOOK.into()),
            ]);
        }
        if component == Component::UploadHandler {
            env.extend([
                ("FRAMEFLEET_CDN_URL", addresses.cdn_url.clone()),
                ("FRAMEFLEET_CDN_KEY_PAIR_ID", addresses.key_pair_id.clone()),
                ("FRAMEFLEET_CDN_KEY_SECRET_ID", CDN_KEY_SECRET.into()),
                (
                    "FRAMEFLEET_LOCAL_API_KEYS",
                    format!("{}={}", addresses.api_key, crate::TENANT),
                ),
            ]);
        }
        let mut env: Env = env.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        match component {
            Component::UploadHandler => env.extend(self.handler_env.iter().cloned()),
            Component::Ingest => env.extend(self.ingest_env.iter().cloned()),
            // The instance id comes between; see `agent`.
            Component::Agent | Component::Guard => {}
        }
        env
    }
}

/// A test runs from `deps/`, one below the programs.
fn beside_us() -> Result<PathBuf, StartError> {
    let doing = "find our own directory";
    let us = std::env::current_exe().map_err(|e| StartError::setup(doing, e))?;
    let directory = us
        .parent()
        .ok_or_else(|| StartError::setup(doing, "there is none"))?;
    match directory.file_name().is_some_and(|name| name == "deps") {
        true => Ok(directory.parent().unwrap_or(directory).to_owned()),
        false => Ok(directory.to_owned()),
    }
}
