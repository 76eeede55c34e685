//! The running service held to openapi.yaml by a tester that is not ours: requests of every shape
//! that the document allows, and many that it forbids.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use fleet_tests::{corpus, fleet};

/// Its one rule that is left out: it wants every request that fits the schema accepted, and a schema
/// cannot say that a cursor is one of ours, or that a key was used for another body before.
const LEFT_OUT: &str = "positive_data_acceptance";

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_answer_that_the_contract_does_not_allow() -> Result<()> {
    let (cloud, _) = fleet::start(fleet::options(0)).await?;
    let root = corpus::root();
    let tester = root.join(".cache/contract/bin/schemathesis");
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(&tester);
    command
        .arg("run")
        .arg(root.join("openapi.yaml"))
        .args(["--url", &cloud.api_url()])
        .args(["--header", &format!("x-api-key: {}", cloud.api_key())])
        .args(["--exclude-checks", LEFT_OUT, "--max-examples", "15"])
        // The same requests each time: a test that fails must fail again.
        .args(["--seed", "1", "--generation-deterministic", "--no-color"])
        .current_dir(folder.path());
    let ran = tokio::task::spawn_blocking(move || command.output()).await?;
    let ran = ran.with_context(|| format!("start {tester:?}; ./run test installs it"))?;
    let said = String::from_utf8_lossy(&ran.stdout);
    ensure!(ran.status.success(), "{}\n{said}", ran.status);
    // It ends well too where it could test nothing.
    ensure!(said.contains("Tested: 9"), "{said}");
    cloud.shutdown().await;
    Ok(())
}
