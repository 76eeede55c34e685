//! Download URLs as the handler signs them, at the CDN's stand-in: both kinds of policy, and a key that
//! is changed while people download.

use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use fleet_tests::fleet;
use local_cloud::{CDN_KEY_SECRET, CdnSigner, Cloud, RESULTS_BUCKET};
use reqwest::StatusCode;
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use upload_handler::cdn::{Signer, Terms};

const KEY: &str = "results/t/v/frames.zip";
const NAME: &str = "attachment; filename=\"a b?*.zip\"";
const HOUR: Duration = Duration::from_secs(3600);

async fn signer(cloud: &Cloud) -> Result<Signer> {
    let sdk = cloud.sdk_config().await;
    let secret = aws_sdk_secretsmanager::Client::new(&sdk)
        .get_secret_value()
        .secret_id(CDN_KEY_SECRET)
        .send()
        .await?;
    let pem = secret.secret_string().context("read the key")?;
    aws_sdk_s3::Client::new(&sdk)
        .put_object()
        .bucket(RESULTS_BUCKET)
        .key(KEY)
        .body(b"zip".to_vec().into())
        .send()
        .await?;
    let id = cloud.cdn_key_pair_id().to_owned();
    Ok(Signer::new(cloud.cdn_url().parse()?, id, pem)?)
}

async fn status(url: &impl ToString) -> Result<StatusCode> {
    let answer = local_cloud::http_client()
        .get(url.to_string())
        .send()
        .await?;
    Ok(answer.status())
}

#[tokio::test]
async fn a_custom_policy_holds_the_download_to_its_terms() -> Result<()> {
    let (cloud, _) = fleet::start(fleet::options(0)).await?;
    let signer = signer(&cloud).await?;
    let now = SystemTime::now();
    assert_eq!(
        status(&signer.sign(KEY, NAME, HOUR, now)).await?,
        StatusCode::OK,
        "canned"
    );
    let open = Terms {
        until: now + HOUR,
        from: None,
        address: None,
    };
    for (what, terms, expected) in [
        ("open", open, StatusCode::OK),
        (
            "over",
            Terms {
                until: now - HOUR,
                ..open
            },
            StatusCode::FORBIDDEN,
        ),
        (
            "begun",
            Terms {
                from: Some(now - HOUR),
                ..open
            },
            StatusCode::OK,
        ),
        (
            "not begun",
            Terms {
                from: Some(now + HOUR),
                until: now + 2 * HOUR,
                ..open
            },
            StatusCode::FORBIDDEN,
        ),
        (
            "ours",
            Terms {
                address: Some(Ipv4Addr::LOCALHOST),
                ..open
            },
            StatusCode::OK,
        ),
        (
            "another's",
            Terms {
                address: Some(Ipv4Addr::new(192, 0, 2, 1)),
                ..open
            },
            StatusCode::FORBIDDEN,
        ),
    ] {
        let url = signer.sign_on_terms(KEY, NAME, terms);
        assert_eq!(status(&url).await?, expected, "{what}");
    }
    // What was signed is this one object under this one name.
    let url = signer.sign_on_terms(KEY, NAME, open).to_string();
    for (from, to) in [("/t/v/", "/u/v/"), ("attachment", "inline")] {
        let changed = url.replacen(from, to, 1);
        assert_ne!(changed, url);
        assert_eq!(status(&changed).await?, StatusCode::FORBIDDEN, "{to}");
    }
    cloud.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_new_key_takes_over_and_no_download_breaks() -> Result<()> {
    let (cloud, _) = fleet::start(fleet::options(0)).await?;
    let old = signer(&cloud).await?;
    let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048)?;
    let pem = key.to_pkcs8_pem(LineEnding::LF)?;
    let new = Signer::new(cloud.cdn_url().parse()?, "KNEW".into(), &pem)?;
    let url = |signer: &Signer| signer.sign(KEY, NAME, HOUR, SystemTime::now());
    let given_out_before = url(&old);

    // Trusted before it signs, and the old one until its last URL has expired.
    cloud.cdn_keys().trust(CdnSigner {
        key_pair_id: "KNEW".into(),
        key: key.to_public_key(),
    });
    for url in [&given_out_before, &url(&old), &url(&new)] {
        assert_eq!(status(url).await?, StatusCode::OK);
    }
    cloud.cdn_keys().distrust(cloud.cdn_key_pair_id());
    assert_eq!(status(&given_out_before).await?, StatusCode::FORBIDDEN);
    assert_eq!(status(&url(&new)).await?, StatusCode::OK);
    cloud.shutdown().await;
    Ok(())
}
