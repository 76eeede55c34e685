use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use clap::{Parser, Subcommand};
use fleet_aws::{Videos, load_config, secrets};
use fleet_core::config::{Lookup, from_env};
use redis_scripts::{Connection, Jobs, Options};
use upload_handler::app::{App, Parts, finish, router};
use upload_handler::cdn::Signer;
use upload_handler::config::{Config, LocalConfig};
use upload_handler::gateway::gateway;
use upload_handler::lambda::behind_api_gateway;

/// The REST API. As a Lambda function it needs no arguments.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve on this machine, with API keys from FRAMEFLEET_LOCAL_API_KEYS
    Serve {
        /// Port 0 takes a free one; the address is printed
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let lookup = Lookup::new(&from_env);
    fleet_aws::logging::init(&lookup)?;
    let cli = Cli::parse();
    let app = build(&Config::from_lookup(&lookup)?).await?;
    match cli.command {
        Some(Command::Serve { listen }) => {
            serve(app, LocalConfig::from_lookup(&lookup)?, listen).await
        }
        None if lookup.text("AWS_LAMBDA_RUNTIME_API").is_some() => {
            lambda_http::run(behind_api_gateway(finish(router(app))))
                .await
                .map_err(|error| anyhow::anyhow!("run as a Lambda function: {error}"))
        }
        None => anyhow::bail!("not started by Lambda: use `upload-handler serve`"),
    }
}

async fn build(config: &Config) -> anyhow::Result<App> {
    let aws = load_config(&config.patience).await;
    let secret = aws_sdk_secretsmanager::Client::new(&aws)
        .get_secret_value()
        .secret_id(&config.cdn_key_secret_id)
        .send()
        .await
        .context("fetch the CDN signing key")?;
    let pem = secret
        .secret_string()
        .context("fetch the CDN signing key: it is not text")?;
    let cdn = Signer::new(config.cdn_url.clone(), config.cdn_key_pair_id.clone(), pem)?;
    // Only a deletion needs Redis, so the connection is made when one comes.
    let (url, secret) = (config.redis_url.expose(), config.redis_secret_id.as_deref());
    let redis = Connection::lazy(&Options::new(secrets::redis_url(&aws, url, secret).await?))?;
    Ok(App::new(Parts {
        videos: Videos::new(aws_sdk_dynamodb::Client::new(&aws), &config.table),
        s3: aws_sdk_s3::Client::new(&aws),
        jobs: Jobs::new(&redis),
        uploads_bucket: config.uploads_bucket.clone(),
        results_bucket: config.results_bucket.clone(),
        upload_expiry: config.upload_expiry,
        download_expiry: config.download_expiry,
        cdn,
        limits: config.limits.clone(),
    }))
}

async fn serve(app: App, local: LocalConfig, listen: SocketAddr) -> anyhow::Result<()> {
    let routes: Router = gateway(
        router(app),
        local.keys,
        local.requests_per_second,
        local.burst,
    );
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("listen on {listen}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, finish(routes))
        .with_graceful_shutdown(stop())
        .await
        .context("serve")
}

/// Ctrl-C or SIGTERM.
async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be watched");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
